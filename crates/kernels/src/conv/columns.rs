//! Images as matrices: the input values under each output pixel, and back.

use std::ops::Range;

use super::{Conv2dShape, tap_along_h, tap_along_w};
use crate::tap::Tap;
use crate::{Buffer, Float, for_each_chunk_mut};

/// A matrix that is part of a tensor as it is, or a copy.
pub(super) enum Matrix<'a, T: Float> {
    Borrowed(&'a [T]),
    Owned(Buffer<T>),
}

impl<T: Float> Matrix<'_, T> {
    pub(super) fn as_slice(&self) -> &[T] {
        match self {
            Matrix::Borrowed(slice) => slice,
            Matrix::Owned(buffer) => buffer,
        }
    }
}

/// The values under each output pixel of some images, for one group:
/// `[channel, ky, kx][image, y, x]`, zero where the window leaves the input.
pub(super) fn gather_columns<'a, T: Float>(
    shape: &Conv2dShape,
    x: &'a [T],
    images: Range<usize>,
    group: usize,
) -> Matrix<'a, T> {
    let (plane, channels) = (shape.in_plane(), shape.group_in());
    let start_of = |image: usize| (image * shape.groups + group) * channels * plane;
    if shape.is_pointwise() && images.len() == 1 {
        return Matrix::Borrowed(&x[start_of(images.start)..][..channels * plane]);
    }
    let pixels = shape.out_plane();
    let columns = images.len() * pixels;
    let mut out = Buffer::<T>::new(shape.depth() * columns);
    for_each_chunk_mut(&mut out, columns, |row, out| {
        let (channel, tap) = (row / shape.taps(), row % shape.taps());
        let along_h = tap_along_h(shape, tap / shape.kernel.1);
        let along_w = tap_along_w(shape, tap % shape.kernel.1);
        for (image, out) in images.clone().zip(out.chunks_exact_mut(pixels)) {
            let x = &x[start_of(image) + channel * plane..][..plane];
            gather_plane(shape, x, along_h, along_w, out);
        }
    });
    Matrix::Owned(out)
}

/// One row of the matrix for one image: what one tap sees of one channel.
fn gather_plane<T: Float>(shape: &Conv2dShape, x: &[T], along_h: Tap, along_w: Tap, out: &mut [T]) {
    let (first, end) = along_w.outputs;
    for (y, out) in out.chunks_exact_mut(shape.out_w()).enumerate() {
        if !along_h.range().contains(&y) || first == end {
            out.fill(T::ZERO);
            continue;
        }
        out[..first].fill(T::ZERO);
        out[end..].fill(T::ZERO);
        let x = &x[along_h.input(y) * shape.in_w + along_w.input(first)..];
        let out = &mut out[first..end];
        if along_w.stride == 1 {
            out.copy_from_slice(&x[..end - first]);
        } else {
            for (out, x) in out.iter_mut().zip(x.iter().step_by(along_w.stride)) {
                *out = *x;
            }
        }
    }
}

/// The reverse of [`gather_columns`] for one image of the matrix: every value is added to where it
/// came from. `grad` is `[channel, y, x]`, and overwritten.
pub(super) fn add_columns<T: Float>(
    shape: &Conv2dShape,
    matrix: &[T],
    columns: usize,
    image: usize,
    grad: &mut [T],
) {
    let pixels = shape.out_plane();
    for_each_chunk_mut(grad, shape.in_plane(), |channel, grad| {
        grad.fill(T::ZERO);
        for tap in 0..shape.taps() {
            let row = channel * shape.taps() + tap;
            let values = &matrix[row * columns + image * pixels..][..pixels];
            let along_h = tap_along_h(shape, tap / shape.kernel.1);
            let along_w = tap_along_w(shape, tap % shape.kernel.1);
            let (first, end) = along_w.outputs;
            if first == end {
                continue;
            }
            for y in along_h.range() {
                let start = along_h.input(y) * shape.in_w + along_w.input(first);
                let values = &values[y * shape.out_w()..][first..end];
                if along_w.stride == 1 {
                    for (grad, v) in grad[start..].iter_mut().zip(values) {
                        *grad += *v;
                    }
                } else {
                    let grad = grad[start..].iter_mut().step_by(along_w.stride);
                    for (grad, v) in grad.zip(values) {
                        *grad += *v;
                    }
                }
            }
        }
    });
}

/// The output planes of some images, for one group: `[channel][image, y, x]`.
pub(super) fn gather_planes<'a, T: Float>(
    shape: &Conv2dShape,
    planes: &'a [T],
    images: Range<usize>,
    group: usize,
) -> Matrix<'a, T> {
    let (pixels, rows) = (shape.out_plane(), shape.group_out());
    let start_of = |image: usize| (image * shape.groups + group) * rows * pixels;
    if images.len() == 1 {
        return Matrix::Borrowed(&planes[start_of(images.start)..][..rows * pixels]);
    }
    let columns = images.len() * pixels;
    let mut out = Buffer::<T>::new(rows * columns);
    for (row, out) in out.chunks_exact_mut(columns).enumerate() {
        for (image, out) in images.clone().zip(out.chunks_exact_mut(pixels)) {
            out.copy_from_slice(&planes[start_of(image) + row * pixels..][..pixels]);
        }
    }
    Matrix::Owned(out)
}

/// Copies one image of a matrix `[channel][image, y, x]` to its planes.
pub(super) fn scatter_planes<T: Float>(
    matrix: &[T],
    columns: usize,
    image: usize,
    pixels: usize,
    out: &mut [T],
) {
    for (row, out) in out.chunks_exact_mut(pixels).enumerate() {
        out.copy_from_slice(&matrix[row * columns + image * pixels..][..pixels]);
    }
}
