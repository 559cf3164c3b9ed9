//! [`IterableDataset`].

use std::sync::Arc;

use pleach_core::Result;

/// Elements one after another, where there is no index or it would be slow: the lines of a file,
/// what a socket sends.
///
/// With workers, **each worker makes a pass of its own**: without a look at
/// [`worker_info`](crate::worker_info) every element comes once from each.
///
/// ```
/// use pleach::Result;
/// use pleach::data::{IterableDataset, IterableLoader, worker_info};
///
/// struct Numbers(i64);
/// impl IterableDataset for Numbers {
///     type Item = i64;
///     fn iter(&self) -> Box<dyn Iterator<Item = Result<i64>> + Send + '_> {
///         // The share of this worker: every so manieth number.
///         let (first, step) = worker_info().map_or((0, 1), |w| (w.id, w.num_workers));
///         Box::new((first as i64..self.0).step_by(step).map(Ok))
///     }
/// }
///
/// let loader = IterableLoader::builder(Numbers(7)).batch_size(2).num_workers(2).build()?;
/// let batches = loader.iter().map(|batch| batch?.to_vec::<i64>());
/// let batches = batches.collect::<Result<Vec<_>>>()?;
/// assert_eq!(batches, [vec![0, 2], vec![1, 3], vec![4, 6], vec![5]]);
/// # Ok::<(), pleach::Error>(())
/// ```
pub trait IterableDataset: Send + Sync {
    /// What an element is.
    type Item;

    /// Starts a pass.
    fn iter(&self) -> Box<dyn Iterator<Item = Result<Self::Item>> + Send + '_>;
}

impl<D: IterableDataset + ?Sized> IterableDataset for Arc<D> {
    type Item = D::Item;
    fn iter(&self) -> Box<dyn Iterator<Item = Result<D::Item>> + Send + '_> {
        (**self).iter()
    }
}

impl<D: IterableDataset + ?Sized> IterableDataset for Box<D> {
    type Item = D::Item;
    fn iter(&self) -> Box<dyn Iterator<Item = Result<D::Item>> + Send + '_> {
        (**self).iter()
    }
}
