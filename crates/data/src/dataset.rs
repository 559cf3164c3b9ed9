//! [`Dataset`].

use std::sync::Arc;

use pleach_core::{Error, Result};

/// Elements by index.
///
/// ```
/// use pleach::Result;
/// use pleach::data::{Dataset, check_index};
///
/// struct Squares(usize);
/// impl Dataset for Squares {
///     type Item = i64;
///     fn len(&self) -> usize {
///         self.0
///     }
///     fn get(&self, index: usize) -> Result<i64> {
///         check_index(index, self.0)?;
///         Ok((index * index) as i64)
///     }
/// }
/// assert_eq!(Squares(5).get(4)?, 16);
/// # Ok::<(), pleach::Error>(())
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

    /// What `f` makes of each element, when it is read.
    ///
    /// ```
    /// use pleach::data::{Dataset, Items};
    /// let numbers = (0..5i64).collect::<Items<_>>();
    /// let named = numbers.map(|n| Ok((n as f32 / 2.0, n.to_string())));
    /// assert_eq!(named.get(3)?, (1.5, "3".to_string()));
    /// # Ok::<(), pleach::Error>(())
    /// ```
    fn map<T, F>(self, f: F) -> Map<Self, F>
    where
        Self: Sized,
        F: Fn(Self::Item) -> Result<T> + Send + Sync,
    {
        Map { dataset: self, f }
    }
}

/// Refuses an index that is not smaller than a length.
///
/// # Errors
/// If it is not.
///
/// ```
/// let error = pleach::data::check_index(5, 5).unwrap_err();
/// assert_eq!(error.to_string(), "index 5 is out of range for a dataset of 5 elements");
/// ```
pub fn check_index(index: usize, len: usize) -> Result<()> {
    match index < len {
        true => Ok(()),
        false => Err(Error::index(format!(
            "index {index} is out of range for a dataset of {len} elements"
        ))),
    }
}

/// A pointer to a data set is one.
macro_rules! pointer {
    ($pointer:ident) => {
        impl<D: Dataset + ?Sized> Dataset for $pointer<D> {
            type Item = D::Item;
            fn len(&self) -> usize {
                (**self).len()
            }
            fn get(&self, index: usize) -> Result<D::Item> {
                (**self).get(index)
            }
        }
    };
}
pointer!(Arc);
pointer!(Box);

/// A data set with a function applied to each element: see [`Dataset::map`].
#[derive(Debug, Clone)]
pub struct Map<D, F> {
    dataset: D,
    f: F,
}

impl<D: Dataset, T, F: Fn(D::Item) -> Result<T> + Send + Sync> Dataset for Map<D, F> {
    type Item = T;
    fn len(&self) -> usize {
        self.dataset.len()
    }
    fn get(&self, index: usize) -> Result<T> {
        (self.f)(self.dataset.get(index)?)
    }
}
