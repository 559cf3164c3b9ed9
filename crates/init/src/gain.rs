//! Gains: how much a nonlinearity shrinks its input.

use std::str::FromStr;

use pleach_core::{Error, Result};

/// The functions that `torch.nn.init.calculate_gain` knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Nonlinearity {
    Linear,
    Conv1d,
    Conv2d,
    Conv3d,
    ConvTranspose1d,
    ConvTranspose2d,
    ConvTranspose3d,
    Sigmoid,
    Tanh,
    Relu,
    LeakyRelu,
    Selu,
}

/// Parses PyTorch's names: `"relu"`, `"leaky_relu"`, …
impl FromStr for Nonlinearity {
    type Err = Error;
    fn from_str(name: &str) -> Result<Self> {
        Ok(match name {
            "linear" => Self::Linear,
            "conv1d" => Self::Conv1d,
            "conv2d" => Self::Conv2d,
            "conv3d" => Self::Conv3d,
            "conv_transpose1d" => Self::ConvTranspose1d,
            "conv_transpose2d" => Self::ConvTranspose2d,
            "conv_transpose3d" => Self::ConvTranspose3d,
            "sigmoid" => Self::Sigmoid,
            "tanh" => Self::Tanh,
            "relu" => Self::Relu,
            "leaky_relu" => Self::LeakyRelu,
            "selu" => Self::Selu,
            _ => return Err(Error::value(format!("Unsupported nonlinearity {name}"))),
        })
    }
}

impl TryFrom<&str> for Nonlinearity {
    type Error = Error;
    fn try_from(name: &str) -> Result<Self> {
        name.parse()
    }
}

/// The recommended gain of a nonlinearity. `param` is the negative slope of `leaky_relu` (0.01 if
/// `None`) and ignored for the others.
///
/// # Errors
/// If the name is unknown.
///
/// ```
/// use pleach_init::{calculate_gain, Nonlinearity};
/// assert_eq!(calculate_gain("tanh", None)?, 5.0 / 3.0);
/// assert_eq!(calculate_gain(Nonlinearity::Relu, None)?, 2f64.sqrt());
/// # Ok::<(), pleach_core::Error>(())
/// ```
pub fn calculate_gain<N>(nonlinearity: N, param: Option<f64>) -> Result<f64>
where
    N: TryInto<Nonlinearity>,
    Error: From<N::Error>,
{
    Ok(match nonlinearity.try_into()? {
        Nonlinearity::Tanh => 5.0 / 3.0,
        Nonlinearity::Relu => 2f64.sqrt(),
        Nonlinearity::LeakyRelu => {
            let slope = param.unwrap_or(0.01);
            (2.0 / (1.0 + slope * slope)).sqrt()
        }
        Nonlinearity::Selu => 0.75,
        _ => 1.0,
    })
}
