//! [`Element`]: the Rust types that a tensor's elements can have.

use std::fmt;
use std::sync::Arc;

use half::{bf16, f16};
use pleach_kernels::{Buffer, Plain};
use pleach_kernels::{whole_i32_of_f32, whole_i32_of_f64, whole_i64_of_f32, whole_i64_of_f64};

use crate::DType;
use crate::storage::Storage;

/// A Rust type that stands for a [`DType`].
pub trait Element: Plain + Default + PartialEq + PartialOrd + fmt::Display {
    /// The dtype it stands for.
    const DTYPE: DType;
    /// Converts from f64, rounding to nearest (bool is `!= 0`). Integers take the whole part, as
    /// PyTorch's do on x86-64: i64 and i32 become their lowest value for what they cannot hold
    /// (nan too), smaller types take the lowest bits of the i32.
    fn from_f64(value: f64) -> Self;
    /// Converts from i64, wrapping (bool is `!= 0`).
    fn from_i64(value: i64) -> Self;
    /// [`from_f64`](Element::from_f64) of an f32.
    #[doc(hidden)]
    fn from_f32(value: f32) -> Self;
    /// Widens to f64.
    fn to_f64(self) -> f64;
    /// Converts to i64 (floats truncate and saturate).
    fn to_i64(self) -> i64;

    #[doc(hidden)]
    fn into_storage(buffer: Arc<Buffer<Self>>) -> Storage;
    #[doc(hidden)]
    fn of_storage(storage: &Storage) -> Option<&Arc<Buffer<Self>>>;
    #[doc(hidden)]
    fn of_storage_mut(storage: &mut Storage) -> Option<&mut Arc<Buffer<Self>>>;

    /// Converts between element types as PyTorch's `.to(dtype)` does.
    fn cast<U: Element>(self) -> U {
        if Self::DTYPE.is_float() {
            U::from_f64(self.to_f64())
        } else {
            U::from_i64(self.to_i64())
        }
    }
}

/// Defines the types of a tensor's elements: from f64, f32 and i64, and to f64 and i64.
macro_rules! elements {
    ($($t:ident $variant:ident: |$f:ident| $from_f64:expr, |$s:ident| $from_f32:expr,
       |$i:ident| $from_i64:expr, |$x:ident| $to_f64:expr, |$y:ident| $to_i64:expr;)*) => {$(
        impl Element for $t {
            const DTYPE: DType = DType::$variant;
            fn into_storage(buffer: Arc<Buffer<Self>>) -> Storage {
                Storage::$variant(buffer)
            }
            fn of_storage(storage: &Storage) -> Option<&Arc<Buffer<Self>>> {
                match storage {
                    Storage::$variant(buffer) => Some(buffer),
                    _ => None,
                }
            }
            fn of_storage_mut(storage: &mut Storage) -> Option<&mut Arc<Buffer<Self>>> {
                match storage {
                    Storage::$variant(buffer) => Some(buffer),
                    _ => None,
                }
            }
            #[inline(always)]
            fn from_f64($f: f64) -> Self { $from_f64 }
            #[inline(always)]
            fn from_f32($s: f32) -> Self { $from_f32 }
            #[inline(always)]
            fn from_i64($i: i64) -> Self { $from_i64 }
            #[inline(always)]
            fn to_f64(self) -> f64 { let $x = self; $to_f64 }
            #[inline(always)]
            fn to_i64(self) -> i64 { let $y = self; $to_i64 }
        }
    )*};
}
// To half floats numbers come by way of f32, as in PyTorch: `half` takes the upper half of an f64
// only, and would round what lies just above the middle of two values as if it were the middle.
elements! {
    f32 F32: |v| v as f32, |v| v,
        |v| v as f32, |x| x as f64, |x| x as i64;
    f64 F64: |v| v, |v| v as f64,
        |v| v as f64, |x| x, |x| x as i64;
    f16 F16: |v| f16::from_f32(v as f32), |v| f16::from_f32(v),
        |v| f16::from_f32(v as f32), |x| x.to_f64(), |x| x.to_f64() as i64;
    bf16 BF16: |v| bf16::from_f32(v as f32), |v| bf16::from_f32(v),
        |v| bf16::from_f32(v as f32), |x| x.to_f64(), |x| x.to_f64() as i64;
    i64 I64: |v| whole_i64_of_f64(v), |v| whole_i64_of_f32(v),
        |v| v, |x| x as f64, |x| x;
    i32 I32: |v| whole_i32_of_f64(v), |v| whole_i32_of_f32(v),
        |v| v as i32, |x| x as f64, |x| x as i64;
    i16 I16: |v| whole_i32_of_f64(v) as i16, |v| whole_i32_of_f32(v) as i16,
        |v| v as i16, |x| x as f64, |x| x as i64;
    i8 I8: |v| whole_i32_of_f64(v) as i8, |v| whole_i32_of_f32(v) as i8,
        |v| v as i8, |x| x as f64, |x| x as i64;
    u8 U8: |v| whole_i32_of_f64(v) as u8, |v| whole_i32_of_f32(v) as u8,
        |v| v as u8, |x| x as f64, |x| x as i64;
    bool Bool: |v| v != 0.0, |v| v != 0.0,
        |v| v != 0, |x| x as u8 as f64, |x| x as i64;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DType, Tensor};

    #[test]
    fn sixteen_bit_floats_are_rounded_as_pytorch_rounds_them() {
        let rounded = |values: Vec<f32>, dtype| {
            let x = Tensor::from_vec(values, [2]).unwrap();
            x.to_dtype(dtype).unwrap().to_vec_f64()
        };
        // The middle of two values goes to the even one; the next f32 above it goes up.
        let (step, next) = (2f32.powi(-11), 2f32.powi(-23));
        assert_eq!(
            rounded(vec![1.0 + step, 1.0 + step + next], DType::F16),
            [1.0, 1.0009765625]
        );
        let step = 2f32.powi(-8);
        assert_eq!(
            rounded(vec![1.0 + step, 1.0 + step + next], DType::BF16),
            [1.0, 1.0078125]
        );
        // An f64 loses its last digits first: PyTorch's f64 becomes f32 on the way.
        let above = 1.0 + 2f64.powi(-8) + 2f64.powi(-40);
        assert_eq!(<bf16 as Element>::from_f64(above).to_f64(), 1.0);
        assert_eq!(<f16 as Element>::from_i64(4099).to_f64(), 4100.0);
    }
}
