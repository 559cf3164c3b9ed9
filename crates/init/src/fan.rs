//! Fans: how many values flow into and out of one element of a layer.

use std::str::FromStr;

use pleach_core::{Error, Result};

/// Which fan scales an initialisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FanMode {
    /// Keeps the size of the activations.
    FanIn,
    /// Keeps the size of the gradients.
    FanOut,
}

/// Parses PyTorch's `"fan_in"` and `"fan_out"`, in any case.
impl FromStr for FanMode {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        match text.to_lowercase().as_str() {
            "fan_in" => Ok(FanMode::FanIn),
            "fan_out" => Ok(FanMode::FanOut),
            _ => Err(Error::value(format!(
                "Mode {} not supported, please use one of ['fan_in', 'fan_out']",
                text.to_lowercase()
            ))),
        }
    }
}

impl TryFrom<&str> for FanMode {
    type Error = Error;
    fn try_from(text: &str) -> Result<Self> {
        text.parse()
    }
}

/// The fans of a weight of this shape: `shape[1]` and `shape[0]`, each times the product of the
/// other dimensions.
///
/// # Errors
/// If there are fewer than two dimensions, or a fan does not fit in a `usize`.
///
/// ```
/// assert_eq!(pleach::init::calculate_fan_in_and_fan_out(&[64, 3, 7, 7])?, (147, 3136));
/// # Ok::<(), pleach::Error>(())
/// ```
pub fn calculate_fan_in_and_fan_out(shape: &[usize]) -> Result<(usize, usize)> {
    let &[out, input, ref field @ ..] = shape else {
        return Err(Error::value(
            "Fan in and fan out can not be computed for tensor with fewer than 2 dimensions",
        ));
    };
    let fan = |channels: usize| {
        let sizes = field.iter().map(|&size| size as u128);
        let fan = sizes.fold(channels as u128, u128::saturating_mul);
        usize::try_from(fan)
            .map_err(|_| Error::value(format!("the fans of {shape:?} are too large to be counted")))
    };
    Ok((fan(input)?, fan(out)?))
}
