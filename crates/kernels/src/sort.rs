//! The order of numbers: the positions of a row's elements, all or some of them.
//!
//! Every element becomes a key that holds its position too, so keys are plain integers, all of them
//! differ, and equal elements stay in the order they have.

use crate::{Plain, for_each_chunk_mut};

/// Elements that one thread takes at least.
const TASK: usize = 1 << 12;

/// A number with an integer that orders as it does: equal numbers have one, and a nan has the largest.
pub trait Key: Plain {
    /// The largest integer.
    const LARGEST: u64;
    /// The integer.
    fn key(self) -> u64;
    /// Whether it is the integer of a nan.
    fn is_nan_key(key: u64) -> bool;
}

macro_rules! float_key {
    ($t:ty, $bits:ty) => {
        impl Key for $t {
            const LARGEST: u64 = <$bits>::MAX as u64;
            #[inline(always)]
            fn key(self) -> u64 {
                if self.is_nan() {
                    return Self::LARGEST;
                }
                // The sum makes -0 a 0.
                let bits = (self + 0.0).to_bits();
                let negative = ((bits as i64) << (64 - <$bits>::BITS)) < 0;
                u64::from(match negative {
                    true => !bits,
                    false => bits | 1 << (<$bits>::BITS - 1),
                })
            }
            #[inline(always)]
            fn is_nan_key(key: u64) -> bool {
                key == Self::LARGEST
            }
        }
    };
}
float_key!(f32, u32);
float_key!(f64, u64);

impl Key for i64 {
    const LARGEST: u64 = u64::MAX;
    #[inline(always)]
    fn key(self) -> u64 {
        self as u64 ^ 1 << 63
    }
    #[inline(always)]
    fn is_nan_key(_: u64) -> bool {
        false
    }
}

/// A key and a position in one integer.
trait Placed: Ord + Copy {
    fn new(key: u64, at: usize) -> Self;
    fn key(self) -> u64;
    fn at(self) -> i64;
}

impl Placed for u64 {
    #[inline(always)]
    fn new(key: u64, at: usize) -> Self {
        key << 32 | at as u64
    }
    #[inline(always)]
    fn key(self) -> u64 {
        self >> 32
    }
    #[inline(always)]
    fn at(self) -> i64 {
        i64::from(self as u32)
    }
}

impl Placed for u128 {
    #[inline(always)]
    fn new(key: u64, at: usize) -> Self {
        u128::from(key) << 64 | at as u128
    }
    #[inline(always)]
    fn key(self) -> u64 {
        (self >> 64) as u64
    }
    #[inline(always)]
    fn at(self) -> i64 {
        self as i64
    }
}

/// What is taken of each row.
#[derive(Clone, Copy)]
enum Take {
    /// The first ones in order.
    First,
    /// The one of this rank.
    Rank(usize),
    /// The lower middle one; the first nan, or the middle of the others.
    Median { ignore_nan: bool },
    /// The last of the smallest of the most frequent.
    Mode,
}

/// For each row of `n` elements, the positions of its elements in order; equal ones keep theirs, and a
/// nan is the largest.
///
/// ```
/// let mut order = [0; 3];
/// pleach_kernels::argsort_rows(&[3.0, f64::NAN, 1.0], 3, false, &mut order);
/// assert_eq!(order, [2, 0, 1]);
/// ```
///
/// # Panics
/// If the lengths differ.
pub fn argsort_rows<T: Key>(x: &[T], n: usize, descending: bool, order: &mut [i64]) {
    take(x, n, n, descending, Take::First, order);
}

/// The first `k` of [`argsort_rows`] for each row.
///
/// ```
/// let mut top = [0; 2];
/// pleach_kernels::argtop_rows(&[3.0, 5.0, 1.0, 4.0], 4, 2, true, &mut top);
/// assert_eq!(top, [1, 3]);
/// ```
///
/// # Panics
/// If `k` is larger than `n`, or there are not `k` positions for each row.
pub fn argtop_rows<T: Key>(x: &[T], n: usize, k: usize, descending: bool, order: &mut [i64]) {
    take(x, n, k, descending, Take::First, order);
}

/// The position number `rank` of [`argsort_rows`] for each row.
///
/// # Panics
/// If there is no such rank, or not one position for each row.
pub fn argrank_rows<T: Key>(x: &[T], n: usize, rank: usize, at: &mut [i64]) {
    assert!(rank < n, "argrank_rows: no rank {rank} among {n}");
    take(x, n, 1, false, Take::Rank(rank), at);
}

/// The position of each row's median, of an even number the lower middle one. A row with nans has its
/// first nan for it, or, with `ignore_nan`, the median of the others.
///
/// ```
/// let mut at = [0];
/// let x = [3.0, f64::NAN, 1.0, 2.0];
/// pleach_kernels::argmedian_rows(&x, 4, false, &mut at);
/// assert_eq!(at, [1]);
/// pleach_kernels::argmedian_rows(&x, 4, true, &mut at);
/// assert_eq!(at, [3]);
/// ```
///
/// # Panics
/// If rows are empty, or there is not one position for each.
pub fn argmedian_rows<T: Key>(x: &[T], n: usize, ignore_nan: bool, at: &mut [i64]) {
    take(x, n, 1, false, Take::Median { ignore_nan }, at);
}

/// The last position of each row's most frequent element, of several the smallest. Every nan is an
/// element of its own.
///
/// ```
/// let mut at = [0];
/// pleach_kernels::argmode_rows(&[3, 1, 3, 1, 2], 5, &mut at);
/// assert_eq!(at, [3]);
/// ```
///
/// # Panics
/// If rows are empty, or there is not one position for each.
pub fn argmode_rows<T: Key>(x: &[T], n: usize, at: &mut [i64]) {
    take(x, n, 1, false, Take::Mode, at);
}

fn take<T: Key>(x: &[T], n: usize, k: usize, descending: bool, take: Take, out: &mut [i64]) {
    assert!(
        k <= n && x.len().checked_mul(k) == out.len().checked_mul(n),
        "{k} positions for each row of {n} of {} are not {}",
        x.len(),
        out.len()
    );
    if out.is_empty() {
        return;
    }
    let short = T::LARGEST <= u32::MAX.into() && u32::try_from(n).is_ok();
    match short {
        true => take_placed::<T, u64>(x, n, k, descending, take, out),
        false => take_placed::<T, u128>(x, n, k, descending, take, out),
    }
}

fn take_placed<T: Key, P: Placed>(
    x: &[T],
    n: usize,
    k: usize,
    descending: bool,
    take: Take,
    out: &mut [i64],
) {
    let rows = (TASK / n).max(1);
    for_each_chunk_mut(out, rows * k, |task, out| {
        let mut keys: Vec<P> = Vec::with_capacity(n);
        let x = x[task * rows * n..].chunks(n);
        for (x, out) in x.zip(out.chunks_mut(k)) {
            let turn = if descending { T::LARGEST } else { 0 };
            let placed = |(at, v): (usize, &T)| P::new(v.key() ^ turn, at);
            keys.clear();
            keys.extend(x.iter().enumerate().map(placed));
            let rank = match take {
                Take::First => {
                    if k < n {
                        keys.select_nth_unstable(k);
                    }
                    keys[..k].sort_unstable();
                    out.iter_mut().zip(&keys).for_each(|(to, k)| *to = k.at());
                    continue;
                }
                Take::Mode => {
                    keys.sort_unstable();
                    out[0] = mode::<T, P>(&keys);
                    continue;
                }
                Take::Rank(rank) => rank,
                Take::Median { ignore_nan } => {
                    let nans = keys.iter().filter(|k| T::is_nan_key(k.key())).count();
                    match ignore_nan {
                        true => (n - nans).saturating_sub(1) / 2,
                        false if nans > 0 => n - nans,
                        false => (n - 1) / 2,
                    }
                }
            };
            out[0] = keys.select_nth_unstable(rank).1.at();
        }
    });
}

/// The last position of the longest run of equal keys, of several the first.
fn mode<T: Key, P: Placed>(keys: &[P]) -> i64 {
    let (mut longest, mut at) = (0, 0);
    for run in keys.chunk_by(|a, b| a.key() == b.key() && !T::is_nan_key(a.key())) {
        if let Some(last) = run.last().filter(|_| run.len() > longest) {
            (longest, at) = (run.len(), last.at());
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::threads::with_thread_counts;

    /// Numbers with many equal ones, both zeros, infinities and nans.
    fn numbers(count: usize) -> Vec<f64> {
        let special = [
            f64::NAN,
            0.0,
            -0.0,
            f64::INFINITY,
            f64::NEG_INFINITY,
            -1e-310,
        ];
        let value = |i: usize| match i * 7919 % 23 {
            s if s < 6 => special[s],
            s => (i * s % 17) as f64 - 8.0,
        };
        (0..count).map(value).collect()
    }

    /// The order by comparisons: equal elements stay, a nan is the largest.
    fn order(row: &[f64], descending: bool) -> Vec<i64> {
        let mut order: Vec<usize> = (0..row.len()).collect();
        order.sort_by(|&a, &b| {
            let (a, b) = if descending { (b, a) } else { (a, b) };
            let nans = row[a].is_nan().cmp(&row[b].is_nan());
            row[a].partial_cmp(&row[b]).unwrap_or(nans)
        });
        order.into_iter().map(|at| at as i64).collect()
    }

    #[test]
    fn rows_are_ordered_as_by_comparisons() {
        for n in [1, 2, 7, 100, 5000] {
            let x = numbers(n * 6);
            let narrow: Vec<f32> = x.iter().map(|v| *v as f32).collect();
            let narrow_again: Vec<f64> = narrow.iter().map(|v| f64::from(*v)).collect();
            for descending in [false, true] {
                let rows = |x: &[f64], k: usize| -> Vec<i64> {
                    let rows = x.chunks(n).map(|row| order(row, descending));
                    rows.flat_map(|row| row[..k].to_vec()).collect()
                };
                with_thread_counts(|| {
                    let mut got = vec![0; x.len()];
                    argsort_rows(&x, n, descending, &mut got);
                    assert!(got == rows(&x, n), "{n} {descending}");
                    argsort_rows(&narrow, n, descending, &mut got);
                    assert!(got == rows(&narrow_again, n), "{n} {descending}, f32");
                    for k in [0, 1, n / 2, n] {
                        let mut got = vec![0; 6 * k];
                        argtop_rows(&x, n, k, descending, &mut got);
                        assert!(got == rows(&x, k), "{k} of {n} {descending}");
                    }
                });
            }
            for rank in [0, n / 3, n - 1] {
                let mut got = [0; 6];
                argrank_rows(&x, n, rank, &mut got);
                let want = x.chunks(n).map(|row| order(row, false)[rank]);
                assert_eq!(got.to_vec(), want.collect::<Vec<_>>(), "{rank} of {n}");
            }
        }
        let mut got = [0; 3];
        argsort_rows(&[i64::MAX, i64::MIN, -1], 3, false, &mut got);
        assert_eq!(got, [1, 2, 0]);
    }

    #[test]
    fn modes_are_the_last_of_the_smallest_of_the_most_frequent() {
        let mut at = [0; 2];
        argmode_rows(&[f64::NAN, f64::NAN, 2.0, 2.0, -0.0, 0.0], 3, &mut at);
        assert_eq!(at, [2, 2]);
        argmode_rows(&[i64::MAX, i64::MAX, 4], 3, &mut at[..1]);
        assert_eq!(at[0], 1);
    }
}
