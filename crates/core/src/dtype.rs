//! [`DType`] and PyTorch's rules of type promotion.

use std::fmt;

use half::{bf16, f16};

/// The type of a tensor's elements, known at run time.
///
/// `F32`, `F64`, the integers and `Bool` compute; `F16` and `BF16` store and convert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DType {
    /// 32-bit float: the default.
    F32,
    /// 64-bit float.
    F64,
    /// 16-bit IEEE float (storage only).
    F16,
    /// 16-bit brain float (storage only).
    BF16,
    /// 64-bit integer: the type of indices and labels.
    I64,
    /// 32-bit integer.
    I32,
    /// 16-bit integer.
    I16,
    /// 8-bit integer.
    I8,
    /// Unsigned 8-bit integer.
    U8,
    /// Truth value.
    Bool,
}

impl DType {
    /// Every dtype.
    pub const ALL: [DType; 10] = {
        use DType::*;
        [F32, F64, F16, BF16, I64, I32, I16, I8, U8, Bool]
    };

    /// Whether it is a floating-point type.
    pub fn is_float(self) -> bool {
        self.category() == 2
    }

    /// Whether it is an integer type that computes as i64 and is wrapped back.
    pub(crate) fn is_small_int(self) -> bool {
        matches!(self, DType::I32 | DType::I16 | DType::I8 | DType::U8)
    }

    /// Whether it is a half float, which computes as f32.
    pub(crate) fn is_half(self) -> bool {
        matches!(self, DType::F16 | DType::BF16)
    }

    /// A type whose values order as this one's do: f32, f64 or i64. Fewer types, fewer loops.
    pub(crate) fn comparable(self) -> DType {
        match self {
            DType::F32 | DType::F64 => self,
            DType::F16 | DType::BF16 => DType::F32,
            _ => DType::I64,
        }
    }

    /// Bytes of one element.
    pub fn size_of(self) -> usize {
        match self {
            DType::F64 | DType::I64 => 8,
            DType::F32 | DType::I32 => 4,
            DType::F16 | DType::BF16 | DType::I16 => 2,
            DType::I8 | DType::U8 | DType::Bool => 1,
        }
    }

    /// The names: in most error texts, in C++, and in Python.
    fn names(self) -> [&'static str; 3] {
        match self {
            DType::F32 => ["Float", "float", "torch.float32"],
            DType::F64 => ["Double", "double", "torch.float64"],
            DType::F16 => ["Half", "c10::Half", "torch.float16"],
            DType::BF16 => ["BFloat16", "c10::BFloat16", "torch.bfloat16"],
            DType::I64 => ["Long", "long int", "torch.int64"],
            DType::I32 => ["Int", "int", "torch.int32"],
            DType::I16 => ["Short", "short int", "torch.int16"],
            DType::I8 => ["Char", "signed char", "torch.int8"],
            DType::U8 => ["Byte", "unsigned char", "torch.uint8"],
            DType::Bool => ["Bool", "bool", "torch.bool"],
        }
    }

    /// The name that PyTorch's error texts use: `Float`, `Double`, `Long`, …
    pub fn torch_name(self) -> &'static str {
        self.names()[0]
    }

    /// The C++ name that some of PyTorch's error texts use: `float`, `double`, `long int`, …
    pub fn c_name(self) -> &'static str {
        self.names()[1]
    }

    /// The name that PyTorch's refusal of a number uses: `uint8_t`, `float`, …
    pub(crate) fn scalar_name(self) -> &'static str {
        match self {
            DType::I64 => "int64_t",
            DType::I16 => "int16_t",
            DType::I8 => "int8_t",
            DType::U8 => "uint8_t",
            other => other.c_name(),
        }
    }

    /// The lowest and the highest finite value, as f64 (2^63 for the highest of i64, which f64
    /// does not hold); `None` for bool, which takes every number.
    pub(crate) fn range(self) -> Option<(f64, f64)> {
        Some(match self {
            DType::F32 => (f32::MIN.into(), f32::MAX.into()),
            DType::F64 => (f64::MIN, f64::MAX),
            DType::F16 => (f16::MIN.into(), f16::MAX.into()),
            DType::BF16 => (bf16::MIN.into(), bf16::MAX.into()),
            DType::I64 => (i64::MIN as f64, i64::MAX as f64),
            DType::I32 => (i32::MIN.into(), i32::MAX.into()),
            DType::I16 => (i16::MIN.into(), i16::MAX.into()),
            DType::I8 => (i8::MIN.into(), i8::MAX.into()),
            DType::U8 => (0.0, u8::MAX.into()),
            DType::Bool => return None,
        })
    }

    /// 0 for bool, 1 for integers, 2 for floats: promotion never goes down a category.
    pub(crate) fn category(self) -> u8 {
        match self {
            DType::Bool => 0,
            DType::I64 | DType::I32 | DType::I16 | DType::I8 | DType::U8 => 1,
            DType::F32 | DType::F64 | DType::F16 | DType::BF16 => 2,
        }
    }

    /// The type that both operands are converted to (spec: nn-facts, "Tensor ops").
    ///
    /// ```
    /// use pleach::DType;
    /// assert_eq!(DType::F16.promote(DType::BF16), DType::F32);
    /// assert_eq!(DType::U8.promote(DType::I8), DType::I16);
    /// ```
    pub fn promote(self, other: DType) -> DType {
        use DType::*;
        if self == other {
            return self;
        }
        match self.category().cmp(&other.category()) {
            std::cmp::Ordering::Greater => return self,
            std::cmp::Ordering::Less => return other,
            std::cmp::Ordering::Equal => {}
        }
        match (self, other) {
            (F64, _) | (_, F64) => F64,
            (F32, _) | (_, F32) | (F16, BF16) | (BF16, F16) => F32,
            (I64, _) | (_, I64) => I64,
            (I32, _) | (_, I32) => I32,
            (I16, _) | (_, I16) | (U8, I8) | (I8, U8) => I16,
            // Equal types were answered above; no other pair is left within a category.
            _ => self,
        }
    }
}

/// PyTorch's name: `torch.float32`.
impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.names()[2])
    }
}
