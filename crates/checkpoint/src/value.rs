//! [`Value`] and [`Dict`]: what a checkpoint holds, as a tree.

use std::collections::HashMap;

use pleach_core::Tensor;

use crate::{BigInt, Opaque, UnsignedTensor};

/// A value in a checkpoint: what Python would have, without Python.
///
/// [`Value::get`] and its kin go into it; `Value::from` makes one.
#[derive(Clone)]
#[non_exhaustive]
pub enum Value {
    /// Python's None.
    None,
    /// A truth value.
    Bool(bool),
    /// A whole number of at most 128 bits.
    Int(i128),
    /// A larger one: Python's have no limit.
    BigInt(BigInt),
    /// A number.
    Float(f64),
    /// A text.
    Str(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// A list.
    List(Vec<Value>),
    /// A tuple.
    Tuple(Vec<Value>),
    /// A set, in the file's order.
    Set(Vec<Value>),
    /// A dict, ordered or not.
    Dict(Dict),
    /// A tensor. Those that shared memory when they were saved share it again. A NumPy array is
    /// one, too.
    Tensor(Tensor),
    /// A tensor or array of a type that pleach's tensors do not have: `uint16`, `uint32`, `uint64`.
    Unsigned(UnsignedTensor),
    /// A parameter of a module, as `torch.save` writes it when it is not below a state dict.
    Parameter {
        /// The values.
        data: Tensor,
        /// Whether it is trained.
        requires_grad: bool,
    },
    /// A shape: `torch.Size`.
    Size(Vec<usize>),
    /// A dtype by PyTorch's name without `torch.`, such as `float32`; also those that pleach lacks.
    DType(String),
    /// A device by PyTorch's name, such as `cuda:0`.
    Device(String),
    /// An object of a class that is not known here: read only if
    /// [`Loader::opaque_objects`](crate::Loader::opaque_objects) says so, and never written.
    Opaque(Opaque),
}

/// A dict: values by keys, in order. A key is a text, mostly.
///
/// ```
/// use pleach_checkpoint::{Dict, Value};
/// let dict = Dict::new().with("epoch", 3).with("lr", 0.1).with("epoch", 4);
/// assert_eq!(Value::from(dict).to_string(), "{'epoch': 4, 'lr': 0.1}");
/// ```
#[derive(Clone, Default)]
pub struct Dict {
    entries: Vec<(Value, Value)>,
    ordered: bool,
    attributes: Vec<(String, Value)>,
}

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

impl Value {
    /// The type, as an error calls it.
    pub fn type_name(&self) -> &'static str {
        match self {
            Value::None => "None",
            Value::Bool(_) => "a bool",
            Value::Int(_) | Value::BigInt(_) => "an int",
            Value::Float(_) => "a float",
            Value::Str(_) => "a text",
            Value::Bytes(_) => "bytes",
            Value::List(_) => "a list",
            Value::Tuple(_) => "a tuple",
            Value::Set(_) => "a set",
            Value::Dict(_) => "a dict",
            Value::Tensor(_) => "a tensor",
            Value::Unsigned(_) => "a tensor of unsigned integers",
            Value::Parameter { .. } => "a parameter",
            Value::Size(_) => "a torch.Size",
            Value::DType(_) => "a dtype",
            Value::Device(_) => "a device",
            Value::Opaque(opaque) if opaque.is_reference() => "a class or function",
            Value::Opaque(_) => "an object of an unknown class",
        }
    }

    /// Whether it can be the key of a dict.
    pub(crate) fn is_hashable(&self) -> bool {
        match self {
            Value::List(_) | Value::Set(_) | Value::Dict(_) => false,
            Value::Tensor(_) | Value::Parameter { .. } | Value::Unsigned(_) => false,
            Value::Tuple(items) => items.iter().all(Value::is_hashable),
            _ => true,
        }
    }

    fn is_same_key(&self, other: &Value) -> bool {
        match (self, other) {
            (Value::Str(a), Value::Str(b)) => a == b,
            (Value::Int(a), Value::Int(b)) => a == b,
            (Value::Str(_) | Value::Int(_), _) | (_, Value::Str(_) | Value::Int(_)) => false,
            _ => self.identity() == other.identity(),
        }
    }

    /// A text that no other key has.
    fn identity(&self) -> String {
        match self {
            Value::Opaque(opaque) => format!("object {}", opaque.id()),
            Value::Str(text) => format!("'{text}"),
            Value::Bytes(bytes) => format!("b{bytes:?}"),
            Value::Tuple(items) => {
                let items: Vec<String> = items.iter().map(Value::identity).collect();
                format!("({})", items.join(","))
            }
            Value::BigInt(number) => format!("{:?}", number.to_le_bytes()),
            other => format!("{other:?}"),
        }
    }
}

macro_rules! from {
    ($($t:ty => $variant:ident($value:ident) $make:expr;)*) => {$(
        impl From<$t> for Value {
            fn from($value: $t) -> Self { Value::$variant($make) }
        }
    )*};
}
from! {
    bool => Bool(v) v;
    i32 => Int(v) v.into();
    i64 => Int(v) v.into();
    u32 => Int(v) v.into();
    u64 => Int(v) v.into();
    usize => Int(v) v as i128;
    f32 => Float(v) v.into();
    f64 => Float(v) v;
    &str => Str(v) v.to_string();
    String => Str(v) v;
    Dict => Dict(v) v;
    Tensor => Tensor(v) v;
    &Tensor => Tensor(v) v.clone();
    UnsignedTensor => Unsigned(v) v;
}

/// `None` is Python's None.
impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Value::None, Into::into)
    }
}

/// A list.
impl<T: Into<Value>> From<Vec<T>> for Value {
    fn from(items: Vec<T>) -> Self {
        Value::List(items.into_iter().map(Into::into).collect())
    }
}
