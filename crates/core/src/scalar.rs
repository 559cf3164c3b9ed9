//! [`Scalar`]: a number that is no tensor.

use crate::{DType, Element};

/// A number given to an operation. It never widens a tensor's dtype within its category: `f32
/// tensor + 1.5` stays f32, `i64 tensor + 1.5` becomes f32.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Scalar {
    /// A truth value.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A float.
    Float(f64),
}

impl Scalar {
    /// The value as an element of a tensor.
    pub fn to<T: Element>(self) -> T {
        match self {
            Scalar::Bool(b) => T::from_i64(b as i64),
            Scalar::Int(i) => T::from_i64(i),
            Scalar::Float(f) => T::from_f64(f),
        }
    }

    /// The value as f64.
    pub fn to_f64(self) -> f64 {
        self.to::<f64>()
    }

    /// The dtype that a tensor made from this number alone has.
    pub fn dtype(self) -> DType {
        match self {
            Scalar::Bool(_) => DType::Bool,
            Scalar::Int(_) => DType::I64,
            Scalar::Float(_) => DType::F32,
        }
    }

    /// The dtype of an operation of a tensor with this number.
    pub(crate) fn promote(self, tensor: DType) -> DType {
        if self.dtype().category() > tensor.category() {
            self.dtype()
        } else {
            tensor
        }
    }
}

macro_rules! from_number {
    ($($t:ty => $variant:ident as $as:ty),*) => {$(
        impl From<$t> for Scalar {
            fn from(value: $t) -> Self { Scalar::$variant(value as $as) }
        }
    )*};
}
from_number!(f64 => Float as f64, f32 => Float as f64, i64 => Int as i64, i32 => Int as i64,
             i16 => Int as i64, i8 => Int as i64, u8 => Int as i64, u32 => Int as i64,
             usize => Int as i64, bool => Bool as bool);
