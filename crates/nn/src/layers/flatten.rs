//! [`Flatten`].

use pleach_core::{Result, Tensor};

use crate::setters::setters;
use crate::{Forward, Module, Node};

/// Makes one dimension of several, by default of all but the first.
///
/// Shapes: input `[*, S₁, …, Sₖ, *]`, output `[*, S₁ · … · Sₖ, *]`; by default `[N, *]` becomes `[N, numel]`.
///
/// ```
/// use pleach::Tensor;
/// use pleach::nn::{Forward, layers::Flatten};
/// let x = Tensor::zeros([2, 3, 4]);
/// assert_eq!(Flatten::new().call(&x)?.shape(), [2, 12]);
/// let first = Flatten::builder().start_dim(0).end_dim(1).build()?;
/// assert_eq!(first.call(&x)?.shape(), [6, 4]);
/// # Ok::<(), pleach::Error>(())
/// ```
#[derive(Module)]
#[module(extra_repr, debug)]
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
        Flatten {
            node: Node::new(),
            start_dim: 1,
            end_dim: -1,
        }
    }

    /// A layer with options.
    pub fn builder() -> FlattenBuilder {
        FlattenBuilder {
            start_dim: 1,
            end_dim: -1,
        }
    }

    fn extra_repr(&self) -> String {
        format!("start_dim={}, end_dim={}", self.start_dim, self.end_dim)
    }
}

/// Options of a [`Flatten`].
#[derive(Debug, Clone)]
#[must_use]
pub struct FlattenBuilder {
    start_dim: i64,
    end_dim: i64,
}

impl FlattenBuilder {
    setters! {
        |builder| builder;
        /// The first dimension to merge (1 by default); a negative one counts from the end.
        start_dim: i64 = start_dim;
        /// The last dimension to merge (-1 by default).
        end_dim: i64 = end_dim;
    }

    /// Builds the layer. As in PyTorch, the dimensions are checked by `forward`.
    ///
    /// # Errors
    /// None.
    pub fn build(self) -> Result<Flatten> {
        Ok(Flatten {
            node: Node::new(),
            start_dim: self.start_dim,
            end_dim: self.end_dim,
        })
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
