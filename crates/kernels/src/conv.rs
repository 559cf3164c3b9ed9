//! Convolution of images, forward and its gradients.
//!
//! Tensors are plain NCHW. The general case gathers the input values under each output pixel into
//! a matrix, a few images at a time, and multiplies it with the weights; one channel per group
//! (depthwise) has loops of its own. Sums over images run in order, so results do not depend on
//! the number of threads.

mod columns;
mod depthwise;

use crate::tap::Tap;
use crate::threads::Disjoint;
use crate::{Buffer, Float, MatRef, gemm, num_threads, parallel_for, sum_axis};
use columns::{add_columns, gather_columns, gather_planes, scatter_planes};

/// Images are taken together until their matrix has this many columns.
const COLUMNS: usize = 512;

/// The sizes of a convolution. The caller has checked them: strides and dilations are positive,
/// the groups divide the channels, and the dilated kernel fits into the padded input. Pairs are
/// (height, width).
///
/// ```
/// use pleach_kernels::Conv2dShape;
/// let shape = Conv2dShape {
///     batch: 8,
///     in_channels: 3,
///     in_h: 224,
///     in_w: 224,
///     out_channels: 64,
///     kernel: (7, 7),
///     stride: (2, 2),
///     padding: (3, 3),
///     dilation: (1, 1),
///     groups: 1,
/// };
/// assert_eq!((shape.out_h(), shape.out_w()), (112, 112));
/// ```
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Conv2dShape {
    /// Images.
    pub batch: usize,
    /// Channels of the input.
    pub in_channels: usize,
    /// Height of the input.
    pub in_h: usize,
    /// Width of the input.
    pub in_w: usize,
    /// Channels of the output.
    pub out_channels: usize,
    /// Size of the kernel.
    pub kernel: (usize, usize),
    /// Step between windows.
    pub stride: (usize, usize),
    /// Zeros on each side of the input.
    pub padding: (usize, usize),
    /// Step between the input values of a window.
    pub dilation: (usize, usize),
    /// Groups of channels that do not see each other.
    pub groups: usize,
}

impl Conv2dShape {
    /// Height of the output.
    pub fn out_h(&self) -> usize {
        out_size(
            self.in_h,
            self.kernel.0,
            self.stride.0,
            self.padding.0,
            self.dilation.0,
        )
    }

    /// Width of the output.
    pub fn out_w(&self) -> usize {
        out_size(
            self.in_w,
            self.kernel.1,
            self.stride.1,
            self.padding.1,
            self.dilation.1,
        )
    }

    fn in_plane(&self) -> usize {
        self.in_h * self.in_w
    }

    fn out_plane(&self) -> usize {
        self.out_h() * self.out_w()
    }

    fn taps(&self) -> usize {
        self.kernel.0 * self.kernel.1
    }

    /// Input channels of one group.
    fn group_in(&self) -> usize {
        self.in_channels / self.groups
    }

    /// Output channels of one group.
    fn group_out(&self) -> usize {
        self.out_channels / self.groups
    }

    /// Input values under an output pixel: the rows of the gathered matrix.
    fn depth(&self) -> usize {
        self.group_in() * self.taps()
    }

    /// Whether the gathered matrix is the input itself.
    fn is_pointwise(&self) -> bool {
        self.kernel == (1, 1) && self.stride == (1, 1) && self.padding == (0, 0)
    }

    fn is_depthwise(&self) -> bool {
        self.groups > 1 && self.group_in() == 1
    }

    /// Images whose columns make one matrix.
    fn images_at_once(&self) -> usize {
        (COLUMNS / self.out_plane().max(1)).clamp(1, self.batch.max(1))
    }

    fn check(&self, name: &str, x: Option<usize>, weight: Option<usize>, out: Option<usize>) {
        assert!(
            self.groups > 0
                && self.in_channels.is_multiple_of(self.groups)
                && self.out_channels.is_multiple_of(self.groups),
            "{name}: the groups do not divide the channels: {self:?}"
        );
        let equal = |what: &str, len: Option<usize>, sizes: [usize; 4]| {
            let wanted = sizes.iter().try_fold(1usize, |p, s| p.checked_mul(*s));
            assert!(
                len.is_none() || len == wanted,
                "{name}: the {what} is not {sizes:?}: {self:?}"
            );
        };
        equal(
            "input",
            x,
            [self.batch, self.in_channels, self.in_h, self.in_w],
        );
        equal(
            "weight",
            weight,
            [
                self.out_channels,
                self.group_in(),
                self.kernel.0,
                self.kernel.1,
            ],
        );
        equal(
            "output",
            out,
            [self.batch, self.out_channels, self.out_h(), self.out_w()],
        );
    }
}

fn out_size(size: usize, kernel: usize, stride: usize, padding: usize, dilation: usize) -> usize {
    let window = dilation * kernel.saturating_sub(1) + 1;
    assert!(
        stride > 0 && window <= size + 2 * padding,
        "Conv2dShape: a window of {window} with stride {stride} on {size} + 2 * {padding}"
    );
    (size + 2 * padding - window) / stride + 1
}

fn tap_along_h(shape: &Conv2dShape, ky: usize) -> Tap {
    let s = shape;
    Tap::new(ky, s.dilation.0, s.padding.0, s.stride.0, s.in_h, s.out_h())
}

fn tap_along_w(shape: &Conv2dShape, kx: usize) -> Tap {
    let s = shape;
    Tap::new(kx, s.dilation.1, s.padding.1, s.stride.1, s.in_w, s.out_w())
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

/// Convolution: `out[n, o, y, x] = bias[o] + sum over c, ky, kx of
/// weight[o, c, ky, kx] * x[n, c, y * stride + ky * dilation - padding, ..]` (zero outside), where
/// c runs over the channels of o's group.
///
/// `x` is `[batch, in_channels, in_h, in_w]`, `weight` is
/// `[out_channels, in_channels / groups, kernel]`, `bias` is `[out_channels]` and `out` becomes
/// `[batch, out_channels, out_h, out_w]`.
///
/// ```
/// use pleach_kernels::{Conv2dShape, conv2d_forward};
/// let shape = Conv2dShape {
///     batch: 1, in_channels: 1, in_h: 2, in_w: 3, out_channels: 1, kernel: (2, 2),
///     stride: (1, 1), padding: (0, 0), dilation: (1, 1), groups: 1,
/// };
/// let x = [1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0];
/// let mut out = [0.0; 2];
/// conv2d_forward(&shape, &x, &[1.0, 0.0, 0.0, 1.0], Some(&[0.5]), &mut out);
/// assert_eq!(out, [6.5, 8.5]);
/// ```
///
/// # Panics
/// If a length does not fit the shape.
pub fn conv2d_forward<T: Float>(
    shape: &Conv2dShape,
    x: &[T],
    weight: &[T],
    bias: Option<&[T]>,
    out: &mut [T],
) {
    shape.check(
        "conv2d_forward",
        Some(x.len()),
        Some(weight.len()),
        Some(out.len()),
    );
    if let Some(bias) = bias {
        assert_eq!(
            bias.len(),
            shape.out_channels,
            "conv2d_forward: the length of the bias"
        );
    }
    if out.is_empty() {
        return;
    }
    if shape.is_depthwise() {
        return depthwise::forward(shape, x, weight, bias, out);
    }
    let (depth, pixels, rows) = (shape.depth(), shape.out_plane(), shape.group_out());
    let images = shape.images_at_once();
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

/// The gradient of a convolution's input: `grad_out` is `[batch, out_channels, out_h, out_w]`,
/// `weight` as in [`conv2d_forward`], `grad_input` becomes `[batch, in_channels, in_h, in_w]`.
///
/// # Panics
/// If a length does not fit the shape.
pub fn conv2d_backward_input<T: Float>(
    shape: &Conv2dShape,
    grad_out: &[T],
    weight: &[T],
    grad_input: &mut [T],
) {
    shape.check(
        "conv2d_backward_input",
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
    let (depth, pixels, rows) = (shape.depth(), shape.out_plane(), shape.group_out());
    let images = shape.images_at_once();
    let group_len = shape.group_in() * shape.in_plane();
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

/// The gradient of a convolution's weights: `x` and `grad_out` as in [`conv2d_forward`] and
/// [`conv2d_backward_input`], `grad_weight` becomes `[out_channels, in_channels / groups, kernel]`.
///
/// # Panics
/// If a length does not fit the shape.
pub fn conv2d_backward_weight<T: Float>(
    shape: &Conv2dShape,
    x: &[T],
    grad_out: &[T],
    grad_weight: &mut [T],
) {
    shape.check(
        "conv2d_backward_weight",
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
    let (depth, pixels, rows) = (shape.depth(), shape.out_plane(), shape.group_out());
    let at_once = shape.images_at_once();
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
pub fn conv2d_backward_bias<T: Float>(shape: &Conv2dShape, grad_out: &[T], grad_bias: &mut [T]) {
    shape.check("conv2d_backward_bias", None, None, Some(grad_out.len()));
    assert_eq!(
        grad_bias.len(),
        shape.out_channels,
        "conv2d_backward_bias: the length of the gradient"
    );
    let planes = shape.batch * shape.out_channels;
    let mut sums = Buffer::<T>::new(planes);
    sum_axis(grad_out, planes, shape.out_plane(), 1, &mut sums);
    sum_axis(&sums, 1, shape.batch, shape.out_channels, grad_bias);
}

#[cfg(test)]
mod tests;
