//! Dropout.

use pleach_core::print::python_float;
use pleach_core::{Element, Error, Generator, Result, Tensor};
use pleach_kernels::{Buffer, Float, map_inplace};

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
/// use pleach_core::{Tensor, manual_seed};
/// use pleach_nn::functional as F;
/// manual_seed(0);
/// let y = F::dropout(&Tensor::ones([8]), 0.5, true)?;
/// assert_eq!(y.to_vec::<f32>()?, [0.0, 0.0, 2.0, 0.0, 0.0, 0.0, 2.0, 2.0]);
/// # Ok::<(), pleach_core::Error>(())
/// ```
pub fn dropout(input: &Tensor, p: f64, training: bool) -> Result<Tensor> {
    check_probability(p)?;
    if !training || p == 0.0 || input.numel() == 0 {
        return Ok(input.clone());
    }
    if p == 1.0 {
        // A multiplication, so that nan and the sign of zero come through.
        return input.mul(Tensor::zeros_of((), input.dtype()));
    }
    input.mul(&scaled_mask(input, 1.0 - p)?)
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
        // The fill keeps the input's order in memory.
        let mut mask = input.detach();
        mask.bernoulli_(keep)?;
        let scale = dispatch_float!("dropout", input.dtype(), T => Float::to_f64(scale::<T>(keep)));
        return mask.mul(scale);
    }
    dispatch_float!("dropout", input.dtype(), T => {
        let mut mask = Buffer::<T>::new(input.numel());
        Generator::current().fill_bernoulli(&mut mask, keep);
        let scale = scale::<T>(keep);
        map_inplace(&mut mask, move |m| m * scale);
        Ok(Tensor::from_buffer(mask, input.shape()))
    })
}

/// PyTorch rounds the probability to the element type first, then divides.
fn scale<T: Float + Element>(keep: f64) -> T {
    T::ONE / <T as Float>::from_f64(keep)
}
