//! The two passes over lines: along one, and across several.

use super::Taps;
use crate::Float;

/// Resamples a line: element `i` of `out` is the sum of its neighbours in `x`.
#[inline(always)]
pub(super) fn along<T: Float>(taps: &Taps<T>, x: &[T], out: &mut [T]) {
    assert!(x.len() == taps.input() && out.len() == taps.output());
    for (count, range, first, weights) in taps.runs() {
        let out = &mut out[range];
        match count {
            0 => out.fill(T::ZERO),
            1 => run::<T, 1>(first, weights, x, out),
            2 => run::<T, 2>(first, weights, x, out),
            3 => run::<T, 3>(first, weights, x, out),
            4 => run::<T, 4>(first, weights, x, out),
            _ => {
                let weights = weights.chunks_exact(count);
                for ((out, first), weights) in out.iter_mut().zip(first).zip(weights) {
                    let x = &x[*first..][..count];
                    *out = x
                        .iter()
                        .zip(weights)
                        .fold(T::ZERO, |sum, (x, w)| sum + *x * *w);
                }
            }
        }
    }
}

/// Elements that have `K` neighbours each.
#[inline(always)]
fn run<T: Float, const K: usize>(first: &[usize], weights: &[T], x: &[T], out: &mut [T]) {
    let (weights, _) = weights.as_chunks::<K>();
    for ((out, first), weights) in out.iter_mut().zip(first).zip(weights) {
        debug_assert!(first + K <= x.len());
        // SAFETY: `Taps::new` has checked that all neighbours are within the axis, and `along` that `x`
        // has its length.
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
#[inline(always)]
pub(super) fn across<T: Float>(taps: &Taps<T>, i: usize, x: &[T], base: usize, out: &mut [T]) {
    let (first, weights) = taps.of(i);
    let width = out.len();
    if weights.is_empty() {
        return out.fill(T::ZERO);
    }
    let rows = &x[(first - base) * width..][..weights.len() * width];
    let (rows, weights) = (rows.chunks_exact(width), weights.iter().copied());
    let mut rows = rows.zip(weights);
    // The first rows are written, those after them added.
    match (rows.next(), rows.next()) {
        (Some((a, v)), None) if v == T::ONE => out.copy_from_slice(a),
        (Some((a, v)), None) => out.iter_mut().zip(a).for_each(|(out, a)| *out = *a * v),
        (Some((a, v)), Some((b, w))) => {
            let both = a.iter().zip(b);
            out.iter_mut()
                .zip(both)
                .for_each(|(out, (a, b))| *out = *a * v + *b * w);
        }
        (None, _) => {}
    }
    while let Some((a, v)) = rows.next() {
        match rows.next() {
            Some((b, w)) => {
                let both = a.iter().zip(b);
                out.iter_mut()
                    .zip(both)
                    .for_each(|(out, (a, b))| *out = *out + *a * v + *b * w);
            }
            None => out.iter_mut().zip(a).for_each(|(out, a)| *out += *a * v),
        }
    }
}
