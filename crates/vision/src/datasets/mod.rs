//! Data sets of images, as in `torchvision.datasets`.
//!
//! They give `(image, label)`; an image is a u8 tensor `[channels, height, width]` until
//! [`transforms`](crate::transforms) make a float one of it. `pleach_data` has what reads them in
//! batches.
//!
//! ```no_run
//! use pleach::data::DataLoader;
//! use pleach::vision::datasets::{ImageDataset, MNIST};
//! use pleach::vision::transforms::ToTensor;
//!
//! let digits = MNIST::from_folder("data", true)?.transformed(ToTensor);
//! let loader = DataLoader::builder(digits).batch_size(64).shuffle(true).build()?;
//! for batch in &loader {
//!     let (images, labels) = batch?;
//!     assert_eq!(images.shape()[1..], [1, 28, 28]);
//! }
//! # Ok::<(), pleach::Error>(())
//! ```

mod cifar10;
mod file;
mod idx;
#[cfg(feature = "image")]
mod image_file;
#[cfg(feature = "image")]
mod image_folder;
#[cfg(feature = "image")]
mod image_walk;
#[cfg(feature = "image")]
mod jpeg_end;
mod mnist;
#[cfg(feature = "image")]
mod passed_over;
mod transformed;

pub use cifar10::CIFAR10;
pub use idx::read_idx;
#[cfg(feature = "image")]
pub use image_file::{ImageOptions, read_image};
#[cfg(feature = "image")]
pub use image_folder::{ImageFolder, ImageFolderBuilder};
pub use mnist::MNIST;
#[cfg(feature = "image")]
pub use passed_over::{PassedOver, Reason};
pub use transformed::{ImageDataset, Transformed};
