//! [`SequentialSampler`].

use super::Sampler;

/// 0, 1, 2, …: the elements in order. Nothing is listed: a data set may have more elements than
/// memory has room for numbers.
#[derive(Debug, Clone)]
pub struct SequentialSampler {
    len: usize,
}

impl SequentialSampler {
    /// The order of so many elements.
    ///
    /// ```
    /// use pleach::data::{Sampler, SequentialSampler};
    /// assert!(SequentialSampler::new(3).iter().eq([0, 1, 2]));
    /// ```
    pub fn new(len: usize) -> Self {
        SequentialSampler { len }
    }
}

impl Sampler for SequentialSampler {
    type Item = usize;
    fn iter(&self) -> Box<dyn Iterator<Item = usize> + Send + '_> {
        Box::new(0..self.len)
    }
    fn len(&self) -> usize {
        self.len
    }
}
