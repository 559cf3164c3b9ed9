//! Evenly spaced values, of any dtype, and powers of them; tensors like another one.

use half::{bf16, f16};
use pleach_kernels::Buffer;

use crate::{DType, Element, Error, IntoShape, Result, Scalar, Tensor};

twins! {
    /// `steps` evenly spaced values from `start` to `end`, both included, of a dtype. Integers are the whole
    /// parts of what f64 has.
    ///
    /// ```
    /// use pleach::{DType, Tensor};
    /// let x = Tensor::linspace_of(0, 10, 5, DType::I64);
    /// assert_eq!(x.to_vec::<i64>()?, [0, 2, 5, 7, 10]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    linspace_of, try_linspace_of (start: impl Into<Scalar>, end: impl Into<Scalar>, steps: usize, dtype: DType) => {
        linspace(start.into(), end.into(), steps, dtype)
    };

    /// `steps` values from `10^start` to `10^end`, both included, whose logarithms are evenly spaced; f32.
    ///
    /// ```
    /// use pleach::Tensor;
    /// assert_eq!(Tensor::logspace(0, 2, 3).to_vec::<f32>()?, [1.0, 10.0, 100.0]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    logspace, try_logspace (start: impl Into<Scalar>, end: impl Into<Scalar>, steps: usize) => {
        logspace(start.into(), end.into(), steps, 10.0, DType::F32)
    };

    /// `steps` values from `base^start` to `base^end`, both included, whose logarithms are evenly spaced, of a
    /// dtype. Integers are powers of whole parts.
    ///
    /// ```
    /// use pleach::{DType, Tensor};
    /// let x = Tensor::logspace_of(0, 3, 4, 2.0, DType::I32);
    /// assert_eq!(x.to_vec::<i32>()?, [1, 2, 4, 8]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    logspace_of, try_logspace_of (start: impl Into<Scalar>, end: impl Into<Scalar>, steps: usize, base: f64, dtype: DType) => {
        logspace(start.into(), end.into(), steps, base, dtype)
    };
}

twins! {
    t:
    /// Zeros of this tensor's dtype.
    ///
    /// ```
    /// use pleach::tensor;
    /// assert_eq!(tensor![1].new_zeros([2]).to_vec::<i64>()?, [0, 0]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    new_zeros, try_new_zeros (shape: impl IntoShape) => Self::try_zeros_of(shape, t.dtype());

    /// Ones of this tensor's dtype.
    new_ones, try_new_ones (shape: impl IntoShape) => Self::try_ones_of(shape, t.dtype());

    /// One value everywhere, of this tensor's dtype. A value that it cannot hold is refused, as by
    /// [`Tensor::full_of`].
    new_full, try_new_full (shape: impl IntoShape, value: impl Into<Scalar>) => {
        Self::try_full_of(shape, value, t.dtype())
    };
}

/// Counted from the nearer end, as PyTorch does: `near(start, i)` or `near(end, -j)`.
fn from_both_ends<T>(
    steps: usize,
    from_start: impl Fn(usize) -> T,
    from_end: impl Fn(usize) -> T,
) -> Result<Vec<T>> {
    let half = if steps == 1 { 1 } else { steps / 2 };
    let value = |i: usize| match i < half {
        true => from_start(i),
        false => from_end(steps - 1 - i),
    };
    crate::memory::collect((0..steps).map(value))
}

/// Rounded to a dtype, by way of f32 as PyTorch's half floats are.
fn rounded(value: f64, dtype: DType) -> f64 {
    match dtype {
        DType::F64 => value,
        DType::F16 => f16::from_f32(value as f32).into(),
        DType::BF16 => bf16::from_f32(value as f32).into(),
        _ => f64::from(value as f32),
    }
}

fn check_steps(steps: usize) -> Result<()> {
    crate::checked_numel(&[steps]).map(drop)
}

fn linspace(start: Scalar, end: Scalar, steps: usize, dtype: DType) -> Result<Tensor> {
    if dtype == DType::Bool {
        return Err(Error::not_implemented("linspace_cpu", dtype));
    }
    if dtype == DType::F32 {
        return Tensor::try_linspace(start.to_f64(), end.to_f64(), steps);
    }
    check_steps(steps)?;
    let (a, b) = dispatch_all!(dtype, T => (start.to::<T>()?.to_f64(), end.to::<T>()?.to_f64()));
    let round = |v: f64| {
        if dtype.is_float() {
            rounded(v, dtype)
        } else {
            v
        }
    };
    let step = round((b - a) / steps.saturating_sub(1).max(1) as f64);
    let along = |i: usize| round(step * i as f64);
    let fused = dtype == DType::F64;
    let value = |from: f64, i: usize, sign: f64| match fused {
        true => (sign * step).mul_add(i as f64, from),
        false => from + sign * along(i),
    };
    let values = from_both_ends(steps, |i| value(a, i, 1.0), |i| value(b, i, -1.0))?;
    Tensor::from_vec(values, [steps])?.to_dtype(dtype)
}

fn logspace(start: Scalar, end: Scalar, steps: usize, base: f64, dtype: DType) -> Result<Tensor> {
    if dtype == DType::Bool {
        return Err(Error::not_implemented("logspace_cpu", dtype));
    }
    check_steps(steps)?;
    let last = steps.saturating_sub(1).max(1);
    if dtype == DType::F32 {
        let (a, b, base) = (start.to::<f32>()?, end.to::<f32>()?, base as f32);
        let step = (b - a) / last as f32;
        let values = from_both_ends(
            steps,
            |i| base.powf(a + step * i as f32),
            |i| base.powf(b - step * i as f32),
        )?;
        return Ok(Tensor::from_buffer(
            Buffer::try_from_slice(&values)?,
            [steps],
        ));
    }
    let (a, b) = dispatch_all!(dtype, T => (start.to::<T>()?.to_f64(), end.to::<T>()?.to_f64()));
    // Integers are computed in f64.
    let round = |v: f64| match dtype.is_float() {
        true => rounded(v, dtype),
        false => v,
    };
    let base = round(base);
    let step = round((b - a) / last as f64);
    let values = from_both_ends(
        steps,
        |i| base.powf(round(a + round(step * i as f64))),
        |i| base.powf(round(b - round(step * i as f64))),
    )?;
    Tensor::from_vec(values, [steps])?.to_dtype(dtype)
}
