//! Layer and RMS normalisation over the last `n` elements, and group normalisation, forward and
//! backward.
//!
//! The variance is the biased one, and eps is added to it under the root. RMS normalisation is the
//! same with the mean taken for 0.

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
    let (mean, invstd) = (Some(stats.mean), stats.invstd);
    forward(Isa::current(), x, n, affine, eps, out, mean, invstd);
}

/// RMS normalisation of rows of `n` elements: `out = x / sqrt(mean of x² + eps) * weight`; the weight
/// is `[n]`, what a row was multiplied with `[rows]`.
///
/// ```
/// let (mut out, mut scale) = ([0.0f32; 2], [0.0]);
/// pleach_kernels::rms_norm(&[1.0, 7.0], 2, Some(&[5.0, 10.0]), 0.0, &mut out, &mut scale);
/// assert_eq!((out, scale), ([1.0, 14.0], [0.2]));
/// ```
///
/// # Panics
/// If a length does not fit.
pub fn rms_norm<T: Float>(
    x: &[T],
    n: usize,
    weight: Option<&[T]>,
    eps: f64,
    out: &mut [T],
    scale: &mut [T],
) {
    let affine = NormAffine { weight, bias: None };
    forward(Isa::current(), x, n, affine, eps, out, None, scale);
}

/// Without means it is the RMS normalisation.
#[allow(clippy::too_many_arguments)]
fn forward<T: Float>(
    isa: Isa,
    x: &[T],
    n: usize,
    affine: NormAffine<'_, T>,
    eps: f64,
    out: &mut [T],
    mean: Option<&mut [T]>,
    invstd: &mut [T],
) {
    let rows = check_rows(
        if mean.is_some() {
            "layer_norm"
        } else {
            "rms_norm"
        },
        n,
        [x.len(), out.len()],
        [
            mean.as_ref().map_or(invstd.len(), |m| m.len()),
            invstd.len(),
        ],
        [
            affine.weight.map(<[T]>::len),
            affine.bias.map(<[T]>::len),
            None,
            None,
        ],
    );
    let out = Disjoint::new(out);
    let (means, invstds) = (mean.map(Disjoint::new), Disjoint::new(invstd));
    let each = (TASK / n.max(1)).max(1);
    parallel_for(rows.div_ceil(each), |task| {
        let (first, end) = (task * each, rows.min((task + 1) * each));
        // SAFETY: each task has rows of its own.
        let (out, mean, invstd) = unsafe {
            (
                out.slice(first * n, (end - first) * n),
                means.as_ref().map(|m| m.slice(first, end - first)),
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
                mean,
                invstd,
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
    mean: Option<&'a mut [T]>,
    invstd: &'a mut [T],
}

impl<T: Float> Loop for Forward<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run(mut self) {
        let n = self.n;
        for (i, invstd_out) in self.invstd.iter_mut().enumerate() {
            let x = &self.x[i * n..][..n];
            let out = &mut self.out[i * n..][..n];
            let row = Rows::new(x, 0, n, 1);
            let (mean, var) = match &mut self.mean {
                Some(means) => {
                    let (mean, var) = moments(&row);
                    means[i] = T::from_f64(mean);
                    (means[i], var)
                }
                None => {
                    let [squares, _] = sums(&row, &row, |x, _| [x * x, T::ZERO]);
                    (T::ZERO, squares / n as f64)
                }
            };
            let invstd = T::from_f64(1.0 / (var + self.eps).sqrt());
            *invstd_out = invstd;
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
    let (mean, invstd) = (Some(stats.mean), stats.invstd);
    let isa = Isa::current();
    backward(isa, x, n, grad_out, mean, invstd, weight, grads);
}

/// The gradients of [`rms_norm`], with what its rows were multiplied with: those of
/// [`layer_norm_backward`] without the mean of g, where `y = x * scale`.
///
/// # Panics
/// If a length does not fit.
pub fn rms_norm_backward<T: Float>(
    x: &[T],
    n: usize,
    grad_out: &[T],
    scale: &[T],
    weight: Option<&[T]>,
    grads: NormGrads<'_, T>,
) {
    let isa = Isa::current();
    backward(isa, x, n, grad_out, None, scale, weight, grads);
}

/// Without means it is that of the RMS normalisation.
#[allow(clippy::too_many_arguments)]
fn backward<T: Float>(
    isa: Isa,
    x: &[T],
    n: usize,
    grad_out: &[T],
    mean: Option<&[T]>,
    invstd: &[T],
    weight: Option<&[T]>,
    grads: NormGrads<'_, T>,
) {
    let rows = check_rows(
        if mean.is_some() {
            "layer_norm_backward"
        } else {
            "rms_norm_backward"
        },
        n,
        [x.len(), grad_out.len()],
        [mean.map_or(invstd.len(), <[T]>::len), invstd.len()],
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
                mean: mean.map(|m| &m[first..end]),
                invstd: &invstd[first..end],
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
    mean: Option<&'a [T]>,
    invstd: &'a [T],
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
        for (i, &invstd) in self.invstd.iter().enumerate() {
            let mean = self.mean.map_or(T::ZERO, |means| means[i]);
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
            // Without a mean in the forward pass there is none to take away.
            let grad_mean = match self.mean {
                Some(_) => T::from_f64(sum / count),
                None => T::ZERO,
            };
            let wide = invstd.to_f64();
            let slope = T::from_f64(along * wide * wide / count);
            for (out, x) in out.iter_mut().zip(x) {
                *out = (*out - grad_mean - (*x - mean) * slope) * invstd;
            }
        }
    }
}
