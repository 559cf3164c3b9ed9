//! Whether gradients and state fit the parameters they belong to.

use pleach_core::{Error, Parameter, Result, Tensor, size_text};

/// A parameter's place in an optimizer.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    /// The optimizer's name.
    pub optimizer: &'static str,
    /// The number of the group.
    pub group: usize,
    /// The place in the group.
    pub index: usize,
    /// The parameter's name, if the optimizer was given one.
    pub name: Option<&'a str>,
}

/// What happened, and what to do.
const HINT: &str =
    "its data was replaced in between; clear the gradient, and build the optimizer anew";

impl Place<'_> {
    /// Checks that `tensor`, which is the parameter's `what`, has its shape.
    ///
    /// # Errors
    /// If it has not: the parameter changed (by `set_data`) since the tensor was made.
    pub fn check_shape(self, parameter: &Parameter, what: &str, tensor: &Tensor) -> Result<()> {
        let data = parameter.data();
        let shape = data.shape();
        if tensor.shape() == shape {
            return Ok(());
        }
        Err(Error::shape(format!(
            "{self} has size {}, but its {what} has size {} ({HINT})",
            size_text(shape),
            size_text(tensor.shape())
        )))
    }

    /// Checks that the gradient has the parameter's shape and dtype.
    ///
    /// # Errors
    /// As [`Place::check_shape`].
    pub fn check_gradient(self, parameter: &Parameter, gradient: &Tensor) -> Result<()> {
        self.check_shape(parameter, "gradient", gradient)?;
        let dtype = parameter.dtype();
        if gradient.dtype() == dtype {
            return Ok(());
        }
        Err(Error::dtype(format!(
            "{self} has dtype {dtype}, but its gradient has dtype {} ({HINT})",
            gradient.dtype()
        )))
    }
}

impl std::fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Place {
            optimizer,
            group,
            index,
            name,
        } = self;
        match name {
            Some(name) => write!(f, "{optimizer}: parameter '{name}'"),
            None => write!(f, "{optimizer}: parameter {index} of group {group}"),
        }
    }
}
