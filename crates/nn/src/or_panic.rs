//! [`or_panic`]: for what may panic at its caller's place.

use pleach_core::Result;

/// The value.
///
/// # Panics
/// At the caller's place, with the error's text, if there is none.
#[track_caller]
pub(crate) fn or_panic<T>(result: Result<T>) -> T {
    match result {
        Ok(value) => value,
        Err(e) => panic!("{e}"),
    }
}
