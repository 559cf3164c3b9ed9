//! [`HasMode`]: who may be asked whether it is in training mode.

use super::Module;

/// A module that knows its mode, because it has a field of type [`Node`](crate::Node); `#[derive(Module)]` sees to
/// it.
///
/// A struct without that field cannot ask for its mode, so it can never be left in training mode
/// when its model is evaluated. What it consists of follows [`Module::train`] and [`Module::eval`]
/// nevertheless. A module written by hand that has a node says so by `impl HasMode for X {}`.
///
/// ```compile_fail
/// use pleach::nn::{Forward, Module, ModuleExt, functional as F};
/// use pleach::{Result, Tensor};
///
/// #[derive(Module)]
/// struct Noise;
/// impl Forward for Noise {
///     fn forward(&self, x: &Tensor) -> Result<Tensor> {
///         F::dropout(x, 0.5, self.is_training()) // Noise needs a field `node: Node`
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not know whether it is in training mode",
    note = "give it a field `node: Node`, made by `Node::new()`: it then follows `train` and `eval`"
)]
pub trait HasMode: Module {}

impl HasMode for dyn Module {}
