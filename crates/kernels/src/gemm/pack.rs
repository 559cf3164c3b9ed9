//! Packing: copies of matrix panels in the order in which the tiles read them.

use super::cut::Span;
use super::matrix::MatRef;
use super::tile;
use crate::{Float, Isa, Loop};

impl<T: Float> MatRef<'_, T> {
    /// Fills `out` (`[rows.len][width]`) with some rows and columns; what the columns up to
    /// `width` hold does not matter, as long as it is a number of the matrix or 0.
    pub(super) fn pack(&self, isa: Isa, rows: Span, columns: Span, width: usize, out: &mut [T]) {
        assert!(out.len() == rows.len * width && columns.len <= width);
        assert!(rows.end() <= self.rows && columns.end() <= self.cols);
        if rows.len == 0 || columns.len == 0 {
            return;
        }
        let mut pack = Pack {
            data: &self.data[rows.start * self.row_stride + columns.start * self.col_stride..],
            step_stride: self.row_stride,
            lane_stride: self.col_stride,
            steps: rows.len,
            lanes: columns.len,
            width,
            out,
        };
        if pack.step_stride == 1 && pack.lane_stride != 1 {
            let done = pack.turn(isa);
            pack.data = &pack.data[done.min(pack.data.len())..];
            pack.steps -= done;
            pack.out = &mut pack.out[done * width..];
        }
        isa.run(pack);
    }

    /// Packs rows of a left-hand matrix: `[steps][rows.len]`.
    pub(super) fn pack_rows(&self, isa: Isa, rows: Span, steps: Span, out: &mut [T]) {
        self.transposed().pack(isa, steps, rows, rows.len, out);
    }
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
        if self.steps == 0 {
            return;
        }
        if self.lane_stride == 1 {
            match (self.width, self.lanes == self.width) {
                (32, true) => self.copy_rows::<32>(),
                (16, true) => self.copy_rows::<16>(),
                (8, true) => self.copy_rows::<8>(),
                _ => self.copy_ragged_rows(),
            }
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

impl<T: Float> Pack<'_, T> {
    /// Turns rows that lie along the steps with vectors; returns the number of steps it did.
    fn turn(&mut self, isa: Isa) -> usize {
        assert!(isa.is_available(), "this machine has no {isa:?}");
        let kernel = tile::kernel(isa);
        assert!((self.lanes - 1) * self.lane_stride + self.steps <= self.data.len());
        let mut done = self.steps;
        // The last vector may reach into the next step, which those before it then write, but not
        // beyond `out`.
        for lane in (0..self.lanes).step_by(kernel.lanes).rev() {
            let room = (self.out.len() - lane).saturating_sub(kernel.lanes);
            if self.out.len() < lane + kernel.lanes {
                return 0;
            }
            let steps = self.steps.min(room / self.width + 1);
            // SAFETY: `steps` elements of each row lie in `data` by the assertion, a vector from
            // each step's start in `out` by the choice of `steps`.
            done = done.min(unsafe {
                (kernel.turn)(
                    self.data.as_ptr().add(lane * self.lane_stride),
                    self.lane_stride,
                    kernel.lanes.min(self.lanes - lane),
                    steps,
                    self.out.as_mut_ptr().add(lane),
                    self.width,
                )
            });
        }
        done
    }

    #[inline(always)]
    fn copy_rows<const W: usize>(self) {
        for (step, out) in self.out.as_chunks_mut::<W>().0.iter_mut().enumerate() {
            *out = *self.data[step * self.step_stride..]
                .first_chunk()
                .expect("the matrix holds its rows");
        }
    }

    #[inline(always)]
    fn copy_ragged_rows(mut self) {
        match self.width {
            ..=16 => self.copy_wide_rows::<16>(),
            _ => self.copy_wide_rows::<32>(),
        }
        for (step, out) in self.out.chunks_exact_mut(self.width).enumerate() {
            let (copy, zero) = out.split_at_mut(self.lanes);
            for (out, v) in copy.iter_mut().zip(&self.data[step * self.step_stride..]) {
                *out = *v;
            }
            zero.fill(T::ZERO);
        }
    }

    /// Copies `WIDE` elements for each step, while they are there: the next step overwrites what is
    /// too much. Leaves the steps that are not done.
    #[inline(always)]
    fn copy_wide_rows<const WIDE: usize>(&mut self) {
        let fits = |len: usize, stride: usize| match len.checked_sub(WIDE) {
            Some(room) => room.checked_div(stride).map_or(usize::MAX, |n| n + 1),
            None => 0,
        };
        let steps = self
            .steps
            .min(fits(self.out.len(), self.width))
            .min(fits(self.data.len(), self.step_stride));
        for step in 0..steps {
            let out: &mut [T; WIDE] = self.out[step * self.width..]
                .first_chunk_mut()
                .expect("`fits` counted");
            *out = *self.data[step * self.step_stride..]
                .first_chunk()
                .expect("`fits` counted");
        }
        self.steps -= steps;
        self.data = &self.data[(steps * self.step_stride).min(self.data.len())..];
        let out = std::mem::take(&mut self.out);
        self.out = &mut out[steps * self.width..];
    }
}
