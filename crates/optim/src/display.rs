//! The text of optimizers, as PyTorch's.

use std::fmt;

use pleach_core::print::python_float;

/// Writes an optimizer: its name, then each group's options, which are sorted by name.
pub(crate) fn write_optimizer<'a>(
    f: &mut fmt::Formatter<'_>,
    name: &str,
    groups: impl IntoIterator<Item = Vec<(&'a str, String)>>,
) -> fmt::Result {
    write!(f, "{name} (")?;
    for (i, options) in groups.into_iter().enumerate() {
        write!(f, "\nParameter Group {i}\n")?;
        for (option, value) in options {
            writeln!(f, "    {option}: {value}")?;
        }
    }
    write!(f, ")")
}

/// A truth value, as in Python.
pub(crate) fn flag(on: bool) -> String {
    if on { "True" } else { "False" }.to_string()
}

/// An option that is a whole 0 unless it is set.
pub(crate) fn or_zero(value: f64) -> String {
    match value {
        0.0 => "0".to_string(),
        value => python_float(value),
    }
}
