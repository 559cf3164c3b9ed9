//! Losses of the difference between input and target: absolute, squared, Huber's.

use pleach_core::{Error, Result, Tensor};
use pleach_kernels::PairLoss as Kernel;

use super::loss_options::loss_options;
use super::pair_loss::{PairLoss, need_float, warn_of_sizes, written_as};
use super::{LossOptions, Reduction};
use crate::setters::{given, setters};

/// `|input - target|`, reduced. With weights, the mean is over the sum of the weights.
///
/// Shapes: all the same (another target is broadcast, with a warning, since that is seldom meant);
/// the result is 0-d, or of that shape without reduction.
///
/// # Errors
/// If the shapes cannot be broadcast together, or a string is unknown.
///
/// ```
/// use pleach::tensor;
/// use pleach::nn::functional as F;
/// let loss = F::l1_loss(&tensor![1.0, 2.0], &tensor![1.0, 4.0], "mean")?;
/// assert_eq!(loss.item()?, 1.0);
/// # Ok::<(), pleach::Error>(())
/// ```
pub fn l1_loss<'a>(
    input: &Tensor,
    target: &Tensor,
    options: impl Into<LossOptions<'a>>,
) -> Result<Tensor> {
    let options = options.into();
    warn_of_sizes(input, target);
    let reduction = options.reduction?;
    if let Some(weight) = options.weight {
        return weighted_mean(
            absolute(input, target, Reduction::None)?,
            input,
            weight,
            reduction,
        );
    }
    absolute(input, target, reduction)
}

fn absolute(input: &Tensor, target: &Tensor, reduction: Reduction) -> Result<Tensor> {
    let floats = [input, target].map(|t| t.dtype().is_float());
    let bools = [input, target].map(|t| t.dtype() == pleach_core::DType::Bool);
    if floats == [false; 2] || bools != [false; 2] {
        return reduction.of(&input.sub(target)?.abs()?);
    }
    let loss = PairLoss {
        kind: Kernel::Absolute,
        reduction,
        name: "l1_loss",
        grad_name: match reduction {
            Reduction::Mean => "MeanBackward0",
            Reduction::Sum => "SumBackward0",
            Reduction::None => "AbsBackward0",
        },
    };
    loss.run(input, target)
}

/// The losses of single elements, weighted and reduced: the mean is over the sum of the weights.
fn weighted_mean(
    losses: Tensor,
    input: &Tensor,
    weight: &Tensor,
    reduction: Reduction,
) -> Result<Tensor> {
    let losses = weighted(losses, input, weight)?;
    match reduction {
        Reduction::Mean => losses.sum()?.div(&weight.sum()?),
        other => other.of(&losses),
    }
}

fn weighted(losses: Tensor, input: &Tensor, weight: &Tensor) -> Result<Tensor> {
    match weight.shape() == input.shape() {
        true => losses.mul(weight),
        false => Err(Error::value("Weights and input must have the same size.")),
    }
}

/// `(input - target)²`, reduced. With weights, the mean is over the sum of the weights.
///
/// Shapes: all the same (another target is broadcast, with a warning, since that is seldom meant);
/// the result is 0-d, or of that shape without reduction.
///
/// # Errors
/// If the shapes cannot be broadcast together, neither tensor is of a float type, or a string is
/// unknown.
///
/// ```
/// use pleach::tensor;
/// use pleach::nn::functional::{self as F, LossOptions};
/// let (x, y) = (tensor![1.0, 2.0], tensor![1.0, 4.0]);
/// assert_eq!(F::mse_loss(&x, &y, "mean")?.item()?, 2.0);
/// let weight = tensor![3.0, 1.0];
/// assert_eq!(F::mse_loss(&x, &y, LossOptions::new().weight(&weight))?.item()?, 1.0);
/// # Ok::<(), pleach::Error>(())
/// ```
pub fn mse_loss<'a>(
    input: &Tensor,
    target: &Tensor,
    options: impl Into<LossOptions<'a>>,
) -> Result<Tensor> {
    let options = options.into();
    warn_of_sizes(input, target);
    let reduction = options.reduction?;
    need_float("mse_cpu", input, target)?;
    let squares = |reduction| PairLoss {
        kind: Kernel::Squared,
        reduction,
        name: "mse_loss",
        grad_name: "MseLossBackward0",
    };
    match options.weight {
        Some(weight) => {
            let losses = squares(Reduction::None).run(input, target)?;
            weighted_mean(losses, input, weight, reduction)
        }
        None => squares(reduction).run(input, target),
    }
}

/// With `d = input - target`: `d² / (2 beta)`, and `|d| - beta / 2` where `|d|` is at least `beta`,
/// reduced. PyTorch's default is `beta = 1`; `beta = 0` is [`l1_loss`].
///
/// Shapes: both the same (others are broadcast, with a warning, since that is seldom meant); the
/// result is 0-d, or of that shape without reduction.
///
/// # Errors
/// If the shapes cannot be broadcast together, `beta` is negative, neither tensor is of a float type,
/// or a string is unknown.
///
/// ```
/// use pleach::tensor;
/// use pleach::nn::functional as F;
/// let loss = F::smooth_l1_loss(&tensor![1.0, 2.0], &tensor![1.5, 4.0], "none", 1.0)?;
/// assert_eq!(loss.to_vec::<f32>()?, [0.125, 1.5]);
/// # Ok::<(), pleach::Error>(())
/// ```
pub fn smooth_l1_loss(
    input: &Tensor,
    target: &Tensor,
    reduction: impl TryInto<Reduction, Error: Into<Error>>,
    beta: f64,
) -> Result<Tensor> {
    warn_of_sizes(input, target);
    let reduction = given(reduction)?;
    if beta == 0.0 {
        return absolute(input, target, reduction);
    }
    if beta < 0.0 {
        return Err(Error::value(
            "smooth_l1_loss does not support negative values for beta.",
        ));
    }
    need_float("smooth_l1_cpu", input, target)?;
    let loss = PairLoss {
        kind: Kernel::SmoothL1 { beta },
        reduction,
        name: "smooth_l1_loss",
        grad_name: "SmoothL1LossBackward0",
    };
    loss.run(input, target)
}

/// With `d = input - target`: `d² / 2`, and `delta (|d| - delta / 2)` where `|d|` is at least
/// `delta`, reduced.
///
/// Shapes: all the same (another target is broadcast, with a warning, since that is seldom meant);
/// the result is 0-d, or of that shape without reduction. It has the input's dtype.
///
/// # Errors
/// If the shapes cannot be broadcast together, `delta` is not positive, the input is not of a float
/// type, or a string is unknown.
///
/// ```
/// use pleach::tensor;
/// use pleach::nn::functional::{self as F, HuberLossOptions};
/// let options = HuberLossOptions::new().delta(0.5).reduction("none");
/// let loss = F::huber_loss(&tensor![1.0, 2.0], &tensor![1.25, 4.0], options)?;
/// assert_eq!(loss.to_vec::<f32>()?, [0.03125, 0.875]);
/// # Ok::<(), pleach::Error>(())
/// ```
pub fn huber_loss(
    input: &Tensor,
    target: &Tensor,
    options: HuberLossOptions<'_>,
) -> Result<Tensor> {
    warn_of_sizes(input, target);
    let (reduction, delta) = (options.reduction?, options.delta);
    if delta.is_nan() || delta <= 0.0 {
        return Err(Error::value(
            "huber_loss does not support non-positive values for delta.",
        ));
    }
    need_float("huber_cpu", input, target)?;
    let run = |reduction| -> Result<Tensor> {
        let loss = PairLoss {
            kind: Kernel::Huber { delta },
            reduction,
            name: "huber_loss",
            grad_name: "HuberLossBackward0",
        };
        written_as(loss.run(input, target)?, input.dtype())
    };
    match options.weight {
        Some(weight) => reduction.of(&weighted(run(Reduction::None)?, input, weight)?),
        None => run(reduction),
    }
}

loss_options! {
    /// What [`huber_loss`] takes beside its tensors.
    HuberLossOptions<'a> {
        weights {
            /// What each loss is multiplied by.
            weight;
        }
        values {
            /// From which difference on the loss grows linearly (1 by default).
            delta: f64 = 1.0;
        }
    }
}
