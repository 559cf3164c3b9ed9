//! [`StateDict`]: a model's values by name.

mod load;
mod report;
mod save;
mod versions;

pub use report::{IncompatibleKeys, LoadReport, ShapeMismatch};
pub use versions::Versions;

use std::collections::HashMap;
use std::fmt;
use std::ops::Index;

use pleach_core::Tensor;

/// Tensors by name, in order: what is saved of a model.
///
/// The tensors share the model's memory, without history. They are values: the state dict keeps
/// what it has when the model is trained on (PyTorch's would change along).
///
/// ```
/// use pleach::tensor;
/// use pleach::nn::StateDict;
/// let mut dict = StateDict::new();
/// dict.insert("b", tensor![1.0]);
/// dict.insert("a", tensor![2.0, 3.0]);
/// dict.insert("b", tensor![4.0]);
/// assert_eq!(dict.keys().collect::<Vec<_>>(), ["b", "a"]);
/// assert_eq!(dict["b"].item()?, 4.0);
/// assert!(dict.remove("a").is_some() && dict.get("a").is_none());
/// # Ok::<(), pleach::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct StateDict {
    entries: Vec<(String, Tensor)>,
    positions: HashMap<String, usize>,
    uninitialized: Vec<String>,
    versions: Option<Versions>,
}

impl StateDict {
    /// An empty one, without versions.
    pub fn new() -> Self {
        Self::default()
    }

    /// The tensor of this name.
    pub fn get(&self, name: &str) -> Option<&Tensor> {
        self.positions.get(name).map(|&i| &self.entries[i].1)
    }

    /// Whether there is a tensor of this name.
    pub fn contains_key(&self, name: &str) -> bool {
        self.positions.contains_key(name)
    }

    /// Sets a tensor, without its history; a name that is there keeps its place. Returns the old
    /// tensor.
    pub fn insert(&mut self, name: impl Into<String>, tensor: impl Into<Tensor>) -> Option<Tensor> {
        let (name, tensor) = (name.into(), tensor.into().detach());
        self.uninitialized.retain(|n| *n != name);
        match self.positions.get(&name) {
            Some(&i) => Some(std::mem::replace(&mut self.entries[i].1, tensor)),
            None => {
                self.positions.insert(name.clone(), self.entries.len());
                self.entries.push((name, tensor));
                None
            }
        }
    }

    /// Takes a tensor out.
    pub fn remove(&mut self, name: &str) -> Option<Tensor> {
        self.uninitialized.retain(|n| n != name);
        let position = self.positions.remove(name)?;
        let (_, tensor) = self.entries.remove(position);
        for (name, _) in &self.entries[position..] {
            if let Some(i) = self.positions.get_mut(name) {
                *i -= 1;
            }
        }
        Some(tensor)
    }

    /// The number of entries.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The entries in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&str, &Tensor)> + ExactSizeIterator {
        self.entries.iter().map(|(name, t)| (name.as_str(), t))
    }

    /// The names in order.
    pub fn keys(&self) -> impl DoubleEndedIterator<Item = &str> + ExactSizeIterator {
        self.entries.iter().map(|(name, _)| name.as_str())
    }

    /// The tensors in order.
    pub fn values(&self) -> impl DoubleEndedIterator<Item = &Tensor> + ExactSizeIterator {
        self.entries.iter().map(|(_, tensor)| tensor)
    }

    /// The names of a lazy layer's parameters and buffers that had no values yet: they are no entries, as no
    /// tensor stands for them, and no file keeps them. A layer that has no values either can load such a
    /// state dict, and no other.
    ///
    /// ```
    /// use pleach::nn::{Module, layers::{LazyLinear, Linear}};
    /// let state = LazyLinear::new(3).state_dict();
    /// assert!(state.is_empty());
    /// assert_eq!(state.uninitialized(), ["weight", "bias"]);
    /// LazyLinear::new(3).load_state_dict(&state, true)?;
    /// assert!(Linear::new(2, 3).load_state_dict(&state, true).is_err());
    /// # Ok::<(), pleach::Error>(())
    /// ```
    pub fn uninitialized(&self) -> &[String] {
        &self.uninitialized
    }

    /// Adds a name without values.
    fn insert_uninitialized(&mut self, name: String) {
        self.remove(&name);
        self.uninitialized.push(name);
    }

    /// PyTorch's `_metadata`: the version of each module by its path, in the model's order. `None`
    /// where it is not known, as in a `.safetensors` file.
    pub fn versions(&self) -> Option<&Versions> {
        self.versions.as_ref()
    }

    /// Sets or forgets the versions.
    pub fn set_versions(&mut self, versions: Option<Versions>) {
        self.versions = versions;
    }
}

/// # Panics
/// If there is no such name; see [`StateDict::get`].
impl Index<&str> for StateDict {
    type Output = Tensor;
    #[track_caller]
    fn index(&self, name: &str) -> &Tensor {
        match self.get(name) {
            Some(tensor) => tensor,
            None => panic!("the state dict has no entry {name:?}"),
        }
    }
}

impl<N: Into<String>, T: Into<Tensor>> FromIterator<(N, T)> for StateDict {
    fn from_iter<I: IntoIterator<Item = (N, T)>>(entries: I) -> Self {
        let mut out = Self::new();
        out.extend(entries);
        out
    }
}

impl<N: Into<String>, T: Into<Tensor>> Extend<(N, T)> for StateDict {
    fn extend<I: IntoIterator<Item = (N, T)>>(&mut self, entries: I) {
        for (name, tensor) in entries {
            self.insert(name, tensor);
        }
    }
}

impl IntoIterator for StateDict {
    type Item = (String, Tensor);
    type IntoIter = std::vec::IntoIter<(String, Tensor)>;
    fn into_iter(self) -> Self::IntoIter {
        self.entries.into_iter()
    }
}

/// Names, dtypes and shapes; not the values.
impl fmt::Debug for StateDict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entries = self.iter();
        let entries = entries.map(|(name, t)| (name, format!("{} {:?}", t.dtype(), t.shape())));
        f.debug_map().entries(entries).finish()
    }
}
