//! Pooling of images: maximum, average and adaptive average, forward and backward, on planes
//! (batch times channels) of height times width.

use crate::{Float, Plain, for_each_chunk_mut};

mod max;
pub use max::{
    MAX_POOL_TAPS, max_pool2d_backward, max_pool2d_backward_taps, max_pool2d_forward,
    max_pool2d_forward_taps, max_pool2d_places,
};

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
    /// The shape of a pooling over planes of the size `input`, whose output size this counts as PyTorch
    /// does; `ceil_mode` gives a last window that hangs over, if it starts inside the input or the
    /// padding before it. `None` if no window fits, a stride, kernel or dilation is 0, or a size is more
    /// than memory can have.
    ///
    /// ```
    /// use pleach_kernels::Pool2dShape;
    /// let shape = |kernel, dilation| {
    ///     Pool2dShape::new(1, (5, 5), kernel, (2, 2), (0, 0), dilation, true)
    /// };
    /// assert_eq!(shape((2, 3), (1, 1)).unwrap().output, (3, 2));
    /// assert_eq!(shape((2, 3), (1, usize::MAX)), None);
    /// ```
    pub fn new(
        planes: usize,
        input: (usize, usize),
        kernel: (usize, usize),
        stride: (usize, usize),
        padding: (usize, usize),
        dilation: (usize, usize),
        ceil_mode: bool,
    ) -> Option<Self> {
        let windows =
            |size: usize, kernel: usize, stride: usize, padding: usize, dilation: usize| {
                let window =
                    (kernel.checked_sub(1)?.checked_mul(dilation)).filter(|_| dilation > 0)?;
                let padded = padding.checked_mul(2)?.checked_add(size)?;
                let rest = padded.checked_sub(window.checked_add(1)?)?;
                let out = rest.checked_div(stride)?.checked_add(1)?;
                let out = out + usize::from(ceil_mode && rest % stride > 0);
                let start = (out - 1).checked_mul(stride);
                let outside = ceil_mode && start.is_none_or(|start| start >= size + padding);
                Some(out - usize::from(outside)).filter(|out| *out > 0)
            };
        let output = (
            windows(input.0, kernel.0, stride.0, padding.0, dilation.0)?,
            windows(input.1, kernel.1, stride.1, padding.1, dilation.1)?,
        );
        let bytes = [planes.max(1), output.0, output.1]
            .iter()
            .try_fold(size_of::<f64>(), |bytes, n| bytes.checked_mul(*n))?;
        (bytes <= isize::MAX as usize).then_some(Pool2dShape {
            planes,
            input,
            output,
            kernel,
            stride,
            padding,
            dilation,
        })
    }

    /// The shape along rows, and along columns.
    fn axes(&self) -> [Axis; 2] {
        let s = self;
        let rows = [
            s.input.0,
            s.output.0,
            s.kernel.0,
            s.stride.0,
            s.padding.0,
            s.dilation.0,
        ];
        let cols = [
            s.input.1,
            s.output.1,
            s.kernel.1,
            s.stride.1,
            s.padding.1,
            s.dilation.1,
        ];
        [rows, cols].map(|[input, output, kernel, stride, padding, dilation]| Axis {
            input,
            output,
            kernel,
            stride,
            padding,
            dilation,
        })
    }

    fn check(&self, name: &str, input: usize, output: usize) {
        check_planes(name, self.planes, self.input, input);
        check_planes(name, self.planes, self.output, output);
    }
}

/// A [`Pool2dShape`] along one axis.
#[derive(Copy, Clone)]
struct Axis {
    input: usize,
    output: usize,
    kernel: usize,
    stride: usize,
    padding: usize,
    dilation: usize,
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

/// The windows of an average. The part beyond the padding, which `ceil_mode` can make, never
/// counts.
fn average_windows(axis: Axis) -> Vec<Window> {
    let windows = (0..axis.output).map(|i| {
        let start = i.saturating_mul(axis.stride);
        let padded = axis.padding.saturating_mul(2).saturating_add(axis.input);
        let end = start.saturating_add(axis.kernel).min(padded);
        Window {
            start: start.saturating_sub(axis.padding).min(axis.input),
            end: end.saturating_sub(axis.padding).min(axis.input),
            padded: end.saturating_sub(start),
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
            AvgDivisor::CountPadding => match row.padded.checked_mul(col.padded) {
                Some(count) => T::from_usize(count),
                None => T::from_f64(row.padded as f64 * col.padded as f64),
            },
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
        let [rows, cols] = s.axes().map(average_windows);
        Average {
            planes: s.planes,
            input: s.input,
            rows,
            cols,
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
pub fn avg_pool2d_backward<T: Float>(
    shape: &Pool2dShape,
    grad_out: &[T],
    divisor: AvgDivisor,
    grad_input: &mut [T],
) {
    shape.check("avg_pool2d_backward", grad_input.len(), grad_out.len());
    if grad_out.is_empty() {
        return grad_input.fill(T::ZERO);
    }
    if grad_input.is_empty() {
        return;
    }
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
    if out.is_empty() {
        return;
    }
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
    if grad_out.is_empty() {
        return grad_input.fill(T::ZERO);
    }
    if grad_input.is_empty() {
        return;
    }
    Average::adaptive(planes, input, output).backward(grad_out, grad_input);
}

#[cfg(test)]
mod tests;
