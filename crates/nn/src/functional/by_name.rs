//! Options by PyTorch's strings, which are what they print.

use std::fmt::Display;

/// The one of these that prints so.
pub(super) fn by_name<T: Copy + Display>(all: &[T], text: &str) -> Option<T> {
    let mut all = all.iter().copied();
    all.find(|value| value.to_string() == text)
}
