//! Arithmetic that writes its result over an operand which nobody else can see.

use pleach_kernels::elementwise::{map_inplace, zip_inplace};

use super::operand::Operand;
use crate::autograd::{is_grad_enabled, mode};
use crate::{DType, Element, Result, Scalar, Tensor};

/// What can be computed in place.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Arithmetic {
    Add,
    Sub,
    Mul,
    Div,
}

impl Arithmetic {
    /// `x = x op y` in the memory of `x`, if that is possible: both floats of one dtype and `x`
    /// unshared, so that neither broadcasting nor promotion nor a graph has a part in it. Says
    /// whether it was done.
    pub fn write(self, x: &mut Tensor, y: &Operand) -> Result<bool> {
        if mode().tracing || is_grad_enabled() && x.requires_grad() || !x.is_contiguous() {
            return Ok(false);
        }
        if let Operand::Tensor(y) = y
            && (is_grad_enabled() && y.requires_grad()
                || y.dtype() != x.dtype()
                || y.shape() != x.shape()
                || !y.is_contiguous())
        {
            return Ok(false);
        }
        // Truth is not subtracted, which the operation says that is not in place.
        let truth = matches!(y, Operand::Scalar(Scalar::Bool(_)));
        if truth && self == Arithmetic::Sub || !x.is_unshared() {
            return Ok(false);
        }
        match x.dtype() {
            DType::F32 => self.run::<f32>(x, y)?,
            DType::F64 => self.run::<f64>(x, y)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn run<T: Element + num_traits::Float>(self, x: &mut Tensor, y: &Operand) -> Result<()> {
        // Only the values change: what the tensor is in a graph stays.
        let history = x.history().clone();
        let xs = x.make_slice_mut::<T>()?;
        match y {
            Operand::Tensor(y) => {
                let ys = y.as_slice::<T>()?;
                match self {
                    Arithmetic::Add => zip_inplace(xs, ys, |a, b| a + b),
                    Arithmetic::Sub => zip_inplace(xs, ys, |a, b| a - b),
                    Arithmetic::Mul => zip_inplace(xs, ys, |a, b| a * b),
                    Arithmetic::Div => zip_inplace(xs, ys, |a, b| a / b),
                }
            }
            Operand::Scalar(s) => {
                let b = s.wrapping_to::<T>();
                match self {
                    Arithmetic::Add => map_inplace(xs, move |a| a + b),
                    Arithmetic::Sub => map_inplace(xs, move |a| a - b),
                    Arithmetic::Mul => map_inplace(xs, move |a| a * b),
                    Arithmetic::Div => map_inplace(xs, move |a| a / b),
                }
            }
        }
        x.set_history(history);
        Ok(())
    }
}

impl Tensor {
    /// The sum of two tensors without history, in the memory of one of them if that is free.
    pub(crate) fn plus(mut self, other: Tensor) -> Result<Tensor> {
        let mut other = Operand::Tensor(other);
        if Arithmetic::Add.write(&mut self, &other)? {
            return Ok(self);
        }
        if let Operand::Tensor(other) = &mut other
            && Arithmetic::Add.write(other, &Operand::Tensor(self.clone()))?
        {
            return Ok(other.clone());
        }
        self.add(other)
    }
}
