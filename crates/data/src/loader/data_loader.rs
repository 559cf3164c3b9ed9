//! [`DataLoader`].

use std::sync::Arc;

use pleach_core::{Error, Generator, Result};

use super::batches::{Batches, Pass};
use super::source::{Reader, Source};
use crate::{
    BatchSampler, CollateFn, Dataset, DefaultCollate, RandomSampler, Sampler, SequentialSampler,
};

/// Goes through a data set in batches.
///
/// Each pass ([`DataLoader::iter`]) draws the same random numbers as PyTorch's: a base seed, and
/// what its sampler draws; from the loader's generator, or without one from the thread's current
/// generator. Without workers the elements are read on the calling thread, where transforms draw
/// from the current generator. Worker `w` of `n` reads the batches `w`, `w + n`, … in the
/// background, and its transforms draw from a generator of its own, which starts with the base seed
/// plus `w`, as in PyTorch: so the batches depend on the seed and on `n`, and on nothing else.
///
/// ```
/// use pleach::{Generator, Tensor};
/// use pleach::data::{DataLoader, Items};
///
/// let data: Items<(Tensor, i64)> = (0..5).map(|i| (Tensor::full([2], i as f64), i)).collect();
/// let loader = DataLoader::builder(data)
///     .batch_size(2)
///     .shuffle(true)
///     .drop_last(true)
///     .num_workers(2)
///     .generator(Generator::seeded(0))
///     .build()?;
/// assert_eq!(loader.len(), 2);
/// for batch in &loader {
///     let (x, label) = batch?;
///     assert_eq!((x.shape(), label.shape()), (&[2, 2][..], &[2][..]));
/// }
/// # Ok::<(), pleach::Error>(())
/// ```
pub struct DataLoader<D, C = DefaultCollate> {
    source: Arc<ByIndex<D, C>>,
    batches: Box<dyn Sampler<Item = Vec<usize>>>,
    pass: Pass,
}

/// The elements of a data set at the indices of a batch.
struct ByIndex<D, C> {
    dataset: D,
    collate: C,
}

impl<D: Dataset + 'static, C: CollateFn<D::Item>> Source for ByIndex<D, C> {
    type Task = Vec<usize>;
    type Batch = C::Batch;
    const ENDS_WITH_ITS_READER: bool = false;

    fn reader(&self) -> Reader<'_, Vec<usize>, C::Batch> {
        Box::new(|indices| {
            let items = indices.into_iter().map(|i| self.dataset.get(i));
            let items = items.collect::<Result<Vec<_>>>();
            Some(items.and_then(|items| self.collate.collate(items)))
        })
    }
}

impl<D: Dataset> DataLoader<D> {
    /// A loader with options; by default batches of one element, in order, without workers.
    pub fn builder(dataset: D) -> DataLoaderBuilder<D> {
        DataLoaderBuilder {
            dataset,
            collate: DefaultCollate,
            batch_size: 1,
            shuffle: false,
            sampler: None,
            batch_sampler: None,
            drop_last: false,
            pass: Pass::default(),
        }
    }
}

impl<D, C> DataLoader<D, C> {
    /// The data set.
    pub fn dataset(&self) -> &D {
        &self.source.dataset
    }

    /// The number of batches of a pass.
    pub fn len(&self) -> usize {
        self.batches.len()
    }

    /// Whether a pass has no batches.
    pub fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }
}

impl<D: Dataset + 'static, C: CollateFn<D::Item>> DataLoader<D, C> {
    /// Starts a pass.
    pub fn iter(&self) -> Batches<'_, C::Batch> {
        self.pass.start(&self.source, self.batches.iter())
    }
}

impl<'a, D: Dataset + 'static, C: CollateFn<D::Item>> IntoIterator for &'a DataLoader<D, C> {
    type Item = Result<C::Batch>;
    type IntoIter = Batches<'a, C::Batch>;
    fn into_iter(self) -> Batches<'a, C::Batch> {
        self.iter()
    }
}

/// Options of a [`DataLoader`].
#[must_use]
pub struct DataLoaderBuilder<D, C = DefaultCollate> {
    dataset: D,
    collate: C,
    batch_size: usize,
    shuffle: bool,
    sampler: Option<Box<dyn Sampler<Item = usize>>>,
    batch_sampler: Option<Box<dyn Sampler<Item = Vec<usize>>>>,
    drop_last: bool,
    pass: Pass,
}

impl<D: Dataset, C> DataLoaderBuilder<D, C> {
    /// Elements of a batch (1 by default).
    pub fn batch_size(mut self, elements: usize) -> Self {
        self.batch_size = elements;
        self
    }

    /// Whether each pass goes through the elements in another random order (no, by default).
    pub fn shuffle(mut self, on: bool) -> Self {
        self.shuffle = on;
        self
    }

    /// The order of the elements.
    pub fn sampler(mut self, sampler: impl Sampler<Item = usize> + 'static) -> Self {
        self.sampler = Some(Box::new(sampler));
        self
    }

    /// The elements of each batch.
    pub fn batch_sampler(mut self, sampler: impl Sampler<Item = Vec<usize>> + 'static) -> Self {
        self.batch_sampler = Some(Box::new(sampler));
        self
    }

    /// Whether a last batch that is not full is left out (no, by default).
    pub fn drop_last(mut self, on: bool) -> Self {
        self.drop_last = on;
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

    /// Where the base seed and the order of `shuffle` are drawn from (by default the thread's
    /// current generator).
    pub fn generator(mut self, generator: Generator) -> Self {
        self.pass.generator = Some(generator);
        self
    }

    /// What makes a batch of its elements, in place of their [`Collate`](crate::Collate).
    ///
    /// ```
    /// use pleach::{Result, Tensor};
    /// use pleach::data::{DataLoader, Items};
    ///
    /// // Sentences of different lengths, filled up with zeros.
    /// let sentences = Items(vec![vec![5i64, 6, 7], vec![8]]);
    /// let loader = DataLoader::builder(sentences)
    ///     .batch_size(2)
    ///     .collate_fn(|mut items: Vec<Vec<i64>>| {
    ///         let longest = items.iter().map(Vec::len).max().unwrap_or(0);
    ///         items.iter_mut().for_each(|item| item.resize(longest, 0));
    ///         Tensor::from_vec(items.concat(), [items.len(), longest])
    ///     })
    ///     .build()?;
    /// let batch = loader.iter().next().expect("one batch")?;
    /// assert_eq!(batch.to_vec::<i64>()?, [5, 6, 7, 8, 0, 0]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    pub fn collate_fn<F, B>(self, collate: F) -> DataLoaderBuilder<D, F>
    where
        F: Fn(Vec<D::Item>) -> Result<B> + Send + Sync + 'static,
        B: Send + 'static,
    {
        DataLoaderBuilder {
            dataset: self.dataset,
            collate,
            batch_size: self.batch_size,
            shuffle: self.shuffle,
            sampler: self.sampler,
            batch_sampler: self.batch_sampler,
            drop_last: self.drop_last,
            pass: self.pass,
        }
    }

    /// Builds the loader.
    ///
    /// # Errors
    /// If an option is given beside one that takes its place: `sampler` and `shuffle`;
    /// `batch_sampler` and one of `batch_size`, `shuffle`, `sampler` and `drop_last`;
    /// `prefetch_factor` without workers. If the batch size or the number of batches read ahead is
    /// 0, there are more than 65,536 workers, or nothing is to be shuffled or its order has no room
    /// in memory.
    pub fn build(self) -> Result<DataLoader<D, C>> {
        self.pass.check()?;
        let len = self.dataset.len();
        if self.sampler.is_some() && self.shuffle {
            return Err(Error::value(
                "sampler option is mutually exclusive with shuffle",
            ));
        }
        let batches: Box<dyn Sampler<Item = Vec<usize>>> = match self.batch_sampler {
            Some(_)
                if self.batch_size != 1
                    || self.shuffle
                    || self.sampler.is_some()
                    || self.drop_last =>
            {
                return Err(Error::value(
                    "batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, and drop_last",
                ));
            }
            Some(batches) => batches,
            None => {
                let sampler: Box<dyn Sampler<Item = usize>> = match (self.sampler, self.shuffle) {
                    (Some(sampler), _) => sampler,
                    (None, false) => Box::new(SequentialSampler::new(len)),
                    (None, true) => {
                        let sampler = RandomSampler::builder(len);
                        Box::new(match &self.pass.generator {
                            Some(generator) => sampler.generator(generator.clone()).build()?,
                            None => sampler.build()?,
                        })
                    }
                };
                Box::new(BatchSampler::new(sampler, self.batch_size, self.drop_last)?)
            }
        };
        Ok(DataLoader {
            source: Arc::new(ByIndex {
                dataset: self.dataset,
                collate: self.collate,
            }),
            batches,
            pass: self.pass,
        })
    }
}
