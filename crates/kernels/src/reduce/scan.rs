//! Running sums.

use super::check_axis;
use crate::{Float, parallel_for, threads::Disjoint};

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
