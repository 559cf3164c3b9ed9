//! [`Transformed`].

use pleach_core::{Result, Tensor};
use pleach_data::Dataset;

use crate::transforms::Transform;

/// A data set of images with labels.
pub trait ImageDataset: Dataset<Item = (Tensor, i64)> + Sized {
    /// The same elements with a transform applied to each image when it is read.
    ///
    /// ```
    /// use pleach::{DType, Tensor};
    /// use pleach::data::{Dataset, Items};
    /// use pleach::vision::datasets::ImageDataset;
    /// use pleach::vision::transforms::ToTensor;
    ///
    /// let white = Tensor::full_of([3, 2, 2], 255, DType::U8);
    /// let (image, label) = Items(vec![(white, 7)]).transformed(ToTensor).get(0)?;
    /// assert_eq!((image.mean()?.item()?, label), (1.0, 7));
    /// # Ok::<(), pleach::Error>(())
    /// ```
    fn transformed(self, transform: impl Transform + 'static) -> Transformed<Self> {
        Transformed {
            dataset: self,
            transform: Box::new(transform),
        }
    }
}

impl<D: Dataset<Item = (Tensor, i64)>> ImageDataset for D {}

/// A data set of images with a transform: see [`ImageDataset::transformed`].
pub struct Transformed<D> {
    dataset: D,
    transform: Box<dyn Transform>,
}

impl<D: Dataset<Item = (Tensor, i64)>> Dataset for Transformed<D> {
    type Item = (Tensor, i64);
    fn len(&self) -> usize {
        self.dataset.len()
    }
    fn get(&self, index: usize) -> Result<(Tensor, i64)> {
        let (image, label) = self.dataset.get(index)?;
        Ok((self.transform.apply(&image)?, label))
    }
}
