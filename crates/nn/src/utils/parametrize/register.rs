//! Parametrizations registered and removed.

use pleach_core::{Error, Result, Tensor, no_grad};

use crate::parametrized::{self as parts, Found, Kind, ParametrizationList};
pub use crate::parametrized::{Originals, Parametrization};
use crate::{Module, Node};

/// Makes a parameter of a module the value of a parametrization, which comes after those that are
/// there.
///
/// The first one's [`right_inverse`](Parametrization::right_inverse), if it has one, gives the
/// originals of the values that the parameter has. One original stays the same
/// [`Parameter`](pleach_core::Parameter), which an optimizer may hold already; several are new ones.
///
/// # Errors
/// PyTorch's: if the module has no such parameter, or its shape or dtype would change.
pub fn register_parametrization(
    module: &dyn Module,
    name: &str,
    parametrization: impl Parametrization,
) -> Result<()> {
    register(module, name, parametrization, true)
}

/// [`register_parametrization`] of what may change shape and dtype: PyTorch's `unsafe=True`.
///
/// # Errors
/// If the module has no such parameter.
pub fn register_parametrization_unchecked(
    module: &dyn Module,
    name: &str,
    parametrization: impl Parametrization,
) -> Result<()> {
    register(module, name, parametrization, false)
}

fn register(
    module: &dyn Module,
    name: &str,
    parametrization: impl Parametrization,
    check: bool,
) -> Result<()> {
    parametrization.set_training(module.node().is_none_or(Node::is_training));
    match parts::find(module, name) {
        Found::Plain(field, additions) => {
            let check = |old: &Tensor, new: &Tensor| match check {
                true => compare(old, new, ["unparametrized", "parametrized"]),
                false => Ok(()),
            };
            parts::parametrize((field, additions), name, parametrization, check)
        }
        Found::Computed(entry) => match &entry.kind {
            Kind::Parametrized(list) => {
                if check {
                    no_grad(|| check_next(list, name, &parametrization))?;
                }
                list.push(parametrization);
                Ok(())
            }
            Kind::Pruned(_) => Err(no_parameter(module, name)),
        },
        Found::Nothing => Err(no_parameter(module, name)),
    }
}

fn no_parameter(module: &dyn Module, name: &str) -> Error {
    Error::value(format!(
        "Module '{module}' does not have a parameter, a buffer, or a parametrized element with name '{name}'"
    ))
}

/// Refuses another shape or dtype.
fn compare(old: &Tensor, new: &Tensor, [was, is]: [&str; 2]) -> Result<()> {
    let text = |what: &str, old: String, new: String| {
        format!(
            "Registering a parametrization may not change the {what} of the tensor, unless `unsafe` flag is enabled.\n{was} {what}: {old}\n{is} {what}: {new}"
        )
    };
    if old.dtype() != new.dtype() {
        let (old, new) = (old.dtype().to_string(), new.dtype().to_string());
        return Err(Error::dtype(text("dtype", old, new)));
    }
    if old.shape() != new.shape() {
        let size = |t: &Tensor| pleach_core::size_text(t.shape()).to_string();
        return Err(Error::shape(text("shape", size(old), size(new))));
    }
    Ok(())
}

fn check_next(
    list: &ParametrizationList,
    name: &str,
    parametrization: &impl Parametrization,
) -> Result<()> {
    let old = list.value()?;
    let new = parametrization.forward(std::slice::from_ref(&old))?;
    let (was, is) = (
        format!("module.{name}"),
        format!("parametrization(module.{name})"),
    );
    compare(&old, &new, [&was, &is])?;
    match parametrization.right_inverse(&new)? {
        None => Ok(()),
        Some(Originals::One(back)) => compare(&old, &back, [&was, "returned"]),
        Some(Originals::Many(_)) => Err(parts::several()),
    }
}

/// Whether the module itself, not what is below it, has parametrized parameters: any, or that of a
/// name.
pub fn is_parametrized<'n>(module: &dyn Module, name: impl Into<Option<&'n str>>) -> bool {
    match name.into() {
        None => parts::has_parametrizations(module),
        Some(name) => list(module, name).is_some(),
    }
}

fn list<'a>(
    module: &'a dyn Module,
    name: &str,
) -> Option<(&'a parts::Entry, &'a ParametrizationList)> {
    match parts::find(module, name) {
        Found::Computed(entry) => match &entry.kind {
            Kind::Parametrized(list) => Some((entry, list)),
            Kind::Pruned(_) => None,
        },
        _ => None,
    }
}

/// Ends all parametrizations of a parameter, which then has the computed value, or, if not
/// `leave_parametrized`, that of the original. It is the same [`Parameter`](pleach_core::Parameter) as
/// before it was parametrized.
///
/// ```
/// use pleach::nn::{Module, layers::Linear};
/// use pleach::nn::utils::parametrizations::weight_norm;
/// use pleach::nn::utils::parametrize::{is_parametrized, remove_parametrizations};
/// let linear = Linear::new(3, 2);
/// weight_norm(&linear, "weight", 0)?;
/// let weight = linear.weight.tensor();
/// remove_parametrizations(&linear, "weight", true)?;
/// assert!(!is_parametrized(&linear, None));
/// assert!(linear.weight.tensor().equal(&weight)?);
/// assert_eq!(linear.to_string(), "Linear(in_features=3, out_features=2, bias=True)");
/// # Ok::<(), pleach::Error>(())
/// ```
///
/// # Errors
/// If there is none, or several originals are to be left.
pub fn remove_parametrizations(
    module: &dyn Module,
    name: &str,
    leave_parametrized: bool,
) -> Result<()> {
    let Some((entry, list)) = list(module, name) else {
        return Err(Error::value(format!(
            "Module {module} does not have a parametrization on {name}"
        )));
    };
    if !leave_parametrized {
        if !list.single {
            return Err(Error::value(
                "Cannot leave unparametrized (`leave_parametrized=False`) a tensor that is parametrized in terms of a sequence of tensors.",
            ));
        }
        entry.end();
        return Ok(());
    }
    let value = entry.value()?;
    entry.end();
    list.field.set_data(&value)?;
    if !list.single {
        list.field.set_requires_grad(value.requires_grad())?;
    }
    Ok(())
}

/// Runs `f`, in which every computed parameter is computed once, when it is first read.
///
/// ```
/// use pleach::nn::utils::{parametrizations::weight_norm, parametrize::cached};
/// use pleach::nn::layers::Linear;
/// let linear = Linear::new(3, 2);
/// weight_norm(&linear, "weight", 0)?;
/// let weights = || (linear.weight.tensor(), linear.weight.tensor());
/// let (a, b) = cached(weights);
/// assert!(a.shares_memory_with(&b));
/// let (a, b) = weights();
/// assert!(!a.shares_memory_with(&b));
/// # Ok::<(), pleach::Error>(())
/// ```
pub fn cached<R>(f: impl FnOnce() -> R) -> R {
    parts::cached(f)
}
