//! [`same`]: PyTorch's `is`.

use super::Module;

/// Whether two values are the same module: one alias of the other, PyTorch's `a is b`.
///
/// A module without a [`Node`](crate::Node) is only ever the same as itself, under the same reference; without
/// fields it is never the same as anything, because such values may share an address.
pub fn same<A: Module + ?Sized, B: Module + ?Sized>(a: &A, b: &B) -> bool {
    let (a, b) = (a.innermost(), b.innermost());
    match (a.node(), b.node()) {
        (Some(a), Some(b)) => a.id() == b.id(),
        (None, None) => {
            size_of_val(a) > 0
                && std::ptr::addr_eq(a, b)
                && a.as_any().type_id() == b.as_any().type_id()
        }
        _ => false,
    }
}
