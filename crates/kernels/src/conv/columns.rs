//! Images as matrices: the input values under each output pixel, and back.

use std::ops::Range;

use super::ConvShape;
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
/// `[channel, tap][image, pixel]`, of which the `rows`, zero where the window leaves the input.
pub(super) fn gather_columns<'a, T: Float>(
    shape: &ConvShape,
    x: &'a [T],
    images: Range<usize>,
    group: usize,
    rows: Range<usize>,
) -> Matrix<'a, T> {
    let (plane, channels) = (shape.in_pixels(), shape.group_in());
    let start_of = |image: usize| (image * shape.groups + group) * channels * plane;
    if shape.is_pointwise() && images.len() == 1 {
        let x = &x[start_of(images.start)..][..channels * plane];
        return Matrix::Borrowed(&x[rows.start * plane..rows.end * plane]);
    }
    let (output, pixels) = (shape.output(), shape.out_pixels());
    let columns = images.len() * pixels;
    let mut out = Buffer::<T>::new(rows.len() * columns);
    for_each_chunk_mut(&mut out, columns, |row, out| {
        let row = rows.start + row;
        let (channel, tap) = (row / shape.taps(), row % shape.taps());
        let taps = shape.tap(tap);
        for (image, out) in images.clone().zip(out.chunks_exact_mut(pixels)) {
            let x = &x[start_of(image) + channel * plane..][..plane];
            gather_channel([shape.input, output], x, taps, out);
        }
    });
    Matrix::Owned(out)
}

/// One row of the matrix for one image: what one tap sees of one channel. `sizes` are those of the planes
/// before and after.
fn gather_channel<T: Float>(sizes: [[usize; 3]; 2], x: &[T], taps: [Tap; 3], out: &mut [T]) {
    let [along_d, along_h, along_w] = taps;
    let [[_, in_h, in_w], [_, out_h, out_w]] = sizes;
    let (first, end) = along_w.outputs;
    for (row, out) in out.chunks_exact_mut(out_w).enumerate() {
        let (z, y) = (row / out_h, row % out_h);
        if !along_d.range().contains(&z) || !along_h.range().contains(&y) || first == end {
            out.fill(T::ZERO);
            continue;
        }
        out[..first].fill(T::ZERO);
        out[end..].fill(T::ZERO);
        let x = &x[(along_d.input(z) * in_h + along_h.input(y)) * in_w + along_w.input(first)..];
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

/// Calls `f(start in the input channel, start in the output channel, length, stride)` for each
/// run of output pixels that see the input through a tap; their input pixels are `stride` apart. The first
/// argument is the sizes of the planes before and after.
#[inline(always)]
pub(super) fn for_each_row(
    [[_, in_h, in_w], [_, out_h, out_w]]: [[usize; 3]; 2],
    [along_d, along_h, along_w]: [Tap; 3],
    mut f: impl FnMut(usize, usize, usize, usize),
) {
    let (first, end) = along_w.outputs;
    if first == end {
        return;
    }
    for z in along_d.range() {
        for y in along_h.range() {
            let input = (along_d.input(z) * in_h + along_h.input(y)) * in_w + along_w.input(first);
            let output = (z * out_h + y) * out_w + first;
            f(input, output, end - first, along_w.stride);
        }
    }
}

/// The reverse of [`gather_columns`] for one image of the matrix: every value is added to where it
/// came from. `grad` is `[channel, pixel]`; a channel is overwritten with its first row.
pub(super) fn add_columns<T: Float>(
    shape: &ConvShape,
    matrix: &[T],
    columns: usize,
    image: usize,
    rows: Range<usize>,
    grad: &mut [T],
) {
    let (pixels, plane, taps) = (shape.out_pixels(), shape.in_pixels(), shape.taps());
    // Not for each channel: sizes are divided and checked.
    let sizes = [shape.input, shape.output()];
    let all: Vec<[Tap; 3]> = (0..taps).map(|tap| shape.tap(tap)).collect();
    let first = rows.start / taps;
    let grad = &mut grad[first * plane..rows.end.div_ceil(taps) * plane];
    for_each_chunk_mut(grad, plane, |channel, grad| {
        let start = (first + channel) * taps;
        if rows.contains(&start) {
            grad.fill(T::ZERO);
        }
        for row in rows.start.max(start)..rows.end.min(start + taps) {
            let tap = row - start;
            let row = row - rows.start;
            let values = &matrix[row * columns + image * pixels..][..pixels];
            for_each_row(sizes, all[tap], |input, output, len, stride| {
                let values = &values[output..output + len];
                if stride == 1 {
                    for (grad, v) in grad[input..].iter_mut().zip(values) {
                        *grad += *v;
                    }
                } else {
                    let grad = grad[input..].iter_mut().step_by(stride);
                    for (grad, v) in grad.zip(values) {
                        *grad += *v;
                    }
                }
            });
        }
    });
}

/// The output planes of some images, for one group: `[channel][image, pixel]`.
pub(super) fn gather_planes<'a, T: Float>(
    shape: &ConvShape,
    planes: &'a [T],
    images: Range<usize>,
    group: usize,
) -> Matrix<'a, T> {
    let (pixels, rows) = (shape.out_pixels(), shape.group_out());
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

/// Copies one image of a matrix `[channel][image, pixel]` to its planes.
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
