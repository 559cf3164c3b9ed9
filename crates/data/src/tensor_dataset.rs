//! [`TensorDataset`].

use pleach_core::{Error, Result, Tensor};

use crate::{Dataset, check_index};

/// Tensors of one first size: element `i` is what each has at position `i` of its first dimension.
///
/// ```
/// use pleach::{Tensor, tensor};
/// use pleach::data::{Dataset, TensorDataset};
///
/// let data = TensorDataset::new((Tensor::zeros([3, 2]), tensor![7, 8, 9]))?;
/// let (x, y) = data.get(1)?;
/// assert_eq!((x.shape(), y.item()?), (&[2][..], 8.0));
///
/// let error = TensorDataset::new((Tensor::zeros([3, 2]), tensor![7, 8])).unwrap_err();
/// assert_eq!(error.to_string(), "Size mismatch between tensors");
/// # Ok::<(), pleach::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct TensorDataset<T> {
    tensors: T,
    len: usize,
}

impl<T: Tensors> TensorDataset<T> {
    /// A data set of a tensor, of a tuple of two to six, or of a `Vec<Tensor>`; its elements are
    /// the same.
    ///
    /// # Errors
    /// If there is no tensor, one has no dimension, or their first sizes differ.
    pub fn new(tensors: T) -> Result<Self> {
        let mut sizes = Vec::new();
        tensors.each(&mut |tensor| {
            sizes.push(tensor.size(0)?);
            Ok(tensor.clone())
        })?;
        let Some(&len) = sizes.first() else {
            return Err(Error::value("a dataset of no tensors"));
        };
        match sizes.iter().all(|&size| size == len) {
            true => Ok(TensorDataset { tensors, len }),
            false => Err(Error::value("Size mismatch between tensors")),
        }
    }

    /// The tensors.
    pub fn tensors(&self) -> &T {
        &self.tensors
    }
}

impl<T: Tensors> Dataset for TensorDataset<T> {
    type Item = T;
    fn len(&self) -> usize {
        self.len
    }
    fn get(&self, index: usize) -> Result<T> {
        check_index(index, self.len)?;
        self.tensors
            .each(&mut |tensor| tensor.select(0, index as i64))
    }
}

/// A tensor, a tuple of two to six, or several in a `Vec`.
pub trait Tensors: Send + Sync + Sized {
    /// What `f` makes of each tensor.
    ///
    /// # Errors
    /// Those of `f`.
    fn each(&self, f: &mut dyn FnMut(&Tensor) -> Result<Tensor>) -> Result<Self>;
}

impl Tensors for Tensor {
    fn each(&self, f: &mut dyn FnMut(&Tensor) -> Result<Tensor>) -> Result<Self> {
        f(self)
    }
}

impl Tensors for Vec<Tensor> {
    fn each(&self, f: &mut dyn FnMut(&Tensor) -> Result<Tensor>) -> Result<Self> {
        self.iter().map(f).collect()
    }
}

macro_rules! tuple {
    ($($T:ident $i:tt),*) => {
        impl Tensors for ($($T,)*) {
            fn each(&self, f: &mut dyn FnMut(&Tensor) -> Result<Tensor>) -> Result<Self> {
                Ok(($(f(&self.$i)?,)*))
            }
        }
    };
}
tuple!(Tensor 0, Tensor 1);
tuple!(Tensor 0, Tensor 1, Tensor 2);
tuple!(Tensor 0, Tensor 1, Tensor 2, Tensor 3);
tuple!(Tensor 0, Tensor 1, Tensor 2, Tensor 3, Tensor 4);
tuple!(Tensor 0, Tensor 1, Tensor 2, Tensor 3, Tensor 4, Tensor 5);
