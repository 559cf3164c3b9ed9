//! [`Item`] and [`Node`]: what a pickle is made of while it runs.
//!
//! Containers live in one flat list and refer to each other by number, so that shared and
//! circular ones cost nothing and nothing is dropped recursively.

use pleach_core::DType;

use super::cursor::Span;
use super::globals::Known;

/// A value on the stack, in the memo or in a container.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Item {
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(Span),
    Bytes(Span),
    Global(Known),
    Node(u32),
}

/// As many bytes of a text count as one value.
pub(super) const TEXT_PER_VALUE: usize = 16;

/// What has a size of its own.
#[derive(Debug)]
pub(crate) enum Node {
    List(Vec<Item>),
    Tuple(Box<[Item]>),
    Set(Vec<Item>),
    /// A `torch.Size`.
    Size(Box<[Item]>),
    Dict(Box<DictNode>),
    BigInt(Box<i128>),
    Bytes(Box<[u8]>),
    Device(Box<str>),
    Storage(Box<StorageView>),
    Tensor(Box<TensorNode>),
    /// A tensor node, and whether it requires a gradient.
    Parameter(u32, bool),
}

#[derive(Debug, Default)]
pub(crate) struct DictNode {
    pub items: Vec<(Item, Item)>,
    pub ordered: bool,
    /// What is in a Python object's `__dict__`, such as a state dict's `_metadata`.
    pub attributes: Vec<(Item, Item)>,
}

/// A storage that the pickle refers to; its data is elsewhere in the file.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StorageRef {
    pub key: String,
    pub dtype: DType,
    pub len: usize,
}

/// A storage, or a part of one as the legacy format has it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StorageView {
    /// Which of the pickle's storages.
    pub storage: usize,
    pub offset: usize,
    pub len: usize,
}

#[derive(Debug)]
pub(crate) struct TensorNode {
    pub storage: usize,
    pub offset: usize,
    pub shape: Vec<usize>,
    pub strides: Vec<usize>,
    pub requires_grad: bool,
}

/// The Python type of a value, for messages.
pub(super) fn type_of(item: Item, nodes: &[Node]) -> &'static str {
    match item {
        Item::None => "None",
        Item::Bool(_) => "a bool",
        Item::Int(_) => "an int",
        Item::Float(_) => "a float",
        Item::Text(_) => "a str",
        Item::Bytes(_) => "bytes",
        Item::Global(_) => "a class or function",
        Item::Node(n) => match &nodes[n as usize] {
            Node::List(_) => "a list",
            Node::Tuple(_) => "a tuple",
            Node::Set(_) => "a set",
            Node::Size(_) => "a torch.Size",
            Node::Dict(_) => "a dict",
            Node::BigInt(_) => "an int",
            Node::Bytes(_) => "bytes",
            Node::Device(_) => "a torch.device",
            Node::Storage(_) => "a storage",
            Node::Tensor(_) => "a tensor",
            Node::Parameter(..) => "a parameter",
        },
    }
}
