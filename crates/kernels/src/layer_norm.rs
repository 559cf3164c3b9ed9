//! Layer normalisation over the last `n` elements, and group normalisation, forward and backward.
//!
//! The variance is the biased one, and eps is added to it under the root.

use crate::batch_norm::loops::{Rows, moments, sums};
use crate::float::run;
use crate::threads::Disjoint;
use crate::{Buffer, Float, Isa, Loop, parallel_for};

mod group;
#[cfg(test)]
mod tests;

pub use group::{GroupNormShape, group_norm, group_norm_backward};

/// Elements that one thread takes at least.
const TASK: usize = 1 << 13;
/// Parts at most of a sum over rows.
const PARTS: usize = 32;

/// The scale and shift: as many values as are normalised together or, of groups, as there are channels;
/// or 1 and 0.
#[derive(Copy, Clone, Debug)]
pub struct NormAffine<'a, T> {
    /// The factor.
    pub weight: Option<&'a [T]>,
    /// The term.
    pub bias: Option<&'a [T]>,
}

/// The gradients to compute: that of the input as large as the input, the others as large as the
/// weight.
#[derive(Debug)]
pub struct NormGrads<'a, T> {
    /// Of the input.
    pub input: Option<&'a mut [T]>,
    /// Of the weight.
    pub weight: Option<&'a mut [T]>,
    /// Of the bias.
    pub bias: Option<&'a mut [T]>,
}

/// Mean and inverse deviation of each normalised part, to be written.
#[derive(Debug)]
pub struct NormStatsMut<'a, T> {
    /// The mean.
    pub mean: &'a mut [T],
    /// `1 / sqrt(var + eps)`.
    pub invstd: &'a mut [T],
}

/// Mean and inverse deviation of each normalised part.
#[derive(Copy, Clone, Debug)]
pub struct NormStats<'a, T> {
    /// The mean.
    pub mean: &'a [T],
    /// `1 / sqrt(var + eps)`.
    pub invstd: &'a [T],
}

/// Checks that `x` is `[rows, n]` and the rest fits, and gives the rows.
fn check_rows(
    name: &str,
    n: usize,
    whole: [usize; 2],
    per_row: [usize; 2],
    per_column: [Option<usize>; 4],
) -> usize {
    let rows = per_row[0];
    assert_eq!(rows, per_row[1], "{name}: the lengths of the statistics");
    for len in whole {
        assert_eq!(
            Some(len),
            rows.checked_mul(n),
            "{name}: {len} elements are not [{rows}, {n}]"
        );
    }
    for len in per_column.into_iter().flatten() {
        assert_eq!(len, n, "{name}: {len} elements are not [{n}]");
    }
    rows
}

/// Layer normalisation of rows of `n` elements: `out = (x - mean) / sqrt(var + eps) * weight + bias`
/// with the mean and the biased variance of the row; weight and bias are `[n]`, mean and inverse
/// deviation `[rows]`.
///
/// ```
/// use pleach_kernels::{NormAffine, NormStatsMut, layer_norm};
/// let (mut out, mut mean, mut invstd) = ([0.0f32; 2], [0.0], [0.0]);
/// let affine = NormAffine { weight: None, bias: Some(&[0.0, 0.5]) };
/// let stats = NormStatsMut { mean: &mut mean, invstd: &mut invstd };
/// layer_norm(&[1.0, 5.0], 2, affine, 0.0, &mut out, stats);
/// assert_eq!((out, mean, invstd), ([-1.0, 1.5], [3.0], [0.5]));
/// ```
///
/// # Panics
/// If a length does not fit.
pub fn layer_norm<T: Float>(
    x: &[T],
    n: usize,
    affine: NormAffine<'_, T>,
    eps: f64,
    out: &mut [T],
    stats: NormStatsMut<'_, T>,
) {
    layer_norm_with(Isa::current(), x, n, affine, eps, out, stats);
}

fn layer_norm_with<T: Float>(
    isa: Isa,
    x: &[T],
    n: usize,
    affine: NormAffine<'_, T>,
    eps: f64,
    out: &mut [T],
    stats: NormStatsMut<'_, T>,
) {
    let rows = check_rows(
        "layer_norm",
        n,
        [x.len(), out.len()],
        [stats.mean.len(), stats.invstd.len()],
        [
            affine.weight.map(<[T]>::len),
            affine.bias.map(<[T]>::len),
            None,
            None,
        ],
    );
    let out = Disjoint::new(out);
    let (means, invstds) = (Disjoint::new(stats.mean), Disjoint::new(stats.invstd));
    let each = (TASK / n.max(1)).max(1);
    parallel_for(rows.div_ceil(each), |task| {
        let (first, end) = (task * each, rows.min((task + 1) * each));
        // SAFETY: each task has rows of its own.
        let (out, mean, invstd) = unsafe {
            (
                out.slice(first * n, (end - first) * n),
                means.slice(first, end - first),
                invstds.slice(first, end - first),
            )
        };
        run::<T, _>(
            isa,
            Forward {
                x: &x[first * n..end * n],
                n,
                affine,
                eps,
                out,
                stats: NormStatsMut { mean, invstd },
            },
        );
    });
}

struct Forward<'a, T> {
    x: &'a [T],
    n: usize,
    affine: NormAffine<'a, T>,
    eps: f64,
    out: &'a mut [T],
    stats: NormStatsMut<'a, T>,
}

impl<T: Float> Loop for Forward<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let n = self.n;
        let stats = self.stats.mean.iter_mut().zip(self.stats.invstd);
        for (i, (mean_out, invstd_out)) in stats.enumerate() {
            let x = &self.x[i * n..][..n];
            let out = &mut self.out[i * n..][..n];
            let (mean, var) = moments(&Rows::new(x, 0, n, 1));
            let mean = T::from_f64(mean);
            let invstd = T::from_f64(1.0 / (var + self.eps).sqrt());
            (*mean_out, *invstd_out) = (mean, invstd);
            let normal = |x: T| (x - mean) * invstd;
            match (self.affine.weight, self.affine.bias) {
                (Some(w), Some(b)) => {
                    for (((out, x), w), b) in out.iter_mut().zip(x).zip(w).zip(b) {
                        *out = normal(*x) * *w + *b;
                    }
                }
                (Some(w), None) => {
                    for ((out, x), w) in out.iter_mut().zip(x).zip(w) {
                        *out = normal(*x) * *w;
                    }
                }
                (None, Some(b)) => {
                    for ((out, x), b) in out.iter_mut().zip(x).zip(b) {
                        *out = normal(*x) + *b;
                    }
                }
                (None, None) => {
                    for (out, x) in out.iter_mut().zip(x) {
                        *out = normal(*x);
                    }
                }
            }
        }
    }
}

/// The gradients of [`layer_norm`], with its statistics. With `y = (x - mean) * invstd`,
/// `g = grad_out * weight` and means over a row, sums over all rows,
///
/// ```text
/// grad_input = (g - mean of g - y * mean of g * y) * invstd
/// grad_weight = sum of grad_out * y
/// grad_bias = sum of grad_out
/// ```
///
/// # Panics
/// If a length does not fit.
pub fn layer_norm_backward<T: Float>(
    x: &[T],
    n: usize,
    grad_out: &[T],
    stats: NormStats<'_, T>,
    weight: Option<&[T]>,
    grads: NormGrads<'_, T>,
) {
    layer_norm_backward_with(Isa::current(), x, n, grad_out, stats, weight, grads);
}

fn layer_norm_backward_with<T: Float>(
    isa: Isa,
    x: &[T],
    n: usize,
    grad_out: &[T],
    stats: NormStats<'_, T>,
    weight: Option<&[T]>,
    grads: NormGrads<'_, T>,
) {
    let rows = check_rows(
        "layer_norm_backward",
        n,
        [x.len(), grad_out.len()],
        [stats.mean.len(), stats.invstd.len()],
        [
            weight.map(<[T]>::len),
            grads.weight.as_ref().map(|g| g.len()),
            grads.bias.as_ref().map(|g| g.len()),
            None,
        ],
    );
    let input = grads.input;
    if let Some(input) = &input {
        assert_eq!(
            input.len(),
            x.len(),
            "layer_norm_backward: the length of the input's gradient"
        );
    }
    // Rows of a part: by the shape alone, so that the sums are.
    let part = (TASK / n.max(1)).max(1).max(rows.div_ceil(PARTS));
    let parts = rows.div_ceil(part);
    let sums = grads.weight.is_some() || grads.bias.is_some();
    let mut partial = Buffer::<T>::zeroed(if sums { parts * 2 * n } else { 0 });
    let partials = Disjoint::new(&mut partial);
    let input = input.map(Disjoint::new);
    parallel_for(parts, |i| {
        let (first, end) = (i * part, rows.min((i + 1) * part));
        let range = first * n..end * n;
        // SAFETY: each task has a part of its own.
        let (input, partial) = unsafe {
            (
                input.as_ref().map(|g| g.slice(range.start, range.len())),
                if sums {
                    partials.slice(i * 2 * n, 2 * n)
                } else {
                    partials.slice(0, 0)
                },
            )
        };
        run::<T, _>(
            isa,
            Backward {
                x: &x[range.clone()],
                grad_out: &grad_out[range],
                n,
                stats: NormStats {
                    mean: &stats.mean[first..end],
                    invstd: &stats.invstd[first..end],
                },
                weight,
                input,
                partial,
            },
        );
    });
    for (half, out) in [grads.weight, grads.bias].into_iter().enumerate() {
        if let Some(out) = out {
            out.fill(T::ZERO);
            for partial in partial.chunks_exact((2 * n).max(1)) {
                for (out, v) in out.iter_mut().zip(&partial[half * n..]) {
                    *out += *v;
                }
            }
        }
    }
}

struct Backward<'a, T> {
    x: &'a [T],
    grad_out: &'a [T],
    n: usize,
    stats: NormStats<'a, T>,
    weight: Option<&'a [T]>,
    input: Option<&'a mut [T]>,
    /// The sums for weight and bias, or nothing.
    partial: &'a mut [T],
}

impl<T: Float> Loop for Backward<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run(mut self) {
        let n = self.n;
        let half = self.partial.len() / 2;
        let (for_weight, for_bias) = self.partial.split_at_mut(half);
        for (i, (mean, invstd)) in self.stats.mean.iter().zip(self.stats.invstd).enumerate() {
            let (mean, invstd) = (*mean, *invstd);
            let x = &self.x[i * n..][..n];
            let grad = &self.grad_out[i * n..][..n];
            let sums_of = for_weight.iter_mut().zip(&mut *for_bias);
            for ((for_weight, for_bias), (x, g)) in sums_of.zip(x.iter().zip(grad)) {
                *for_weight += *g * ((*x - mean) * invstd);
                *for_bias += *g;
            }
            let Some(input) = &mut self.input else {
                continue;
            };
            let out = &mut input[i * n..][..n];
            match self.weight {
                Some(w) => {
                    for ((out, g), w) in out.iter_mut().zip(grad).zip(w) {
                        *out = *g * *w;
                    }
                }
                None => out.copy_from_slice(grad),
            }
            let (x_row, out_row) = (Rows::new(x, 0, n, 1), Rows::new(out, 0, n, 1));
            let [along, sum] = sums(&x_row, &out_row, |x, g| [g * (x - mean), g]);
            let count = n as f64;
            let grad_mean = T::from_f64(sum / count);
            let wide = invstd.to_f64();
            let slope = T::from_f64(along * wide * wide / count);
            for (out, x) in out.iter_mut().zip(x) {
                *out = (*out - grad_mean - (*x - mean) * slope) * invstd;
            }
        }
    }
}
