//! Between weights and their transforms, which are panels of two vectors of output channels.

use super::transforms::{OfWeight, POINTS, TAPS, ToWeightGrad, along_both};
use crate::lanes::{VectorLoop, transpose_matrix, transpose_rows};
use crate::simd::Vector;

/// Weights of a 3x3 kernel.
pub(super) const KERNEL: usize = TAPS * TAPS;
/// Input channels that are turned at a time.
const CHANNELS: usize = 16;
/// Floats that [`PackPanel`] and [`UnpackPanel`] need as scratch.
pub(super) const SCRATCH: usize = CHANNELS * KERNEL * crate::lanes::MAX_LANES;

/// Floats from one value of a block of weights to the next: `[LANES][2 LANES]`, and a gap so that
/// the 36 places of a kernel fall on different sets of the cache.
pub(super) const fn point_stride(lanes: usize) -> usize {
    (2 * lanes + 1) * lanes
}

/// Floats of a panel of two vectors of output channels, for a number of input channels.
pub(super) fn panel_len(lanes: usize, inputs: usize) -> usize {
    inputs.div_ceil(lanes) * POINTS * POINTS * point_stride(lanes)
}

/// Where a row of a panel starts, at point 0.
fn start_of_row(lanes: usize, input: usize, half: usize) -> usize {
    panel_len(lanes, input / lanes * lanes) + (2 * (input % lanes) + half) * lanes
}

/// Transforms the weights `[out_channels, in_channels, 3, 3]` of one panel of output channels:
/// `panel` becomes `[inputs / LANES][36][LANES][2 LANES]`, with zeros for channels that do not
/// exist.
///
/// If `backward`, the convolution is the one that gives the gradient of the input: the roles of
/// the channels are exchanged, and the kernels are turned by 180 degrees.
pub(super) struct PackPanel<'a> {
    pub(super) weight: &'a [f32],
    pub(super) out_channels: usize,
    pub(super) in_channels: usize,
    pub(super) backward: bool,
    pub(super) index: usize,
    pub(super) scratch: &'a mut [f32],
    pub(super) panel: &'a mut [f32],
}

impl VectorLoop<f32> for PackPanel<'_> {
    #[inline(always)]
    unsafe fn run<V: Vector<Elem = f32>>(mut self) {
        assert!(self.weight.len() == self.out_channels * self.in_channels * KERNEL);
        assert!(self.scratch.len() >= SCRATCH);
        let (rows, lanes) = if self.backward {
            (self.out_channels, self.in_channels)
        } else {
            (self.in_channels, self.out_channels)
        };
        assert!(self.panel.len() == panel_len(V::LANES, rows));
        let ragged = panel_len(V::LANES, rows / V::LANES * V::LANES);
        self.panel[ragged..].fill(0.0);
        for half in 0..2 {
            let first = (2 * self.index + half) * V::LANES;
            let lanes = lanes.saturating_sub(first).min(V::LANES);
            if lanes < V::LANES {
                self.scratch.fill(0.0);
            }
            // SAFETY: the caller has the features.
            unsafe {
                if self.backward {
                    self.pack_backward::<V>(first, lanes, half);
                } else {
                    self.pack_forward::<V>(first, lanes, half);
                }
            }
        }
    }
}

impl PackPanel<'_> {
    /// # Safety
    /// Inlined into a function with the features of `V`.
    #[inline(always)]
    unsafe fn pack_forward<V: Vector<Elem = f32>>(
        &mut self,
        first: usize,
        lanes: usize,
        half: usize,
    ) {
        for channel in (0..self.in_channels).step_by(CHANNELS) {
            let channels = (self.in_channels - channel).min(CHANNELS);
            let depth = self.in_channels * KERNEL;
            if lanes > 0 {
                let start = first * depth + channel * KERNEL;
                let src = &self.weight[start..start + (lanes - 1) * depth + channels * KERNEL];
                // SAFETY: both slices hold the matrix, and the caller has the features.
                unsafe {
                    transpose_matrix::<V>(
                        [lanes, channels * KERNEL],
                        src.as_ptr(),
                        depth,
                        self.scratch.as_mut_ptr(),
                        V::LANES,
                    );
                }
            }
            for c in 0..channels {
                let at = |ky: usize, kx: usize| (c * KERNEL + ky * TAPS + kx) * V::LANES;
                // SAFETY: the caller has the features.
                unsafe { self.put::<V>(at, channel + c, half) };
            }
        }
    }

    /// # Safety
    /// Inlined into a function with the features of `V`.
    #[inline(always)]
    unsafe fn pack_backward<V: Vector<Elem = f32>>(
        &mut self,
        first: usize,
        lanes: usize,
        half: usize,
    ) {
        for row in 0..self.out_channels {
            let start = (row * self.in_channels + first) * KERNEL;
            let turned = self.scratch.as_mut_ptr();
            // SAFETY: the slices hold the matrix (a whole square is read only where the weights
            // have one; the scratch always does), and the caller has the features.
            unsafe {
                if lanes == V::LANES
                    && V::LANES > KERNEL
                    && start + (V::LANES - 1) * KERNEL + V::LANES <= self.weight.len()
                {
                    transpose_rows::<V>(
                        self.weight.as_ptr().add(start),
                        KERNEL,
                        V::LANES,
                        turned,
                        V::LANES,
                    );
                } else if lanes > 0 {
                    let src = &self.weight[start..start + lanes * KERNEL];
                    let size = [lanes, KERNEL];
                    transpose_matrix::<V>(size, src.as_ptr(), KERNEL, turned, V::LANES);
                }
                let at = |ky: usize, kx: usize| (KERNEL - 1 - ky * TAPS - kx) * V::LANES;
                self.put::<V>(at, row, half);
            }
        }
    }

    /// Transforms the kernels that lie in the scratch, where `at` says.
    ///
    /// # Safety
    /// Inlined into a function with the features of `V`.
    #[inline(always)]
    unsafe fn put<V: Vector<Elem = f32>>(
        &mut self,
        at: impl Fn(usize, usize) -> usize,
        row: usize,
        half: usize,
    ) {
        let stride = point_stride(V::LANES);
        let start = start_of_row(V::LANES, row, half);
        assert!(start + (POINTS * POINTS - 1) * stride + V::LANES <= self.panel.len());
        // SAFETY: the scratch holds the kernels, the panel has room for the row at every point, and
        // the caller has the features.
        unsafe {
            let mut g = [[V::zero(); TAPS]; TAPS];
            for (ky, g) in g.iter_mut().enumerate() {
                for (kx, g) in g.iter_mut().enumerate() {
                    *g = V::load(self.scratch.as_ptr().add(at(ky, kx)));
                }
            }
            let values = along_both::<V, OfWeight, TAPS, POINTS>(&g);
            let panel = self.panel.as_mut_ptr().add(start);
            for (i, values) in values.iter().enumerate() {
                for (j, value) in values.iter().enumerate() {
                    value.store(panel.add((i * POINTS + j) * stride));
                }
            }
        }
    }
}

/// The gradients of the weights `[out_channels, in_channels, 3, 3]` of `LANES` output channels:
/// `rows` are theirs (the last ones may be fewer), `panel` is as [`PackPanel`] makes it.
pub(super) struct UnpackPanel<'a> {
    pub(super) panel: &'a [f32],
    pub(super) half: usize,
    pub(super) in_channels: usize,
    pub(super) scratch: &'a mut [f32],
    pub(super) rows: &'a mut [f32],
}

impl VectorLoop<f32> for UnpackPanel<'_> {
    #[inline(always)]
    unsafe fn run<V: Vector<Elem = f32>>(self) {
        let stride = point_stride(V::LANES);
        let depth = self.in_channels * KERNEL;
        let lanes = self.rows.len() / depth;
        assert!(self.panel.len() == panel_len(V::LANES, self.in_channels) && self.half < 2);
        assert!(self.rows.len() == lanes * depth && lanes <= V::LANES);
        assert!(self.scratch.len() >= SCRATCH);
        let scratch = self.scratch.as_mut_ptr();
        for channel in (0..self.in_channels).step_by(CHANNELS) {
            let channels = (self.in_channels - channel).min(CHANNELS);
            // SAFETY: the panel, the scratch and the rows hold these channels, by the checks
            // above, and the caller has the features.
            unsafe {
                for c in 0..channels {
                    let start = start_of_row(V::LANES, channel + c, self.half);
                    let mut u = [[V::zero(); POINTS]; POINTS];
                    for (i, u) in u.iter_mut().enumerate() {
                        for (j, u) in u.iter_mut().enumerate() {
                            let point = (i * POINTS + j) * stride;
                            *u = V::load(self.panel.as_ptr().add(point + start));
                        }
                    }
                    let g = along_both::<V, ToWeightGrad, POINTS, TAPS>(&u);
                    for (tap, g) in g.as_flattened().iter().enumerate() {
                        g.store(scratch.add((c * KERNEL + tap) * V::LANES));
                    }
                }
                let rows = self.rows.as_mut_ptr().add(channel * KERNEL);
                let size = [channels * KERNEL, lanes];
                transpose_matrix::<V>(size, scratch, V::LANES, rows, depth);
            }
        }
    }
}
