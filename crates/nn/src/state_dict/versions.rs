//! [`Versions`]: of which version of its module's code a state dict's entries are.

use std::collections::HashMap;

/// The version of each module by its path, in the model's order: each module before its children.
///
/// ```
/// use pleach::nn::Versions;
/// let versions: Versions = [("", 1), ("2", 2), ("10", 1)].into_iter().collect();
/// assert_eq!(versions.get("2"), Some(2));
/// assert_eq!(versions.iter().map(|(path, _)| path).collect::<Vec<_>>(), ["", "2", "10"]);
/// ```
#[derive(Debug, Clone, Default)]
pub struct Versions {
    entries: Vec<(String, u64)>,
    positions: HashMap<String, usize>,
}

impl Versions {
    /// No versions.
    pub fn new() -> Self {
        Self::default()
    }

    /// The version of the module at this path.
    pub fn get(&self, path: &str) -> Option<u64> {
        let position = *self.positions.get(path)?;
        Some(self.entries[position].1)
    }

    /// Sets a version; a path that is there keeps its place.
    pub fn insert(&mut self, path: impl Into<String>, version: u64) {
        let path = path.into();
        match self.positions.get(&path) {
            Some(&position) => self.entries[position].1 = version,
            None => {
                self.positions.insert(path.clone(), self.entries.len());
                self.entries.push((path, version));
            }
        }
    }

    /// Paths and versions in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, u64)> {
        self.entries.iter().map(|(path, v)| (path.as_str(), *v))
    }

    /// The number of modules.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

/// Equal are the same versions in the same order.
impl PartialEq for Versions {
    fn eq(&self, other: &Self) -> bool {
        self.entries == other.entries
    }
}

impl Eq for Versions {}

impl<P: Into<String>> FromIterator<(P, u64)> for Versions {
    fn from_iter<I: IntoIterator<Item = (P, u64)>>(entries: I) -> Self {
        let mut out = Self::new();
        for (path, version) in entries {
            out.insert(path, version);
        }
        out
    }
}
