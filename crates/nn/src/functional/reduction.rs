//! [`Reduction`]: how the losses of single elements become one.

use std::fmt;
use std::str::FromStr;

use pleach_core::{Error, Result, Tensor};

use super::by_name::by_name;

/// How the losses of single elements become one.
///
/// ```
/// use pleach_nn::losses::Reduction;
/// assert_eq!("sum".parse::<Reduction>()?, Reduction::Sum);
/// assert_eq!(
///     "avg".parse::<Reduction>().unwrap_err().to_string(),
///     "avg is not a valid value for reduction"
/// );
/// # Ok::<(), pleach_core::Error>(())
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
    /// PyTorch's string: `none`, `mean` or `sum`.
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

/// PyTorch's string: `none`, `mean` or `sum`.
impl fmt::Display for Reduction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Parses PyTorch's strings.
impl FromStr for Reduction {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        let all = [Reduction::None, Reduction::Mean, Reduction::Sum];
        by_name(&all, text)
            .ok_or_else(|| Error::value(format!("{text} is not a valid value for reduction")))
    }
}

impl TryFrom<&str> for Reduction {
    type Error = Error;
    fn try_from(text: &str) -> Result<Self> {
        text.parse()
    }
}
