//! Maximum pooling.
//!
//! Where a maximum was can be kept in two ways: as its place in the input plane, or as the number
//! of the tap of the window that saw it, which fits in a byte and so costs less memory.

use super::shape::{Axis, PoolShape, check_planes};
use super::{for_each_plane, planes_per_task};
use crate::threads::Disjoint;
use crate::{Buffer, Float, Isa, Plain, parallel_for};

mod plane;
use plane::{COUNTABLE, MaxPlane, MaxPlaneFn, MaxPlanes, max_planes};

/// The most taps of a window that [`max_pool_forward_taps`] can count.
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
    fn first_taps(self) -> impl Iterator<Item = usize> {
        (0..self.output).map(move |i| {
            self.first_tap(i).unwrap_or_else(|| {
                panic!(
                    "max_pool: window {i} does not meet the input of {}",
                    self.input
                )
            })
        })
    }

    /// Of each window the first position inside the input, the tap that sees it, and the end of the taps
    /// inside.
    fn inside(self) -> Vec<[usize; 3]> {
        let windows = self.first_taps().enumerate().map(|(i, first)| {
            let rest = self.input + self.padding - i * self.stride;
            let end = rest.div_ceil(self.dilation).min(self.kernel);
            [
                i * self.stride + first * self.dilation - self.padding,
                first,
                end,
            ]
        });
        windows.collect()
    }
}

impl PoolShape {
    /// Whether every window sees a part of the input, as a maximum needs: a dilated one can step over a
    /// small image.
    pub fn windows_meet_input(&self) -> bool {
        let meet = |axis: &Axis| (0..axis.output).all(|i| axis.first_tap(i).is_some());
        self.axes().iter().all(meet)
    }

    /// Whether windows are taken by vectors, several at once: if what they reach and skip is of the
    /// size of the image, or not much larger. Other ones are taken one by one, as far as they are inside.
    fn is_dense(&self) -> bool {
        let (pixels, width) = (self.lens()[0], self.axes()[2]);
        let reach = (width.kernel.saturating_sub(1))
            .saturating_mul(width.dilation)
            .saturating_add(width.padding);
        (self.checked_taps()).is_some_and(|taps| taps <= COUNTABLE && taps <= 256 + 4 * pixels)
            && reach <= 256 + 4 * (width.input + width.output)
            && width.stride <= 256 + width.input
    }

    /// The place of a position in the input plane, which wraps if it is outside.
    fn place(&self, [z, y, x]: [usize; 3]) -> usize {
        let [_, height, width] = self.input;
        let line = z.wrapping_mul(height).wrapping_add(y);
        line.wrapping_mul(width).wrapping_add(x)
    }

    /// The place in the input plane that each tap sees, from that of the first.
    fn tap_places(&self) -> Vec<usize> {
        let [depth, height, width] = self.kernel;
        (0..depth * height * width)
            .map(|tap| {
                let at = [tap / width / height, tap / width % height, tap % width];
                // Taps that are outside of every window may be anywhere.
                self.place(std::array::from_fn(|d| {
                    at[d].wrapping_mul(self.dilation[d])
                }))
            })
            .collect()
    }

    fn check_taps(&self, name: &str, outputs: usize, taps: usize) {
        assert_eq!(outputs, taps, "{name}: the length of the taps");
        assert!(
            self.checked_taps()
                .is_some_and(|count| count <= MAX_POOL_TAPS),
            "{name}: a window has more than {MAX_POOL_TAPS} taps"
        );
    }
}

/// Maximum of each window; `indices` becomes its place in the input plane
/// (`(z * height + y) * width + x`).
///
/// `x` is `[planes, input]`; `out` and `indices` become `[planes, output]`. The first maximum in
/// row-major order wins; a nan wins over every number.
///
/// ```
/// use pleach_kernels::{PoolShape, max_pool_forward};
/// let shape = PoolShape::new(1, [2, 4], [2, 2], [2, 2], [0, 0], [1, 1], false).unwrap();
/// let x = [1.0f32, 2.0, 5.0, 0.0, 4.0, 3.0, 5.0, 1.0];
/// let (mut out, mut indices) = ([0.0; 2], [0; 2]);
/// max_pool_forward(&shape, &x, &mut out, &mut indices);
/// assert_eq!((out, indices), ([4.0, 5.0], [4, 2]));
/// ```
///
/// # Panics
/// If a length does not fit the shape, or a window lies outside the input.
pub fn max_pool_forward<T: Float>(shape: &PoolShape, x: &[T], out: &mut [T], indices: &mut [i64]) {
    shape.check("max_pool_forward", x.len(), out.len());
    assert_eq!(
        out.len(),
        indices.len(),
        "max_pool_forward: the length of the indices"
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

/// [`max_pool_forward`], but `taps` becomes the number of the tap that saw the maximum
/// (`(z * kernel height + y) * kernel width + x` in the window); with `relu`, maxima below zero become
/// zero, and [`max_pool_backward_taps`] gives their input no gradient.
///
/// ```
/// use pleach_kernels::{PoolShape, max_pool_forward_taps};
/// let shape = PoolShape::new(1, [4], [2], [2], [0], [1], false).unwrap();
/// let (mut out, mut taps) = ([9.0f32; 2], [0; 2]);
/// max_pool_forward_taps(&shape, &[1.0, 2.0, -5.0, -6.0], true, &mut out, &mut taps);
/// assert_eq!((out, taps[0]), ([2.0, 0.0], 1));
/// ```
///
/// # Panics
/// As there, or if a window has more than [`MAX_POOL_TAPS`] taps.
pub fn max_pool_forward_taps<T: Float>(
    shape: &PoolShape,
    x: &[T],
    relu: bool,
    out: &mut [T],
    taps: &mut [u8],
) {
    forward_taps_with(Isa::current(), shape, x, relu, out, taps);
}

pub(super) fn forward_taps_with<T: Float>(
    isa: Isa,
    shape: &PoolShape,
    x: &[T],
    relu: bool,
    out: &mut [T],
    taps: &mut [u8],
) {
    shape.check("max_pool_forward_taps", x.len(), out.len());
    shape.check_taps("max_pool_forward_taps", out.len(), taps.len());
    if out.is_empty() {
        return;
    }
    if !shape.is_dense() {
        forward_one_by_one(shape, x, out, |i, _, tap| taps[i] = tap as u8);
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
fn for_each_window(shape: &PoolShape, mut f: impl FnMut(usize, usize)) {
    let [depth, height, width] = shape.output;
    let first = |d: usize, i: usize| {
        i.wrapping_mul(shape.stride[d])
            .wrapping_sub(shape.padding[d])
    };
    let mut i = 0;
    for z in 0..depth {
        for y in 0..height {
            let mut place = shape.place([first(0, z), first(1, y), first(2, 0)]);
            for _ in 0..width {
                f(i, place);
                place = place.wrapping_add(shape.stride[2]);
                i += 1;
            }
        }
    }
}

/// [`max_pool_forward`], for windows of any size: `found(output, place of its maximum, tap that saw
/// it)`.
pub(super) fn forward_one_by_one<T: Float>(
    s: &PoolShape,
    x: &[T],
    out: &mut [T],
    mut found: impl FnMut(usize, usize, usize),
) {
    if out.is_empty() {
        return;
    }
    let inside = s.axes().map(Axis::inside);
    let [_, height, width] = s.output;
    let [in_plane, plane] = s.lens();
    for (i, out) in out.iter_mut().enumerate() {
        let x = &x[i / plane * in_plane..][..in_plane];
        let window = [i % plane / width / height, i / width % height, i % width];
        // The positions that the window sees along an axis, and their taps.
        let seen = |d: usize| {
            let [start, first, end] = inside[d][window[d]];
            (first..end).map(move |tap| (start + (tap - first) * s.dilation[d], tap))
        };
        let mut best: Option<(T, usize, usize)> = None;
        for (z, kz) in seen(0) {
            for (y, ky) in seen(1) {
                for (x_at, kx) in seen(2) {
                    let place = s.place([z, y, x_at]);
                    let v = x[place];
                    if best.is_none_or(|(top, ..)| v > top) || v.is_nan() {
                        // Of a huge window the number of the tap wraps, and is not asked for.
                        let line = kz.wrapping_mul(s.kernel[1]).wrapping_add(ky);
                        best = Some((v, place, line.wrapping_mul(s.kernel[2]).wrapping_add(kx)));
                    }
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
    s: &PoolShape,
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
    let [in_plane, plane] = s.lens();
    let each = planes_per_task(in_plane);
    let (out, kept) = (Disjoint::new(out), Disjoint::new(kept));
    parallel_for(s.planes.div_ceil(each), |task| {
        let lanes = windows.columns.len();
        let [depth, height, width] = s.input;
        let mut padded = Buffer::new(0);
        let mut spare = Buffer::new(lanes);
        let mut taps = Buffer::new(plane + lanes);
        for i in task * each..s.planes.min((task + 1) * each) {
            // SAFETY: each task has planes of its own.
            let (out, kept) =
                unsafe { (out.slice(i * plane, plane), kept.slice(i * plane, plane)) };
            let x = &x[i * in_plane..];
            let (source, pitch) = if windows.inside && x.len() >= in_plane + windows.line {
                (x, width)
            } else {
                if padded.is_empty() {
                    padded = Buffer::full(depth * height * windows.line, T::LOWEST);
                }
                let rows = x[..in_plane].chunks_exact(width);
                for (row, line) in rows.zip(padded.chunks_exact_mut(windows.line)) {
                    line[s.padding[2]..][..width].copy_from_slice(row);
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
    /// For each slice of windows: its first slice inside the input, its first tap there, and the end of
    /// its taps.
    slices: Vec<[usize; 3]>,
    /// The same for each row of windows.
    rows: Vec<[usize; 3]>,
    /// The first tap inside the input of each column of windows, and zeros up to whole groups.
    columns: Vec<T>,
    /// What may be read of a row, from its padding on.
    line: usize,
    /// Whether windows lie inside of their rows: rows are read where they are.
    inside: bool,
}

impl<T: Float> Windows<T> {
    fn of(isa: Isa, s: &PoolShape) -> Self {
        let MaxPlanes { compute, lanes } = *max_planes(isa);
        let [depth, height, width] = s.axes();
        let mut columns: Vec<T> = width.first_taps().map(T::from_usize).collect();
        let groups = columns.len().div_ceil(lanes);
        columns.resize(groups * lanes, T::ZERO);
        let reach = (width.kernel - 1) * width.dilation;
        Windows {
            compute,
            groups,
            slices: depth.inside(),
            rows: height.inside(),
            line: (columns.len() * width.stride + reach).max(width.padding + width.input),
            columns,
            inside: width.padding == 0 && (width.output - 1) * width.stride + reach < width.input,
        }
    }

    /// Computes a plane, whose rows are `pitch` apart.
    fn plane(
        &self,
        s: &PoolShape,
        source: &[T],
        pitch: usize,
        out: &mut [T],
        spare: &mut [T],
        taps: &mut [i32],
    ) {
        let lanes = self.columns.len();
        let [_, in_height, in_width] = s.input;
        let [_, height, width] = s.output;
        for (slice, &[z, first, end]) in self.slices.iter().enumerate() {
            let (source, out) = (
                &source[z * in_height * pitch..],
                &mut out[slice * height * width..],
            );
            let taps = &mut taps[slice * height * width..];
            // The taps of the window are inside, and so its last slice is.
            let deepest = (end - first - 1) * s.dilation[0];
            let rows = deepest * in_height + in_height;
            assert!(pitch >= in_width && source.len() >= (rows - 1) * pitch + self.line);
            assert!(out.len() >= height * width && taps.len() >= height * width + lanes);
            assert!(spare.len() >= lanes && self.rows.len() == height);
            let roomy = out
                .len()
                .checked_sub(lanes)
                .map_or(0, |room| room / width + 1);
            let plane = MaxPlane {
                source: source.as_ptr(),
                pitch,
                slices: end - first,
                // A single slice of taps may have any dilation.
                slice_step: s.dilation[0].wrapping_mul(in_height * pitch),
                slice_taps: s.kernel[1] * s.kernel[2],
                first_tap: first * s.kernel[1] * s.kernel[2],
                rows: &self.rows,
                dilation: [s.dilation[1], s.dilation[2]],
                stride: s.stride[2],
                taps: s.kernel[2],
                columns: self.columns.as_ptr(),
                groups: self.groups,
                best: out.as_mut_ptr(),
                at: taps.as_mut_ptr(),
                width,
                roomy: roomy.min(height),
                spare: spare.as_mut_ptr(),
            };
            // SAFETY: the instruction set was checked. Windows see rows of the input in slices of it, of
            // which there are `line` floats to be read, which all lanes' strides and taps fit in;
            // `columns`, `spare` and what follows the rows of `out` and `taps` have all lanes, by the
            // assertions and the choice of `roomy`. What is too much at the end of a row, the next one
            // overwrites.
            unsafe { (self.compute)(&plane) };
        }
    }
}

/// The gradient of a maximum pooling's input, sliding or adaptive: each value of `grad_out`,
/// `[planes, output]`, is added where `indices` says its maximum was. `grad_input` becomes `[planes, input]`.
///
/// # Panics
/// If a length is not of so many planes, or an index lies outside the plane.
pub fn max_pool_backward<T: Float>(
    planes: usize,
    grad_out: &[T],
    indices: &[i64],
    grad_input: &mut [T],
) {
    let name = "max_pool_backward";
    assert_eq!(
        grad_out.len(),
        indices.len(),
        "{name}: the length of the indices"
    );
    for len in [grad_out.len(), grad_input.len()] {
        assert!(
            len.is_multiple_of(planes),
            "{name}: {len} elements are not {planes} planes"
        );
    }
    if grad_input.is_empty() {
        assert!(grad_out.is_empty(), "{name}: gradients of an empty input");
        return;
    }
    let (in_plane, plane) = (grad_input.len() / planes, grad_out.len() / planes);
    for_each_plane(grad_input, in_plane, in_plane, |i, grad| {
        grad.fill(T::ZERO);
        let places = &indices[i * plane..][..plane];
        for (g, place) in grad_out[i * plane..][..plane].iter().zip(places) {
            grad[*place as usize] += *g;
        }
    });
}

/// [`max_pool_backward`] with the taps of [`max_pool_forward_taps`].
///
/// # Panics
/// If a length does not fit the shape, or a tap sees no place in the plane.
pub fn max_pool_backward_taps<T: Float>(
    shape: &PoolShape,
    grad_out: &[T],
    taps: &[u8],
    grad_input: &mut [T],
) {
    shape.check("max_pool_backward_taps", grad_input.len(), grad_out.len());
    shape.check_taps("max_pool_backward_taps", grad_out.len(), taps.len());
    let [in_plane, plane] = shape.lens();
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

/// The places in the input plane of the taps of [`max_pool_forward_taps`] (without `relu`): what
/// [`max_pool_forward`] calls indices, `[planes, output]`.
///
/// # Panics
/// If a length does not fit the shape.
pub fn max_pool_places(shape: &PoolShape, taps: &[u8], indices: &mut [i64]) {
    check_planes("max_pool_places", shape.planes, shape.output, taps.len());
    shape.check_taps("max_pool_places", indices.len(), taps.len());
    let [_, plane] = shape.lens();
    let places = shape.tap_places();
    for_each_plane(indices, plane, plane, |i, indices| {
        let taps = &taps[i * plane..][..plane];
        for_each_window(shape, |j, first| {
            indices[j] = first.wrapping_add(places[usize::from(taps[j])]) as i64;
        });
    });
}
