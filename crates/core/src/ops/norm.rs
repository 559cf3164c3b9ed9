//! Norms, and the logarithm of a sum of exponentials.

use smallvec::smallvec;

use super::operand::dim_mask;
use super::plan::{Plan, all_of, spread};
use crate::autograd::{Backward, record};
use crate::{Dims, Error, Result, Tensor};

impl Tensor {
    /// `ln(Σ exp(x))` over some dimensions, without overflow.
    ///
    /// # Errors
    /// If a dimension does not exist, or the dtype is not a float type.
    pub fn logsumexp(&self, dims: impl Dims, keepdim: bool) -> Result<Tensor> {
        let mask = dim_mask(dims, self.rank())?;
        let plan = Plan::new(self, &mask)?;
        let x = self.detach();
        // The largest element, or 0 where that is infinite, so that inf - inf does not arise.
        let top = if plan.n == 0 {
            Tensor::try_zeros_of(&plan.kept, self.dtype())?
        } else {
            let top = plan.extreme(true, true)?.0;
            Tensor::where_cond(&top.isfinite()?, &top, 0.0)?
        };
        let sum = Plan::new(&x.sub(&top)?.exp()?, &mask)?.sum(true)?;
        let out = sum.log()?.add(&top)?.reshape(plan.shape(keepdim))?;
        let shape = self.shape_vec();
        Ok(record(out.clone(), &[self], |_| {
            let kept = plan.kept.clone();
            Backward::new("LogsumexpBackward0", move |g: &Tensor| {
                let share = x.sub(&spread(&out, &kept, &shape)?)?.exp()?;
                Ok(smallvec![Some(spread(g, &kept, &shape)?.mul(&share)?)])
            })
        }))
    }

    /// The Euclidean norm of all elements; its gradient at 0 is 0.
    ///
    /// # Errors
    /// If the dtype is not a float type.
    pub fn norm(&self) -> Result<Tensor> {
        self.norm_over(2.0, &all_of(self), false)
    }

    /// The p-norm `(Σ |x|^p)^(1/p)` over some dimensions; p may be 0 (count), infinite (largest)
    /// or negative infinite (smallest). No dimensions means all.
    ///
    /// # Errors
    /// If a dimension does not exist, or the dtype is not a float type.
    pub fn norm_dim(&self, p: f64, dims: impl Dims, keepdim: bool) -> Result<Tensor> {
        self.norm_over(p, &dim_mask(dims, self.rank())?, keepdim)
    }

    fn norm_over(&self, p: f64, mask: &[bool], keepdim: bool) -> Result<Tensor> {
        if !self.dtype().is_float() {
            return Err(Error::dtype(format!(
                "linalg.vector_norm: Expected a floating point or complex tensor as input. Got {}",
                self.dtype().torch_name()
            )));
        }
        let plan = Plan::new(self, mask)?;
        let x = self.detach();
        let total = |t: &Tensor| Plan::new(t, mask)?.sum(keepdim);
        let size = x.abs()?;
        let out = if p == 2.0 {
            total(&x.mul(&x)?)?.sqrt()?
        } else if p == 1.0 {
            total(&size)?
        } else if p == 0.0 {
            total(&x.ne(0.0)?.to_dtype(x.dtype())?)?
        } else if p.is_infinite() {
            let plan = Plan::new(&size, mask)?;
            plan.refuse_empty("linalg.vector_norm", None)?;
            plan.extreme(p > 0.0, keepdim)?.0
        } else {
            total(&size.pow(p)?)?.pow(1.0 / p)?
        };
        let shape = self.shape_vec();
        let norm = out.clone();
        Ok(record(out, &[self], |_| {
            let kept = plan.kept.clone();
            Backward::new("LinalgVectorNormBackward0", move |g: &Tensor| {
                let g = spread(g, &kept, &shape)?;
                let norm = spread(&norm, &kept, &shape)?;
                let slope = if p == 2.0 {
                    x.div(&norm)?
                } else if p == 1.0 {
                    x.sign()?
                } else if p == 0.0 {
                    x.try_zeros_like()?
                } else if p.is_infinite() {
                    let hit = size.eq(&norm)?.to_dtype(x.dtype())?;
                    let mut count = hit.clone();
                    for d in (0..shape.len()).filter(|d| kept[*d] == 1) {
                        count = count.sum_dim(d as i64, true)?;
                    }
                    x.sign()?.mul(&hit)?.div(&count)?
                } else {
                    x.sign()?
                        .mul(&size.pow(p - 1.0)?)?
                        .div(&norm.pow(p - 1.0)?)?
                };
                let slope = slope.masked_fill(&norm.eq(0.0)?, 0.0)?;
                Ok(smallvec![Some(g.mul(&slope)?)])
            })
        }))
    }
}
