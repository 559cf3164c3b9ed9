//! The plain distributions.

use pleach_core::{Generator, Result, Target};
use rand_distr::Distribution;

/// Fills with values uniform in `[a, b)`.
///
/// # Errors
/// If the bounds make no interval of the dtype, or it is not a float type.
///
/// ```
/// use pleach::{manual_seed, Tensor};
/// manual_seed(42);
/// let mut x = Tensor::zeros([2]);
/// pleach::init::uniform_(&mut x, 0.0, 1.0)?;
/// assert_eq!(x.to_vec::<f32>()?, [0.88226926, 0.91500396]);
/// # Ok::<(), pleach::Error>(())
/// ```
pub fn uniform_<T: Target>(target: T, a: f64, b: f64) -> Result<T> {
    target.change_values(|t| t.uniform_(a, b).map(drop))
}

/// Fills with normal values.
///
/// # Errors
/// If `std` is negative or nan, or the dtype is not a float type.
pub fn normal_<T: Target>(target: T, mean: f64, std: f64) -> Result<T> {
    target.change_values(|t| t.normal_(mean, std).map(drop))
}

/// Fills with samples of any distribution of the `rand_distr` crate, drawn in f64 from the current
/// generator and rounded to the dtype.
///
/// # Errors
/// If the dtype is not a float type.
///
/// ```
/// use pleach::{Parameter, Tensor};
/// use rand_distr::Gamma;
/// let weight = Parameter::new(Tensor::zeros([100]));
/// pleach::init::sample_(&weight, Gamma::new(2.0, 1.0).unwrap())?;
/// assert!(weight.data().gt(0.0)?.all()?.item()? == 1.0);
/// # Ok::<(), pleach::Error>(())
/// ```
pub fn sample_<T: Target>(target: T, distribution: impl Distribution<f64>) -> Result<T> {
    target.change_values(|t| {
        t.sample_from(&Generator::current(), &distribution)
            .map(drop)
    })
}
