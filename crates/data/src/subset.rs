//! [`Subset`].

use std::sync::Arc;

use pleach_core::Result;

use crate::{Dataset, check_index};

/// Some elements of a dataset.
pub struct Subset<D> {
    pub(crate) dataset: Arc<D>,
    /// Smaller than its length.
    pub(crate) indices: Vec<usize>,
}

impl<D: Dataset> Subset<D> {
    /// The elements at these indices, in this order. Several subsets can share a dataset.
    ///
    /// ```
    /// use pleach::data::{Dataset, Items, Subset};
    /// let items = Items(vec![10, 20, 30]);
    /// let subset = Subset::new(items.clone(), vec![2, 0])?;
    /// assert_eq!((subset.get(0)?, subset.len()), (30, 2));
    /// assert!(Subset::new(items, vec![3]).is_err());
    /// # Ok::<(), pleach::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the dataset lacks one of them.
    pub fn new(dataset: impl Into<Arc<D>>, indices: Vec<usize>) -> Result<Self> {
        let dataset = dataset.into();
        for &index in &indices {
            check_index(index, dataset.len())?;
        }
        Ok(Subset { dataset, indices })
    }

    /// The dataset that they are from.
    pub fn dataset(&self) -> &D {
        &self.dataset
    }

    /// Where they are in it.
    pub fn indices(&self) -> &[usize] {
        &self.indices
    }
}

impl<D: Dataset> Dataset for Subset<D> {
    type Item = D::Item;
    fn len(&self) -> usize {
        self.indices.len()
    }
    fn get(&self, index: usize) -> Result<D::Item> {
        check_index(index, self.indices.len())?;
        self.dataset.get(self.indices[index])
    }
}
