//! [`Sampler`].

use std::sync::Arc;

use pleach_core::Generator;

/// An order of elements: the indices of one pass, or (of `Item = Vec<usize>`) those of each batch.
///
/// ```
/// use pleach::data::{DataLoader, Items, Sampler};
///
/// /// From the last to the first.
/// struct Backwards(usize);
/// impl Sampler for Backwards {
///     type Item = usize;
///     fn iter(&self) -> Box<dyn Iterator<Item = usize> + Send + '_> {
///         Box::new((0..self.0).rev())
///     }
///     fn len(&self) -> usize {
///         self.0
///     }
/// }
///
/// let data = Items(vec![10i64, 20, 30]);
/// let loader = DataLoader::builder(data).sampler(Backwards(3)).batch_size(2).build()?;
/// let first = loader.iter().next().expect("two batches")?;
/// assert_eq!(first.to_vec::<i64>()?, [30, 20]);
/// # Ok::<(), pleach::Error>(())
/// ```
pub trait Sampler: Send + Sync {
    /// An index, or the indices of a batch.
    type Item;

    /// Starts a pass. What is random is drawn when the iterator is asked, not here.
    fn iter(&self) -> Box<dyn Iterator<Item = Self::Item> + Send + '_>;

    /// How many a pass gives; of an endless one, `usize::MAX`.
    fn len(&self) -> usize;

    /// Whether a pass gives nothing.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A pointer to a sampler is one.
macro_rules! pointer {
    ($pointer:ident) => {
        impl<S: Sampler + ?Sized> Sampler for $pointer<S> {
            type Item = S::Item;
            fn iter(&self) -> Box<dyn Iterator<Item = S::Item> + Send + '_> {
                (**self).iter()
            }
            fn len(&self) -> usize {
                (**self).len()
            }
        }
    };
}
pointer!(Arc);
pointer!(Box);

/// A number that PyTorch draws as `random_()` of an i64: 63 bits.
pub(crate) fn draw_seed(generator: &Generator) -> u64 {
    generator.word64() & (u64::MAX >> 1)
}
