//! [`UnsignedTensor`]: what checkpoints hold of the types `uint16`, `uint32` and `uint64`.

use std::fmt;

use pleach_core::{IntoShape, Tensor};

use crate::element::Element;
use crate::memory::ensure;
use crate::{Error, Result};

mod sealed {
    use super::{Element, Result, Tensor, UnsignedTensor};
    use pleach_core::IntoShape;

    pub trait Sealed: Sized {
        fn tensor(values: Vec<Self>, shape: impl IntoShape) -> Result<UnsignedTensor>;
    }
    macro_rules! sealed {
        ($($t:ty as $signed:ty => $element:expr;)*) => {$(
            impl Sealed for $t {
                fn tensor(values: Vec<Self>, shape: impl IntoShape) -> Result<UnsignedTensor> {
                    let bits = values.into_iter().map(|v| v as $signed);
                    Ok(UnsignedTensor {
                        bits: Tensor::from_vec(bits.collect(), shape)?,
                        element: $element,
                    })
                }
            }
        )*};
    }
    sealed! {
        u16 as i16 => Element::U16;
        u32 as i32 => Element::U32;
        u64 as i64 => Element::U64;
    }
}

/// `u16`, `u32` or `u64`.
pub trait Unsigned: sealed::Sealed {}
impl Unsigned for u16 {}
impl Unsigned for u32 {}
impl Unsigned for u64 {}

/// A tensor of `torch.uint16`, `uint32` or `uint64`, as a checkpoint holds it.
///
/// No operation of pleach computes with these types (PyTorch has hardly one either), so tensors do
/// not have them. What is read of them is kept to the bit and written as it was;
/// [`UnsignedTensor::to_tensor`] makes a tensor of a signed type that holds all values.
///
/// ```
/// use pleach::checkpoint::{Dict, Format, Loader, UnsignedTensor, to_bytes};
/// use pleach::DType;
/// let ids = UnsignedTensor::from_vec(vec![0u16, 65535], [2])?;
/// let bytes = to_bytes(Dict::new().with("ids", ids), Format::Safetensors)?;
/// let back = Loader::new().load_bytes(&bytes)?;
/// let ids = back.get("ids")?.as_unsigned()?;
/// assert_eq!((ids.dtype(), ids.to_vec()?), ("uint16", vec![0, 65535]));
/// assert_eq!(ids.to_tensor()?.to_vec::<i32>()?, [0, 65535]);
/// # Ok::<(), pleach::Error>(())
/// ```
#[derive(Clone)]
pub struct UnsignedTensor {
    /// The same bits as signed integers.
    pub(crate) bits: Tensor,
    pub(crate) element: Element,
}

impl UnsignedTensor {
    /// A tensor of these values in row-major order.
    ///
    /// # Errors
    /// If the shape has another number of elements.
    pub fn from_vec<T: Unsigned>(values: Vec<T>, shape: impl IntoShape) -> Result<Self> {
        T::tensor(values, shape)
    }

    /// `uint16`, `uint32` or `uint64`.
    pub fn dtype(&self) -> &'static str {
        match self.element {
            Element::U16 => "uint16",
            Element::U32 => "uint32",
            _ => "uint64",
        }
    }

    /// The sizes.
    pub fn shape(&self) -> &[usize] {
        self.bits.shape()
    }

    /// The values in row-major order.
    ///
    /// # Errors
    /// If memory for them cannot be had.
    pub fn to_vec(&self) -> Result<Vec<u64>> {
        let bytes = (self.bits.numel() as u64).saturating_mul(8 + self.element.size_of() as u64);
        ensure(bytes, "a tensor's values")?;
        Ok(match self.element {
            Element::U16 => {
                let bits = self.bits.to_vec::<i16>()?.into_iter();
                bits.map(|v| u64::from(v as u16)).collect()
            }
            Element::U32 => {
                let bits = self.bits.to_vec::<i32>()?.into_iter();
                bits.map(|v| u64::from(v as u32)).collect()
            }
            _ => {
                let bits = self.bits.to_vec::<i64>()?.into_iter();
                bits.map(|v| v as u64).collect()
            }
        })
    }

    /// The values as a tensor: of i32 for `uint16`, of i64 for the others.
    ///
    /// # Errors
    /// If a value is larger than i64's largest.
    pub fn to_tensor(&self) -> Result<Tensor> {
        let values = self.to_vec()?;
        if self.element == Element::U16 {
            let values = values.into_iter().map(|v| v as i32).collect();
            return Ok(Tensor::from_vec(values, self.shape())?);
        }
        let values = values.into_iter().map(|value| {
            i64::try_from(value).map_err(|_| {
                let what = format!("{value} of a tensor of torch.uint64 is too large for int64");
                Error::Access(what)
            })
        });
        let values = values.collect::<Result<Vec<i64>>>()?;
        Ok(Tensor::from_vec(values, self.shape())?)
    }
}

/// Dtype and shape; not the values.
impl fmt::Debug for UnsignedTensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{} {:?}>", self.element, self.shape())
    }
}
