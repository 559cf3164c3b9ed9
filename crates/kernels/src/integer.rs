//! Sums of integers, which wrap.

use crate::for_each_chunk_mut;

/// Products that one thread computes at least.
const TASK: usize = 1 << 14;

/// The products of a batch of row-major matrices, `[batches, m, k]` and `[batches, k, n]`.
///
/// ```
/// let mut out = [0; 2];
/// pleach_kernels::integer_products(&[1, 2, 3, 4], &[5, 6], [1, 2, 2, 1], &mut out);
/// assert_eq!(out, [17, 39]);
/// ```
///
/// # Panics
/// If the lengths do not fit.
pub fn integer_products(x: &[i64], y: &[i64], [batches, m, k, n]: [usize; 4], out: &mut [i64]) {
    assert!(
        x.len() == batches * m * k && y.len() == batches * k * n && out.len() == batches * m * n,
        "integer_products: the slices are not [{batches}, {m}, {k}] and [{batches}, {k}, {n}]"
    );
    if out.is_empty() {
        return;
    }
    let each = (TASK / (n * k).max(1)).max(1);
    for_each_chunk_mut(out, each * n, |task, out| {
        out.fill(0);
        for (i, out) in (task * each..).zip(out.chunks_mut(n)) {
            for p in 0..k {
                let (x, y) = (x[i * k + p], &y[(i / m * k + p) * n..]);
                for (out, y) in out.iter_mut().zip(y) {
                    *out = out.wrapping_add(x.wrapping_mul(*y));
                }
            }
        }
    });
}
