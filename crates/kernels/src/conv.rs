//! Convolution over one, two or three spatial dimensions, forward and its gradients.
//!
//! Tensors are plain `[batch, channels, depth, height, width]`; what a kernel wants in another
//! order it packs itself. `Algorithm` lists the ways there are, and chooses. Sums over images run
//! in order, so results do not depend on the number of threads. What the padding's zeros must not do is
//! in `outside`.

mod by_gemm;
mod columns;
mod direct;
mod geometry;
mod outside;
mod packed;
mod packing;
mod planes;
mod shape;
mod tile;
mod transpose;
mod weight_grad;
mod weights;
mod winograd;

pub use packed::PackedConv;
pub use shape::ConvShape;
pub(crate) use shape::spatial;

use std::any::TypeId;

use crate::{
    Bias, Buffer, Epilogue, Float, Isa, Precision, float32_precision, for_each_chunk_mut, sum_axis,
};

/// Channels of a group, up to which pixels are the lanes.
const FEW: usize = 16;

/// The way in which a convolution and its gradients are computed.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Algorithm {
    /// Few channels in a group: pixels as lanes, see [`planes`].
    Planes,
    /// A matrix product, see [`by_gemm`].
    Gemm,
    /// Sums in registers over a padded copy of the source, see [`direct`].
    Direct,
    /// Fewer products of transformed tiles, see [`winograd`].
    Winograd(winograd::Sizes),
}

impl Algorithm {
    /// The best way for a shape and float.
    fn choose<T: Float>(shape: &ConvShape) -> Self {
        if float32_precision() == Precision::High
            && is_f32::<T>()
            && let Some(sizes) = winograd::Sizes::of(shape).filter(winograd::Sizes::pays)
        {
            return Algorithm::Winograd(sizes);
        }
        let [_, _, out_width] = shape.output();
        // The direct kernel reads a kernel of one pixel's source where it is, a line of each
        // channel at a time, which is slow when channels are memory pages apart.
        let far_apart = shape.in_pixels() * size_of::<T>() > 1024;
        let few_channels = shape.groups > 1 && shape.group_in().max(shape.group_out()) <= FEW;
        if (few_channels || shape.is_depthwise()) && direct::fits(shape) {
            Algorithm::Planes
        } else if shape.is_pointwise() && far_apart
            || out_width < 4
            || shape.groups > 1 && shape.group_in() < 16
            || !direct::fits(shape)
        {
            Algorithm::Gemm
        } else {
            Algorithm::Direct
        }
    }
}

fn is_f32<T: Float>() -> bool {
    TypeId::of::<T>() == TypeId::of::<f32>()
}

fn as_f32<T: Float>(values: &[T]) -> &[f32] {
    assert!(is_f32::<T>());
    // SAFETY: they are of this type.
    unsafe { std::slice::from_raw_parts(values.as_ptr().cast(), values.len()) }
}

fn as_f32_mut<T: Float>(values: &mut [T]) -> &mut [f32] {
    assert!(is_f32::<T>());
    // SAFETY: they are of this type.
    unsafe { std::slice::from_raw_parts_mut(values.as_mut_ptr().cast(), values.len()) }
}

/// Convolution: `out[n, o, y] = bias[o] + sum over c, k of
/// weight[o, c, k] * x[n, c, y * stride + k * dilation - padding]` (zero outside), where y and k
/// are positions in the output and the kernel, and c runs over the channels of o's group.
///
/// `x` is `[batch, in_channels, input]`, `weight` is
/// `[out_channels, in_channels / groups, kernel]`, `bias` is `[out_channels]` and `out` becomes
/// `[batch, out_channels, output]`.
///
/// ```
/// use pleach_kernels::{ConvShape, conv_forward};
/// let shape = ConvShape::new(1, [1, 1], [2, 3], [2, 2]);
/// let x = [1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0];
/// let mut out = [0.0; 2];
/// conv_forward(&shape, &x, &[1.0, 0.0, 0.0, 1.0], Some(&[0.5]), &mut out);
/// assert_eq!(out, [6.5, 8.5]);
/// ```
///
/// # Panics
/// If a length does not fit the shape.
pub fn conv_forward<T: Float>(
    shape: &ConvShape,
    x: &[T],
    weight: &[T],
    bias: Option<&[T]>,
    out: &mut [T],
) {
    shape.check(
        "conv_forward",
        Some(x.len()),
        Some(weight.len()),
        Some(out.len()),
    );
    if let Some(bias) = bias {
        assert_eq!(
            bias.len(),
            shape.out_channels,
            "conv_forward: the length of the bias"
        );
    }
    if out.is_empty() {
        return;
    }
    if weight.is_empty() {
        // There are no input channels, and nothing is added to the bias.
        return for_each_chunk_mut(out, shape.out_pixels(), |plane, out| {
            out.fill(bias.map_or(T::ZERO, |bias| bias[plane % shape.out_channels]));
        });
    }
    match Algorithm::choose::<T>(shape) {
        Algorithm::Planes => planes::forward(Isa::current(), shape, x, weight, bias, out),
        Algorithm::Gemm => by_gemm::forward(shape, x, weight, bias, out),
        Algorithm::Direct => direct::forward(Isa::current(), shape, x, weight, bias, out),
        Algorithm::Winograd(sizes) => {
            let epilogue = Epilogue {
                bias: bias.map_or(Bias::None, |bias| Bias::PerRow(as_f32(bias))),
                ..Epilogue::NONE
            };
            let (x, weight, out) = (as_f32(x), as_f32(weight), as_f32_mut(out));
            return winograd::forward(Isa::current(), &sizes, x, weight, &epilogue, out);
        }
    }
    outside::mend_forward(shape, x, weight, bias, out);
}

/// The gradient of a convolution's input: `grad_out` is `[batch, out_channels, output]`,
/// `weight` as in [`conv_forward`], `grad_input` becomes `[batch, in_channels, input]`.
///
/// # Panics
/// If a length does not fit the shape.
pub fn conv_backward_input<T: Float>(
    shape: &ConvShape,
    grad_out: &[T],
    weight: &[T],
    grad_input: &mut [T],
) {
    let name = "conv_backward_input";
    let lens = [grad_input.len(), weight.len(), grad_out.len()].map(Some);
    shape.check(name, lens[0], lens[1], lens[2]);
    conv_transpose(shape, grad_out, weight, None, grad_input);
}

/// The transposed convolution from `out_channels` to `in_channels`, which is what
/// [`conv_backward_input`] computes, plus a bias: `shape` is that of the convolution that it transposes, so
/// the size of its result is `shape.input`, and whatever output padding it has is in there.
///
/// `x` is `[batch, out_channels, output]`, `weight` as in [`conv_forward`], `bias` is `[in_channels]`, and
/// `out` becomes `[batch, in_channels, input]`.
///
/// ```
/// use pleach_kernels::{ConvShape, conv_transpose};
/// // Of 2 pixels with stride 2: (2 - 1) * 2 + 3 = 5 pixels.
/// let shape = ConvShape::new(1, [1, 1], [5], [3]).with_stride([2]);
/// let mut out = [0.0f32; 5];
/// conv_transpose(&shape, &[1.0, 10.0], &[1.0, 2.0, 3.0], Some(&[0.5]), &mut out);
/// assert_eq!(out, [1.5, 2.5, 13.5, 20.5, 30.5]);
/// ```
///
/// # Panics
/// If a length does not fit the shape.
pub fn conv_transpose<T: Float>(
    shape: &ConvShape,
    x: &[T],
    weight: &[T],
    bias: Option<&[T]>,
    out: &mut [T],
) {
    shape.check(
        "conv_transpose",
        Some(out.len()),
        Some(weight.len()),
        Some(x.len()),
    );
    if let Some(bias) = bias {
        let channels = shape.in_channels;
        assert_eq!(
            bias.len(),
            channels,
            "conv_transpose: the length of the bias"
        );
    }
    if out.is_empty() {
        return;
    }
    let algorithm = match direct::few_classes(shape) {
        true => Algorithm::choose::<T>(shape),
        false => Algorithm::Gemm,
    };
    let isa = Isa::current();
    match algorithm {
        _ if x.is_empty() || weight.is_empty() => out.fill(T::ZERO),
        Algorithm::Direct => {
            direct::backward_input(isa, shape, x, weight, bias, out);
            return outside::mend_input_gradient(shape, x, weight, bias, out);
        }
        // It multiplies no padding.
        Algorithm::Gemm => by_gemm::backward_input(shape, x, weight, out),
        Algorithm::Planes => {
            planes::backward_input(isa, shape, x, weight, out);
            outside::mend_input_gradient(shape, x, weight, None, out);
        }
        Algorithm::Winograd(sizes) => {
            let (x, weight) = (as_f32(x), as_f32(weight));
            winograd::backward_input(isa, &sizes, x, weight, as_f32_mut(out));
        }
    }
    if let Some(bias) = bias {
        let epilogue = Epilogue {
            bias: Bias::PerRow(bias),
            ..Epilogue::NONE
        };
        let pixels = shape.in_pixels();
        for_each_chunk_mut(out, pixels, |plane, out| {
            epilogue.apply(isa, plane % shape.in_channels, 0, out);
        });
    }
}

/// The gradient of a convolution's weights: `x` and `grad_out` as in [`conv_forward`] and
/// [`conv_backward_input`], `grad_weight` becomes `[out_channels, in_channels / groups, kernel]`.
///
/// # Panics
/// If a length does not fit the shape.
pub fn conv_backward_weight<T: Float>(
    shape: &ConvShape,
    x: &[T],
    grad_out: &[T],
    grad_weight: &mut [T],
) {
    shape.check(
        "conv_backward_weight",
        Some(x.len()),
        Some(grad_weight.len()),
        Some(grad_out.len()),
    );
    if grad_weight.is_empty() {
        return;
    }
    if grad_out.is_empty() {
        grad_weight.fill(T::ZERO);
        return;
    }
    match Algorithm::choose::<T>(shape) {
        // Dot products do not get faster with more channels, tiles of channels do.
        Algorithm::Planes if shape.group_in() >= 16 => {
            weight_grad::run(Isa::current(), shape, x, grad_out, grad_weight);
        }
        Algorithm::Planes => {
            planes::backward_weight(Isa::current(), shape, x, grad_out, grad_weight);
        }
        Algorithm::Gemm => by_gemm::backward_weight(shape, x, grad_out, grad_weight),
        // A kernel of one pixel has nothing to gather.
        Algorithm::Direct if shape.is_pointwise() => {
            by_gemm::backward_weight(shape, x, grad_out, grad_weight);
        }
        // A tile of a single channel's few taps is mostly empty.
        Algorithm::Direct if shape.group_in() == 1 => {
            planes::backward_weight(Isa::current(), shape, x, grad_out, grad_weight);
        }
        Algorithm::Direct => weight_grad::run(Isa::current(), shape, x, grad_out, grad_weight),
        Algorithm::Winograd(sizes) if !sizes.pays_for_weights() => {
            weight_grad::run(Isa::current(), shape, x, grad_out, grad_weight);
        }
        Algorithm::Winograd(sizes) => {
            let (x, grad_out) = (as_f32(x), as_f32(grad_out));
            let grad_weight = as_f32_mut(grad_weight);
            let isa = Isa::current();
            return winograd::backward_weight(isa, &sizes, x, grad_out, grad_weight);
        }
    }
    outside::mend_weight_gradient(shape, x, grad_out, grad_weight);
}

/// The gradient of a convolution's bias, the sum of `grad_out` over images and pixels:
/// `grad_bias` becomes `[out_channels]`.
///
/// # Panics
/// If a length does not fit the shape.
pub fn conv_backward_bias<T: Float>(shape: &ConvShape, grad_out: &[T], grad_bias: &mut [T]) {
    shape.check("conv_backward_bias", None, None, Some(grad_out.len()));
    assert_eq!(
        grad_bias.len(),
        shape.out_channels,
        "conv_backward_bias: the length of the gradient"
    );
    let planes = shape.batch * shape.out_channels;
    let mut sums = Buffer::<T>::new(planes);
    sum_axis(grad_out, planes, shape.out_pixels(), 1, &mut sums);
    sum_axis(&sums, 1, shape.batch, shape.out_channels, grad_bias);
}

#[cfg(test)]
mod tests;
