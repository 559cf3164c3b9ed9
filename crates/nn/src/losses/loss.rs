//! [`Loss`]: a module that compares two tensors.

use pleach_core::{Result, Tensor};

use crate::{Module, call};

/// A module that maps an input and a target to a loss.
///
/// Write `forward`; use `call`, PyTorch's `loss(input, target)`.
///
/// ```
/// use pleach::tensor;
/// use pleach::nn::losses::{Loss, MSELoss};
/// let loss = MSELoss::new().call(&tensor![1.0, 2.0], &tensor![1.0, 4.0])?;
/// assert_eq!(loss.item()?, 2.0);
/// # Ok::<(), pleach::Error>(())
/// ```
pub trait Loss: Module {
    /// What the loss computes.
    ///
    /// # Errors
    /// If the shapes or dtypes do not fit together.
    fn forward(&self, input: &Tensor, target: &Tensor) -> Result<Tensor>;

    /// Runs the loss's forward pre-hooks, `forward`, and its forward hooks.
    ///
    /// # Errors
    /// As [`Forward::call`](crate::Forward::call).
    fn call(&self, input: &Tensor, target: &Tensor) -> Result<Tensor> {
        call::call(self.as_module(), (input, target), |new| match new {
            Some([input, target]) => self.forward(input, target),
            _ => self.forward(input, target),
        })
    }
}
