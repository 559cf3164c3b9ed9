//! Average pooling.

use std::ops::Range;

use super::for_each_plane;
use super::shape::{Axis, PoolShape};
use crate::{Buffer, Float};

/// What an average divides by.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum AvgDivisor {
    /// The positions of the window that lie in the input or its padding.
    CountPadding,
    /// The positions of the window that lie in the input.
    CountInput,
    /// A given number.
    Fixed(i64),
}

/// The input positions of one window along one axis.
#[derive(Copy, Clone)]
pub(super) struct Window {
    pub(super) start: usize,
    /// Not before the start.
    pub(super) end: usize,
    /// How many positions an average counts.
    pub(super) count: f64,
}

impl Window {
    pub(super) fn range(&self) -> Range<usize> {
        self.start..self.end
    }
}

/// The windows of an average. The part beyond the padding, which `ceil_mode` can make, never
/// counts.
fn windows(axis: Axis, divisor: AvgDivisor) -> Vec<Window> {
    let windows = (0..axis.output).map(|i| {
        let first = i.saturating_mul(axis.stride);
        let padded = axis.padding.saturating_mul(2).saturating_add(axis.input);
        let last = first.saturating_add(axis.kernel).min(padded);
        let start = first.saturating_sub(axis.padding).min(axis.input);
        let end = last.saturating_sub(axis.padding).min(axis.input).max(start);
        let count = match divisor {
            AvgDivisor::CountPadding => last.saturating_sub(first) as f64,
            AvgDivisor::CountInput => (end - start) as f64,
            AvgDivisor::Fixed(_) => 1.0,
        };
        Window { start, end, count }
    });
    windows.collect()
}

/// The windows of averages.
pub(super) struct Average {
    pub(super) input: [usize; 3],
    /// Along depth, height and width.
    pub(super) windows: [Vec<Window>; 3],
    /// What the counts along the axes are multiplied with.
    pub(super) factor: f64,
}

impl Average {
    fn new(shape: &PoolShape, divisor: AvgDivisor) -> Self {
        assert_eq!(
            shape.dilation, [1; 3],
            "avg_pool: an average has no dilation"
        );
        Average {
            input: shape.input,
            windows: shape.axes().map(|axis| windows(axis, divisor)),
            factor: match divisor {
                AvgDivisor::Fixed(n) => n as f64,
                _ => 1.0,
            },
        }
    }

    /// Elements of an input plane, and of an output plane.
    fn lens(&self) -> [usize; 2] {
        let outputs = self.windows.iter().map(Vec::len).product();
        [self.input.iter().product(), outputs]
    }

    /// Calls `f(slices and rows of the input that a row of windows sees, their part of the divisor)` for
    /// each row of windows of a plane in turn.
    #[inline(always)]
    fn each_row(&self, mut f: impl FnMut([&Window; 2], f64)) {
        let [depths, rows, _] = &self.windows;
        for depth in depths {
            for row in rows {
                f([depth, row], self.factor * depth.count * row.count);
            }
        }
    }

    /// Calls `f(where a line begins)` for each of these rows of these slices of the input.
    #[inline(always)]
    fn each_line(&self, [depth, row]: [&Window; 2], mut f: impl FnMut(usize)) {
        let [_, height, width] = self.input;
        for z in depth.range() {
            for y in row.range() {
                f((z * height + y) * width);
            }
        }
    }

    pub(super) fn forward<T: Float>(&self, x: &[T], out: &mut [T]) {
        let [in_plane, plane] = self.lens();
        let [_, _, cols] = &self.windows;
        for_each_plane(out, plane, in_plane, |i, out| {
            let x = &x[i * in_plane..][..in_plane];
            let mut rows = out.chunks_exact_mut(cols.len());
            self.each_row(|lines, count| {
                let Some(out) = rows.next() else { return };
                out.fill(T::ZERO);
                self.each_line(lines, |line| {
                    let line = &x[line..];
                    for (out, col) in out.iter_mut().zip(cols) {
                        *out += line[col.range()].iter().fold(T::ZERO, |sum, v| sum + *v);
                    }
                });
                // Of an empty window the sum, which is 0, is no average.
                let seen = lines.iter().all(|lines| !lines.range().is_empty());
                for (out, col) in out.iter_mut().zip(cols).filter(|_| seen) {
                    if !col.range().is_empty() {
                        *out = *out / T::from_f64(count * col.count);
                    }
                }
            });
        });
    }

    pub(super) fn backward<T: Float>(&self, grad_out: &[T], grad_input: &mut [T]) {
        let [in_plane, plane] = self.lens();
        let [_, _, cols] = &self.windows;
        for_each_plane(grad_input, in_plane, in_plane, |i, grad| {
            grad.fill(T::ZERO);
            let mut rows = grad_out[i * plane..][..plane].chunks_exact(cols.len());
            let mut shares = Buffer::<T>::new(cols.len());
            self.each_row(|lines, count| {
                let Some(grad_out) = rows.next() else { return };
                for ((share, g), col) in shares.iter_mut().zip(grad_out).zip(cols) {
                    *share = *g / T::from_f64(count * col.count);
                }
                self.each_line(lines, |line| {
                    let line = &mut grad[line..];
                    for (share, col) in shares.iter().zip(cols) {
                        line[col.range()].iter_mut().for_each(|v| *v += *share);
                    }
                });
            });
        });
    }
}

/// Average of each window: its sum over the input, over `divisor`. `x` is `[planes, input]`, `out`
/// becomes `[planes, output]`.
///
/// ```
/// use pleach_kernels::{AvgDivisor, PoolShape, avg_pool_forward};
/// let shape = PoolShape::new(1, [3], [2], [2], [1], [1], false).unwrap();
/// let mut out = [0.0f32; 2];
/// avg_pool_forward(&shape, &[2.0, 4.0, 6.0], AvgDivisor::CountPadding, &mut out);
/// assert_eq!(out, [1.0, 5.0]);
/// avg_pool_forward(&shape, &[2.0, 4.0, 6.0], AvgDivisor::CountInput, &mut out);
/// assert_eq!(out, [2.0, 5.0]);
/// ```
///
/// # Panics
/// If a length does not fit the shape, or the shape has dilation.
pub fn avg_pool_forward<T: Float>(shape: &PoolShape, x: &[T], divisor: AvgDivisor, out: &mut [T]) {
    shape.check("avg_pool_forward", x.len(), out.len());
    if out.is_empty() {
        return;
    }
    Average::new(shape, divisor).forward(x, out);
}

/// The gradient of an average pooling's input: `grad_out` is `[planes, output]`, `grad_input`
/// becomes `[planes, input]`.
///
/// # Panics
/// If a length does not fit the shape, or the shape has dilation.
pub fn avg_pool_backward<T: Float>(
    shape: &PoolShape,
    grad_out: &[T],
    divisor: AvgDivisor,
    grad_input: &mut [T],
) {
    shape.check("avg_pool_backward", grad_input.len(), grad_out.len());
    if grad_out.is_empty() {
        return grad_input.fill(T::ZERO);
    }
    if grad_input.is_empty() {
        return;
    }
    Average::new(shape, divisor).backward(grad_out, grad_input);
}
