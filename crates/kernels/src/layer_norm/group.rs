//! Group normalisation; with as many groups as channels it is instance normalisation.

use super::{NormGrads, NormStats, NormStatsMut, TASK};
use crate::batch_norm::loops::{Rows, moments, sums};
use crate::float::run;
use crate::threads::Disjoint;
use crate::{Buffer, Float, Isa, Loop, NormAffine, parallel_for};

/// The sizes of a group normalisation; tensors are `[batch, groups * channels, spatial]`.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct GroupNormShape {
    /// Samples.
    pub batch: usize,
    /// Groups of a sample, each normalised for itself.
    pub groups: usize,
    /// Channels of a group.
    pub channels: usize,
    /// Positions of a channel: the product of the spatial sizes, 1 if there are none.
    pub spatial: usize,
}

impl GroupNormShape {
    fn group_len(&self) -> usize {
        self.channels * self.spatial
    }

    fn check(&self, name: &str, whole: &[usize], per_group: &[usize], channels: &[Option<usize>]) {
        let parts = self.batch.checked_mul(self.groups);
        let all = parts.and_then(|p| p.checked_mul(self.channels)?.checked_mul(self.spatial));
        for len in whole {
            assert_eq!(Some(*len), all, "{name}: {len} elements are not {self:?}");
        }
        for len in per_group {
            assert_eq!(
                Some(*len),
                parts,
                "{name}: {len} statistics are not one for each group of {self:?}"
            );
        }
        for len in channels.iter().flatten() {
            assert_eq!(
                *len,
                self.groups * self.channels,
                "{name}: {len} elements are not one for each channel of {self:?}"
            );
        }
    }

    /// Runs `f(number of the group among those of all samples, its first channel)`.
    fn for_each_group(&self, f: impl Fn(usize, usize) + Sync) {
        let total = self.batch * self.groups;
        let each = (TASK / self.group_len().max(1)).max(1);
        parallel_for(total.div_ceil(each), |task| {
            for i in task * each..total.min((task + 1) * each) {
                f(i, i % self.groups * self.channels);
            }
        });
    }
}

/// Group normalisation: `out = (x - mean) / sqrt(var + eps) * weight + bias` with the mean and the
/// biased variance of a group of channels of a sample. Weight and bias are one for each channel,
/// mean and inverse deviation `[batch, groups]`.
///
/// ```
/// use pleach_kernels::{NormAffine, GroupNormShape, NormStatsMut, group_norm};
/// let shape = GroupNormShape { batch: 1, groups: 1, channels: 2, spatial: 1 };
/// let (mut out, mut mean, mut invstd) = ([0.0f32; 2], [0.0], [0.0]);
/// let affine = NormAffine { weight: Some(&[1.0, 2.0]), bias: None };
/// let stats = NormStatsMut { mean: &mut mean, invstd: &mut invstd };
/// group_norm(&shape, &[1.0, 5.0], affine, 0.0, &mut out, stats);
/// assert_eq!((out, mean, invstd), ([-1.0, 2.0], [3.0], [0.5]));
/// ```
///
/// # Panics
/// If a length does not fit the shape.
pub fn group_norm<T: Float>(
    shape: &GroupNormShape,
    x: &[T],
    affine: NormAffine<'_, T>,
    eps: f64,
    out: &mut [T],
    stats: NormStatsMut<'_, T>,
) {
    group_norm_with(Isa::current(), shape, x, affine, eps, out, stats);
}

pub(super) fn group_norm_with<T: Float>(
    isa: Isa,
    shape: &GroupNormShape,
    x: &[T],
    affine: NormAffine<'_, T>,
    eps: f64,
    out: &mut [T],
    stats: NormStatsMut<'_, T>,
) {
    shape.check(
        "group_norm",
        &[x.len(), out.len()],
        &[stats.mean.len(), stats.invstd.len()],
        &[affine.weight.map(<[T]>::len), affine.bias.map(<[T]>::len)],
    );
    let len = shape.group_len();
    let out = Disjoint::new(out);
    let stats = [stats.mean, stats.invstd].map(Disjoint::new);
    shape.for_each_group(|group, channel| {
        let channels = channel..channel + shape.channels;
        let found = run::<T, _>(
            isa,
            Forward {
                x: &x[group * len..][..len],
                // SAFETY: each call has a group of its own.
                out: unsafe { out.slice(group * len, len) },
                weight: affine.weight.map(|w| &w[channels.clone()]),
                bias: affine.bias.map(|b| &b[channels]),
                channels: shape.channels,
                eps,
            },
        );
        for (stat, value) in stats.iter().zip(found) {
            // SAFETY: as above.
            let slot = unsafe { stat.slice(group, 1) };
            slot[0] = value;
        }
    });
}

/// One group; the result is its mean and inverse deviation.
struct Forward<'a, T> {
    x: &'a [T],
    out: &'a mut [T],
    weight: Option<&'a [T]>,
    bias: Option<&'a [T]>,
    channels: usize,
    eps: f64,
}

impl<T: Float> Loop for Forward<'_, T> {
    type Output = [T; 2];
    #[inline(always)]
    fn run(self) -> [T; 2] {
        let len = self.x.len();
        let (mean, var) = moments(&Rows::new(self.x, 0, len, 1));
        let mean = T::from_f64(mean);
        let invstd = T::from_f64(1.0 / (var + self.eps).sqrt());
        let spatial = (len / self.channels.max(1)).max(1);
        let rows = self.x.chunks_exact(spatial);
        for (c, (x, out)) in rows.zip(self.out.chunks_exact_mut(spatial)).enumerate() {
            let scale = invstd * self.weight.map_or(T::ONE, |w| w[c]);
            let shift = self.bias.map_or(T::ZERO, |b| b[c]);
            for (out, x) in out.iter_mut().zip(x) {
                *out = (*x - mean) * scale + shift;
            }
        }
        [mean, invstd]
    }
}

/// The gradients of [`group_norm`], with its statistics: as
/// [`layer_norm_backward`](super::layer_norm_backward), with means over a group and, for weight
/// and bias, sums over samples and positions.
///
/// # Panics
/// If a length does not fit the shape.
pub fn group_norm_backward<T: Float>(
    shape: &GroupNormShape,
    x: &[T],
    grad_out: &[T],
    stats: NormStats<'_, T>,
    weight: Option<&[T]>,
    grads: NormGrads<'_, T>,
) {
    group_norm_backward_with(Isa::current(), shape, x, grad_out, stats, weight, grads);
}

pub(super) fn group_norm_backward_with<T: Float>(
    isa: Isa,
    shape: &GroupNormShape,
    x: &[T],
    grad_out: &[T],
    stats: NormStats<'_, T>,
    weight: Option<&[T]>,
    grads: NormGrads<'_, T>,
) {
    shape.check(
        "group_norm_backward",
        &[
            x.len(),
            grad_out.len(),
            grads.input.as_ref().map_or(x.len(), |g| g.len()),
        ],
        &[stats.mean.len(), stats.invstd.len()],
        &[
            weight.map(<[T]>::len),
            grads.weight.as_ref().map(|g| g.len()),
            grads.bias.as_ref().map(|g| g.len()),
        ],
    );
    let len = shape.group_len();
    let input = grads.input.map(Disjoint::new);
    // For each channel of each sample: the sums of grad * (x - mean) * invstd and of grad.
    let all = shape.groups * shape.channels;
    let mut channel_sums = Buffer::<f64>::new(shape.batch * all * 2);
    let sums_of = Disjoint::new(&mut channel_sums);
    shape.for_each_group(|group, channel| {
        run::<T, _>(
            isa,
            Backward {
                x: &x[group * len..][..len],
                grad_out: &grad_out[group * len..][..len],
                mean: stats.mean[group],
                invstd: stats.invstd[group],
                weight: weight.map(|w| &w[channel..channel + shape.channels]),
                // SAFETY: each call has a group of its own.
                input: unsafe { input.as_ref().map(|g| g.slice(group * len, len)) },
                // SAFETY: as above.
                sums: unsafe { sums_of.slice(group * shape.channels * 2, shape.channels * 2) },
                spatial: shape.spatial,
            },
        );
    });
    for (which, out) in [grads.weight, grads.bias].into_iter().enumerate() {
        for (c, out) in out.into_iter().flatten().enumerate() {
            let sum = (0..shape.batch).map(|i| channel_sums[(i * all + c) * 2 + which]);
            *out = T::from_f64(sum.sum());
        }
    }
}

struct Backward<'a, T> {
    x: &'a [T],
    grad_out: &'a [T],
    mean: T,
    invstd: T,
    weight: Option<&'a [T]>,
    input: Option<&'a mut [T]>,
    /// Two for each channel.
    sums: &'a mut [f64],
    spatial: usize,
}

impl<T: Float> Loop for Backward<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let (mean, invstd, s) = (self.mean, self.invstd, self.spatial);
        let wide = invstd.to_f64();
        let weight = |c: usize| self.weight.map_or(T::ONE, |w| w[c]);
        let (mut along, mut total) = (0.0, 0.0);
        for (c, sums_out) in self.sums.chunks_exact_mut(2).enumerate() {
            let x = Rows::new(&self.x[c * s..][..s], 0, s, 1);
            let g = Rows::new(&self.grad_out[c * s..][..s], 0, s, 1);
            let [first, second] = sums(&x, &g, |x, g| [g * (x - mean), g]);
            let w = weight(c).to_f64();
            along += w * first;
            total += w * second;
            sums_out.copy_from_slice(&[first * wide, second]);
        }
        let Some(input) = self.input else {
            return;
        };
        let count = self.x.len() as f64;
        let grad_mean = T::from_f64(total / count);
        let slope = T::from_f64(along * wide * wide / count);
        let size = s.max(1);
        let rows = self
            .x
            .chunks_exact(size)
            .zip(self.grad_out.chunks_exact(size));
        for (c, ((x, g), out)) in rows.zip(input.chunks_exact_mut(size)).enumerate() {
            let w = weight(c);
            for ((out, x), g) in out.iter_mut().zip(x).zip(g) {
                *out = (*g * w - grad_mean - (*x - mean) * slope) * invstd;
            }
        }
    }
}
