//! Glorot initialisation: a compromise between activations and gradients.
//! "Understanding the difficulty of training deep feedforward neural networks", Glorot and
//! Bengio, 2010.

use pleach_core::{Error, Result, Target};

use crate::calculate_fan_in_and_fan_out;

/// Fills with values uniform in `[-bound, bound)`, `bound = gain * sqrt(6 / (fan_in + fan_out))`.
///
/// # Errors
/// If there are fewer than two dimensions, or both fans are zero.
///
/// ```
/// let mut w = pleach::Tensor::zeros([2, 4]);
/// pleach::init::xavier_uniform_(&mut w, 1.0)?;
/// assert!(w.abs()?.max()?.item()? <= 1.0); // sqrt(6 / (2 + 4))
/// # Ok::<(), pleach::Error>(())
/// ```
pub fn xavier_uniform_<T: Target>(target: T, gain: f64) -> Result<T> {
    target.change_values(|t| {
        let bound = 3f64.sqrt() * deviation(t.shape(), gain)?;
        t.uniform_(-bound, bound).map(drop)
    })
}

/// Fills with normal values of mean 0 and deviation `gain * sqrt(2 / (fan_in + fan_out))`.
///
/// # Errors
/// If there are fewer than two dimensions, or both fans are zero.
pub fn xavier_normal_<T: Target>(target: T, gain: f64) -> Result<T> {
    target.change_values(|t| {
        let std = deviation(t.shape(), gain)?;
        t.normal_(0.0, std).map(drop)
    })
}

fn deviation(shape: &[usize], gain: f64) -> Result<f64> {
    let (fan_in, fan_out) = calculate_fan_in_and_fan_out(shape)?;
    // The sum of two `usize` always fits.
    let sum = fan_in as u128 + fan_out as u128;
    if sum == 0 {
        return Err(Error::value("float division by zero"));
    }
    Ok(gain * (2.0 / sum as f64).sqrt())
}
