//! [`random_split`].

use std::sync::Arc;

use pleach_core::{DType, Error, Generator, Result, check_room};

use crate::{Dataset, Subset};

/// How large the parts of a split are: counts, or fractions that add up to 1.
pub trait SplitLengths {
    /// The counts for so many elements.
    ///
    /// # Errors
    /// If they do not add up.
    fn lengths(&self, elements: usize) -> Result<Vec<usize>>;
}

impl SplitLengths for [usize] {
    fn lengths(&self, elements: usize) -> Result<Vec<usize>> {
        let sum = self.iter().try_fold(0usize, |sum, &n| sum.checked_add(n));
        match sum == Some(elements) {
            true => Ok(self.to_vec()),
            false => Err(wrong_sum()),
        }
    }
}

/// Each part gets its fraction rounded down; what is left is handed out one by one, from the
/// first part on.
impl SplitLengths for [f64] {
    fn lengths(&self, elements: usize) -> Result<Vec<usize>> {
        let sum: f64 = self.iter().sum();
        // Python's `math.isclose(sum, 1) and sum <= 1`.
        if !(sum <= 1.0 && 1.0 - sum <= 1e-9) {
            return Err(wrong_sum());
        }
        if let Some(i) = self.iter().position(|f| !(0.0..=1.0).contains(f)) {
            return Err(Error::value(format!(
                "Fraction at index {i} is not between 0 and 1"
            )));
        }
        let mut lengths: Vec<usize> = self
            .iter()
            .map(|f| (elements as f64 * f).floor() as usize)
            .collect();
        let rest = elements.saturating_sub(lengths.iter().sum());
        let parts = lengths.len();
        for i in 0..rest {
            lengths[i % parts] += 1;
        }
        Ok(lengths)
    }
}

fn wrong_sum() -> Error {
    Error::value("Sum of input lengths does not equal the length of the input dataset!")
}

macro_rules! split_lengths {
    ($($number:ty)*) => {$(
        impl<const N: usize> SplitLengths for [$number; N] {
            fn lengths(&self, elements: usize) -> Result<Vec<usize>> {
                self[..].lengths(elements)
            }
        }
        impl SplitLengths for Vec<$number> {
            fn lengths(&self, elements: usize) -> Result<Vec<usize>> {
                self[..].lengths(elements)
            }
        }
    )*};
}
split_lengths!(usize f64);

/// Splits a dataset at random, with PyTorch's result for the seed of the current generator.
///
/// ```
/// use pleach::manual_seed;
/// use pleach::data::{Items, random_split};
///
/// manual_seed(42);
/// let parts = random_split((0..10).collect::<Items<i64>>(), &[0.8, 0.2])?;
/// assert_eq!(parts[0].indices(), [2, 6, 1, 8, 4, 5, 0, 9]);
/// assert_eq!(parts[1].indices(), [3, 7]);
/// # Ok::<(), pleach::Error>(())
/// ```
///
/// # Errors
/// If the lengths do not add up to the dataset's, or the fractions to 1, or there is no memory for
/// the order of the elements.
pub fn random_split<D: Dataset>(
    dataset: D,
    lengths: &(impl SplitLengths + ?Sized),
) -> Result<Vec<Subset<D>>> {
    random_split_with(&Generator::current(), dataset, lengths)
}

/// [`random_split`] that draws from another generator than the current one.
///
/// # Errors
/// Those of [`random_split`].
pub fn random_split_with<D: Dataset>(
    generator: &Generator,
    dataset: D,
    lengths: &(impl SplitLengths + ?Sized),
) -> Result<Vec<Subset<D>>> {
    let lengths = lengths.lengths(dataset.len())?;
    check_room(&[dataset.len()], DType::I64)?;
    let dataset = Arc::new(dataset);
    let order = generator.randperm(dataset.len());
    let mut order = order.into_iter().map(|position| position as usize);
    let part = |length| Subset {
        dataset: dataset.clone(),
        indices: order.by_ref().take(length).collect(),
    };
    Ok(lengths.into_iter().map(part).collect())
}
