//! Creation functions, named as PyTorch's.

use half::{bf16, f16};
use pleach_kernels::Buffer;

use crate::shape::{Shape, numel};
use crate::{DType, Element, Error, IntoShape, Result, Scalar, Tensor};

impl Tensor {
    /// Zeros of the default dtype, f32.
    ///
    /// ```
    /// use pleach_core::{DType, Tensor};
    /// assert_eq!(Tensor::zeros([2, 3]).shape(), [2, 3]);
    /// assert_eq!(Tensor::zeros([2]).to_dtype(DType::I64)?.dtype(), DType::I64);
    /// # Ok::<(), pleach_core::Error>(())
    /// ```
    pub fn zeros(shape: impl IntoShape) -> Tensor {
        Self::zeros_of(shape, DType::F32)
    }

    /// Zeros of a dtype.
    pub fn zeros_of(shape: impl IntoShape, dtype: DType) -> Tensor {
        // Not generic, so compiled once.
        fn make(shape: Shape, dtype: DType) -> Tensor {
            dispatch_all!(dtype, T => {
                Tensor::from_buffer(Buffer::<T>::zeroed(numel(&shape)), shape)
            })
        }
        make(shape.into_shape(), dtype)
    }

    /// Ones of the default dtype, f32.
    pub fn ones(shape: impl IntoShape) -> Tensor {
        Self::full(shape, 1.0)
    }

    /// Ones of a dtype.
    pub fn ones_of(shape: impl IntoShape, dtype: DType) -> Tensor {
        Self::full_of(shape, 1, dtype)
    }

    /// One value everywhere. Its type decides the dtype: a float makes f32, an integer i64, a
    /// truth value bool.
    pub fn full(shape: impl IntoShape, value: impl Into<Scalar>) -> Tensor {
        let value = value.into();
        Self::full_of(shape, value, value.dtype())
    }

    /// One value everywhere, of a dtype.
    pub fn full_of(shape: impl IntoShape, value: impl Into<Scalar>, dtype: DType) -> Tensor {
        fn make(shape: Shape, value: Scalar, dtype: DType) -> Tensor {
            dispatch_all!(dtype, T => {
                Tensor::from_buffer(Buffer::<T>::full(numel(&shape), value.to()), shape)
            })
        }
        make(shape.into_shape(), value.into(), dtype)
    }

    /// Zeros of this tensor's shape, dtype and order in memory.
    pub fn zeros_like(&self) -> Tensor {
        Self::zeros_of(self.shape(), self.dtype()).ordered_like(self)
    }

    /// Ones of this tensor's shape, dtype and order in memory.
    pub fn ones_like(&self) -> Tensor {
        Self::ones_of(self.shape(), self.dtype()).ordered_like(self)
    }

    /// One value everywhere, of this tensor's shape, dtype and order in memory.
    pub fn full_like(&self, value: impl Into<Scalar>) -> Tensor {
        Self::full_of(self.shape(), value, self.dtype()).ordered_like(self)
    }

    /// A tensor of one value, laid out densely with its dimensions in the order in which `other`
    /// has them in memory. The order decides which random number an element gets.
    fn ordered_like(self, other: &Tensor) -> Tensor {
        if other.is_contiguous() {
            return self;
        }
        self.with_layout(other.layout().dense())
    }

    /// `0, 1, …, end - 1` as i64.
    ///
    /// ```
    /// assert_eq!(pleach_core::Tensor::arange(3).to_vec::<i64>()?, [0, 1, 2]);
    /// # Ok::<(), pleach_core::Error>(())
    /// ```
    pub fn arange(end: usize) -> Tensor {
        let values = Buffer::from_exact_iter((0..end).map(|i| i as i64));
        Tensor::from_buffer(values, [end])
    }

    /// `start, start + step, …` up to, not including, `end`: i64 if all three are integers,
    /// otherwise f32.
    ///
    /// # Errors
    /// If `step` is zero or points away from `end`, or a bound is not finite.
    pub fn arange_step(
        start: impl Into<Scalar>,
        end: impl Into<Scalar>,
        step: impl Into<Scalar>,
    ) -> Result<Tensor> {
        let (start, end, step) = (start.into(), end.into(), step.into());
        let (a, b, s) = (start.to_f64(), end.to_f64(), step.to_f64());
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
        let n = ((b - a) / s).ceil() as usize;
        if let (Scalar::Int(a), Scalar::Int(_), Scalar::Int(s)) = (start, end, step) {
            let values = Buffer::from_exact_iter((0..n).map(|i| a + i as i64 * s));
            return Ok(Tensor::from_buffer(values, [n]));
        }
        let values = Buffer::from_exact_iter((0..n).map(|i| (a + i as f64 * s) as f32));
        Ok(Tensor::from_buffer(values, [n]))
    }

    /// `steps` evenly spaced f32 values from `start` to `end`, both included.
    pub fn linspace(start: f64, end: f64, steps: usize) -> Tensor {
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
        Tensor::from_buffer(Buffer::from_exact_iter((0..steps).map(value)), [steps])
    }

    /// The `n × n` identity matrix, f32.
    pub fn eye(n: usize) -> Tensor {
        let mut values = Buffer::<f32>::zeroed(n * n);
        values.iter_mut().step_by(n + 1).for_each(|v| *v = 1.0);
        Tensor::from_buffer(values, [n, n])
    }

    /// A tensor with these values in row-major order.
    ///
    /// # Errors
    /// If the number of values is not that of the shape.
    pub fn from_vec<T: Element>(values: Vec<T>, shape: impl IntoShape) -> Result<Tensor> {
        Self::from_slice(&values, shape)
    }

    /// A tensor with a copy of these values in row-major order.
    ///
    /// # Errors
    /// If the number of values is not that of the shape.
    pub fn from_slice<T: Element>(values: &[T], shape: impl IntoShape) -> Result<Tensor> {
        let shape: Shape = shape.into_shape();
        if numel(&shape) != values.len() {
            return Err(crate::ErrorKind::InvalidShape {
                shape: shape.iter().map(|&s| s as i64).collect(),
                numel: values.len(),
            }
            .into());
        }
        Ok(Tensor::from_buffer(Buffer::from_slice(values), shape))
    }

    /// A 0-d tensor: a float makes f32, an integer i64, a truth value bool.
    pub fn scalar(value: impl Into<Scalar>) -> Tensor {
        Self::full((), value)
    }
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
/// use pleach_core::{tensor, DType};
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
