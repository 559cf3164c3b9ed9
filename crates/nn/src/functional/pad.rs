//! Padding of images.

use std::fmt;
use std::str::FromStr;

use pleach_core::{Error, Result, Tensor};

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
        match text {
            "zeros" => Ok(PaddingMode::Zeros),
            "reflect" => Ok(PaddingMode::Reflect),
            "replicate" => Ok(PaddingMode::Replicate),
            "circular" => Ok(PaddingMode::Circular),
            _ => Err(Error::value(format!(
                "padding_mode must be one of {{'circular', 'replicate', 'zeros', 'reflect'}}, but got padding_mode='{text}'"
            ))),
        }
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

/// Pads the last two dimensions: `height` and `width` are the numbers of rows and columns to add
/// before and after.
///
/// Shapes: input `[*, H, W]`, result `[*, H + height.0 + height.1, W + width.0 + width.1]`.
///
/// # Errors
/// If there are fewer than two dimensions, or a reflection or a circle would need more pixels
/// than the image has.
///
/// ```
/// use pleach_core::tensor;
/// use pleach_nn::functional::{PaddingMode, pad2d};
/// let row = tensor![[1.0, 2.0, 3.0]];
/// let padded = |mode| pad2d(&row, (0, 0), (1, 1), mode)?.to_vec::<f32>();
/// assert_eq!(padded(PaddingMode::Zeros)?, [0.0, 1.0, 2.0, 3.0, 0.0]);
/// assert_eq!(padded(PaddingMode::Reflect)?, [2.0, 1.0, 2.0, 3.0, 2.0]);
/// assert_eq!(padded(PaddingMode::Replicate)?, [1.0, 1.0, 2.0, 3.0, 3.0]);
/// assert_eq!(padded(PaddingMode::Circular)?, [3.0, 1.0, 2.0, 3.0, 1.0]);
/// # Ok::<(), pleach_core::Error>(())
/// ```
pub fn pad2d(
    input: &Tensor,
    height: (usize, usize),
    width: (usize, usize),
    mode: PaddingMode,
) -> Result<Tensor> {
    let rank = input.rank();
    if rank < 2 {
        return Err(Error::shape(format!(
            "pad2d: expected at least 2 dimensions, but got input of size: {:?}",
            input.shape()
        )));
    }
    // Both dimensions are checked before one is padded; PyTorch looks at the width first.
    check_fits(input, rank - 1, width, mode)?;
    check_fits(input, rank - 2, height, mode)?;
    let padded = pad_dim(input, rank - 2, height, mode)?;
    pad_dim(&padded, rank - 1, width, mode)
}

fn check_fits(x: &Tensor, dim: usize, sizes: (usize, usize), mode: PaddingMode) -> Result<()> {
    let (n, (before, after)) = (x.shape()[dim], sizes);
    let largest = before.max(after);
    match mode {
        PaddingMode::Reflect if largest > 0 && largest >= n => Err(Error::shape(format!(
            "Argument #{}: Padding size should be less than the corresponding input dimension, but got: padding ({before}, {after}) at dimension {dim} of input {:?}",
            2 * (x.rank() - dim) + 2,
            x.shape()
        ))),
        PaddingMode::Circular if largest > n => Err(Error::shape(
            "Padding value causes wrapping around more than once.",
        )),
        PaddingMode::Replicate if largest > 0 && n == 0 => Err(Error::shape(format!(
            "Expected a non-empty dimension {dim} to pad, but got input of size: {:?}",
            x.shape()
        ))),
        _ => Ok(()),
    }
}

fn pad_dim(x: &Tensor, dim: usize, sizes: (usize, usize), mode: PaddingMode) -> Result<Tensor> {
    let (before, after) = sizes;
    if before == 0 && after == 0 {
        return Ok(x.clone());
    }
    if mode == PaddingMode::Zeros {
        let zeros = |n: usize| {
            let mut shape = x.shape().to_vec();
            shape[dim] = n;
            Tensor::zeros_of(shape, x.dtype())
        };
        return Tensor::cat(&[&zeros(before), x, &zeros(after)], dim as i64);
    }
    let last = x.shape()[dim] as i64 - 1;
    let source = |i: i64| match mode {
        PaddingMode::Zeros | PaddingMode::Replicate => i.clamp(0, last),
        PaddingMode::Reflect if i < 0 => -i,
        PaddingMode::Reflect if i > last => 2 * last - i,
        PaddingMode::Reflect => i,
        PaddingMode::Circular => i.rem_euclid(last + 1),
    };
    let positions: Vec<i64> = (-(before as i64)..=last + after as i64)
        .map(source)
        .collect();
    let positions = Tensor::from_slice(&positions, [positions.len()])?;
    x.index_select(dim as i64, &positions)
}
