//! Sliding windows of images as columns, and columns summed to images.

use std::ops::Range;

use crate::{Number, Plain, for_each_chunk_mut};

/// The windows of planes: an output column for each position of the window, with a row for each
/// element that it sees. All pairs are (height, width).
#[derive(Copy, Clone, Debug)]
pub struct ColumnsShape {
    /// Images times channels.
    pub planes: usize,
    /// Elements of a plane.
    pub image: [usize; 2],
    /// Elements of a window.
    pub kernel: [usize; 2],
    /// Step between the elements of a window.
    pub dilation: [usize; 2],
    /// Zeros on each side of a plane.
    pub padding: [usize; 2],
    /// Step between windows.
    pub stride: [usize; 2],
    /// Windows of a plane.
    pub windows: [usize; 2],
}

impl ColumnsShape {
    /// Elements of a plane, and of its columns.
    fn lens(&self) -> [usize; 2] {
        let columns = self.kernel.iter().chain(&self.windows).product();
        [self.image.iter().product(), columns]
    }

    fn check(&self, name: &str, image: usize, columns: usize) {
        let lens = self.lens().map(|n| n.checked_mul(self.planes));
        assert_eq!([Some(image), Some(columns)], lens, "{name}: {self:?}");
    }

    /// Along one axis, the windows whose element `tap` lies in the plane, and where that of the first of
    /// them lies.
    fn inside(&self, d: usize, tap: usize) -> (Range<usize>, usize) {
        let sizes = [self.image[d], self.stride[d], self.padding[d]].map(|n| n as i128);
        let [size, stride, padding] = sizes;
        let offset = tap as i128 * self.dilation[d] as i128 - padding;
        let count = self.windows[d] as i128;
        // The first window that reaches a place: there are no more than `count`, a usize.
        let from = |place: i128| {
            let windows = (place - offset + stride - 1).div_euclid(stride);
            windows.clamp(0, count) as usize
        };
        let range = from(0)..from(size);
        let first = range.start as i128 * stride + offset;
        (range, if first < 0 { 0 } else { first as usize })
    }

    /// Calls `f(start in the columns, length, start in the plane)` for each row of windows and element of a
    /// window; windows of length 0 are left out.
    #[inline(always)]
    fn each_row(&self, mut f: impl FnMut(usize, usize, usize)) {
        let [_, width] = self.image;
        let [rows, columns] = self.windows;
        let along: Vec<_> = (0..self.kernel[1]).map(|k| self.inside(1, k)).collect();
        for ky in 0..self.kernel[0] {
            let (down, top) = self.inside(0, ky);
            for (kx, (across, left)) in along.iter().enumerate() {
                let tap = (ky * self.kernel[1] + kx) * rows;
                for (n, i) in down.clone().enumerate() {
                    let start = (tap + i) * columns + across.start;
                    if !across.is_empty() {
                        f(
                            start,
                            across.len(),
                            (top + n * self.stride[0]) * width + left,
                        );
                    }
                }
            }
        }
    }
}

/// Planes of `len` elements that make a piece of work worth a thread.
fn planes_per_task(len: usize) -> usize {
    ((1 << 14) / len.max(1)).max(1)
}

/// The windows of planes as columns: `image` is `[planes, height, width]`, `columns` becomes `[planes,
/// kernel, windows]`; what lies in the padding is `T::default()`.
///
/// # Panics
/// If a length does not fit the shape, or a stride is 0.
pub fn im2col<T: Plain + Default>(shape: &ColumnsShape, image: &[T], columns: &mut [T]) {
    shape.check("im2col", image.len(), columns.len());
    if columns.is_empty() {
        return;
    }
    let [plane, len] = shape.lens();
    let [_, stride] = shape.stride;
    let each = planes_per_task(len);
    for_each_chunk_mut(columns, each * len, |task, columns| {
        for (n, columns) in columns.chunks_exact_mut(len).enumerate() {
            let image = &image[(task * each + n) * plane..][..plane];
            columns.fill(T::default());
            shape.each_row(|start, count, from| {
                let to = &mut columns[start..][..count];
                if stride == 1 {
                    to.copy_from_slice(&image[from..][..count]);
                } else {
                    let from = image[from..].iter().step_by(stride);
                    to.iter_mut().zip(from).for_each(|(to, v)| *to = *v);
                }
            });
        }
    });
}

/// The sums of columns: the gradient of [`im2col`]. `columns` is `[planes, kernel, windows]`, `image`
/// becomes `[planes, height, width]`.
///
/// # Panics
/// If a length does not fit the shape, or a stride is 0.
pub fn col2im<T: Number>(shape: &ColumnsShape, columns: &[T], image: &mut [T]) {
    shape.check("col2im", image.len(), columns.len());
    if image.is_empty() {
        return;
    }
    let [plane, len] = shape.lens();
    let [_, stride] = shape.stride;
    let each = planes_per_task(len.max(plane));
    for_each_chunk_mut(image, each * plane, |task, image| {
        for (n, image) in image.chunks_exact_mut(plane).enumerate() {
            let columns = &columns[(task * each + n) * len..][..len];
            image.fill(T::ZERO);
            shape.each_row(|start, count, to| {
                let from = &columns[start..][..count];
                if stride == 1 {
                    let to = image[to..][..count].iter_mut();
                    to.zip(from).for_each(|(to, v)| *to = to.add(*v));
                } else {
                    let to = image[to..].iter_mut().step_by(stride);
                    to.zip(from).for_each(|(to, v)| *to = to.add(*v));
                }
            });
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where an element of a window lies.
    fn place(shape: &ColumnsShape, d: usize, tap: usize, window: usize) -> Option<usize> {
        let at = window * shape.stride[d] + tap * shape.dilation[d];
        at.checked_sub(shape.padding[d])
            .filter(|at| *at < shape.image[d])
    }

    #[test]
    fn windows_are_those_of_a_direct_loop_and_go_back_where_they_came_from() {
        for (image, kernel, dilation, padding, stride, windows) in [
            ([5, 7], [2, 3], [1, 1], [0, 0], [1, 1], [4, 5]),
            ([5, 7], [2, 3], [2, 1], [1, 2], [2, 3], [3, 3]),
            ([3, 2], [1, 1], [1, 1], [4, 3], [1, 2], [11, 4]),
            ([1, 1], [3, 3], [1, 5], [1, 5], [9, 9], [1, 1]),
        ] {
            let planes = 3;
            let shape = ColumnsShape {
                planes,
                image,
                kernel,
                dilation,
                padding,
                stride,
                windows,
            };
            let [plane, len] = shape.lens();
            let x: Vec<f64> = (0..planes * plane).map(|i| i as f64 + 1.0).collect();
            let mut columns = vec![-1.0; planes * len];
            im2col(&shape, &x, &mut columns);
            let (mut at, mut back) = (0, vec![0.0; x.len()]);
            for p in 0..planes {
                for tap in 0..kernel[0] * kernel[1] {
                    for window in 0..windows[0] * windows[1] {
                        let y = place(&shape, 0, tap / kernel[1], window / windows[1]);
                        let z = place(&shape, 1, tap % kernel[1], window % windows[1]);
                        let source = y.zip(z).map(|(y, z)| p * plane + y * image[1] + z);
                        assert_eq!(columns[at], source.map_or(0.0, |i| x[i]));
                        if let Some(i) = source {
                            back[i] += columns[at];
                        }
                        at += 1;
                    }
                }
            }
            let mut sums = vec![-1.0; x.len()];
            col2im(&shape, &columns, &mut sums);
            assert_eq!(sums, back);
        }
    }
}
