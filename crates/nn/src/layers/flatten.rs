//! [`Flatten`].

use pleach_core::{Result, Tensor};

use crate::{Forward, Module, Node};

/// Makes one dimension of several. By default all but the first: `[N, *]` becomes `[N, numel]`.
///
/// ```
/// use pleach_core::Tensor;
/// use pleach_nn::{Forward, layers::Flatten};
/// let x = Tensor::zeros([2, 3, 4]);
/// assert_eq!(Flatten::new().call(&x)?.shape(), [2, 12]);
/// assert_eq!(Flatten::over(0, 1).call(&x)?.shape(), [6, 4]);
/// # Ok::<(), pleach_core::Error>(())
/// ```
#[derive(Module)]
#[module(extra_repr)]
pub struct Flatten {
    node: Node,
    /// The first dimension to merge.
    pub start_dim: i64,
    /// The last dimension to merge.
    pub end_dim: i64,
}

impl Flatten {
    /// Merges all dimensions but the first.
    pub fn new() -> Self {
        Self::over(1, -1)
    }

    /// Merges the dimensions from `start_dim` to `end_dim`, both included; negative ones count
    /// from the end.
    pub fn over(start_dim: i64, end_dim: i64) -> Self {
        Flatten {
            node: Node::new(),
            start_dim,
            end_dim,
        }
    }

    fn extra_repr(&self) -> String {
        format!("start_dim={}, end_dim={}", self.start_dim, self.end_dim)
    }
}

impl Default for Flatten {
    fn default() -> Self {
        Self::new()
    }
}

impl Forward for Flatten {
    fn forward(&self, input: &Tensor) -> Result<Tensor> {
        input.flatten(self.start_dim, self.end_dim)
    }
}
