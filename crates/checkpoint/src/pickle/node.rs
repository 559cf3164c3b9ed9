//! [`Item`] and [`Node`]: what a pickle is made of while it runs.
//!
//! Containers live in one flat list and refer to each other by number, so that shared and
//! circular ones cost nothing and nothing is dropped recursively.

use super::cursor::Span;
use super::globals::Known;
use crate::element::Element;

/// A value on the stack, in the memo or in a container.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Item {
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(Span),
    Bytes(Span),
    /// A class or function, and which of the pickle's names it has.
    Global(Known, u32),
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
    /// A whole number of more bits, in two's complement.
    HugeInt(Box<[u8]>),
    /// A text that is not a piece of the pickle as it stands there.
    Text(Box<str>),
    Bytes(Box<[u8]>),
    Device(Box<str>),
    Storage(Box<StorageView>),
    Tensor(Box<TensorNode>),
    /// A tensor node, and whether it requires a gradient.
    Parameter(u32, bool),
    /// `numpy.dtype`.
    ArrayType(Box<ArrayType>),
    /// A NumPy array; without contents until it is built.
    Array(Option<Box<ArrayNode>>),
    /// An object of a class that is not known.
    Object(Box<ObjectNode>),
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
    /// The type of the elements; `None` until a tensor says what a storage without a type holds.
    pub element: Option<Element>,
    /// Whether `len` counts bytes.
    pub untyped: bool,
    pub len: usize,
}

impl StorageRef {
    /// The bytes of the storage; `None` if they cannot be counted.
    pub fn bytes(&self) -> Option<usize> {
        match (self.untyped, self.element) {
            (false, Some(element)) => self.len.checked_mul(element.size_of()),
            _ => Some(self.len),
        }
    }

    /// The number of elements, if there are tensors of them that can be had.
    pub fn wanted(&self) -> Option<(Element, usize)> {
        let element = self.element?;
        element.bits()?;
        Some(match self.untyped {
            true => (element, self.len / element.size_of()),
            false => (element, self.len),
        })
    }
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
    pub element: Element,
    pub offset: usize,
    pub shape: Vec<usize>,
    pub strides: Vec<usize>,
    pub requires_grad: bool,
}

/// NumPy's type of an array's elements.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ArrayType {
    /// NumPy's code without the byte order: `f4`.
    pub code: String,
    pub big_endian: bool,
    /// Whether the elements are records with fields.
    pub has_fields: bool,
}

#[derive(Debug)]
pub(crate) struct ArrayNode {
    pub kind: ArrayType,
    pub shape: Vec<usize>,
    pub fortran_order: bool,
    /// The bytes, or a list of objects.
    pub data: Item,
}

/// An object of a class that is not known.
#[derive(Debug)]
pub(crate) struct ObjectNode {
    /// Which of the pickle's names the class has.
    pub class: u32,
    /// Harmless, but without an equal: an error says what it is.
    pub no_equal: bool,
    pub arguments: Box<[Item]>,
    pub keywords: Item,
    pub state: Item,
    pub items: Vec<Item>,
    pub entries: Vec<(Item, Item)>,
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
        Item::Global(..) => "a class or function",
        Item::Node(n) => match &nodes[n as usize] {
            Node::List(_) => "a list",
            Node::Tuple(_) => "a tuple",
            Node::Set(_) => "a set",
            Node::Size(_) => "a torch.Size",
            Node::Dict(_) => "a dict",
            Node::BigInt(_) | Node::HugeInt(_) => "an int",
            Node::Text(_) => "a str",
            Node::Bytes(_) => "bytes",
            Node::Device(_) => "a torch.device",
            Node::Storage(_) => "a storage",
            Node::Tensor(_) => "a tensor",
            Node::Parameter(..) => "a parameter",
            Node::ArrayType(_) => "a NumPy dtype",
            Node::Array(_) => "a NumPy array",
            Node::Object(_) => "an object",
        },
    }
}
