//! Linear interpolation between two tensors.

use super::elementwise::zip;
use super::operand::{IntoOperand, Operand};
use crate::autograd::{Attributes, Call, GradsOf, Operation, Own, Saved, Saves, apply};
use crate::{Error, Result, Scalar, Tensor};

/// A tensor, its end, and the weight between them: a number here or a third tensor.
#[derive(Clone, Debug)]
pub struct Lerp {
    /// The number.
    weight: Option<Scalar>,
}

impl Operation for Lerp {
    type Inputs<'a> = (&'a Tensor, &'a Tensor, Option<&'a Tensor>);
    type Outputs = Tensor;

    fn name(&self) -> &'static str {
        "lerp"
    }
    fn grad_name(&self) -> &'static str {
        match self.weight {
            Some(_) => "LerpBackward0",
            None => "LerpBackward1",
        }
    }
    fn attributes(&self) -> Attributes {
        let weight = self.weight.map(|w| ("weight", w.to_f64().into()));
        weight.into_iter().collect()
    }
    fn forward(&self, (x, end, weight): Self::Inputs<'_>, _: &mut Own) -> Result<Tensor> {
        let Some(weight) = self.weight else {
            let weight = weight.ok_or_else(|| Error::value("lerp: no weight"))?;
            if !x.dtype().is_float() {
                return Err(Error::not_implemented("lerp_kernel_tensor", x.dtype()));
            }
            let difference = end.sub(x)?;
            let near = x.add(&weight.mul(&difference)?)?;
            let far = end.sub(&difference.mul(&weight.rsub(1.0)?)?)?;
            return Tensor::where_cond(&weight.abs()?.lt(0.5)?, &near, &far);
        };
        dispatch_float!("lerp_kernel_scalar", x.dtype(), T => {
            let weight = weight.to::<T>()?;
            // One rounding for product and sum, as PyTorch's vectors have it.
            if weight.abs() < 0.5 {
                zip(x, end, move |a: T, b: T| weight.mul_add(b - a, a))
            } else {
                zip(x, end, move |a: T, b: T| (weight - 1.0).mul_add(b - a, b))
            }
        })
    }
    fn saves(&self, call: Call<'_>) -> Saves {
        let (for_ends, for_weight) = (call.needs(0) || call.needs(1), call.needs(2));
        Saves::NONE
            .input_if(for_weight, 0)
            .input_if(for_weight, 1)
            .input_if(for_ends, 2)
    }
    fn backward(&self, saved: &Saved<'_>, grad: &Tensor) -> Result<GradsOf<Self>> {
        let part = |near: bool| match self.weight.map(Scalar::to_f64) {
            Some(w) => grad.mul(if near { 1.0 - w } else { w }),
            None if near => grad.mul(&saved.input(2)?.rsub(1.0)?),
            None => grad.mul(&saved.input(2)?),
        };
        Ok([
            saved.grad(0, || part(true))?,
            saved.grad(1, || part(false))?,
            saved.grad(2, || grad.mul(&saved.input(1)?.sub(&saved.input(0)?)?))?,
        ])
    }
}

/// # Between two tensors
impl Tensor {
    /// `self + weight * (end - self)`, computed from the nearer end. The weight is a number or a
    /// tensor.
    ///
    /// ```
    /// use pleach::tensor;
    /// let y = tensor![0., 10.].lerp(&tensor![4., 20.], 0.25)?;
    /// assert_eq!(y.to_vec::<f32>()?, [1., 12.5]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the shapes cannot be broadcast together, the dtypes differ or are no float types, or they
    /// cannot hold the weight.
    pub fn lerp(&self, end: &Tensor, weight: impl IntoOperand) -> Result<Tensor> {
        let weight = weight.into_operand();
        self.check_lerp("end", end)?;
        match weight {
            Operand::Scalar(weight) => {
                let weight = Some(weight);
                apply(Lerp { weight }, (self, end, None))
            }
            Operand::Tensor(weight) => {
                let weight = match weight.rank() {
                    0 => weight.to_dtype(self.dtype())?,
                    _ => weight,
                };
                self.check_lerp("weight", &weight)?;
                apply(Lerp { weight: None }, (self, end, Some(&weight)))
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
}
