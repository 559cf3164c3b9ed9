//! [`Wrapper`]: a module and the one that it wraps are called once.

use std::cell::Cell;

use crate::Module;
use crate::place::place;

thread_local! {
    /// The place of the wrapper whose `forward` runs innermost.
    static CURRENT: Cell<Option<u64>> = const { Cell::new(None) };
}

/// A call that is no part of another call of the same module; it ends when this is dropped.
pub(crate) struct Wrapper(Option<u64>);

impl Wrapper {
    /// Begins a call; `None` if the module is called by what wraps it, whose call runs the hooks.
    #[inline]
    pub fn enter(module: &dyn Module) -> Option<Wrapper> {
        let outer = CURRENT.get();
        if outer.is_some() && outer == place(module) {
            return None;
        }
        CURRENT.set(module.wrapped().and_then(|_| place(module)));
        Some(Wrapper(outer))
    }
}

impl Drop for Wrapper {
    fn drop(&mut self) {
        CURRENT.set(self.0);
    }
}
