//! Tensors as little-endian bytes, the form that checkpoint files have.

use half::{bf16, f16};
use pleach_kernels::Buffer;

use crate::error::done;
use crate::extent::checked_numel;
use crate::memory::{collect, vec_for};
use crate::{DType, Error, IntoShape, Result, Tensor};

/// # To and from bytes
impl Tensor {
    /// The elements in row-major order as little-endian bytes; a truth value is one byte.
    ///
    /// ```
    /// use pleach::{DType, Tensor, tensor};
    /// let x = tensor![1, -2].to_dtype(DType::I16)?;
    /// assert_eq!(x.to_le_bytes(), [1, 0, 0xfe, 0xff]);
    /// let y = Tensor::from_le_bytes(&[1, 0, 0xfe, 0xff], [2], DType::I16)?;
    /// assert_eq!(y.to_vec::<i16>()?, [1, -2]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    ///
    /// # Panics
    /// Where [`Tensor::try_to_le_bytes`] returns an error.
    #[track_caller]
    pub fn to_le_bytes(&self) -> Vec<u8> {
        done(self.try_to_le_bytes())
    }

    /// [`Tensor::to_le_bytes`] as a `Result`.
    ///
    /// # Errors
    /// If the memory cannot be had.
    pub fn try_to_le_bytes(&self) -> Result<Vec<u8>> {
        let x = self.detach().contiguous()?;
        macro_rules! bytes {
            ($ty:ty) => {{
                let values = x.as_slice::<$ty>()?;
                let mut out = vec_for(size_of_val(values))?;
                for value in values {
                    out.extend_from_slice(&value.to_le_bytes());
                }
                Ok(out)
            }};
        }
        match self.dtype() {
            DType::F32 => bytes!(f32),
            DType::F64 => bytes!(f64),
            DType::F16 => bytes!(f16),
            DType::BF16 => bytes!(bf16),
            DType::I64 => bytes!(i64),
            DType::I32 => bytes!(i32),
            DType::I16 => bytes!(i16),
            DType::I8 => bytes!(i8),
            DType::U8 => x.to_vec::<u8>(),
            DType::Bool => collect(x.as_slice::<bool>()?.iter().map(|&b| u8::from(b))),
        }
    }

    /// A tensor from its elements in row-major order as little-endian bytes: the inverse of
    /// [`Tensor::to_le_bytes`]. Every byte but 0 is `true`.
    ///
    /// # Errors
    /// If the number of bytes is not that of this shape and dtype, or the memory cannot be had.
    pub fn from_le_bytes(bytes: &[u8], shape: impl IntoShape, dtype: DType) -> Result<Tensor> {
        let shape = shape.into_shape();
        let needed = checked_numel(&shape)?.checked_mul(dtype.size_of());
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
                Tensor::from_buffer(Buffer::try_from_exact_iter(values)?, shape)
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
            DType::U8 => Tensor::from_buffer(Buffer::try_from_slice(bytes)?, shape),
            DType::Bool => {
                let values = bytes.iter().map(|&b| b != 0);
                Tensor::from_buffer(Buffer::try_from_exact_iter(values)?, shape)
            }
        })
    }
}
