//! [`Opaque`]: an object of a Python class that is not known here.

use std::fmt;
use std::sync::Arc;

use crate::{Dict, Value};

/// An object of a Python class that is not known here, as data: the class's name, and what the
/// file says of the object. Nothing of the class is run, or even looked for.
///
/// Only [`Loader::opaque_objects`](crate::Loader::opaque_objects) reads these. [`Value::get`] and
/// [`Value::at`] go into the attributes, entries and items of an object as they go into a dict and
/// a list, and [`Value::state_dict`] finds the weights of a whole module.
///
/// ```
/// use pleach_checkpoint::Loader;
/// // pickle.dumps(argparse.Namespace(lr=0.5), 2)
/// let pickle = b"\x80\x02cargparse\nNamespace\n)\x81}X\x02\0\0\0lrG?\xe0\0\0\0\0\0\0sb.";
/// let error = Loader::new().load_pickle(pickle).unwrap_err().to_string();
/// assert!(error.contains("`argparse.Namespace`") && error.contains("opaque_objects(true)"));
/// let value = Loader::new().opaque_objects(true).load_pickle(pickle)?;
/// assert_eq!(value.as_opaque()?.class(), "argparse.Namespace");
/// assert_eq!(value.get("lr")?.as_float()?, 0.5);
/// # Ok::<(), pleach_checkpoint::Error>(())
/// ```
#[derive(Clone)]
pub struct Opaque(Arc<Parts>);

/// What a file says of an object.
pub(crate) struct Parts {
    pub class: String,
    pub kind: Kind,
    pub arguments: Vec<Value>,
    pub keywords: Dict,
    pub state: Option<Value>,
    pub items: Vec<Value>,
    pub entries: Dict,
    /// Of a module of a TorchScript archive.
    pub script: Option<Arc<ScriptClass>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An object.
    Object,
    /// The class or function itself.
    Reference,
    /// An object that this is a part of.
    Cycle,
}

/// Which attributes of a TorchScript module are its parameters and buffers.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct ScriptClass {
    pub parameters: Vec<String>,
    pub buffers: Vec<String>,
}

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
