//! [`ReLU`].

use pleach_core::{Result, Tensor};

use crate::{Forward, Module, Node, functional};

/// `max(x, 0)`, element by element. Any shape.
///
/// ```
/// use pleach_core::tensor;
/// use pleach_nn::{Forward, layers::ReLU};
/// let y = ReLU::new().call(&tensor![-1.0, 2.0])?;
/// assert_eq!(y.to_vec::<f32>()?, [0.0, 2.0]);
/// # Ok::<(), pleach_core::Error>(())
/// ```
#[derive(Module)]
#[module(extra_repr)]
pub struct ReLU {
    node: Node,
    /// PyTorch's flag: printed, without effect, since tensors are values here.
    pub inplace: bool,
}

impl ReLU {
    /// The activation.
    pub fn new() -> Self {
        Self::with_inplace(false)
    }

    /// The activation that prints `inplace=True` or not.
    pub fn with_inplace(inplace: bool) -> Self {
        ReLU {
            node: Node::new(),
            inplace,
        }
    }

    fn extra_repr(&self) -> String {
        match self.inplace {
            true => "inplace=True".to_string(),
            false => String::new(),
        }
    }
}

impl Default for ReLU {
    fn default() -> Self {
        Self::new()
    }
}

impl Forward for ReLU {
    fn forward(&self, input: &Tensor) -> Result<Tensor> {
        functional::relu(input)
    }
}
