//! A tensor and a scaled product or quotient: `addcmul`, `addcdiv`.

use pleach_kernels::{add_scaled_product, add_scaled_quotient};

use super::elementwise::written;
use super::operand::{Operand, result_type};
use crate::autograd::{Attributes, Call, GradsOf, Operation, Own, Rules, Saved, Saves, apply};
use crate::shape::broadcast_shapes;
use crate::{DType, Element, Error, Result, Scalar, Tensor};

/// `x + value * a * b`, or `x + value * a / b`.
#[derive(Clone, Debug)]
pub struct ScaledSum {
    value: Scalar,
    /// Whether `a` is divided by `b`.
    divides: bool,
}

impl Operation for ScaledSum {
    type Inputs<'a> = (&'a Tensor, &'a Tensor, &'a Tensor);
    type Outputs = Tensor;
    const RULES: Rules = Rules::ARITHMETIC;

    fn name(&self) -> &'static str {
        match self.divides {
            true => "addcdiv",
            false => "addcmul",
        }
    }
    fn grad_name(&self) -> &'static str {
        match self.divides {
            true => "AddcdivBackward0",
            false => "AddcmulBackward0",
        }
    }
    fn attributes(&self) -> Attributes {
        vec![("value", self.value.to_f64().into())]
    }
    fn forward(&self, (x, a, b): Self::Inputs<'_>, _: &mut Own) -> Result<Tensor> {
        if !x.dtype().is_float() {
            let part = a.mul(self.value)?;
            return x.add(&if self.divides {
                part.div(b)?
            } else {
                part.mul(b)?
            });
        }
        let shape = broadcast_shapes(&broadcast_shapes(x.shape(), a.shape())?, b.shape())?;
        let [x, a, b] = [x, a, b].map(|t| t.expand(&shape[..])?.contiguous());
        let (a, b) = (a?, b?);
        dispatch_float!(self.name(), a.dtype(), T => {
            let (a, b, value) = (a.as_slice::<T>()?, b.as_slice::<T>()?, self.value.wrapping_to());
            written(&x?, |x, out| match self.divides {
                true => add_scaled_quotient(x, a, b, value, out),
                false => add_scaled_product(x, a, b, value, out),
            })
        })
    }
    fn saves(&self, call: Call<'_>) -> Saves {
        let (na, nb) = (call.needs(1), call.needs(2));
        Saves::NONE
            .input_if(nb, 1)
            .input_if(na || nb && self.divides, 2)
    }
    fn backward(&self, saved: &Saved<'_>, grad: &Tensor) -> Result<GradsOf<Self>> {
        let (a, b) = (|| saved.input(1), || saved.input(2));
        let of_a = || match self.divides {
            true => grad.mul(&b()?.rdiv(self.value)?),
            false => grad.mul(&b()?.mul(self.value)?),
        };
        let of_b = || match self.divides {
            true => {
                let b = b()?;
                (grad.mul(&a()?.mul(self.value)?)?.div(&b.mul(&b)?)?).neg()
            }
            false => grad.mul(&a()?.mul(self.value)?),
        };
        Ok([
            saved.grad(0, || Ok(grad.clone()))?,
            saved.grad(1, of_a)?,
            saved.grad(2, of_b)?,
        ])
    }
}

/// # Scaled sums
impl Tensor {
    /// `self + value * a * b`; an integer dtype takes the whole part of the value.
    ///
    /// # Errors
    /// If the shapes cannot be broadcast together, or the dtype cannot hold the value.
    pub fn addcmul(&self, a: &Tensor, b: &Tensor, value: impl Into<Scalar>) -> Result<Tensor> {
        self.scaled_sum(a, b, value.into(), false)
    }

    /// `self + value * a / b`.
    ///
    /// # Errors
    /// If the shapes cannot be broadcast together, integers are divided by integers, or the dtype
    /// cannot hold the value.
    pub fn addcdiv(&self, a: &Tensor, b: &Tensor, value: impl Into<Scalar>) -> Result<Tensor> {
        if !a.dtype().is_float() && !b.dtype().is_float() {
            return Err(Error::dtype(INTEGER_ADDCDIV));
        }
        self.scaled_sum(a, b, value.into(), true)
    }

    fn scaled_sum(&self, a: &Tensor, b: &Tensor, value: Scalar, divides: bool) -> Result<Tensor> {
        let dtype = (self.dtype()).promote(result_type(a, &Operand::Tensor(b.clone())));
        if dtype == DType::Bool {
            return Err(Error::not_implemented("addcmul_cpu_out", dtype));
        }
        let value = factor(dtype, value)?;
        apply(ScaledSum { value, divides }, (self, a, b))
    }
}

/// A number that the elements of a dtype are multiplied by, as the dtype holds it.
fn factor(dtype: DType, value: Scalar) -> Result<Scalar> {
    match dtype {
        DType::F64 => Ok(value),
        dtype if dtype.is_float() => value.to::<f32>().map(|_| value),
        dtype => dispatch_all!(dtype, T => value.to::<T>().map(|v| Scalar::Int(v.to_i64()))),
    }
}

const INTEGER_ADDCDIV: &str = "Integer division with addcdiv is no longer supported, and in a future  release addcdiv will perform a true division of tensor1 and tensor2. The historic addcdiv behavior can be implemented as (input + value * torch.trunc(tensor1 / tensor2)).to(input.dtype) for integer inputs and as (input + value * tensor1 / tensor2) for float inputs. The future addcdiv behavior is just the latter implementation: (input + value * tensor1 / tensor2), for all dtypes.";
