//! Creation functions, named as PyTorch's.

use half::{bf16, f16};
use pleach_kernels::Buffer;

use crate::extent::{checked_numel, signed};
use crate::shape::{Shape, numel};
use crate::{DType, Element, Error, IntoShape, Result, Scalar, Tensor};

twins! {
    /// Zeros of the default dtype, f32.
    ///
    /// ```
    /// use pleach::{DType, Tensor};
    /// assert_eq!(Tensor::zeros([2, 3]).shape(), [2, 3]);
    /// assert_eq!(Tensor::zeros([2]).to_dtype(DType::I64)?.dtype(), DType::I64);
    /// assert!(Tensor::try_zeros([1 << 45]).is_err()); // 128 TiB
    /// # Ok::<(), pleach::Error>(())
    /// ```
    zeros, try_zeros (shape: impl IntoShape) => Self::try_zeros_of(shape, DType::F32);

    /// Zeros of a dtype.
    zeros_of, try_zeros_of (shape: impl IntoShape, dtype: DType) => {
        // Not generic, so compiled once.
        fn make(shape: Shape, dtype: DType) -> Result<Tensor> {
            dispatch_all!(dtype, T => {
                let values = Buffer::<T>::try_zeroed(checked_numel(&shape)?)?;
                Ok(Tensor::from_buffer(values, shape))
            })
        }
        make(shape.into_shape(), dtype)
    };

    /// Ones of the default dtype, f32.
    ones, try_ones (shape: impl IntoShape) => Self::try_full(shape, 1.0);

    /// Ones of a dtype.
    ones_of, try_ones_of (shape: impl IntoShape, dtype: DType) => Self::try_full_of(shape, 1, dtype);

    /// One value everywhere. Its type decides the dtype: a float makes f32, an integer i64, a
    /// truth value bool.
    full, try_full (shape: impl IntoShape, value: impl Into<Scalar>) => {
        let value = value.into();
        Self::try_full_of(shape, value, value.dtype())
    };

    /// One value everywhere, of a dtype. A value that the dtype cannot hold is refused, except that
    /// an integer dtype takes the whole part of a float.
    ///
    /// ```
    /// use pleach::{DType, Tensor};
    /// assert_eq!(Tensor::full_of([1], 2.5, DType::U8).to_vec::<u8>()?, [2]);
    /// assert_eq!(
    ///     Tensor::try_full_of([1], 300, DType::U8).unwrap_err().to_string(),
    ///     "value cannot be converted to type uint8_t without overflow"
    /// );
    /// # Ok::<(), pleach::Error>(())
    /// ```
    full_of, try_full_of (shape: impl IntoShape, value: impl Into<Scalar>, dtype: DType) => {
        fn make(shape: Shape, value: Scalar, dtype: DType) -> Result<Tensor> {
            dispatch_all!(dtype, T => {
                let value = value.to::<T>()?;
                let values = Buffer::try_full(checked_numel(&shape)?, value)?;
                Ok(Tensor::from_buffer(values, shape))
            })
        }
        make(shape.into_shape(), value.into(), dtype)
    };

    /// A 0-d tensor: a float makes f32, an integer i64, a truth value bool.
    scalar, try_scalar (value: impl Into<Scalar>) => Self::try_full((), value);

    /// `0, 1, …, end - 1` as i64.
    ///
    /// ```
    /// assert_eq!(pleach::Tensor::arange(3).to_vec::<i64>()?, [0, 1, 2]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    arange, try_arange (end: usize) => whole_numbers(end, 0, 1);

    /// `steps` evenly spaced f32 values from `start` to `end`, both included.
    linspace, try_linspace (start: f64, end: f64, steps: usize) => {
        // PyTorch computes in f32 and counts from the nearer end.
        let (a, b) = (start as f32, end as f32);
        let step = if steps > 1 {
            (b - a) / (steps - 1) as f32
        } else {
            0.0
        };
        let value = |i: usize| {
            if i < steps / 2 || steps == 1 {
                step.mul_add(i as f32, a)
            } else {
                step.mul_add(-((steps - 1 - i) as f32), b)
            }
        };
        let values = Buffer::try_from_exact_iter((0..steps).map(value))?;
        Ok(Tensor::from_buffer(values, [steps]))
    };

    /// The `n × n` identity matrix, f32.
    eye, try_eye (n: usize) => Tensor::try_eye_rect(n, n);

    /// Ones on the diagonal of a matrix of zeros, f32: PyTorch's `eye(rows, columns)`.
    eye_rect, try_eye_rect (rows: usize, columns: usize) => {
        let mut values = Buffer::<f32>::try_zeroed(checked_numel(&[rows, columns])?)?;
        let diagonal = values.iter_mut().step_by(columns.saturating_add(1));
        diagonal.take(rows.min(columns)).for_each(|v| *v = 1.0);
        Ok(Tensor::from_buffer(values, [rows, columns]))
    };
}

twins! {
    t:
    /// Zeros of this tensor's shape, dtype and order in memory.
    zeros_like, try_zeros_like () => Ok(Self::try_zeros_of(t.shape(), t.dtype())?.ordered_like(t));

    /// Ones of this tensor's shape, dtype and order in memory.
    ones_like, try_ones_like () => Ok(Self::try_ones_of(t.shape(), t.dtype())?.ordered_like(t));

    /// One value everywhere, of this tensor's shape, dtype and order in memory. A value that the
    /// dtype cannot hold is refused, as by [`Tensor::full_of`].
    full_like, try_full_like (value: impl Into<Scalar>) => {
        Ok(Self::try_full_of(t.shape(), value, t.dtype())?.ordered_like(t))
    };
}

/// `start + i * step` for the first `n` whole numbers.
fn whole_numbers(n: usize, start: i64, step: i64) -> Result<Tensor> {
    let value = |i: usize| start.wrapping_add((i as i64).wrapping_mul(step));
    let values = Buffer::try_from_exact_iter((0..n).map(value))?;
    Ok(Tensor::from_buffer(values, [n]))
}

/// The number of values from `start` on, `step` apart, before `end`; `None` if it is no size.
fn steps_to(start: Scalar, end: Scalar, step: Scalar) -> Option<usize> {
    if let (Scalar::Int(a), Scalar::Int(b), Scalar::Int(s)) = (start, end, step) {
        let (way, s) = (i128::from(b) - i128::from(a), i128::from(s));
        return usize::try_from((way + s - s.signum()) / s).ok();
    }
    let n = ((end.to_f64() - start.to_f64()) / step.to_f64()).ceil();
    (n <= i64::MAX as f64).then_some(n as usize)
}

/// # Creation
impl Tensor {
    /// A tensor of one value, laid out densely with its dimensions in the order in which `other`
    /// has them in memory. The order decides which random number an element gets.
    fn ordered_like(self, other: &Tensor) -> Tensor {
        if other.is_contiguous() {
            return self;
        }
        self.with_layout(other.layout().dense())
    }

    /// `start, start + step, …` up to, not including, `end`: i64 if all three are integers,
    /// otherwise f32.
    ///
    /// # Errors
    /// If `step` is zero or points away from `end`, a bound is not finite, or the memory cannot be
    /// had.
    pub fn arange_step(
        start: impl Into<Scalar>,
        end: impl Into<Scalar>,
        step: impl Into<Scalar>,
    ) -> Result<Tensor> {
        let (start, end, step) = (start.into(), end.into(), step.into());
        let whole = [start, end, step]
            .iter()
            .all(|s| matches!(s, Scalar::Int(_)));
        let dtype = if whole { DType::I64 } else { DType::F32 };
        Self::arange_of(start, end, step, dtype)
    }

    /// [`Tensor::arange_step`] in a dtype of one's choice, computed in f64; three integers are
    /// computed as i64.
    ///
    /// # Errors
    /// As [`Tensor::arange_step`], or if the dtype is bool.
    ///
    /// ```
    /// use pleach::{DType, Tensor};
    /// let x = Tensor::arange_of(0.0, 0.35, 0.1, DType::F64)?;
    /// assert_eq!(x.to_vec::<f64>()?, [0.0, 0.1, 0.2, 3.0 * 0.1]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    pub fn arange_of(
        start: impl Into<Scalar>,
        end: impl Into<Scalar>,
        step: impl Into<Scalar>,
        dtype: DType,
    ) -> Result<Tensor> {
        let (start, end, step) = (start.into(), end.into(), step.into());
        let (a, b, s) = (start.to_f64(), end.to_f64(), step.to_f64());
        if dtype == DType::Bool {
            return Err(Error::dtype("\"arange_cpu\" not implemented for 'Bool'"));
        }
        if s == 0.0 {
            return Err(Error::value("step must be nonzero"));
        }
        if !(a.is_finite() && b.is_finite() && s.is_finite()) {
            return Err(Error::value(format!("unsupported range: {a} -> {b}")));
        }
        if (s > 0.0 && b < a) || (s < 0.0 && b > a) {
            return Err(Error::value(
                "upper bound and lower bound inconsistent with step sign",
            ));
        }
        let n = steps_to(start, end, step)
            .ok_or_else(|| Error::value("invalid size, possible overflow?"))?;
        checked_numel(&[n])?;
        if let (Scalar::Int(a), Scalar::Int(_), Scalar::Int(s)) = (start, end, step) {
            return whole_numbers(n, a, s)?.to_dtype(dtype);
        }
        if dtype == DType::F32 {
            let values = (0..n).map(|i| (a + i as f64 * s) as f32);
            return Ok(Tensor::from_buffer(
                Buffer::try_from_exact_iter(values)?,
                [n],
            ));
        }
        // An integer type takes the whole parts of start and step.
        let (a, s) = if dtype.is_float() {
            (a, s)
        } else {
            (a.trunc(), s.trunc())
        };
        let values = (0..n).map(|i| a + i as f64 * s);
        Tensor::from_buffer(Buffer::try_from_exact_iter(values)?, [n]).to_dtype(dtype)
    }

    /// A tensor with these values in row-major order.
    ///
    /// # Errors
    /// If the number of values is not that of the shape, or the memory cannot be had.
    pub fn from_vec<T: Element>(values: Vec<T>, shape: impl IntoShape) -> Result<Tensor> {
        Self::from_slice(&values, shape)
    }

    /// A tensor with a copy of these values in row-major order.
    ///
    /// # Errors
    /// If the number of values is not that of the shape, or the memory cannot be had.
    pub fn from_slice<T: Element>(values: &[T], shape: impl IntoShape) -> Result<Tensor> {
        let shape: Shape = shape.into_shape();
        check_count(values.len(), &shape)?;
        Ok(Tensor::from_buffer(Buffer::try_from_slice(values)?, shape))
    }

    /// A contiguous tensor that owns this buffer: [`Tensor::from_buffer`] as a `Result`.
    ///
    /// # Errors
    /// If the number of elements is not that of the shape.
    ///
    /// ```
    /// use pleach::Tensor;
    /// use pleach_kernels::Buffer;
    /// assert!(Tensor::try_from_buffer(Buffer::<f32>::zeroed(6), [2, 3]).is_ok());
    /// assert!(Tensor::try_from_buffer(Buffer::<f32>::zeroed(6), [2, 4]).is_err());
    /// ```
    pub fn try_from_buffer<T: Element>(buffer: Buffer<T>, shape: impl IntoShape) -> Result<Tensor> {
        let shape: Shape = shape.into_shape();
        check_count(buffer.len(), &shape)?;
        Ok(Tensor::from_buffer(buffer, shape))
    }
}

/// Whether a shape has so many elements.
fn check_count(count: usize, shape: &[usize]) -> Result<()> {
    if checked_numel(shape).is_ok_and(|n| n == count) {
        return Ok(());
    }
    Err(crate::ErrorKind::InvalidShape {
        shape: shape.iter().copied().map(signed).collect(),
        numel: count,
    }
    .into())
}

/// Makes the elements of [`tensor!`](crate::tensor!): nested arrays and numbers.
///
/// The dtype follows PyTorch's `torch.tensor`: literals with a point make f32, integers i64.
#[doc(hidden)]
pub trait TensorLiteral {
    /// Appends the values in row-major order, and returns the shape.
    fn collect(&self, out: &mut LiteralValues) -> Shape;
}

/// The values of a literal, all of one type.
#[doc(hidden)]
#[derive(Default)]
pub struct LiteralValues {
    tensors: Vec<Tensor>,
}

impl LiteralValues {
    /// The tensor of these values.
    pub fn finish(self, shape: Shape) -> Tensor {
        let n = self.tensors.len();
        let dtype = self.tensors.first().map_or(DType::F32, Tensor::dtype);
        assert_eq!(
            n,
            numel(&shape),
            "rows of a tensor literal differ in length"
        );
        dispatch_all!(dtype, T => {
            let mut values = Buffer::<T>::new(n);
            for (slot, t) in values.iter_mut().zip(&self.tensors) {
                *slot = t.as_slice::<T>().expect("a literal has one type")[0];
            }
            Tensor::from_buffer(values, shape)
        })
    }
}

macro_rules! literal {
    ($($t:ty => $as:ty),*) => {$(
        impl TensorLiteral for $t {
            fn collect(&self, out: &mut LiteralValues) -> Shape {
                out.tensors.push(Tensor::from_buffer(Buffer::full(1, <$as>::from(*self)), ()));
                Shape::new()
            }
        }
    )*};
}
literal!(f32 => f32, i64 => i64, i32 => i64, bool => bool, u8 => u8, i8 => i8, i16 => i16, f16 => f16, bf16 => bf16);

/// A float literal is f64 in Rust and f32 in `torch.tensor`.
impl TensorLiteral for f64 {
    fn collect(&self, out: &mut LiteralValues) -> Shape {
        (*self as f32).collect(out)
    }
}

impl<T: TensorLiteral, const N: usize> TensorLiteral for [T; N] {
    fn collect(&self, out: &mut LiteralValues) -> Shape {
        let mut inner = Shape::new();
        for row in self {
            inner = row.collect(out);
        }
        inner.insert(0, N);
        inner
    }
}

/// A tensor from nested literals, typed as PyTorch's `torch.tensor` types them: `tensor![1, 2]`
/// is i64, `tensor![[1., 2.], [3., 4.]]` is f32, `tensor![]` is an empty f32 tensor.
///
/// ```
/// use pleach::{tensor, DType};
/// assert_eq!(tensor![[1., 2.], [3., 4.]].shape(), [2, 2]);
/// assert_eq!(tensor![1, 2, 3].dtype(), DType::I64);
/// assert_eq!(tensor![true, false].dtype(), DType::Bool);
/// assert_eq!(tensor![].shape(), [0]);
/// ```
#[macro_export]
macro_rules! tensor {
    () => { $crate::Tensor::zeros([0]) };
    ($($row:expr),+ $(,)?) => {{
        let mut values = $crate::__literal::LiteralValues::default();
        let shape = $crate::__literal::TensorLiteral::collect(&[$($row),+], &mut values);
        values.finish(shape)
    }};
}
