//! [`ModuleCall`]: in which module's call an operation runs, while somebody listens.

use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;

use super::mode::mode;

/// A call of a module, while code is [traced](super::trace::trace), [profiled](super::profiler::profile) or
/// watched by [`detect_anomaly`](super::detect_anomaly).
///
/// Its text is that of errors: `layer1.0.conv1 (Conv2d)`, or the type alone for the outermost module.
pub struct ModuleCall {
    path: String,
    type_name: String,
    caller: Option<Arc<ModuleCall>>,
}

impl ModuleCall {
    /// A call in the current one.
    pub(super) fn new(path: String, type_name: String) -> Arc<Self> {
        Arc::new(ModuleCall {
            path,
            type_name,
            caller: current_call(),
        })
    }

    /// Where the module is in the outermost module that was called: `"layer1.0.conv1"`, `""` for that
    /// one itself. A module that has several paths is named by one below its caller's, if there is one.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The module's name in print: `"Conv2d"`.
    pub fn type_name(&self) -> &str {
        &self.type_name
    }

    /// The call in which it was called.
    pub fn caller(&self) -> Option<&Arc<ModuleCall>> {
        self.caller.as_ref()
    }
}

impl fmt::Display for ModuleCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.path {
            "" => f.write_str(&self.type_name),
            path => write!(f, "{path} ({})", self.type_name),
        }
    }
}

impl fmt::Debug for ModuleCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

thread_local! {
    static CURRENT: RefCell<Option<Arc<ModuleCall>>> = const { RefCell::new(None) };
}

/// Whether somebody listens to module calls on this thread.
#[doc(hidden)]
#[inline]
pub fn is_watched() -> bool {
    mode().is_watched()
}

/// The call that runs now on this thread, if somebody listens.
#[doc(hidden)]
pub fn current_call() -> Option<Arc<ModuleCall>> {
    CURRENT.with_borrow(Clone::clone)
}

/// Makes a call, or none, the current one; the old one comes back when this is dropped.
pub(super) struct Within(Option<Arc<ModuleCall>>);

impl Within {
    pub fn new(call: Option<Arc<ModuleCall>>) -> Self {
        Within(CURRENT.replace(call))
    }
}

impl Drop for Within {
    fn drop(&mut self) {
        CURRENT.set(self.0.take());
    }
}
