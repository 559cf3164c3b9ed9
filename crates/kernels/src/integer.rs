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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::threads::with_thread_counts;

    #[test]
    fn products_wrap_and_batches_stay_apart() {
        let mut out = [0; 2];
        integer_products(&[i64::MAX, 3], &[2, -5], [2, 1, 1, 1], &mut out);
        assert_eq!(out, [-2, -15]);
        let mut empty = [7; 2];
        integer_products(&[], &[], [1, 2, 0, 1], &mut empty);
        assert_eq!(empty, [0, 0]);
        let [b, m, k, n] = [2, 70, 31, 40];
        let value = |i: usize| (i * 2_654_435_761 % 2001) as i64 - 1000;
        let x: Vec<i64> = (0..b * m * k).map(value).collect();
        let y: Vec<i64> = (0..b * k * n).map(value).collect();
        let at = |i: usize| {
            let (batch, row, col) = (i / (m * n), i / n % m, i % n);
            let term = |p| x[(batch * m + row) * k + p] * y[(batch * k + p) * n + col];
            (0..k).map(term).sum::<i64>()
        };
        let want: Vec<i64> = (0..b * m * n).map(at).collect();
        with_thread_counts(|| {
            let mut out = vec![7; want.len()];
            integer_products(&x, &y, [b, m, k, n], &mut out);
            assert!(out == want);
        });
    }
}
