//! Mean squared error.

use pleach_core::autograd::{
    Attributes, Call, GradOf, GradsOf, Operation, Own, Saved, Saves, apply,
};
use pleach_core::{DType, Error, Result, Tensor, size_text};
use pleach_kernels::{Buffer, elementwise, reduce::sum, zip};

use super::{Reduction, filled};
use crate::setters::given;

/// `(input - target)²`, reduced.
///
/// Shapes: both the same (others are broadcast, with a warning, since that is seldom meant); the
/// result is 0-d, or of that shape without reduction.
///
/// # Errors
/// If the shapes cannot be broadcast together, or a string is unknown.
///
/// ```
/// use pleach::tensor;
/// use pleach::nn::functional as F;
/// let loss = F::mse_loss(&tensor![1.0, 2.0], &tensor![1.0, 4.0], "mean")?;
/// assert_eq!(loss.item()?, 2.0);
/// # Ok::<(), pleach::Error>(())
/// ```
pub fn mse_loss(
    input: &Tensor,
    target: &Tensor,
    reduction: impl TryInto<Reduction, Error: Into<Error>>,
) -> Result<Tensor> {
    let reduction = given(reduction)?;
    if input.shape() != target.shape() {
        log::warn!(
            "Using a target size ({}) that is different to the input size ({}). This will likely lead to incorrect results due to broadcasting. Please ensure they have the same size.",
            size_text(target.shape()),
            size_text(input.shape())
        );
    }
    if input.dtype() == DType::Bool && target.dtype() == DType::Bool {
        return Err(Error::not_implemented("mse_cpu", DType::Bool));
    }
    // Truth values count as numbers here, though they are not subtracted elsewhere.
    let number = |t: &Tensor, other: &Tensor| match t.dtype() {
        DType::Bool => t.to_dtype(other.dtype()).map(Some),
        _ => Ok(None),
    };
    let (x, y) = (number(input, target)?, number(target, input)?);
    let (input, target) = (x.as_ref().unwrap_or(input), y.as_ref().unwrap_or(target));
    Ok(apply(MseLoss(reduction), (input, target))?.0)
}

/// Outputs: the loss, and the difference that it comes from.
#[derive(Clone, Debug)]
pub struct MseLoss(Reduction);

impl MseLoss {
    /// What the squares are divided by.
    fn count(&self, difference: &Tensor) -> f64 {
        match self.0 {
            Reduction::Mean => difference.numel() as f64,
            Reduction::None | Reduction::Sum => 1.0,
        }
    }
}

impl Operation for MseLoss {
    type Inputs<'a> = (&'a Tensor, &'a Tensor);
    type Outputs = (Tensor, Tensor);

    fn name(&self) -> &'static str {
        "mse_loss"
    }
    fn grad_name(&self) -> &'static str {
        "MseLossBackward0"
    }
    fn attributes(&self) -> Attributes {
        vec![("reduction", self.0.name().into())]
    }
    fn forward(&self, (input, target): Self::Inputs<'_>, _: &mut Own) -> Result<Self::Outputs> {
        let alike = input.dtype() == target.dtype() && input.shape() == target.shape();
        let difference = match input.dtype() {
            // As `sub` does it, without the questions that are answered here.
            DType::F32 | DType::F64 if alike && input.is_contiguous() && target.is_contiguous() => {
                dispatch_float!("mse_cpu", input.dtype(), T => {
                    let (x, y) = (input.as_slice::<T>()?, target.as_slice::<T>()?);
                    filled(input.shape(), |out| zip(x, y, out, |x: T, y| x - y))?
                })
            }
            _ => input.sub(target)?,
        };
        if !difference.dtype().is_float() {
            return Err(Error::not_implemented("mse_cpu", difference.dtype()));
        }
        if !alike || self.0 == Reduction::None {
            let loss = self.0.of(&difference.mul(&difference)?)?;
            return Ok((loss, difference));
        }
        let n = self.count(&difference);
        let loss = dispatch_float!("mse_cpu", difference.dtype(), T => {
            let d = difference.as_slice::<T>()?;
            let mut squares = Buffer::<T>::try_new(d.len())?;
            elementwise::map(d, &mut squares, |d| d * d);
            Tensor::from_buffer(Buffer::full(1, sum(&squares) / n as T), ())
        });
        Ok((loss, difference))
    }
    fn saves(&self, _: Call<'_>) -> Saves {
        Saves::NONE.output(1)
    }
    fn backward(
        &self,
        saved: &Saved<'_>,
        [grad, to_difference]: GradOf<'_, Self>,
    ) -> Result<GradsOf<Self>> {
        let difference = saved.output(1)?;
        let by = 2.0 / self.count(&difference);
        let number = grad.filter(|g| g.rank() == 0 && matches!(g.dtype(), DType::F32 | DType::F64));
        let dx = match (number, grad) {
            (Some(grad), _) if !saved.recording() => Some(scaled(&difference, by, grad)?),
            (_, Some(grad)) => Some(difference.mul(by)?.mul(grad)?),
            _ => None,
        };
        let dx = plus(dx, to_difference.cloned())?;
        let dt = dx.as_ref().filter(|_| saved.needs(1));
        let dt = dt.map(Tensor::neg).transpose()?;
        Ok([dx.filter(|_| saved.needs(0)), dt])
    }
}

/// `difference * by * grad` in one pass; the gradient is 0-d.
fn scaled(difference: &Tensor, by: f64, grad: &Tensor) -> Result<Tensor> {
    dispatch_float!("mse_cpu", grad.dtype(), T => {
        let (by, grad) = (by as T, grad.as_slice::<T>()?[0]);
        let d = difference.as_slice::<T>()?;
        filled(difference.shape(), |out| elementwise::map(d, out, move |d| by * d * grad))
    })
}

/// The sum of what is there.
fn plus(a: Option<Tensor>, b: Option<Tensor>) -> Result<Option<Tensor>> {
    match (a, b) {
        (Some(a), Some(b)) => a.add(&b).map(Some),
        (a, b) => Ok(a.or(b)),
    }
}
