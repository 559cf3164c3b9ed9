//! [`CIFAR10`].

use std::path::Path;

use pleach_core::Tensor;
use pleach_data::{Dataset, check_index};

use super::file::Content;
use crate::{Error, Result};

const SIDE: usize = 32;
const IMAGE: usize = 3 * SIDE * SIDE;
/// A label, then red, green and blue.
const RECORD: usize = 1 + IMAGE;
/// Images of a file.
const IMAGES: usize = 10_000;

/// Colour images of ten classes, from the binary version of CIFAR-10
/// (<https://www.cs.toronto.edu/~kriz/cifar.html>).
///
/// An element is a u8 image `[3, 32, 32]` and its label.
pub struct CIFAR10 {
    /// `[n, 3, 32, 32]`, u8.
    images: Tensor,
    labels: Vec<u8>,
}

impl CIFAR10 {
    /// The names of the classes.
    pub const CLASSES: [&str; 10] = [
        "airplane",
        "automobile",
        "bird",
        "cat",
        "deer",
        "dog",
        "frog",
        "horse",
        "ship",
        "truck",
    ];

    /// Reads the training (`data_batch_1.bin` to `data_batch_5.bin`) or the test images
    /// (`test_batch.bin`) from a folder, or from `cifar-10-batches-bin` in it.
    ///
    /// # Errors
    /// If a file cannot be read, or is not whole.
    pub fn from_folder(root: impl AsRef<Path>, train: bool) -> Result<Self> {
        let root = root.as_ref();
        let inner = root.join("cifar-10-batches-bin");
        let folder = if inner.is_dir() { &inner } else { root };
        let names: Vec<String> = match train {
            true => (1..=5).map(|i| format!("data_batch_{i}.bin")).collect(),
            false => vec!["test_batch.bin".to_string()],
        };
        let files: Vec<_> = names.iter().map(|name| folder.join(name)).collect();
        Self::from_files(&files, Some(IMAGES))
    }

    /// Reads binary files, also compressed by gzip, with so many images each, or with any number.
    ///
    /// # Errors
    /// If a file cannot be read, has another number of images or a part of one, or a label is
    /// above 9.
    pub fn from_files<P: AsRef<Path>>(files: &[P], images_each: Option<usize>) -> Result<Self> {
        let (mut images, mut labels) = (Vec::new(), Vec::new());
        for path in files {
            let path = path.as_ref();
            let mut file = Content::open(path)?;
            let count = match (images_each, file.length()?) {
                (Some(count), _) => Some(count as u64),
                (None, bytes) => bytes.map(|bytes| bytes.div_ceil(RECORD as u64)),
            };
            for i in 0u64.. {
                let what = match count {
                    Some(count) if i == count => break,
                    Some(count) => format!("image {i} of {count}"),
                    None if file.at_end()? => break,
                    None => format!("image {i}"),
                };
                let record = file.take(RECORD as u64, &what)?;
                let label = record[0];
                if usize::from(label) >= Self::CLASSES.len() {
                    let text = format!("label {label}, but there are ten classes");
                    return Err(Error::format(path, i * RECORD as u64, text));
                }
                labels.push(label);
                images.extend_from_slice(&record[1..]);
            }
            file.end()?;
        }
        let shape = [labels.len(), 3, SIDE, SIDE];
        Ok(CIFAR10 {
            images: Tensor::from_vec(images, shape)?,
            labels,
        })
    }

    /// All images, u8 `[n, 3, 32, 32]`.
    pub fn images(&self) -> &Tensor {
        &self.images
    }

    /// All labels.
    pub fn labels(&self) -> &[u8] {
        &self.labels
    }
}

impl Dataset for CIFAR10 {
    type Item = (Tensor, i64);
    fn len(&self) -> usize {
        self.labels.len()
    }
    fn get(&self, index: usize) -> pleach_core::Result<(Tensor, i64)> {
        check_index(index, self.labels.len())?;
        let image = self.images.select(0, index as i64)?;
        Ok((image, self.labels[index].into()))
    }
}
