//! Second derivatives of the rows of a table.

use pleach_core::autograd::gradgradcheck;
use pleach_core::{Result, Tensor};

use super::common::{self, Case};

/// [`common::check`], then the second derivatives of every row.
pub fn check(cases: Vec<Case>) {
    for (name, f, inputs) in &cases {
        check_twice(name, f, inputs);
    }
    common::check(cases);
}

/// Second derivatives. A step that is a closure cannot have any, which its error says by the step's
/// name; an operation's error has the operation's name.
pub fn check_twice(name: &str, f: impl Fn(&[Tensor]) -> Result<Tensor>, inputs: &[Tensor]) {
    if let Err(e) = gradgradcheck(f, inputs) {
        let text = e.to_string();
        let closure = text.contains("Backward") && text.ends_with("is not implemented");
        assert!(closure, "{name}, twice: {text}");
    }
}
