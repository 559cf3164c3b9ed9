//! Which elements are not zero, and how many.

use pleach_kernels::{Buffer, coordinates, count_true, true_places};

use crate::shape::contiguous_strides;
use crate::{DType, Dims, Result, Tensor};

/// The positions of the true elements of a mask, one tensor for each of its dimensions.
pub(super) fn positions(mask: &Tensor) -> Result<Vec<Tensor>> {
    let strides = contiguous_strides(mask.shape());
    let places = places(mask)?;
    let along = |dim| {
        let mut at = Buffer::try_new(places.len())?;
        coordinates(&places, dim, &mut at);
        Ok(Tensor::from_buffer(at, [places.len()]))
    };
    let sizes = mask.shape().iter().copied();
    sizes.zip(strides).map(along).collect()
}

/// The places of the true elements of a mask, in row-major order.
pub(super) fn places(mask: &Tensor) -> Result<Buffer<usize>> {
    let mask = mask.detach().contiguous()?;
    let truths = mask.as_slice::<bool>()?;
    let mut places = Buffer::try_new(count_true(truths))?;
    true_places(truths, &mut places);
    Ok(places)
}

/// # Elements that are not zero
impl Tensor {
    /// The positions of the elements that are not zero: a row for each, a column for each dimension.
    ///
    /// ```
    /// let x = pleach::tensor![[0., 5.], [7., 0.]];
    /// assert_eq!(x.nonzero()?.to_vec::<i64>()?, [0, 1, 1, 0]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the memory cannot be had.
    pub fn nonzero(&self) -> Result<Tensor> {
        let mask = self.detach().to_dtype(DType::Bool)?;
        if mask.rank() == 0 {
            let count = usize::from(mask.item()? != 0.0);
            return Tensor::try_zeros_of([count, 0], DType::I64);
        }
        let columns = positions(&mask)?;
        Tensor::stack(&columns.iter().collect::<Vec<_>>(), 1)
    }

    /// [`Tensor::nonzero`] as one vector for each dimension, by which the elements can be indexed: PyTorch's
    /// `nonzero(as_tuple=True)`. A number counts as a vector of one.
    ///
    /// # Errors
    /// If the memory cannot be had.
    pub fn nonzero_as_tuple(&self) -> Result<Vec<Tensor>> {
        let mask = self.detach().to_dtype(DType::Bool)?;
        match mask.rank() {
            0 => positions(&mask.reshape([1])?),
            _ => positions(&mask),
        }
    }

    /// [`Tensor::nonzero`] under its NumPy name.
    ///
    /// # Errors
    /// If the memory cannot be had.
    pub fn argwhere(&self) -> Result<Tensor> {
        self.nonzero()
    }

    /// How many elements are not zero; a nan is not.
    ///
    /// # Errors
    /// If the memory cannot be had.
    pub fn count_nonzero(&self) -> Result<Tensor> {
        self.detach().to_dtype(DType::Bool)?.sum()
    }

    /// How many elements over some dimensions are not zero.
    ///
    /// # Errors
    /// If a dimension does not exist or is given twice.
    pub fn count_nonzero_dim(&self, dims: impl Dims) -> Result<Tensor> {
        self.detach().to_dtype(DType::Bool)?.sum_dim(dims, false)
    }
}
