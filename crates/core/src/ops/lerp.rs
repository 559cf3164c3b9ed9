//! Linear interpolation between two tensors.

use smallvec::smallvec;

use super::arithmetic::unbroadcast;
use super::elementwise::zip;
use super::operand::Operand;
use crate::autograd::{Backward, record};
use crate::{Error, Result, Scalar, Tensor};

impl Tensor {
    /// `self + weight * (end - self)`, computed from the nearer end. The weight is a number or a
    /// tensor.
    ///
    /// ```
    /// use pleach_core::tensor;
    /// let y = tensor![0., 10.].lerp(&tensor![4., 20.], 0.25)?;
    /// assert_eq!(y.to_vec::<f32>()?, [1., 12.5]);
    /// # Ok::<(), pleach_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the shapes cannot be broadcast together, the dtypes differ or are no float types, or they
    /// cannot hold the weight.
    pub fn lerp(&self, end: &Tensor, weight: impl Into<Operand>) -> Result<Tensor> {
        let weight = weight.into();
        self.check_lerp("end", end)?;
        match weight {
            Operand::Scalar(weight) => self.lerp_by_number(end, weight),
            Operand::Tensor(weight) if weight.rank() == 0 => {
                self.lerp_by_tensor(end, &weight.to_dtype(self.dtype())?)
            }
            Operand::Tensor(weight) => {
                self.check_lerp("weight", &weight)?;
                self.lerp_by_tensor(end, &weight)
            }
        }
    }

    fn check_lerp(&self, name: &str, other: &Tensor) -> Result<()> {
        if other.dtype() == self.dtype() {
            return Ok(());
        }
        Err(Error::dtype(format!(
            "expected dtype {} for `{name}` but got dtype {}",
            self.dtype().c_name(),
            other.dtype().c_name()
        )))
    }

    fn lerp_by_number(&self, end: &Tensor, weight: Scalar) -> Result<Tensor> {
        let out = dispatch_float!("lerp_kernel_scalar", self.dtype(), T => {
            let weight = weight.to::<T>()?;
            // One rounding for product and sum, as PyTorch's vectors have it.
            if weight.abs() < 0.5 {
                zip(self, end, move |a: T, b: T| weight.mul_add(b - a, a))?
            } else {
                zip(self, end, move |a: T, b: T| (weight - 1.0).mul_add(b - a, b))?
            }
        });
        let weight = weight.to_f64();
        let (xs, es) = (self.shape_vec(), end.shape_vec());
        Ok(record(out, &[self, end], |needs| {
            let (nx, ne) = (needs[0], needs[1]);
            Backward::stateless("LerpBackward0", move |g: &Tensor| {
                let dx = nx.then(|| unbroadcast(g.mul(1.0 - weight)?, &xs));
                let de = ne.then(|| unbroadcast(g.mul(weight)?, &es));
                Ok(smallvec![dx.transpose()?, de.transpose()?])
            })
        }))
    }

    fn lerp_by_tensor(&self, end: &Tensor, weight: &Tensor) -> Result<Tensor> {
        if !self.dtype().is_float() {
            return Err(Error::not_implemented("lerp_kernel_tensor", self.dtype()));
        }
        let (x, e, w) = (self.detach(), end.detach(), weight.detach());
        let difference = e.sub(&x)?;
        let near = x.add(&w.mul(&difference)?)?;
        let far = e.sub(&difference.mul(&w.rsub(1.0)?)?)?;
        let out = Tensor::where_cond(&w.abs()?.lt(0.5)?, &near, &far)?;
        let (xs, es, ws) = (x.shape_vec(), e.shape_vec(), w.shape_vec());
        Ok(record(out, &[self, end, weight], |needs| {
            let (nx, ne, nw) = (needs[0], needs[1], needs[2]);
            Backward::new("LerpBackward1", move |g: &Tensor| {
                let dx = nx.then(|| unbroadcast(g.mul(&w.rsub(1.0)?)?, &xs));
                let de = ne.then(|| unbroadcast(g.mul(&w)?, &es));
                let dw = nw.then(|| unbroadcast(g.mul(&difference)?, &ws));
                Ok(smallvec![dx.transpose()?, de.transpose()?, dw.transpose()?])
            })
        }))
    }
}
