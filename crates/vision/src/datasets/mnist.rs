//! [`MNIST`].

use std::path::{Path, PathBuf};

use pleach_core::Tensor;
use pleach_data::{Dataset, check_index};

use super::idx::read_idx;
use crate::{Error, Result};

/// Grey images with labels from IDX files: MNIST, Fashion-MNIST, KMNIST.
///
/// An element is a u8 image `[1, height, width]` and its label.
pub struct MNIST {
    /// `[n, height, width]`, u8.
    images: Tensor,
    labels: Vec<u8>,
}

impl MNIST {
    /// Reads a file of images and one of labels, both also compressed by gzip. Labels may be any
    /// bytes: other datasets in this format have more than ten classes.
    ///
    /// # Errors
    /// If a file cannot be read or is broken, or the two do not belong together.
    pub fn from_files(images: impl AsRef<Path>, labels: impl AsRef<Path>) -> Result<Self> {
        let images_path = images.as_ref();
        let labels_path = labels.as_ref();
        let images = read_idx(images_path)?;
        if images.rank() != 3 {
            let text = format!("{} dimensions, images have 3", images.rank());
            return Err(Error::format(images_path, 3, text));
        }
        let labels = read_idx(labels_path)?;
        if labels.rank() != 1 {
            let text = format!("{} dimensions, labels have 1", labels.rank());
            return Err(Error::format(labels_path, 3, text));
        }
        if labels.numel() != images.shape()[0] {
            let text = format!(
                "{} labels, but {} has {} images",
                labels.numel(),
                images_path.display(),
                images.shape()[0]
            );
            return Err(Error::format(labels_path, 4, text));
        }
        Ok(MNIST {
            images,
            labels: labels.to_vec()?,
        })
    }

    /// Reads the training or the test images from a folder that has the files under their
    /// original names (`train-images-idx3-ubyte`, with or without `.gz`), or from torchvision's
    /// folders below it (`MNIST/raw`, `FashionMNIST/raw`, `KMNIST/raw`).
    ///
    /// # Errors
    /// If there are no such files, a label is above 9, or as [`MNIST::from_files`].
    pub fn from_folder(root: impl AsRef<Path>, train: bool) -> Result<Self> {
        let root = root.as_ref();
        let part = if train { "train" } else { "t10k" };
        let find = |name: String| -> Option<PathBuf> {
            ["", "MNIST/raw", "FashionMNIST/raw", "KMNIST/raw", "raw"]
                .iter()
                .flat_map(|folder| {
                    [
                        root.join(folder).join(&name),
                        root.join(folder).join(format!("{name}.gz")),
                    ]
                })
                .find(|path| path.is_file())
        };
        let images = find(format!("{part}-images-idx3-ubyte"));
        let labels = find(format!("{part}-labels-idx1-ubyte"));
        match (images, labels) {
            (Some(images), Some(labels)) => {
                let data = Self::from_files(images, &labels)?;
                if let Some(i) = data.labels.iter().position(|&label| label > 9) {
                    let text = format!("label {}, but there are ten classes", data.labels[i]);
                    return Err(Error::format(&labels, (8 + i) as u64, text));
                }
                Ok(data)
            }
            _ => Err(Error::Folder {
                path: root.to_path_buf(),
                what: format!("no files {part}-images-idx3-ubyte and {part}-labels-idx1-ubyte"),
            }),
        }
    }

    /// All images, u8 `[n, height, width]`.
    pub fn images(&self) -> &Tensor {
        &self.images
    }

    /// All labels.
    pub fn labels(&self) -> &[u8] {
        &self.labels
    }
}

impl Dataset for MNIST {
    type Item = (Tensor, i64);
    fn len(&self) -> usize {
        self.labels.len()
    }
    fn get(&self, index: usize) -> pleach_core::Result<(Tensor, i64)> {
        check_index(index, self.labels.len())?;
        let image = self.images.narrow(0, index, 1)?;
        Ok((image, self.labels[index].into()))
    }
}
