//! [`SubsetRandomSampler`].

use std::iter;

use pleach_core::Generator;

use super::Sampler;

/// The given indices in a random order, from the generator or the thread's current one.
///
/// ```
/// use pleach::Generator;
/// use pleach::data::{Sampler, SubsetRandomSampler};
///
/// let sampler = SubsetRandomSampler::new(vec![10, 20, 30]).generator(Generator::seeded(0));
/// let mut order: Vec<usize> = sampler.iter().collect();
/// order.sort();
/// assert_eq!(order, [10, 20, 30]);
/// ```
#[derive(Debug, Clone)]
pub struct SubsetRandomSampler {
    indices: Vec<usize>,
    generator: Option<Generator>,
}

impl SubsetRandomSampler {
    /// Shuffles these indices.
    pub fn new(indices: Vec<usize>) -> Self {
        SubsetRandomSampler {
            indices,
            generator: None,
        }
    }

    /// Draws the order from this generator.
    #[must_use]
    pub fn generator(mut self, generator: Generator) -> Self {
        self.generator = Some(generator);
        self
    }
}

impl Sampler for SubsetRandomSampler {
    type Item = usize;

    fn iter(&self) -> Box<dyn Iterator<Item = usize> + Send + '_> {
        let order = iter::once_with(|| {
            let generator = self.generator.clone().unwrap_or_else(Generator::current);
            generator.randperm(self.indices.len())
        });
        Box::new(order.flatten().map(|i| self.indices[i as usize]))
    }

    fn len(&self) -> usize {
        self.indices.len()
    }
}
