//! Between `ndarray` arrays, numbers and tensors; between dtypes.

use ndarray::{Array, ArrayD, ArrayView, Dimension};
use pleach_kernels::elementwise::map_piece;
use pleach_kernels::{Buffer, Plain, for_each_chunk_mut, map};

use crate::autograd::{Attributes, GradsOf, Operation, Own, Saved, apply};
use crate::error::done;
use crate::{DType, Element, Result, Tensor};

/// Copies an array of any layout.
///
/// # Panics
/// Where [`Tensor::try_from_array`] returns an error.
impl<T: Element, D: Dimension> From<ArrayView<'_, T, D>> for Tensor {
    #[track_caller]
    fn from(array: ArrayView<'_, T, D>) -> Self {
        done(Tensor::try_from_array(array))
    }
}

/// Copies an array into a tensor's own, aligned memory.
///
/// # Panics
/// Where [`Tensor::try_from_array`] returns an error.
///
/// ```
/// let t = pleach::Tensor::from(ndarray::array![[1.0f64, 2.0]]);
/// assert_eq!(t.shape(), [1, 2]);
/// ```
impl<T: Element, D: Dimension> From<Array<T, D>> for Tensor {
    #[track_caller]
    fn from(array: Array<T, D>) -> Self {
        done(Tensor::try_from_array(array.view()))
    }
}

impl AsRef<Tensor> for Tensor {
    fn as_ref(&self) -> &Tensor {
        self
    }
}

impl From<&Tensor> for Tensor {
    fn from(tensor: &Tensor) -> Self {
        tensor.clone()
    }
}

/// # Conversion: other dtypes, ndarray
impl Tensor {
    /// A copy of an array of any layout: `Tensor::from` as a `Result`.
    ///
    /// # Errors
    /// If the number of elements overflows or the memory cannot be had.
    ///
    /// ```
    /// let array = ndarray::array![[1.0f64, 2.0]];
    /// assert_eq!(pleach::Tensor::try_from_array(array.view())?.shape(), [1, 2]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    pub fn try_from_array<T: Element, D: Dimension>(array: ArrayView<'_, T, D>) -> Result<Tensor> {
        let shape = array.shape().to_vec();
        let buffer = match array.as_slice() {
            Some(values) => Buffer::try_from_slice(values)?,
            None => Buffer::try_from_exact_iter(array.iter().copied())?,
        };
        Tensor::try_from_buffer(buffer, shape)
    }

    /// The values as an owned `ndarray` array in row-major order.
    ///
    /// # Errors
    /// If `T` is not the tensor's dtype, or the memory cannot be had.
    pub fn to_array<T: Element>(&self) -> Result<ArrayD<T>> {
        Ok(ArrayD::from_shape_vec(self.shape(), self.to_vec()?)?)
    }

    /// The same values in another dtype; the tensor itself if it has that dtype already. A
    /// gradient that flows back is converted to this tensor's dtype.
    ///
    /// ```
    /// use pleach::{tensor, DType};
    /// let x = tensor![-1.5, 0.0, 2.9];
    /// assert_eq!(x.to_dtype(DType::I64)?.to_vec::<i64>()?, [-1, 0, 2]);
    /// assert_eq!(x.to_dtype(DType::Bool)?.to_vec::<bool>()?, [true, false, true]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    pub fn to_dtype(&self, dtype: DType) -> Result<Tensor> {
        match self.dtype() == dtype {
            true => Ok(self.clone()),
            false => apply(ToDtype(dtype), self),
        }
    }

    /// The values as f32, PyTorch's `.float()`.
    pub fn float(&self) -> Result<Tensor> {
        self.to_dtype(DType::F32)
    }

    /// The values as f64, PyTorch's `.double()`.
    pub fn double(&self) -> Result<Tensor> {
        self.to_dtype(DType::F64)
    }

    /// The values as i64, PyTorch's `.long()`.
    pub fn long(&self) -> Result<Tensor> {
        self.to_dtype(DType::I64)
    }

    /// The values as i32, PyTorch's `.int()`.
    pub fn int(&self) -> Result<Tensor> {
        self.to_dtype(DType::I32)
    }

    /// The values as i16, PyTorch's `.short()`.
    pub fn short(&self) -> Result<Tensor> {
        self.to_dtype(DType::I16)
    }

    /// The values as i8, PyTorch's `.char()`.
    pub fn char(&self) -> Result<Tensor> {
        self.to_dtype(DType::I8)
    }

    /// The values as u8, PyTorch's `.byte()`.
    pub fn byte(&self) -> Result<Tensor> {
        self.to_dtype(DType::U8)
    }

    /// True where the values are not 0, PyTorch's `.bool()`.
    pub fn bool(&self) -> Result<Tensor> {
        self.to_dtype(DType::Bool)
    }

    /// The values as f16, PyTorch's `.half()`.
    pub fn half(&self) -> Result<Tensor> {
        self.to_dtype(DType::F16)
    }

    /// The values as bf16, PyTorch's `.bfloat16()`.
    pub fn bfloat16(&self) -> Result<Tensor> {
        self.to_dtype(DType::BF16)
    }
}

/// The same values in another dtype.
#[derive(Clone, Debug)]
pub struct ToDtype(DType);

impl Operation for ToDtype {
    type Inputs<'a> = &'a Tensor;
    type Outputs = Tensor;

    fn name(&self) -> &'static str {
        "_to_copy"
    }
    fn grad_name(&self) -> &'static str {
        "ToCopyBackward0"
    }
    fn attributes(&self) -> Attributes {
        vec![("dtype", self.0.torch_name().into())]
    }
    fn forward(&self, x: &Tensor, _: &mut Own) -> Result<Tensor> {
        let x = x.contiguous()?;
        dispatch_all!(self.0, U => {
            let mut out = Buffer::<U>::try_new(x.numel())?;
            convert(&Reader::of(&x)?, &mut out);
            Ok(Tensor::from_buffer(out, x.shape()))
        })
    }
    fn backward(&self, saved: &Saved<'_>, grad: &Tensor) -> Result<GradsOf<Self>> {
        Ok([Some(grad.to_dtype(saved.dtype(0))?)])
    }
}

/// Elements that one thread takes.
const TASK: usize = 1 << 15;

/// Writes elements from a place on.
type Write<'a, T> = dyn Fn(usize, &mut [T]) + Sync + 'a;

/// Elements: as they are, or what writes them.
enum Read<'a, T> {
    Slice(&'a [T]),
    Pieces(Box<Write<'a, T>>),
}

/// Writes elements as the narrowest of four types that holds them all.
enum Reader<'a> {
    F32(Read<'a, f32>),
    F64(Read<'a, f64>),
    I32(Read<'a, i32>),
    I64(Read<'a, i64>),
}

impl<'a> Reader<'a> {
    /// Of a contiguous tensor.
    fn of(x: &'a Tensor) -> Result<Self> {
        fn read<'a, T: Element, U: Plain>(
            values: &'a [T],
            f: impl Fn(T) -> U + Sync + Copy + 'a,
        ) -> Read<'a, U> {
            Read::Pieces(Box::new(move |start, out| {
                map_piece(&values[start..start + out.len()], out, f);
            }))
        }
        Ok(match x.dtype() {
            DType::F32 => Reader::F32(Read::Slice(x.as_slice()?)),
            DType::F64 => Reader::F64(Read::Slice(x.as_slice()?)),
            DType::I32 => Reader::I32(Read::Slice(x.as_slice()?)),
            DType::I64 => Reader::I64(Read::Slice(x.as_slice()?)),
            dtype => dispatch_all!(dtype, T => match T::DTYPE.is_float() {
                true => Reader::F32(read(x.as_slice::<T>()?, |v| v.to_f64() as f32)),
                false => Reader::I32(read(x.as_slice::<T>()?, |v| v.to_i64() as i32)),
            }),
        })
    }
}

/// [`Element::cast`] of every element, through pieces of the reader's type, so that not every pair of
/// types is compiled.
fn convert<U: Element>(from: &Reader<'_>, out: &mut [U]) {
    fn by_pieces<T: Plain + Default, U: Element>(
        read: &Read<'_, T>,
        out: &mut [U],
        f: impl Fn(T) -> U + Sync + Copy,
    ) {
        const PIECE: usize = 512;
        let read = match read {
            Read::Slice(values) => return map(values, out, f),
            Read::Pieces(read) => read,
        };
        for_each_chunk_mut(out, TASK, |task, out| {
            let mut piece = [T::default(); PIECE];
            for (i, out) in out.chunks_mut(PIECE).enumerate() {
                let piece = &mut piece[..out.len()];
                read(task * TASK + i * PIECE, piece);
                map_piece(piece, out, f);
            }
        });
    }
    match from {
        Reader::F32(read) => by_pieces(read, out, U::from_f32),
        Reader::F64(read) => by_pieces(read, out, U::from_f64),
        Reader::I32(read) => by_pieces(read, out, |v| U::from_i64(i64::from(v))),
        Reader::I64(read) => by_pieces(read, out, U::from_i64),
    }
}
