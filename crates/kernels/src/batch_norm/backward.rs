//! The gradients of batch normalisation, and of what followed it.

use super::loops::{Rows, sums};
use super::{BatchNormGrads, BatchNormShape, RunningStats, at};
use crate::epilogue::Bounds;
use crate::float::run;
use crate::{Activation, Float, Isa, Loop, threads::Disjoint};

/// How a backward function finds where the activation after the normalisation lets the gradient
/// through: between its bounds.
#[derive(Copy, Clone, Debug)]
pub enum ActivationMask<'a, T> {
    /// There was no activation.
    None,
    /// From the normalised input, which is computed again. For an activation without a residual sum
    /// before it.
    Recompute {
        /// What followed.
        activation: Activation,
        /// The bias of the normalisation, `[channels]`, or 0.
        bias: Option<&'a [T]>,
    },
    /// From the output of the activation.
    Output {
        /// What followed.
        activation: Activation,
        /// As large as the input.
        output: &'a [T],
    },
}

impl<T> ActivationMask<'_, T> {
    fn activation(&self) -> Activation {
        match *self {
            ActivationMask::None => Activation::None,
            ActivationMask::Recompute { activation, .. }
            | ActivationMask::Output { activation, .. } => activation,
        }
    }
}

/// The gradients of [`batch_norm_train`](super::batch_norm_train), with its `mean` and `invstd`:
/// first the activation's, `grad_out` where the output is between its bounds and 0 elsewhere, which is
/// also the gradient of the residual; then, with m elements in a channel, and sums over them,
///
/// ```text
/// grad_bias = sum of grad_out
/// grad_weight = sum of grad_out * (x - mean) * invstd
/// grad_input = (grad_out - grad_bias / m - (x - mean) * invstd * grad_weight / m) * invstd * weight
/// ```
///
/// `grad_residual`, as large as the input, can be asked for with [`ActivationMask::Output`];
/// without an activation it is `grad_out` itself.
///
/// # Panics
/// If a length does not fit the shape, or the gradient of a residual is asked for with another
/// mask.
#[allow(clippy::too_many_arguments)]
pub fn batch_norm_train_backward<T: Float>(
    shape: &BatchNormShape,
    x: &[T],
    grad_out: &[T],
    mean: &[T],
    invstd: &[T],
    weight: Option<&[T]>,
    mask: ActivationMask<'_, T>,
    grads: BatchNormGrads<'_, T>,
    grad_residual: Option<&mut [T]>,
) {
    shape.check(
        "batch_norm_train_backward",
        &[],
        &[Some(mean.len()), Some(invstd.len()), weight.map(<[T]>::len)],
    );
    Call {
        isa: Isa::current(),
        shape,
        x,
        grad_out,
        mask,
        batch_stats: true,
    }
    .run(
        |c| (mean[c], invstd[c], at(weight, c, T::ONE)),
        grads,
        grad_residual,
    );
}

/// The gradients of [`batch_norm_eval`](super::batch_norm_eval): as in
/// [`batch_norm_train_backward`], but `grad_input = grad_out * weight / sqrt(var + eps)`, since the
/// statistics are constants.
///
/// # Panics
/// As [`batch_norm_train_backward`].
#[allow(clippy::too_many_arguments)]
pub fn batch_norm_eval_backward<T: Float>(
    shape: &BatchNormShape,
    x: &[T],
    grad_out: &[T],
    stats: RunningStats<'_, T>,
    weight: Option<&[T]>,
    mask: ActivationMask<'_, T>,
    grads: BatchNormGrads<'_, T>,
    grad_residual: Option<&mut [T]>,
) {
    shape.check(
        "batch_norm_eval_backward",
        &[],
        &[
            Some(stats.mean.len()),
            Some(stats.var.len()),
            weight.map(<[T]>::len),
        ],
    );
    Call {
        isa: Isa::current(),
        shape,
        x,
        grad_out,
        mask,
        batch_stats: false,
    }
    .run(
        |c| (stats.mean[c], stats.invstd(c), at(weight, c, T::ONE)),
        grads,
        grad_residual,
    );
}

/// What all backward functions have in common.
pub(super) struct Call<'a, T> {
    pub isa: Isa,
    pub shape: &'a BatchNormShape,
    pub x: &'a [T],
    pub grad_out: &'a [T],
    pub mask: ActivationMask<'a, T>,
    /// Whether the statistics depend on the input.
    pub batch_stats: bool,
}

impl<T: Float> Call<'_, T> {
    fn check(&self, grads: &BatchNormGrads<'_, T>, grad_residual: Option<usize>) {
        let whole = self.x.len();
        let (bias, output) = match self.mask {
            ActivationMask::None => (None, whole),
            ActivationMask::Recompute { bias, .. } => (bias.map(<[T]>::len), whole),
            ActivationMask::Output { output, .. } => (None, output.len()),
        };
        self.shape.check(
            "batch_norm_backward",
            &[
                whole,
                self.grad_out.len(),
                output,
                grads.input.as_ref().map_or(whole, |g| g.len()),
                grad_residual.unwrap_or(whole),
            ],
            &[
                bias,
                grads.weight.as_ref().map(|g| g.len()),
                grads.bias.as_ref().map(|g| g.len()),
            ],
        );
        assert!(
            grad_residual.is_none() || matches!(self.mask, ActivationMask::Output { .. }),
            "batch_norm_backward: a residual's gradient goes with the mask of the output"
        );
    }

    /// `channel_of` gives a channel's mean, inverse deviation and weight.
    pub fn run(
        mut self,
        channel_of: impl Fn(usize) -> (T, T, T) + Sync,
        grads: BatchNormGrads<'_, T>,
        grad_residual: Option<&mut [T]>,
    ) {
        self.check(&grads, grad_residual.as_ref().map(|g| g.len()));
        let shape = self.shape;
        let len = shape.channel_len();
        let activation = self.mask.activation();
        if activation == Activation::None && grad_residual.is_none() {
            self.mask = ActivationMask::None;
        }
        let gate = activation.gate::<T>();
        let grad_input = grads.input.map(Disjoint::new);
        let sum_grads = [grads.weight, grads.bias].map(|g| g.map(Disjoint::new));
        let grad_residual = grad_residual.map(Disjoint::new);
        let masks = matches!(self.mask, ActivationMask::Output { .. }) && grad_residual.is_none();
        let copies = if shape.copies() { 2 * len } else { 0 };
        let room = copies + if masks { len } else { 0 };
        shape.for_each_channel(room, |channel, scratch| {
            let (mean, invstd, weight) = channel_of(channel);
            let (copies, masked) = scratch.split_at_mut(copies);
            let (x_copy, grad_copy) = copies.split_at_mut(copies.len() / 2);
            let x = shape.rows(self.x, channel);
            let plain = shape.rows(self.grad_out, channel);
            let grad = match (self.mask, &grad_residual) {
                (ActivationMask::Output { output, .. }, grad_residual) => {
                    self.isa.run_narrow(MaskRows {
                        gate,
                        grad: plain,
                        output: shape.rows(output, channel),
                        masked,
                        residual: grad_residual.as_ref(),
                        first: shape.first(channel),
                    })
                }
                _ => plain,
            };
            let bias = match self.mask {
                ActivationMask::Recompute { bias, .. } => Some(at(bias, channel, T::ZERO)),
                _ => None,
            };
            let work = Channel {
                summed: shape.gathered(x, x_copy),
                summed_grad: shape.gathered(grad, grad_copy),
                x,
                grad,
                grad_input: grad_input.as_ref(),
                first: shape.first(channel),
                mean,
                invstd,
                weight,
                bias: bias.unwrap_or(T::ZERO),
                gate,
                batch_stats: self.batch_stats,
            };
            let sums = match bias {
                Some(_) if gate.upper => run::<T, _>(self.isa, Masked::<_, true, true>(work)),
                Some(_) => run::<T, _>(self.isa, Masked::<_, true, false>(work)),
                None => run::<T, _>(self.isa, Masked::<_, false, false>(work)),
            };
            for (grads, value) in sum_grads.iter().zip(sums) {
                if let Some(grads) = grads {
                    // SAFETY: each call has a channel of its own.
                    let slot = unsafe { grads.slice(channel, 1) };
                    slot[0] = T::from_f64(value);
                }
            }
        });
    }
}

/// The gradient where the output is between the bounds, 0 elsewhere: into the gradient of the
/// residual, or next to each other into `masked`. Gives the rows it wrote.
struct MaskRows<'a, T> {
    gate: Bounds<T>,
    grad: Rows<'a, T>,
    output: Rows<'a, T>,
    masked: &'a mut [T],
    residual: Option<&'a Disjoint<'a, T>>,
    first: usize,
}

impl<'a, T: Float> Loop for MaskRows<'a, T> {
    type Output = Rows<'a, T>;
    #[inline(always)]
    fn run(self) -> Rows<'a, T> {
        if self.gate.upper {
            self.write::<true>()
        } else {
            self.write::<false>()
        }
    }
}

impl<'a, T: Float> MaskRows<'a, T> {
    #[inline(always)]
    fn write<const UPPER: bool>(self) -> Rows<'a, T> {
        let grad = self.grad;
        for i in 0..grad.count {
            let out = match self.residual {
                // SAFETY: each channel is written by one task, row after row.
                Some(residual) => unsafe { residual.slice(self.first + i * grad.step, grad.len) },
                None => &mut self.masked[i * grad.len..][..grad.len],
            };
            for ((out, g), y) in out.iter_mut().zip(grad.row(i)).zip(self.output.row(i)) {
                *out = self.gate.gradient::<UPPER>(*y, *g);
            }
        }
        match self.residual {
            // SAFETY: the residual's gradient is as large as this one, and the rows of the channel
            // have been written.
            Some(residual) => unsafe { grad.moved(residual.at(self.first.min(residual.len()))) },
            None => Rows::new(self.masked, grad.len, grad.len, grad.count),
        }
    }
}

/// Everything for one channel; the result is the gradients of weight and bias.
struct Channel<'a, T> {
    /// The rows of `x` and `grad`, perhaps copied together.
    summed: Rows<'a, T>,
    summed_grad: Rows<'a, T>,
    x: Rows<'a, T>,
    grad: Rows<'a, T>,
    grad_input: Option<&'a Disjoint<'a, T>>,
    first: usize,
    mean: T,
    invstd: T,
    weight: T,
    bias: T,
    gate: Bounds<T>,
    batch_stats: bool,
}

/// A channel whose gradients are masked by what the forward pass computed, or are not.
struct Masked<C, const RECOMPUTE: bool, const UPPER: bool>(C);

impl<T: Float, const RECOMPUTE: bool, const UPPER: bool> Loop
    for Masked<Channel<'_, T>, RECOMPUTE, UPPER>
{
    type Output = [f64; 2];
    #[inline(always)]
    fn run(self) -> [f64; 2] {
        let c = self.0;
        let (mean, scale, bias) = (c.mean, c.invstd * c.weight, c.bias);
        let masked = |x: T, g: T| {
            // The operations of the forward pass, which round alike.
            if RECOMPUTE {
                c.gate.gradient::<UPPER>((x - mean) * scale + bias, g)
            } else {
                g
            }
        };
        let [sum_x, sum] = sums(&c.summed, &c.summed_grad, |x, g| {
            let g = masked(x, g);
            [g * (x - mean), g]
        });
        let grad_weight = sum_x * c.invstd.to_f64();
        let Some(grad_input) = c.grad_input else {
            return [grad_weight, sum];
        };
        let count = (c.x.len * c.x.count) as f64;
        let grad_mean = T::from_f64(sum / count);
        let slope = T::from_f64(grad_weight * c.invstd.to_f64() / count);
        for i in 0..c.x.count {
            // SAFETY: each channel is written by one task, row after row.
            let out = unsafe { grad_input.slice(c.first + i * c.x.step, c.x.len) };
            let inputs = c.x.row(i).iter().zip(c.grad.row(i));
            if c.batch_stats {
                for (out, (x, g)) in out.iter_mut().zip(inputs) {
                    *out = (masked(*x, *g) - grad_mean - (*x - mean) * slope) * scale;
                }
            } else {
                for (out, (x, g)) in out.iter_mut().zip(inputs) {
                    *out = masked(*x, *g) * scale;
                }
            }
        }
        [grad_weight, sum]
    }
}
