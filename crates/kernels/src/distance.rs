//! Distances of rows: the p-norms of their differences.

use crate::float::run;
use crate::threads::Disjoint;
use crate::{Float, Isa, Loop, for_each_chunk_mut, parallel_for};

/// Elements that are reduced side by side.
const LANES: usize = 16;
/// Differences that one thread takes at least.
const TASK: usize = 1 << 14;

/// What norm it is.
#[derive(Copy, Clone, PartialEq)]
enum Norm {
    /// How many differ.
    Zero,
    /// The sum of the differences.
    One,
    /// The root of the sum of their squares.
    Two,
    /// The largest.
    Infinite,
    /// Of another order.
    Other(f64),
}

impl Norm {
    fn of(p: f64) -> Norm {
        match p {
            0.0 => Norm::Zero,
            1.0 => Norm::One,
            2.0 => Norm::Two,
            f64::INFINITY => Norm::Infinite,
            p => Norm::Other(p),
        }
    }
}

/// What `join` makes of the absolute differences of two rows, in lanes.
#[inline(always)]
fn fold<T: Float>(x: &[T], y: &[T], join: impl Fn(T, T) -> T, last: impl Fn(T, T) -> T) -> T {
    let (x_chunks, x_tail) = x.as_chunks::<LANES>();
    let (y_chunks, y_tail) = y.as_chunks::<LANES>();
    let mut total = T::ZERO;
    for (x, y) in x_tail.iter().zip(y_tail) {
        total = join(total, (*x - *y).abs());
    }
    if x_chunks.is_empty() {
        return total;
    }
    let mut lanes = [T::ZERO; LANES];
    for (x, y) in x_chunks.iter().zip(y_chunks) {
        for l in 0..LANES {
            lanes[l] = join(lanes[l], (x[l] - y[l]).abs());
        }
    }
    lanes.into_iter().fold(total, last)
}

/// The distances of one row to several.
struct RowDistances<'a, T> {
    row: &'a [T],
    others: &'a [T],
    norm: Norm,
    out: &'a mut [T],
}

impl<T: Float> RowDistances<'_, T> {
    #[inline(always)]
    fn each(self, f: impl Fn(&[T], &[T]) -> T) {
        let n = self.row.len();
        for (j, out) in self.out.iter_mut().enumerate() {
            *out = f(self.row, &self.others[j * n..][..n]);
        }
    }
}

impl<T: Float> Loop for RowDistances<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let plus = |a: T, b: T| a + b;
        match self.norm {
            Norm::Zero => self.each(|x, y| {
                let count = |sum: T, d: T| sum + if d == T::ZERO { T::ZERO } else { T::ONE };
                fold(x, y, count, plus)
            }),
            Norm::One => self.each(|x, y| fold(x, y, plus, plus)),
            Norm::Two => self.each(|x, y| fold(x, y, |sum, d| sum + d * d, plus).sqrt()),
            Norm::Infinite => self.each(|x, y| fold(x, y, T::larger, T::larger)),
            Norm::Other(p) => {
                let (p, root) = (T::from_f64(p), T::from_f64(1.0 / p));
                self.each(|x, y| fold(x, y, |sum, d| sum + d.pow(p), plus).pow(root));
            }
        }
    }
}

/// The gradient of one row: the sum of what its distances to others give.
struct RowGradient<'a, T> {
    row: &'a [T],
    others: &'a [T],
    /// The gradient of each distance, and the distance.
    grads: (&'a [T], &'a [T]),
    norm: Norm,
    out: &'a mut [T],
}

#[inline(always)]
fn sign<T: Float>(v: T) -> T {
    if v > T::ZERO {
        T::ONE
    } else if v < T::ZERO {
        -T::ONE
    } else {
        T::ZERO
    }
}

impl<T: Float> RowGradient<'_, T> {
    /// Adds `f(scale(gradient, distance), distance, difference)` for each other row.
    #[inline(always)]
    fn each(self, scale: impl Fn(T, T) -> T, f: impl Fn(T, T, T) -> T) {
        let n = self.row.len();
        self.out.fill(T::ZERO);
        for (j, (grad, distance)) in self.grads.0.iter().zip(self.grads.1).enumerate() {
            let (scale, distance) = (scale(*grad, *distance), *distance);
            // At a distance of 0 there is no direction.
            if distance == T::ZERO {
                continue;
            }
            let other = &self.others[j * n..][..n];
            for ((out, x), y) in self.out.iter_mut().zip(self.row).zip(other) {
                *out += f(scale, distance, *x - *y);
            }
        }
    }
}

impl<T: Float> Loop for RowGradient<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        match self.norm {
            Norm::Zero => self.out.fill(T::ZERO),
            Norm::One => self.each(|g, _| g, |g, _, d| g * sign(d)),
            Norm::Two => self.each(|g, distance| g / distance, |g, _, d| g * d),
            Norm::Infinite => self.each(
                |g, _| g,
                |g, distance, d| {
                    if d.abs() == distance {
                        g * sign(d)
                    } else {
                        T::ZERO
                    }
                },
            ),
            Norm::Other(p) => {
                let power = T::from_f64(p - 1.0);
                self.each(
                    |g, distance| g / distance.pow(power),
                    |g, _, d| match d == T::ZERO {
                        true => T::ZERO,
                        false => g * sign(d) * d.abs().pow(power),
                    },
                );
            }
        }
    }
}

/// Checks that the slices hold so many rows of `n`, in batches.
fn check(name: &str, x: usize, y: usize, [batches, rows, others, n]: [usize; 4]) {
    for (len, rows) in [(x, rows), (y, others)] {
        let wanted = batches.checked_mul(rows).and_then(|m| m.checked_mul(n));
        assert_eq!(
            Some(len),
            wanted,
            "{name}: {len} elements are not [{batches}, {rows}, {n}]"
        );
    }
}

/// The p-norms of the differences of every row of `x` with every row of `y`, in batches: `sizes` are
/// the batches, the rows of `x`, those of `y`, and the length of a row. p is not negative.
///
/// ```
/// let mut out = [0.0; 2];
/// let (x, y) = ([1.0f32, 1.0], [1.0, 1.0, 4.0, 5.0]);
/// pleach_kernels::distances(&x, &y, [1, 1, 2, 2], 2.0, &mut out);
/// assert_eq!(out, [0.0, 5.0]);
/// ```
///
/// # Panics
/// If a length does not fit.
pub fn distances<T: Float>(x: &[T], y: &[T], sizes: [usize; 4], p: f64, out: &mut [T]) {
    let [batches, rows, others, n] = sizes;
    check("distances", x.len(), y.len(), sizes);
    let pairs = (batches * rows).checked_mul(others);
    assert_eq!(
        Some(out.len()),
        pairs,
        "distances: the length of the result"
    );
    if out.is_empty() {
        return;
    }
    let (isa, norm) = (Isa::current(), Norm::of(p));
    let each = (TASK / (others * n.max(1))).max(1);
    for_each_chunk_mut(out, each * others, |task, out| {
        for (i, out) in out.chunks_exact_mut(others).enumerate() {
            let i = task * each + i;
            let (row, others) = (&x[i * n..][..n], &y[i / rows * others * n..][..others * n]);
            run::<T, _>(
                isa,
                RowDistances {
                    row,
                    others,
                    norm,
                    out,
                },
            );
        }
    });
}

/// The distances of every pair of the rows of `x`, which are `sizes`: their number and length; the
/// first row's pairs first. p is not negative.
///
/// ```
/// let mut out = [0.0; 3];
/// pleach_kernels::pair_distances(&[0.0f32, 1.0, 5.0], [3, 1], 1.0, &mut out);
/// assert_eq!(out, [1.0, 5.0, 4.0]);
/// ```
///
/// # Panics
/// If a length does not fit.
pub fn pair_distances<T: Float>(x: &[T], sizes: [usize; 2], p: f64, out: &mut [T]) {
    let [rows, n] = sizes;
    check("pair_distances", x.len(), 0, [1, rows, 0, n]);
    let pairs = rows as u128 * (rows as u128).saturating_sub(1) / 2;
    assert_eq!(
        out.len() as u128,
        pairs,
        "pair_distances: the length of the result"
    );
    let (isa, norm) = (Isa::current(), Norm::of(p));
    let out = Disjoint::new(out);
    parallel_for(rows.saturating_sub(1), |i| {
        // All pairs but those of the rows from `i` on.
        let (left, first) = (rows - i, out.len() - (rows - i) * (rows - i - 1) / 2);
        // SAFETY: each row has a part of its own.
        let out = unsafe { out.slice(first, left - 1) };
        let (row, others) = (&x[i * n..][..n], &x[(i + 1) * n..]);
        run::<T, _>(
            isa,
            RowDistances {
                row,
                others,
                norm,
                out,
            },
        );
    });
}

/// The gradient of `x` in [`distances`]: `grads` are that of the distances, and the distances. At a
/// distance of 0 it is 0.
///
/// ```
/// let mut out = [0.0; 2];
/// let (x, y) = ([4.0f32, 5.0], [1.0, 1.0]);
/// pleach_kernels::distances_backward((&[10.0], &[5.0]), &x, &y, [1, 1, 1, 2], 2.0, &mut out);
/// assert_eq!(out, [6.0, 8.0]);
/// ```
///
/// # Panics
/// If a length does not fit.
pub fn distances_backward<T: Float>(
    grads: (&[T], &[T]),
    x: &[T],
    y: &[T],
    sizes: [usize; 4],
    p: f64,
    out: &mut [T],
) {
    let [batches, rows, others, n] = sizes;
    check("distances_backward", x.len(), y.len(), sizes);
    assert_eq!(
        out.len(),
        x.len(),
        "distances_backward: the length of the result"
    );
    let pairs = (batches * rows).checked_mul(others);
    for len in [grads.0.len(), grads.1.len()] {
        assert_eq!(
            Some(len),
            pairs,
            "distances_backward: the number of distances"
        );
    }
    if out.is_empty() {
        return;
    }
    let (isa, norm) = (Isa::current(), Norm::of(p));
    let each = (TASK / (others * n).max(1)).max(1);
    for_each_chunk_mut(out, each * n, |task, out| {
        for (i, out) in out.chunks_exact_mut(n).enumerate() {
            let i = task * each + i;
            let pairs = i * others..(i + 1) * others;
            let body = RowGradient {
                row: &x[i * n..][..n],
                others: &y[i / rows * others * n..][..others * n],
                grads: (&grads.0[pairs.clone()], &grads.1[pairs]),
                norm,
                out,
            };
            run::<T, _>(isa, body);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::threads::with_thread_counts;

    /// Values without pattern; no two of their differences are alike.
    fn values(n: usize, seed: usize) -> Vec<f64> {
        let whole = |i: usize| ((i * 37 + seed * 11) % 101) as f64 / 25.0 - 2.0;
        let rest = |i: usize| ((i + seed) as f64 * 0.7).sin() / 100.0;
        (0..n).map(|i| whole(i) + rest(i)).collect()
    }

    fn plain(x: &[f64], y: &[f64], p: f64) -> f64 {
        let steps = x.iter().zip(y).map(|(a, b)| (a - b).abs());
        match p {
            0.0 => steps.filter(|d| *d != 0.0).count() as f64,
            f64::INFINITY => steps.fold(0.0, f64::max),
            p => steps.map(|d| d.powf(p)).sum::<f64>().powf(1.0 / p),
        }
    }

    #[test]
    fn every_size_and_order_is_the_norm_of_the_differences() {
        for p in [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, f64::INFINITY] {
            for sizes in [
                [1, 1, 1, 0],
                [2, 3, 4, 5],
                [1, 2, 3, 16],
                [3, 2, 1, 35],
                [1, 0, 3, 2],
            ] {
                let [batches, rows, others, n] = sizes;
                let (x, y) = (
                    values(batches * rows * n, 1),
                    values(batches * others * n, 2),
                );
                let results = with_thread_counts(|| {
                    let mut out = vec![0.0; batches * rows * others];
                    distances(&x, &y, sizes, p, &mut out);
                    out
                });
                assert!(results.iter().all(|r| *r == results[0]));
                for (at, got) in results[0].iter().enumerate() {
                    let (i, j) = (at / others, at % others);
                    let wanted = plain(&x[i * n..][..n], &y[(i / rows * others + j) * n..][..n], p);
                    assert!(
                        (got - wanted).abs() <= 1e-14 * wanted.max(1.0),
                        "{p} {sizes:?}: {got}, not {wanted}"
                    );
                }
            }
        }
    }

    #[test]
    fn pairs_are_the_upper_triangle_of_all_distances() {
        for (rows, n) in [(0, 3), (1, 3), (2, 0), (7, 5), (40, 33)] {
            let x = values(rows * n, 3);
            let mut all = vec![0.0; rows * rows];
            distances(&x, &x, [1, rows, rows, n], 1.5, &mut all);
            let mut pairs = vec![0.0; rows * rows.saturating_sub(1) / 2];
            pair_distances(&x, [rows, n], 1.5, &mut pairs);
            let upper = (0..rows).flat_map(|i| (i + 1..rows).map(move |j| i * rows + j));
            assert!(upper.map(|at| all[at]).eq(pairs));
        }
    }

    #[test]
    fn gradients_are_slopes_and_0_where_rows_meet() {
        for p in [0.5, 1.0, 1.5, 2.0, 3.0, f64::INFINITY] {
            let sizes = [2, 2, 3, 4];
            let (x, mut y) = (values(16, 1), values(24, 2));
            y[..4].copy_from_slice(&x[..4]); // a distance of 0
            let forward = |x: &[f64]| {
                let mut out = vec![0.0; 12];
                distances(x, &y, sizes, p, &mut out);
                out
            };
            let (distance, grad) = (forward(&x), values(12, 5));
            let mut got = vec![0.0; 16];
            distances_backward((&grad, &distance), &x, &y, sizes, p, &mut got);
            for i in 0..16 {
                let step = 1e-6;
                let moved = |by: f64| {
                    let mut x = x.clone();
                    x[i] += by;
                    let terms = forward(&x).into_iter().zip(&grad).zip(&distance);
                    terms
                        .filter(|(_, d)| **d > 0.0)
                        .map(|((v, g), _)| v * g)
                        .sum::<f64>()
                };
                let slope = (moved(step) - moved(-step)) / (2.0 * step);
                assert!(
                    (slope - got[i]).abs() < 1e-5,
                    "{p}, {i}: {} for {slope}",
                    got[i]
                );
            }
        }
    }
}
