//! [`WeightedRandomSampler`].

use std::iter;

use pleach_core::{DType, Error, Generator, Result, Tensor, check_room};

use super::Sampler;

/// Elements at random, each as often as its weight says: [`Tensor::multinomial`] of f64 weights,
/// from the generator or the thread's current one.
///
/// ```
/// use pleach::Generator;
/// use pleach::data::{Sampler, WeightedRandomSampler};
///
/// // Three elements of one class, one of another.
/// let sampler = WeightedRandomSampler::builder([1.0, 1.0, 1.0, 3.0], 1000)
///     .generator(Generator::seeded(0))
///     .build()?;
/// let rare = sampler.iter().filter(|&index| index == 3).count();
/// assert!((450..550).contains(&rare));
/// # Ok::<(), pleach::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct WeightedRandomSampler {
    weights: Tensor,
    num_samples: usize,
    replacement: bool,
    generator: Option<Generator>,
}

impl WeightedRandomSampler {
    /// So many elements a pass, with replacement.
    ///
    /// # Errors
    /// Those of [`WeightedRandomSamplerBuilder::build`].
    pub fn new(weights: impl Into<Vec<f64>>, num_samples: usize) -> Result<Self> {
        Self::builder(weights, num_samples).build()
    }

    /// A sampler with options.
    pub fn builder(
        weights: impl Into<Vec<f64>>,
        num_samples: usize,
    ) -> WeightedRandomSamplerBuilder {
        WeightedRandomSamplerBuilder {
            weights: weights.into(),
            num_samples,
            replacement: true,
            generator: None,
        }
    }
}

impl Sampler for WeightedRandomSampler {
    type Item = usize;

    fn iter(&self) -> Box<dyn Iterator<Item = usize> + Send + '_> {
        let drawn = iter::once_with(|| {
            let generator = self.generator.clone().unwrap_or_else(Generator::current);
            let draw = || self.weights.multinomial(self.num_samples, self.replacement);
            let drawn = generator
                .scope(draw)
                .and_then(|drawn| drawn.to_vec::<i64>());
            drawn.expect("`build` checked the weights and the memory")
        });
        Box::new(drawn.flatten().map(|index| index as usize))
    }

    fn len(&self) -> usize {
        self.num_samples
    }
}

/// Options of a [`WeightedRandomSampler`].
#[derive(Debug, Clone)]
#[must_use]
pub struct WeightedRandomSamplerBuilder {
    weights: Vec<f64>,
    num_samples: usize,
    replacement: bool,
    generator: Option<Generator>,
}

impl WeightedRandomSamplerBuilder {
    /// Whether an element may come more than once (yes, by default).
    pub fn replacement(mut self, on: bool) -> Self {
        self.replacement = on;
        self
    }

    /// Where the elements are drawn from.
    pub fn generator(mut self, generator: Generator) -> Self {
        self.generator = Some(generator);
        self
    }

    /// Builds the sampler.
    ///
    /// # Errors
    /// If nothing is to be drawn, more than there is without replacement, or what memory does not
    /// hold; if a weight is negative, infinite or nan, or they all are zero.
    pub fn build(self) -> Result<WeightedRandomSampler> {
        let (n, num_samples) = (self.weights.len(), self.num_samples);
        if num_samples == 0 {
            return Err(Error::value(
                "num_samples should be a positive integer value, but got num_samples=0",
            ));
        }
        check_room(&[num_samples], DType::I64)?;
        let weights = Tensor::from_vec(self.weights, [n])?;
        // The checks of the drawing itself, of as little as makes them.
        let enough = match self.replacement {
            true => num_samples.min(2),
            false if num_samples > n => num_samples,
            false => 1,
        };
        Generator::seeded(0).scope(|| weights.multinomial(enough, self.replacement))?;
        Ok(WeightedRandomSampler {
            weights,
            num_samples,
            replacement: self.replacement,
            generator: self.generator,
        })
    }
}
