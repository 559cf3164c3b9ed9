//! The methods of [`Opaque`].

use std::fmt;
use std::sync::Arc;

use super::{Dict, Kind, Opaque, Parts, ScriptClass, Value};

impl Parts {
    pub fn new(class: impl Into<String>, kind: Kind) -> Self {
        Parts {
            class: class.into(),
            kind,
            arguments: Vec::new(),
            keywords: Dict::new(),
            state: None,
            items: Vec::new(),
            entries: Dict::new(),
            script: None,
        }
    }
}

impl From<Parts> for Opaque {
    fn from(parts: Parts) -> Self {
        Opaque(Arc::new(parts))
    }
}

impl Opaque {
    /// The class, or the function that makes the object, with its module:
    /// `argparse.Namespace`.
    pub fn class(&self) -> &str {
        &self.0.class
    }

    /// Whether it is the class or function of this name itself, not an object of it.
    pub fn is_reference(&self) -> bool {
        self.0.kind == Kind::Reference
    }

    /// Whether it stands for an object that it is a part of, and which is not repeated here.
    pub fn is_cycle(&self) -> bool {
        self.0.kind == Kind::Cycle
    }

    /// What the class would be called with.
    pub fn arguments(&self) -> &[Value] {
        &self.0.arguments
    }

    /// What the class would be called with by name.
    pub fn keywords(&self) -> &Dict {
        &self.0.keywords
    }

    /// What the object's attributes would be set from: a dict of them, mostly.
    pub fn state(&self) -> Option<&Value> {
        self.0.state.as_ref()
    }

    /// What would be appended to the object, of a class that is a kind of list.
    pub fn items(&self) -> &[Value] {
        &self.0.items
    }

    /// What would be set by key, of a class that is a kind of dict.
    pub fn entries(&self) -> &Dict {
        &self.0.entries
    }

    /// An attribute: a value of the state, if that is a dict, or a pair of dicts (of which the
    /// second has the attributes of classes with `__slots__`).
    pub fn attribute(&self, name: &str) -> Option<&Value> {
        self.attributes().find_map(|dict| dict.get(name))
    }

    /// The dicts of attributes.
    pub(crate) fn attributes(&self) -> impl Iterator<Item = &Dict> {
        let states: &[Value] = match &self.0.state {
            Some(Value::Tuple(pair)) if pair.len() == 2 => pair,
            Some(one) => std::slice::from_ref(one),
            None => &[],
        };
        states.iter().filter_map(|state| match state {
            Value::Dict(dict) => Some(dict),
            _ => None,
        })
    }

    pub(crate) fn script(&self) -> Option<&ScriptClass> {
        self.0.script.as_deref()
    }

    /// A number that no other object has while this one lives.
    pub(crate) fn id(&self) -> usize {
        Arc::as_ptr(&self.0) as usize
    }
}

impl fmt::Debug for Opaque {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&Value::Opaque(self.clone()), f)
    }
}
