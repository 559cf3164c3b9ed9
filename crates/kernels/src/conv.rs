//! Convolution over one, two or three spatial dimensions, forward and its gradients.
//!
//! Tensors are plain `[batch, channels, depth, height, width]`. The general case gathers the input values under each output pixel into
//! a matrix, a few images at a time, and multiplies it with the weights; one channel per group
//! (depthwise) has loops of its own. Sums over images run in order, so results do not depend on
//! the number of threads.

mod columns;
mod depthwise;
mod shape;

pub use shape::ConvShape;

use crate::threads::Disjoint;
use crate::{Buffer, Float, MatRef, gemm, num_threads, parallel_for, sum_axis};
use columns::{add_columns, gather_columns, gather_planes, scatter_planes};

/// Images are taken together until their matrix has this many columns.
const COLUMNS: usize = 512;

/// Images whose columns make one matrix.
fn images_at_once(shape: &ConvShape) -> usize {
    (COLUMNS / shape.out_pixels().max(1)).clamp(1, shape.batch.max(1))
}

/// Runs the tasks on the threads of the pool if there are enough for all; else one after the
/// other, and each may use the pool.
fn for_each_task(tasks: usize, f: impl Fn(usize) + Sync) {
    if tasks >= num_threads() {
        parallel_for(tasks, f);
    } else {
        (0..tasks).for_each(f);
    }
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
    if shape.is_depthwise() {
        return depthwise::forward(shape, x, weight, bias, out);
    }
    let (depth, pixels, rows) = (shape.depth(), shape.out_pixels(), shape.group_out());
    let images = images_at_once(shape);
    let whole = Disjoint::new(out);
    for_each_task(shape.batch.div_ceil(images) * shape.groups, |task| {
        let (first, group) = (task / shape.groups * images, task % shape.groups);
        let images = images.min(shape.batch - first);
        let columns = images * pixels;
        let weight =
            MatRef::row_major(&weight[group * rows * depth..][..rows * depth], rows, depth);
        let fill_bias = |out: &mut [T]| {
            for (i, out) in out.chunks_exact_mut(columns).enumerate() {
                out.fill(bias.map_or(T::ZERO, |b| b[group * rows + i]));
            }
        };
        let gathered = gather_columns(shape, x, first..first + images, group);
        let matrix = MatRef::row_major(gathered.as_slice(), depth, columns);
        if images == 1 {
            let start = (first * shape.groups + group) * rows * pixels;
            // SAFETY: each task has an image and group of its own.
            let out = unsafe { whole.slice(start, rows * pixels) };
            fill_bias(out);
            gemm(weight, matrix, out, true);
        } else {
            let mut product = Buffer::<T>::new(rows * columns);
            fill_bias(&mut product);
            gemm(weight, matrix, &mut product, true);
            for image in 0..images {
                let start = ((first + image) * shape.groups + group) * rows * pixels;
                // SAFETY: each task has images and a group of its own.
                let out = unsafe { whole.slice(start, rows * pixels) };
                scatter_planes(&product, columns, image, pixels, out);
            }
        }
    });
}

/// The gradient of a convolution's input: `grad_out` is `[batch, out_channels, output]`,
/// `weight` as in [`conv_forward`], `grad_input` becomes `[batch, in_channels, input]`.
///
/// This is also the transposed convolution from `out_channels` to `in_channels`: `shape` is that
/// of the convolution that it transposes, so the size of its result is `shape.input`, and
/// whatever output padding it has is in there.
///
/// ```
/// use pleach_kernels::{ConvShape, conv_backward_input};
/// // A transposed convolution of 2 pixels with stride 2: (2 - 1) * 2 + 3 = 5 pixels.
/// let shape = ConvShape::new(1, [1, 1], [5], [3]).with_stride([2]);
/// let mut out = [0.0f32; 5];
/// conv_backward_input(&shape, &[1.0, 10.0], &[1.0, 2.0, 3.0], &mut out);
/// assert_eq!(out, [1.0, 2.0, 13.0, 20.0, 30.0]);
/// ```
///
/// # Panics
/// If a length does not fit the shape.
pub fn conv_backward_input<T: Float>(
    shape: &ConvShape,
    grad_out: &[T],
    weight: &[T],
    grad_input: &mut [T],
) {
    shape.check(
        "conv_backward_input",
        Some(grad_input.len()),
        Some(weight.len()),
        Some(grad_out.len()),
    );
    if grad_input.is_empty() {
        return;
    }
    if grad_out.is_empty() || weight.is_empty() {
        grad_input.fill(T::ZERO);
        return;
    }
    if shape.is_depthwise() {
        return depthwise::backward_input(shape, grad_out, weight, grad_input);
    }
    let (depth, pixels, rows) = (shape.depth(), shape.out_pixels(), shape.group_out());
    let images = images_at_once(shape);
    let group_len = shape.group_in() * shape.in_pixels();
    let whole = Disjoint::new(grad_input);
    for_each_task(shape.batch.div_ceil(images) * shape.groups, |task| {
        let (first, group) = (task / shape.groups * images, task % shape.groups);
        let images = images.min(shape.batch - first);
        let columns = images * pixels;
        let weight =
            MatRef::row_major(&weight[group * rows * depth..][..rows * depth], rows, depth);
        let gathered = gather_planes(shape, grad_out, first..first + images, group);
        let grad = MatRef::row_major(gathered.as_slice(), rows, columns);
        // SAFETY: each task has images and a group of its own.
        let part = |image: usize| unsafe {
            whole.slice(
                ((first + image) * shape.groups + group) * group_len,
                group_len,
            )
        };
        if shape.is_pointwise() && images == 1 {
            gemm(weight.transposed(), grad, part(0), false);
            return;
        }
        let mut product = Buffer::<T>::new(depth * columns);
        gemm(weight.transposed(), grad, &mut product, false);
        for image in 0..images {
            add_columns(shape, &product, columns, image, part(image));
        }
    });
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
    if shape.is_depthwise() {
        return depthwise::backward_weight(shape, x, grad_out, grad_weight);
    }
    let (depth, pixels, rows) = (shape.depth(), shape.out_pixels(), shape.group_out());
    let at_once = images_at_once(shape);
    let whole = Disjoint::new(grad_weight);
    for_each_task(shape.groups, |group| {
        // SAFETY: each task has a group of its own.
        let grad_weight = unsafe { whole.slice(group * rows * depth, rows * depth) };
        for first in (0..shape.batch).step_by(at_once) {
            let images = first..shape.batch.min(first + at_once);
            let columns = images.len() * pixels;
            let grad = gather_planes(shape, grad_out, images.clone(), group);
            let x = gather_columns(shape, x, images, group);
            gemm(
                MatRef::row_major(grad.as_slice(), rows, columns),
                MatRef::row_major(x.as_slice(), depth, columns).transposed(),
                grad_weight,
                first > 0,
            );
        }
    });
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
