//! [`Loss`]: a module that compares two tensors.

use pleach_core::{Result, Tensor};

use crate::Module;
use crate::scope::Scope;

/// A module that maps an input and a target to a loss.
///
/// Write `forward`; use `call`, PyTorch's `loss(input, target)`.
///
/// ```
/// use pleach_core::tensor;
/// use pleach_nn::losses::{Loss, MSELoss};
/// let loss = MSELoss::new().call(&tensor![1.0, 2.0], &tensor![1.0, 4.0])?;
/// assert_eq!(loss.item()?, 2.0);
/// # Ok::<(), pleach_core::Error>(())
/// ```
pub trait Loss: Module {
    /// What the loss computes.
    ///
    /// # Errors
    /// If the shapes or dtypes do not fit together.
    fn forward(&self, input: &Tensor, target: &Tensor) -> Result<Tensor>;

    /// Computes `forward`.
    ///
    /// # Errors
    /// What `forward` returns, with the loss's type before the text.
    fn call(&self, input: &Tensor, target: &Tensor) -> Result<Tensor> {
        let scope = Scope::enter(self.as_module(), &[input, target]);
        let result = self.forward(input, target);
        Scope::leave(scope, &result);
        result.map_err(|error| match self.node() {
            Some(node) => error.tag(node.id(), node.name().unwrap_or(self.type_name())),
            None => error,
        })
    }
}
