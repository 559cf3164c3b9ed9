//! Sampling of planes at points that lie between their elements, and its two gradients.
//!
//! A point's coordinates are -1 at one edge of the input and 1 at the other. Every point is a weighted
//! sum of neighbours (`points`), found once for several channels. Each plane of an output is
//! written by one thread.

use crate::{Float, for_each_chunk_mut};

mod points;
mod shape;

use points::{NOWHERE, Points};
pub use shape::{GridMode, GridPadding, GridSample};

/// Points whose neighbours are found at a time.
const BLOCK: usize = 256;
/// Planes that share what was found.
const PLANES: usize = 8;

impl GridSample {
    /// Calls `f(image, first of its planes that are in the task, this part)` for the parts of `out`, whose
    /// planes have `len` elements, that lie in one image.
    fn for_each_image<T: Float>(
        &self,
        out: &mut [T],
        len: usize,
        f: impl Fn(usize, usize, &mut [T]) + Sync,
    ) {
        // Few planes are shared out one by one.
        let planes = self.batch * self.channels;
        let each = PLANES.min(planes.div_ceil(8)).max(1);
        for_each_chunk_mut(out, each * len, |task, out| {
            let (mut plane, mut out) = (task * each, out);
            while !out.is_empty() {
                let (image, channel) = (plane / self.channels, plane % self.channels);
                let count = (self.channels - channel).min(out.len() / len);
                let (now, rest) = out.split_at_mut(count * len);
                f(image, plane, now);
                (plane, out) = (plane + count, rest);
            }
        });
    }

    /// Calls `f(first point, how many, their neighbours)` for the points of an image, some at a time.
    fn for_each_block<T: Float>(
        &self,
        image: usize,
        grid: &[T],
        mut f: impl FnMut(usize, usize, &Points<T>),
    ) {
        let axes = self.axes();
        let grid = &grid[image * self.points * axes..][..self.points * axes];
        let mut found = Points::new(self);
        for (i, points) in grid.chunks(BLOCK * axes).enumerate() {
            found.find(self, points);
            f(i * BLOCK, points.len() / axes, &found);
        }
    }

    /// The samples: `out` becomes `[batch, channels, points]`.
    ///
    /// ```
    /// use pleach_kernels::grid_sample::{GridMode, GridPadding, GridSample};
    /// let (mode, padding, align_corners) = (GridMode::Linear, GridPadding::Zeros, true);
    /// let (batch, channels, points, input) = (1, 1, 2, vec![1, 3]);
    /// let sample = GridSample { batch, channels, input, points, mode, padding, align_corners };
    /// let mut out = [0.0; 2];
    /// sample.forward(&[1.0, 2.0, 6.0], &[-0.5, 0.0, 1.0, 0.0], &mut out);
    /// assert_eq!(out, [1.5, 6.0]);
    /// ```
    ///
    /// # Panics
    /// If a length does not fit.
    pub fn forward<T: Float>(&self, x: &[T], grid: &[T], out: &mut [T]) {
        self.check("grid_sample", x.len(), grid.len(), out.len());
        if out.is_empty() {
            return;
        }
        let plane = self.plane();
        self.for_each_image(out, self.points, |image, first, out| {
            self.for_each_block(image, grid, |point, count, found| {
                for (i, out) in out.chunks_exact_mut(self.points).enumerate() {
                    let x = &x[(first + i) * plane..][..plane];
                    let out = &mut out[point..][..count];
                    for (out, (at, weights)) in out.iter_mut().zip(found.each()) {
                        let mut sum = T::ZERO;
                        for (at, w) in at.iter().zip(weights) {
                            if *at != NOWHERE {
                                sum += x[*at] * *w;
                            }
                        }
                        *out = sum;
                    }
                }
            });
        });
    }

    /// The gradient of the input: `grad` is `[batch, channels, points]`, `grad_input` becomes `[batch,
    /// channels, input]`.
    ///
    /// # Panics
    /// If a length does not fit.
    pub fn backward_input<T: Float>(&self, grad: &[T], grid: &[T], grad_input: &mut [T]) {
        self.check("grid_sample", grad_input.len(), grid.len(), grad.len());
        grad_input.fill(T::ZERO);
        if grad.is_empty() {
            return;
        }
        let plane = self.plane();
        self.for_each_image(grad_input, plane, |image, first, grad_input| {
            self.for_each_block(image, grid, |point, count, found| {
                for (i, to) in grad_input.chunks_exact_mut(plane).enumerate() {
                    let grad = &grad[(first + i) * self.points + point..][..count];
                    for (grad, (at, weights)) in grad.iter().zip(found.each()) {
                        for (at, w) in at.iter().zip(weights) {
                            if *at != NOWHERE {
                                to[*at] += *grad * *w;
                            }
                        }
                    }
                }
            });
        });
    }

    /// The gradient of the points: `grad` is `[batch, channels, points]`, `grad_grid` becomes `[batch,
    /// points, axes]`.
    ///
    /// # Panics
    /// If a length does not fit.
    pub fn backward_grid<T: Float>(&self, grad: &[T], x: &[T], grid: &[T], grad_grid: &mut [T]) {
        self.check("grid_sample", x.len(), grid.len(), grad.len());
        assert_eq!(grad_grid.len(), grid.len(), "grid_sample: {self:?}");
        if grad.is_empty() {
            return grad_grid.fill(T::ZERO);
        }
        let (plane, axes) = (self.plane(), self.axes());
        for_each_chunk_mut(grad_grid, BLOCK * axes, |task, grad_grid| {
            let mut found = Points::new(self);
            let mut sums = Vec::new();
            let (mut point, mut out) = (task * BLOCK, grad_grid);
            while !out.is_empty() {
                let (image, start) = (point / self.points, point % self.points);
                let count = (self.points - start).min(out.len() / axes);
                let (now, rest) = out.split_at_mut(count * axes);
                found.find(self, &grid[point * axes..][..count * axes]);
                // For each neighbour what it is worth to all channels.
                sums.clear();
                sums.resize(found.len(), T::ZERO);
                for channel in image * self.channels..(image + 1) * self.channels {
                    let x = &x[channel * plane..][..plane];
                    let grad = &grad[channel * self.points + start..][..count];
                    let sums = sums.chunks_exact_mut(found.neighbours());
                    for ((grad, (at, _)), sums) in grad.iter().zip(found.each()).zip(sums) {
                        for (at, sum) in at.iter().zip(sums) {
                            if *at != NOWHERE {
                                *sum += *grad * x[*at];
                            }
                        }
                    }
                }
                for (axis, slopes) in found.slopes().iter().enumerate() {
                    let each = slopes.chunks_exact(found.neighbours());
                    let each = each.zip(sums.chunks_exact(found.neighbours()));
                    for (to, (slopes, sums)) in now[axis..].iter_mut().step_by(axes).zip(each) {
                        let terms = slopes.iter().zip(sums);
                        *to = terms.fold(T::ZERO, |sum, (s, v)| sum + *s * *v);
                    }
                }
                (point, out) = (point + count, rest);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::threads::with_thread_counts;

    const MODES: [GridMode; 3] = [GridMode::Linear, GridMode::Nearest, GridMode::Cubic];
    const PADDINGS: [GridPadding; 3] = [
        GridPadding::Zeros,
        GridPadding::Border,
        GridPadding::Reflection,
    ];

    fn values(len: usize, seed: usize) -> Vec<f64> {
        let step = |i: usize| ((i * 7919 + seed * 31) % 997) as f64;
        (0..len).map(|i| step(i) / 400.0 - 1.25).collect()
    }

    /// Every way to sample, on planes of these sizes.
    fn all(input: &[usize], mut run: impl FnMut(GridSample)) {
        for mode in MODES {
            for padding in PADDINGS {
                for align_corners in [false, true] {
                    let (batch, channels, points, input) = (2, 11, 300, input.to_vec());
                    run(GridSample {
                        batch,
                        channels,
                        input,
                        points,
                        mode,
                        padding,
                        align_corners,
                    });
                }
            }
        }
    }

    #[test]
    fn gradients_are_those_of_the_samples_and_threads_change_nothing() {
        for input in [&[4, 5][..], &[1, 3], &[3, 2, 4]] {
            all(input, |s| {
                let planes = s.batch * s.channels;
                let (x, grid) = (
                    values(planes * s.plane(), 1),
                    values(s.batch * s.points * s.axes(), 2),
                );
                let g = values(planes * s.points, 3);
                let loss = |x: &[f64], grid: &[f64]| -> f64 {
                    let mut out = vec![0.0; g.len()];
                    s.forward(x, grid, &mut out);
                    out.iter().zip(&g).map(|(o, g)| o * g).sum()
                };
                let runs = with_thread_counts(|| {
                    let (mut dx, mut dgrid) = (vec![9.0; x.len()], vec![9.0; grid.len()]);
                    s.backward_input(&g, &grid, &mut dx);
                    s.backward_grid(&g, &x, &grid, &mut dgrid);
                    (dx, dgrid, loss(&x, &grid))
                });
                assert!(runs.iter().all(|r| *r == runs[0]));
                let (dx, dgrid, _) = &runs[0];
                let h = 1e-6;
                for i in [0, 3, x.len() - 1] {
                    let (mut a, mut b) = (x.clone(), x.clone());
                    (a[i], b[i]) = (a[i] + h, b[i] - h);
                    let slope = (loss(&a, &grid) - loss(&b, &grid)) / (2.0 * h);
                    assert!((slope - dx[i]).abs() < 1e-4, "{s:?} {slope} {}", dx[i]);
                }
                for i in [0, 7, 100, grid.len() - 1] {
                    let (mut a, mut b) = (grid.clone(), grid.clone());
                    (a[i], b[i]) = (a[i] + h, b[i] - h);
                    let slope = (loss(&x, &a) - loss(&x, &b)) / (2.0 * h);
                    assert!(
                        (slope - dgrid[i]).abs() < 1e-3,
                        "{s:?} {i}: {slope} {}",
                        dgrid[i]
                    );
                }
            });
        }
    }

    #[test]
    fn points_that_are_no_numbers_read_nothing_outside() {
        for point in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e30, -1e30] {
            all(&[4, 5], |s| {
                let x = vec![1.0; s.batch * s.channels * s.plane()];
                let grid = vec![point; s.batch * s.points * s.axes()];
                let mut out = vec![5.0; s.batch * s.channels * s.points];
                s.forward(&x, &grid, &mut out);
                let (mut dx, mut dgrid) = (x.clone(), grid.clone());
                s.backward_input(&out, &grid, &mut dx);
                s.backward_grid(&out, &x, &grid, &mut dgrid);
            });
        }
    }
}
