//! [`Padding`] of a convolution.

use std::str::FromStr;

use pleach_core::{Error, Result};

use super::Pair;

/// How a convolution's input is padded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Padding {
    /// So many on each side.
    Size(Pair),
    /// So many that the output has the input's size (for stride 1); an odd one goes to the right
    /// and the bottom.
    Same,
    /// None.
    Valid,
}

/// Parses PyTorch's `"same"` and `"valid"`.
impl FromStr for Padding {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        match text {
            "same" => Ok(Padding::Same),
            "valid" => Ok(Padding::Valid),
            _ => Err(Error::value(format!(
                "Invalid padding string '{text}', should be one of {{'same', 'valid'}}"
            ))),
        }
    }
}

/// What can be given as a padding: a number, two numbers, `"same"` or `"valid"`.
pub trait IntoPadding {
    /// The padding.
    ///
    /// # Errors
    /// If it is a string other than `"same"` and `"valid"`.
    fn into_padding(self) -> Result<Padding>;
}

impl IntoPadding for Padding {
    fn into_padding(self) -> Result<Padding> {
        Ok(self)
    }
}
impl<T: Into<Pair>> IntoPadding for T {
    fn into_padding(self) -> Result<Padding> {
        Ok(Padding::Size(self.into()))
    }
}
impl IntoPadding for &str {
    fn into_padding(self) -> Result<Padding> {
        self.parse()
    }
}
