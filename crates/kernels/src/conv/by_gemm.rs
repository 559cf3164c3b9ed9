//! Convolution as a matrix product: the input values under each output pixel are gathered into a
//! matrix, a few images at a time, and multiplied with the weights. Without gathering for kernels
//! of one pixel.

use super::ConvShape;
use super::columns::{add_columns, gather_columns, gather_planes, scatter_planes};
use crate::threads::Disjoint;
use crate::{
    Bias, Buffer, Epilogue, Float, MatRef, gemm, gemm_epilogue, num_threads, parallel_for,
};

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

pub(super) fn forward<T: Float>(
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
        let weight =
            MatRef::row_major(&weight[group * rows * depth..][..rows * depth], rows, depth);
        let epilogue = Epilogue {
            bias: bias.map_or(Bias::None, |b| Bias::PerRow(&b[group * rows..][..rows])),
            relu: false,
        };
        let gathered = gather_columns(shape, x, first..first + images, group);
        let matrix = MatRef::row_major(gathered.as_slice(), depth, columns);
        if images == 1 {
            let start = (first * shape.groups + group) * rows * pixels;
            // SAFETY: each task has an image and group of its own.
            let out = unsafe { whole.slice(start, rows * pixels) };
            gemm_epilogue(weight, matrix, out, false, epilogue);
        } else {
            let mut product = Buffer::<T>::new(rows * columns);
            gemm_epilogue(weight, matrix, &mut product, false, epilogue);
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

pub(super) fn backward_weight<T: Float>(
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
