//! What every call of a module does, whatever it is given and returns.

use pleach_core::{Error, Result, Tensor};

use crate::arguments::{Arguments, Output, Tensors, tensors_of};
use crate::backward_hooks::Crossing;
use crate::hooks::Changed;
use crate::module::{Hooks, display_name};
use crate::place::place;
use crate::scope::Scope;
use crate::wrapper::Wrapper;
use crate::{Module, Node};

/// The one call path: what listens is told, pre-hooks, `forward` and hooks run, and an error gets
/// the module's path. `forward` gets the tensors that hooks have put in the place of the arguments'.
pub(crate) fn call<'a, O: Output>(
    module: &dyn Module,
    arguments: impl Arguments<'a>,
    forward: impl FnOnce(Option<&[Tensor]>) -> Result<O>,
) -> Result<O> {
    let Some(_wrapper) = Wrapper::enter(module) else {
        return forward(None);
    };
    let scope = Scope::enter(module, arguments);
    let result = match module.node().map(Node::hooks) {
        Some(hooks) if !hooks.is_empty() => {
            let mut forward = Some(forward);
            let mut once = |new: Option<&[Tensor]>| forward.take().expect("it runs once")(new);
            with_hooks(module, hooks, &tensors_of(arguments), &mut once)
        }
        _ => forward(None),
    };
    Scope::leave(scope, &result);
    result.map_err(|error| locate(module, error))
}

/// [`call`] of a module with one tensor.
pub(crate) fn call_one<O: Output>(
    module: &dyn Module,
    input: &Tensor,
    forward: impl FnOnce(&Tensor) -> Result<O>,
) -> Result<O> {
    call(module, input, |new| {
        forward(new.and_then(<[Tensor]>::first).unwrap_or(input))
    })
}

// Compiled once for each type of output.
#[cold]
fn with_hooks<O: Output>(
    module: &dyn Module,
    hooks: &Hooks,
    given: &[&Tensor],
    forward: &mut dyn FnMut(Option<&[Tensor]>) -> Result<O>,
) -> Result<O> {
    let mut inputs = hooks.run_before(module, given)?;
    let crossing = Crossing::begin(module, hooks, &refs(&inputs, given))?;
    let crossing = crossing.map(|(crossing, new)| {
        inputs = new.or(inputs.take());
        crossing
    });
    let mut output = forward(inputs.as_deref())?;
    let mut change = |f: &mut dyn FnMut(&[&Tensor]) -> Result<Changed>| -> Result<()> {
        let changed = {
            let mut made = Tensors::new();
            output.returned(&mut made);
            f(&made)?
        };
        match changed {
            Some(new) => output.set_returned(&mut new.iter()),
            None => Ok(()),
        }
    };
    change(&mut |made| hooks.run_after(module, &refs(&inputs, given), made))?;
    if let Some(crossing) = &crossing {
        change(&mut |made| crossing.end(made))?;
    }
    Ok(output)
}

/// The new tensors, or else the old ones.
fn refs<'a>(new: &'a Changed, old: &'a [&'a Tensor]) -> Tensors<'a> {
    match new {
        Some(new) => new.iter().collect(),
        None => old.iter().copied().collect(),
    }
}

/// Ties the error to `module`, or finds the path below `module` of the one it is tied to.
fn locate(module: &dyn Module, error: Error) -> Error {
    const NOWHERE: u64 = 0;
    let place = |m: &dyn Module| place(m).unwrap_or(NOWHERE);
    let error = error.tag(place(module), display_name(module));
    // A struct and its first field share an address, but are not of one type.
    let is_it = |m: &dyn Module| {
        error.module_id() == Some(place(m)) && error.module_type() == Some(display_name(m))
    };
    let found = {
        let mut all = module
            .named_modules()
            .into_iter()
            .filter(|(_, m)| is_it(*m));
        (all.next(), all.next())
    };
    match found {
        // Values without size are not told from others of their type.
        (Some(_), Some(_)) if error.module_id() == Some(NOWHERE) => error.with_path(String::new()),
        (Some((path, _)), _) => error.with_path(path),
        (None, _) => error,
    }
}
