//! Forward hooks: functions that see, and may replace, what a module computes.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Weak};

use pleach_core::{Result, Tensor};

use crate::Module;

/// What a forward hook is: it gets the module, its input and its output, and returns another
/// output or `None`.
pub type ForwardHook =
    dyn Fn(&dyn Module, &Tensor, &Tensor) -> Result<Option<Tensor>> + Send + Sync;

/// The hooks of one node, in the order of registration.
#[derive(Default)]
pub(crate) struct Hooks {
    list: Arc<Mutex<Vec<Entry>>>,
    /// Whether there are any: read on every call.
    any: Arc<AtomicBool>,
}

#[derive(Clone)]
struct Entry {
    key: Arc<()>,
    hook: Arc<ForwardHook>,
}

/// Takes a hook away again: [`ModuleExt::register_forward_hook`](crate::ModuleExt) returns it.
///
/// Dropping the handle leaves the hook in place, as in PyTorch.
#[must_use = "the hook stays unless `remove` is called; write `let _ =` if it shall"]
pub struct HookHandle {
    list: Weak<Mutex<Vec<Entry>>>,
    any: Weak<AtomicBool>,
    key: Arc<()>,
}

fn lock(list: &Mutex<Vec<Entry>>) -> MutexGuard<'_, Vec<Entry>> {
    // No hook runs under the lock, so nothing is half-done when it is poisoned.
    list.lock().unwrap_or_else(|e| e.into_inner())
}

impl Hooks {
    pub fn add(&self, hook: Arc<ForwardHook>) -> HookHandle {
        let key = Arc::new(());
        lock(&self.list).push(Entry {
            key: key.clone(),
            hook,
        });
        self.any.store(true, Ordering::Release);
        HookHandle {
            list: Arc::downgrade(&self.list),
            any: Arc::downgrade(&self.any),
            key,
        }
    }

    /// The same functions, registered apart.
    pub fn copy(&self) -> Hooks {
        let list = lock(&self.list).clone();
        Hooks {
            any: Arc::new(AtomicBool::new(!list.is_empty())),
            list: Arc::new(Mutex::new(list)),
        }
    }

    /// Runs the hooks; each sees the output that the one before it left.
    pub fn run(&self, module: &dyn Module, input: &Tensor, mut output: Tensor) -> Result<Tensor> {
        if !self.any.load(Ordering::Acquire) {
            return Ok(output);
        }
        // A copy, so that a hook may register or remove hooks.
        let entries = lock(&self.list).clone();
        for entry in entries {
            if let Some(new) = (entry.hook)(module, input, &output)? {
                output = new;
            }
        }
        Ok(output)
    }
}

impl HookHandle {
    /// Takes the hook away. Nothing happens if the module is gone.
    pub fn remove(self) {
        if let (Some(list), Some(any)) = (self.list.upgrade(), self.any.upgrade()) {
            let mut list = lock(&list);
            list.retain(|entry| !Arc::ptr_eq(&entry.key, &self.key));
            any.store(!list.is_empty(), Ordering::Release);
        }
    }
}
