//! Whether gradients and state fit the parameters they belong to.

use pleach_core::{Error, Parameter, Result, Tensor, size_text};

/// A parameter's place in an optimizer, which has no other name for it.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    /// The optimizer's name.
    pub optimizer: &'static str,
    /// The number of the group.
    pub group: usize,
    /// The place in the group.
    pub index: usize,
}

/// What happened, and what to do.
const HINT: &str =
    "its data was replaced in between; clear the gradient, and build the optimizer anew";

impl Place {
    /// Checks that `tensor`, which is the parameter's `what`, has its shape and dtype.
    ///
    /// # Errors
    /// If it has not: the parameter changed (by `set_data`) since the tensor was made.
    pub fn check(self, parameter: &Parameter, what: &str, tensor: &Tensor) -> Result<()> {
        let data = parameter.data();
        let (shape, dtype) = (data.shape(), data.dtype());
        let Place {
            optimizer,
            group,
            index,
        } = self;
        if tensor.shape() != shape {
            return Err(Error::shape(format!(
                "{optimizer}: parameter {index} of group {group} has size {}, but its {what} has size {} ({HINT})",
                size_text(shape),
                size_text(tensor.shape())
            )));
        }
        if tensor.dtype() != dtype {
            return Err(Error::dtype(format!(
                "{optimizer}: parameter {index} of group {group} has dtype {dtype}, but its {what} has dtype {} ({HINT})",
                tensor.dtype()
            )));
        }
        Ok(())
    }
}
