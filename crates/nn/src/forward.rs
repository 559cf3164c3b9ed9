//! [`Forward`]: a module that maps a tensor to a tensor.

use pleach_core::{Error, Result, Tensor};

use crate::Module;
use crate::duplication::Duplication;
use crate::module::display_name;
use crate::place::place;
use crate::scope::Scope;
use crate::wrapper::Wrapper;

/// A module that maps one tensor to one tensor.
///
/// Write `forward`; use `call`, PyTorch's `module(x)`.
///
/// ```
/// # extern crate pleach_nn as pleach;
/// use pleach::{Forward, Module};
/// use pleach_core::{Result, Tensor, tensor};
///
/// #[derive(Module)]
/// struct Double;
///
/// impl Forward for Double {
///     fn forward(&self, input: &Tensor) -> Result<Tensor> {
///         input.mul(2.0)
///     }
/// }
/// assert_eq!(Double.call(&tensor![1.5])?.item()?, 3.0);
/// # Ok::<(), pleach_core::Error>(())
/// ```
pub trait Forward: Module + AsForward {
    /// What the module computes.
    fn forward(&self, input: &Tensor) -> Result<Tensor>;

    /// Runs the module's forward pre-hooks, `forward`, and its forward hooks.
    ///
    /// # Errors
    /// What `forward` or a hook returns, with the type of the innermost module that was called
    /// and its path in the outermost one: `layer1.0.conv1 (Conv2d): …`. A module that appears
    /// several times is named by its first path.
    fn call(&self, input: &Tensor) -> Result<Tensor> {
        let module = self.as_module();
        let Some(_wrapper) = Wrapper::enter(module) else {
            return self.forward(input);
        };
        let scope = Scope::enter(module, &[input]);
        let result = match module.node() {
            None => self.forward(input),
            Some(node) => node.hooks().run_before(module, input).and_then(|changed| {
                let input = changed.as_ref().unwrap_or(input);
                let output = self.forward(input)?;
                node.hooks().run_after(module, input, output)
            }),
        };
        Scope::leave(scope, &result);
        result.map_err(|error| locate(module, error))
    }

    /// `max(forward(input) + residual, 0)` as one step, from a module that has one. See
    /// [`call_relu`](crate::call_relu).
    #[doc(hidden)]
    fn forward_relu(&self, _: &Tensor, _residual: Option<&Tensor>) -> Option<Result<Tensor>> {
        None
    }
}

/// Ties the error to `module`, or finds the path below `module` of the one it is tied to.
pub(crate) fn locate(module: &dyn Module, error: Error) -> Error {
    const NOWHERE: u64 = 0;
    let error = error.tag(place(module).unwrap_or(NOWHERE), display_name(module));
    let Some(id) = error.module_id().filter(|&id| id != NOWHERE) else {
        return error;
    };
    // A struct and its first field share an address, but are not of one type.
    let found = module
        .named_modules()
        .into_iter()
        .find(|(_, m)| place(*m) == Some(id) && error.module_type() == Some(display_name(*m)));
    match found {
        Some((path, _)) => error.with_path(path),
        None => error,
    }
}

/// Conversions that need the concrete type, for boxed modules.
#[doc(hidden)]
pub trait AsForward {
    fn duplicate_forward(&self, how: &mut Duplication) -> Box<dyn Forward>;
    fn share_forward(&self) -> Box<dyn Forward> {
        self.duplicate_forward(&mut Duplication::alias())
    }
}

impl<T: Forward> AsForward for T {
    fn duplicate_forward(&self, how: &mut Duplication) -> Box<dyn Forward> {
        Box::new(self.duplicate(how))
    }
}

impl<T: Forward> From<T> for Box<dyn Forward> {
    fn from(module: T) -> Self {
        Box::new(module)
    }
}
