//! The methods of [`Dict`].

use std::collections::HashMap;

use super::{Dict, Value};

impl Dict {
    /// An empty dict.
    pub fn new() -> Self {
        Self::default()
    }

    /// A dict of these entries, of which a later one with the same key replaces an earlier one at
    /// its place, as in Python.
    pub(crate) fn from_entries(entries: Vec<(Value, Value)>) -> Self {
        let mut places: HashMap<String, usize> = HashMap::new();
        let mut out: Vec<(Value, Value)> = Vec::with_capacity(entries.len());
        for (key, value) in entries {
            let place = *places.entry(key.identity()).or_insert(out.len());
            match out.get_mut(place) {
                Some(entry) => entry.1 = value,
                None => out.push((key, value)),
            }
        }
        Dict {
            entries: out,
            ordered: false,
            attributes: Vec::new(),
        }
    }

    /// Adds an entry, or replaces that of the same key.
    #[must_use]
    pub fn with(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.insert(key, value);
        self
    }

    /// Sets an entry; a key that is there keeps its place. Returns the old value.
    pub fn insert(&mut self, key: impl Into<String>, value: impl Into<Value>) -> Option<Value> {
        self.insert_value(Value::Str(key.into()), value.into())
    }

    pub(crate) fn insert_value(&mut self, key: Value, value: Value) -> Option<Value> {
        let found = self.entries.iter_mut().find(|(k, _)| k.is_same_key(&key));
        match found {
            Some((_, old)) => Some(std::mem::replace(old, value)),
            None => {
                self.entries.push((key, value));
                None
            }
        }
    }

    /// The value of a text key.
    pub fn get(&self, key: &str) -> Option<&Value> {
        let mut entries = self.entries.iter();
        entries
            .find(|(k, _)| matches!(k, Value::Str(text) if text == key))
            .map(|(_, value)| value)
    }

    /// The value of a whole number as key.
    pub fn get_int(&self, key: i128) -> Option<&Value> {
        let mut entries = self.entries.iter();
        entries
            .find(|(k, _)| matches!(k, Value::Int(number) if *number == key))
            .map(|(_, value)| value)
    }

    /// The entries in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Value, &Value)> {
        self.entries.iter().map(|(key, value)| (key, value))
    }

    /// The number of entries.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether it is a `collections.OrderedDict` in Python. (Both kinds keep their order.)
    pub fn is_ordered(&self) -> bool {
        self.ordered
    }

    /// Makes it an `OrderedDict` in Python, or a plain dict.
    pub fn set_ordered(&mut self, ordered: bool) {
        self.ordered = ordered;
    }

    /// What is attached to the dict, beside its entries: a state dict's `_metadata`, or the
    /// `__metadata__` of a `.safetensors` file.
    pub fn attribute(&self, name: &str) -> Option<&Value> {
        let mut attributes = self.attributes.iter();
        attributes
            .find(|(known, _)| known == name)
            .map(|(_, value)| value)
    }

    /// Attaches something to the dict. `.pth` files keep it for an ordered dict only, since only
    /// those have attributes in Python.
    pub fn set_attribute(&mut self, name: impl Into<String>, value: impl Into<Value>) {
        let (name, value) = (name.into(), value.into());
        match self.attributes.iter_mut().find(|(known, _)| *known == name) {
            Some((_, old)) => *old = value,
            None => self.attributes.push((name, value)),
        }
    }

    /// Attaches the entries of a dict of texts, in place of what was attached.
    pub(crate) fn set_attributes(&mut self, attributes: Dict) {
        let entries = attributes.entries.into_iter();
        let entries = entries.filter_map(|(name, value)| match name {
            Value::Str(name) => Some((name, value)),
            _ => None,
        });
        self.attributes = entries.collect();
    }

    pub(crate) fn attributes(&self) -> &[(String, Value)] {
        &self.attributes
    }
}

impl IntoIterator for Dict {
    type Item = (Value, Value);
    type IntoIter = std::vec::IntoIter<(Value, Value)>;
    fn into_iter(self) -> Self::IntoIter {
        self.entries.into_iter()
    }
}
