//! [`MSELoss`].

use pleach_core::{Result, Tensor};

use super::{Loss, Reduction};
use crate::{Module, Node, functional};

/// The squared error `(input - target)²`, reduced: [`functional::mse_loss`].
///
/// Shapes: input and target the same; the loss is 0-d, or of that shape without reduction.
///
/// ```
/// use pleach_core::tensor;
/// use pleach_nn::losses::{Loss, MSELoss, Reduction};
/// let (x, y) = (tensor![1.0, 2.0], tensor![1.0, 4.0]);
/// assert_eq!(MSELoss::new().call(&x, &y)?.item()?, 2.0);
/// assert_eq!(MSELoss::with_reduction(Reduction::Sum).call(&x, &y)?.item()?, 4.0);
/// # Ok::<(), pleach_core::Error>(())
/// ```
#[derive(Module)]
pub struct MSELoss {
    node: Node,
    /// How the losses of single elements become one.
    #[module(skip)]
    pub reduction: Reduction,
}

impl MSELoss {
    /// The mean squared error.
    pub fn new() -> Self {
        Self::with_reduction(Reduction::Mean)
    }

    /// The squared error with another reduction.
    pub fn with_reduction(reduction: Reduction) -> Self {
        MSELoss {
            node: Node::new(),
            reduction,
        }
    }
}

impl Default for MSELoss {
    fn default() -> Self {
        Self::new()
    }
}

impl Loss for MSELoss {
    fn forward(&self, input: &Tensor, target: &Tensor) -> Result<Tensor> {
        functional::mse_loss(input, target, self.reduction)
    }
}
