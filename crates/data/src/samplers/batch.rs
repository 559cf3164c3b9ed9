//! [`BatchSampler`].

use pleach_core::{Error, Result};

use super::Sampler;

/// The indices of another sampler in batches.
///
/// ```
/// use pleach::data::{BatchSampler, Sampler, SequentialSampler};
/// let batches = BatchSampler::new(SequentialSampler::new(5), 2, false)?;
/// assert!(batches.iter().eq([vec![0, 1], vec![2, 3], vec![4]]));
/// # Ok::<(), pleach::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct BatchSampler<S> {
    sampler: S,
    batch_size: usize,
    drop_last: bool,
}

impl<S: Sampler> BatchSampler<S> {
    /// Batches of so many; with `drop_last`, a last one that is not full is left out.
    ///
    /// # Errors
    /// If the batch size is 0.
    pub fn new(sampler: S, batch_size: usize, drop_last: bool) -> Result<Self> {
        check_batch_size(batch_size)?;
        Ok(BatchSampler {
            sampler,
            batch_size,
            drop_last,
        })
    }
}

/// Refuses batches of nothing.
pub(crate) fn check_batch_size(batch_size: usize) -> Result<()> {
    match batch_size {
        0 => Err(Error::value(
            "batch_size should be a positive integer value, but got batch_size=0",
        )),
        _ => Ok(()),
    }
}

impl<S: Sampler> Sampler for BatchSampler<S> {
    type Item = Vec<S::Item>;

    fn iter(&self) -> Box<dyn Iterator<Item = Vec<S::Item>> + Send + '_> {
        // Once it has ended the sampler is asked no more.
        let mut items = self.sampler.iter().fuse();
        Box::new(std::iter::from_fn(move || {
            let batch: Vec<S::Item> = items.by_ref().take(self.batch_size).collect();
            let whole = batch.len() == self.batch_size;
            (whole || (!batch.is_empty() && !self.drop_last)).then_some(batch)
        }))
    }

    fn len(&self) -> usize {
        match self.drop_last {
            true => self.sampler.len() / self.batch_size,
            false => self.sampler.len().div_ceil(self.batch_size),
        }
    }
}
