//! [`ConcatDataset`].

use pleach_core::{Error, Result};

use crate::{Dataset, check_index};

/// Several data sets, one after another. Those of different types with the same elements are
/// `Box<dyn Dataset<Item = T>>`.
///
/// ```
/// use pleach::data::{ConcatDataset, Dataset, Items};
/// let both = ConcatDataset::new([Items(vec![1, 2]), Items(vec![30, 40, 50])])?;
/// assert_eq!((both.len(), both.get(3)?), (5, 40));
/// assert_eq!(both.cumulative_sizes(), [2, 5]);
/// # Ok::<(), pleach::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct ConcatDataset<D> {
    datasets: Vec<D>,
    cumulative_sizes: Vec<usize>,
}

impl<D: Dataset> ConcatDataset<D> {
    /// Puts data sets after each other.
    ///
    /// # Errors
    /// If there are none, or they have more elements than a `usize` counts.
    pub fn new(datasets: impl IntoIterator<Item = D>) -> Result<Self> {
        let datasets: Vec<D> = datasets.into_iter().collect();
        if datasets.is_empty() {
            return Err(Error::value("datasets should not be an empty iterable"));
        }
        let mut sum = 0usize;
        let sizes = datasets.iter().map(|dataset| {
            sum = sum
                .checked_add(dataset.len())
                .ok_or_else(|| Error::value("the datasets have too many elements together"))?;
            Ok(sum)
        });
        let cumulative_sizes = sizes.collect::<Result<_>>()?;
        Ok(ConcatDataset {
            datasets,
            cumulative_sizes,
        })
    }

    /// The data sets.
    pub fn datasets(&self) -> &[D] {
        &self.datasets
    }

    /// For each data set, the elements up to its end.
    pub fn cumulative_sizes(&self) -> &[usize] {
        &self.cumulative_sizes
    }
}

impl<D: Dataset> Dataset for ConcatDataset<D> {
    type Item = D::Item;
    fn len(&self) -> usize {
        self.cumulative_sizes.last().copied().unwrap_or(0)
    }
    fn get(&self, index: usize) -> Result<D::Item> {
        check_index(index, self.len())?;
        let which = self.cumulative_sizes.partition_point(|&end| end <= index);
        let start = which.checked_sub(1).map_or(0, |i| self.cumulative_sizes[i]);
        self.datasets[which].get(index - start)
    }
}
