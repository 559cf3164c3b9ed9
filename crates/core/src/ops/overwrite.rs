//! Arithmetic that writes its result over an operand which nobody else can see.

use pleach_kernels::{Binary, Float};

use super::operand::Operand;
use crate::autograd::{is_grad_enabled, mode};
use crate::{DType, Element, Result, Scalar, Tensor};

/// `x = x op y` in the memory of `x`, if that is possible: both floats of one dtype and `x`
/// unshared, so that neither broadcasting nor promotion nor a graph has a part in it. Says whether it
/// was done.
pub(super) fn write_over(op: Binary, x: &mut Tensor, y: &Operand) -> Result<bool> {
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
    if truth && op == Binary::Sub || !x.is_unshared() {
        return Ok(false);
    }
    match x.dtype() {
        DType::F32 => run::<f32>(op, x, y),
        DType::F64 => run::<f64>(op, x, y),
        _ => Ok(false),
    }
}

fn run<T: Element + Float>(op: Binary, x: &mut Tensor, y: &Operand) -> Result<bool> {
    // Only the values change: what the tensor is in a graph stays.
    let history = x.history().clone();
    let xs = x.make_slice_mut::<T>()?;
    let done = match y {
        Operand::Tensor(y) => op.write_over(xs, y.as_slice::<T>()?),
        Operand::Scalar(s) => op.write_number_over(xs, s.wrapping_to()),
    };
    x.set_history(history);
    Ok(done)
}

impl Tensor {
    /// The sum of two tensors without history, in the memory of one of them if that is free.
    pub(crate) fn plus(mut self, other: Tensor) -> Result<Tensor> {
        let mut other = Operand::Tensor(other);
        if write_over(Binary::Add, &mut self, &other)? {
            return Ok(self);
        }
        if let Operand::Tensor(other) = &mut other
            && write_over(Binary::Add, other, &Operand::Tensor(self.clone()))?
        {
            return Ok(other.clone());
        }
        self.add(other)
    }
}
