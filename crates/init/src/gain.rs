//! Gains: how much a nonlinearity shrinks its input.

use pleach_core::{Error, Result, words};

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

words! {
    Nonlinearity {
        Linear = "linear",
        Conv1d = "conv1d",
        Conv2d = "conv2d",
        Conv3d = "conv3d",
        ConvTranspose1d = "conv_transpose1d",
        ConvTranspose2d = "conv_transpose2d",
        ConvTranspose3d = "conv_transpose3d",
        Sigmoid = "sigmoid",
        Tanh = "tanh",
        Relu = "relu",
        LeakyRelu = "leaky_relu",
        Selu = "selu",
    },
    |name| format!("Unsupported nonlinearity {name}")
}

/// The recommended gain of a nonlinearity. `param` is the negative slope of `leaky_relu` (0.01 if
/// `None`) and ignored for the others.
///
/// # Errors
/// If the name is unknown.
///
/// ```
/// use pleach::init::{calculate_gain, Nonlinearity};
/// assert_eq!(calculate_gain("tanh", None)?, 5.0 / 3.0);
/// assert_eq!(calculate_gain(Nonlinearity::Relu, None)?, 2f64.sqrt());
/// # Ok::<(), pleach::Error>(())
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
