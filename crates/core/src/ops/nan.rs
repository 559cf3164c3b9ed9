//! Sums and means that leave nans out.

use super::plan::{Kind, Over};
use crate::{DType, Dims, Error, Result, Tensor};

/// # Reductions: without nans
impl Tensor {
    /// The sum of all elements that are no nan, which have no gradient.
    ///
    /// ```
    /// assert_eq!(pleach::tensor![1., f32::NAN, 2.].nansum()?.item()?, 3.0);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the memory cannot be had.
    pub fn nansum(&self) -> Result<Tensor> {
        self.numbers_summed(Over::all(self))
    }

    /// The sum over some dimensions of the elements that are no nan.
    ///
    /// # Errors
    /// If a dimension does not exist or is given twice.
    pub fn nansum_dim(&self, dims: impl Dims, keepdim: bool) -> Result<Tensor> {
        self.numbers_summed(Over::dims(self, dims, keepdim)?)
    }

    /// The mean of all elements that are no nan; nan if there is none.
    ///
    /// # Errors
    /// If the dtype is not a float type.
    pub fn nanmean(&self) -> Result<Tensor> {
        self.nansum()?.div(&self.numbers()?.sum()?)
    }

    /// The mean over some dimensions of the elements that are no nan; nan where there is none.
    ///
    /// # Errors
    /// If a dimension does not exist or is given twice, or the dtype is not a float type.
    pub fn nanmean_dim(&self, dims: impl Dims, keepdim: bool) -> Result<Tensor> {
        let dims = &dims.into_dims()[..];
        let count = self.numbers()?.sum_dim(dims, keepdim)?;
        self.nansum_dim(dims, keepdim)?.div(&count)
    }

    fn numbers_summed(&self, over: Over) -> Result<Tensor> {
        let kind = match self.dtype().is_float() {
            true => Kind::NanSum,
            false => Kind::Sum,
        };
        self.reduced(kind, over)
    }

    /// Where a mean of floats has something to count.
    fn numbers(&self) -> Result<Tensor> {
        if !self.dtype().is_float() {
            return Err(Error::dtype(format!(
                "nanmean(): expected input to have floating point or complex dtype but got {}",
                self.dtype().torch_name()
            ))
            .hint_conversion(self.dtype(), DType::F32));
        }
        self.detach().isnan()?.logical_not()
    }
}
