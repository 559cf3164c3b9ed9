//! Products of transformed tiles with transformed weights.
//!
//! Tiles are stored `[tile][LANES channels]`, so that the values that a register tile broadcasts
//! lie at constant distances and need no packing. Weights and gradients of outputs are panels of
//! two vectors, `[row][2 LANES]`.

use crate::lanes::VectorLoop;
use crate::simd::Vector;

/// Rows of the largest register tile; with two vectors a row it leaves registers for the operands.
#[inline(always)]
pub(super) const fn max_rows(lanes: usize) -> usize {
    match lanes {
        16 => 14,
        8 => 6,
        _ => 4,
    }
}

/// `c[tile] (+)= sum over channels of tiles[channel, tile] * weights[channel]`.
///
/// Tiles lie in stretches of `height`. A stretch holds `blocks` blocks of channels, each
/// `[height][LANES]`; `weights` holds as many, each `[LANES][2 LANES]`; and a stretch of `c` is
/// `[height][2 LANES]`.
pub(super) struct TilesTimesWeights<'a> {
    pub(super) count: usize,
    pub(super) height: usize,
    pub(super) blocks: usize,
    pub(super) tiles: &'a [f32],
    /// From one stretch of `tiles` to the next, and from one block to the next.
    pub(super) tiles_strides: [usize; 2],
    pub(super) weights: &'a [f32],
    /// From one block of `weights` to the next.
    pub(super) weights_stride: usize,
    pub(super) c: &'a mut [f32],
    /// From one stretch of `c` to the next.
    pub(super) c_stride: usize,
    pub(super) accumulate: bool,
}

impl VectorLoop<f32> for TilesTimesWeights<'_> {
    #[inline(always)]
    unsafe fn run<V: Vector<Elem = f32>>(self) {
        let width = 2 * V::LANES;
        let [a_stretch, a_stride] = self.tiles_strides;
        let b_stride = self.weights_stride;
        assert!(self.blocks > 0 && self.height > 0);
        assert!((self.blocks - 1) * b_stride + V::LANES * width <= self.weights.len());
        for (stretch, start) in (0..self.count).step_by(self.height).enumerate() {
            let rows = self.height.min(self.count - start);
            let a = &self.tiles[stretch * a_stretch..];
            assert!((self.blocks - 1) * a_stride + rows * V::LANES <= a.len());
            let c = &mut self.c[stretch * self.c_stride..][..rows * width];
            let (a, b, c) = (a.as_ptr(), self.weights.as_ptr(), c.as_mut_ptr());
            macro_rules! tile {
                ($($r:literal)*) => {
                    match rows {
                        // SAFETY: the lengths were checked above, and the caller has the features.
                        $($r if $r <= max_rows(V::LANES) => unsafe {
                            row_tile::<V, $r>(self.blocks, a, a_stride, b, b_stride, c, self.accumulate)
                        })*
                        _ => panic!("a register tile of {rows} rows"),
                    }
                };
            }
            tile!(1 2 3 4 5 6 7 8 9 10 11 12 13 14)
        }
    }
}

/// # Safety
/// Inlined into a function with the features of `V`; all `blocks` of `a` and `b` are valid, and so
/// are `R` rows of `c`.
#[inline(always)]
unsafe fn row_tile<V: Vector<Elem = f32>, const R: usize>(
    blocks: usize,
    a: *const f32,
    a_stride: usize,
    b: *const f32,
    b_stride: usize,
    c: *mut f32,
    accumulate: bool,
) {
    // SAFETY: all accesses are within what the contract makes valid.
    unsafe {
        let mut acc = [[V::zero(); 2]; R];
        for block in 0..blocks {
            let a = a.add(block * a_stride);
            let b = b.add(block * b_stride);
            for k in 0..V::LANES {
                let b = b.add(2 * k * V::LANES);
                let columns = [V::load(b), V::load(b.add(V::LANES))];
                for (r, row) in acc.iter_mut().enumerate() {
                    let value = V::broadcast(a.add(r * V::LANES + k));
                    row[0] = value.mul_add(columns[0], row[0]);
                    row[1] = value.mul_add(columns[1], row[1]);
                }
            }
        }
        store_tile(&acc, c, accumulate);
    }
}

/// # Safety
/// Inlined into a function with the features of `V`; `R` rows of `c` are valid.
#[inline(always)]
unsafe fn store_tile<V: Vector<Elem = f32>, const R: usize>(
    acc: &[[V; 2]; R],
    c: *mut f32,
    accumulate: bool,
) {
    for (r, row) in acc.iter().enumerate() {
        for (v, sum) in row.iter().enumerate() {
            // SAFETY: within the rows of `c`.
            unsafe {
                let p = c.add((2 * r + v) * V::LANES);
                let sum = if accumulate {
                    V::load(p).add(*sum)
                } else {
                    *sum
                };
                sum.store(p);
            }
        }
    }
}

/// `c[channel] (+)= sum over tiles of tiles[tile, channel] * grads[tile]` for `LANES` channels:
/// `tiles` and `grads` hold `count` tiles, at most `height` to a stretch, as `[height][LANES]` and
/// `[height][2 LANES]`, and `c` is `[LANES][2 LANES]`.
pub(super) struct TilesTimesGrads<'a> {
    pub(super) count: usize,
    pub(super) height: usize,
    pub(super) tiles: &'a [f32],
    /// From one stretch of `tiles` to the next.
    pub(super) tiles_stride: usize,
    pub(super) grads: &'a [f32],
    /// From one stretch of `grads` to the next.
    pub(super) grads_stride: usize,
    pub(super) c: &'a mut [f32],
    pub(super) accumulate: bool,
}

impl VectorLoop<f32> for TilesTimesGrads<'_> {
    #[inline(always)]
    unsafe fn run<V: Vector<Elem = f32>>(mut self) {
        let stretches = self.count.div_ceil(self.height);
        let last = self.count - (stretches - 1) * self.height;
        assert!((stretches - 1) * self.tiles_stride + last * V::LANES <= self.tiles.len());
        assert!((stretches - 1) * self.grads_stride + last * 2 * V::LANES <= self.grads.len());
        assert!(self.height * V::LANES <= self.tiles_stride || stretches == 1);
        assert!(self.height * 2 * V::LANES <= self.grads_stride || stretches == 1);
        assert!(self.c.len() == V::LANES * 2 * V::LANES);
        macro_rules! tiles {
            ($r:literal) => {
                for first in (0..V::LANES).step_by($r) {
                    // SAFETY: the lengths were checked above, the channels lie within a block,
                    // and the caller has the features.
                    unsafe { self.column_tile::<V, $r>(first) }
                }
            };
        }
        if V::LANES == 16 { tiles!(8) } else { tiles!(4) }
    }
}

impl TilesTimesGrads<'_> {
    /// Rows `first` to `first + R` of `c`.
    ///
    /// # Safety
    /// Inlined into a function with the features of `V`; the lengths are right, and the rows are
    /// not more than `LANES`.
    #[inline(always)]
    unsafe fn column_tile<V: Vector<Elem = f32>, const R: usize>(&mut self, first: usize) {
        // SAFETY: all accesses are within what the contract makes valid.
        unsafe {
            let mut acc = [[V::zero(); 2]; R];
            for (stretch, start) in (0..self.count).step_by(self.height).enumerate() {
                let mut a = self.tiles.as_ptr().add(stretch * self.tiles_stride + first);
                let mut b = self.grads.as_ptr().add(stretch * self.grads_stride);
                for _ in start..self.count.min(start + self.height) {
                    let columns = [V::load(b), V::load(b.add(V::LANES))];
                    for (r, row) in acc.iter_mut().enumerate() {
                        let value = V::broadcast(a.add(r));
                        row[0] = value.mul_add(columns[0], row[0]);
                        row[1] = value.mul_add(columns[1], row[1]);
                    }
                    a = a.add(V::LANES);
                    b = b.add(2 * V::LANES);
                }
            }
            let c = self.c.as_mut_ptr().add(first * 2 * V::LANES);
            store_tile(&acc, c, self.accumulate);
        }
    }
}
