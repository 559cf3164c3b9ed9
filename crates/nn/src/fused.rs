//! [`call_relu`]: a module and the ReLU after it in one step.

use pleach_core::autograd::trace::is_tracing;
use pleach_core::{Result, Tensor};

use crate::Forward;
use crate::forward::locate;
use crate::layers::{MaxPool2d, ReLU};
use crate::scope::Scope;

/// `relu.call(&module.call(input)?)`, in one step where the module has one: a batch normalisation
/// computes both in one pass over memory, forward and backward.
///
/// It is the plain sequence of calls if the module has no such step, or if a hook is registered on
/// one of the two modules, which sees what each of them gets and returns. [`Sequential`] does the
/// same for a module that a ReLU follows, so this is for `forward`s written by hand.
///
/// [`Sequential`]: crate::Sequential
///
/// # Errors
/// What the modules return.
///
/// ```
/// use pleach_core::tensor;
/// use pleach_nn::{call_relu, layers::{BatchNorm2d, ReLU}};
/// let (norm, relu) = (BatchNorm2d::builder(1).eps(1e-12).build()?, ReLU::new());
/// let x = tensor![1.0, 5.0].reshape([2, 1, 1, 1])?; // normalised: -1 and 1
/// assert_eq!(call_relu(&norm, &relu, &x)?.to_vec::<f32>()?, [0.0, 1.0]);
/// # Ok::<(), pleach_core::Error>(())
/// ```
pub fn call_relu(module: &dyn Forward, relu: &ReLU, input: &Tensor) -> Result<Tensor> {
    match one_step(module, relu, input, None) {
        Some(output) => output,
        None => relu.call(&module.call(input)?),
    }
}

/// `relu.call(&(module.call(input)? + residual()?))`, in one step where the module has one, as in
/// [`call_relu`]: the end of a residual block.
///
/// # Errors
/// What the modules and `residual` return.
///
/// ```
/// use pleach_core::tensor;
/// use pleach_nn::{call_add_relu, layers::{BatchNorm2d, ReLU}};
/// let (norm, relu) = (BatchNorm2d::builder(1).eps(1e-12).build()?, ReLU::new());
/// let x = tensor![1.0, 5.0].reshape([2, 1, 1, 1])?; // normalised: -1 and 1
/// let y = call_add_relu(&norm, &relu, &x, || Ok(x.clone()))?;
/// assert_eq!(y.to_vec::<f32>()?, [0.0, 6.0]);
/// # Ok::<(), pleach_core::Error>(())
/// ```
pub fn call_add_relu(
    module: &dyn Forward,
    relu: &ReLU,
    input: &Tensor,
    residual: impl FnOnce() -> Result<Tensor>,
) -> Result<Tensor> {
    if is_watched(module) || is_watched(relu) {
        // The modules run in the order in which the formula names them.
        let output = module.call(input)?;
        return relu.call(&output.add(&residual()?)?);
    }
    let residual = residual()?;
    match one_step(module, relu, input, Some(&residual)) {
        Some(output) => output,
        None => relu.call(&module.call(input)?.add(&residual)?),
    }
}

/// Whether a hook or a trace wants to see what a module gets and returns.
fn is_watched(module: &dyn Forward) -> bool {
    is_tracing() || module.node().is_none_or(|node| !node.hooks().is_empty())
}

/// The step, if there is one and nobody watches.
pub(crate) fn one_step(
    module: &dyn Forward,
    relu: &ReLU,
    input: &Tensor,
    residual: Option<&Tensor>,
) -> Option<Result<Tensor>> {
    if is_watched(module) || is_watched(relu) {
        return None;
    }
    let scope = Scope::enter(module.as_module(), &[input]);
    let output = module.forward_relu(input, residual)?;
    Scope::leave(scope, &output);
    Some(output.map_err(|error| locate(module.as_module(), error)))
}

/// `pool.call(&relu.call(input)?)` for a maximum pooling that nobody watches: one pass computes
/// both, since the maximum of the positive parts is the positive part of the maximum.
pub(crate) fn relu_pool(relu: &ReLU, pool: &dyn Forward, input: &Tensor) -> Option<Result<Tensor>> {
    if is_watched(relu) || is_watched(pool) {
        return None;
    }
    let max_pool = pool.as_any().downcast_ref::<MaxPool2d>()?;
    let scope = Scope::enter(pool.as_module(), &[input]);
    let output = max_pool.pool(input, true);
    Scope::leave(scope, &output);
    Some(output.map_err(|error| locate(pool.as_module(), error)))
}

/// The ReLU that a module is, if it is one; what wraps one has a `forward` of its own.
pub(crate) fn as_relu(module: &dyn Forward) -> Option<&ReLU> {
    module.as_any().downcast_ref()
}
