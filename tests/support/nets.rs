//! Twins of the user classes that the golden data defines in Python.

use super::value::Builtin;

pub fn find(_name: &str) -> Option<Builtin> {
    None
}
