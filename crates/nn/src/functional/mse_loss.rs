//! Mean squared error.

use pleach_core::autograd::{Backward, record};
use pleach_core::{DType, Error, Result, Tensor, size_text};
use pleach_kernels::{Buffer, elementwise, reduce::sum};
use smallvec::smallvec;

use super::Reduction;

/// `(input - target)²`, reduced.
///
/// Shapes: both the same (others are broadcast, with a warning, since that is seldom meant); the
/// result is 0-d, or of that shape without reduction.
///
/// # Errors
/// If the shapes cannot be broadcast together.
///
/// ```
/// use pleach_core::tensor;
/// use pleach_nn::{functional as F, losses::Reduction};
/// let loss = F::mse_loss(&tensor![1.0, 2.0], &tensor![1.0, 4.0], Reduction::Mean)?;
/// assert_eq!(loss.item()?, 2.0);
/// # Ok::<(), pleach_core::Error>(())
/// ```
pub fn mse_loss(input: &Tensor, target: &Tensor, reduction: Reduction) -> Result<Tensor> {
    if input.shape() != target.shape() {
        log::warn!(
            "Using a target size ({}) that is different to the input size ({}). This will likely lead to incorrect results due to broadcasting. Please ensure they have the same size.",
            size_text(target.shape()),
            size_text(input.shape())
        );
    }
    if input.dtype() == target.dtype()
        && input.dtype().is_float()
        && input.shape() == target.shape()
        && reduction != Reduction::None
    {
        return one_number(input, target, reduction);
    }
    if input.dtype() == DType::Bool && target.dtype() == DType::Bool {
        return Err(Error::not_implemented("mse_cpu", DType::Bool));
    }
    // Truth values count as numbers here, though they are not subtracted elsewhere.
    let number = |t: &Tensor, other: &Tensor| match t.dtype() {
        DType::Bool => t.to_dtype(other.dtype()),
        _ => Ok(t.clone()),
    };
    let (input, target) = (&number(input, target)?, &number(target, input)?);
    // What type and shape they have together.
    let difference = input.detach().sub(target.detach())?;
    let (dtype, shape) = (difference.dtype(), difference.shape());
    if !dtype.is_float() {
        return Err(Error::not_implemented("mse_cpu", dtype));
    }
    let full = |t: &Tensor| t.to_dtype(dtype)?.broadcast_to(shape);
    let (input, target) = (full(input)?, full(target)?);
    let loss = reduction.of(&difference.mul(&difference)?)?;
    Ok(record(loss, &[&input, &target], |needs| {
        let (to_input, to_target) = (needs[0], needs[1]);
        let factor = match reduction {
            Reduction::Mean => 2.0 / difference.numel() as f64,
            Reduction::None | Reduction::Sum => 2.0,
        };
        Backward::new("MseLossBackward0", move |grad: &Tensor| {
            let dx = difference.mul(factor)?.mul(grad)?;
            let dt = to_target.then(|| dx.neg()).transpose()?;
            Ok(smallvec![to_input.then_some(dx), dt])
        })
    }))
}

/// The reduced loss of tensors of one shape and dtype.
fn one_number(input: &Tensor, target: &Tensor, reduction: Reduction) -> Result<Tensor> {
    let difference = input.detach().sub(target.detach())?;
    let n = match reduction {
        Reduction::Mean => difference.numel() as f64,
        Reduction::None | Reduction::Sum => 1.0,
    };
    let loss = dispatch_float!("mse_cpu", difference.dtype(), T => {
        let d = difference.as_slice::<T>()?;
        let mut squares = Buffer::<T>::try_new(d.len())?;
        elementwise::map(d, &mut squares, |d| d * d);
        Tensor::from_buffer(Buffer::full(1, sum(&squares) / n as T), ())
    });
    Ok(record(loss, &[input, target], |needs| {
        let (to_input, to_target) = (needs[0], needs[1]);
        Backward::new("MseLossBackward0", move |grad: &Tensor| {
            let scaled = |by: f64| -> Result<Tensor> {
                Ok(dispatch_float!("mse_cpu", grad.dtype(), T => {
                    let (by, grad) = (by as T, grad.as_slice::<T>()?[0]);
                    let d = difference.as_slice::<T>()?;
                    let mut out = Buffer::<T>::try_new(d.len())?;
                    elementwise::map(d, &mut out, move |d| by * d * grad);
                    Tensor::from_buffer(out, difference.shape())
                }))
            };
            let dx = to_input.then(|| scaled(2.0 / n)).transpose()?;
            let dt = to_target.then(|| scaled(-2.0 / n)).transpose()?;
            Ok(smallvec![dx, dt])
        })
    }))
}
