//! What tells one module from others.

use crate::Module;
use crate::module::display_name;

/// The module's node, or else its address: no other module that lives at the same time has it.
/// Values without size have no address of their own.
pub(crate) fn place(module: &dyn Module) -> Option<u64> {
    const ADDRESS: u64 = 1 << 63;
    let module = module.innermost();
    match module.node() {
        Some(node) => Some(node.id()),
        None if size_of_val(module) == 0 => None,
        None => Some(ADDRESS | (std::ptr::from_ref(module).cast::<()>() as usize as u64)),
    }
}

/// Place and type: a struct and its first field share an address, but are not of one
/// type. Modules without size have no place.
pub(crate) type Key = (Option<u64>, String);

pub(crate) fn key(module: &dyn Module) -> Key {
    (place(module), display_name(module).to_string())
}
