//! How a tensor prints.

use std::fmt;

use crate::autograd::History;
use crate::Tensor;

/// The values with their shape and dtype. (PyTorch's text, character by character, is the work
/// of a later step; this one is for reading.)
impl fmt::Display for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tensor(")?;
        let written = dispatch_all!(self.dtype(), T => match self.array::<T>() {
            Ok(view) => write!(f, "{view}"),
            Err(_) => Err(fmt::Error),
        });
        written?;
        write!(f, ", shape={:?}, dtype={}", self.shape(), self.dtype())?;
        match self.history() {
            History::None => {}
            History::Leaf(_) => write!(f, ", requires_grad=True")?,
            History::Op { node, .. } => write!(f, ", grad_fn=<{}>", node.name())?,
        }
        write!(f, ")")
    }
}

impl fmt::Debug for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
