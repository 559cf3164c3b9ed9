//! [`Scope`]: the call of a module, for those who listen to operations.

use std::cell::RefCell;
use std::collections::HashMap;

use pleach_core::autograd::{self, ModuleScope};
use pleach_core::{Result, Tensor};

use crate::arguments::{Arguments, Output, Tensors, tensors_of};
use crate::module::display_name;
use crate::place::{Key, key};
use crate::walk::join;
use crate::{Listing, Module};

thread_local! {
    /// The paths of all modules below those that are being called and are no part of another one.
    static TREES: RefCell<Vec<HashMap<Key, Vec<String>>>> = const { RefCell::new(Vec::new()) };
}

fn paths(root: &dyn Module) -> HashMap<Key, Vec<String>> {
    let mut paths = HashMap::<Key, Vec<String>>::new();
    for (path, module) in root.named_modules_with(Listing::with_duplicates()) {
        paths.entry(key(module)).or_default().push(path);
    }
    paths
}

/// The path of a module in the outermost one that is being called: below the caller's, if it has
/// several. `None` if it is in none.
fn known_path(module: &dyn Module) -> Option<String> {
    let caller = autograd::current_call()?;
    let (key, prefix) = (key(module), join(caller.path(), ""));
    TREES.with_borrow(|trees| {
        let paths = trees.iter().rev().find_map(|tree| tree.get(&key))?;
        let below = paths.iter().find(|path| path.starts_with(&prefix));
        below.or(paths.first()).cloned()
    })
}

/// A module's call that runs now; it ends when this is dropped.
pub(crate) struct Scope {
    call: ModuleScope,
    outermost: bool,
}

impl Scope {
    /// Begins a call, if somebody listens.
    #[inline]
    pub fn enter<'a>(module: &dyn Module, arguments: impl Arguments<'a>) -> Option<Scope> {
        match autograd::is_watched() {
            true => Some(Scope::begin(module, &tensors_of(arguments))),
            false => None,
        }
    }

    #[cold]
    fn begin(module: &dyn Module, inputs: &[&Tensor]) -> Scope {
        let path = known_path(module);
        let outermost = path.is_none();
        if outermost {
            let paths = paths(module);
            TREES.with_borrow_mut(|trees| trees.push(paths));
        }
        let name = display_name(module).to_string();
        let call = ModuleScope::enter(path.unwrap_or_default(), name, inputs);
        Scope { call, outermost }
    }

    /// Ends it, with what it returns.
    #[inline]
    pub fn leave(scope: Option<Scope>, result: &Result<impl Output>) {
        if let (Some(scope), Ok(output)) = (scope, result) {
            let mut made = Tensors::new();
            output.returned(&mut made);
            scope.call.returns(&made);
        }
    }
}

impl Drop for Scope {
    fn drop(&mut self) {
        if self.outermost {
            TREES.with_borrow_mut(Vec::pop);
        }
    }
}
