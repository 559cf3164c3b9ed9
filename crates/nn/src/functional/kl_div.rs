//! The Kullback-Leibler divergence.

use pleach_core::{Error, Result, Tensor, words};
use pleach_kernels::PairLoss as Kernel;

use super::Reduction;
use super::pair_loss::{PairLoss, broadcast};
use crate::setters::given;

/// How the divergences of single elements become one.
///
/// ```
/// use pleach::nn::functional::KlDivReduction;
/// assert_eq!("batchmean".parse::<KlDivReduction>()?, KlDivReduction::BatchMean);
/// assert_eq!(
///     "avg".parse::<KlDivReduction>().unwrap_err().to_string(),
///     "avg is not a valid value for reduction"
/// );
/// # Ok::<(), pleach::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KlDivReduction {
    /// They stay as they are.
    None,
    /// Their mean. It is no divergence: PyTorch warns of it.
    #[default]
    Mean,
    /// Their sum.
    Sum,
    /// Their sum, divided by the number of samples: the first size.
    BatchMean,
}

words! {
    KlDivReduction { None = "none", Mean = "mean", Sum = "sum", BatchMean = "batchmean" },
    |text| format!("{text} is not a valid value for reduction")
}

impl From<Reduction> for KlDivReduction {
    fn from(reduction: Reduction) -> Self {
        match reduction {
            Reduction::None => KlDivReduction::None,
            Reduction::Mean => KlDivReduction::Mean,
            Reduction::Sum => KlDivReduction::Sum,
        }
    }
}

/// `target · (ln target - input)`, reduced, of log-probabilities as the input; with `log_target` the
/// target is given by its logarithm too. A target of 0 counts for nothing.
///
/// Shapes: both the same, or broadcast together; the result is 0-d, or of that shape without
/// reduction. The divergence of distributions is the sum, or `"batchmean"` of a batch.
///
/// # Errors
/// If the shapes cannot be broadcast together, a dtype is no float type, or a string is unknown.
///
/// ```
/// use pleach::tensor;
/// use pleach::nn::functional as F;
/// let (p, q) = (tensor![[0.5, 0.5]], tensor![[1.0, 0.0]]);
/// let loss = F::kl_div(&p.log()?, &q, "batchmean", false)?;
/// assert_eq!(loss.item()?, 0.6931472f32 as f64);
/// # Ok::<(), pleach::Error>(())
/// ```
pub fn kl_div(
    input: &Tensor,
    target: &Tensor,
    reduction: impl TryInto<KlDivReduction, Error: Into<Error>>,
    log_target: bool,
) -> Result<Tensor> {
    let reduction = given(reduction)?;
    if reduction == KlDivReduction::Mean {
        log::warn!(
            "reduction: 'mean' divides the total loss by both the batch size and the support size.'batchmean' divides only by the batch size, and aligns with the KL div math definition.'mean' will be changed to behave the same as 'batchmean' in the next major release."
        );
    }
    if !input.dtype().is_float() || !target.dtype().is_float() {
        return Err(Error::dtype("kl_div: Integral inputs not supported."));
    }
    let (reduced, grad_name) = match reduction {
        KlDivReduction::None if log_target => (Reduction::None, "MulBackward0"),
        KlDivReduction::None => (Reduction::None, "SubBackward0"),
        KlDivReduction::Mean => (Reduction::Mean, "MeanBackward0"),
        KlDivReduction::Sum | KlDivReduction::BatchMean => (Reduction::Sum, "SumBackward0"),
    };
    let loss = PairLoss {
        kind: match log_target {
            true => Kernel::LogDivergence,
            false => Kernel::Divergence,
        },
        reduction: reduced,
        name: "kl_div",
        grad_name,
    };
    let loss = match input.shape() == target.shape() {
        true => loss.run(input, target)?,
        false => {
            let (target, input) = broadcast(target, input)?;
            loss.run(&input, &target)?
        }
    };
    match (reduction, input.shape()) {
        (KlDivReduction::BatchMean, &[samples, ..]) => loss.div(samples as f64),
        _ => Ok(loss),
    }
}
