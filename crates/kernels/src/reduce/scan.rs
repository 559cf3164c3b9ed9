//! Running values: sums, products and the like.

use super::{CHUNK, check_axis};
use crate::{Float, Plain, for_each_chunk_mut, parallel_for, threads::Disjoint};

/// Columns of one task.
const COLUMNS: usize = 64;

/// Running values along an axis, or against it: `x` and `out` are `[outer, n, inner]`. `step` makes
/// the next state and what is written of a state, an element and its position along the axis.
///
/// ```
/// use pleach_kernels::scan_axis;
/// let mut out = [0.0f32; 3];
/// // Kept in f64, and rounded only where they are written.
/// let add = |sum: f64, v: f32, _| (sum + f64::from(v), (sum + f64::from(v)) as f32);
/// scan_axis(&[16_777_216.0, 1.0, 1.0], [1, 3, 1], false, &mut out, 0.0, add);
/// assert_eq!(out, [16_777_216.0, 16_777_216.0, 16_777_218.0]);
/// scan_axis(&[1.0, 2.0, 4.0], [1, 3, 1], true, &mut out, 0.0, add);
/// assert_eq!(out, [7.0, 6.0, 4.0]);
/// ```
///
/// # Panics
/// If the lengths do not fit the shape.
pub fn scan_axis<T: Plain, S: Copy + Send + Sync, U: Plain>(
    x: &[T],
    [outer, n, inner]: [usize; 3],
    reverse: bool,
    out: &mut [U],
    start: S,
    step: impl Fn(S, T, usize) -> (S, U) + Sync + Copy,
) {
    check_axis("scan_axis", x.len(), outer, n, inner, outer * inner);
    assert_eq!(
        x.len(),
        out.len(),
        "scan_axis: input and output differ in length"
    );
    if out.is_empty() {
        return;
    }
    if inner == 1 {
        let each = (CHUNK / n).max(1) * n;
        return for_each_chunk_mut(out, each, |task, out| {
            for (x, out) in x[task * each..].chunks(n).zip(out.chunks_mut(n)) {
                let mut state = start;
                let mut run = |(p, (v, out)): (usize, (&T, &mut U))| {
                    (state, *out) = step(state, *v, p);
                };
                let row = x.iter().zip(out).enumerate();
                match reverse {
                    true => row.rev().for_each(&mut run),
                    false => row.for_each(&mut run),
                }
            }
        });
    }
    let groups = inner.div_ceil(COLUMNS);
    let out = Disjoint::new(out);
    parallel_for(outer * groups, |task| {
        let (o, column) = (task / groups, task % groups * COLUMNS);
        let width = COLUMNS.min(inner - column);
        let mut states = [start; COLUMNS];
        for p in 0..n {
            let p = if reverse { n - 1 - p } else { p };
            let at = (o * n + p) * inner + column;
            // SAFETY: each task has columns of its own.
            let out = unsafe { out.slice(at, width) };
            for ((state, out), v) in states.iter_mut().zip(out).zip(&x[at..at + width]) {
                (*state, *out) = step(*state, *v, p);
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
