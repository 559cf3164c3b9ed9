//! [`Collate`]: from elements to a batch.

use pleach_core::Tensor;

use crate::{Error, Result};

/// An element of a dataset that a [`DataLoader`](super::DataLoader) can put into batches, as
/// PyTorch's `default_collate`: tensors are stacked, numbers make a tensor, tuples a tuple.
pub trait Collate: Sized + Send {
    /// What a batch is.
    type Batch: Send;

    /// Makes a batch of at least one element.
    ///
    /// # Errors
    /// If the elements do not fit together.
    fn collate(items: Vec<Self>) -> Result<Self::Batch>;
}

impl Collate for Tensor {
    type Batch = Tensor;
    fn collate(items: Vec<Tensor>) -> Result<Tensor> {
        let items: Vec<&Tensor> = items.iter().collect();
        if let [first, others @ ..] = &items[..]
            && let Some(other) = others.iter().find(|t| t.shape() != first.shape())
        {
            return Err(Error::Value(format!(
                "stack expects each tensor to be equal size, but got {:?} and {:?} in one batch",
                first.shape(),
                other.shape()
            )));
        }
        Ok(Tensor::stack(&items, 0)?)
    }
}

macro_rules! number {
    ($($ty:ty)*) => {$(
        impl Collate for $ty {
            type Batch = Tensor;
            fn collate(items: Vec<$ty>) -> Result<Tensor> {
                let n = items.len();
                Ok(Tensor::from_vec(items, [n])?)
            }
        }
    )*};
}
number!(i64 f32 f64);

impl<A: Collate, B: Collate> Collate for (A, B) {
    type Batch = (A::Batch, B::Batch);
    fn collate(items: Vec<(A, B)>) -> Result<Self::Batch> {
        let (a, b) = items.into_iter().unzip();
        Ok((A::collate(a)?, B::collate(b)?))
    }
}
