//! [`RandomSampler`].

use std::iter;

use pleach_core::{DType, Error, Generator, Result, check_room};

use super::{Sampler, draw_seed};

/// How many indices PyTorch draws at once when it may repeat them.
const AT_ONCE: usize = 32;

/// Elements at random: a shuffled order, or (`replacement`) each drawn from all.
///
/// A pass draws from the generator, or without one from a new one, whose seed the thread's current
/// generator draws. A whole number of shuffled orders ends with one more that is drawn and not used,
/// as in PyTorch.
///
/// ```
/// use pleach::manual_seed;
/// use pleach::data::{RandomSampler, Sampler};
///
/// manual_seed(0);
/// let sampler = RandomSampler::new(5)?;
/// assert!(sampler.iter().eq([1, 3, 4, 2, 0]));
/// # Ok::<(), pleach::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct RandomSampler {
    options: Options,
    num_samples: usize,
}

#[derive(Debug, Clone)]
struct Options {
    len: usize,
    replacement: bool,
    num_samples: Option<usize>,
    generator: Option<Generator>,
}

impl RandomSampler {
    /// Shuffles so many elements.
    ///
    /// # Errors
    /// If there are none, or no memory for their order.
    pub fn new(len: usize) -> Result<Self> {
        Self::builder(len).build()
    }

    /// A sampler of so many elements with options.
    pub fn builder(len: usize) -> RandomSamplerBuilder {
        RandomSamplerBuilder(Options {
            len,
            replacement: false,
            num_samples: None,
            generator: None,
        })
    }

    /// So many indices, of those that are drawn together.
    fn draw(&self, generator: &Generator, count: usize) -> Vec<i64> {
        let Options {
            len, replacement, ..
        } = self.options;
        match replacement {
            true => {
                let mut drawn = vec![0i64; count];
                generator.fill_random_range(&mut drawn, 0, len as i64);
                drawn
            }
            false => {
                let mut order = generator.randperm(len);
                order.truncate(count);
                order
            }
        }
    }
}

impl Sampler for RandomSampler {
    type Item = usize;

    fn iter(&self) -> Box<dyn Iterator<Item = usize> + Send + '_> {
        let size = match self.options.replacement {
            true => AT_ONCE,
            false => self.options.len,
        };
        let whole = iter::repeat_n(size, self.num_samples / size);
        let mut counts = whole.chain([self.num_samples % size]);
        let mut generator = None;
        let draws = iter::from_fn(move || {
            let count = counts.next()?;
            let generator = generator.get_or_insert_with(|| match &self.options.generator {
                Some(generator) => generator.clone(),
                None => Generator::seeded(draw_seed(&Generator::current())),
            });
            Some(self.draw(generator, count))
        });
        Box::new(draws.flatten().map(|index| index as usize))
    }

    fn len(&self) -> usize {
        self.num_samples
    }
}

/// Options of a [`RandomSampler`].
#[derive(Debug, Clone)]
#[must_use]
pub struct RandomSamplerBuilder(Options);

impl RandomSamplerBuilder {
    /// Whether each element is drawn from all (no, by default).
    pub fn replacement(mut self, on: bool) -> Self {
        self.0.replacement = on;
        self
    }

    /// How many elements a pass has (by default as many as there are). More than there are come
    /// from several shuffled orders.
    pub fn num_samples(mut self, samples: usize) -> Self {
        self.0.num_samples = Some(samples);
        self
    }

    /// Where the order is drawn from.
    pub fn generator(mut self, generator: Generator) -> Self {
        self.0.generator = Some(generator);
        self
    }

    /// Builds the sampler.
    ///
    /// # Errors
    /// If there are no elements or none to be drawn, or no memory for their order.
    pub fn build(self) -> Result<RandomSampler> {
        let Options {
            len, replacement, ..
        } = self.0;
        let num_samples = self.0.num_samples.unwrap_or(len);
        if num_samples == 0 {
            return Err(Error::value(
                "num_samples should be a positive integer value, but got num_samples=0",
            ));
        }
        if len == 0 {
            return Err(Error::value("there are no elements to draw from"));
        }
        match replacement {
            true if i64::try_from(len).is_err() => {
                return Err(Error::value("more elements than an i64 counts"));
            }
            true => {}
            false => check_room(&[len], DType::I64)?,
        }
        Ok(RandomSampler {
            options: self.0,
            num_samples,
        })
    }
}
