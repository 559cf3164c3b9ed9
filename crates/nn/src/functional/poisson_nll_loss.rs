//! Negative log-likelihood of counts.

use std::f64::consts::PI;

use pleach_core::{Error, Result, Tensor};

use super::Reduction;
use super::loss_options::loss_options;
use crate::setters::{given, setters};

/// The negative log-likelihood of counts under Poisson's distribution: `exp(input) - target · input`,
/// or of a rate that is no logarithm `input - target · ln(input + eps)`, reduced. `full` adds
/// Stirling's formula for `ln target!`, where the target is above 1.
///
/// Shapes: both the same, or broadcast together; the result is 0-d, or of that shape without
/// reduction.
///
/// # Errors
/// If the shapes cannot be broadcast together, or a string is unknown.
///
/// ```
/// use pleach::tensor;
/// use pleach::nn::functional::{self as F, PoissonNllLossOptions};
/// let (rate, counts) = (tensor![1.0, 2.0], tensor![0.0, 0.0]);
/// let options = PoissonNllLossOptions::new().log_input(false);
/// assert_eq!(F::poisson_nll_loss(&rate, &counts, options)?.item()?, 1.5);
/// # Ok::<(), pleach::Error>(())
/// ```
pub fn poisson_nll_loss(
    input: &Tensor,
    target: &Tensor,
    options: PoissonNllLossOptions<'_>,
) -> Result<Tensor> {
    let reduction = options.reduction?;
    let mut loss = match options.log_input {
        true => input.exp()?.sub(&target.mul(input)?)?,
        false => input.sub(&target.mul(&input.add(options.eps)?.log()?)?)?,
    };
    if options.full {
        let stirling = target.mul(&target.log()?)?.sub(target)?;
        let stirling = stirling.add(&target.mul(2.0 * PI)?.log()?.mul(0.5)?)?;
        loss = loss.add(&stirling.masked_fill(&target.le(1)?, 0.0)?)?;
    }
    reduction.of(&loss)
}

loss_options! {
    /// What [`poisson_nll_loss`] takes beside its tensors.
    PoissonNllLossOptions<'a> {
        weights {}
        values {
            /// Whether the input is the logarithm of the rate (yes, by default).
            log_input: bool = true;
            /// Whether the part that depends on the target alone is added (no, by default).
            full: bool = false;
            /// What is added to a rate before its logarithm is taken (1e-8 by default).
            eps: f64 = 1e-8;
        }
    }
}
