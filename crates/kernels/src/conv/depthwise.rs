//! Convolution with one input channel per group: loops over rows of pixels.

use super::ConvShape;
use super::columns::for_each_row;
use crate::{Float, Isa, Loop, for_each_chunk_mut};

/// Independent sums in a dot product of rows.
const LANES: usize = 16;

struct Forward<'a, T> {
    shape: &'a ConvShape,
    x: &'a [T],
    weight: &'a [T],
    out: &'a mut [T],
}

impl<T: Float> Loop for Forward<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let Forward {
            shape,
            x,
            weight,
            out,
        } = self;
        for (tap, w) in weight.iter().enumerate() {
            for_each_row(shape, shape.tap(tap), |input, output, len, stride| {
                let out = &mut out[output..output + len];
                let x = &x[input..];
                if stride == 1 {
                    for (out, x) in out.iter_mut().zip(x) {
                        *out += *w * *x;
                    }
                } else {
                    for (out, x) in out.iter_mut().zip(x.iter().step_by(stride)) {
                        *out += *w * *x;
                    }
                }
            });
        }
    }
}

struct BackwardInput<'a, T> {
    shape: &'a ConvShape,
    grad_out: &'a [T],
    weight: &'a [T],
    grad: &'a mut [T],
}

impl<T: Float> Loop for BackwardInput<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let BackwardInput {
            shape,
            grad_out,
            weight,
            grad,
        } = self;
        for (tap, w) in weight.iter().enumerate() {
            for_each_row(shape, shape.tap(tap), |input, output, len, stride| {
                let values = &grad_out[output..output + len];
                let grad = &mut grad[input..];
                if stride == 1 {
                    for (grad, v) in grad.iter_mut().zip(values) {
                        *grad += *w * *v;
                    }
                } else {
                    for (grad, v) in grad.iter_mut().step_by(stride).zip(values) {
                        *grad += *w * *v;
                    }
                }
            });
        }
    }
}

struct BackwardTap<'a, T> {
    shape: &'a ConvShape,
    x: &'a [T],
    grad_out: &'a [T],
    tap: usize,
}

impl<T: Float> Loop for BackwardTap<'_, T> {
    type Output = T;
    #[inline(always)]
    fn run(self) -> T {
        let BackwardTap {
            shape,
            x,
            grad_out,
            tap,
        } = self;
        let mut acc = [T::ZERO; LANES];
        for_each_row(shape, shape.tap(tap), |input, output, len, stride| {
            let x = &x[input..];
            let (rows, tail) = grad_out[output..output + len].as_chunks::<LANES>();
            for (i, row) in rows.iter().enumerate() {
                let x = &x[i * LANES * stride..][..(LANES - 1) * stride + 1];
                for l in 0..LANES {
                    acc[l] += row[l] * x[l * stride];
                }
            }
            // Without a tail it may start beyond the row, by less than a stride.
            let x = x.get(rows.len() * LANES * stride..).unwrap_or_default();
            for (l, v) in tail.iter().enumerate() {
                acc[l] += *v * x[l * stride];
            }
        });
        acc.iter().fold(T::ZERO, |sum, v| sum + *v)
    }
}

pub(super) fn forward<T: Float>(
    shape: &ConvShape,
    x: &[T],
    weight: &[T],
    bias: Option<&[T]>,
    out: &mut [T],
) {
    let isa = Isa::current();
    let (plane, taps) = (shape.in_pixels(), shape.taps());
    for_each_chunk_mut(out, shape.out_pixels(), |i, out| {
        let (image, channel) = (i / shape.out_channels, i % shape.out_channels);
        let from = image * shape.in_channels + channel / shape.group_out();
        out.fill(bias.map_or(T::ZERO, |b| b[channel]));
        let x = &x[from * plane..][..plane];
        let weight = &weight[channel * taps..][..taps];
        isa.run(Forward {
            shape,
            x,
            weight,
            out,
        });
    });
}

pub(super) fn backward_input<T: Float>(
    shape: &ConvShape,
    grad_out: &[T],
    weight: &[T],
    grad_input: &mut [T],
) {
    let isa = Isa::current();
    let (pixels, taps, multiplier) = (shape.out_pixels(), shape.taps(), shape.group_out());
    for_each_chunk_mut(grad_input, shape.in_pixels(), |i, grad| {
        grad.fill(T::ZERO);
        let (image, channel) = (i / shape.in_channels, i % shape.in_channels);
        for to in channel * multiplier..(channel + 1) * multiplier {
            let grad_out = &grad_out[(image * shape.out_channels + to) * pixels..][..pixels];
            let weight = &weight[to * taps..][..taps];
            isa.run(BackwardInput {
                shape,
                grad_out,
                weight,
                grad,
            });
        }
    });
}

pub(super) fn backward_weight<T: Float>(
    shape: &ConvShape,
    x: &[T],
    grad_out: &[T],
    grad_weight: &mut [T],
) {
    let isa = Isa::current();
    let (plane, pixels) = (shape.in_pixels(), shape.out_pixels());
    for_each_chunk_mut(grad_weight, shape.taps(), |channel, grad| {
        grad.fill(T::ZERO);
        for image in 0..shape.batch {
            let from = image * shape.in_channels + channel / shape.group_out();
            let x = &x[from * plane..][..plane];
            let grad_out = &grad_out[(image * shape.out_channels + channel) * pixels..][..pixels];
            for (tap, grad) in grad.iter_mut().enumerate() {
                *grad += isa.run(BackwardTap {
                    shape,
                    x,
                    grad_out,
                    tap,
                });
            }
        }
    });
}
