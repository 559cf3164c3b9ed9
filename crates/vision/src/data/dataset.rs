//! [`Dataset`].

use std::sync::Arc;

use pleach_core::Tensor;

use crate::transforms::Transform;
use crate::{Error, Result};

/// Elements by index.
///
/// ```
/// use pleach_vision::Result;
/// use pleach_vision::data::Dataset;
///
/// struct Squares(usize);
/// impl Dataset for Squares {
///     type Item = i64;
///     fn len(&self) -> usize {
///         self.0
///     }
///     fn get(&self, index: usize) -> Result<i64> {
///         Ok((index * index) as i64)
///     }
/// }
/// assert_eq!(Squares(5).get(4)?, 16);
/// # Ok::<(), pleach_vision::Error>(())
/// ```
pub trait Dataset: Send + Sync {
    /// What an element is; for images with labels, `(Tensor, i64)`.
    type Item;

    /// The number of elements.
    fn len(&self) -> usize;

    /// The element at an index.
    ///
    /// # Errors
    /// If there is none, or it cannot be read.
    fn get(&self, index: usize) -> Result<Self::Item>;

    /// Whether there are no elements.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The same elements with a transform applied to each image when it is read.
    fn transformed(self, transform: impl Transform + 'static) -> Transformed<Self>
    where
        Self: Dataset<Item = (Tensor, i64)> + Sized,
    {
        Transformed {
            dataset: self,
            transform: Box::new(transform),
        }
    }
}

/// An index that must be smaller than a length.
pub(crate) fn check_index(index: usize, len: usize) -> Result<()> {
    match index < len {
        true => Ok(()),
        false => Err(Error::Index { index, len }),
    }
}

impl<D: Dataset + ?Sized> Dataset for Arc<D> {
    type Item = D::Item;
    fn len(&self) -> usize {
        (**self).len()
    }
    fn get(&self, index: usize) -> Result<D::Item> {
        (**self).get(index)
    }
}

impl<D: Dataset + ?Sized> Dataset for Box<D> {
    type Item = D::Item;
    fn len(&self) -> usize {
        (**self).len()
    }
    fn get(&self, index: usize) -> Result<D::Item> {
        (**self).get(index)
    }
}

/// Elements that are in memory.
///
/// ```
/// use pleach_vision::data::{Dataset, Items};
/// let items: Items<_> = (0..5i64).collect();
/// assert_eq!((items.len(), items.get(3)?), (5, 3));
/// # Ok::<(), pleach_vision::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Items<T>(pub Vec<T>);

impl<T> FromIterator<T> for Items<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        Items(items.into_iter().collect())
    }
}

impl<T: Clone + Send + Sync> Dataset for Items<T> {
    type Item = T;
    fn len(&self) -> usize {
        self.0.len()
    }
    fn get(&self, index: usize) -> Result<T> {
        check_index(index, self.0.len())?;
        Ok(self.0[index].clone())
    }
}

/// A dataset of images with a transform: see [`Dataset::transformed`].
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
