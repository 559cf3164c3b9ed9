//! Parts of a tensor at positions: `tensor_split` and its kin, as views.

use crate::memory::vec_for;
use crate::{DType, Error, Result, Tensor};

/// Where [`Tensor::tensor_split`] cuts: a number of sections, or the positions of the cuts; a tensor
/// of integers is the one as a number, the other as a vector.
pub trait SplitAt {
    /// The positions of the cuts of a dimension of `size`.
    #[doc(hidden)]
    fn cuts(self, size: usize) -> Result<Vec<i64>>;

    /// The number of sections, if it is given.
    #[doc(hidden)]
    fn sections(&self) -> Option<i64> {
        None
    }
}

/// The cuts between sections of which the first few are one larger.
fn cuts_of_sections(sections: i64, size: usize) -> Result<Vec<i64>> {
    let count = usize::try_from(sections)
        .ok()
        .filter(|n| *n > 0)
        .ok_or_else(|| {
            Error::value(format!(
                "number of sections must be larger than 0, got {sections}"
            ))
        })?;
    // Each will be a tensor of its own.
    drop(vec_for::<[u64; 32]>(count)?);
    let (each, larger) = (size / count, size % count);
    let mut cuts = vec_for(count - 1)?;
    cuts.extend((1..count).map(|i| (i * each + i.min(larger)) as i64));
    Ok(cuts)
}

impl SplitAt for usize {
    fn cuts(self, size: usize) -> Result<Vec<i64>> {
        cuts_of_sections(crate::extent::signed(self), size)
    }
    fn sections(&self) -> Option<i64> {
        Some(crate::extent::signed(*self))
    }
}
impl SplitAt for &[i64] {
    fn cuts(self, _: usize) -> Result<Vec<i64>> {
        crate::memory::copied(self)
    }
}
impl<const N: usize> SplitAt for [i64; N] {
    fn cuts(self, size: usize) -> Result<Vec<i64>> {
        self[..].cuts(size)
    }
}
impl SplitAt for &Tensor {
    fn cuts(self, size: usize) -> Result<Vec<i64>> {
        if self.dtype() != DType::I64 {
            return Err(Error::dtype(format!(
                "tensor_split expected tensor_indices_or_sections to have dtype of long, but got {}",
                self.dtype().torch_name()
            ))
            .hint_conversion(self.dtype(), DType::I64));
        }
        match self.rank() {
            0 => cuts_of_sections(self.item_i64()?, size),
            1 => self.to_vec(),
            n => Err(Error::shape(format!(
                "tensor_split expected tensor_indices_or_sections to be a zero-dimensional or one-dimensional tensor, but got a tensor with {n} dims"
            ))),
        }
    }
}

/// # Parts at positions
impl Tensor {
    /// Consecutive parts along a dimension, as views: a number of sections, of which the first are
    /// one larger where the size cannot be divided, or the parts between cuts.
    ///
    /// # Errors
    /// If the dimension does not exist, or there are no sections.
    ///
    /// ```
    /// use pleach::Tensor;
    /// let x = Tensor::arange(5);
    /// let sizes = |parts: Vec<Tensor>| parts.iter().map(Tensor::numel).collect::<Vec<_>>();
    /// assert_eq!(sizes(x.tensor_split(3, 0)?), [2, 2, 1]);
    /// assert_eq!(sizes(x.tensor_split([1, 4], 0)?), [1, 3, 1]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    pub fn tensor_split(&self, at: impl SplitAt, dim: i64) -> Result<Vec<Tensor>> {
        if self.rank() == 0 {
            return Err(Error::shape(
                "tensor_split expected at least a 1-dimensional tensor, but got a tensor with 0 dims",
            ));
        }
        let size = self.size(dim)?;
        self.cut(at.cuts(size)?, dim)
    }

    fn cut(&self, cuts: Vec<i64>, dim: i64) -> Result<Vec<Tensor>> {
        let mut parts = vec_for(cuts.len() + 1)?;
        let mut start = 0;
        for end in cuts {
            parts.push(self.slice_dim(dim, start, end, 1)?);
            start = end;
        }
        parts.push(self.slice_dim(dim, start, None, 1)?);
        Ok(parts)
    }

    /// [`Tensor::split`] with a list of sizes.
    ///
    /// # Errors
    /// As [`Tensor::split`].
    pub fn split_with_sizes(&self, sizes: &[usize], dim: i64) -> Result<Vec<Tensor>> {
        if self.rank() == 0 {
            return Err(Error::shape(
                "split expects at least a 1-dimensional tensor",
            ));
        }
        self.split(sizes, dim)
    }

    /// [`Tensor::tensor_split`] along the second dimension (of a vector, the only one); sections must
    /// divide it.
    ///
    /// # Errors
    /// If there is no dimension, or the sections do not divide it.
    ///
    /// ```
    /// use pleach::Tensor;
    /// let parts = Tensor::zeros([3, 4]).hsplit(2)?;
    /// assert_eq!(parts[1].shape(), [3, 2]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    pub fn hsplit(&self, at: impl SplitAt) -> Result<Vec<Tensor>> {
        self.split_evenly("hsplit", usize::from(self.rank() > 1), 1, at)
    }

    /// [`Tensor::tensor_split`] along the first dimension; sections must divide it.
    ///
    /// # Errors
    /// If there are fewer than two dimensions, or the sections do not divide the first.
    pub fn vsplit(&self, at: impl SplitAt) -> Result<Vec<Tensor>> {
        self.split_evenly("vsplit", 0, 2, at)
    }

    /// [`Tensor::tensor_split`] along the third dimension; sections must divide it.
    ///
    /// # Errors
    /// If there are fewer than three dimensions, or the sections do not divide the third.
    pub fn dsplit(&self, at: impl SplitAt) -> Result<Vec<Tensor>> {
        self.split_evenly("dsplit", 2, 3, at)
    }

    fn split_evenly(
        &self,
        op: &str,
        dim: usize,
        rank: usize,
        at: impl SplitAt,
    ) -> Result<Vec<Tensor>> {
        if self.rank() < rank {
            return Err(Error::shape(format!(
                "torch.{op} requires a tensor with at least {rank} dimension, but got a tensor with {} dimensions!",
                self.rank()
            )));
        }
        let size = self.shape()[dim];
        if let Some(sections) = at.sections()
            && (sections == 0 || size as i64 % sections != 0)
        {
            return Err(Error::shape(format!(
                "torch.{op} attempted to split along dimension {dim}, but the size of the dimension {size} is not divisible by the split_size {sections}!"
            )));
        }
        self.cut(at.cuts(size)?, dim as i64)
    }
}
