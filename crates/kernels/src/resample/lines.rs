//! The two passes over lines: along one, and across several.

use std::ops::Range;

use super::taps::{Run, Taps};
use super::vectors::Vectors;
use crate::Float;
use crate::simd::Vector;

/// Outputs that are worth a loop of their own.
const LONG: usize = 8;

/// A table by which lines are resampled.
pub(super) struct Along<'a, T> {
    taps: &'a Taps<T>,
    /// What vectors compute.
    vectors: Vec<Vectors<'a, T>>,
    /// Other outputs that have the same number of neighbours.
    runs: Vec<&'a Run>,
    /// Other outputs.
    rest: Vec<Range<usize>>,
}

impl<'a, T: Float> Along<'a, T> {
    /// With vectors of so many lanes.
    pub(super) fn new(taps: &'a Taps<T>, lanes: usize) -> Self {
        let (mut vectors, mut runs, mut rest) =
            (Vec::new(), Vec::new(), Vec::<Range<usize>>::new());
        for run in taps.runs() {
            let outputs = run.outputs.clone();
            if let Some(run) = Vectors::of(taps, run, lanes) {
                vectors.push(run);
            } else if outputs.len() >= LONG {
                runs.push(run);
            } else {
                match rest.last_mut() {
                    Some(last) if last.end == outputs.start => last.end = outputs.end,
                    _ => rest.push(outputs),
                }
            }
        }
        Along {
            taps,
            vectors,
            runs,
            rest,
        }
    }

    /// Resamples neighbouring lines, the first of which begins `x`: element `i` of a line of `out` is the
    /// sum of its neighbours.
    ///
    /// # Safety
    /// Inlined into a function with the features of `V`.
    #[inline(always)]
    pub(super) unsafe fn run<V: Vector<Elem = T>>(&self, lines: usize, x: &[T], out: &mut [T]) {
        let (width, out_width) = (self.taps.input(), self.taps.output());
        for line in 0..lines {
            let (x, out) = (
                &x[line * width..],
                &mut out[line * out_width..][..out_width],
            );
            for vectors in &self.vectors {
                if vectors.reach <= x.len() {
                    // SAFETY: the caller has the features.
                    unsafe { vectors.add_up::<V>(x, out) };
                } else {
                    one_by_one(self.taps, vectors.run, x, out);
                }
            }
        }
        for run in &self.runs {
            for line in 0..lines {
                let out = &mut out[line * out_width..][..out_width];
                one_by_one(self.taps, run, &x[line * width..], out);
            }
        }
        for range in &self.rest {
            for line in 0..lines {
                let x = &x[line * width..][..width];
                let out = &mut out[line * out_width..][range.clone()];
                for (i, out) in range.clone().zip(out) {
                    let (first, weights) = self.taps.of(i);
                    *out = sum(&x[first..], weights);
                }
            }
        }
    }
}

/// The outputs of a run, without vectors.
#[inline(always)]
fn one_by_one<T: Float>(taps: &Taps<T>, run: &Run, x: &[T], out: &mut [T]) {
    let (count, first, weights) = taps.of_run(run);
    let (x, out) = (&x[..taps.input()], &mut out[run.outputs.clone()]);
    match count {
        0 => out.fill(T::ZERO),
        1 => each::<T, 1>(first, weights, x, out),
        2 => each::<T, 2>(first, weights, x, out),
        3 => each::<T, 3>(first, weights, x, out),
        4 => each::<T, 4>(first, weights, x, out),
        _ => {
            let weights = weights.chunks_exact(count);
            for ((out, first), weights) in out.iter_mut().zip(first).zip(weights) {
                *out = sum(&x[*first..], weights);
            }
        }
    }
}

/// The sum of neighbours, which begin `x`.
#[inline(always)]
fn sum<T: Float>(x: &[T], weights: &[T]) -> T {
    let products = x[..weights.len()].iter().zip(weights);
    products.fold(-T::ZERO, |sum, (x, w)| sum + *x * *w)
}

/// Elements that have `K` neighbours each.
#[inline(always)]
fn each<T: Float, const K: usize>(first: &[usize], weights: &[T], x: &[T], out: &mut [T]) {
    let (weights, _) = weights.as_chunks::<K>();
    for ((out, first), weights) in out.iter_mut().zip(first).zip(weights) {
        debug_assert!(first + K <= x.len());
        // SAFETY: `Taps::new` has checked that all neighbours are within the axis, and `x` has its
        // length.
        let x = unsafe { &*x.as_ptr().add(*first).cast::<[T; K]>() };
        let mut sum = x[0] * weights[0];
        for k in 1..K {
            sum += x[k] * weights[k];
        }
        *out = sum;
    }
}

/// Row `i` of the output: the sum of its neighbours among the rows of `x`, which begin at row `base`
/// of the input.
///
/// # Safety
/// Inlined into a function with the features of `V`.
#[inline(always)]
pub(super) unsafe fn across<T: Float, V: Vector<Elem = T>>(
    taps: &Taps<T>,
    i: usize,
    x: &[T],
    base: usize,
    out: &mut [T],
) {
    let (first, weights) = taps.of(i);
    let width = out.len();
    if weights.is_empty() {
        return out.fill(T::ZERO);
    }
    let rows = &x[(first - base) * width..][..weights.len() * width];
    match weights {
        [one] if *one == T::ONE => out.copy_from_slice(rows),
        // SAFETY: the caller has the features.
        [_, _] => unsafe { sum_rows::<T, V, 2>(rows, weights, out) },
        // SAFETY: as above.
        _ => unsafe { sum_rows::<T, V, 0>(rows, weights, out) },
    }
}

/// The sum of rows, each times its weight: `COUNT` of them, or any number if it is 0.
///
/// # Safety
/// Inlined into a function with the features of `V`.
#[inline(always)]
unsafe fn sum_rows<T: Float, V: Vector<Elem = T>, const COUNT: usize>(
    rows: &[T],
    weights: &[T],
    out: &mut [T],
) {
    let width = out.len();
    assert_eq!(rows.len(), weights.len() * width);
    assert!(COUNT == 0 || COUNT == weights.len());
    // SAFETY: there is room for so many vectors, and the caller has the features.
    unsafe {
        if width >= 2 * V::LANES {
            sum_vectors::<T, V, COUNT, 2>(rows, weights, out);
        } else if width >= V::LANES {
            sum_vectors::<T, V, COUNT, 1>(rows, weights, out);
        } else {
            for (j, out) in out.iter_mut().enumerate() {
                *out = rows[j] * weights[0];
                for k in 1..weights.len() {
                    *out += rows[k * width + j] * weights[k];
                }
            }
        }
    }
}

/// [`sum_rows`], `N` vectors at a time.
///
/// # Safety
/// As [`sum_rows`], for the same lengths; a row holds so many vectors.
#[inline(always)]
unsafe fn sum_vectors<T: Float, V: Vector<Elem = T>, const COUNT: usize, const N: usize>(
    rows: &[T],
    weights: &[T],
    out: &mut [T],
) {
    let width = out.len();
    // SAFETY: this function's contract; the last vectors begin earlier, on elements of those before.
    unsafe {
        // Adding it changes nothing.
        let nothing = V::broadcast(&-T::ZERO);
        for j in (0..width).step_by(N * V::LANES) {
            let j = j.min(width - N * V::LANES);
            let mut row = rows.as_ptr().add(j);
            let mut sums = [nothing; N];
            for k in 0..if COUNT > 0 { COUNT } else { weights.len() } {
                let weight = V::broadcast(weights.as_ptr().add(k));
                for (v, sum) in sums.iter_mut().enumerate() {
                    let product = V::load(row.add(v * V::LANES)).mul_add(weight, nothing);
                    *sum = sum.add(product);
                }
                row = row.wrapping_add(width);
            }
            for (v, sum) in sums.into_iter().enumerate() {
                sum.store(out.as_mut_ptr().add(j + v * V::LANES));
            }
        }
    }
}
