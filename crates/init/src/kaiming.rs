//! He initialisation: the size of activations (or gradients) stays the same from layer to layer.
//! "Delving deep into rectifiers", He et al., 2015.

use pleach_core::{Error, Result, Target};

use crate::{FanMode, Nonlinearity, calculate_fan_in_and_fan_out, calculate_gain};

/// Fills with values uniform in `[-bound, bound)`, `bound = gain * sqrt(3 / fan)`.
///
/// `a` is the negative slope of the rectifier after the layer, used with `leaky_relu` only. Mode
/// and nonlinearity may be PyTorch's strings.
///
/// # Errors
/// If there are fewer than two dimensions, or mode or nonlinearity are unknown.
///
/// ```
/// use pleach::Tensor;
/// use pleach::init::{FanMode, Nonlinearity, kaiming_uniform_};
/// let mut w = Tensor::zeros([4, 6]);
/// kaiming_uniform_(&mut w, 0.0, FanMode::FanIn, Nonlinearity::Relu)?;
/// assert!(w.abs()?.max()?.item()? <= 1.0); // sqrt(2) * sqrt(3 / 6)
/// # Ok::<(), pleach::Error>(())
/// ```
pub fn kaiming_uniform_<T, M, N>(target: T, a: f64, mode: M, nonlinearity: N) -> Result<T>
where
    T: Target,
    M: TryInto<FanMode>,
    N: TryInto<Nonlinearity>,
    Error: From<M::Error> + From<N::Error>,
{
    target.change_values(|t| {
        if let Some(std) = deviation(t.shape(), a, mode, nonlinearity)? {
            let bound = 3f64.sqrt() * std;
            t.uniform_(-bound, bound)?;
        }
        Ok(())
    })
}

/// Fills with normal values of mean 0 and deviation `gain / sqrt(fan)`.
///
/// `a` is the negative slope of the rectifier after the layer, used with `leaky_relu` only. Mode
/// and nonlinearity may be PyTorch's strings.
///
/// # Errors
/// If there are fewer than two dimensions, or mode or nonlinearity are unknown.
pub fn kaiming_normal_<T, M, N>(target: T, a: f64, mode: M, nonlinearity: N) -> Result<T>
where
    T: Target,
    M: TryInto<FanMode>,
    N: TryInto<Nonlinearity>,
    Error: From<M::Error> + From<N::Error>,
{
    target.change_values(|t| {
        if let Some(std) = deviation(t.shape(), a, mode, nonlinearity)? {
            t.normal_(0.0, std)?;
        }
        Ok(())
    })
}

/// `gain / sqrt(fan)`; `None` for a tensor without elements, before anything else is checked.
fn deviation<M, N>(shape: &[usize], a: f64, mode: M, nonlinearity: N) -> Result<Option<f64>>
where
    M: TryInto<FanMode>,
    N: TryInto<Nonlinearity>,
    Error: From<M::Error> + From<N::Error>,
{
    if shape.contains(&0) {
        log::warn!("Initializing zero-element tensors is a no-op");
        return Ok(None);
    }
    let mode = mode.try_into()?;
    let (fan_in, fan_out) = calculate_fan_in_and_fan_out(shape)?;
    let fan = match mode {
        FanMode::FanIn => fan_in,
        FanMode::FanOut => fan_out,
    };
    let gain = calculate_gain(nonlinearity, Some(a))?;
    Ok(Some(gain / (fan as f64).sqrt()))
}
