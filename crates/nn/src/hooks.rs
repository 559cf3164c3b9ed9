//! Hooks of modules: functions that see, and may replace, what a module is given and what it
//! computes, and the gradients of both.

use pleach_core::{Error, HookList, Result, Tensor};

use crate::Module;
use crate::module::Hooks;

/// What a hook returns beside an error: `()` if it only looks, or what takes the place of what it
/// saw.
///
/// That is all tensors (`Vec<Tensor>`, for gradients `Vec<Option<Tensor>>`), or one where there is
/// only one; `None` leaves what is there.
pub trait HookResult<T> {
    #[doc(hidden)]
    fn replacement(self) -> Option<Vec<T>>;
}

impl<T> HookResult<T> for () {
    fn replacement(self) -> Option<Vec<T>> {
        None
    }
}
impl HookResult<Tensor> for Tensor {
    fn replacement(self) -> Option<Vec<Tensor>> {
        Some(vec![self])
    }
}
impl HookResult<Option<Tensor>> for Tensor {
    fn replacement(self) -> Option<Vec<Option<Tensor>>> {
        Some(vec![Some(self)])
    }
}
impl<T> HookResult<T> for Vec<T> {
    fn replacement(self) -> Option<Vec<T>> {
        Some(self)
    }
}
impl<T, R: HookResult<T>> HookResult<T> for Option<R> {
    fn replacement(self) -> Option<Vec<T>> {
        self.and_then(R::replacement)
    }
}

impl Hooks {
    /// The same functions, registered apart.
    pub fn copy(&self) -> Hooks {
        Hooks {
            before: self.before.copy(),
            after: self.after.copy(),
            backward_before: self.backward_before.copy(),
            backward: self.backward.copy(),
        }
    }

    /// Whether there is none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.before.is_empty()
            && self.after.is_empty()
            && self.backward_before.is_empty()
            && self.backward.is_empty()
    }

    /// What the hooks before `forward` make of the inputs; `None` if that is nothing new.
    pub fn run_before(&self, module: &dyn Module, inputs: &[&Tensor]) -> Result<Changed> {
        fold(&self.before, module, inputs, |hook, seen| {
            hook(module, seen)
        })
    }

    /// What the hooks after `forward` make of the outputs.
    pub fn run_after(
        &self,
        module: &dyn Module,
        inputs: &[&Tensor],
        outputs: &[&Tensor],
    ) -> Result<Changed> {
        fold(&self.after, module, outputs, |hook, seen| {
            hook(module, inputs, seen)
        })
    }
}

/// Other tensors in the place of those that hooks saw.
pub(crate) type Changed = Option<Vec<Tensor>>;

/// Runs hooks; each sees what the one before it left.
fn fold<F: ?Sized + Send + Sync + 'static>(
    hooks: &HookList<F>,
    module: &dyn Module,
    tensors: &[&Tensor],
    mut run: impl FnMut(&F, &[&Tensor]) -> Result<Changed>,
) -> Result<Changed> {
    let mut changed = None::<Vec<Tensor>>;
    for hook in hooks.current() {
        let new = match &changed {
            Some(changed) => run(&hook, &changed.iter().collect::<Vec<_>>())?,
            None => run(&hook, tensors)?,
        };
        if let Some(new) = new {
            check_count(module, new.len(), tensors.len())?;
            changed = Some(new);
        }
    }
    Ok(changed)
}

/// Refuses another number of tensors than a hook saw.
pub(crate) fn check_count(module: &dyn Module, returned: usize, seen: usize) -> Result<()> {
    if returned == seen {
        return Ok(());
    }
    Err(Error::value(format!(
        "a hook of {} returned {returned} tensors in place of {seen}",
        module.type_name()
    )))
}
