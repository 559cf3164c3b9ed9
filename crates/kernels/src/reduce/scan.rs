//! Running sums and products.

use super::{CHUNK, check_axis};
use crate::{Float, for_each_chunk_mut, parallel_for, threads::Disjoint};

/// Columns of one task.
const COLUMNS: usize = 64;

/// Running sums along an axis: `x` and `out` are `[outer, n, inner]`. They are kept in f64, and
/// rounded only where they are written, as PyTorch's.
///
/// ```
/// let mut out = [0.0f32; 3];
/// pleach_kernels::cumsum_axis(&[16_777_216.0, 1.0, 1.0], 1, 3, 1, &mut out);
/// assert_eq!(out, [16_777_216.0, 16_777_216.0, 16_777_218.0]);
/// ```
///
/// # Panics
/// If the lengths do not fit the shape.
pub fn cumsum_axis<T: Float>(x: &[T], outer: usize, n: usize, inner: usize, out: &mut [T]) {
    check_axis("cumsum_axis", x.len(), outer, n, inner, outer * inner);
    assert_eq!(
        x.len(),
        out.len(),
        "cumsum_axis: input and output differ in length"
    );
    if out.is_empty() {
        return;
    }
    let groups = inner.div_ceil(COLUMNS);
    let out = Disjoint::new(out);
    parallel_for(outer * groups, |task| {
        let (o, column) = (task / groups, task % groups * COLUMNS);
        let width = COLUMNS.min(inner - column);
        let mut sums = [0.0; COLUMNS];
        for p in 0..n {
            let at = (o * n + p) * inner + column;
            // SAFETY: each task has columns of its own.
            let out = unsafe { out.slice(at, width) };
            for ((sum, out), v) in sums.iter_mut().zip(out).zip(&x[at..at + width]) {
                *sum += v.to_f64();
                *out = T::from_f64(*sum);
            }
        }
    });
}

/// [`cumsum_axis`] of integers, which wrap.
///
/// ```
/// let mut out = [0; 4];
/// pleach_kernels::integer_cumsum_axis(&[1, 2, 3, 4], 2, 2, &mut out);
/// assert_eq!(out, [1, 2, 4, 6]);
/// ```
///
/// # Panics
/// If the lengths differ.
pub fn integer_cumsum_axis(x: &[i64], n: usize, inner: usize, out: &mut [i64]) {
    out.copy_from_slice(x);
    let size = (n * inner).max(1);
    for_each_chunk_mut(out, (CHUNK / size).max(1) * size, |_, out| {
        for block in out.chunks_mut(size) {
            for i in inner..size {
                block[i] = block[i].wrapping_add(block[i - inner]);
            }
        }
    });
}

/// For each element of a `[outer, n, inner]` the product of the others along the axis: right also
/// where some are zero.
///
/// ```
/// let mut out = [0.0; 3];
/// pleach_kernels::product_of_others(&[2.0, 0.0, 5.0], 3, 1, &mut out);
/// assert_eq!(out, [0.0, 10.0, 0.0]);
/// ```
///
/// # Panics
/// If the lengths differ.
pub fn product_of_others<T: Float>(x: &[T], n: usize, inner: usize, out: &mut [T]) {
    assert_eq!(x.len(), out.len(), "product_of_others: the lengths differ");
    let size = (n * inner).max(1);
    let each = (CHUNK / size).max(1) * size;
    for_each_chunk_mut(out, each, |task, out| {
        let blocks = x[task * each..].chunks(size).zip(out.chunks_mut(size));
        for (x, out) in blocks {
            for i in 0..inner {
                let mut before = T::ONE;
                for k in (i..size).step_by(inner) {
                    out[k] = before;
                    before *= x[k];
                }
                let mut after = T::ONE;
                for k in (i..size).step_by(inner).rev() {
                    out[k] *= after;
                    after *= x[k];
                }
            }
        }
    });
}
