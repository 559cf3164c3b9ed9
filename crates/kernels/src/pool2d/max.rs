//! Maximum pooling.
//!
//! Where a maximum was can be kept in two ways: as its place in the input plane, or as the number
//! of the tap of the window that saw it, which fits in a byte and so costs less memory.

use super::{Axis, Pool2dShape, check_planes, for_each_plane, planes_per_task};
use crate::threads::Disjoint;
use crate::{Buffer, Float, Isa, Plain, parallel_for};

mod plane;
use plane::{COUNTABLE, MaxPlane, MaxPlaneFn, MaxPlanes, max_planes};

/// The most taps of a window that [`max_pool2d_forward_taps`] can count.
pub const MAX_POOL_TAPS: usize = u8::MAX as usize;
/// The tap of a maximum that a ReLU made zero: nothing flows back to it.
const NO_TAP: u8 = u8::MAX;

impl Axis {
    /// The first tap of window `i` that is inside the input, if there is one.
    fn first_tap(&self, i: usize) -> Option<usize> {
        let start = i.checked_mul(self.stride)?;
        let first = self.padding.saturating_sub(start).div_ceil(self.dilation);
        let place = start
            .checked_add(first.checked_mul(self.dilation)?)?
            .checked_sub(self.padding)?;
        (first < self.kernel && place < self.input).then_some(first)
    }

    /// The first tap inside the input of each window.
    fn first_taps(self) -> Vec<usize> {
        let windows = (0..self.output).map(|i| {
            self.first_tap(i).unwrap_or_else(|| {
                panic!(
                    "max_pool2d: window {i} does not meet the input of {}",
                    self.input
                )
            })
        });
        windows.collect()
    }

    /// The positions that the taps of window `i` see, from its first one inside the input on.
    fn seen(&self, i: usize, first: usize) -> impl Iterator<Item = usize> + Clone + use<> {
        let start = i * self.stride + first * self.dilation - self.padding;
        (start..self.input).step_by(self.dilation)
    }
}

impl Pool2dShape {
    /// Whether every window sees a part of the input, as a maximum needs: a dilated one can step over a
    /// small image.
    pub fn windows_meet_input(&self) -> bool {
        let meet = |axis: &Axis| (0..axis.output).all(|i| axis.first_tap(i).is_some());
        self.axes().iter().all(meet)
    }

    /// Whether windows are taken by vectors, several at once: if what they reach and skip is of the
    /// size of the image, or not much larger. Other ones are taken one by one, as far as they are inside.
    fn is_dense(&self) -> bool {
        let (pixels, taps) = (
            self.input.0 * self.input.1,
            self.kernel.0.checked_mul(self.kernel.1),
        );
        let reach = (self.kernel.1.saturating_sub(1))
            .saturating_mul(self.dilation.1)
            .saturating_add(self.padding.1);
        taps.is_some_and(|taps| taps <= COUNTABLE && taps <= 256 + 4 * pixels)
            && reach <= 256 + 4 * (self.input.1 + self.output.1)
            && self.stride.1 <= 256 + self.input.1
    }

    /// The place in the input plane that each tap sees, from that of the first.
    fn tap_places(&self) -> Vec<usize> {
        (0..self.kernel.0 * self.kernel.1)
            .map(|tap| {
                let (y, x) = (tap / self.kernel.1, tap % self.kernel.1);
                // Taps that are outside of every window may be anywhere.
                let row = y.wrapping_mul(self.dilation.0).wrapping_mul(self.input.1);
                row.wrapping_add(x.wrapping_mul(self.dilation.1))
            })
            .collect()
    }

    /// The place that the first tap of a row's first window would have; it wraps if it is outside.
    fn row_place(&self, row: usize) -> usize {
        let from_padding = row.wrapping_mul(self.stride.0).wrapping_sub(self.padding.0);
        (from_padding.wrapping_mul(self.input.1)).wrapping_sub(self.padding.1)
    }

    fn check_taps(&self, name: &str, outputs: usize, taps: usize) {
        assert_eq!(outputs, taps, "{name}: the length of the taps");
        let count = self.kernel.0.checked_mul(self.kernel.1);
        assert!(
            count.is_some_and(|count| count <= MAX_POOL_TAPS),
            "{name}: a window has more than {MAX_POOL_TAPS} taps"
        );
    }
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
    if !shape.is_dense() {
        return forward_one_by_one(shape, x, out, |i, place, _| indices[i] = place as i64);
    }
    let places = shape.tap_places();
    let isa = Isa::current();
    forward(isa, shape, x, out, indices, |_, taps, indices| {
        for_each_window(shape, |i, first| {
            indices[i] = first.wrapping_add(places[taps[i] as usize]) as i64;
        });
    });
}

/// [`max_pool2d_forward`], but `taps` becomes the number of the tap that saw the maximum
/// (`y * kernel width + x` in the window); with `relu`, maxima below zero become zero, and
/// [`max_pool2d_backward_taps`] gives their input no gradient.
///
/// ```
/// use pleach_kernels::{Pool2dShape, max_pool2d_forward_taps};
/// let shape = Pool2dShape {
///     planes: 1, input: (1, 4), output: (1, 2),
///     kernel: (1, 2), stride: (1, 2), padding: (0, 0), dilation: (1, 1),
/// };
/// let (mut out, mut taps) = ([9.0f32; 2], [0; 2]);
/// max_pool2d_forward_taps(&shape, &[1.0, 2.0, -5.0, -6.0], true, &mut out, &mut taps);
/// assert_eq!((out, taps[0]), ([2.0, 0.0], 1));
/// ```
///
/// # Panics
/// As there, or if a window has more than [`MAX_POOL_TAPS`] taps.
pub fn max_pool2d_forward_taps<T: Float>(
    shape: &Pool2dShape,
    x: &[T],
    relu: bool,
    out: &mut [T],
    taps: &mut [u8],
) {
    forward_taps_with(Isa::current(), shape, x, relu, out, taps);
}

pub(super) fn forward_taps_with<T: Float>(
    isa: Isa,
    shape: &Pool2dShape,
    x: &[T],
    relu: bool,
    out: &mut [T],
    taps: &mut [u8],
) {
    shape.check("max_pool2d_forward_taps", x.len(), out.len());
    shape.check_taps("max_pool2d_forward_taps", out.len(), taps.len());
    if out.is_empty() {
        return;
    }
    if !shape.is_dense() {
        let columns = shape.kernel.1;
        forward_one_by_one(shape, x, out, |i, _, [y, x]| {
            taps[i] = (y * columns + x) as u8
        });
        for (tap, out) in taps
            .iter_mut()
            .zip(out)
            .filter(|(_, out)| relu && **out <= T::ZERO)
        {
            (*tap, *out) = (NO_TAP, T::ZERO);
        }
    } else if relu {
        forward(isa, shape, x, out, taps, |out, taps, kept| {
            for ((kept, tap), out) in kept.iter_mut().zip(taps).zip(out) {
                let zero = *out <= T::ZERO;
                *kept = if zero { NO_TAP } else { *tap as u8 };
                *out = if zero { T::ZERO } else { *out };
            }
        });
    } else {
        forward(isa, shape, x, out, taps, |_, taps, kept| {
            for (kept, tap) in kept.iter_mut().zip(taps) {
                *kept = *tap as u8;
            }
        });
    }
}

/// Calls `f(number of the window in its plane, place of its first tap, which wraps if outside)`.
#[inline(always)]
fn for_each_window(shape: &Pool2dShape, mut f: impl FnMut(usize, usize)) {
    let mut i = 0;
    for row in 0..shape.output.0 {
        let mut place = shape.row_place(row);
        for _ in 0..shape.output.1 {
            f(i, place);
            place = place.wrapping_add(shape.stride.1);
            i += 1;
        }
    }
}

/// [`max_pool2d_forward`], for windows of any size: `found(output, place of its maximum, row and column
/// of the tap that saw it)`.
pub(super) fn forward_one_by_one<T: Float>(
    s: &Pool2dShape,
    x: &[T],
    out: &mut [T],
    mut found: impl FnMut(usize, usize, [usize; 2]),
) {
    if out.is_empty() {
        return;
    }
    let axes = s.axes();
    let [rows, columns] = axes.map(Axis::first_taps);
    for (i, out) in out.iter_mut().enumerate() {
        let (column, row) = (i % s.output.1, i / s.output.1 % s.output.0);
        let plane = i / (s.output.0 * s.output.1) * s.input.0 * s.input.1;
        let ys = axes[0].seen(row, rows[row]);
        let xs = axes[1].seen(column, columns[column]);
        let mut best: Option<(T, usize, [usize; 2])> = None;
        for (y, ky) in ys.zip(rows[row]..s.kernel.0) {
            for (x_at, kx) in xs.clone().zip(columns[column]..s.kernel.1) {
                let place = y * s.input.1 + x_at;
                let v = x[plane + place];
                if best.is_none_or(|(top, ..)| v > top) || v.is_nan() {
                    best = Some((v, place, [ky, kx]));
                }
            }
        }
        let (top, place, tap) = best.expect("every window meets the input");
        *out = top;
        found(i, place, tap);
    }
}

/// Pools all planes; `keep(maxima of a plane, their taps, what is kept of them)`.
fn forward<T: Float, I: Plain>(
    isa: Isa,
    s: &Pool2dShape,
    x: &[T],
    out: &mut [T],
    kept: &mut [I],
    keep: impl Fn(&mut [T], &[i32], &mut [I]) + Sync,
) {
    assert!(isa.is_available(), "this machine has no {isa:?}");
    if out.is_empty() {
        return;
    }
    let windows = Windows::of(isa, s);
    let (in_plane, plane) = (s.input.0 * s.input.1, s.output.0 * s.output.1);
    let each = planes_per_task(in_plane);
    let (out, kept) = (Disjoint::new(out), Disjoint::new(kept));
    parallel_for(s.planes.div_ceil(each), |task| {
        let lanes = windows.columns.len();
        let mut padded = Buffer::new(0);
        let mut spare = Buffer::new(lanes);
        let mut taps = Buffer::new(plane + lanes);
        for i in task * each..s.planes.min((task + 1) * each) {
            // SAFETY: each task has planes of its own.
            let (out, kept) =
                unsafe { (out.slice(i * plane, plane), kept.slice(i * plane, plane)) };
            let x = &x[i * in_plane..];
            let (source, pitch) = if windows.inside && x.len() >= in_plane + windows.line {
                (x, s.input.1)
            } else {
                if padded.is_empty() {
                    padded = Buffer::full(s.input.0 * windows.line, T::LOWEST);
                }
                let rows = x[..in_plane].chunks_exact(s.input.1);
                for (row, line) in rows.zip(padded.chunks_exact_mut(windows.line)) {
                    line[s.padding.1..][..s.input.1].copy_from_slice(row);
                }
                (&padded[..], windows.line)
            };
            windows.plane(s, source, pitch, out, &mut spare, &mut taps);
            isa.run_narrow(|| keep(out, &taps[..plane], kept));
        }
    });
}

/// How the windows see the input.
struct Windows<T: Float> {
    compute: MaxPlaneFn<T>,
    groups: usize,
    /// For each row of windows: its first row inside the input, its first tap there, and the end of
    /// its taps.
    rows: Vec<[usize; 3]>,
    /// The first tap inside the input of each column of windows, and zeros up to whole groups.
    columns: Vec<T>,
    /// What may be read of a row, from its padding on.
    line: usize,
    /// Whether windows lie inside of their rows: rows are read where they are.
    inside: bool,
}

impl<T: Float> Windows<T> {
    fn of(isa: Isa, s: &Pool2dShape) -> Self {
        let MaxPlanes { compute, lanes } = *max_planes(isa);
        let [rows, columns] = s.axes().map(Axis::first_taps);
        let rows = rows.iter().enumerate().map(|(row, first)| {
            let inside = s.input.0 + s.padding.0 - row * s.stride.0;
            let end = inside.div_ceil(s.dilation.0).min(s.kernel.0);
            let y = row * s.stride.0 + first * s.dilation.0 - s.padding.0;
            [y, *first, end]
        });
        let mut columns: Vec<T> = columns.into_iter().map(T::from_usize).collect();
        let groups = columns.len().div_ceil(lanes);
        columns.resize(groups * lanes, T::ZERO);
        let width = (s.kernel.1 - 1) * s.dilation.1;
        Windows {
            compute,
            groups,
            rows: rows.collect(),
            line: (columns.len() * s.stride.1 + width).max(s.padding.1 + s.input.1),
            columns,
            inside: s.padding.1 == 0 && (s.output.1 - 1) * s.stride.1 + width < s.input.1,
        }
    }

    /// Computes a plane, whose rows are `pitch` apart.
    fn plane(
        &self,
        s: &Pool2dShape,
        source: &[T],
        pitch: usize,
        out: &mut [T],
        spare: &mut [T],
        taps: &mut [i32],
    ) {
        let (lanes, (height, width)) = (self.columns.len(), s.output);
        assert!(pitch >= s.input.1 && source.len() >= (s.input.0 - 1) * pitch + self.line);
        assert!(out.len() == height * width && taps.len() >= out.len() + lanes);
        assert!(spare.len() >= lanes && self.rows.len() == height);
        let roomy = out
            .len()
            .checked_sub(lanes)
            .map_or(0, |room| room / width + 1);
        let plane = MaxPlane {
            source: source.as_ptr(),
            pitch,
            rows: &self.rows,
            dilation: [s.dilation.0, s.dilation.1],
            stride: s.stride.1,
            taps: s.kernel.1,
            columns: self.columns.as_ptr(),
            groups: self.groups,
            best: out.as_mut_ptr(),
            at: taps.as_mut_ptr(),
            width,
            roomy: roomy.min(height),
            spare: spare.as_mut_ptr(),
        };
        // SAFETY: the instruction set was checked. Rows of windows see rows of the input, of which
        // there are `line` floats to be read, which all lanes' strides and taps fit in; `columns`,
        // `spare` and what follows the rows of `out` and `taps` have all lanes, by the assertions and
        // the choice of `roomy`. What is too much at the end of a row, the next one overwrites.
        unsafe { (self.compute)(&plane) };
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

/// [`max_pool2d_backward`] with the taps of [`max_pool2d_forward_taps`].
///
/// # Panics
/// If a length does not fit the shape, or a tap sees no place in the plane.
pub fn max_pool2d_backward_taps<T: Float>(
    shape: &Pool2dShape,
    grad_out: &[T],
    taps: &[u8],
    grad_input: &mut [T],
) {
    shape.check("max_pool2d_backward_taps", grad_input.len(), grad_out.len());
    shape.check_taps("max_pool2d_backward_taps", grad_out.len(), taps.len());
    let in_plane = shape.input.0 * shape.input.1;
    let plane = shape.output.0 * shape.output.1;
    let places = shape.tap_places();
    for_each_plane(grad_input, in_plane, in_plane, |i, grad| {
        grad.fill(T::ZERO);
        let taps = &taps[i * plane..][..plane];
        let grad_out = &grad_out[i * plane..][..plane];
        for_each_window(shape, |j, first| {
            if taps[j] != NO_TAP {
                grad[first.wrapping_add(places[usize::from(taps[j])])] += grad_out[j];
            }
        });
    });
}

/// The places in the input plane of the taps of [`max_pool2d_forward_taps`] (without `relu`): what
/// [`max_pool2d_forward`] calls indices, `[planes, output]`.
///
/// # Panics
/// If a length does not fit the shape.
pub fn max_pool2d_places(shape: &Pool2dShape, taps: &[u8], indices: &mut [i64]) {
    check_planes("max_pool2d_places", shape.planes, shape.output, taps.len());
    shape.check_taps("max_pool2d_places", indices.len(), taps.len());
    let plane = shape.output.0 * shape.output.1;
    let places = shape.tap_places();
    for_each_plane(indices, plane, plane, |i, indices| {
        let taps = &taps[i * plane..][..plane];
        for_each_window(shape, |j, first| {
            indices[j] = first.wrapping_add(places[usize::from(taps[j])]) as i64;
        });
    });
}
