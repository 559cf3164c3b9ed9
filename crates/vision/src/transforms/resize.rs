//! [`Resize`].

use pleach_core::{DType, Tensor};

use super::resample::resample;
use super::{Transform, size_of};
use crate::{Error, Result, room};

/// The size of a resized image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// Of the shorter side; the shape stays.
    Shorter(usize),
    /// Height and width.
    Both(usize, usize),
}

impl From<usize> for Size {
    fn from(shorter: usize) -> Self {
        Size::Shorter(shorter)
    }
}

impl From<(usize, usize)> for Size {
    fn from((height, width): (usize, usize)) -> Self {
        Size::Both(height, width)
    }
}

/// Resizes, bilinear with antialiasing.
///
/// A u8 image becomes what torchvision makes of a PIL image, to the byte; a f32 image what it makes
/// of a tensor, within 1e-6.
///
/// ```
/// use pleach::{DType, Tensor};
/// use pleach::vision::transforms::{Resize, Transform};
/// let image = Tensor::zeros_of([3, 40, 20], DType::U8);
/// assert_eq!(Resize::new(10).apply(&image)?.shape(), [3, 20, 10]);
/// assert_eq!(Resize::new((8, 9)).apply(&image)?.shape(), [3, 8, 9]);
/// # Ok::<(), pleach::vision::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Resize {
    size: Size,
}

impl Resize {
    /// To the shorter side given by one number, or to `(height, width)`.
    pub fn new(size: impl Into<Size>) -> Self {
        Resize { size: size.into() }
    }

    fn target(&self, height: usize, width: usize) -> (usize, usize) {
        match self.size {
            Size::Both(height, width) => (height, width),
            Size::Shorter(side) => {
                // Python's int(side * long / short).
                let scaled =
                    |long: usize, short: usize| (side as u128 * long as u128) as f64 / short as f64;
                match width <= height {
                    true => (scaled(height, width) as usize, side),
                    false => (side, scaled(width, height) as usize),
                }
            }
        }
    }
}

impl Transform for Resize {
    fn apply(&self, image: &Tensor) -> Result<Tensor> {
        let [channels, height, width] = size_of(image, "Resize")?;
        if height == 0 || width == 0 {
            return Err(Error::Value(format!(
                "cannot resize an image of {height}x{width} pixels"
            )));
        }
        let (from, to) = ((height, width), self.target(height, width));
        if to.0 == 0 || to.1 == 0 {
            return Err(Error::Value(format!(
                "cannot resize to {}x{} pixels",
                to.0, to.1
            )));
        }
        let shape = [channels, to.0, to.1];
        let dtype = image.dtype();
        if from == to {
            return Ok(image.clone());
        }
        // Between the two passes one side has its new size already.
        let (tall, wide) = (height.max(to.0), width.max(to.1));
        room::check(
            &[channels, tall, wide],
            dtype.size_of(),
            "the resized image",
        )?;
        match dtype {
            _ if channels == 0 => Ok(Tensor::zeros_of(shape, dtype)),
            DType::U8 => Ok(Tensor::from_vec(
                resample::<u8>(image.to_vec()?, from, to),
                shape,
            )?),
            DType::F32 => Ok(Tensor::from_vec(
                resample::<f32>(image.to_vec()?, from, to),
                shape,
            )?),
            other => Err(Error::Value(format!(
                "Resize takes u8 or f32 images, not {other}"
            ))),
        }
    }
}
