//! Tensors as little-endian bytes, the form that checkpoint files have.

use half::{bf16, f16};
use pleach_kernels::Buffer;

use crate::{DType, Error, IntoShape, Result, Tensor};

impl Tensor {
    /// The elements in row-major order as little-endian bytes; a truth value is one byte.
    ///
    /// ```
    /// use pleach_core::{DType, Tensor, tensor};
    /// let x = tensor![1, -2].to_dtype(DType::I16)?;
    /// assert_eq!(x.to_le_bytes(), [1, 0, 0xfe, 0xff]);
    /// let y = Tensor::from_le_bytes(&[1, 0, 0xfe, 0xff], [2], DType::I16)?;
    /// assert_eq!(y.to_vec::<i16>()?, [1, -2]);
    /// # Ok::<(), pleach_core::Error>(())
    /// ```
    pub fn to_le_bytes(&self) -> Vec<u8> {
        macro_rules! bytes {
            ($ty:ty) => {
                self.to_vec::<$ty>().map(|values| {
                    let mut out = Vec::with_capacity(values.len() * size_of::<$ty>());
                    for value in values {
                        out.extend_from_slice(&value.to_le_bytes());
                    }
                    out
                })
            };
        }
        let bytes = match self.dtype() {
            DType::F32 => bytes!(f32),
            DType::F64 => bytes!(f64),
            DType::F16 => bytes!(f16),
            DType::BF16 => bytes!(bf16),
            DType::I64 => bytes!(i64),
            DType::I32 => bytes!(i32),
            DType::I16 => bytes!(i16),
            DType::I8 => bytes!(i8),
            DType::U8 => self.to_vec::<u8>(),
            DType::Bool => self
                .to_vec::<bool>()
                .map(|values| values.into_iter().map(u8::from).collect()),
        };
        bytes.expect("the dtype was just looked up")
    }

    /// A tensor from its elements in row-major order as little-endian bytes: the inverse of
    /// [`Tensor::to_le_bytes`]. Every byte but 0 is `true`.
    ///
    /// # Errors
    /// If the number of bytes is not that of this shape and dtype.
    pub fn from_le_bytes(bytes: &[u8], shape: impl IntoShape, dtype: DType) -> Result<Tensor> {
        let shape = shape.into_shape();
        let needed = shape
            .iter()
            .try_fold(dtype.size_of(), |n, &size| n.checked_mul(size));
        if needed != Some(bytes.len()) {
            return Err(Error::shape(format!(
                "{} bytes cannot be a tensor of shape {shape:?} and type {dtype}",
                bytes.len()
            )));
        }
        macro_rules! tensor {
            ($ty:ty) => {{
                let (values, _) = bytes.as_chunks::<{ size_of::<$ty>() }>();
                let values = values.iter().map(|b| <$ty>::from_le_bytes(*b));
                Tensor::from_buffer(Buffer::from_exact_iter(values), shape)
            }};
        }
        Ok(match dtype {
            DType::F32 => tensor!(f32),
            DType::F64 => tensor!(f64),
            DType::F16 => tensor!(f16),
            DType::BF16 => tensor!(bf16),
            DType::I64 => tensor!(i64),
            DType::I32 => tensor!(i32),
            DType::I16 => tensor!(i16),
            DType::I8 => tensor!(i8),
            DType::U8 => Tensor::from_buffer(Buffer::from_slice(bytes), shape),
            DType::Bool => {
                let values = bytes.iter().map(|&b| b != 0);
                Tensor::from_buffer(Buffer::from_exact_iter(values), shape)
            }
        })
    }
}
