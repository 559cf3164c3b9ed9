//! [`Unflatten`].

use pleach_core::print::python_tuple;
use pleach_core::{IntoSizes, Result, Tensor};

use crate::{Forward, Module, Node};

/// Makes several dimensions of one: the opposite of [`Flatten`](super::Flatten).
///
/// Shapes: input `[*, S, *]`, where S is at `dim`, output `[*, unflattened_size, *]`, of which one size
/// may be -1.
///
/// ```
/// use pleach::Tensor;
/// use pleach::nn::{Forward, layers::Unflatten};
/// let layer = Unflatten::new(1, [2, -1]);
/// assert_eq!(layer.call(&Tensor::zeros([5, 6]))?.shape(), [5, 2, 3]);
/// assert_eq!(layer.to_string(), "Unflatten(dim=1, unflattened_size=(2, -1))");
/// # Ok::<(), pleach::Error>(())
/// ```
#[derive(Module)]
#[module(extra_repr, debug)]
pub struct Unflatten {
    node: Node,
    /// The dimension to part.
    pub dim: i64,
    /// Its new sizes.
    #[module(skip)]
    pub unflattened_size: Vec<i64>,
}

impl Unflatten {
    /// Parts a dimension, which may count from the end. As in PyTorch, the sizes are checked by
    /// `forward`.
    pub fn new(dim: i64, unflattened_size: impl IntoSizes) -> Self {
        Unflatten {
            node: Node::new(),
            dim,
            unflattened_size: unflattened_size.into_sizes().to_vec(),
        }
    }

    fn extra_repr(&self) -> String {
        let sizes = python_tuple(&self.unflattened_size);
        format!("dim={}, unflattened_size={sizes}", self.dim)
    }
}

impl Forward for Unflatten {
    fn forward(&self, input: &Tensor) -> Result<Tensor> {
        input.unflatten(self.dim, &self.unflattened_size[..])
    }
}
