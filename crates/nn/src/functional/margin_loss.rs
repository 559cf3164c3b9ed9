//! Losses that ask for a margin: between two scores, of a distance, of a cosine.

use pleach_core::{DType, Error, Result, Scalar, Tensor, size_text};

use super::Reduction;
use crate::setters::given;

/// `max(0, -target (input1 - input2) + margin)`, reduced; a target is 1 where the first input should
/// be larger, and -1 where the second. PyTorch's default is `margin = 0`.
///
/// Shapes: all of as many dimensions, broadcast together; the result is 0-d, or of that shape
/// without reduction.
///
/// # Errors
/// If the numbers of dimensions differ, the shapes cannot be broadcast together, or a string is
/// unknown.
///
/// ```
/// use pleach::tensor;
/// use pleach::nn::functional as F;
/// let (a, b, y) = (tensor![1.0, 2.0], tensor![3.0, 0.0], tensor![1.0, 1.0]);
/// assert_eq!(F::margin_ranking_loss(&a, &b, &y, 0.5, "none")?.to_vec::<f32>()?, [2.5, 0.0]);
/// # Ok::<(), pleach::Error>(())
/// ```
pub fn margin_ranking_loss(
    input1: &Tensor,
    input2: &Tensor,
    target: &Tensor,
    margin: f64,
    reduction: impl TryInto<Reduction, Error: Into<Error>>,
) -> Result<Tensor> {
    let reduction = given(reduction)?;
    if input1.rank() != input2.rank() || input1.rank() != target.rank() {
        return Err(Error::shape(format!(
            "margin_ranking_loss : All input tensors should have same dimension but got sizes: input1: {}, input2: {}, target: {} ",
            size_text(input1.shape()),
            size_text(input2.shape()),
            size_text(target.shape())
        )));
    }
    // The target is negated first, as PyTorch does it.
    let wrong = target.neg()?.mul(&input1.sub(input2)?)?.add(margin)?;
    reduction.of(&wrong.clamp(0.0, None)?)
}

/// `input` where the target is 1, `max(0, margin - input)` where it is -1, reduced. PyTorch's default
/// is `margin = 1`.
///
/// Shapes: both the same, or broadcast together; the result is 0-d, or of that shape without
/// reduction.
///
/// # Errors
/// If the shapes cannot be broadcast together, the input is bool, or a string is unknown.
///
/// ```
/// use pleach::tensor;
/// use pleach::nn::functional as F;
/// let (x, y) = (tensor![0.25, 0.25], tensor![1, -1]);
/// assert_eq!(F::hinge_embedding_loss(&x, &y, 1.0, "none")?.to_vec::<f32>()?, [0.25, 0.75]);
/// # Ok::<(), pleach::Error>(())
/// ```
pub fn hinge_embedding_loss(
    input: &Tensor,
    target: &Tensor,
    margin: f64,
    reduction: impl TryInto<Reduction, Error: Into<Error>>,
) -> Result<Tensor> {
    let reduction: Reduction = given(reduction)?;
    if input.dtype() == DType::Bool {
        input.sub(input)?;
    }
    // PyTorch holds the margin in the input's dtype.
    let (margin, zero) = match input.dtype().is_float() {
        true => (Scalar::from(margin), Scalar::from(0.0)),
        false => (Scalar::from(margin as i64), Scalar::from(0)),
    };
    let apart = input.rsub(margin)?.clamp(zero, None)?;
    let apart = Tensor::where_cond(&target.ne(1)?, &apart, zero)?;
    let near = Tensor::where_cond(&target.ne(-1)?, input, zero)?;
    reduction.of(&apart.add(&near)?)
}

/// `1 - cos(input1, input2)` where the target is 1, `max(0, cos(input1, input2) - margin)` where it is
/// -1, reduced. PyTorch's default is `margin = 0`.
///
/// Shapes: inputs `[N, D]` and target `[N]`, or `[D]` and `[]`; the result is 0-d, or of the target's
/// shape without reduction.
///
/// # Errors
/// If the shapes do not fit, or a string is unknown.
///
/// ```
/// use pleach::tensor;
/// use pleach::nn::functional as F;
/// let (a, b) = (tensor![[1.0, 0.0], [1.0, 0.0]], tensor![[0.0, 1.0], [3.0, 0.0]]);
/// let loss = F::cosine_embedding_loss(&a, &b, &tensor![1, -1], 0.25, "none")?;
/// assert_eq!(loss.to_vec::<f32>()?, [1.0, 0.75]);
/// # Ok::<(), pleach::Error>(())
/// ```
pub fn cosine_embedding_loss(
    input1: &Tensor,
    input2: &Tensor,
    target: &Tensor,
    margin: f64,
    reduction: impl TryInto<Reduction, Error: Into<Error>>,
) -> Result<Tensor> {
    const EPSILON: f64 = 1e-12;
    let reduction: Reduction = given(reduction)?;
    let dim = target.rank();
    if dim > 1 {
        return Err(Error::shape(
            "0D or 1D target tensor expected, multi-target not supported",
        ));
    }
    if input1.rank() != dim + 1 || input2.rank() != dim + 1 {
        return Err(Error::shape(format!(
            "{dim}D target tensor expects {}D input tensors, but found inputs with sizes {:?} and {:?}.",
            dim + 1,
            input1.shape(),
            input2.shape()
        )));
    }
    let dot = |a: &Tensor, b: &Tensor| a.mul(b)?.sum_dim(dim as i64, false);
    let product = dot(input1, input2)?;
    let sizes = [input1, input2].map(|x| dot(x, x)?.add(EPSILON));
    let [size1, size2] = sizes;
    let cos = product.div(&size1?.mul(&size2?)?.sqrt()?)?;
    let near = Tensor::where_cond(&target.eq(1)?, &cos.rsub(1.0)?, 0.0)?;
    let apart = cos.sub(margin)?.clamp(0.0, None)?;
    let apart = Tensor::where_cond(&target.eq(-1)?, &apart, 0.0)?;
    reduction.of(&near.add(&apart)?)
}
