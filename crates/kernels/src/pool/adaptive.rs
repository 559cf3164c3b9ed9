//! Adaptive pooling: the windows are chosen for the size of the output.

use super::average::{Average, Window};
use super::for_each_plane;
use super::shape::AdaptivePoolShape;
use crate::Float;
use crate::threads::Disjoint;

/// The windows along one axis: from `floor(i * size / out)` to `ceil((i + 1) * size / out)`.
pub(super) fn windows(size: usize, out: usize) -> Vec<Window> {
    let windows = (0..out).map(|i| {
        let (start, end) = (i * size / out, ((i + 1) * size).div_ceil(out));
        let count = (end - start) as f64;
        Window { start, end, count }
    });
    windows.collect()
}

impl AdaptivePoolShape {
    /// The windows along each axis.
    fn windows(&self) -> [Vec<Window>; 3] {
        std::array::from_fn(|d| windows(self.input[d], self.output[d]))
    }

    fn average(&self) -> Average {
        Average {
            input: self.input,
            windows: self.windows(),
            factor: 1.0,
        }
    }
}

/// The average of each window. `x` is `[planes, input]`, `out` becomes `[planes, output]`.
///
/// ```
/// use pleach_kernels::{AdaptivePoolShape, adaptive_avg_pool_forward};
/// let mut out = [0.0f32; 2];
/// let shape = AdaptivePoolShape::new(1, [3], [2]);
/// adaptive_avg_pool_forward(&shape, &[1.0, 2.0, 6.0], &mut out);
/// assert_eq!(out, [1.5, 4.0]);
/// ```
///
/// # Panics
/// If a length does not fit, or an input without elements has outputs.
pub fn adaptive_avg_pool_forward<T: Float>(shape: &AdaptivePoolShape, x: &[T], out: &mut [T]) {
    check_forward("adaptive_avg_pool_forward", shape, x, out);
    if !out.is_empty() {
        shape.average().forward(x, out);
    }
}

fn check_forward<T>(name: &str, shape: &AdaptivePoolShape, x: &[T], out: &[T]) {
    shape.check(name, x.len(), out.len());
    assert!(out.is_empty() || !x.is_empty(), "{name}: an empty input");
}

/// The gradient of an adaptive average's input: `grad_out` is `[planes, output]`, `grad_input`
/// becomes `[planes, input]`.
///
/// # Panics
/// If a length does not fit.
pub fn adaptive_avg_pool_backward<T: Float>(
    shape: &AdaptivePoolShape,
    grad_out: &[T],
    grad_input: &mut [T],
) {
    shape.check(
        "adaptive_avg_pool_backward",
        grad_input.len(),
        grad_out.len(),
    );
    if grad_out.is_empty() {
        return grad_input.fill(T::ZERO);
    }
    if !grad_input.is_empty() {
        shape.average().backward(grad_out, grad_input);
    }
}

/// The maximum of each window; `indices` becomes its place in the input plane
/// (`(z * height + y) * width + x`), and [`max_pool_backward`](crate::max_pool_backward) brings
/// gradients there.
///
/// `x` is `[planes, input]`; `out` and `indices` become `[planes, output]`. The first maximum in
/// row-major order wins; a nan wins over every number.
///
/// ```
/// use pleach_kernels::{AdaptivePoolShape, adaptive_max_pool_forward};
/// let shape = AdaptivePoolShape::new(1, [3], [2]);
/// let (mut out, mut indices) = ([0.0f32; 2], [0; 2]);
/// adaptive_max_pool_forward(&shape, &[1.0, 2.0, 2.0], &mut out, &mut indices);
/// assert_eq!((out, indices), ([2.0, 2.0], [1, 1]));
/// ```
///
/// # Panics
/// If a length does not fit, or an input without elements has outputs.
pub fn adaptive_max_pool_forward<T: Float>(
    shape: &AdaptivePoolShape,
    x: &[T],
    out: &mut [T],
    indices: &mut [i64],
) {
    let name = "adaptive_max_pool_forward";
    check_forward(name, shape, x, out);
    assert_eq!(
        out.len(),
        indices.len(),
        "{name}: the length of the indices"
    );
    if out.is_empty() {
        return;
    }
    let [depths, rows, cols] = shape.windows();
    let [_, height, width] = shape.input;
    let (in_plane, plane) = (x.len() / shape.planes, out.len() / shape.planes);
    let out = Disjoint::new(out);
    for_each_plane(indices, plane, in_plane, |i, indices| {
        // SAFETY: each plane is in one task.
        let out = unsafe { out.slice(i * plane, plane) };
        let x = &x[i * in_plane..][..in_plane];
        let mut outputs = out.iter_mut().zip(indices);
        for depth in &depths {
            for row in &rows {
                for (col, (out, index)) in cols.iter().zip(&mut outputs) {
                    let first = (depth.start * height + row.start) * width + col.start;
                    let mut best = (x[first], first);
                    for z in depth.range() {
                        for line in row.range().map(|y| (z * height + y) * width) {
                            let places = line + col.start..line + col.end;
                            for (v, place) in x[places.clone()].iter().zip(places) {
                                if *v > best.0 || v.is_nan() {
                                    best = (*v, place);
                                }
                            }
                        }
                    }
                    (*out, *index) = (best.0, best.1 as i64);
                }
            }
        }
    });
}
