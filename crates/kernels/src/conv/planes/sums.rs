//! The two loops over a line of pixels: weighted sums, and dot products.

use crate::Float;
use crate::simd::Vector;

/// Outputs that are computed together if a group has several.
pub(super) const OUTPUTS: usize = 4;
/// Taps whose dot products are computed together.
pub(super) const TAPS: usize = 9;
/// Vectors of pixels that are computed together at most.
const VECTORS: usize = 4;

/// Elements that [`line_sums`] touches for a line of `len` pixels: whole groups of vectors.
#[inline(always)]
pub(super) const fn touched(len: usize, lanes: usize) -> usize {
    len.next_multiple_of(VECTORS * lanes)
}

/// Where the sums of a line come from.
pub(super) struct Line<'a, T> {
    /// The first pixel; [`touched`] ones can be read at every offset.
    pub(super) source: *const T,
    pub(super) offsets: &'a [u32],
    /// `[terms][outputs]`
    pub(super) weights: *const T,
    /// What is added to the sums of each output.
    pub(super) bias: [T; OUTPUTS],
}

/// `sums[o][x] = bias[o] + sum over terms of weights[term][o] * source[x + offsets[term]]` for
/// `len` pixels and `outputs` outputs, 1 or [`OUTPUTS`], which are `pitch` apart. All of
/// [`touched`] may be written.
///
/// # Safety
/// Inlined into a function with the features of `V`; the pointers are valid for what is said.
#[inline(always)]
pub(super) unsafe fn line_sums<T: Float, V: Vector<Elem = T>>(
    line: &Line<'_, T>,
    len: usize,
    outputs: usize,
    sums: *mut T,
    pitch: usize,
) {
    // SAFETY: this function's contract.
    unsafe {
        if outputs == 1 {
            along_line::<T, V, 1, VECTORS>(line, len, sums, pitch);
        } else if V::LANES * size_of::<T>() == 64 {
            along_line::<T, V, OUTPUTS, VECTORS>(line, len, sums, pitch);
        } else {
            // With 16 registers.
            along_line::<T, V, OUTPUTS, 2>(line, len, sums, pitch);
        }
    }
}

/// # Safety
/// As [`line_sums`].
#[inline(always)]
unsafe fn along_line<T: Float, V: Vector<Elem = T>, const O: usize, const NV: usize>(
    line: &Line<'_, T>,
    len: usize,
    sums: *mut T,
    pitch: usize,
) {
    let mut x = 0;
    // SAFETY: this function's contract.
    unsafe {
        while x < len {
            let sums = sums.add(x);
            if 2 * (len - x) > NV * V::LANES {
                pixels::<T, V, O, NV>(line, x, sums, pitch);
                x += NV * V::LANES;
            } else {
                pixels::<T, V, O, 1>(line, x, sums, pitch);
                x += V::LANES;
            }
        }
    }
}

/// # Safety
/// As [`line_sums`].
#[inline(always)]
unsafe fn pixels<T: Float, V: Vector<Elem = T>, const O: usize, const NV: usize>(
    line: &Line<'_, T>,
    x: usize,
    sums: *mut T,
    pitch: usize,
) {
    // SAFETY: this function's contract.
    unsafe {
        let source = line.source.add(x);
        let mut weights = line.weights;
        let mut acc = [[V::zero(); NV]; O];
        for (acc, bias) in acc.iter_mut().zip(&line.bias) {
            *acc = [V::broadcast(bias); NV];
        }
        for offset in line.offsets {
            let source = source.add(*offset as usize);
            let mut values = [V::zero(); NV];
            for (v, value) in values.iter_mut().enumerate() {
                *value = V::load(source.add(v * V::LANES));
            }
            for acc in &mut acc {
                let weight = V::broadcast(weights);
                weights = weights.add(1);
                for (sum, value) in acc.iter_mut().zip(values) {
                    *sum = value.mul_add(weight, *sum);
                }
            }
        }
        for (o, acc) in acc.iter().enumerate() {
            for (v, sum) in acc.iter().enumerate() {
                sum.store(sums.add(o * pitch + v * V::LANES));
            }
        }
    }
}

/// `sums[tap] += grads[line][x] * source[line][x + offsets[tap]]` over all lines and pixels, for up
/// to `N` taps, whose sums are vectors: `lines` lines of `len` pixels, in whole vectors.
///
/// # Safety
/// Inlined into a function with the features of `V`; the pointers are valid for all vectors of
/// each line, and `sums` for as many vectors as there are offsets.
#[inline(always)]
pub(super) unsafe fn dots<T: Float, V: Vector<Elem = T>, const N: usize>(
    [lines, len]: [usize; 2],
    (grads, pitch): (*const T, usize),
    (source, source_pitch): (*const T, usize),
    offsets: &[u32],
    sums: *mut T,
) {
    let mut places = [0usize; N];
    for (place, offset) in places.iter_mut().zip(offsets) {
        *place = *offset as usize;
    }
    // SAFETY: this function's contract.
    unsafe {
        let mut acc = [V::zero(); N];
        for line in 0..lines {
            let grads = grads.add(line * pitch);
            let source = source.add(line * source_pitch);
            let mut x = 0;
            while x < len {
                let grad = V::load(grads.add(x));
                for (sum, place) in acc.iter_mut().zip(places) {
                    *sum = grad.mul_add(V::load(source.add(x + place)), *sum);
                }
                x += V::LANES;
            }
        }
        for (tap, acc) in acc.iter().enumerate().take(offsets.len()) {
            let sum = sums.add(tap * V::LANES);
            V::load(sum).add(*acc).store(sum);
        }
    }
}
