//! [`Padding`] and [`PaddingMode`] of a convolution.

use std::fmt::{self, Display, Formatter};

use pleach_core::print::python_tuple;
use pleach_core::{Error, PadMode, Result, words};

use super::Size;

/// How a convolution's input is padded: a number, one for each dimension, `"same"` or `"valid"`.
///
/// ```
/// use pleach::nn::functional::Padding;
/// assert_eq!(Padding::<2>::from(1), Padding::Size([1, 1]));
/// assert_eq!(Padding::<2>::try_from("same")?, Padding::Same);
/// # Ok::<(), pleach::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Padding<const D: usize> {
    /// So many on each side.
    Size([usize; D]),
    /// So many that the output has the input's size (for stride 1); an odd one goes to the end.
    Same,
    /// None.
    Valid,
}

impl<const D: usize> Padding<D> {
    /// The numbers, which are 0 where it is a word.
    pub(crate) fn size(self) -> [usize; D] {
        match self {
            Padding::Size(size) => size,
            Padding::Same | Padding::Valid => [0; D],
        }
    }
}

impl<T: Into<Size<D>>, const D: usize> From<T> for Padding<D> {
    fn from(size: T) -> Self {
        Padding::Size(size.into().array())
    }
}

/// PyTorch's `"same"` and `"valid"`.
impl<const D: usize> TryFrom<&str> for Padding<D> {
    type Error = Error;
    fn try_from(text: &str) -> Result<Self> {
        match text {
            "same" => Ok(Padding::Same),
            "valid" => Ok(Padding::Valid),
            _ => Err(Error::value(format!(
                "Invalid padding string '{text}', should be one of {{'same', 'valid'}}"
            ))),
        }
    }
}

impl<const D: usize> Display for Padding<D> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Padding::Size(size) => f.write_str(&python_tuple(size)),
            Padding::Same => f.write_str("same"),
            Padding::Valid => f.write_str("valid"),
        }
    }
}

/// What a convolution sees beyond the edge of its input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PaddingMode {
    /// Zeros.
    #[default]
    Zeros,
    /// The input mirrored at its outermost elements.
    Reflect,
    /// The outermost elements, repeated.
    Replicate,
    /// The opposite side of the input.
    Circular,
}

words! {
    PaddingMode {
        Zeros = "zeros",
        Reflect = "reflect",
        Replicate = "replicate",
        Circular = "circular",
    },
    |text| format!(
        "padding_mode must be one of {{'circular', 'replicate', 'zeros', 'reflect'}}, but got padding_mode='{text}'"
    )
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
