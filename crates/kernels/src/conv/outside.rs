//! What is outside must stay outside.
//!
//! The kernels multiply the zeros of the padding, and unused lanes of vectors, like pixels. That adds
//! nothing, unless the other factor is infinite or not a number: zero times that is not a number. A
//! result that such a product may have spoilt is computed again, from the pixels inside alone, so
//! that in training a nan is where it belongs, and can be hunted down.
//!
//! Looking for such factors costs a pass over the smaller one of a factor and the result, and one over
//! the other if that is not finite. The
//! transformed tiles of [`super::winograd`] are not mended: there a nan spreads over its tile.

use std::sync::atomic::{AtomicBool, Ordering};

use super::ConvShape;
use super::columns::for_each_row;
use crate::{Float, Isa, Loop, for_each_chunk_mut, parallel_for};

/// Values that a task looks at.
const TASK: usize = 1 << 16;

/// Whether all values are finite.
struct AllFinite<'a, T>(&'a [T]);

impl<T: Float> Loop for AllFinite<'_, T> {
    type Output = bool;
    #[inline(always)]
    fn run(self) -> bool {
        // Zero times what is not finite is not a number, which sums keep.
        let mut lanes = [T::ZERO; 32];
        let (rows, rest) = self.0.as_chunks::<32>();
        for row in rows {
            for i in 0..32 {
                lanes[i] += row[i] * T::ZERO;
            }
        }
        for (lane, v) in lanes.iter_mut().zip(rest) {
            *lane += *v * T::ZERO;
        }
        lanes.iter().all(|lane| !lane.is_nan())
    }
}

/// Whether all values are finite.
fn all_finite<T: Float>(values: &[T]) -> bool {
    let isa = Isa::current();
    if values.len() <= TASK {
        return isa.run_narrow(AllFinite(values));
    }
    let finite = AtomicBool::new(true);
    parallel_for(values.len().div_ceil(TASK), |task| {
        let values = &values[task * TASK..];
        if !isa.run_narrow(AllFinite(&values[..TASK.min(values.len())])) {
            finite.store(false, Ordering::Relaxed);
        }
    });
    finite.into_inner()
}

/// Whether a factor that is not finite may have met a zero from outside, and spoilt the result.
fn is_spoilt<T: Float>(factor: &[T], result: &[T]) -> bool {
    let [smaller, larger] = match factor.len() <= result.len() {
        true => [factor, result],
        false => [result, factor],
    };
    !all_finite(smaller) && !all_finite(larger)
}

/// Whether weights may spoil the output of a convolution.
pub(super) fn may_leak<T: Float>(shape: &ConvShape, weight: &[T]) -> bool {
    shape.padding != [0; 3] && !all_finite(weight)
}

/// A position as depth, height and width.
fn position(index: usize, [_, height, width]: [usize; 3]) -> [usize; 3] {
    [
        index / width / height,
        index / width % height,
        index % width,
    ]
}

/// The sum of products, which ends with the first that makes it a nan.
struct Sum<T>(T);

impl<T: Float> Sum<T> {
    fn add(&mut self, a: T, b: T) {
        self.0 += a * b;
    }
    fn is_lost(&self) -> bool {
        self.0.is_nan()
    }
}

/// Mends the output of a convolution.
pub(super) fn mend_forward<T: Float>(
    s: &ConvShape,
    x: &[T],
    weight: &[T],
    bias: Option<&[T]>,
    out: &mut [T],
) {
    if s.padding == [0; 3] || !is_spoilt(weight, out) {
        return;
    }
    let (output, in_pixels, taps) = (s.output(), s.in_pixels(), s.taps());
    for_each_chunk_mut(out, s.out_pixels(), |plane, out| {
        let (image, o) = (plane / s.out_channels, plane % s.out_channels);
        let first = image * s.in_channels + o / s.group_out() * s.group_in();
        for (pixel, out) in out.iter_mut().enumerate().filter(|(_, out)| out.is_nan()) {
            let at = position(pixel, output);
            let inside = (0..3).all(|d| {
                let first = at[d] * s.stride[d];
                let last = first + s.kernel[d].saturating_sub(1) * s.dilation[d];
                first >= s.padding[d] && last < s.padding[d] + s.input[d]
            });
            if inside {
                continue;
            }
            let mut sum = Sum(bias.map_or(T::ZERO, |bias| bias[o]));
            for (c, k) in (0..s.group_in()).flat_map(|c| (0..taps).map(move |k| (c, k))) {
                let tap = position(k, s.kernel);
                let from: [usize; 3] = std::array::from_fn(|d| {
                    (at[d] * s.stride[d] + tap[d] * s.dilation[d]).wrapping_sub(s.padding[d])
                });
                if (0..3).all(|d| from[d] < s.input[d]) {
                    let from = (from[0] * s.input[1] + from[1]) * s.input[2] + from[2];
                    let weight = weight[(o * s.group_in() + c) * taps + k];
                    sum.add(x[(first + c) * in_pixels + from], weight);
                }
                if sum.is_lost() {
                    break;
                }
            }
            *out = sum.0;
        }
    });
}

/// Mends the gradient of the input, to which a bias was added.
pub(super) fn mend_input_gradient<T: Float>(
    s: &ConvShape,
    grad_out: &[T],
    weight: &[T],
    bias: Option<&[T]>,
    grad_input: &mut [T],
) {
    if s.is_pointwise() || !is_spoilt(weight, grad_input) {
        return;
    }
    let (output, out_pixels, taps) = (s.output(), s.out_pixels(), s.taps());
    for_each_chunk_mut(grad_input, s.in_pixels(), |plane, grad_input| {
        let (image, channel) = (plane / s.in_channels, plane % s.in_channels);
        let (group, c) = (channel / s.group_in(), channel % s.group_in());
        for (pixel, grad) in (grad_input.iter_mut().enumerate()).filter(|(_, g)| g.is_nan()) {
            let at = position(pixel, s.input);
            let mut sum = Sum(bias.map_or(T::ZERO, |bias| bias[channel]));
            for (o, k) in (0..s.group_out()).flat_map(|o| (0..taps).map(move |k| (o, k))) {
                let tap = position(k, s.kernel);
                // The output position that sees this pixel through the tap.
                let seen_by = |d: usize| {
                    let distance = (at[d] + s.padding[d]).checked_sub(tap[d] * s.dilation[d])?;
                    let by = distance / s.stride[d];
                    (distance.is_multiple_of(s.stride[d]) && by < output[d]).then_some(by)
                };
                if let (Some(z), Some(y), Some(x)) = (seen_by(0), seen_by(1), seen_by(2)) {
                    let o = group * s.group_out() + o;
                    let from = (image * s.out_channels + o) * out_pixels;
                    let grad_out = grad_out[from + (z * output[1] + y) * output[2] + x];
                    sum.add(grad_out, weight[(o * s.group_in() + c) * taps + k]);
                }
                if sum.is_lost() {
                    break;
                }
            }
            *grad = sum.0;
        }
    });
}

/// Mends the gradient of the weights, in which also unused lanes meet pixels.
pub(super) fn mend_weight_gradient<T: Float>(
    s: &ConvShape,
    x: &[T],
    grad_out: &[T],
    grad_weight: &mut [T],
) {
    // What `planes` computes has lanes beyond the ends of rows, and few weights.
    let has_lanes = s.group_in() == 1 || s.groups > 1 && s.group_in() < 16;
    let spoilt = if has_lanes {
        !all_finite(grad_weight)
    } else {
        s.padding != [0; 3] && is_spoilt(grad_out, grad_weight)
    };
    if !spoilt {
        return;
    }
    let (in_pixels, out_pixels, taps) = (s.in_pixels(), s.out_pixels(), s.taps());
    let sizes = [s.input, s.output()];
    for_each_chunk_mut(grad_weight, s.depth(), |o, grad_weight| {
        let first = o / s.group_out() * s.group_in();
        let weights = grad_weight.iter_mut().enumerate();
        for (i, grad) in weights.filter(|(_, grad)| grad.is_nan()) {
            let (c, tap) = (i / taps, s.tap(i % taps));
            let mut sum = Sum(T::ZERO);
            for image in 0..s.batch {
                let x = &x[(image * s.in_channels + first + c) * in_pixels..][..in_pixels];
                let grad_out = &grad_out[(image * s.out_channels + o) * out_pixels..];
                for_each_row(sizes, tap, |input, output, len, stride| {
                    if sum.is_lost() {
                        return;
                    }
                    let pixels = x[input..].iter().step_by(stride);
                    for (grad_out, x) in grad_out[output..][..len].iter().zip(pixels) {
                        sum.add(*grad_out, *x);
                    }
                });
            }
            *grad = sum.0;
        }
    });
}
