//! [`Element`]: the types of stored elements, of which pleach computes with some only.

use std::fmt;

use pleach_core::DType;

/// The type of a stored tensor's elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Element {
    /// One that tensors have.
    Own(DType),
    /// Unsigned integers of 16, 32 and 64 bits: kept as the bits of signed ones.
    U16,
    U32,
    U64,
    /// One of PyTorch's that has no equal here, by its name there.
    Other(&'static str),
}

/// The types without an equal, and the bytes of an element.
const OTHERS: [(&str, usize); 14] = [
    ("complex32", 4),
    ("complex64", 8),
    ("complex128", 16),
    ("float8_e4m3fn", 1),
    ("float8_e5m2", 1),
    ("float8_e4m3fnuz", 1),
    ("float8_e5m2fnuz", 1),
    ("float8_e8m0fnu", 1),
    ("float4_e2m1fn_x2", 1),
    ("qint8", 1),
    ("quint8", 1),
    ("qint32", 4),
    ("quint4x2", 1),
    ("quint2x4", 1),
];

impl Element {
    /// The type of this name, which is PyTorch's without `torch.`.
    pub fn named(name: &str) -> Option<Element> {
        match name {
            "uint16" => return Some(Element::U16),
            "uint32" => return Some(Element::U32),
            "uint64" => return Some(Element::U64),
            _ => {}
        }
        let own = DType::ALL.iter().find(|d| d.to_string()[6..] == *name);
        let own = own.map(|&dtype| Element::Own(dtype));
        own.or_else(|| {
            let other = OTHERS.iter().find(|(known, _)| *known == name)?;
            Some(Element::Other(other.0))
        })
    }

    /// The type of the tensor that holds the bits; `None` for what has no equal.
    pub fn bits(self) -> Option<DType> {
        match self {
            Element::Own(dtype) => Some(dtype),
            Element::U16 => Some(DType::I16),
            Element::U32 => Some(DType::I32),
            Element::U64 => Some(DType::I64),
            Element::Other(_) => None,
        }
    }

    /// Bytes of one element.
    pub fn size_of(self) -> usize {
        match self {
            Element::Other(name) => {
                let mut others = OTHERS.iter();
                others.find(|(known, _)| *known == name).map_or(1, |o| o.1)
            }
            _ => self.bits().map_or(1, DType::size_of),
        }
    }

    /// Whether tensors of it can require a gradient.
    pub fn is_float(self) -> bool {
        match self {
            Element::Own(dtype) => dtype.is_float(),
            Element::Other(name) => name.starts_with("float") || name.starts_with("complex"),
            _ => false,
        }
    }
}

impl From<DType> for Element {
    fn from(dtype: DType) -> Self {
        Element::Own(dtype)
    }
}

/// PyTorch's name: `torch.float32`.
impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Element::Own(dtype) => write!(f, "{dtype}"),
            Element::U16 => f.write_str("torch.uint16"),
            Element::U32 => f.write_str("torch.uint32"),
            Element::U64 => f.write_str("torch.uint64"),
            Element::Other(name) => write!(f, "torch.{name}"),
        }
    }
}
