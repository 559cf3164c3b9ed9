//! Pooling of images: maximum, average and adaptive average, forward and backward, on planes
//! (batch times channels) of height times width.

use crate::tap::Tap;
use crate::threads::Disjoint;
use crate::{Float, Isa, Loop, Plain, for_each_chunk_mut, parallel_for};

/// The sizes of a pooling operation. The caller has chosen the output size (`ceil_mode` is only a
/// matter of that) so that every window meets the input. Pairs are (height, width).
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Pool2dShape {
    /// Images times channels.
    pub planes: usize,
    /// Size of an input plane.
    pub input: (usize, usize),
    /// Size of an output plane.
    pub output: (usize, usize),
    /// Size of the window.
    pub kernel: (usize, usize),
    /// Step between windows.
    pub stride: (usize, usize),
    /// Padding on each side of the input: minus infinity for a maximum, zeros for an average.
    pub padding: (usize, usize),
    /// Step between the input values of a window (1 for an average).
    pub dilation: (usize, usize),
}

impl Pool2dShape {
    fn check(&self, name: &str, input: usize, output: usize) {
        check_planes(name, self.planes, self.input, input);
        check_planes(name, self.planes, self.output, output);
    }
}

fn check_planes(name: &str, planes: usize, (h, w): (usize, usize), len: usize) {
    let wanted = h.checked_mul(w).and_then(|plane| plane.checked_mul(planes));
    assert_eq!(
        Some(len),
        wanted,
        "{name}: {len} elements are not [{planes}, {h}, {w}]"
    );
}

/// The input positions of one window along one axis.
#[derive(Copy, Clone)]
struct Window {
    start: usize,
    end: usize,
    /// How many positions an average counts if it counts padding.
    padded: usize,
}

/// The windows of a maximum: those inside the input, from the first tap that is.
fn max_windows(
    size: usize,
    out: usize,
    kernel: usize,
    stride: usize,
    padding: usize,
    dilation: usize,
) -> Vec<Window> {
    let windows = (0..out).map(|i| {
        let outside = padding.saturating_sub(i * stride).div_ceil(dilation);
        let start = i * stride + outside * dilation - padding;
        let end = (i * stride + dilation * (kernel - 1) + 1)
            .saturating_sub(padding)
            .min(size);
        assert!(
            start < end,
            "max_pool2d: window {i} does not meet the input of {size}"
        );
        Window {
            start,
            end,
            padded: 0,
        }
    });
    windows.collect()
}

/// The windows of an average. The part beyond the padding, which `ceil_mode` can make, never
/// counts.
fn average_windows(
    size: usize,
    out: usize,
    kernel: usize,
    stride: usize,
    padding: usize,
) -> Vec<Window> {
    let windows = (0..out).map(|i| {
        let end = (i * stride + kernel).min(size + 2 * padding);
        Window {
            start: (i * stride).saturating_sub(padding).min(size),
            end: end.saturating_sub(padding).min(size),
            padded: end.saturating_sub(i * stride),
        }
    });
    windows.collect()
}

/// The windows of an adaptive average: from `floor(i * size / out)` to
/// `ceil((i + 1) * size / out)`.
fn adaptive_windows(size: usize, out: usize) -> Vec<Window> {
    let windows = (0..out).map(|i| {
        let (start, end) = (i * size / out, ((i + 1) * size).div_ceil(out));
        Window {
            start,
            end,
            padded: end - start,
        }
    });
    windows.collect()
}

/// Planes of `len` elements that make a piece of work worth a thread.
fn planes_per_task(len: usize) -> usize {
    ((1 << 14) / len.max(1)).max(1)
}

/// Runs `f(plane number, output plane)` on the threads of the pool; `work` is the size of the
/// larger plane.
fn for_each_plane<T: Plain>(
    out: &mut [T],
    plane: usize,
    work: usize,
    f: impl Fn(usize, &mut [T]) + Sync,
) {
    if out.is_empty() {
        return;
    }
    let each = planes_per_task(work);
    for_each_chunk_mut(out, each * plane, |i, out| {
        for (j, out) in out.chunks_exact_mut(plane).enumerate() {
            f(i * each + j, out);
        }
    });
}

/// Maximum of each window; `indices` becomes its place in the input plane (`y * width + x`).
///
/// `x` is `[planes, input]`; `out` and `indices` become `[planes, output]`. The first maximum in
/// row-major order wins; a nan wins over every number.
///
/// ```
/// use pleach_kernels::{Pool2dShape, max_pool2d_forward};
/// let shape = Pool2dShape {
///     planes: 1, input: (2, 4), output: (1, 2),
///     kernel: (2, 2), stride: (2, 2), padding: (0, 0), dilation: (1, 1),
/// };
/// let x = [1.0f32, 2.0, 5.0, 0.0, 4.0, 3.0, 5.0, 1.0];
/// let (mut out, mut indices) = ([0.0; 2], [0; 2]);
/// max_pool2d_forward(&shape, &x, &mut out, &mut indices);
/// assert_eq!((out, indices), ([4.0, 5.0], [4, 2]));
/// ```
///
/// # Panics
/// If a length does not fit the shape, or a window lies outside the input.
pub fn max_pool2d_forward<T: Float>(
    shape: &Pool2dShape,
    x: &[T],
    out: &mut [T],
    indices: &mut [i64],
) {
    shape.check("max_pool2d_forward", x.len(), out.len());
    assert_eq!(
        out.len(),
        indices.len(),
        "max_pool2d_forward: the length of the indices"
    );
    if out.is_empty() {
        return;
    }
    let s = shape;
    let rows = max_windows(
        s.input.0,
        s.output.0,
        s.kernel.0,
        s.stride.0,
        s.padding.0,
        s.dilation.0,
    );
    let cols = max_windows(
        s.input.1,
        s.output.1,
        s.kernel.1,
        s.stride.1,
        s.padding.1,
        s.dilation.1,
    );
    let (in_plane, plane) = (s.input.0 * s.input.1, s.output.0 * s.output.1);
    let each = planes_per_task(in_plane);
    let (out, indices) = (Disjoint::new(out), Disjoint::new(indices));
    parallel_for(s.planes.div_ceil(each), |task| {
        for i in task * each..s.planes.min((task + 1) * each) {
            // SAFETY: each task has planes of its own.
            let (out, indices) =
                unsafe { (out.slice(i * plane, plane), indices.slice(i * plane, plane)) };
            max_plane(
                s,
                &x[i * in_plane..][..in_plane],
                &rows,
                &cols,
                out,
                indices,
            );
        }
    });
}

fn max_plane<T: Float>(
    shape: &Pool2dShape,
    x: &[T],
    rows: &[Window],
    cols: &[Window],
    out: &mut [T],
    indices: &mut [i64],
) {
    let s = shape;
    let isa = Isa::current();
    let (in_w, out_w) = (s.input.1, s.output.1);
    let taps = |kx| Tap::new(kx, s.dilation.1, s.padding.1, s.stride.1, in_w, out_w);
    let outputs = out
        .chunks_exact_mut(out_w)
        .zip(indices.chunks_exact_mut(out_w));
    for (row, (best, places)) in rows.iter().zip(outputs) {
        best.fill(T::NEG_INFINITY);
        for (place, col) in places.iter_mut().zip(cols) {
            *place = (row.start * in_w + col.start) as i64;
        }
        for y in (row.start..row.end).step_by(s.dilation.0) {
            for tap in (0..s.kernel.1).map(taps) {
                let (first, end) = tap.outputs;
                if first == end {
                    continue;
                }
                let place = y * in_w + tap.input(first);
                let last = (end - 1 - first) * tap.stride;
                isa.run(MaxTap {
                    x: &x[place..=place + last],
                    stride: tap.stride,
                    place: place as i64,
                    best: &mut best[first..end],
                    places: &mut places[first..end],
                });
            }
        }
    }
}

/// Compares what one tap sees, `stride` apart, with the best so far.
struct MaxTap<'a, T> {
    x: &'a [T],
    stride: usize,
    place: i64,
    best: &'a mut [T],
    places: &'a mut [i64],
}

#[inline(always)]
fn max_update<T: Float>(best: &mut T, place: &mut i64, v: T, at: i64) {
    let better = v > *best || v.is_nan();
    *best = if better { v } else { *best };
    *place = if better { at } else { *place };
}

impl<T: Float> MaxTap<'_, T> {
    /// A stride that the compiler knows can be vectorised.
    #[inline(always)]
    fn with_stride<const S: usize>(self) {
        let MaxTap {
            x,
            place,
            best,
            places,
            ..
        } = self;
        // The last value has no full step after it.
        let (steps, rest) = x.as_chunks::<S>();
        let outputs = best.iter_mut().zip(&mut *places);
        for (i, ((best, at), v)) in outputs.zip(steps).enumerate() {
            max_update(best, at, v[0], place + (i * S) as i64);
        }
        if let (Some(v), Some(best), Some(at)) = (rest.first(), best.last_mut(), places.last_mut())
        {
            max_update(best, at, *v, place + (steps.len() * S) as i64);
        }
    }
}

impl<T: Float> Loop for MaxTap<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        match self.stride {
            1 => self.with_stride::<1>(),
            2 => self.with_stride::<2>(),
            3 => self.with_stride::<3>(),
            stride => {
                let values = self.x.iter().step_by(stride).enumerate();
                let outputs = self.best.iter_mut().zip(self.places);
                for ((best, at), (i, v)) in outputs.zip(values) {
                    max_update(best, at, *v, self.place + (i * stride) as i64);
                }
            }
        }
    }
}

/// The gradient of a maximum pooling's input: each value of `grad_out` (`[planes, output]`) is
/// added where `indices` says its maximum was. `grad_input` becomes `[planes, input]`.
///
/// # Panics
/// If a length does not fit the shape, or an index lies outside the plane.
pub fn max_pool2d_backward<T: Float>(
    shape: &Pool2dShape,
    grad_out: &[T],
    indices: &[i64],
    grad_input: &mut [T],
) {
    shape.check("max_pool2d_backward", grad_input.len(), grad_out.len());
    assert_eq!(
        grad_out.len(),
        indices.len(),
        "max_pool2d_backward: the length of the indices"
    );
    let in_plane = shape.input.0 * shape.input.1;
    let plane = shape.output.0 * shape.output.1;
    for_each_plane(grad_input, in_plane, in_plane, |i, grad| {
        grad.fill(T::ZERO);
        let places = &indices[i * plane..][..plane];
        for (g, place) in grad_out[i * plane..][..plane].iter().zip(places) {
            grad[*place as usize] += *g;
        }
    });
}

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

impl AvgDivisor {
    fn of<T: Float>(self, row: &Window, col: &Window) -> T {
        match self {
            AvgDivisor::CountPadding => T::from_usize(row.padded * col.padded),
            AvgDivisor::CountInput => T::from_usize((row.end - row.start) * (col.end - col.start)),
            AvgDivisor::Fixed(n) => T::from_f64(n as f64),
        }
    }
}

/// The windows of an average pooling and its divisor.
struct Average {
    planes: usize,
    input: (usize, usize),
    rows: Vec<Window>,
    cols: Vec<Window>,
    divisor: AvgDivisor,
}

impl Average {
    fn new(shape: &Pool2dShape, divisor: AvgDivisor) -> Self {
        let s = shape;
        assert_eq!(s.dilation, (1, 1), "avg_pool2d: an average has no dilation");
        let (h, w) = s.input;
        Average {
            planes: s.planes,
            input: s.input,
            rows: average_windows(h, s.output.0, s.kernel.0, s.stride.0, s.padding.0),
            cols: average_windows(w, s.output.1, s.kernel.1, s.stride.1, s.padding.1),
            divisor,
        }
    }

    fn adaptive(planes: usize, input: (usize, usize), output: (usize, usize)) -> Self {
        Average {
            planes,
            input,
            rows: adaptive_windows(input.0, output.0),
            cols: adaptive_windows(input.1, output.1),
            divisor: AvgDivisor::CountInput,
        }
    }

    fn forward<T: Float>(&self, x: &[T], out: &mut [T]) {
        let (in_plane, plane) = (
            self.input.0 * self.input.1,
            self.rows.len() * self.cols.len(),
        );
        for_each_plane(out, plane, in_plane, |i, out| {
            let x = &x[i * in_plane..][..in_plane];
            let mut out = out.iter_mut();
            for row in &self.rows {
                for (col, out) in self.cols.iter().zip(&mut out) {
                    let mut sum = T::ZERO;
                    for y in row.start..row.end {
                        let line = &x[y * self.input.1..][col.start..col.end.max(col.start)];
                        sum += line.iter().fold(T::ZERO, |sum, v| sum + *v);
                    }
                    let empty = row.start >= row.end || col.start >= col.end;
                    *out = if empty {
                        T::ZERO
                    } else {
                        sum / self.divisor.of(row, col)
                    };
                }
            }
        });
    }

    fn backward<T: Float>(&self, grad_out: &[T], grad_input: &mut [T]) {
        let (in_plane, plane) = (
            self.input.0 * self.input.1,
            self.rows.len() * self.cols.len(),
        );
        debug_assert_eq!(grad_input.len(), self.planes * in_plane);
        for_each_plane(grad_input, in_plane, in_plane, |i, grad| {
            grad.fill(T::ZERO);
            let mut grad_out = grad_out[i * plane..][..plane].iter();
            for row in &self.rows {
                for (col, g) in self.cols.iter().zip(&mut grad_out) {
                    if row.start >= row.end || col.start >= col.end {
                        continue;
                    }
                    let share = *g / self.divisor.of(row, col);
                    for y in row.start..row.end {
                        for v in &mut grad[y * self.input.1..][col.start..col.end] {
                            *v += share;
                        }
                    }
                }
            }
        });
    }
}

/// Average of each window: its sum over the input, over `divisor`. `x` is `[planes, input]`, `out`
/// becomes `[planes, output]`.
///
/// ```
/// use pleach_kernels::{AvgDivisor, Pool2dShape, avg_pool2d_forward};
/// let shape = Pool2dShape {
///     planes: 1, input: (1, 3), output: (1, 2),
///     kernel: (1, 2), stride: (1, 2), padding: (0, 1), dilation: (1, 1),
/// };
/// let mut out = [0.0f32; 2];
/// avg_pool2d_forward(&shape, &[2.0, 4.0, 6.0], AvgDivisor::CountPadding, &mut out);
/// assert_eq!(out, [1.0, 5.0]);
/// avg_pool2d_forward(&shape, &[2.0, 4.0, 6.0], AvgDivisor::CountInput, &mut out);
/// assert_eq!(out, [2.0, 5.0]);
/// ```
///
/// # Panics
/// If a length does not fit the shape, or the shape has dilation.
pub fn avg_pool2d_forward<T: Float>(
    shape: &Pool2dShape,
    x: &[T],
    divisor: AvgDivisor,
    out: &mut [T],
) {
    shape.check("avg_pool2d_forward", x.len(), out.len());
    Average::new(shape, divisor).forward(x, out);
}

/// The gradient of an average pooling's input: `grad_out` is `[planes, output]`, `grad_input`
/// becomes `[planes, input]`.
///
/// # Panics
/// If a length does not fit the shape, or the shape has dilation.
pub fn avg_pool2d_backward<T: Float>(
    shape: &Pool2dShape,
    grad_out: &[T],
    divisor: AvgDivisor,
    grad_input: &mut [T],
) {
    shape.check("avg_pool2d_backward", grad_input.len(), grad_out.len());
    Average::new(shape, divisor).backward(grad_out, grad_input);
}

/// Adaptive average: output position i averages the input positions from `floor(i * In / Out)` to
/// `ceil((i + 1) * In / Out)`, on both axes. `x` is `[planes, input]`, `out` becomes
/// `[planes, output]`.
///
/// ```
/// let mut out = [0.0f32; 2];
/// pleach_kernels::adaptive_avg_pool2d_forward(1, (1, 3), (1, 2), &[1.0, 2.0, 6.0], &mut out);
/// assert_eq!(out, [1.5, 4.0]);
/// ```
///
/// # Panics
/// If a length does not fit, or an input without elements has outputs.
pub fn adaptive_avg_pool2d_forward<T: Float>(
    planes: usize,
    input: (usize, usize),
    output: (usize, usize),
    x: &[T],
    out: &mut [T],
) {
    check_planes("adaptive_avg_pool2d_forward", planes, input, x.len());
    check_planes("adaptive_avg_pool2d_forward", planes, output, out.len());
    assert!(
        out.is_empty() || !x.is_empty(),
        "adaptive_avg_pool2d_forward: an empty input"
    );
    Average::adaptive(planes, input, output).forward(x, out);
}

/// The gradient of an adaptive average's input: `grad_out` is `[planes, output]`, `grad_input`
/// becomes `[planes, input]`.
///
/// # Panics
/// If a length does not fit.
pub fn adaptive_avg_pool2d_backward<T: Float>(
    planes: usize,
    input: (usize, usize),
    output: (usize, usize),
    grad_out: &[T],
    grad_input: &mut [T],
) {
    check_planes(
        "adaptive_avg_pool2d_backward",
        planes,
        input,
        grad_input.len(),
    );
    check_planes(
        "adaptive_avg_pool2d_backward",
        planes,
        output,
        grad_out.len(),
    );
    Average::adaptive(planes, input, output).backward(grad_out, grad_input);
}

#[cfg(test)]
mod tests;
