//! Batch normalisation over `[batch, channels, spatial]`, forward and backward.
//!
//! All passes over a channel run one after the other while it is in the cache, one channel per
//! task. What is summed, and in which order, depends on the shape alone.
//!
//! An [`Epilogue`] follows in the same pass: its bias is that of the normalisation. The backward
//! functions begin with the activation, whose mask they recompute from the input or read off the output.

use crate::float::run;
use crate::{Buffer, Epilogue, Float, Isa, parallel_for, threads::Disjoint};

mod backward;
pub(crate) mod loops;
#[cfg(test)]
mod tests;

pub use backward::{ActivationMask, batch_norm_eval_backward, batch_norm_train_backward};
use loops::{EvalRows, Rows, TrainChannel};

/// Rows shorter than this are copied together before they are summed.
const SHORT_ROW: usize = 128;
/// Elements that one thread takes at least.
const TASK: usize = 1 << 13;

/// The sizes of a batch normalisation; tensors are `[batch, channels, spatial]`.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct BatchNormShape {
    /// Samples.
    pub batch: usize,
    /// Channels, each normalised for itself.
    pub channels: usize,
    /// Positions in a channel of a sample: the product of the spatial sizes, 1 if there are none.
    pub spatial: usize,
}

/// Where the statistics of a batch are written: `[channels]` each.
#[derive(Debug)]
pub struct BatchStatsMut<'a, T> {
    /// The mean.
    pub mean: &'a mut [T],
    /// The biased variance.
    pub var: &'a mut [T],
    /// `1 / sqrt(var + eps)`.
    pub invstd: &'a mut [T],
}

/// Statistics to normalise with: `[channels]` each.
#[derive(Copy, Clone, Debug)]
pub struct RunningStats<'a, T> {
    /// The mean.
    pub mean: &'a [T],
    /// The variance.
    pub var: &'a [T],
    /// What is added to the variance.
    pub eps: f64,
}

/// The gradients to compute: that of the input as large as the input, the others `[channels]`.
#[derive(Debug)]
pub struct BatchNormGrads<'a, T> {
    /// Of the input.
    pub input: Option<&'a mut [T]>,
    /// Of the weight.
    pub weight: Option<&'a mut [T]>,
    /// Of the bias.
    pub bias: Option<&'a mut [T]>,
}

impl BatchNormShape {
    /// Elements of one channel.
    fn channel_len(&self) -> usize {
        self.batch * self.spatial
    }

    fn check(&self, name: &str, whole: &[usize], channels: &[Option<usize>]) {
        let &BatchNormShape {
            batch: n,
            channels: c,
            spatial: s,
        } = self;
        let wanted = n.checked_mul(c).and_then(|p| p.checked_mul(s));
        for len in whole {
            assert_eq!(
                Some(*len),
                wanted,
                "{name}: {len} elements are not [{n}, {c}, {s}]"
            );
        }
        for len in channels.iter().flatten() {
            assert_eq!(*len, c, "{name}: {len} elements are not [{c}]");
        }
    }

    /// Whether a channel's rows are copied together.
    fn copies(&self) -> bool {
        self.batch > 1 && self.spatial < SHORT_ROW
    }

    /// Where the first row of a channel begins.
    fn first(&self, channel: usize) -> usize {
        channel * self.spatial
    }

    /// The rows of a channel: one for each sample.
    fn rows<'a, T>(&self, x: &'a [T], channel: usize) -> Rows<'a, T> {
        let x = x.get(self.first(channel)..).unwrap_or_default();
        Rows::new(x, self.channels * self.spatial, self.spatial, self.batch)
    }

    /// Runs `f(channel, scratch)` for all channels on the threads of the pool; `scratch` has `room`
    /// elements.
    fn for_each_channel<T: Float>(&self, room: usize, f: impl Fn(usize, &mut [T]) + Sync) {
        // Neighbouring channels share cache lines if rows are very short.
        let each = (TASK / self.channel_len().max(1))
            .max(16 / self.spatial.max(1))
            .max(1);
        parallel_for(self.channels.div_ceil(each), |task| {
            let mut scratch = Buffer::<T>::new(room);
            for channel in task * each..self.channels.min((task + 1) * each) {
                f(channel, &mut scratch);
            }
        });
    }

    /// Rows to be summed: short ones copied together into one.
    fn gathered<'a, T: Float>(&self, rows: Rows<'a, T>, copy: &'a mut [T]) -> Rows<'a, T> {
        if !self.copies() || self.spatial == 0 {
            return rows;
        }
        for (i, copy) in copy.chunks_exact_mut(self.spatial).enumerate() {
            // Short rows: a loop costs less than a call of memcpy.
            for (copy, v) in copy.iter_mut().zip(rows.row(i)) {
                *copy = *v;
            }
        }
        Rows::new(copy, 0, self.channel_len(), 1)
    }
}

fn at<T: Float>(values: Option<&[T]>, channel: usize, default: T) -> T {
    values.map_or(default, |v| v[channel])
}

/// Batch normalisation with the statistics of the batch, per channel over batch and spatial
/// positions, and what follows it: `out = activation(normalised + bias + residual)`, where
/// `normalised = (x - mean) / sqrt(var + eps) * weight`, and `var` is the biased variance,
/// computed from the exact differences to the mean.
///
/// `x`, the residual and `out` are `[batch, channels, spatial]`, the weight and the bias `[channels]`
/// (1 and 0 if there is none); the statistics are written to `stats`.
///
/// ```
/// use pleach_kernels::{Activation, BatchNormShape, BatchStatsMut, Epilogue};
/// let shape = BatchNormShape { batch: 2, channels: 1, spatial: 1 };
/// let (mut out, mut mean, mut var, mut invstd) = ([0.0f32; 2], [0.0], [0.0], [0.0]);
/// let stats = BatchStatsMut { mean: &mut mean, var: &mut var, invstd: &mut invstd };
/// let epilogue = Epilogue {
///     residual: Some(&[0.5, 0.5]),
///     activation: Activation::RELU,
///     ..Epilogue::NONE
/// };
/// pleach_kernels::batch_norm_train(&shape, &[1.0, 5.0], None, 0.0, epilogue, &mut out, stats);
/// assert_eq!((out, mean, var, invstd), ([0.0, 1.5], [3.0], [4.0], [0.5]));
/// ```
///
/// # Panics
/// If a length does not fit the shape, or the bias is one of columns.
pub fn batch_norm_train<T: Float>(
    shape: &BatchNormShape,
    x: &[T],
    weight: Option<&[T]>,
    eps: f64,
    epilogue: Epilogue<'_, T>,
    out: &mut [T],
    stats: BatchStatsMut<'_, T>,
) {
    train_with(Isa::current(), shape, x, weight, eps, epilogue, out, stats);
}

#[allow(clippy::too_many_arguments)]
fn train_with<T: Float>(
    isa: Isa,
    shape: &BatchNormShape,
    x: &[T],
    weight: Option<&[T]>,
    eps: f64,
    epilogue: Epilogue<'_, T>,
    out: &mut [T],
    stats: BatchStatsMut<'_, T>,
) {
    shape.check(
        "batch_norm_train",
        &[
            x.len(),
            out.len(),
            epilogue.residual.map_or(x.len(), <[T]>::len),
        ],
        &[
            weight.map(<[T]>::len),
            Some(stats.mean.len()),
            Some(stats.var.len()),
            Some(stats.invstd.len()),
        ],
    );
    let bias = epilogue.channel_bias(shape.channels);
    let bounds = epilogue.activation.bounds();
    let out = Disjoint::new(out);
    let stats = [stats.mean, stats.var, stats.invstd].map(Disjoint::new);
    let room = if shape.copies() {
        shape.channel_len()
    } else {
        0
    };
    shape.for_each_channel(room, |channel, copy| {
        let x = shape.rows(x, channel);
        let found = run::<T, _>(
            isa,
            TrainChannel {
                summed: shape.gathered(x, copy),
                x,
                residual: epilogue.residual.map(|r| shape.rows(r, channel)),
                bounds,
                out: &out,
                first: shape.first(channel),
                weight: at(weight, channel, T::ONE),
                bias: at(bias, channel, T::ZERO),
                eps,
            },
        );
        for (stat, value) in stats.iter().zip(found) {
            // SAFETY: each call has a channel of its own.
            let slot = unsafe { stat.slice(channel, 1) };
            slot[0] = value;
        }
    });
}

/// Batch normalisation with given statistics, per channel of `[batch, channels, spatial]`, and what
/// follows it: `out = activation(normalised + bias + residual)`, where
/// `normalised = (x - mean) / sqrt(var + eps) * weight`.
///
/// # Panics
/// If a length does not fit the shape, or the bias is one of columns.
pub fn batch_norm_eval<T: Float>(
    shape: &BatchNormShape,
    x: &[T],
    stats: RunningStats<'_, T>,
    weight: Option<&[T]>,
    epilogue: Epilogue<'_, T>,
    out: &mut [T],
) {
    shape.check(
        "batch_norm_eval",
        &[
            x.len(),
            out.len(),
            epilogue.residual.map_or(x.len(), <[T]>::len),
        ],
        &[
            Some(stats.mean.len()),
            Some(stats.var.len()),
            weight.map(<[T]>::len),
        ],
    );
    let bias = epilogue.channel_bias(shape.channels);
    let bounds = epilogue.activation.bounds();
    let isa = Isa::current();
    let out = Disjoint::new(out);
    let factors: Vec<[T; 3]> = (0..shape.channels)
        .map(|c| {
            let scale = stats.invstd(c) * at(weight, c, T::ONE);
            [stats.mean[c], scale, at(bias, c, T::ZERO)]
        })
        .collect();
    let s = shape.spatial;
    let each = (TASK / s.max(1)).max(1);
    let rows = shape.batch * shape.channels;
    parallel_for(rows.div_ceil(each), |task| {
        let rows = task * each..rows.min((task + 1) * each);
        run::<T, _>(
            isa,
            EvalRows {
                channels: shape.channels,
                x: Rows::new(&x[rows.start * s..rows.end * s], s, s, rows.len()),
                residual: epilogue
                    .residual
                    .map(|r| Rows::new(&r[rows.start * s..rows.end * s], s, s, rows.len())),
                bounds,
                // SAFETY: each task has rows of its own.
                out: unsafe { out.slice(rows.start * s, rows.len() * s) },
                first: rows.start,
                factors: &factors,
            },
        );
    });
}

impl<T: Float> RunningStats<'_, T> {
    fn invstd(&self, channel: usize) -> T {
        T::from_f64(1.0 / (self.var[channel].to_f64() + self.eps).sqrt())
    }
}
