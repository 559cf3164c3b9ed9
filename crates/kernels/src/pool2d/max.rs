//! Maximum pooling.
//!
//! Where a maximum was can be kept in two ways: as its place in the input plane, or as the number
//! of the tap of the window that saw it, which fits in a byte and so costs less memory.

use super::{Pool2dShape, for_each_plane, planes_per_task};
use crate::float::run;
use crate::threads::Disjoint;
use crate::{Buffer, Float, Isa, Loop, Plain, parallel_for};

/// An integer that the tap numbers of windows are kept in: `u8` or `u16`. Sealed, through
/// [`Plain`].
pub trait TapNumber: Plain {
    /// The most taps that a window can have.
    const TAPS: usize;
    /// A number below [`TAPS`](Self::TAPS).
    fn from_tap(tap: i32) -> Self;
    /// The number.
    fn tap(self) -> usize;
}

macro_rules! tap_number {
    ($($t:ident),*) => {$(
        impl TapNumber for $t {
            const TAPS: usize = $t::MAX as usize + 1;
            #[inline(always)]
            fn from_tap(tap: i32) -> Self {
                tap as $t
            }
            #[inline(always)]
            fn tap(self) -> usize {
                usize::from(self)
            }
        }
    )*};
}
tap_number!(u8, u16);

/// The first tap inside the input of each window along one axis.
fn first_taps(
    size: usize,
    out: usize,
    kernel: usize,
    stride: usize,
    padding: usize,
    dilation: usize,
) -> Vec<usize> {
    let windows = (0..out).map(|i| {
        let first = padding.saturating_sub(i * stride).div_ceil(dilation);
        let place = (i * stride + first * dilation).checked_sub(padding);
        assert!(
            first < kernel && place.is_some_and(|place| place < size),
            "max_pool2d: window {i} does not meet the input of {size}"
        );
        first
    });
    windows.collect()
}

/// The first taps of a shape's windows: of rows and of columns.
fn first_taps_of(s: &Pool2dShape) -> [Vec<usize>; 2] {
    [
        first_taps(
            s.input.0,
            s.output.0,
            s.kernel.0,
            s.stride.0,
            s.padding.0,
            s.dilation.0,
        ),
        first_taps(
            s.input.1,
            s.output.1,
            s.kernel.1,
            s.stride.1,
            s.padding.1,
            s.dilation.1,
        ),
    ]
}

impl Pool2dShape {
    /// The place in the input plane that each tap sees, from that of the first.
    fn tap_places(&self) -> Vec<usize> {
        (0..self.kernel.0 * self.kernel.1)
            .map(|tap| {
                let (y, x) = (tap / self.kernel.1, tap % self.kernel.1);
                y * self.dilation.0 * self.input.1 + x * self.dilation.1
            })
            .collect()
    }

    /// The place that the first tap of a row's first window would have; it wraps if it is outside.
    fn row_place(&self, row: usize) -> usize {
        (row * self.stride.0 * self.input.1)
            .wrapping_sub(self.padding.0 * self.input.1 + self.padding.1)
    }

    fn check_taps<I: TapNumber>(&self, name: &str, outputs: usize, taps: usize) {
        assert_eq!(outputs, taps, "{name}: the length of the taps");
        let count = self.kernel.0.checked_mul(self.kernel.1);
        assert!(
            count.is_some_and(|count| count <= I::TAPS),
            "{name}: a window has more taps than their numbers can count"
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
    let places = shape.tap_places();
    forward(Isa::current(), shape, x, out, indices, |taps, indices| {
        for_each_window(shape, |i, first| {
            indices[i] = first.wrapping_add(places[taps[i] as usize]) as i64;
        });
    });
}

/// [`max_pool2d_forward`], but `taps` becomes the number of the tap that saw the maximum
/// (`y * kernel width + x` in the window).
///
/// # Panics
/// As there, or if a window has more taps than their numbers can count.
pub fn max_pool2d_forward_taps<T: Float, I: TapNumber>(
    shape: &Pool2dShape,
    x: &[T],
    out: &mut [T],
    taps: &mut [I],
) {
    forward_taps_with(Isa::current(), shape, x, out, taps);
}

pub(super) fn forward_taps_with<T: Float, I: TapNumber>(
    isa: Isa,
    shape: &Pool2dShape,
    x: &[T],
    out: &mut [T],
    taps: &mut [I],
) {
    shape.check("max_pool2d_forward_taps", x.len(), out.len());
    shape.check_taps::<I>("max_pool2d_forward_taps", out.len(), taps.len());
    forward(isa, shape, x, out, taps, |taps, kept| {
        for (kept, tap) in kept.iter_mut().zip(taps) {
            *kept = I::from_tap(*tap);
        }
    });
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

/// Pools all planes; `keep(taps of a plane, what is kept of them)`.
fn forward<T: Float, I: Plain>(
    isa: Isa,
    s: &Pool2dShape,
    x: &[T],
    out: &mut [T],
    kept: &mut [I],
    keep: impl Fn(&[i32], &mut [I]) + Sync,
) {
    if out.is_empty() {
        return;
    }
    let first_taps = first_taps_of(s);
    let (in_plane, plane) = (s.input.0 * s.input.1, s.output.0 * s.output.1);
    let each = planes_per_task(in_plane);
    let (out, kept) = (Disjoint::new(out), Disjoint::new(kept));
    let layout = Phases::of(s);
    parallel_for(s.planes.div_ceil(each), |task| {
        let mut taps = Buffer::<i32>::new(plane);
        let mut scratch = Scratch::new(s, &layout);
        for i in task * each..s.planes.min((task + 1) * each) {
            // SAFETY: each task has planes of its own.
            let (out, kept) =
                unsafe { (out.slice(i * plane, plane), kept.slice(i * plane, plane)) };
            run::<T, _>(
                isa,
                MaxPlane {
                    shape: s,
                    layout: &layout,
                    scratch: &mut scratch,
                    first_taps: &first_taps,
                    x: &x[i * in_plane..][..in_plane],
                    out,
                    taps: &mut taps,
                },
            );
            keep(&taps, kept);
        }
    });
}

/// Outputs that are computed together: whole rows, about this many.
const BAND: usize = 2048;

/// How the input is laid out: in a plane for each phase of the strides, with negative infinities
/// around it, so that what a tap sees at neighbouring outputs, of a row and from row to row, is
/// contiguous.
struct Phases {
    /// Rows of outputs that are computed together, and the input rows of a phase that they see.
    rows: usize,
    extra_rows: usize,
    /// From one row to the next, and from one phase to the next.
    line: usize,
    phase_len: usize,
    /// What each tap sees at the first output.
    offsets: Vec<usize>,
}

impl Phases {
    fn of(s: &Pool2dShape) -> Self {
        let extra_rows = (s.kernel.0 - 1) * s.dilation.0 / s.stride.0;
        let line = s.output.1 + (s.kernel.1 - 1) * s.dilation.1 / s.stride.1;
        let rows = (BAND / line).clamp(1, s.output.0);
        let phase_len = (rows + extra_rows) * line;
        let offsets = (0..s.kernel.0 * s.kernel.1).map(|tap| {
            let y = tap / s.kernel.1 * s.dilation.0;
            let x = tap % s.kernel.1 * s.dilation.1;
            let phase = y % s.stride.0 * s.stride.1 + x % s.stride.1;
            phase * phase_len + y / s.stride.0 * line + x / s.stride.1
        });
        Phases {
            offsets: offsets.collect(),
            rows,
            extra_rows,
            line,
            phase_len,
        }
    }
}

/// What a task needs for each of its planes.
struct Scratch<T: Float> {
    phases: Buffer<T>,
    best: Buffer<T>,
    at: Buffer<i32>,
}

impl<T: Float> Scratch<T> {
    fn new(s: &Pool2dShape, layout: &Phases) -> Self {
        Scratch {
            phases: Buffer::new(s.stride.0 * s.stride.1 * layout.phase_len),
            best: Buffer::new(layout.rows * layout.line),
            at: Buffer::new(layout.rows * layout.line),
        }
    }
}

/// Pools one plane.
struct MaxPlane<'a, T: Float> {
    shape: &'a Pool2dShape,
    layout: &'a Phases,
    scratch: &'a mut Scratch<T>,
    first_taps: &'a [Vec<usize>; 2],
    x: &'a [T],
    out: &'a mut [T],
    taps: &'a mut [i32],
}

impl<T: Float> Loop for MaxPlane<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let s = self.shape;
        let (out_h, out_w) = s.output;
        let &Phases {
            rows: rows_at_once,
            extra_rows,
            line,
            phase_len,
            ref offsets,
        } = self.layout;
        let Scratch { phases, best, at } = self.scratch;
        let group = if offsets.len().is_multiple_of(3) {
            3
        } else {
            2
        };
        for first_row in (0..out_h).step_by(rows_at_once) {
            let rows = rows_at_once.min(out_h - first_row);
            for y in 0..(rows + extra_rows) * s.stride.0 {
                let start = y % s.stride.0 * s.stride.1 * phase_len + y / s.stride.0 * line;
                let row = (first_row * s.stride.0 + y).checked_sub(s.padding.0);
                let row = row.filter(|row| *row < s.input.0);
                let x = row.map(|row| &self.x[row * s.input.1..][..s.input.1]);
                for phase in 0..s.stride.1 {
                    let packed = &mut phases[start + phase * phase_len..][..line];
                    match x {
                        Some(x) => pack_row(x, s.stride.1, s.padding.1, phase, packed),
                        None => packed.fill(T::NEG_INFINITY),
                    }
                }
            }
            // The places between two rows of outputs have values that nobody reads.
            let n = (rows - 1) * line + out_w;
            let (best, at) = (&mut best[..n], &mut at[..n]);
            best.fill(T::NEG_INFINITY);
            for (at, first) in at.chunks_mut(line).zip(&self.first_taps[0][first_row..]) {
                for (at, column) in at.iter_mut().zip(&self.first_taps[1]) {
                    *at = (first * s.kernel.1 + column) as i32;
                }
            }
            for (i, offsets) in offsets.chunks(group).enumerate() {
                let tap = (i * group) as i32;
                let seen = |offset: usize| &phases[offset..][..n];
                match *offsets {
                    [a, b, c] => update(&[seen(a), seen(b), seen(c)], tap, best, at),
                    [a, b] => update(&[seen(a), seen(b)], tap, best, at),
                    [a] => update(&[seen(a)], tap, best, at),
                    _ => unreachable!("groups have up to three taps"),
                }
            }
            let outputs = first_row * out_w..(first_row + rows) * out_w;
            let out = self.out[outputs.clone()].chunks_exact_mut(out_w);
            let taps = self.taps[outputs].chunks_exact_mut(out_w);
            let found = best.chunks(line).zip(at.chunks(line));
            for ((out, taps), (best, at)) in out.zip(taps).zip(found) {
                out.copy_from_slice(&best[..out_w]);
                taps.copy_from_slice(&at[..out_w]);
            }
        }
    }
}

/// Compares what some taps see, from number `tap` on, with the best so far, in order.
#[inline(always)]
fn update<T: Float, const N: usize>(seen: &[&[T]; N], tap: i32, best: &mut [T], at: &mut [i32]) {
    let n = best.len();
    let seen = seen.map(|values| &values[..n]);
    let at = &mut at[..n];
    for i in 0..n {
        let (mut top, mut top_at) = (best[i], at[i]);
        for (k, values) in seen.iter().enumerate() {
            let better = values[i] > top || values[i].is_nan();
            top = if better { values[i] } else { top };
            top_at = if better { tap + k as i32 } else { top_at };
        }
        (best[i], at[i]) = (top, top_at);
    }
}

/// Lays out a phase of a row of the input: value `j` is that of column
/// `j * stride + phase - padding`.
#[inline(always)]
fn pack_row<T: Float>(x: &[T], stride: usize, padding: usize, phase: usize, packed: &mut [T]) {
    let line = packed.len();
    // The first value inside the input, and its column.
    let first = padding.saturating_sub(phase).div_ceil(stride).min(line);
    let column = (first * stride + phase)
        .saturating_sub(padding)
        .min(x.len());
    let x = &x[column..];
    let end = line.min(first + x.len().div_ceil(stride));
    packed[..first].fill(T::NEG_INFINITY);
    packed[end..].fill(T::NEG_INFINITY);
    let packed = &mut packed[first..end];
    match stride {
        1 => packed.copy_from_slice(&x[..packed.len()]),
        2 => take_steps::<T, 2>(x, packed),
        _ => {
            for (packed, v) in packed.iter_mut().zip(x.iter().step_by(stride)) {
                *packed = *v;
            }
        }
    }
}

/// Every `S`th value; a step that the compiler knows can be vectorised.
#[inline(always)]
fn take_steps<T: Float, const S: usize>(x: &[T], out: &mut [T]) {
    let (steps, rest) = x.as_chunks::<S>();
    for (out, v) in out.iter_mut().zip(steps) {
        *out = v[0];
    }
    // The last value may have no full step after it.
    if let (Some(v), Some(out)) = (rest.first(), out.get_mut(steps.len())) {
        *out = *v;
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
pub fn max_pool2d_backward_taps<T: Float, I: TapNumber>(
    shape: &Pool2dShape,
    grad_out: &[T],
    taps: &[I],
    grad_input: &mut [T],
) {
    shape.check("max_pool2d_backward_taps", grad_input.len(), grad_out.len());
    shape.check_taps::<I>("max_pool2d_backward_taps", grad_out.len(), taps.len());
    let in_plane = shape.input.0 * shape.input.1;
    let plane = shape.output.0 * shape.output.1;
    let places = shape.tap_places();
    for_each_plane(grad_input, in_plane, in_plane, |i, grad| {
        grad.fill(T::ZERO);
        let taps = &taps[i * plane..][..plane];
        let grad_out = &grad_out[i * plane..][..plane];
        for_each_window(shape, |j, first| {
            grad[first.wrapping_add(places[taps[j].tap()])] += grad_out[j];
        });
    });
}

/// The places in the input plane of the taps of [`max_pool2d_forward_taps`]: what
/// [`max_pool2d_forward`] calls indices, `[planes, output]`.
///
/// # Panics
/// If a length does not fit the shape.
pub fn max_pool2d_places<I: TapNumber>(shape: &Pool2dShape, taps: &[I], indices: &mut [i64]) {
    super::check_planes("max_pool2d_places", shape.planes, shape.output, taps.len());
    shape.check_taps::<I>("max_pool2d_places", indices.len(), taps.len());
    let plane = shape.output.0 * shape.output.1;
    let places = shape.tap_places();
    for_each_plane(indices, plane, plane, |i, indices| {
        let taps = &taps[i * plane..][..plane];
        for_each_window(shape, |j, first| {
            indices[j] = first.wrapping_add(places[taps[j].tap()]) as i64;
        });
    });
}
