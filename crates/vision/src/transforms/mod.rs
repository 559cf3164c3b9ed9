//! What is done to an image before a network sees it, as in `torchvision.transforms`.
//!
//! An image is a tensor `[channels, height, width]`: u8 from 0 to 255 as the datasets give it, or
//! f32 after [`ToTensor`]. On u8 images the results are the bytes that torchvision gives for PIL
//! images, resizing included. What is random draws from the thread's current generator the numbers
//! that torchvision draws, so that a seed gives the same crops, flips and colours.
//!
//! ```
//! use pleach::{Tensor, manual_seed};
//! use pleach::vision::transforms::*;
//!
//! let train = Compose::new()
//!     .then(Resize::new(36))
//!     .then(RandomCrop::new(32))
//!     .then(RandomHorizontalFlip::new(0.5)?)
//!     .then(ToTensor)
//!     .then(Normalize::new(&[0.485, 0.456, 0.406], &[0.229, 0.224, 0.225])?);
//! manual_seed(0);
//! let image = Tensor::zeros_of([3, 50, 40], pleach::DType::U8);
//! assert_eq!(train.apply(&image)?.shape(), [3, 32, 32]);
//! # Ok::<(), pleach::vision::Error>(())
//! ```

mod color;
mod color_jitter;
mod compose;
mod crop;
mod flip;
mod grayscale;
mod hsv;
mod normalize;
mod resample;
mod resize;
mod to_tensor;

pub use color_jitter::{ColorJitter, Factors};
pub use compose::Compose;
pub use crop::{CenterCrop, RandomCrop};
pub use flip::RandomHorizontalFlip;
pub use grayscale::Grayscale;
pub use normalize::Normalize;
pub use resize::{Resize, Size};
pub use to_tensor::ToTensor;

use pleach_core::{DType, Tensor};

use crate::{Error, Result};

/// A function of an image. Closures are transforms too.
pub trait Transform: Send + Sync {
    /// The transformed image.
    ///
    /// # Errors
    /// If the tensor is no image that the transform can take.
    fn apply(&self, image: &Tensor) -> Result<Tensor>;
}

impl<F: Fn(&Tensor) -> Result<Tensor> + Send + Sync> Transform for F {
    fn apply(&self, image: &Tensor) -> Result<Tensor> {
        self(image)
    }
}

impl Transform for Box<dyn Transform> {
    fn apply(&self, image: &Tensor) -> Result<Tensor> {
        (**self).apply(image)
    }
}

/// Channels, height and width of an image.
fn size_of(image: &Tensor, transform: &str) -> Result<[usize; 3]> {
    let size: Result<[usize; 3], _> = image.shape().try_into();
    size.map_err(|_| {
        Error::Value(format!(
            "{transform} takes an image [channels, height, width], not {:?}",
            image.shape()
        ))
    })
}

/// The bytes of a u8 image.
fn bytes_of(image: &Tensor, transform: &str) -> Result<Vec<u8>> {
    match image.dtype() {
        DType::U8 => Ok(image.to_vec()?),
        other => Err(Error::Value(format!(
            "{transform} takes u8 images, not {other}: put it before ToTensor"
        ))),
    }
}
