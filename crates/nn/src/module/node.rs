//! What a [`Node`] does.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::{Hooks, Inner, Node};

impl Node {
    /// A new identity, in training mode.
    pub fn new() -> Self {
        Self::from_parts((true, false), None, Hooks::default())
    }

    /// A new identity whose module prints under this name instead of its type's.
    ///
    /// PyTorch has subclasses that add nothing but a name; here they are the base type with such
    /// a node. `downcast_ref` sees the Rust type.
    pub fn named(name: impl Into<String>) -> Self {
        Self::from_parts((true, false), Some(name.into()), Hooks::default())
    }

    fn from_parts((training, frozen): (bool, bool), name: Option<String>, hooks: Hooks) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Node(Arc::new(Inner {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            training: AtomicBool::new(training),
            frozen: AtomicBool::new(frozen),
            name,
            hooks,
        }))
    }

    /// The same node, for an alias.
    pub fn share(&self) -> Self {
        Node(self.0.clone())
    }

    /// A new identity with this one's mode, name and hooks, for a copy.
    pub fn deep_copy(&self) -> Self {
        let mode = (self.training_set(), self.is_frozen());
        Self::from_parts(mode, self.0.name.clone(), self.0.hooks.copy())
    }

    /// The number that tells this node from every other; never reused.
    pub fn id(&self) -> u64 {
        self.0.id
    }

    /// Whether the module is in training mode: a frozen one never is.
    pub fn is_training(&self) -> bool {
        self.training_set() && !self.is_frozen()
    }

    /// The mode that was set, which holds while the module is not frozen.
    pub(crate) fn training_set(&self) -> bool {
        self.0.training.load(Ordering::Relaxed)
    }

    /// Sets the mode of this node alone; [`Module::train`](crate::Module::train) sets a whole tree's.
    pub fn set_training(&self, on: bool) {
        self.0.training.store(on, Ordering::Relaxed);
    }

    /// Whether the module is held in evaluation mode, whatever [`Module::train`](crate::Module::train) says.
    pub fn is_frozen(&self) -> bool {
        self.0.frozen.load(Ordering::Relaxed)
    }

    /// Holds this node alone in evaluation mode, or lets it go; [`Module::freeze`](crate::Module::freeze) holds a whole
    /// tree's.
    pub fn set_frozen(&self, on: bool) {
        self.0.frozen.store(on, Ordering::Relaxed);
    }

    /// The name that overrides the type's in print, if there is one.
    pub fn name(&self) -> Option<&str> {
        self.0.name.as_deref()
    }

    pub(crate) fn hooks(&self) -> &Hooks {
        &self.0.hooks
    }
}

impl Default for Node {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node")
            .field("id", &self.id())
            .field("training", &self.is_training())
            .field("frozen", &self.is_frozen())
            .field("name", &self.0.name)
            .finish()
    }
}
