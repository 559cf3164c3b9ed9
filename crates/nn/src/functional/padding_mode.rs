//! [`PaddingMode`]: what a convolution sees beyond the edge of its input.

use std::fmt;
use std::str::FromStr;

use pleach_core::{Error, PadMode, Result};

use super::by_name::by_name;

/// What a convolution sees beyond the edge of its input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PaddingMode {
    /// Zeros.
    #[default]
    Zeros,
    /// The image mirrored at its outermost pixels.
    Reflect,
    /// The outermost pixels, repeated.
    Replicate,
    /// The opposite side of the image.
    Circular,
}

/// PyTorch's string: `zeros`, `reflect`, `replicate` or `circular`.
impl fmt::Display for PaddingMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            PaddingMode::Zeros => "zeros",
            PaddingMode::Reflect => "reflect",
            PaddingMode::Replicate => "replicate",
            PaddingMode::Circular => "circular",
        })
    }
}

/// Parses PyTorch's strings.
impl FromStr for PaddingMode {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        use PaddingMode::{Circular, Reflect, Replicate, Zeros};
        by_name(&[Zeros, Reflect, Replicate, Circular], text).ok_or_else(|| {
            Error::value(format!(
                "padding_mode must be one of {{'circular', 'replicate', 'zeros', 'reflect'}}, but got padding_mode='{text}'"
            ))
        })
    }
}

/// What can be given as a padding mode: a [`PaddingMode`] or PyTorch's string.
pub trait IntoPaddingMode {
    /// The mode.
    ///
    /// # Errors
    /// If it is a string that names none.
    fn into_padding_mode(self) -> Result<PaddingMode>;
}

impl IntoPaddingMode for PaddingMode {
    fn into_padding_mode(self) -> Result<PaddingMode> {
        Ok(self)
    }
}
impl IntoPaddingMode for &str {
    fn into_padding_mode(self) -> Result<PaddingMode> {
        self.parse()
    }
}

/// How [`Tensor::pad`](pleach_core::Tensor::pad) does it.
impl From<PaddingMode> for PadMode {
    fn from(mode: PaddingMode) -> Self {
        match mode {
            PaddingMode::Zeros => PadMode::Constant,
            PaddingMode::Reflect => PadMode::Reflect,
            PaddingMode::Replicate => PadMode::Replicate,
            PaddingMode::Circular => PadMode::Circular,
        }
    }
}
