//! [`Scalar`]: a number that is no tensor.

use crate::{DType, Element, Error, Result};

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
    /// The value as an element of a tensor, if the element's type can hold it: what a fill writes.
    ///
    /// As in PyTorch an integer type takes the whole part of a float, an unsigned one wraps a
    /// negative integer round (-1 is 255 as u8), a float type takes infinities, and bool takes
    /// everything.
    ///
    /// # Errors
    /// If the value is beyond the type's range.
    ///
    /// ```
    /// use pleach::Scalar;
    /// assert_eq!(Scalar::Float(2.5).to::<u8>()?, 2);
    /// assert_eq!(
    ///     Scalar::Int(300).to::<u8>().unwrap_err().to_string(),
    ///     "value cannot be converted to type uint8_t without overflow"
    /// );
    /// # Ok::<(), pleach::Error>(())
    /// ```
    pub fn to<T: Element>(self) -> Result<T> {
        if self.fits(T::DTYPE) {
            return Ok(self.wrapping_to());
        }
        Err(Error::value(format!(
            "value cannot be converted to type {} without overflow",
            T::DTYPE.scalar_name()
        )))
    }

    /// The value as an element of a tensor, whatever becomes of it: an integer wraps round to an
    /// integer type, and a float type rounds, to infinity if need be. So arithmetic and
    /// comparisons take it.
    ///
    /// ```
    /// use pleach::Scalar;
    /// assert_eq!(Scalar::Int(300).wrapping_to::<u8>(), 44);
    /// assert_eq!(Scalar::Float(1e300).wrapping_to::<f32>(), f32::INFINITY);
    /// ```
    pub fn wrapping_to<T: Element>(self) -> T {
        match self {
            Scalar::Bool(b) => T::from_i64(b as i64),
            Scalar::Int(i) => T::from_i64(i),
            Scalar::Float(f) => T::from_f64(f),
        }
    }

    /// Whether a dtype can hold the value.
    fn fits(self, dtype: DType) -> bool {
        let Some((lowest, highest)) = dtype.range() else {
            return true;
        };
        match self {
            Scalar::Bool(_) => true,
            Scalar::Int(i) if dtype == DType::U8 => i.unsigned_abs() <= u8::MAX.into(),
            Scalar::Int(i) => (lowest..=highest).contains(&(i as f64)),
            Scalar::Float(f) if dtype.is_float() => {
                !f.is_finite() || (lowest..=highest).contains(&f)
            }
            // The highest i64 is not an f64; the next is one beyond.
            Scalar::Float(f) if dtype == DType::I64 => (lowest..highest).contains(&f),
            Scalar::Float(f) => (lowest..=highest).contains(&f),
        }
    }

    /// The value as a dtype holds it after wrapping round: arithmetic of the dtype's numbers in a
    /// wider type starts from it.
    pub(crate) fn wrapped(self, dtype: DType) -> Scalar {
        match self {
            Scalar::Int(_) if dtype.is_small_int() => {
                Scalar::Int(dispatch_all!(dtype, T => self.wrapping_to::<T>().to_i64()))
            }
            other => other,
        }
    }

    /// The value as f64.
    pub fn to_f64(self) -> f64 {
        self.wrapping_to::<f64>()
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
             bool => Bool as bool);

/// An integer that no `i64` holds is a float: no integer tensor takes it.
impl From<usize> for Scalar {
    fn from(value: usize) -> Self {
        i64::try_from(value).map_or(Scalar::Float(value as f64), Scalar::Int)
    }
}
