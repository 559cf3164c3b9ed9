//! Lists of hooks, and the handles that take a hook away again.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Weak};

/// Hooks of one kind, in the order of registration; its clones are the same list.
#[doc(hidden)]
pub struct HookList<F: ?Sized>(Arc<Entries<F>>);

struct Entries<F: ?Sized> {
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

/// Takes a hook away again: what registers a hook, such as [`Tensor::register_hook`], returns it.
///
/// Dropping the handle leaves the hook in place, as in PyTorch.
///
/// [`Tensor::register_hook`]: crate::Tensor::register_hook
#[must_use = "the hook stays unless `remove` is called; write `let _ =` if it shall"]
pub struct HookHandle {
    list: Weak<dyn Removable>,
    key: Arc<()>,
}

impl HookHandle {
    /// Takes the hook away. Nothing happens if what it was registered on is gone.
    pub fn remove(self) {
        if let Some(list) = self.list.upgrade() {
            list.remove(&self.key);
        }
    }
}

impl<F: ?Sized + Send + Sync + 'static> HookList<F> {
    /// Registers a hook.
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

    /// Whether there is none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        !self.0.any.load(Ordering::Acquire)
    }

    /// The hooks now: a copy, so that a hook may register or remove hooks.
    pub fn current(&self) -> Vec<Arc<F>> {
        if self.is_empty() {
            return Vec::new();
        }
        self.0.lock().iter().map(|e| e.hook.clone()).collect()
    }

    /// The same functions, registered apart.
    pub fn copy(&self) -> Self {
        let list = self.0.lock();
        let entries = list.iter().map(|e| Entry {
            key: e.key.clone(),
            hook: e.hook.clone(),
        });
        HookList(Arc::new(Entries::new(entries.collect())))
    }
}

impl<F: ?Sized> Clone for HookList<F> {
    fn clone(&self) -> Self {
        HookList(self.0.clone())
    }
}

impl<F: ?Sized> Default for HookList<F> {
    fn default() -> Self {
        HookList(Arc::new(Entries::new(Vec::new())))
    }
}
