//! [`Value`], [`Dict`] and [`Opaque`]: what a checkpoint holds, as a tree.

mod dict;
mod opaque;

use std::sync::Arc;

use pleach_core::Tensor;

use crate::{BigInt, UnsignedTensor};

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
/// use pleach::checkpoint::{Dict, Value};
/// let dict = Dict::new().with("epoch", 3).with("lr", 0.1).with("epoch", 4);
/// assert_eq!(Value::from(dict).to_string(), "{'epoch': 4, 'lr': 0.1}");
/// ```
#[derive(Clone, Default)]
pub struct Dict {
    entries: Vec<(Value, Value)>,
    ordered: bool,
    attributes: Vec<(String, Value)>,
}

/// An object of a Python class that is not known here, as data: the class's name, and what the
/// file says of the object. Nothing of the class is run, or even looked for.
///
/// Only [`Loader::opaque_objects`](crate::Loader::opaque_objects) reads these. [`Value::get`] and
/// [`Value::at`] go into the attributes, entries and items of an object as they go into a dict and
/// a list, and [`Value::state_dict`] finds the weights of a whole module.
///
/// ```
/// use pleach::checkpoint::Loader;
/// // pickle.dumps(argparse.Namespace(lr=0.5), 2)
/// let pickle = b"\x80\x02cargparse\nNamespace\n)\x81}X\x02\0\0\0lrG?\xe0\0\0\0\0\0\0sb.";
/// let error = Loader::new().load_pickle(pickle).unwrap_err().to_string();
/// assert!(error.contains("`argparse.Namespace`") && error.contains("opaque_objects(true)"));
/// let value = Loader::new().opaque_objects(true).load_pickle(pickle)?;
/// assert_eq!(value.as_opaque()?.class(), "argparse.Namespace");
/// assert_eq!(value.get("lr")?.as_float()?, 0.5);
/// # Ok::<(), pleach::checkpoint::Error>(())
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
