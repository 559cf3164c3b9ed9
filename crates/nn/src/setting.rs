//! [`Setting`]: what `forward` reads and a user may change later.

use std::fmt;
use std::sync::{Arc, Mutex};

/// A small value behind a handle, so that a module's aliases agree when one of them changes it:
/// a dropout's `p`, a norm's `momentum`.
///
/// As a field of a module it is no member; `share()` aliases it and `deep_copy()` copies it.
///
/// ```
/// let p = pleach::nn::Setting::new(0.5);
/// let alias = p.share();
/// p.set(0.1);
/// assert_eq!(alias.get(), 0.1);
/// ```
pub struct Setting<T>(Arc<Mutex<T>>);

impl<T: Copy> Setting<T> {
    /// A new value of its own.
    pub fn new(value: T) -> Self {
        Setting(Arc::new(Mutex::new(value)))
    }

    /// The value now.
    pub fn get(&self) -> T {
        // A value is only ever replaced whole, so a poisoned lock still guards a valid one.
        *self.0.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// Changes the value, for every alias.
    pub fn set(&self, value: T) {
        *self.0.lock().unwrap_or_else(|e| e.into_inner()) = value;
    }

    /// The same value, for an alias.
    pub fn share(&self) -> Self {
        Setting(self.0.clone())
    }

    /// Where the value is: equal for aliases.
    pub(crate) fn address(&self) -> usize {
        Arc::as_ptr(&self.0) as usize
    }
}

impl<T: Copy> From<T> for Setting<T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<T: Copy + fmt::Debug> fmt::Debug for Setting<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}
