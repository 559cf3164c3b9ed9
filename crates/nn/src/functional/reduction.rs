//! [`Reduction`]: how the losses of single elements become one.

use pleach_core::{Result, Tensor, words};

/// How the losses of single elements become one.
///
/// ```
/// use pleach::nn::losses::Reduction;
/// assert_eq!("sum".parse::<Reduction>()?, Reduction::Sum);
/// assert_eq!(
///     "avg".parse::<Reduction>().unwrap_err().to_string(),
///     "avg is not a valid value for reduction"
/// );
/// # Ok::<(), pleach::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reduction {
    /// They stay as they are.
    None,
    /// Their mean (weighted, where a loss has weights).
    #[default]
    Mean,
    /// Their sum.
    Sum,
}

impl Reduction {
    /// PyTorch's string, for a trace.
    pub(super) fn name(self) -> &'static str {
        match self {
            Reduction::None => "none",
            Reduction::Mean => "mean",
            Reduction::Sum => "sum",
        }
    }

    /// Applies the reduction to the losses of single elements.
    pub(super) fn of(self, losses: &Tensor) -> Result<Tensor> {
        match self {
            Reduction::None => Ok(losses.clone()),
            Reduction::Mean => losses.mean(),
            Reduction::Sum => losses.sum(),
        }
    }
}

words! {
    Reduction { None = "none", Mean = "mean", Sum = "sum" },
    |text| format!("{text} is not a valid value for reduction")
}
