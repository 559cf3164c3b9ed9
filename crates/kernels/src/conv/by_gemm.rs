//! Convolution as a matrix product: the input values under each output pixel are gathered into a
//! matrix, a few images at a time, and multiplied with the weights. Without gathering for kernels
//! of one pixel.
//!
//! The matrix has a row for each weight of an output channel. Where all of them together would be
//! much larger than the images, as for a kernel of the size of its image, they are gathered and
//! multiplied some at a time.

use std::ops::Range;

use super::ConvShape;
use super::columns::{add_columns, gather_columns, gather_planes, scatter_planes};
use crate::threads::Disjoint;
use crate::{
    Bias, Buffer, Epilogue, Float, MatRef, gemm, gemm_epilogue, num_threads, parallel_for,
};

/// Images are taken together until their matrix has this many columns.
const COLUMNS: usize = 512;

/// Elements of a matrix that are always worth their memory.
const SMALL_MATRIX: usize = 1 << 20;
/// Elements of a matrix for each one of the images that it is made of, at most.
const TIMES_IMAGES: usize = 8;

/// Images whose columns make one matrix.
fn images_at_once(shape: &ConvShape) -> usize {
    (COLUMNS / shape.out_pixels().max(1)).clamp(1, shape.batch.max(1))
}

/// The most elements that a matrix may have. As the cuts of a sum change its bits, they do not depend
/// on the number of threads.
fn largest_matrix(shape: &ConvShape) -> usize {
    let pixels = shape.group_in() * shape.in_pixels() + shape.group_out() * shape.out_pixels();
    SMALL_MATRIX.max(pixels.saturating_mul(images_at_once(shape) * TIMES_IMAGES))
}

/// The rows of a matrix of so many columns, in pieces of nearly the same size of at most `largest`
/// elements each, or one row; one empty piece if there are none.
fn pieces(depth: usize, columns: usize, largest: usize) -> impl Iterator<Item = Range<usize>> {
    let most = (largest / columns.max(1)).max(1);
    let count = depth.div_ceil(most).max(1);
    let len = depth.div_ceil(count);
    (0..count).map(move |piece| (piece * len).min(depth)..((piece + 1) * len).min(depth))
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

pub(super) fn forward<T: Float>(
    shape: &ConvShape,
    x: &[T],
    weight: &[T],
    bias: Option<&[T]>,
    out: &mut [T],
) {
    forward_within(largest_matrix(shape), shape, x, weight, bias, out);
}

/// [`forward`] with matrices of at most `largest` elements.
fn forward_within<T: Float>(
    largest: usize,
    shape: &ConvShape,
    x: &[T],
    weight: &[T],
    bias: Option<&[T]>,
    out: &mut [T],
) {
    let (depth, pixels, rows) = (shape.depth(), shape.out_pixels(), shape.group_out());
    let images = images_at_once(shape);
    let whole = Disjoint::new(out);
    for_each_task(shape.batch.div_ceil(images) * shape.groups, |task| {
        let (first, group) = (task / shape.groups * images, task % shape.groups);
        let images = images.min(shape.batch - first);
        let columns = images * pixels;
        let weight = &weight[group * rows * depth..][..rows * depth];
        let multiply = |out: &mut [T]| {
            for piece in pieces(depth, columns, largest) {
                let (len, last) = (piece.len(), piece.end == depth);
                let accumulate = piece.start > 0;
                let weight = MatRef::new(&weight[piece.start..], rows, len, depth, 1);
                let bias = bias.filter(|_| last);
                let epilogue = Epilogue {
                    bias: bias.map_or(Bias::None, |b| Bias::PerRow(&b[group * rows..][..rows])),
                    ..Epilogue::NONE
                };
                let gathered = gather_columns(shape, x, first..first + images, group, piece);
                let matrix = MatRef::row_major(gathered.as_slice(), len, columns);
                gemm_epilogue(weight, matrix, out, accumulate, epilogue);
            }
        };
        if images == 1 {
            let start = (first * shape.groups + group) * rows * pixels;
            // SAFETY: each task has an image and group of its own.
            multiply(unsafe { whole.slice(start, rows * pixels) });
        } else {
            let mut product = Buffer::<T>::new(rows * columns);
            multiply(&mut product);
            for image in 0..images {
                let start = ((first + image) * shape.groups + group) * rows * pixels;
                // SAFETY: each task has images and a group of its own.
                let out = unsafe { whole.slice(start, rows * pixels) };
                scatter_planes(&product, columns, image, pixels, out);
            }
        }
    });
}

pub(super) fn backward_input<T: Float>(
    shape: &ConvShape,
    grad_out: &[T],
    weight: &[T],
    grad_input: &mut [T],
) {
    backward_input_within(largest_matrix(shape), shape, grad_out, weight, grad_input);
}

/// [`backward_input`] with matrices of at most `largest` elements.
fn backward_input_within<T: Float>(
    largest: usize,
    shape: &ConvShape,
    grad_out: &[T],
    weight: &[T],
    grad_input: &mut [T],
) {
    let (depth, pixels, rows) = (shape.depth(), shape.out_pixels(), shape.group_out());
    let images = images_at_once(shape);
    let group_len = shape.group_in() * shape.in_pixels();
    let whole = Disjoint::new(grad_input);
    for_each_task(shape.batch.div_ceil(images) * shape.groups, |task| {
        let (first, group) = (task / shape.groups * images, task % shape.groups);
        let images = images.min(shape.batch - first);
        let columns = images * pixels;
        let weight = &weight[group * rows * depth..][..rows * depth];
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
            let weight = MatRef::row_major(weight, rows, depth);
            gemm(weight.transposed(), grad, part(0), false);
            return;
        }
        for piece in pieces(depth, columns, largest) {
            let len = piece.len();
            let weight = MatRef::new(&weight[piece.start..], rows, len, depth, 1);
            let mut product = Buffer::<T>::new(len * columns);
            gemm(weight.transposed(), grad, &mut product, false);
            for image in 0..images {
                add_columns(shape, &product, columns, image, piece.clone(), part(image));
            }
        }
    });
}

pub(super) fn backward_weight<T: Float>(
    shape: &ConvShape,
    x: &[T],
    grad_out: &[T],
    grad_weight: &mut [T],
) {
    backward_weight_within(largest_matrix(shape), shape, x, grad_out, grad_weight);
}

/// [`backward_weight`] with matrices of at most `largest` elements.
fn backward_weight_within<T: Float>(
    largest: usize,
    shape: &ConvShape,
    x: &[T],
    grad_out: &[T],
    grad_weight: &mut [T],
) {
    let (depth, pixels, rows) = (shape.depth(), shape.out_pixels(), shape.group_out());
    let at_once = images_at_once(shape);
    let whole = Disjoint::new(grad_weight);
    for_each_task(shape.groups, |group| {
        // SAFETY: each task has a group of its own.
        let grad_weight = unsafe { whole.slice(group * rows * depth, rows * depth) };
        let add_up = |piece: &Range<usize>, sums: &mut [T]| {
            for first in (0..shape.batch).step_by(at_once) {
                let images = first..shape.batch.min(first + at_once);
                let columns = images.len() * pixels;
                let grad = gather_planes(shape, grad_out, images.clone(), group);
                let x = gather_columns(shape, x, images, group, piece.clone());
                gemm(
                    MatRef::row_major(grad.as_slice(), rows, columns),
                    MatRef::row_major(x.as_slice(), piece.len(), columns).transposed(),
                    sums,
                    first > 0,
                );
            }
        };
        for piece in pieces(depth, at_once * pixels, largest) {
            if piece.len() == depth {
                add_up(&piece, grad_weight);
                continue;
            }
            // Columns of the gradient, whose rows are apart.
            let mut sums = Buffer::<T>::new(rows * piece.len());
            add_up(&piece, &mut sums);
            let from = sums.chunks_exact(piece.len().max(1));
            for (row, sums) in grad_weight.chunks_exact_mut(depth).zip(from) {
                row[piece.clone()].copy_from_slice(sums);
            }
        }
    });
}

#[cfg(test)]
mod tests;
