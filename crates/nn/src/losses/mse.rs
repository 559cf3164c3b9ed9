//! [`MSELoss`].

use pleach_core::{Error, Result, Tensor};

use super::{Loss, Reduction};
use crate::setters::{given, setters};
use crate::{Module, Node, functional};

/// The squared error `(input - target)²`, reduced: [`functional::mse_loss`].
///
/// Shapes: input and target the same; the loss is 0-d, or of that shape without reduction.
///
/// ```
/// use pleach::tensor;
/// use pleach::nn::losses::{Loss, MSELoss};
/// let (x, y) = (tensor![1.0, 2.0], tensor![1.0, 4.0]);
/// assert_eq!(MSELoss::new().call(&x, &y)?.item()?, 2.0);
/// assert_eq!(MSELoss::builder().reduction("sum").build()?.call(&x, &y)?.item()?, 4.0);
/// # Ok::<(), pleach::Error>(())
/// ```
#[derive(Module)]
#[module(debug)]
pub struct MSELoss {
    node: Node,
    /// How the losses of single elements become one.
    #[module(skip)]
    pub reduction: Reduction,
}

impl MSELoss {
    /// The mean squared error.
    pub fn new() -> Self {
        MSELoss {
            node: Node::new(),
            reduction: Reduction::Mean,
        }
    }

    /// A loss with options.
    pub fn builder() -> MSELossBuilder {
        MSELossBuilder {
            reduction: Ok(Reduction::Mean),
        }
    }
}

/// Options of an [`MSELoss`].
#[derive(Debug, Clone)]
#[must_use]
pub struct MSELossBuilder {
    reduction: Result<Reduction>,
}

impl MSELossBuilder {
    setters! {
        |builder| builder;
        /// How the losses of single elements become one: `"mean"` (the default), `"sum"` or
        /// `"none"`, or a [`Reduction`].
        reduction: impl TryInto<Reduction, Error: Into<Error>> = given(reduction);
    }

    /// Builds the loss.
    ///
    /// # Errors
    /// If a string is unknown.
    pub fn build(self) -> Result<MSELoss> {
        Ok(MSELoss {
            node: Node::new(),
            reduction: self.reduction?,
        })
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
