//! Dropout.

use pleach_core::autograd::{
    Attributes, Call, GradsOf, Operation, Own, Rules, Saved, Saves, apply,
};
use pleach_core::print::python_float;
use pleach_core::{DType, Element, Error, Generator, Result, Tensor};
use pleach_kernels::{Float, Number, map_inplace, zip};

use super::filled;

/// Sets each element to zero with probability `p` and multiplies the others by `1 / (1 - p)`, so
/// that the mean stays; returns the input itself when not `training` or `p` is 0. Any shape.
///
/// The elements are drawn from the current generator in memory order, one f64 uniform each, and
/// the result is PyTorch's, bit for bit. The gradient goes through the elements that were kept.
///
/// # Errors
/// If `p` is not between 0 and 1, or the dtype does not compute.
///
/// ```
/// use pleach::{Tensor, manual_seed};
/// use pleach::nn::functional as F;
/// manual_seed(0);
/// let y = F::dropout(&Tensor::ones([8]), 0.5, true)?;
/// assert_eq!(y.to_vec::<f32>()?, [0.0, 0.0, 2.0, 0.0, 0.0, 0.0, 2.0, 2.0]);
/// # Ok::<(), pleach::Error>(())
/// ```
pub fn dropout(input: &Tensor, p: f64, training: bool) -> Result<Tensor> {
    if let Some(output) = without_mask(input, p, training)? {
        return Ok(output);
    }
    refuse_integers(input.dtype())?;
    if !input.is_contiguous() || !matches!(input.dtype(), DType::F32 | DType::F64) {
        return input.mul(&scaled_mask(input, 1.0 - p)?);
    }
    let mask = filled(input.shape(), |mask: &mut [bool]| {
        Generator::current().fill_bernoulli(mask, 1.0 - p);
    })?;
    apply(Dropout { p }, (input, &mask))
}

/// The elements that a mask of truth values keeps, scaled.
#[derive(Clone, Debug)]
pub struct Dropout {
    /// The probability with which elements were dropped.
    p: f64,
}

impl Operation for Dropout {
    type Inputs<'a> = (&'a Tensor, &'a Tensor);
    type Outputs = Tensor;
    const RULES: Rules = Rules::DENSE;

    fn name(&self) -> &'static str {
        "dropout"
    }
    fn grad_name(&self) -> &'static str {
        "MulBackward0"
    }
    fn attributes(&self) -> Attributes {
        vec![("p", self.p.into())]
    }
    fn forward(&self, (x, mask): Self::Inputs<'_>, _: &mut Own) -> Result<Tensor> {
        dispatch_float!("dropout", x.dtype(), T => {
            let scale = scale::<T>(1.0 - self.p);
            let (values, mask) = (x.as_slice::<T>()?, mask.as_slice()?);
            // A multiplication, so that nan comes through.
            let kept = move |x, kept: bool| x * if kept { scale } else { T::ZERO };
            filled(x.shape(), |out| zip(values, mask, out, kept))
        })
    }
    fn saves(&self, _: Call<'_>) -> Saves {
        Saves::NONE.input(1)
    }
    fn backward(&self, saved: &Saved<'_>, grad: &Tensor) -> Result<GradsOf<Self>> {
        let dx = apply(self.clone(), (grad, &saved.input(1)?))?;
        Ok([Some(dx), None])
    }
}

/// [`dropout`] of whole channels: `(N, C, L)`, or `(C, L)` without a batch.
///
/// # Errors
/// If `p` is not between 0 and 1, the input has another number of dimensions, or its dtype does
/// not compute.
///
/// ```
/// use pleach::{Tensor, manual_seed};
/// use pleach::nn::functional as F;
/// manual_seed(0);
/// let y = F::dropout1d(&Tensor::ones([1, 3, 2]), 0.5, true)?;
/// assert_eq!(y.to_vec::<f32>()?, [0.0, 0.0, 0.0, 0.0, 2.0, 2.0]);
/// # Ok::<(), pleach::Error>(())
/// ```
pub fn dropout1d(input: &Tensor, p: f64, training: bool) -> Result<Tensor> {
    check_probability(p)?;
    let rank = input.rank();
    match rank {
        2 => feature_dropout(&input.unsqueeze(0)?, p, training)?.squeeze_dim(0),
        3 => feature_dropout(input, p, training),
        _ => Err(Error::shape(format!(
            "dropout1d: Expected 2D or 3D input, but received a {rank}D input. Note that \
             dropout1d exists to provide channel-wise dropout on inputs with 1 spatial dimension, \
             a channel dimension, and an optional batch dimension (i.e. 2D or 3D inputs)."
        ))),
    }
}

/// [`dropout`] of whole channels: `(N, C, H, W)`.
///
/// As in PyTorch, three dimensions are taken for `(N, C, L)`, not for an image without a batch;
/// this and other numbers of dimensions are warned of (through `log`).
///
/// # Errors
/// If `p` is not between 0 and 1, there are fewer than two dimensions, or the dtype does not
/// compute.
///
/// ```
/// use pleach::{Tensor, manual_seed};
/// use pleach::nn::functional as F;
/// manual_seed(0);
/// let y = F::dropout2d(&Tensor::ones([1, 3, 1, 2]), 0.5, true)?;
/// assert_eq!(y.to_vec::<f32>()?, [0.0, 0.0, 0.0, 0.0, 2.0, 2.0]);
/// # Ok::<(), pleach::Error>(())
/// ```
pub fn dropout2d(input: &Tensor, p: f64, training: bool) -> Result<Tensor> {
    check_probability(p)?;
    if input.rank() == 3 {
        log::warn!(
            "dropout2d: Received a 3D input to dropout2d and assuming that channel-wise 1D \
             dropout behavior is desired - input is interpreted as shape (N, C, L), where C is \
             the channel dim. This behavior will change in a future release to interpret the \
             input as one without a batch dimension, i.e. shape (C, H, W). To maintain the 1D \
             channel-wise dropout behavior, please switch to using dropout1d instead."
        );
    } else {
        warn_of_rank(2, input.rank());
    }
    feature_dropout(input, p, training)
}

/// [`dropout`] of whole channels: `(N, C, D, H, W)`, or `(C, D, H, W)` without a batch.
///
/// Other numbers of dimensions are taken as without a batch, and warned of (through `log`).
///
/// # Errors
/// If `p` is not between 0 and 1, the input is 0-d, or its dtype does not compute.
///
/// ```
/// use pleach::{Tensor, manual_seed};
/// use pleach::nn::functional as F;
/// manual_seed(0);
/// let y = F::dropout3d(&Tensor::ones([3, 1, 1, 2]), 0.5, true)?;
/// assert_eq!(y.to_vec::<f32>()?, [0.0, 0.0, 0.0, 0.0, 2.0, 2.0]);
/// # Ok::<(), pleach::Error>(())
/// ```
pub fn dropout3d(input: &Tensor, p: f64, training: bool) -> Result<Tensor> {
    check_probability(p)?;
    warn_of_rank(3, input.rank());
    match input.rank() {
        5 => feature_dropout(input, p, training),
        _ => feature_dropout(&input.unsqueeze(0)?, p, training)?.squeeze_dim(0),
    }
}

/// Sets each element to SELU's lowest value with probability `p`, then scales and shifts all so
/// that zero mean and unit variance stay. Any shape. PyTorch's default is not to train.
///
/// "Self-Normalizing Neural Networks", Klambauer et al., 2017. The mask is drawn as [`dropout`]'s.
///
/// # Errors
/// If `p` is not between 0 and 1, or the dtype does not compute.
///
/// ```
/// use pleach::{Tensor, manual_seed};
/// use pleach::nn::functional as F;
/// manual_seed(0);
/// let y = F::alpha_dropout(&Tensor::ones([4]), 0.5, true)?;
/// assert_eq!(y.to_vec::<f32>()?, [-0.77919394, -0.77919394, 1.6655989, -0.77919394]);
/// # Ok::<(), pleach::Error>(())
/// ```
pub fn alpha_dropout(input: &Tensor, p: f64, training: bool) -> Result<Tensor> {
    if let Some(output) = without_mask(input, p, training)? {
        return Ok(output);
    }
    alpha_scaled(input, input.detach().try_zeros_like()?, p)
}

/// [`alpha_dropout`] of whole channels: `(N, C, …)`.
///
/// # Errors
/// If `p` is not between 0 and 1, there are fewer than two dimensions, or the dtype does not
/// compute.
///
/// ```
/// use pleach::{Tensor, manual_seed};
/// use pleach::nn::functional as F;
/// manual_seed(0);
/// let y = F::feature_alpha_dropout(&Tensor::ones([1, 3, 1]), 0.5, true)?;
/// assert_eq!(y.to_vec::<f32>()?, [-0.77919394, -0.77919394, 1.6655989]);
/// # Ok::<(), pleach::Error>(())
/// ```
pub fn feature_alpha_dropout(input: &Tensor, p: f64, training: bool) -> Result<Tensor> {
    if let Some(output) = without_mask(input, p, training)? {
        return Ok(output);
    }
    alpha_scaled(input, channels_of(input)?, p)
}

/// The result where no random number is needed.
fn without_mask(input: &Tensor, p: f64, training: bool) -> Result<Option<Tensor>> {
    check_probability(p)?;
    if !training || p == 0.0 || input.numel() == 0 {
        return Ok(Some(input.clone()));
    }
    if p == 1.0 {
        // A multiplication, so that nan and the sign of zero come through.
        return input
            .mul(Tensor::try_zeros_of((), input.dtype())?)
            .map(Some);
    }
    Ok(None)
}

fn feature_dropout(input: &Tensor, p: f64, training: bool) -> Result<Tensor> {
    if let Some(output) = without_mask(input, p, training)? {
        return Ok(output);
    }
    let channels = channels_of(input)?;
    refuse_integers(input.dtype())?;
    input.mul(&scaled_mask(&channels, 1.0 - p)?)
}

/// PyTorch's refusal to scale a mask of integers.
fn refuse_integers(dtype: DType) -> Result<()> {
    if dtype.is_float() {
        return Ok(());
    }
    Err(Error::dtype(format!(
        "result type Float can't be cast to the desired output type {}",
        dtype.torch_name()
    )))
}

/// Zeros with one element for each channel: `(N, C, 1, …)`.
fn channels_of(input: &Tensor) -> Result<Tensor> {
    let mut shape = input.shape().to_vec();
    if shape.len() < 2 {
        return Err(Error::shape(
            "Feature dropout requires at least 2 dimensions in the input",
        ));
    }
    shape[2..].fill(1);
    Tensor::try_zeros_of(shape, input.dtype())
}

/// Ones with probability `1 - p`, laid out as `like`.
fn bernoulli_mask(mut like: Tensor, p: f64) -> Result<Tensor> {
    like.bernoulli_(1.0 - p)?;
    Ok(like)
}

/// `a * x` where a mask, laid out as `like`, is one, `a * -alpha` elsewhere, all shifted by `b`, in
/// the order in which PyTorch rounds.
fn alpha_scaled(input: &Tensor, like: Tensor, p: f64) -> Result<Tensor> {
    /// SELU's `scale * alpha`.
    const ALPHA: f64 = 1.7580993408473766;
    // A mask of truth values has become whole numbers when PyTorch refuses it.
    refuse_integers(match input.dtype() {
        DType::Bool => DType::I64,
        dtype => dtype,
    })?;
    let mask = bernoulli_mask(like, p)?;
    let a = 1.0 / ((ALPHA * ALPHA * p + 1.0) * (1.0 - p)).sqrt();
    let shift = mask.sub(1.0)?.mul(ALPHA * a)?.add(ALPHA * a * p)?;
    input.mul(&mask.mul(a)?)?.add(&shift)
}

/// PyTorch's warning for inputs that are neither `(N, C, …)` nor `(C, …)`.
fn warn_of_rank(spatial: usize, rank: usize) {
    let (unbatched, batched) = (spatial + 1, spatial + 2);
    if rank == unbatched || rank == batched {
        return;
    }
    log::warn!(
        "dropout{spatial}d: Received a {rank}-D input to dropout{spatial}d, which is deprecated \
         and will result in an error in a future release. To retain the behavior and silence this \
         warning, please use dropout instead. Note that dropout{spatial}d exists to provide \
         channel-wise dropout on inputs with {spatial} spatial dimensions, a channel dimension, \
         and an optional batch dimension (i.e. {unbatched}D or {batched}D inputs)."
    );
}

pub(crate) fn check_probability(p: f64) -> Result<()> {
    if !(0.0..=1.0).contains(&p) {
        return Err(Error::value(format!(
            "dropout probability has to be between 0 and 1, but got {}",
            python_float(p)
        )));
    }
    Ok(())
}

/// For each element `1 / keep` with probability `keep`, otherwise 0.
fn scaled_mask(input: &Tensor, keep: f64) -> Result<Tensor> {
    if !input.is_contiguous() {
        // The fill keeps the input's order in memory, also if elements of the input share memory.
        let mask = bernoulli_mask(input.detach().try_zeros_like()?, 1.0 - keep)?;
        let scale = dispatch_float!("dropout", input.dtype(), T => Float::to_f64(scale::<T>(keep)));
        return mask.mul(scale);
    }
    dispatch_float!("dropout", input.dtype(), T => {
        let scale = scale::<T>(keep);
        filled(input.shape(), |mask: &mut [T]| {
            Generator::current().fill_bernoulli(mask, keep);
            map_inplace(mask, move |m| m * scale);
        })
    })
}

/// PyTorch rounds the probability to the element type first, then divides.
fn scale<T: Float + Element>(keep: f64) -> T {
    T::ONE / <T as Float>::from_f64(keep)
}
