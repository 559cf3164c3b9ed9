//! The largest and the smallest: over all elements, or over some dimensions, and where they are.

use super::operand::dim_mask;
use super::plan::{Kind, Over, Plan};
use crate::autograd::{Attributes, Call, GradOf, GradsOf, Operation, Own, Saved, Saves, apply};
use crate::shape::{Shape, resolve_dim};
use crate::{DType, Dims, Error, Result, Tensor};

/// The largest or smallest element along a dimension, and its first position. The gradient goes to
/// that element.
#[derive(Clone, Debug)]
pub struct Extreme {
    /// Whether it is the largest.
    max: bool,
    /// The dimension.
    dim: i64,
    /// Whether the dimension stays, with size 1.
    keepdim: bool,
}

impl Operation for Extreme {
    type Inputs<'a> = &'a Tensor;
    type Outputs = (Tensor, Tensor);

    fn name(&self) -> &'static str {
        if self.max { "max" } else { "min" }
    }
    fn grad_name(&self) -> &'static str {
        if self.max {
            "MaxBackward0"
        } else {
            "MinBackward0"
        }
    }
    fn attributes(&self) -> Attributes {
        vec![("dim", self.dim.into()), ("keepdim", self.keepdim.into())]
    }
    fn forward(&self, x: &Tensor, _: &mut Own) -> Result<Self::Outputs> {
        let d = resolve_dim(self.dim, x.rank())?;
        let plan = Plan::new(x, &dim_mask(self.dim, x.rank())?)?;
        plan.refuse_empty(self.name(), Some(d))?;
        plan.extreme(self.max, self.keepdim)
    }
    fn saves(&self, _: Call<'_>) -> Saves {
        Saves::NONE.output(1)
    }
    fn backward(&self, saved: &Saved<'_>, grads: GradOf<'_, Self>) -> Result<GradsOf<Self>> {
        let (positions, shape) = (saved.output(1)?, saved.shape(0));
        let to_one = |g: &Tensor| put_back(g, self.dim, shape, &positions);
        Ok([grads[0].map(to_one).transpose()?])
    }
}

/// The gradient of what was picked along a dimension of a tensor of a shape.
pub(super) fn put_back(
    g: &Tensor,
    dim: i64,
    shape: &[usize],
    positions: &Tensor,
) -> Result<Tensor> {
    if shape.is_empty() {
        return Ok(g.clone());
    }
    let mut kept = Shape::from_slice(shape);
    kept[resolve_dim(dim, shape.len())?] = 1;
    let zeros = Tensor::try_zeros_of(shape, g.dtype())?;
    zeros.scatter_add(dim, &positions.detach().reshape(&kept)?, &g.reshape(&kept)?)
}

/// The gradient of an extreme value: the elements equal to it share it, along `dims` (none: all);
/// the others get 0, also of a gradient that is not finite.
pub(super) fn shared_by_hits(
    g: &Tensor,
    x: &Tensor,
    value: &Tensor,
    dims: &[i64],
) -> Result<Tensor> {
    // A nan equals nothing, but is the extreme.
    let hit = x.eq(value)?.logical_or(&x.isnan()?)?;
    let count = hit.to_dtype(g.dtype())?.sum_dim(dims, true)?;
    Tensor::where_cond(&hit, g.div(&count)?, 0.0)
}

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
        apply(Extreme { max, dim, keepdim }, self)
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
        let plan = Plan::new(self, &over.mask)?;
        if plan.n == 0 && d.is_none() {
            return Err(Error::index(format!(
                "{op}(): Expected reduction dim to be specified for input.numel() == 0."
            )));
        }
        plan.refuse_empty(op, d)?;
        Ok(plan.extreme(max, keepdim)?.1)
    }
}
