//! The largest and the smallest: over all elements, or over some dimensions, and where they are.

use smallvec::{SmallVec, smallvec};

use super::operand::dim_mask;
use super::plan::{Plan, all_of, spread};
use crate::autograd::{Backward, GradFn, InputGrads, record, record_many};
use crate::shape::{Shape, resolve_dim};
use crate::{DType, Dims, Error, Result, Tensor};

/// The backward step of `max(dim)` and its relatives: the gradient goes to one element of a row.
struct PickBackward {
    name: &'static str,
    dim: i64,
    shape: Shape,
    kept: Shape,
    positions: Tensor,
}

impl GradFn for PickBackward {
    fn name(&self) -> &'static str {
        self.name
    }
    fn backward(&self, grads: &[Option<Tensor>]) -> Result<InputGrads> {
        let Some(Some(g)) = grads.first() else {
            return Ok(InputGrads::new());
        };
        if self.shape.is_empty() {
            return Ok(smallvec![Some(g.clone())]);
        }
        let zeros = Tensor::try_zeros_of(&self.shape, g.dtype())?;
        let g = g.reshape(&self.kept)?;
        let positions = self.positions.reshape(&self.kept)?;
        Ok(smallvec![Some(
            zeros.scatter_add(self.dim, &positions, &g)?
        )])
    }
}

/// The dimensions of size 1 in the shape of a result: those that were reduced.
pub(super) fn reduced_dims(kept: &Shape) -> SmallVec<[i64; 6]> {
    (0..kept.len() as i64)
        .filter(|d| kept[*d as usize] == 1)
        .collect()
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
        self.extreme_over("max", true, &all_of(self), false, false)
    }

    /// The smallest element; nan if there is one. Equal ones share the gradient.
    ///
    /// # Errors
    /// If there are no elements.
    pub fn min(&self) -> Result<Tensor> {
        self.extreme_over("min", false, &all_of(self), false, false)
    }

    /// The largest element over some dimensions. Equal ones share the gradient.
    ///
    /// # Errors
    /// If a dimension does not exist, or there is nothing to choose from.
    pub fn amax(&self, dims: impl Dims, keepdim: bool) -> Result<Tensor> {
        let dims = dims.into_dims();
        let mask = dim_mask(&dims[..], self.rank())?;
        self.extreme_over("amax", true, &mask, keepdim, !dims.is_empty())
    }

    /// The smallest element over some dimensions. Equal ones share the gradient.
    ///
    /// # Errors
    /// If a dimension does not exist, or there is nothing to choose from.
    pub fn amin(&self, dims: impl Dims, keepdim: bool) -> Result<Tensor> {
        let dims = dims.into_dims();
        let mask = dim_mask(&dims[..], self.rank())?;
        self.extreme_over("amin", false, &mask, keepdim, !dims.is_empty())
    }

    /// `named` says whether the caller named dimensions.
    fn extreme_over(
        &self,
        op: &str,
        max: bool,
        mask: &[bool],
        keepdim: bool,
        named: bool,
    ) -> Result<Tensor> {
        let name = match op {
            "max" => "MaxBackward1",
            "min" => "MinBackward1",
            "amax" => "AmaxBackward0",
            _ => "AminBackward0",
        };
        let plan = Plan::new(self, mask)?;
        let empty = (0..self.rank()).find(|d| mask[*d] && self.shape()[*d] == 0);
        plan.refuse_empty(op, empty.filter(|_| named))?;
        let out = plan.extreme(max, keepdim)?.0;
        let shape = self.shape_vec();
        let (x, value) = (self.detach(), out.detach());
        Ok(record(out, &[self], |_| {
            let kept = plan.kept.clone();
            Backward::new(name, move |g: &Tensor| {
                let value = spread(&value, &kept, &shape)?;
                let dims = reduced_dims(&kept);
                let g = spread(g, &kept, &shape)?;
                Ok(smallvec![Some(shared_by_hits(&g, &x, &value, &dims)?)])
            })
        }))
    }

    /// The largest element along a dimension and its first position. The gradient goes to that
    /// position alone.
    ///
    /// # Errors
    /// If the dimension does not exist or is empty.
    pub fn max_dim(&self, dim: i64, keepdim: bool) -> Result<(Tensor, Tensor)> {
        self.extreme_dim("max", true, dim, keepdim, "MaxBackward0")
    }

    /// The smallest element along a dimension and its first position. The gradient goes to that
    /// position alone.
    ///
    /// # Errors
    /// If the dimension does not exist or is empty.
    pub fn min_dim(&self, dim: i64, keepdim: bool) -> Result<(Tensor, Tensor)> {
        self.extreme_dim("min", false, dim, keepdim, "MinBackward0")
    }

    fn extreme_dim(
        &self,
        op: &str,
        max: bool,
        dim: i64,
        keepdim: bool,
        name: &'static str,
    ) -> Result<(Tensor, Tensor)> {
        let d = resolve_dim(dim, self.rank())?;
        let plan = Plan::new(self, &dim_mask(dim, self.rank())?)?;
        plan.refuse_empty(op, Some(d))?;
        let (values, positions) = plan.extreme(max, keepdim)?;
        Ok(self.picked(name, d, values, positions, plan.kept))
    }

    /// Records an operation that picks one element of each row of dimension `dim`.
    pub(crate) fn picked(
        &self,
        name: &'static str,
        dim: usize,
        values: Tensor,
        positions: Tensor,
        kept: Shape,
    ) -> (Tensor, Tensor) {
        let saved = positions.clone();
        let mut outputs = record_many(vec![values, positions], &[self], |_| PickBackward {
            name,
            dim: dim as i64,
            shape: self.shape_vec(),
            kept,
            positions: saved,
        })
        .into_iter();
        let (Some(values), Some(positions)) = (outputs.next(), outputs.next()) else {
            unreachable!("record_many returns as many outputs as it is given")
        };
        (values, positions)
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
        let (mask, d) = match dim {
            None => (all_of(self), None),
            Some(dim) => (
                dim_mask(dim, self.rank())?,
                Some(resolve_dim(dim, self.rank())?),
            ),
        };
        let plan = Plan::new(self, &mask)?;
        if plan.n == 0 && d.is_none() {
            return Err(Error::index(format!(
                "{op}(): Expected reduction dim to be specified for input.numel() == 0."
            )));
        }
        plan.refuse_empty(op, d)?;
        Ok(plan.extreme(max, keepdim)?.1)
    }
}
