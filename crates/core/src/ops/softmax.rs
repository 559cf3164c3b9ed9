//! Softmax and its logarithm.

use smallvec::smallvec;

use super::arithmetic::float_type;
use crate::autograd::{Backward, record};
use crate::{Result, Tensor};

impl Tensor {
    /// `exp(x) / Σ exp(x)` along a dimension.
    ///
    /// # Errors
    /// If the dimension does not exist.
    pub fn softmax(&self, dim: i64) -> Result<Tensor> {
        let x = self.to_dtype(float_type(self.dtype()))?;
        let lse = x.detach().logsumexp_of_row(dim)?;
        let out = x.detach().sub(&lse)?.exp()?;
        Ok(record(out.clone(), &[&x], |_| {
            Backward::new("SoftmaxBackward0", move |g: &Tensor| {
                let weighted = g.mul(&out)?;
                let total = weighted.sum_dim(dim, true)?;
                Ok(smallvec![Some(weighted.sub(&out.mul(&total)?)?)])
            })
        }))
    }

    /// `x - ln(Σ exp(x))` along a dimension.
    ///
    /// # Errors
    /// If the dimension does not exist.
    pub fn log_softmax(&self, dim: i64) -> Result<Tensor> {
        let x = self.to_dtype(float_type(self.dtype()))?;
        let out = x.detach().sub(&x.detach().logsumexp_of_row(dim)?)?;
        Ok(record(out.clone(), &[&x], |_| {
            Backward::new("LogSoftmaxBackward0", move |g: &Tensor| {
                let total = g.sum_dim(dim, true)?;
                Ok(smallvec![Some(g.sub(&out.exp()?.mul(&total)?)?)])
            })
        }))
    }

    fn logsumexp_of_row(&self, dim: i64) -> Result<Tensor> {
        self.logsumexp(dim, true)
    }
}
