//! Softmax and its logarithm.

use pleach_kernels::softmax;

use super::elementwise::written;
use crate::autograd::{Attributes, Call, GradsOf, Operation, Own, Rules, Saved, Saves, apply};
use crate::shape::resolve_dim;
use crate::{Result, Tensor};

/// A tensor seen as `[outer, n, inner]` around one dimension.
fn around(x: &Tensor, dim: i64) -> Result<(usize, usize, usize)> {
    let d = resolve_dim(dim, x.rank())?;
    let product = |s: &[usize]| s.iter().product::<usize>();
    Ok(match x.shape() {
        [] => (1, 1, 1),
        shape => (product(&shape[..d]), shape[d], product(&shape[d + 1..])),
    })
}

/// Softmax along a dimension, or its logarithm.
#[derive(Clone, Debug)]
pub struct Softmax {
    /// The dimension.
    dim: i64,
    /// Whether it is the logarithm.
    log: bool,
}

impl Operation for Softmax {
    type Inputs<'a> = &'a Tensor;
    type Outputs = Tensor;
    const RULES: Rules = Rules::WIDENED;

    fn name(&self) -> &'static str {
        if self.log { "log_softmax" } else { "softmax" }
    }
    fn grad_name(&self) -> &'static str {
        if self.log {
            "LogSoftmaxBackward0"
        } else {
            "SoftmaxBackward0"
        }
    }
    fn attributes(&self) -> Attributes {
        vec![("dim", self.dim.into())]
    }
    fn forward(&self, x: &Tensor, _: &mut Own) -> Result<Tensor> {
        let (outer, n, inner) = around(x, self.dim)?;
        let kernel = match (self.log, inner) {
            (false, 1) => "softmax_lastdim_kernel_impl",
            (false, _) => "softmax_kernel_impl",
            (true, 1) => "log_softmax_lastdim_kernel_impl",
            (true, _) => "log_softmax_kernel_impl",
        };
        Ok(dispatch_float!(kernel, x.dtype(), T => {
            let run = if self.log { softmax::log_softmax } else { softmax::softmax };
            written(x, |x: &[T], out| run(x, outer, n, inner, out))?
        }))
    }
    fn saves(&self, _: Call<'_>) -> Saves {
        Saves::NONE.output(0)
    }
    fn backward(&self, saved: &Saved<'_>, grad: &Tensor) -> Result<GradsOf<Self>> {
        let wide = |t: &Tensor| t.to_dtype(t.dtype().comparable());
        let (y, grad) = (wide(&saved.output(0)?)?, &wide(grad)?);
        if saved.recording() {
            let sum = |t: &Tensor| t.sum_dim(self.dim, true);
            let dx = match self.log {
                true => grad.sub(&y.exp()?.mul(&sum(grad)?)?)?,
                false => y.mul(&grad.sub(&sum(&grad.mul(&y)?)?)?)?,
            };
            return Ok([Some(dx)]);
        }
        let (outer, n, inner) = around(&y, self.dim)?;
        Ok([Some(dispatch_float!(self.grad_name(), grad.dtype(), T => {
            let run = match self.log {
                true => softmax::log_softmax_backward,
                false => softmax::softmax_backward,
            };
            let y = y.as_slice::<T>()?;
            written(grad, |grad, out| run(y, grad, outer, n, inner, out))?
        }))])
    }
}

/// # Softmax
impl Tensor {
    /// `exp(x) / Σ exp(x)` along a dimension; of half floats computed in f32. PyTorch's `dtype` is a
    /// conversion before it: `x.to_dtype(dtype)?.softmax(dim)`.
    ///
    /// # Errors
    /// If the dimension does not exist, or the dtype is not a float type.
    pub fn softmax(&self, dim: i64) -> Result<Tensor> {
        apply(Softmax { dim, log: false }, self)
    }

    /// `x - ln(Σ exp(x))` along a dimension, without overflow.
    ///
    /// # Errors
    /// If the dimension does not exist, or the dtype is not a float type.
    pub fn log_softmax(&self, dim: i64) -> Result<Tensor> {
        apply(Softmax { dim, log: true }, self)
    }
}
