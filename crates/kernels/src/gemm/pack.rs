//! Packing: copies of matrix panels in the order in which the tiles read them.

use super::MatRef;
use crate::{Float, Isa, Loop};

/// The right-hand matrix of a product, as far as the blocked loops know it: something that can be
/// packed.
pub(crate) trait Columns<T>: Sync {
    /// Fills `out` (`[steps][width]`) with rows `first_row..first_row + steps` and columns
    /// `first_column..first_column + columns`; the columns up to `width` are zeros.
    fn pack(&self, isa: Isa, rows: Span, columns: Span, width: usize, out: &mut [T]);
}

/// A range of rows or columns.
#[derive(Copy, Clone)]
pub(crate) struct Span {
    pub(crate) start: usize,
    pub(crate) len: usize,
}

impl<T: Float> Columns<T> for MatRef<'_, T> {
    fn pack(&self, isa: Isa, rows: Span, columns: Span, width: usize, out: &mut [T]) {
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
    fn transpose(self) {
        let width = self.width;
        let mut lane = 0;
        while lane + 8 <= self.lanes {
            self_transpose::<T, 8>(
                self.data,
                self.lane_stride,
                self.steps,
                lane,
                width,
                self.out,
            );
            lane += 8;
        }
        while lane + 2 <= self.lanes {
            self_transpose::<T, 2>(
                self.data,
                self.lane_stride,
                self.steps,
                lane,
                width,
                self.out,
            );
            lane += 2;
        }
        if lane < self.lanes {
            self_transpose::<T, 1>(
                self.data,
                self.lane_stride,
                self.steps,
                lane,
                width,
                self.out,
            );
        }
        if self.lanes < width {
            for out in self.out.chunks_exact_mut(width) {
                out[self.lanes..].fill(T::ZERO);
            }
        }
    }
}

/// Packs `L` lanes from `lane` on.
#[inline(always)]
fn self_transpose<T: Float, const L: usize>(
    data: &[T],
    lane_stride: usize,
    steps: usize,
    lane: usize,
    width: usize,
    out: &mut [T],
) {
    let rows: [&[T]; L] = std::array::from_fn(|l| &data[(lane + l) * lane_stride..][..steps]);
    let mut step = 0;
    while step + TURN <= steps {
        let block: [[T; TURN]; L] =
            std::array::from_fn(|l| *rows[l][step..].first_chunk().expect("TURN steps are left"));
        for s in 0..TURN {
            let out: &mut [T; L] = out[(step + s) * width + lane..]
                .first_chunk_mut()
                .expect("the panel holds its lanes");
            *out = std::array::from_fn(|l| block[l][s]);
        }
        step += TURN;
    }
    while step < steps {
        for (l, row) in rows.iter().enumerate() {
            out[step * width + lane + l] = row[step];
        }
        step += 1;
    }
}
