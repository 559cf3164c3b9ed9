//! [`Saved::by_parts`]: the gradients of an operation whose backward is a kernel, in operations.

use super::alias::Alias;
use super::apply::apply;
use super::engine::{Options, grads_at};
use super::saved::Saved;
use crate::tensor::{History, InputGrads};
use crate::{Result, Tensor};

impl Saved<'_> {
    /// The gradients of the inputs from a way to compute the first output in operations: for an
    /// operation whose backward is a kernel, when that is differentiated. All inputs are kept.
    ///
    /// # Errors
    /// If an input was not kept, or as `parts`.
    pub fn by_parts(
        &self,
        grad: &Tensor,
        parts: impl FnOnce(&[Option<Tensor>]) -> Result<Tensor>,
    ) -> Result<InputGrads> {
        let inputs: Vec<Option<Tensor>> = (0..self.inputs())
            .map(|i| match self.optional(i) {
                // A step of its own, at which the walk stops.
                Some(t) if t.requires_grad() => apply(Alias, &t).map(Some),
                t => Ok(t),
            })
            .collect::<Result<_>>()?;
        let output = parts(&inputs)?;
        let histories = inputs
            .iter()
            .map(|t| t.as_ref().map_or(&History::None, Tensor::history));
        grads_at(&[&output], &[Some(grad)], histories, Options::CREATE_GRAPH)
    }
}
