//! What loading a state dict found, and what it did not.

use std::fmt;

use pleach_core::size_text;

/// What [`Module::load_state_dict`](crate::Module::load_state_dict) did not find on one of the two sides. It prints
/// `<All keys matched successfully>` if there is nothing to report.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IncompatibleKeys {
    /// Names of the model that the state dict lacks, in the model's order.
    pub missing_keys: Vec<String>,
    /// Names of the state dict that the model lacks.
    pub unexpected_keys: Vec<String>,
}

impl fmt::Display for IncompatibleKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// Python's text of a list of strings.
        fn list(names: &[String]) -> String {
            let quoted: Vec<String> = names.iter().map(|n| format!("'{n}'")).collect();
            format!("[{}]", quoted.join(", "))
        }
        if self.missing_keys.is_empty() && self.unexpected_keys.is_empty() {
            return f.write_str("<All keys matched successfully>");
        }
        write!(
            f,
            "_IncompatibleKeys(missing_keys={}, unexpected_keys={})",
            list(&self.missing_keys),
            list(&self.unexpected_keys)
        )
    }
}

/// A name whose shapes differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShapeMismatch {
    /// The name, on both sides.
    pub name: String,
    /// The shape in the model.
    pub in_model: Vec<usize>,
    /// The shape in the state dict.
    pub in_state_dict: Vec<usize>,
}

impl fmt::Display for ShapeMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {} in the state dict, {} in the model",
            self.name,
            size_text(&self.in_state_dict),
            size_text(&self.in_model)
        )
    }
}

/// What [`Module::load_matching`](crate::Module::load_matching) did. It prints one line for each kind of name that is there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LoadReport {
    /// Names that were loaded, in the model's order.
    pub loaded: Vec<String>,
    /// Names of the model that the state dict lacks, in the model's order.
    pub missing_keys: Vec<String>,
    /// Names of the state dict that the model lacks.
    pub unexpected_keys: Vec<String>,
    /// Names that both have, with different shapes: left as they were in the model.
    pub mismatched: Vec<ShapeMismatch>,
}

impl fmt::Display for LoadReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} loaded", self.loaded.len())?;
        let mismatched: Vec<String> = self.mismatched.iter().map(|m| m.to_string()).collect();
        let kinds = [
            ("missing", &self.missing_keys),
            ("unexpected", &self.unexpected_keys),
            ("of another shape", &mismatched),
        ];
        for (kind, names) in kinds {
            if !names.is_empty() {
                write!(f, "\n{} {kind}: {}", names.len(), names.join(", "))?;
            }
        }
        Ok(())
    }
}
