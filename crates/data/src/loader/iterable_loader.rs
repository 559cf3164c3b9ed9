//! [`IterableLoader`].

use std::iter;
use std::sync::Arc;

use pleach_core::{Generator, Result};

use super::batches::{Batches, Pass};
use super::source::{Reader, Source};
use crate::samplers::check_batch_size;
use crate::{CollateFn, DefaultCollate, IterableDataset};

/// Goes through an [`IterableDataset`] in batches.
///
/// With workers each makes a pass of its own, and the batches come from them in turn; one whose
/// pass has ended leaves the round. Each has a last batch that may not be full, and `drop_last`
/// leaves out each. Random numbers are drawn as by a [`DataLoader`](crate::DataLoader).
///
/// There is no `shuffle` and no sampler, for there are no indices, and no length; see
/// [`IterableDataset`] for an example.
pub struct IterableLoader<D, C = DefaultCollate> {
    source: Arc<InTurn<D, C>>,
    pass: Pass,
}

/// The next elements of a data set.
struct InTurn<D, C> {
    dataset: D,
    collate: C,
    batch_size: usize,
    drop_last: bool,
}

impl<D: IterableDataset + 'static, C: CollateFn<D::Item>> Source for InTurn<D, C> {
    type Task = ();
    type Batch = C::Batch;
    const ENDS_WITH_ITS_READER: bool = true;

    fn reader(&self) -> Reader<'_, (), C::Batch> {
        // It is not asked again after its end.
        let mut elements = self.dataset.iter().fuse();
        Box::new(move |()| {
            let items = elements.by_ref().take(self.batch_size);
            let items = match items.collect::<Result<Vec<_>>>() {
                Ok(items) => items,
                Err(error) => return Some(Err(error)),
            };
            let whole = items.len() == self.batch_size;
            (whole || (!items.is_empty() && !self.drop_last)).then(|| self.collate.collate(items))
        })
    }
}

impl<D: IterableDataset> IterableLoader<D> {
    /// A loader with options; by default batches of one element, without workers.
    pub fn builder(dataset: D) -> IterableLoaderBuilder<D> {
        IterableLoaderBuilder {
            source: InTurn {
                dataset,
                collate: DefaultCollate,
                batch_size: 1,
                drop_last: false,
            },
            pass: Pass::default(),
        }
    }
}

impl<D: IterableDataset + 'static, C: CollateFn<D::Item>> IterableLoader<D, C> {
    /// The data set.
    pub fn dataset(&self) -> &D {
        &self.source.dataset
    }

    /// Starts a pass.
    pub fn iter(&self) -> Batches<'_, C::Batch> {
        self.pass.start(&self.source, Box::new(iter::repeat(())))
    }
}

impl<'a, D: IterableDataset + 'static, C: CollateFn<D::Item>> IntoIterator
    for &'a IterableLoader<D, C>
{
    type Item = Result<C::Batch>;
    type IntoIter = Batches<'a, C::Batch>;
    fn into_iter(self) -> Batches<'a, C::Batch> {
        self.iter()
    }
}

/// Options of an [`IterableLoader`].
#[must_use]
pub struct IterableLoaderBuilder<D, C = DefaultCollate> {
    source: InTurn<D, C>,
    pass: Pass,
}

impl<D: IterableDataset, C> IterableLoaderBuilder<D, C> {
    /// Elements of a batch (1 by default).
    pub fn batch_size(mut self, elements: usize) -> Self {
        self.source.batch_size = elements;
        self
    }

    /// Whether a last batch that is not full is left out (no, by default).
    pub fn drop_last(mut self, on: bool) -> Self {
        self.source.drop_last = on;
        self
    }

    /// Threads that read batches in the background (0 by default: the calling thread reads).
    pub fn num_workers(mut self, workers: usize) -> Self {
        self.pass.num_workers = workers;
        self
    }

    /// Batches that each worker reads ahead (2 by default).
    pub fn prefetch_factor(mut self, batches: usize) -> Self {
        self.pass.prefetch_factor = Some(batches);
        self
    }

    /// Where the base seed is drawn from (by default the thread's current generator).
    pub fn generator(mut self, generator: Generator) -> Self {
        self.pass.generator = Some(generator);
        self
    }

    /// What makes a batch of its elements, in place of their [`Collate`](crate::Collate).
    pub fn collate_fn<F, B>(self, collate: F) -> IterableLoaderBuilder<D, F>
    where
        F: Fn(Vec<D::Item>) -> Result<B> + Send + Sync + 'static,
        B: Send + 'static,
    {
        let InTurn {
            dataset,
            batch_size,
            drop_last,
            ..
        } = self.source;
        IterableLoaderBuilder {
            source: InTurn {
                dataset,
                collate,
                batch_size,
                drop_last,
            },
            pass: self.pass,
        }
    }

    /// Builds the loader.
    ///
    /// # Errors
    /// If the batch size or the number of batches read ahead is 0, there are more than 65,536
    /// workers, or `prefetch_factor` is given without workers.
    pub fn build(self) -> Result<IterableLoader<D, C>> {
        self.pass.check()?;
        check_batch_size(self.source.batch_size)?;
        Ok(IterableLoader {
            source: Arc::new(self.source),
            pass: self.pass,
        })
    }
}
