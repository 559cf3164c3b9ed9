//! The largest and the smallest: over all elements, or over some dimensions, and where they are.

use smallvec::smallvec;

use super::operand::dim_mask;
use super::plan::{Plan, all_of, spread};
use crate::autograd::{Backward, GradFn, InputGrads, record, record_many};
use crate::shape::{Shape, resolve_dim};
use crate::{Dims, Error, Result, Tensor};

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

impl Tensor {
    /// The largest element; nan if there is one. Equal ones share the gradient.
    ///
    /// # Errors
    /// If there are no elements.
    pub fn max(&self) -> Result<Tensor> {
        self.extreme_over("max", true, &all_of(self), false, "MaxBackward1")
    }

    /// The smallest element; nan if there is one. Equal ones share the gradient.
    ///
    /// # Errors
    /// If there are no elements.
    pub fn min(&self) -> Result<Tensor> {
        self.extreme_over("min", false, &all_of(self), false, "MinBackward1")
    }

    /// The largest element over some dimensions. Equal ones share the gradient.
    ///
    /// # Errors
    /// If a dimension does not exist, or there is nothing to choose from.
    pub fn amax(&self, dims: impl Dims, keepdim: bool) -> Result<Tensor> {
        let mask = dim_mask(dims, self.rank())?;
        self.extreme_over("amax", true, &mask, keepdim, "AmaxBackward0")
    }

    /// The smallest element over some dimensions. Equal ones share the gradient.
    ///
    /// # Errors
    /// If a dimension does not exist, or there is nothing to choose from.
    pub fn amin(&self, dims: impl Dims, keepdim: bool) -> Result<Tensor> {
        let mask = dim_mask(dims, self.rank())?;
        self.extreme_over("amin", false, &mask, keepdim, "AminBackward0")
    }

    fn extreme_over(
        &self,
        op: &str,
        max: bool,
        mask: &[bool],
        keepdim: bool,
        name: &'static str,
    ) -> Result<Tensor> {
        let plan = Plan::new(self, mask)?;
        plan.refuse_empty(op, None)?;
        let out = plan.extreme(max, keepdim)?.0;
        let shape = self.shape_vec();
        let (x, value) = (self.detach(), out.detach());
        Ok(record(out, &[self], |_| {
            let kept = plan.kept.clone();
            Backward::new(name, move |g: &Tensor| {
                let value = spread(&value, &kept, &shape)?;
                // A nan equals nothing, but is the extreme.
                let hit = x.eq(&value)?.logical_or(&x.isnan()?)?.to_dtype(g.dtype())?;
                let mut count = hit.clone();
                for d in 0..shape.len() {
                    if kept[d] == 1 {
                        count = count.sum_dim(d as i64, true)?;
                    }
                }
                let g = spread(g, &kept, &shape)?;
                Ok(smallvec![Some(g.mul(&hit)?.div(&count)?)])
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
    /// If there are no elements.
    pub fn argmax(&self) -> Result<Tensor> {
        self.arg_extreme("argmax", true, None, false)
    }

    /// The first position of the smallest element, in row-major order.
    ///
    /// # Errors
    /// If there are no elements.
    pub fn argmin(&self) -> Result<Tensor> {
        self.arg_extreme("argmin", false, None, false)
    }

    /// The first position of the largest element along a dimension.
    ///
    /// # Errors
    /// If the dimension does not exist or is empty.
    pub fn argmax_dim(&self, dim: i64, keepdim: bool) -> Result<Tensor> {
        self.arg_extreme("argmax", true, Some(dim), keepdim)
    }

    /// The first position of the smallest element along a dimension.
    ///
    /// # Errors
    /// If the dimension does not exist or is empty.
    pub fn argmin_dim(&self, dim: i64, keepdim: bool) -> Result<Tensor> {
        self.arg_extreme("argmin", false, Some(dim), keepdim)
    }

    fn arg_extreme(&self, op: &str, max: bool, dim: Option<i64>, keepdim: bool) -> Result<Tensor> {
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
