//! [`Items`].

use pleach_core::Result;

use crate::{Dataset, check_index};

/// Elements that are in memory.
///
/// ```
/// use pleach::data::{Dataset, Items};
/// let items: Items<_> = (0..5i64).collect();
/// assert_eq!((items.len(), items.get(3)?), (5, 3));
/// # Ok::<(), pleach::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Items<T>(pub Vec<T>);

impl<T> FromIterator<T> for Items<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        Items(items.into_iter().collect())
    }
}

impl<T: Clone + Send + Sync> Dataset for Items<T> {
    type Item = T;
    fn len(&self) -> usize {
        self.0.len()
    }
    fn get(&self, index: usize) -> Result<T> {
        check_index(index, self.0.len())?;
        Ok(self.0[index].clone())
    }
}
