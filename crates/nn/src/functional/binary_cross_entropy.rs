//! Losses of yes and no: cross entropy of probabilities, of scores, of many labels, and its form for
//! targets of 1 and -1.

use pleach_core::{DType, Error, Result, Tensor, size_text};
use pleach_kernels::PairLoss as Kernel;

use super::loss_options::loss_options;
use super::pair_loss::{PairLoss, broadcast, no_gradient, written_as};
use super::{LossOptions, Reduction, logsigmoid};
use crate::setters::{given, setters};

/// `-(target · ln input + (1 - target) · ln(1 - input))`, reduced, where a logarithm is at least
/// -100.
///
/// Shapes: input (probabilities) and target the same, the weight can be broadcast to it; the result
/// is 0-d, or of that shape without reduction.
///
/// # Errors
/// If shapes or dtypes differ, a value is not between 0 and 1, or a string is unknown.
///
/// ```
/// use pleach::tensor;
/// use pleach::nn::functional as F;
/// let loss = F::binary_cross_entropy(&tensor![0.5, 1.0], &tensor![1.0, 0.0], "none")?;
/// assert_eq!(loss.to_vec::<f32>()?, [0.6931472, 100.0]); // ln 2; the largest loss there is
/// # Ok::<(), pleach::Error>(())
/// ```
pub fn binary_cross_entropy<'a>(
    input: &Tensor,
    target: &Tensor,
    options: impl Into<LossOptions<'a>>,
) -> Result<Tensor> {
    const NAME: &str = "binary_cross_entropy";
    let options = options.into();
    let reduction = options.reduction?;
    if input.shape() != target.shape() {
        return Err(Error::value(format!(
            "Using a target size ({}) that is different to the input size ({}) is deprecated. Please ensure they have the same size.",
            size_text(target.shape()),
            size_text(input.shape())
        )));
    }
    if let Some(weight) = options.weight {
        check_weight(weight, target)?;
        no_gradient(NAME, "weight", weight)?;
    }
    if input.dtype() != target.dtype() {
        return Err(Error::dtype(format!(
            "Found dtype {} but expected {}",
            target.dtype().torch_name(),
            input.dtype().torch_name()
        ))
        .hint_conversion(target.dtype(), input.dtype()));
    }
    if !input.dtype().is_float() {
        return Err(Error::not_implemented(NAME, input.dtype()));
    }
    for (name, values) in [("input", input), ("target", target)] {
        if !all_within(values)? {
            return Err(Error::value(format!(
                "all elements of {name} should be between 0 and 1"
            )));
        }
    }
    let loss = |reduction| {
        let loss = PairLoss {
            kind: Kernel::BinaryCrossEntropy,
            reduction,
            name: NAME,
            grad_name: "BinaryCrossEntropyBackward0",
        };
        loss.run(input, target)
    };
    match options.weight {
        Some(weight) => {
            let losses = multiplied(loss(Reduction::None)?, weight)?;
            reduction.of(&losses.to_dtype(input.dtype())?)
        }
        None => loss(reduction),
    }
}

/// Whether all values are between 0 and 1; a nan is not.
fn all_within(values: &Tensor) -> Result<bool> {
    let values = values.detach().contiguous()?;
    Ok(match values.dtype() {
        DType::F32 => {
            (values.as_slice::<f32>()?.iter()).fold(true, |all, v| all & (0.0..=1.0).contains(v))
        }
        DType::F64 => {
            (values.as_slice::<f64>()?.iter()).fold(true, |all, v| all & (0.0..=1.0).contains(v))
        }
        _ => all_within(&values.float()?)?,
    })
}

/// PyTorch's refusal of a weight that cannot be broadcast with the target.
fn check_weight(weight: &Tensor, target: &Tensor) -> Result<()> {
    let (w, t) = (weight.shape(), target.shape());
    let differs = |back: &usize| {
        let at = |shape: &[usize]| shape[shape.len() - back];
        at(w) != at(t) && at(w) != 1 && at(t) != 1
    };
    match (1..=w.len().min(t.len())).find(differs) {
        None => Ok(()),
        Some(back) => Err(Error::shape(format!(
            "Attempting to broadcast a dimension of length {} at -{back}! Mismatching argument at index 1 had {}; but expected shape should be broadcastable to {t:?}",
            w[w.len() - back],
            size_text(w)
        ))),
    }
}

/// The losses times their weights, which must not make them more.
fn multiplied(losses: Tensor, weight: &Tensor) -> Result<Tensor> {
    let weighted = losses.mul(weight)?;
    if weighted.shape() != losses.shape() {
        return Err(Error::shape(format!(
            "output with shape {:?} doesn't match the broadcast shape {:?}",
            losses.shape(),
            weighted.shape()
        )));
    }
    Ok(weighted)
}

/// The binary cross entropy of `sigmoid(input)`, reduced, without overflow:
/// `-(pos_weight · target · ln σ(x) + (1 - target) · ln(1 - σ(x)))`.
///
/// Shapes: input (scores) and target the same, the weights can be broadcast to it; the result is 0-d,
/// or of that shape without reduction. It has the target's dtype.
///
/// # Errors
/// If shapes do not fit, a dtype is no float type, or a string is unknown.
///
/// ```
/// use pleach::tensor;
/// use pleach::nn::functional::{self as F, BinaryCrossEntropyWithLogitsOptions};
/// let (x, y) = (tensor![0.0, 200.0], tensor![1.0, 0.0]);
/// let options = BinaryCrossEntropyWithLogitsOptions::new().reduction("none");
/// let loss = F::binary_cross_entropy_with_logits(&x, &y, options.clone())?;
/// assert_eq!(loss.to_vec::<f32>()?, [0.6931472, 200.0]);
/// let three = tensor![3.0];
/// let loss = F::binary_cross_entropy_with_logits(&x, &y, options.pos_weight(&three))?;
/// assert_eq!(loss.to_vec::<f32>()?, [2.0794415, 200.0]);
/// # Ok::<(), pleach::Error>(())
/// ```
pub fn binary_cross_entropy_with_logits(
    input: &Tensor,
    target: &Tensor,
    options: BinaryCrossEntropyWithLogitsOptions<'_>,
) -> Result<Tensor> {
    const NAME: &str = "binary_cross_entropy_with_logits";
    let reduction = options.reduction?;
    if input.shape() != target.shape() {
        return Err(Error::value(format!(
            "Target size ({}) must be the same as input size ({})",
            size_text(target.shape()),
            size_text(input.shape())
        )));
    }
    for (name, weight) in [
        ("weight", options.weight),
        ("pos_weight", options.pos_weight),
    ] {
        if let Some(weight) = weight {
            no_gradient(NAME, name, weight)?;
        }
    }
    if target.dtype() == DType::Bool {
        target.sub(target)?;
    }
    if !input.dtype().is_float() {
        return Err(Error::not_implemented("log_sigmoid_cpu", input.dtype()));
    }
    if options.weight.is_none() && options.pos_weight.is_none() {
        return with_logits(input, target, reduction);
    }
    let mut losses = match options.pos_weight {
        None => with_logits(input, target, Reduction::None)?,
        Some(pos_weight) => {
            let log_weight = pos_weight.sub(1.0)?.mul(target)?.add(1.0)?;
            let negative = target.rsub(1.0)?.mul(input)?;
            let positive = log_weight.mul(&logsigmoid(input)?)?;
            let losses = negative.sub(&positive)?;
            if losses.shape() != input.shape() {
                return Err(Error::shape(format!(
                    "output with shape {:?} doesn't match the broadcast shape {:?}",
                    input.shape(),
                    losses.shape()
                )));
            }
            losses
        }
    };
    if let Some(weight) = options.weight {
        losses = multiplied(losses, weight)?;
    }
    reduction.of(&written_as(losses, target.dtype())?)
}

/// The loss without weights, of one shape.
fn with_logits(input: &Tensor, target: &Tensor, reduction: Reduction) -> Result<Tensor> {
    let loss = PairLoss {
        kind: Kernel::WithLogits,
        reduction,
        name: "binary_cross_entropy_with_logits",
        grad_name: "BinaryCrossEntropyWithLogitsBackward0",
    };
    written_as(loss.run(input, target)?, target.dtype())
}

loss_options! {
    /// What [`binary_cross_entropy_with_logits`] takes beside its tensors.
    BinaryCrossEntropyWithLogitsOptions<'a> {
        weights {
            /// What each loss is multiplied by.
            weight;
            /// What the part of the positive targets is multiplied by.
            pos_weight;
        }
        values {}
    }
}

/// For each sample the mean over its classes of `-(y ln σ(x) + (1 - y) ln(1 - σ(x)))`, reduced.
///
/// Shapes: input (scores) and target `[N, C]` or `[C]`, the weight can be broadcast to it; the result
/// is 0-d, or without reduction of the input's shape without its last dimension.
///
/// # Errors
/// If shapes do not fit, the input has no dimension, a dtype is no float type, or a string is
/// unknown.
///
/// ```
/// use pleach::tensor;
/// use pleach::nn::functional as F;
/// let (x, y) = (tensor![[0.0, 200.0]], tensor![[1.0, 1.0]]);
/// let loss = F::multilabel_soft_margin_loss(&x, &y, "mean")?;
/// assert_eq!(loss.item()?, 0.6931472f32 as f64 / 2.0);
/// # Ok::<(), pleach::Error>(())
/// ```
pub fn multilabel_soft_margin_loss<'a>(
    input: &Tensor,
    target: &Tensor,
    options: impl Into<LossOptions<'a>>,
) -> Result<Tensor> {
    let options = options.into();
    let reduction = options.reduction?;
    if !input.dtype().is_float() {
        return Err(Error::not_implemented("log_sigmoid_cpu", input.dtype()));
    }
    if target.dtype() == DType::Bool {
        target.rsub(1.0)?;
    }
    let Some(&classes) = input.shape().last() else {
        return Err(Error::index(
            "Dimension specified as -1 but tensor has no dimensions",
        ));
    };
    let loss = PairLoss {
        kind: Kernel::WithLogits,
        reduction: Reduction::None,
        name: "multilabel_soft_margin_loss",
        grad_name: "NegBackward0",
    };
    let mut losses = match input.shape() == target.shape() {
        true => loss.run(input, target)?,
        false => {
            let (target, input) = broadcast(target, input)?;
            loss.run(&input, &target)?
        }
    };
    if let Some(weight) = options.weight {
        losses = losses.mul(weight)?;
    }
    let last = input.rank() as i64 - 1;
    reduction.of(&losses.sum_dim(last, false)?.div(classes as f64)?)
}

/// `ln(1 + exp(-target · input))`, reduced, without overflow; targets are 1 or -1.
///
/// Shapes: both the same (a target of fewer dimensions is broadcast); the result is 0-d, or of the
/// input's shape without reduction. It has the input's dtype.
///
/// # Errors
/// If the target cannot be broadcast to the input, the input is not of a float type, the target wants
/// a gradient, or a string is unknown.
///
/// ```
/// use pleach::tensor;
/// use pleach::nn::functional as F;
/// let loss = F::soft_margin_loss(&tensor![0.0, -200.0], &tensor![1.0, 1.0], "none")?;
/// assert_eq!(loss.to_vec::<f32>()?, [0.6931472, 200.0]);
/// # Ok::<(), pleach::Error>(())
/// ```
pub fn soft_margin_loss(
    input: &Tensor,
    target: &Tensor,
    reduction: impl TryInto<Reduction, Error: Into<Error>>,
) -> Result<Tensor> {
    const NAME: &str = "soft_margin_loss";
    let reduction = given(reduction)?;
    no_gradient(NAME, "target", target)?;
    if input.dtype() == DType::Bool {
        input.neg()?;
    }
    let loss = PairLoss {
        kind: Kernel::SoftMargin,
        reduction,
        name: NAME,
        grad_name: "SoftMarginLossBackward0",
    };
    let wide;
    let mut target = target;
    if input.shape() != target.shape() {
        wide = broadcast(input, target)?.1;
        if wide.shape() != input.shape() {
            return Err(Error::shape(format!(
                "output with shape {:?} doesn't match the broadcast shape {:?}",
                input.shape(),
                wide.shape()
            )));
        }
        target = &wide;
    }
    written_as(loss.run(input, target)?, input.dtype())
}
