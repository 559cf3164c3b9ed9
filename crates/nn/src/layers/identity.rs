//! [`Identity`].

use pleach_core::{Result, Tensor};

use crate::{Activation, Forward, Module, Node};

/// Returns its input: a placeholder, for a layer that is taken out. Any shape.
///
/// ```
/// use pleach::tensor;
/// use pleach::nn::{Forward, layers::Identity};
/// assert_eq!(Identity::new().call(&tensor![2.0])?.item()?, 2.0);
/// # Ok::<(), pleach::Error>(())
/// ```
#[derive(Module)]
#[module(debug)]
pub struct Identity {
    node: Node,
}

impl Identity {
    /// The identity.
    pub fn new() -> Self {
        Identity { node: Node::new() }
    }
}

impl Default for Identity {
    fn default() -> Self {
        Self::new()
    }
}

impl Forward for Identity {
    fn forward(&self, input: &Tensor) -> Result<Tensor> {
        Ok(input.clone())
    }

    fn activation(&self) -> Option<Activation> {
        Some(Activation::None)
    }
}
