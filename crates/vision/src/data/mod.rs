//! Datasets and how they are read in batches, as in `torch.utils.data` and
//! `torchvision.datasets`.
//!
//! A [`Dataset`] has a length and gives the element at an index. A [`DataLoader`] goes through it
//! in batches: in order or shuffled as PyTorch does for the same seed, on the calling thread or on
//! workers in the background. The datasets of images give `(image, label)`; an image is a u8 tensor
//! `[channels, height, width]` until [`transforms`](crate::transforms) make a float one of it.
//!
//! ```
//! use pleach_core::manual_seed;
//! use pleach_vision::data::{DataLoader, Items};
//!
//! manual_seed(0);
//! let numbers: Items<i64> = (0..10).collect();
//! let loader = DataLoader::builder(numbers).batch_size(4).shuffle(true).build()?;
//! let batches = loader.iter().collect::<Result<Vec<_>, _>>()?;
//! assert_eq!(batches[0].to_vec::<i64>()?, [6, 7, 1, 4]); // as in PyTorch
//! assert_eq!(batches[2].shape(), [2]);
//! # Ok::<(), pleach_vision::Error>(())
//! ```

mod cifar10;
mod collate;
mod dataset;
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
mod loader;
mod mnist;
mod order;
#[cfg(feature = "image")]
mod passed_over;
mod split;
mod workers;

pub use cifar10::CIFAR10;
pub use collate::Collate;
pub use dataset::{Dataset, Items, Transformed};
pub use idx::read_idx;
#[cfg(feature = "image")]
pub use image_file::{ImageOptions, read_image};
#[cfg(feature = "image")]
pub use image_folder::{ImageFolder, ImageFolderBuilder};
pub use loader::{Batches, DataLoader, DataLoaderBuilder};
pub use mnist::MNIST;
#[cfg(feature = "image")]
pub use passed_over::{PassedOver, Reason};
pub use split::{SplitLengths, Subset, random_split};
