//! The largest and the smallest: over all elements, or over some dimensions, and where they are.

use super::plan::{Kind, Over, Plan};
use super::sort::Picked;
use crate::shape::resolve_dim;
use crate::{DType, Dims, Error, Result, Tensor};

/// # Reductions: largest and smallest elements
impl Tensor {
    /// The largest element; nan if there is one. Equal ones share the gradient.
    ///
    /// # Errors
    /// If there are no elements.
    pub fn max(&self) -> Result<Tensor> {
        self.reduced(Kind::Max, Over::all(self))
    }

    /// The smallest element; nan if there is one. Equal ones share the gradient.
    ///
    /// # Errors
    /// If there are no elements.
    pub fn min(&self) -> Result<Tensor> {
        self.reduced(Kind::Min, Over::all(self))
    }

    /// The largest element over some dimensions. Equal ones share the gradient.
    ///
    /// # Errors
    /// If a dimension does not exist, or there is nothing to choose from.
    pub fn amax(&self, dims: impl Dims, keepdim: bool) -> Result<Tensor> {
        let dims = dims.into_dims();
        let mut over = Over::dims(self, &dims[..], keepdim)?;
        over.named = !dims.is_empty();
        self.reduced(Kind::Amax, over)
    }

    /// The smallest element over some dimensions. Equal ones share the gradient.
    ///
    /// # Errors
    /// If a dimension does not exist, or there is nothing to choose from.
    pub fn amin(&self, dims: impl Dims, keepdim: bool) -> Result<Tensor> {
        let dims = dims.into_dims();
        let mut over = Over::dims(self, &dims[..], keepdim)?;
        over.named = !dims.is_empty();
        self.reduced(Kind::Amin, over)
    }

    /// The largest element along a dimension and its first position. The gradient goes to that
    /// position alone.
    ///
    /// # Errors
    /// If the dimension does not exist or is empty.
    pub fn max_dim(&self, dim: i64, keepdim: bool) -> Result<(Tensor, Tensor)> {
        self.extreme_dim(true, dim, keepdim)
    }

    /// The smallest element along a dimension and its first position. The gradient goes to that
    /// position alone.
    ///
    /// # Errors
    /// If the dimension does not exist or is empty.
    pub fn min_dim(&self, dim: i64, keepdim: bool) -> Result<(Tensor, Tensor)> {
        self.extreme_dim(false, dim, keepdim)
    }

    fn extreme_dim(&self, max: bool, dim: i64, keepdim: bool) -> Result<(Tensor, Tensor)> {
        let names = match max {
            true => ("max", "MaxBackward0"),
            false => ("min", "MinBackward0"),
        };
        self.in_order(names, dim, Picked::Extreme { max, keepdim })
    }

    /// The smallest and the largest element. Equal ones share the gradient.
    ///
    /// # Errors
    /// If there are no elements.
    pub fn aminmax(&self) -> Result<(Tensor, Tensor)> {
        if self.numel() == 0 {
            return Err(Error::value(
                "aminmax(): cannot compute aminmax over an empty dimension as the operation has no identity.",
            ));
        }
        Ok((self.amin([], false)?, self.amax([], false)?))
    }

    /// The smallest and the largest element along a dimension. Equal ones share the gradient.
    ///
    /// ```
    /// let (low, high) = pleach::tensor![[3., 1.], [2., 4.]].aminmax_dim(1, false)?;
    /// assert_eq!(low.to_vec::<f32>()?, [1., 2.]);
    /// assert_eq!(high.to_vec::<f32>()?, [3., 4.]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the dimension does not exist or is empty.
    pub fn aminmax_dim(&self, dim: i64, keepdim: bool) -> Result<(Tensor, Tensor)> {
        let d = resolve_dim(dim, self.rank())?;
        if self.shape().get(d) == Some(&0) {
            return Err(Error::index(format!(
                "aminmax: Expected reduction dim {d} to have non-zero size."
            )));
        }
        Ok((self.amin(dim, keepdim)?, self.amax(dim, keepdim)?))
    }

    /// The first position of the largest element, in row-major order.
    ///
    /// # Errors
    /// If there are no elements, or the tensor is bool.
    pub fn argmax(&self) -> Result<Tensor> {
        self.arg_extreme("argmax", true, None, false)
    }

    /// The first position of the smallest element, in row-major order.
    ///
    /// # Errors
    /// If there are no elements, or the tensor is bool.
    pub fn argmin(&self) -> Result<Tensor> {
        self.arg_extreme("argmin", false, None, false)
    }

    /// The first position of the largest element along a dimension.
    ///
    /// # Errors
    /// If the dimension does not exist or is empty, or the tensor is bool.
    pub fn argmax_dim(&self, dim: i64, keepdim: bool) -> Result<Tensor> {
        self.arg_extreme("argmax", true, Some(dim), keepdim)
    }

    /// The first position of the smallest element along a dimension.
    ///
    /// # Errors
    /// If the dimension does not exist or is empty, or the tensor is bool.
    pub fn argmin_dim(&self, dim: i64, keepdim: bool) -> Result<Tensor> {
        self.arg_extreme("argmin", false, Some(dim), keepdim)
    }

    fn arg_extreme(&self, op: &str, max: bool, dim: Option<i64>, keepdim: bool) -> Result<Tensor> {
        if self.dtype() == DType::Bool {
            return Err(Error::dtype(format!("{op}(): does not support bool input")));
        }
        let (over, d) = match dim {
            None => (Over::all(self), None),
            Some(dim) => (
                Over::dims(self, dim, keepdim)?,
                Some(resolve_dim(dim, self.rank())?),
            ),
        };
        let plan = Plan::new(self, &over.mask, keepdim)?;
        if plan.n == 0 && d.is_none() {
            return Err(Error::index(format!(
                "{op}(): Expected reduction dim to be specified for input.numel() == 0."
            )));
        }
        plan.refuse_empty(op, d)?;
        Ok(plan.extreme(max)?.1)
    }
}
