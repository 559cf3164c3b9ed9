//! The gated linear unit.

use pleach_kernels::{glu_backward, glu_piece};

use super::elementwise::{written, zip_pieces};
use crate::autograd::{Attributes, Call, GradsOf, Operation, Own, Rules, Saved, Saves};
use crate::shape::resolve_dim;
use crate::{Error, Result, Tensor};

/// The first half of a dimension times the logistic function of the second.
///
/// ```
/// use pleach::{Glu, autograd::apply, tensor};
/// assert_eq!(apply(Glu { dim: 0 }, &tensor![4.0, 0.0])?.to_vec::<f32>()?, [2.0]);
/// # Ok::<(), pleach::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Glu {
    /// The dimension.
    pub dim: i64,
}

impl Glu {
    /// The values and their gates.
    fn halves(&self, x: &Tensor) -> Result<(Tensor, Tensor)> {
        let size = x.size(self.dim)?;
        if size % 2 != 0 {
            let d = resolve_dim(self.dim, x.rank())?;
            return Err(Error::shape(format!(
                "Halving dimension must be even, but dimension {d} is size {size}"
            )));
        }
        let half = size / 2;
        let gates = x.narrow(self.dim, crate::extent::signed(half), half)?;
        Ok((x.narrow(self.dim, 0, half)?, gates))
    }
}

impl Operation for Glu {
    type Inputs<'a> = &'a Tensor;
    type Outputs = Tensor;
    const RULES: Rules = Rules::FLOAT;

    fn name(&self) -> &'static str {
        "glu"
    }
    fn grad_name(&self) -> &'static str {
        "GluBackward0"
    }
    fn attributes(&self) -> Attributes {
        vec![("dim", self.dim.into())]
    }
    fn forward(&self, x: &Tensor, _: &mut Own) -> Result<Tensor> {
        let (values, gates) = self.halves(x)?;
        dispatch_float!("glu_cpu", x.dtype(), T => zip_pieces(&values, &gates, &glu_piece::<T>))
    }
    fn saves(&self, _: Call<'_>) -> Saves {
        Saves::NONE.input(0)
    }
    fn backward(&self, saved: &Saved<'_>, grad: &Tensor) -> Result<GradsOf<Self>> {
        let wide = |t: &Tensor| t.to_dtype(t.dtype().comparable());
        let (x, grad) = (wide(&saved.input(0)?)?, wide(grad)?);
        if saved.recording() {
            let (values, gates) = self.halves(&x)?;
            let s = gates.sigmoid()?;
            let of_values = grad.mul(&s)?;
            let of_gates = of_values.mul(&s.rsub(1.0)?)?.mul(&values)?;
            return Ok([Some(Tensor::cat(&[of_values, of_gates], self.dim)?)]);
        }
        let d = resolve_dim(self.dim, x.rank())?;
        let half = x.size(self.dim)? / 2 * x.shape()[d + 1..].iter().product::<usize>();
        let grad = grad.contiguous()?;
        Ok([Some(dispatch_float!("glu_backward_cpu", x.dtype(), T => {
            let grad = grad.as_slice::<T>()?;
            written(&x, |x, out| glu_backward(x, half, grad, out))?
        }))])
    }
}
