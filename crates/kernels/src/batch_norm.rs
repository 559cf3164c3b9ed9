//! Batch normalisation over `[batch, channels, spatial]`, forward and backward.
//!
//! All passes over a channel run one after the other while it is in the cache, one channel per
//! task. The short rows of a channel are first copied next to each other, so that all loops are
//! long; what is summed, and in which order, depends on the shape alone.

use crate::{Buffer, Float, Isa, Loop, parallel_for, threads::Disjoint};

/// Rows shorter than this are copied together.
const SHORT_ROW: usize = 1024;
/// Elements that one thread takes at least.
const TASK: usize = 1 << 13;
/// Independent sums.
const LANES: usize = 64;
/// Elements that are summed without a break.
const BLOCK: usize = 4096;

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

/// The scale and shift of each channel: `[channels]` each, or 1 and 0.
#[derive(Copy, Clone, Debug)]
pub struct BatchNormAffine<'a, T> {
    /// The factor.
    pub weight: Option<&'a [T]>,
    /// The term.
    pub bias: Option<&'a [T]>,
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

    fn row_start(&self, image: usize, channel: usize) -> usize {
        (image * self.channels + channel) * self.spatial
    }

    fn rows<'a, T>(&self, x: &'a [T], channel: usize) -> impl Iterator<Item = &'a [T]> {
        let (shape, batch) = (*self, self.batch);
        (0..batch).map(move |i| &x[shape.row_start(i, channel)..][..shape.spatial])
    }

    /// Runs `f(channel, scratch)` for all channels on the threads of the pool; `scratch` has
    /// `buffers` times the room for the copy of a channel.
    fn for_each_channel<T: Float>(&self, buffers: usize, f: impl Fn(usize, &mut [T]) + Sync) {
        let room = if self.copies() {
            buffers * self.channel_len()
        } else {
            0
        };
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

    /// Copies the rows of a channel together, if that is done for this shape.
    fn gather<T: Float>(&self, x: &[T], channel: usize, copy: &mut [T]) {
        if !self.copies() || self.spatial == 0 {
            return;
        }
        for (copy, row) in copy
            .chunks_exact_mut(self.spatial)
            .zip(self.rows(x, channel))
        {
            // Short rows: a loop costs less than a call of memcpy.
            for (copy, v) in copy.iter_mut().zip(row) {
                *copy = *v;
            }
        }
    }

    /// The pieces of a channel to loop over: its copy, or its rows.
    fn pieces<'a, T>(
        &self,
        x: &'a [T],
        channel: usize,
        copy: &'a [T],
    ) -> impl Iterator<Item = &'a [T]> {
        let copies = self.copies();
        let rows = (!copies).then(|| self.rows(x, channel));
        copies
            .then_some(copy)
            .into_iter()
            .chain(rows.into_iter().flatten())
    }
}

/// The sum of `f` over pairs of elements, in f64 between blocks.
struct Sums<'a, T, F>(&'a [T], &'a [T], F);

impl<T: Float, F: Fn(T, T) -> [T; 2]> Loop for Sums<'_, T, F> {
    type Output = [f64; 2];
    #[inline(always)]
    fn run(self) -> [f64; 2] {
        let Sums(x, y, f) = self;
        let mut total = [0.0; 2];
        for (x, y) in x.chunks(BLOCK).zip(y.chunks(BLOCK)) {
            let mut acc = [[T::ZERO; LANES]; 2];
            let (x, x_tail) = x.as_chunks::<LANES>();
            let (y, y_tail) = y.as_chunks::<LANES>();
            for (x, y) in x.iter().zip(y) {
                for l in 0..LANES {
                    let terms = f(x[l], y[l]);
                    acc[0][l] += terms[0];
                    acc[1][l] += terms[1];
                }
            }
            for (l, (x, y)) in x_tail.iter().zip(y_tail).enumerate() {
                let terms = f(*x, *y);
                acc[0][l] += terms[0];
                acc[1][l] += terms[1];
            }
            for (total, acc) in total.iter_mut().zip(&mut acc) {
                let mut width = LANES / 2;
                while width > 0 {
                    for l in 0..width {
                        acc[l] += acc[l + width];
                    }
                    width /= 2;
                }
                *total += acc[0].to_f64();
            }
        }
        total
    }
}

/// `out = (x - mean) * scale + shift`.
struct Normalize<'a, T> {
    x: &'a [T],
    out: &'a mut [T],
    mean: T,
    scale: T,
    shift: T,
}

impl<T: Float> Loop for Normalize<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let Normalize {
            x,
            out,
            mean,
            scale,
            shift,
        } = self;
        for (out, x) in out.iter_mut().zip(x) {
            *out = (*x - mean) * scale + shift;
        }
    }
}

/// `out = (grad - grad_mean - (x - mean) * slope) * scale`.
struct InputGrad<'a, T> {
    x: &'a [T],
    grad: &'a [T],
    out: &'a mut [T],
    mean: T,
    grad_mean: T,
    slope: T,
    scale: T,
}

impl<T: Float> Loop for InputGrad<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let InputGrad {
            x,
            grad,
            out,
            mean,
            grad_mean,
            slope,
            scale,
        } = self;
        for ((out, x), grad) in out.iter_mut().zip(x).zip(grad) {
            *out = (*grad - grad_mean - (*x - mean) * slope) * scale;
        }
    }
}

fn at<T: Float>(values: Option<&[T]>, channel: usize, default: T) -> T {
    values.map_or(default, |v| v[channel])
}

/// Batch normalisation with the statistics of the batch, per channel over batch and spatial
/// positions: `out = (x - mean) / sqrt(var + eps) * weight + bias`, where `var` is the biased
/// variance, computed from the exact differences to the mean.
///
/// `x` and `out` are `[batch, channels, spatial]`; the statistics are written to `stats`.
///
/// ```
/// use pleach_kernels::{BatchNormAffine, BatchNormShape, BatchStatsMut, batch_norm_train};
/// let shape = BatchNormShape { batch: 2, channels: 1, spatial: 1 };
/// let (mut out, mut mean, mut var, mut invstd) = ([0.0f32; 2], [0.0], [0.0], [0.0]);
/// let stats = BatchStatsMut { mean: &mut mean, var: &mut var, invstd: &mut invstd };
/// let affine = BatchNormAffine { weight: None, bias: None };
/// batch_norm_train(&shape, &[1.0, 5.0], affine, 0.0, &mut out, stats);
/// assert_eq!((out, mean, var, invstd), ([-1.0, 1.0], [3.0], [4.0], [0.5]));
/// ```
///
/// # Panics
/// If a length does not fit the shape.
pub fn batch_norm_train<T: Float>(
    shape: &BatchNormShape,
    x: &[T],
    affine: BatchNormAffine<'_, T>,
    eps: f64,
    out: &mut [T],
    stats: BatchStatsMut<'_, T>,
) {
    shape.check(
        "batch_norm_train",
        &[x.len(), out.len()],
        &[
            affine.weight.map(<[T]>::len),
            affine.bias.map(<[T]>::len),
            Some(stats.mean.len()),
            Some(stats.var.len()),
            Some(stats.invstd.len()),
        ],
    );
    let isa = Isa::current();
    let count = shape.channel_len() as f64;
    let out = Disjoint::new(out);
    let stats = [stats.mean, stats.var, stats.invstd].map(Disjoint::new);
    shape.for_each_channel(1, |channel, copy| {
        shape.gather(x, channel, copy);
        let mut total = 0.0;
        for piece in shape.pieces(x, channel, copy) {
            total += isa.run(Sums(piece, piece, |x, _| [x, T::ZERO]))[0];
        }
        let mean = T::from_f64(total / count);
        // The differences to the rounded mean have a small sum of their own, which corrects it.
        let mut sums = [0.0; 2];
        for piece in shape.pieces(x, channel, copy) {
            let square = |x: T, _| [(x - mean) * (x - mean), x - mean];
            let part = isa.run(Sums(piece, piece, square));
            sums = [sums[0] + part[0], sums[1] + part[1]];
        }
        let var = (sums[0] / count - (sums[1] / count) * (sums[1] / count)).max(0.0);
        let var = if sums[0].is_nan() { f64::NAN } else { var };
        let invstd = T::from_f64(1.0 / (var + eps).sqrt());
        for (stat, value) in stats.iter().zip([mean, T::from_f64(var), invstd]) {
            // SAFETY: each call has a channel of its own.
            let slot = unsafe { stat.slice(channel, 1) };
            slot[0] = value;
        }
        let scale = invstd * at(affine.weight, channel, T::ONE);
        let shift = at(affine.bias, channel, T::ZERO);
        write_rows(shape, x, channel, copy, &out, |x, out| {
            isa.run(Normalize {
                x,
                out,
                mean,
                scale,
                shift,
            });
        });
    });
}

/// Calls `f(row of the channel, its row of the output)` for every row; rows come from the copy if
/// there is one.
fn write_rows<T: Float>(
    shape: &BatchNormShape,
    x: &[T],
    channel: usize,
    copy: &[T],
    out: &Disjoint<'_, T>,
    mut f: impl FnMut(&[T], &mut [T]),
) {
    for image in 0..shape.batch {
        let start = shape.row_start(image, channel);
        let row = if shape.copies() {
            &copy[image * shape.spatial..][..shape.spatial]
        } else {
            &x[start..][..shape.spatial]
        };
        // SAFETY: each channel is written by one task, row after row.
        f(row, unsafe { out.slice(start, shape.spatial) });
    }
}

/// Batch normalisation with given statistics:
/// `out = (x - mean) / sqrt(var + eps) * weight + bias`, per channel of
/// `[batch, channels, spatial]`.
///
/// # Panics
/// If a length does not fit the shape.
pub fn batch_norm_eval<T: Float>(
    shape: &BatchNormShape,
    x: &[T],
    stats: RunningStats<'_, T>,
    affine: BatchNormAffine<'_, T>,
    out: &mut [T],
) {
    shape.check(
        "batch_norm_eval",
        &[x.len(), out.len()],
        &[
            Some(stats.mean.len()),
            Some(stats.var.len()),
            affine.weight.map(<[T]>::len),
            affine.bias.map(<[T]>::len),
        ],
    );
    let isa = Isa::current();
    let out = Disjoint::new(out);
    // Rows are read once: a copy would be no use.
    let each = (TASK / shape.spatial.max(1)).max(1);
    let rows = shape.batch * shape.channels;
    parallel_for(rows.div_ceil(each), |task| {
        for row in task * each..rows.min((task + 1) * each) {
            let channel = row % shape.channels;
            let mean = stats.mean[channel];
            let scale = stats.invstd(channel) * at(affine.weight, channel, T::ONE);
            let shift = at(affine.bias, channel, T::ZERO);
            let start = row * shape.spatial;
            let x = &x[start..start + shape.spatial];
            // SAFETY: each task has rows of its own.
            let out = unsafe { out.slice(start, shape.spatial) };
            isa.run(Normalize {
                x,
                out,
                mean,
                scale,
                shift,
            });
        }
    });
}

impl<T: Float> RunningStats<'_, T> {
    fn invstd(&self, channel: usize) -> T {
        T::from_f64(1.0 / (self.var[channel].to_f64() + self.eps).sqrt())
    }
}

/// The gradients of [`batch_norm_train`], with its `mean` and `invstd`. With m elements in a
/// channel, and sums over them,
///
/// ```text
/// grad_bias = sum of grad_out
/// grad_weight = sum of grad_out * (x - mean) * invstd
/// grad_input = (grad_out - grad_bias / m - (x - mean) * invstd * grad_weight / m) * invstd * weight
/// ```
///
/// # Panics
/// If a length does not fit the shape.
pub fn batch_norm_train_backward<T: Float>(
    shape: &BatchNormShape,
    x: &[T],
    grad_out: &[T],
    mean: &[T],
    invstd: &[T],
    weight: Option<&[T]>,
    grads: BatchNormGrads<'_, T>,
) {
    let channels = [Some(mean.len()), Some(invstd.len()), weight.map(<[T]>::len)];
    shape.check(
        "batch_norm_train_backward",
        &[x.len(), grad_out.len()],
        &channels,
    );
    let channel = |c: usize| (mean[c], invstd[c], at(weight, c, T::ONE));
    backward(shape, x, grad_out, channel, true, grads);
}

/// The gradients of [`batch_norm_eval`]: as in [`batch_norm_train_backward`], but
/// `grad_input = grad_out * weight / sqrt(var + eps)`, since the statistics are constants.
///
/// # Panics
/// If a length does not fit the shape.
pub fn batch_norm_eval_backward<T: Float>(
    shape: &BatchNormShape,
    x: &[T],
    grad_out: &[T],
    stats: RunningStats<'_, T>,
    weight: Option<&[T]>,
    grads: BatchNormGrads<'_, T>,
) {
    let channels = [
        Some(stats.mean.len()),
        Some(stats.var.len()),
        weight.map(<[T]>::len),
    ];
    shape.check(
        "batch_norm_eval_backward",
        &[x.len(), grad_out.len()],
        &channels,
    );
    let channel = |c: usize| (stats.mean[c], stats.invstd(c), at(weight, c, T::ONE));
    backward(shape, x, grad_out, channel, false, grads);
}

/// Both backwards; `channel_of` gives a channel's mean, inverse deviation and weight.
fn backward<T: Float>(
    shape: &BatchNormShape,
    x: &[T],
    grad_out: &[T],
    channel_of: impl Fn(usize) -> (T, T, T) + Sync,
    batch_stats: bool,
    grads: BatchNormGrads<'_, T>,
) {
    shape.check(
        "batch_norm_backward",
        &[grads.input.as_ref().map_or(x.len(), |g| g.len())],
        &[
            grads.weight.as_ref().map(|g| g.len()),
            grads.bias.as_ref().map(|g| g.len()),
        ],
    );
    let isa = Isa::current();
    let count = shape.channel_len() as f64;
    let grad_input = grads.input.map(Disjoint::new);
    let sum_grads = [grads.weight, grads.bias].map(|g| g.map(Disjoint::new));
    shape.for_each_channel(2, |channel, copies| {
        let (mean, invstd, weight) = channel_of(channel);
        let (x_copy, grad_copy) = copies.split_at_mut(copies.len() / 2);
        shape.gather(x, channel, x_copy);
        shape.gather(grad_out, channel, grad_copy);
        let (x_copy, grad_copy) = (&*x_copy, &*grad_copy);
        // The sums of grad * (x - mean) and of grad.
        let mut sums = [0.0; 2];
        let pieces = shape.pieces(x, channel, x_copy);
        for (x, grad) in pieces.zip(shape.pieces(grad_out, channel, grad_copy)) {
            let part = isa.run(Sums(x, grad, |x, g| [g * (x - mean), g]));
            sums = [sums[0] + part[0], sums[1] + part[1]];
        }
        let grad_weight = sums[0] * invstd.to_f64();
        for (grads, value) in sum_grads.iter().zip([grad_weight, sums[1]]) {
            if let Some(grads) = grads {
                // SAFETY: each call has a channel of its own.
                let slot = unsafe { grads.slice(channel, 1) };
                slot[0] = T::from_f64(value);
            }
        }
        let Some(grad_input) = &grad_input else {
            return;
        };
        let scale = invstd * weight;
        let (grad_mean, slope) = if batch_stats {
            let slope = grad_weight * invstd.to_f64() / count;
            (T::from_f64(sums[1] / count), T::from_f64(slope))
        } else {
            (T::ZERO, T::ZERO)
        };
        let mut grads = shape.rows(grad_out, channel);
        write_rows(shape, x, channel, x_copy, grad_input, |x, out| {
            let grad = grads.next().expect("as many rows as the input has");
            if batch_stats {
                isa.run(InputGrad {
                    x,
                    grad,
                    out,
                    mean,
                    grad_mean,
                    slope,
                    scale,
                });
            } else {
                isa.run(Normalize {
                    x: grad,
                    out,
                    mean: T::ZERO,
                    scale,
                    shift: T::ZERO,
                });
            }
        });
    });
}

#[cfg(test)]
mod tests;
