//! Products of transformed tiles with transformed weights.
//!
//! Tiles are stored `[channels / LANES][tile][LANES]`, so that the values that a register tile
//! broadcasts lie at constant distances and need no packing. Weights and gradients of outputs are
//! panels of two vectors, `[row][2 LANES]`.

use crate::gemm::simd::Vector;
use crate::lanes::{Lanes, VectorLoop};

/// Rows of the largest register tile; with two vectors a row it leaves registers for the operands.
#[inline(always)]
pub(super) const fn max_rows(lanes: usize) -> usize {
    match lanes {
        16 => 14,
        8 => 6,
        _ => 4,
    }
}

/// `c[tile] (+)= sum over channels of tiles[channel, tile] * panel[channel]`: `tiles` is
/// `[channels / LANES][block_stride]`, of which a block holds `[count][LANES]`, `panel` is
/// `[channels][2 LANES]`, and `c` is `[count][2 LANES]`.
pub(super) struct TilesTimesWeights<'a> {
    pub(super) tiles: &'a [f32],
    pub(super) block_stride: usize,
    pub(super) count: usize,
    pub(super) panel: &'a [f32],
    pub(super) c: &'a mut [f32],
    pub(super) accumulate: bool,
}

impl VectorLoop for TilesTimesWeights<'_> {
    #[inline(always)]
    unsafe fn run<V: Lanes>(self) {
        let width = 2 * V::LANES;
        let blocks = self.panel.len() / (V::LANES * width);
        if self.count == 0 || blocks == 0 {
            return;
        }
        assert!(self.panel.len() == blocks * V::LANES * width);
        assert!(self.tiles.len() >= (blocks - 1) * self.block_stride + self.count * V::LANES);
        assert!(self.c.len() == self.count * width);
        // Panels of nearly the same height waste less than full ones and a rest.
        let panels = self.count.div_ceil(max_rows(V::LANES));
        let height = self.count.div_ceil(panels);
        let mut start = 0;
        while start < self.count {
            let rows = height.min(self.count - start);
            let a = &self.tiles[start * V::LANES..];
            let c = &mut self.c[start * width..];
            let (b, stride, acc) = (self.panel.as_ptr(), self.block_stride, self.accumulate);
            macro_rules! tile {
                ($($r:literal)*) => {
                    match rows {
                        $($r if $r <= max_rows(V::LANES) => {
                            // SAFETY: the lengths were checked above, the rows lie within them,
                            // and the caller has the features.
                            unsafe { row_tile::<V, $r>(blocks, stride, a.as_ptr(), b, c.as_mut_ptr(), acc) }
                        })*
                        _ => unreachable!("a tile has at most max_rows rows"),
                    }
                };
            }
            tile!(1 2 3 4 5 6 7 8 9 10 11 12 13 14);
            start += rows;
        }
    }
}

/// # Safety
/// Inlined into a function with the features of `V`; all `blocks` of `a`, and `blocks * LANES`
/// rows of `b` are valid, and so are `R` rows of `c`.
#[inline(always)]
unsafe fn row_tile<V: Lanes, const R: usize>(
    blocks: usize,
    block_stride: usize,
    a: *const f32,
    b: *const f32,
    c: *mut f32,
    accumulate: bool,
) {
    // SAFETY: all accesses are within what the contract makes valid.
    unsafe {
        let mut acc = [[V::zero(); 2]; R];
        let mut b = b;
        for block in 0..blocks {
            let a = a.add(block * block_stride);
            for k in 0..V::LANES {
                let columns = [V::load(b), V::load(b.add(V::LANES))];
                for (r, row) in acc.iter_mut().enumerate() {
                    let value = V::broadcast(a.add(r * V::LANES + k));
                    row[0] = value.mul_add(columns[0], row[0]);
                    row[1] = value.mul_add(columns[1], row[1]);
                }
                b = b.add(2 * V::LANES);
            }
        }
        store_tile(&acc, c, accumulate);
    }
}

/// # Safety
/// Inlined into a function with the features of `V`; `R` rows of `c` are valid.
#[inline(always)]
unsafe fn store_tile<V: Lanes, const R: usize>(acc: &[[V; 2]; R], c: *mut f32, accumulate: bool) {
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
/// `tiles` is `[count][LANES]`, `grads` is `[count][2 LANES]` and `c` is `[LANES][2 LANES]`.
pub(super) struct TilesTimesGrads<'a> {
    pub(super) tiles: &'a [f32],
    pub(super) grads: &'a [f32],
    pub(super) c: &'a mut [f32],
    pub(super) accumulate: bool,
}

impl VectorLoop for TilesTimesGrads<'_> {
    #[inline(always)]
    unsafe fn run<V: Lanes>(self) {
        let count = self.tiles.len() / V::LANES;
        assert!(self.tiles.len() == count * V::LANES);
        assert!(self.grads.len() == count * 2 * V::LANES);
        assert!(self.c.len() == V::LANES * 2 * V::LANES);
        let (a, b) = (self.tiles.as_ptr(), self.grads.as_ptr());
        macro_rules! tiles {
            ($r:literal) => {
                for first in (0..V::LANES).step_by($r) {
                    // SAFETY: the lengths were checked above, the channels lie within a block,
                    // and the caller has the features.
                    unsafe {
                        let c = self.c.as_mut_ptr().add(first * 2 * V::LANES);
                        column_tile::<V, $r>(count, a.add(first), b, c, self.accumulate);
                    }
                }
            };
        }
        if V::LANES == 16 { tiles!(8) } else { tiles!(4) }
    }
}

/// # Safety
/// Inlined into a function with the features of `V`; `count` rows of `a` (`LANES` apart, `R` of
/// each) and of `b` are valid, and so are `R` rows of `c`.
#[inline(always)]
unsafe fn column_tile<V: Lanes, const R: usize>(
    count: usize,
    a: *const f32,
    b: *const f32,
    c: *mut f32,
    accumulate: bool,
) {
    // SAFETY: all accesses are within what the contract makes valid.
    unsafe {
        let mut acc = [[V::zero(); 2]; R];
        let (mut a, mut b) = (a, b);
        for _ in 0..count {
            let columns = [V::load(b), V::load(b.add(V::LANES))];
            for (r, row) in acc.iter_mut().enumerate() {
                let value = V::broadcast(a.add(r));
                row[0] = value.mul_add(columns[0], row[0]);
                row[1] = value.mul_add(columns[1], row[1]);
            }
            a = a.add(V::LANES);
            b = b.add(2 * V::LANES);
        }
        store_tile(&acc, c, accumulate);
    }
}
