//! Packing: copies of matrix panels in the order in which the tiles read them.

use super::MatRef;
use crate::{Float, Isa, Loop};

/// A range of rows or columns.
#[derive(Copy, Clone)]
pub(super) struct Span {
    pub(super) start: usize,
    pub(super) len: usize,
}

impl<T: Float> MatRef<'_, T> {
    /// Fills `out` (`[rows.len][width]`) with some rows and columns; the columns up to `width` are
    /// zeros.
    pub(super) fn pack(&self, isa: Isa, rows: Span, columns: Span, width: usize, out: &mut [T]) {
        isa.run(Pack {
            data: &self.data[rows.start * self.row_stride + columns.start * self.col_stride..],
            step_stride: self.row_stride,
            lane_stride: self.col_stride,
            steps: rows.len,
            lanes: columns.len,
            width,
            out,
        });
    }
}

/// Packs rows of a left-hand matrix: `[steps][rows.len]`.
pub(super) fn pack_rows<T: Float>(
    a: &MatRef<'_, T>,
    isa: Isa,
    rows: Span,
    steps: Span,
    out: &mut [T],
) {
    let turned = a.transposed();
    turned.pack(isa, steps, rows, rows.len, out);
}

/// `out[step][lane] = data[step * step_stride + lane * lane_stride]`, zeros from `lanes` on.
struct Pack<'a, T> {
    data: &'a [T],
    step_stride: usize,
    lane_stride: usize,
    steps: usize,
    lanes: usize,
    width: usize,
    out: &'a mut [T],
}

impl<T: Float> Loop for Pack<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        debug_assert_eq!(self.out.len(), self.steps * self.width);
        if self.lane_stride == 1 {
            match (self.width, self.lanes == self.width) {
                (32, true) => self.copy_rows::<32>(),
                (16, true) => self.copy_rows::<16>(),
                (8, true) => self.copy_rows::<8>(),
                _ => self.copy_ragged_rows(),
            }
        } else if self.step_stride == 1 {
            self.transpose();
        } else {
            for (step, out) in self.out.chunks_exact_mut(self.width).enumerate() {
                let data = &self.data[step * self.step_stride..];
                for (lane, out) in out[..self.lanes].iter_mut().enumerate() {
                    *out = data[lane * self.lane_stride];
                }
                out[self.lanes..].fill(T::ZERO);
            }
        }
    }
}

/// Steps that are turned at a time.
const TURN: usize = 8;

impl<T: Float> Pack<'_, T> {
    #[inline(always)]
    fn copy_rows<const W: usize>(self) {
        for (step, out) in self.out.as_chunks_mut::<W>().0.iter_mut().enumerate() {
            *out = *self.data[step * self.step_stride..]
                .first_chunk()
                .expect("the matrix holds its rows");
        }
    }

    #[inline(always)]
    fn copy_ragged_rows(self) {
        for (step, out) in self.out.chunks_exact_mut(self.width).enumerate() {
            let (copy, zero) = out.split_at_mut(self.lanes);
            for (out, v) in copy.iter_mut().zip(&self.data[step * self.step_stride..]) {
                *out = *v;
            }
            zero.fill(T::ZERO);
        }
    }

    /// Lanes lie `lane_stride` apart, steps next to each other.
    #[inline(always)]
    fn transpose(mut self) {
        let mut lane = 0;
        while lane + 4 <= self.lanes {
            self.transpose_lanes::<4>(lane);
            lane += 4;
        }
        while lane < self.lanes {
            self.transpose_lanes::<1>(lane);
            lane += 1;
        }
        if self.lanes < self.width {
            for out in self.out.chunks_exact_mut(self.width) {
                out[self.lanes..].fill(T::ZERO);
            }
        }
    }

    /// Packs `L` lanes from `lane` on.
    #[inline(always)]
    fn transpose_lanes<const L: usize>(&mut self, lane: usize) {
        let rows: [&[T]; L] =
            std::array::from_fn(|l| &self.data[(lane + l) * self.lane_stride..][..self.steps]);
        let mut step = 0;
        while step + TURN <= self.steps {
            let block: [[T; TURN]; L] = std::array::from_fn(|l| {
                *rows[l][step..].first_chunk().expect("TURN steps are left")
            });
            let turned: [[T; L]; TURN] =
                std::array::from_fn(|s| std::array::from_fn(|l| block[l][s]));
            for (s, lanes) in turned.iter().enumerate() {
                let at = (step + s) * self.width + lane;
                self.out[at..at + L].copy_from_slice(lanes);
            }
            step += TURN;
        }
        while step < self.steps {
            for (l, row) in rows.iter().enumerate() {
                self.out[step * self.width + lane + l] = row[step];
            }
            step += 1;
        }
    }
}
