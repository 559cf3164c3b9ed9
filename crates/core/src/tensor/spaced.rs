//! More creation functions: values at equal distances in any dtype, and the positions of triangles.

use std::ops::Range;

use pleach_kernels::Buffer;

use crate::extent::checked_numel;
use crate::memory::vec_for;
use crate::{DType, Element, Error, Result, Scalar, Tensor};

/// `steps` values from `start` to `end`, as the type computes them: half floats as f32, integers as
/// f64, cut at the end.
fn spaced<T: Element>(
    [start, end]: [f64; 2],
    steps: usize,
    f: impl Fn(f64) -> f64,
) -> Result<Tensor> {
    let bound = |v: f64| Scalar::Float(v).to::<T>().map(T::to_f64);
    let (a, b) = (bound(start)?, bound(end)?);
    let mut step = (b - a) / steps.saturating_sub(1).max(1) as f64;
    if T::DTYPE.is_float() && T::DTYPE != DType::F64 {
        step = f64::from(step as f32);
    }
    // PyTorch counts from the nearer end.
    let value = |i: usize| {
        let v = match i < steps / 2 || steps == 1 {
            true => step.mul_add(i as f64, a),
            false => step.mul_add(-((steps - 1 - i) as f64), b),
        };
        T::from_f64(f(v))
    };
    let values = Buffer::try_from_exact_iter((0..steps).map(value))?;
    Ok(Tensor::from_buffer(values, [steps]))
}

/// The positions of the elements of a matrix, row by row, in columns that `range` names for each of
/// these rows: at least one.
fn triangle(rows: Range<usize>, range: impl Fn(usize) -> Range<usize>) -> Result<Tensor> {
    drop(vec_for::<[i64; 2]>(rows.len())?);
    let lengths = rows.clone().map(|i| range(i).len());
    let total = lengths
        .clone()
        .try_fold(0usize, usize::checked_add)
        .ok_or_else(|| Error::shape("numel: integer multiplication overflow"))?;
    let mut values = vec_for(checked_numel(&[2, total])?)?;
    for (i, n) in rows.clone().zip(lengths) {
        values.extend(std::iter::repeat_n(i as i64, n));
    }
    values.extend(rows.flat_map(|i| range(i).map(|j| j as i64)));
    Tensor::from_vec(values, [2, total])
}

/// A place of one dimension counted from one of another, in `0 ..= size`.
fn across(from: usize, offset: i128, size: usize) -> usize {
    (from as i128 + offset).clamp(0, size as i128) as usize
}

/// # Creation: spaced values and positions
impl Tensor {
    /// [`Tensor::linspace`] in a dtype of one's choice.
    ///
    /// # Errors
    /// If the dtype is bool or cannot hold the ends, or the memory cannot be had.
    ///
    /// ```
    /// use pleach::{DType, Tensor};
    /// let x = Tensor::linspace_of(0.0, 1.0, 3, DType::F64)?;
    /// assert_eq!(x.to_vec::<f64>()?, [0.0, 0.5, 1.0]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    pub fn linspace_of(start: f64, end: f64, steps: usize, dtype: DType) -> Result<Tensor> {
        match dtype {
            DType::F32 => Tensor::try_linspace(start, end, steps),
            DType::Bool => Err(Error::not_implemented("linspace_cpu", dtype)),
            _ => dispatch_all!(dtype, T => spaced::<T>([start, end], steps, |v| v)),
        }
    }

    /// Powers of `base` with exponents at equal distances, f32: from `base^start` to `base^end`,
    /// both included.
    ///
    /// # Errors
    /// If the memory cannot be had.
    ///
    /// ```
    /// let x = pleach::Tensor::logspace(0.0, 2.0, 3, 10.0)?;
    /// assert_eq!(x.to_vec::<f32>()?, [1., 10., 100.]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    pub fn logspace(start: f64, end: f64, steps: usize, base: f64) -> Result<Tensor> {
        Tensor::logspace_of(start, end, steps, base, DType::F32)
    }

    /// [`Tensor::logspace`] in a dtype of one's choice.
    ///
    /// # Errors
    /// If the dtype is bool or cannot hold the exponents, or the memory cannot be had.
    pub fn logspace_of(
        start: f64,
        end: f64,
        steps: usize,
        base: f64,
        dtype: DType,
    ) -> Result<Tensor> {
        if dtype == DType::Bool {
            return Err(Error::not_implemented("logspace_cpu", dtype));
        }
        dispatch_all!(dtype, T => spaced::<T>([start, end], steps, |v| base.powf(v)))
    }

    /// The positions of the elements on and below a diagonal of a matrix, in row-major order: their
    /// rows, and below them their columns, as i64.
    ///
    /// # Errors
    /// If the memory cannot be had.
    ///
    /// ```
    /// let at = pleach::Tensor::tril_indices(2, 2, 0)?;
    /// assert_eq!(at.to_vec::<i64>()?, [0, 1, 1, 0, 0, 1]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    pub fn tril_indices(rows: usize, cols: usize, offset: i64) -> Result<Tensor> {
        let offset = i128::from(offset);
        let first = if cols > 0 {
            across(0, -offset, rows)
        } else {
            rows
        };
        triangle(first..rows, |i| 0..across(i, offset + 1, cols))
    }

    /// The positions of the elements on and above a diagonal of a matrix, as
    /// [`Tensor::tril_indices`] has them.
    ///
    /// # Errors
    /// If the memory cannot be had.
    ///
    /// ```
    /// let at = pleach::Tensor::triu_indices(2, 2, 1)?;
    /// assert_eq!(at.to_vec::<i64>()?, [0, 1]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    pub fn triu_indices(rows: usize, cols: usize, offset: i64) -> Result<Tensor> {
        let offset = i128::from(offset);
        let last = if cols > 0 {
            across(cols, -offset, rows)
        } else {
            0
        };
        triangle(0..last, |i| across(i, offset, cols)..cols)
    }
}
