//! Norms, and the logarithm of a sum of exponentials.

use super::plan::{Kind, Over, Plan, kept, shared_by_hits};
use crate::autograd::Saved;
use crate::{DType, Dims, Error, Result, Tensor};

/// PyTorch's name of a norm's backward step.
pub(super) const GRAD_NAME: &str = "LinalgVectorNormBackward0";

/// # Reductions: norms
impl Tensor {
    /// `ln(Σ exp(x))` over some dimensions, without overflow.
    ///
    /// # Errors
    /// If a dimension does not exist, or the dtype is not a float type.
    pub fn logsumexp(&self, dims: impl Dims, keepdim: bool) -> Result<Tensor> {
        self.reduced(Kind::LogSumExp, Over::dims(self, dims, keepdim)?)
    }

    /// The Euclidean norm of all elements; its gradient at 0 is 0.
    ///
    /// # Errors
    /// If the dtype is not a float type.
    pub fn norm(&self) -> Result<Tensor> {
        self.norm_over(2.0, Over::all(self))
    }

    /// The p-norm `(Σ |x|^p)^(1/p)` over some dimensions; p may be 0 (count), infinite (largest)
    /// or negative infinite (smallest). No dimensions means all. The gradient at a pole (an element 0
    /// for p < 1, a norm of 0) is 0.
    ///
    /// # Errors
    /// If a dimension does not exist, the dtype is not a float type, or p is negative or infinite and
    /// there is no element.
    pub fn norm_dim(&self, p: f64, dims: impl Dims, keepdim: bool) -> Result<Tensor> {
        self.norm_over(p, Over::dims(self, dims, keepdim)?)
    }

    fn norm_over(&self, p: f64, over: Over) -> Result<Tensor> {
        if !self.dtype().is_float() {
            return Err(Error::dtype(format!(
                "linalg.vector_norm: Expected a floating point or complex tensor as input. Got {}",
                self.dtype().torch_name()
            ))
            .hint_conversion(self.dtype(), DType::F32));
        }
        self.reduced(Kind::Norm(p), over)
    }
}

pub(super) fn log_sum_exp(x: &Tensor, plan: &Plan, over: &Over) -> Result<Tensor> {
    // The largest element, or 0 where that is infinite, so that inf - inf does not arise.
    let top = if plan.n == 0 {
        Tensor::try_zeros_of(kept(x.shape(), &over.mask), x.dtype())?
    } else {
        let top = Plan::new(x, &over.mask, true)?.extreme(true)?.0;
        Tensor::where_cond(&top.isfinite()?, &top, 0.0)?
    };
    let sum = Plan::new(&x.sub(&top)?.exp()?, &over.mask, true)?.sum()?;
    sum.log()?.add(&top)?.reshape(&plan.shape)
}

pub(super) fn norm(x: &Tensor, p: f64, plan: &Plan, over: &Over) -> Result<Tensor> {
    let (mask, keepdim) = (&over.mask, over.keepdim);
    if plan.n == 0 && (p < 0.0 || p.is_infinite()) && plan.outer * plan.inner > 0 {
        return Err(no_identity(p, x.shape(), mask));
    }
    let total = |t: &Tensor| Plan::new(t, mask, keepdim)?.sum();
    let size = x.abs()?;
    if p == 0.0 {
        total(&x.ne(0.0)?.to_dtype(x.dtype())?)
    } else if plan.n == 1 {
        // A square could overflow or vanish.
        size.reshape(&plan.shape)
    } else if p == 2.0 {
        total(&x.mul(x)?)?.sqrt()
    } else if p == 1.0 {
        total(&size)
    } else if p.is_infinite() {
        Ok(Plan::new(&size, mask, keepdim)?.extreme(p > 0.0)?.0)
    } else {
        total(&size.pow(p)?)?.pow(1.0 / p)
    }
}

/// The gradient of a norm. Where the norm has a pole or a corner, it is 0: at 0 for p < 1, and where
/// the norm is 0.
pub(super) fn gradient(saved: &Saved<'_>, grad: &Tensor, p: f64, over: &Over) -> Result<Tensor> {
    let shape = saved.shape(0);
    if p == 0.0 {
        // A count is constant: there is no gradient, also of one that is not finite.
        return Tensor::try_zeros_of(shape, saved.dtype(0));
    }
    let (g, x) = (&over.spread(grad, shape)?, &saved.input(0)?);
    if p == 1.0 {
        return g.mul(&x.sign()?);
    }
    let norm = &over.spread(&saved.output(0)?, shape)?;
    if p == 2.0 {
        return g.mul(&x.div(norm)?.masked_fill(&norm.eq(0.0)?, 0.0)?);
    }
    let size = x.abs()?;
    if p.is_infinite() {
        let share = shared_by_hits(g, &size, norm, &over.list())?;
        return x.sign()?.mul(&share);
    }
    if p < 1.0 {
        let slope = x.sign()?.mul(&size.pow(p - 1.0)?)?;
        let slope = slope.masked_fill(&x.eq(0.0)?, 0.0)?;
        return slope.mul(g)?.mul(&norm.pow(1.0 - p)?);
    }
    let scale = g.div(&norm.pow(p - 1.0)?)?;
    let scale = scale.masked_fill(&norm.eq(0.0)?, 0.0)?;
    let slope = if p < 2.0 {
        x.sign()?.mul(&size.pow(p - 1.0)?)?
    } else {
        x.mul(&size.pow(p - 2.0)?)?
    };
    slope.mul(&scale)
}

/// PyTorch's refusal of a norm of nothing that has no value for nothing.
fn no_identity(p: f64, shape: &[usize], mask: &[bool]) -> Error {
    let p = if p.is_infinite() {
        if p > 0.0 { "inf" } else { "-inf" }.to_string()
    } else {
        p.to_string()
    };
    let empty = (0..shape.len()).find(|d| mask[*d] && shape[*d] == 0);
    Error::value(match empty {
        Some(d) if !mask.iter().all(|m| *m) => format!(
            "linalg.vector_norm cannot compute the {p} norm on the dimension {d}because this dimension is empty and the operation does not have an identity"
        ),
        _ => format!(
            "linalg.vector_norm cannot compute the {p} norm on an empty tensor because the operation does not have an identity"
        ),
    })
}
