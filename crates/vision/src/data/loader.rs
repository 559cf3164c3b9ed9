//! [`DataLoader`].

use std::sync::Arc;

use pleach_core::Generator;

use super::order::{BatchOrder, draw_seed};
use super::workers::Workers;
use super::{Collate, Dataset};
use crate::{Error, Result, room};

/// Goes through a dataset in batches.
///
/// Each pass ([`DataLoader::iter`]) draws the same random numbers as PyTorch's: a base seed, and
/// for a shuffled order a seed or a permutation; from the loader's generator, or without one from
/// the thread's current generator. Without workers the elements are read on the calling thread,
/// where transforms draw from the current generator. Worker `w` of `n` reads the batches `w`,
/// `w + n`, … in the background, and its transforms draw from a generator of its own, which starts
/// with the base seed plus `w`, as in PyTorch: so the batches depend on the seed and on `n`, and on
/// nothing else.
///
/// ```
/// use pleach_core::{Generator, Tensor};
/// use pleach_vision::data::{DataLoader, Items};
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
/// # Ok::<(), pleach_vision::Error>(())
/// ```
pub struct DataLoader<D> {
    dataset: Arc<D>,
    options: Options,
}

#[derive(Clone)]
struct Options {
    batch_size: usize,
    shuffle: bool,
    drop_last: bool,
    num_workers: usize,
    prefetch_factor: usize,
    generator: Option<Generator>,
}

impl<D: Dataset> DataLoader<D> {
    /// A loader with options; by default batches of one element, in order, without workers.
    pub fn builder(dataset: D) -> DataLoaderBuilder<D> {
        DataLoaderBuilder {
            dataset,
            options: Options {
                batch_size: 1,
                shuffle: false,
                drop_last: false,
                num_workers: 0,
                prefetch_factor: 2,
                generator: None,
            },
        }
    }

    /// The dataset.
    pub fn dataset(&self) -> &D {
        &self.dataset
    }

    /// The number of batches of a pass.
    pub fn len(&self) -> usize {
        let (elements, size) = (self.dataset.len(), self.options.batch_size);
        match self.options.drop_last {
            true => elements / size,
            false => elements.div_ceil(size),
        }
    }

    /// Whether a pass has no batches.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<D> DataLoader<D>
where
    D: Dataset<Item: Collate> + 'static,
{
    /// Starts a pass.
    pub fn iter(&self) -> Batches<D> {
        let options = &self.options;
        let base_seed = match &options.generator {
            Some(generator) => draw_seed(generator),
            None => draw_seed(&Generator::current()),
        };
        let order = BatchOrder::new(
            self.dataset.len(),
            options.shuffle.then(|| options.generator.clone()),
            options.batch_size,
            options.drop_last,
        );
        let source = match options.num_workers {
            0 => Source::Here {
                dataset: self.dataset.clone(),
                order,
            },
            workers => {
                let dataset = self.dataset.clone();
                let len = self.len();
                Source::Workers(Workers::start(
                    order.shares(workers, len),
                    options.prefetch_factor,
                    len,
                    base_seed,
                    move |positions: &[usize]| load(&*dataset, positions),
                ))
            }
        };
        Batches {
            source,
            left: self.len(),
        }
    }
}

fn load<D: Dataset<Item: Collate>>(
    dataset: &D,
    positions: &[usize],
) -> Result<<D::Item as Collate>::Batch> {
    let items = positions.iter().map(|&i| dataset.get(i));
    Collate::collate(items.collect::<Result<Vec<_>>>()?)
}

impl<D> IntoIterator for &DataLoader<D>
where
    D: Dataset<Item: Collate> + 'static,
{
    type Item = Result<<D::Item as Collate>::Batch>;
    type IntoIter = Batches<D>;
    fn into_iter(self) -> Batches<D> {
        self.iter()
    }
}

/// The batches of one pass. A batch that cannot be read is an error; those after it still come.
pub struct Batches<D: Dataset<Item: Collate>> {
    source: Source<D>,
    left: usize,
}

enum Source<D: Dataset<Item: Collate>> {
    Here { dataset: Arc<D>, order: BatchOrder },
    Workers(Workers<<D::Item as Collate>::Batch>),
}

impl<D: Dataset<Item: Collate>> Iterator for Batches<D> {
    type Item = Result<<D::Item as Collate>::Batch>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = match &mut self.source {
            // Also asked after the last batch: the order then draws what PyTorch's draws.
            Source::Here { dataset, order } => {
                order.next().map(|positions| load(&**dataset, &positions))
            }
            Source::Workers(workers) => workers.next(),
        };
        self.left = self.left.saturating_sub(1);
        batch
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<D: Dataset<Item: Collate>> ExactSizeIterator for Batches<D> {}

/// Options of a [`DataLoader`].
#[must_use]
pub struct DataLoaderBuilder<D> {
    dataset: D,
    options: Options,
}

impl<D: Dataset> DataLoaderBuilder<D> {
    /// Elements of a batch (1 by default).
    pub fn batch_size(mut self, elements: usize) -> Self {
        self.options.batch_size = elements;
        self
    }

    /// Whether each pass goes through the elements in another random order (no, by default).
    pub fn shuffle(mut self, on: bool) -> Self {
        self.options.shuffle = on;
        self
    }

    /// Whether a last batch that is not full is left out (no, by default).
    pub fn drop_last(mut self, on: bool) -> Self {
        self.options.drop_last = on;
        self
    }

    /// Threads that read batches in the background (0 by default: the calling thread reads).
    pub fn num_workers(mut self, workers: usize) -> Self {
        self.options.num_workers = workers;
        self
    }

    /// Batches that each worker reads ahead (2 by default).
    pub fn prefetch_factor(mut self, batches: usize) -> Self {
        self.options.prefetch_factor = batches;
        self
    }

    /// Where the order is drawn from (by default the thread's current generator).
    pub fn generator(mut self, generator: Generator) -> Self {
        self.options.generator = Some(generator);
        self
    }

    /// Builds the loader.
    ///
    /// # Errors
    /// If the batch size or the number of batches read ahead is 0, or there is no memory for the
    /// order of a shuffled pass.
    pub fn build(self) -> Result<DataLoader<D>> {
        if self.options.batch_size == 0 {
            return Err(Error::Value(
                "batch_size should be a positive integer value, but got batch_size=0".into(),
            ));
        }
        if self.options.prefetch_factor == 0 {
            return Err(Error::Value(
                "prefetch_factor should be a positive integer value".into(),
            ));
        }
        if self.options.shuffle {
            let what = "the order of the elements";
            room::check(&[self.dataset.len()], size_of::<i64>(), what)?;
        }
        Ok(DataLoader {
            dataset: Arc::new(self.dataset),
            options: self.options,
        })
    }
}
