//! Forward hooks: functions that see, and may replace, what a module is given and what it computes.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Weak};

use pleach_core::{Result, Tensor};

use crate::Module;

/// What a forward hook is: it gets the module, its input and its output, and returns another
/// output or `None`.
pub type ForwardHook =
    dyn Fn(&dyn Module, &Tensor, &Tensor) -> Result<Option<Tensor>> + Send + Sync;

/// What a forward pre-hook is: it gets the module and its input, and returns another input or
/// `None`.
pub type ForwardPreHook = dyn Fn(&dyn Module, &Tensor) -> Result<Option<Tensor>> + Send + Sync;

/// The hooks of one node.
#[derive(Default)]
pub(crate) struct Hooks {
    /// Those that run before `forward`.
    pub before: HookList<ForwardPreHook>,
    /// Those that run after it.
    pub after: HookList<ForwardHook>,
}

/// Hooks of one kind.
pub(crate) struct HookList<F: ?Sized>(Arc<Entries<F>>);

struct Entries<F: ?Sized> {
    /// In the order of registration.
    list: Mutex<Vec<Entry<F>>>,
    /// Whether there are any: read on every call, written under the list's lock.
    any: AtomicBool,
}

struct Entry<F: ?Sized> {
    key: Arc<()>,
    hook: Arc<F>,
}

impl<F: ?Sized> Entries<F> {
    fn new(list: Vec<Entry<F>>) -> Self {
        Entries {
            any: AtomicBool::new(!list.is_empty()),
            list: Mutex::new(list),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Entry<F>>> {
        // No hook runs under the lock, so nothing is half-done when it is poisoned.
        self.list.lock().unwrap_or_else(|e| e.into_inner())
    }
}

/// A list that a handle can take its hook from.
trait Removable: Send + Sync {
    fn remove(&self, key: &Arc<()>);
}

impl<F: ?Sized + Send + Sync> Removable for Entries<F> {
    fn remove(&self, key: &Arc<()>) {
        let mut list = self.lock();
        list.retain(|entry| !Arc::ptr_eq(&entry.key, key));
        self.any.store(!list.is_empty(), Ordering::Release);
    }
}

/// Takes a hook away again: [`ModuleExt::register_forward_hook`](crate::ModuleExt) returns it.
///
/// Dropping the handle leaves the hook in place, as in PyTorch.
#[must_use = "the hook stays unless `remove` is called; write `let _ =` if it shall"]
pub struct HookHandle {
    list: Weak<dyn Removable>,
    key: Arc<()>,
}

impl HookHandle {
    /// Takes the hook away. Nothing happens if the module is gone.
    pub fn remove(self) {
        if let Some(list) = self.list.upgrade() {
            list.remove(&self.key);
        }
    }
}

impl<F: ?Sized + Send + Sync + 'static> HookList<F> {
    pub fn add(&self, hook: Arc<F>) -> HookHandle {
        let key = Arc::new(());
        let mut list = self.0.lock();
        list.push(Entry {
            key: key.clone(),
            hook,
        });
        self.0.any.store(true, Ordering::Release);
        let entries: Arc<dyn Removable> = self.0.clone();
        HookHandle {
            list: Arc::downgrade(&entries),
            key,
        }
    }

    /// The hooks now: a copy, so that a hook may register or remove hooks.
    fn current(&self) -> Vec<Arc<F>> {
        if !self.0.any.load(Ordering::Acquire) {
            return Vec::new();
        }
        self.0.lock().iter().map(|e| e.hook.clone()).collect()
    }

    /// The same functions, registered apart.
    fn copy(&self) -> Self {
        let list = self.0.lock();
        let entries = list.iter().map(|e| Entry {
            key: e.key.clone(),
            hook: e.hook.clone(),
        });
        HookList(Arc::new(Entries::new(entries.collect())))
    }
}

impl<F: ?Sized> Default for HookList<F> {
    fn default() -> Self {
        HookList(Arc::new(Entries::new(Vec::new())))
    }
}

impl Hooks {
    /// The same functions, registered apart.
    pub fn copy(&self) -> Hooks {
        Hooks {
            before: self.before.copy(),
            after: self.after.copy(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        !self.before.0.any.load(Ordering::Acquire) && !self.after.0.any.load(Ordering::Acquire)
    }

    /// Runs the hooks before `forward`; each sees the input that the one before it left. `None` if
    /// the input stays what it was.
    pub fn run_before(&self, module: &dyn Module, input: &Tensor) -> Result<Option<Tensor>> {
        let mut changed = None;
        for hook in self.before.current() {
            let input = changed.as_ref().unwrap_or(input);
            if let Some(new) = hook(module, input)? {
                changed = Some(new);
            }
        }
        Ok(changed)
    }

    /// Runs the hooks after `forward`; each sees the output that the one before it left.
    pub fn run_after(
        &self,
        module: &dyn Module,
        input: &Tensor,
        mut output: Tensor,
    ) -> Result<Tensor> {
        for hook in self.after.current() {
            if let Some(new) = hook(module, input, &output)? {
                output = new;
            }
        }
        Ok(output)
    }
}
