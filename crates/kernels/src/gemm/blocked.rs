//! Large products: packed, cut into blocks, shared among threads.
//!
//! The sum over `k` is cut into blocks of at most [`K_BLOCK`] terms, added in order. An element's sum is
//! the same whatever tile and thread computes it, so how the work is cut may depend on the
//! number of threads.
//!
//! Work is shared in one of two ways. By columns: the rows of the left side are packed first, by
//! all threads; then each task packs panels of columns for itself (a panel stays in the first
//! cache while all rows pass it). By rows, where there are few columns: the other way round.

use super::cut::{K_BLOCK, Span, k_step_of, panels_of, piece, pieces};
use super::matrix::{MatRef, Side};
use super::packed::PackedB;
use super::tile::{Kernel, MAX_TILE, Operands, kernel};
use crate::epilogue::Block;
use crate::threads::{Disjoint, parallelism};
use crate::{Buffer, Epilogue, Float, Isa, parallel_for};

/// Terms whose packed rows are held at a time.
const K_CHUNK: usize = 4096;
/// Rows that are packed at a time: with a block of `k`, what the second cache holds.
const ROW_BLOCK: usize = 504;
/// Products with fewer multiplications run on the caller.
const PARALLEL: usize = 1 << 19;
/// Products of at most so many panels of columns are shared by rows.
const FEW_PANELS: usize = 2;
/// Column panels that pass at most so many row panels are read where they are..
const DIRECT_ROWS: usize = 40;
/// .. but if many rows of the right side share few sets of the first cache, only for so many.
const DIRECT_ROWS_ALIASED: usize = 6;
/// Panels of columns that are packed together ..
const PANELS_AT_ONCE: usize = 4;
/// .. so many rows of each at a time.
const PACKED_ROWS: usize = 16;
/// Packing fewer elements is not shared.
const PARALLEL_PACK: usize = 1 << 14;

/// The right side of a product.
#[derive(Copy, Clone)]
pub(super) enum Right<'a, T: Float> {
    Plain(MatRef<'a, T>),
    Packed(&'a PackedB<T>),
}

/// A product, and how it is cut.
struct Product<'a, T: Float> {
    isa: Isa,
    kernel: &'static Kernel<T>,
    a: MatRef<'a, T>,
    b: Right<'a, T>,
    c: Disjoint<'a, T>,
    m: usize,
    k: usize,
    n: usize,
    /// Rows of a panel; the last one of a block may have fewer.
    height: usize,
    /// Whether full panels of columns are read where they are.
    direct: bool,
    accumulate: bool,
    epilogue: Epilogue<'a, T>,
    threads: usize,
}

/// As [`super::gemm_epilogue`], packed and cut into blocks.
pub(super) fn gemm_blocked<T: Float>(
    isa: Isa,
    a: MatRef<'_, T>,
    b: Right<'_, T>,
    c: &mut [T],
    accumulate: bool,
    epilogue: Epilogue<'_, T>,
) {
    let (m, k) = (a.rows, a.cols);
    let n = match b {
        Right::Plain(b) => b.cols,
        Right::Packed(b) => b.cols(),
    };
    assert!(isa.is_available(), "this machine has no {isa:?}");
    if c.is_empty() {
        return;
    }
    if k == 0 {
        if !accumulate {
            c.fill(T::ZERO);
        }
        return epilogue.apply_product(isa, n, c);
    }
    let kernel = kernel(isa);
    let small = m.saturating_mul(n).saturating_mul(k) < PARALLEL;
    let threads = if small { 1 } else { parallelism() };
    let width = 2 * kernel.lanes;
    let column_panels = n.div_ceil(width);
    let by_rows = column_panels <= FEW_PANELS;
    let block = if by_rows { m } else { m.min(ROW_BLOCK) };
    // Panels of nearly the same height waste less than full ones and a rest.
    let height = block.div_ceil(block.div_ceil(kernel.wide.len()));
    let direct = match b {
        Right::Plain(b) => {
            let aliased = (b.row_stride * size_of::<T>()).is_multiple_of(4096);
            let panels = if aliased {
                DIRECT_ROWS_ALIASED
            } else {
                DIRECT_ROWS
            };
            b.col_stride == 1 && m <= panels * kernel.wide.len()
        }
        Right::Packed(_) => false,
    };
    let product = Product {
        isa,
        kernel,
        a,
        b,
        c: Disjoint::new(c),
        m,
        k,
        n,
        height,
        direct,
        accumulate,
        epilogue,
        threads,
    };
    let k_step = k_step_of(k);
    let chunk = (K_CHUNK / k_step).max(1) * k_step;
    for start in (0..k).step_by(chunk) {
        let terms = Span {
            start,
            len: chunk.min(k - start),
        };
        if by_rows {
            product.by_rows(terms, k_step);
            continue;
        }
        let block = (ROW_BLOCK / height).max(1) * height;
        for start in (0..m).step_by(block) {
            let rows = Span {
                start,
                len: block.min(m - start),
            };
            product.by_columns(rows, terms, k_step);
        }
    }
}

/// A shared side's packed panels: for each block of `k`, for each panel, `[steps][width]`.
struct Packed<'s, T> {
    data: &'s [T],
    /// Lanes of all panels together.
    lanes: usize,
    /// The first lane.
    first: usize,
    terms: Span,
}

impl<'s, T> Packed<'s, T> {
    /// The panel that starts at a lane.
    fn side(&self, steps: Span, lane: usize, width: usize) -> Side<'s, T> {
        let at = (steps.start - self.terms.start) * self.lanes + (lane - self.first) * steps.len;
        Side {
            data: &self.data[at..][..steps.len * width],
            step: width,
        }
    }
}

impl<T: Float> Product<'_, T> {
    fn panels(&self) -> impl Iterator<Item = (Span, usize)> {
        panels_of(self.kernel, self.n)
    }

    /// Runs `f` for each task, or in turn on one thread.
    fn for_each(&self, tasks: usize, alone: bool, f: impl Fn(usize) + Sync) {
        if self.threads == 1 || alone {
            (0..tasks).for_each(f);
        } else {
            parallel_for(tasks, f);
        }
    }

    /// Packs rows of the left side for all tasks.
    fn pack_left(&self, rows: Span, terms: Span, k_step: usize, out: &mut [T]) {
        let panels = rows.len.div_ceil(self.height);
        let blocks = terms.len.div_ceil(k_step);
        let alone = out.len() < PARALLEL_PACK;
        let out = Disjoint::new(out);
        let per_task = panels.div_ceil(4 * self.threads);
        let groups = panels.div_ceil(per_task);
        self.for_each(groups * blocks, alone, |task| {
            let steps = piece(terms, k_step, task / groups);
            let first = task % groups * per_task;
            for panel in first..(first + per_task).min(panels) {
                let part = piece(rows, self.height, panel);
                let at =
                    (steps.start - terms.start) * rows.len + (part.start - rows.start) * steps.len;
                // SAFETY: each panel of each block has a part of its own.
                let out = unsafe { out.slice(at, part.len * steps.len) };
                self.a.pack_rows(self.isa, part, steps, out);
            }
        });
    }

    /// Packs the columns of the right side for all tasks, or nothing if that need not be.
    fn pack_right(&self, terms: Span, k_step: usize) -> Option<Buffer<T>> {
        let Right::Plain(b) = self.b else { return None };
        let lanes = self.n.next_multiple_of(self.kernel.lanes);
        let mut packed = Buffer::<T>::new(lanes * terms.len);
        let panels: Vec<_> = self.panels().collect();
        let blocks = terms.len.div_ceil(k_step);
        let alone = packed.len() < PARALLEL_PACK;
        let out = Disjoint::new(&mut packed);
        self.for_each(panels.len() * blocks, alone, |task| {
            let steps = piece(terms, k_step, task / panels.len());
            let (columns, width) = panels[task % panels.len()];
            let at = (steps.start - terms.start) * lanes + columns.start * steps.len;
            // SAFETY: each panel of each block has a part of its own.
            let out = unsafe { out.slice(at, width * steps.len) };
            b.pack(self.isa, steps, columns, width, out);
        });
        Some(packed)
    }

    /// Packs neighbouring panels of the right side, all if one of them must be.
    fn pack_panels<'s>(
        &self,
        steps: Span,
        panels: &[(Span, usize)],
        scratch: &'s mut Option<Buffer<T>>,
    ) -> Option<Packed<'s, T>> {
        let Right::Plain(b) = self.b else { return None };
        let full = |&(columns, width): &(Span, usize)| columns.len == width;
        if self.direct && panels.iter().all(full) {
            return None;
        }
        let size = K_BLOCK * 2 * self.kernel.lanes * PANELS_AT_ONCE;
        let scratch = scratch.get_or_insert_with(|| Buffer::new(size));
        let first = panels[0].0.start;
        // Where columns are contiguous, a few rows of all panels, and the next: longer pieces.
        let part = if b.col_stride == 1 {
            PACKED_ROWS
        } else {
            steps.len
        };
        for rows in pieces(steps, part) {
            for &(columns, width) in panels {
                let at = (columns.start - first) * steps.len + (rows.start - steps.start) * width;
                let out = &mut scratch[at..][..rows.len * width];
                b.pack(self.isa, rows, columns, width, out);
            }
        }
        Some(Packed {
            data: scratch,
            lanes: 0,
            first,
            terms: steps,
        })
    }

    /// A panel of the right side: packed, or where it is.
    fn right<'s>(
        &'s self,
        steps: Span,
        columns: Span,
        width: usize,
        packed: Option<&Packed<'s, T>>,
    ) -> Side<'s, T> {
        match (packed, self.b) {
            (Some(packed), _) => packed.side(steps, columns.start, width),
            (None, Right::Packed(b)) => b.side(self.kernel, steps, columns),
            (None, Right::Plain(b)) => Side {
                data: &b.data[steps.start * b.row_stride + columns.start..],
                step: b.row_stride,
            },
        }
    }

    /// Shares a block of rows by columns.
    fn by_columns(&self, rows: Span, terms: Span, k_step: usize) {
        let mut packed = Buffer::<T>::new(rows.len * terms.len);
        self.pack_left(rows, terms, k_step, &mut packed);
        let left = Packed {
            data: &packed,
            lanes: rows.len,
            first: rows.start,
            terms,
        };
        let panels: Vec<_> = self.panels().collect();
        let (threads, row_panels) = (self.threads, rows.len.div_ceil(self.height));
        let per_task = (panels.len() / (4 * threads)).clamp(1, 8);
        let column_groups = panels.len().div_ceil(per_task);
        // Too few columns for all threads: tasks share them, packed once.
        let row_groups = if threads == 1 || column_groups >= 2 * threads {
            1
        } else {
            (4 * threads).div_ceil(column_groups).min(row_panels)
        };
        let rows_per_group = row_panels.div_ceil(row_groups) * self.height;
        let row_groups = rows.len.div_ceil(rows_per_group);
        let shared = if row_groups > 1 && !self.direct {
            self.pack_right(terms, k_step)
        } else {
            None
        };
        let shared = shared.as_deref().map(|data| Packed {
            data,
            lanes: self.n.next_multiple_of(self.kernel.lanes),
            first: 0,
            terms,
        });
        self.for_each(column_groups * row_groups, false, |task| {
            let first = task / row_groups * per_task;
            let group = piece(rows, rows_per_group, task % row_groups);
            let own = &panels[first..(first + per_task).min(panels.len())];
            let together = if self.direct { 1 } else { PANELS_AT_ONCE };
            let mut scratch = None;
            for steps in pieces(terms, k_step) {
                for panels in own.chunks(together) {
                    let own = match shared {
                        Some(_) => None,
                        None => self.pack_panels(steps, panels, &mut scratch),
                    };
                    for &(columns, width) in panels {
                        let packed = shared.as_ref().or(own.as_ref());
                        let b = self.right(steps, columns, width, packed);
                        for part in pieces(group, self.height) {
                            let a = left.side(steps, part.start, part.len);
                            // SAFETY: this task alone writes to these rows and columns.
                            unsafe { self.multiply(a, b, steps, part, columns, width) };
                        }
                    }
                }
            }
        });
    }

    /// Shares all rows, where there are few columns.
    fn by_rows(&self, terms: Span, k_step: usize) {
        let shared = if self.direct {
            None
        } else {
            self.pack_right(terms, k_step)
        };
        let shared = shared.as_deref().map(|data| Packed {
            data,
            lanes: self.n.next_multiple_of(self.kernel.lanes),
            first: 0,
            terms,
        });
        let panels: Vec<_> = self.panels().collect();
        let row_panels = self.m.div_ceil(self.height);
        let per_task = (row_panels / (4 * self.threads)).clamp(1, 16);
        let rows = Span {
            start: 0,
            len: self.m,
        };
        self.for_each(row_panels.div_ceil(per_task), false, |task| {
            let group = piece(rows, per_task * self.height, task);
            let mut scratch = None;
            let mut left = Buffer::<T>::new(self.height * k_step);
            for steps in pieces(terms, k_step) {
                let own = match shared {
                    Some(_) => None,
                    None => self.pack_panels(steps, &panels, &mut scratch),
                };
                let packed = shared.as_ref().or(own.as_ref());
                for part in pieces(group, self.height) {
                    let a = if self.a.row_stride == 1 {
                        Side {
                            data: &self.a.data[part.start + steps.start * self.a.col_stride..],
                            step: self.a.col_stride,
                        }
                    } else {
                        let left = &mut left[..steps.len * part.len];
                        self.a.pack_rows(self.isa, part, steps, left);
                        Side {
                            data: left,
                            step: part.len,
                        }
                    };
                    for &(columns, width) in &panels {
                        let b = self.right(steps, columns, width, packed);
                        // SAFETY: this task alone writes to these rows.
                        unsafe { self.multiply(a, b, steps, part, columns, width) };
                    }
                }
            }
        });
    }

    /// Multiplies one panel of rows with one of columns.
    ///
    /// # Safety
    /// Nobody else uses this part of the output.
    #[inline]
    unsafe fn multiply(
        &self,
        a: Side<'_, T>,
        b: Side<'_, T>,
        steps: Span,
        rows: Span,
        columns: Span,
        width: usize,
    ) {
        let tiles = if width == self.kernel.lanes {
            self.kernel.narrow
        } else {
            self.kernel.wide
        };
        let tile = tiles[rows.len - 1];
        let accumulate = self.accumulate || steps.start > 0;
        assert!((steps.len - 1) * a.step + rows.len <= a.data.len());
        assert!((steps.len - 1) * b.step + width <= b.data.len());
        assert!(width == self.kernel.lanes || width == 2 * self.kernel.lanes);
        assert!(columns.end() <= self.n && rows.end() * self.n <= self.c.len());
        let mut operands = Operands {
            steps: steps.len,
            a: a.data.as_ptr(),
            a_step: a.step,
            b: b.data.as_ptr(),
            b_step: b.step,
            c: self.c.at(rows.start * self.n + columns.start),
            ldc: self.n,
            accumulate,
        };
        if columns.len == width {
            // SAFETY: the sides have `steps` steps and the tile lies within the output, by the
            // assertions; the instruction set was checked; the rest is this function's contract.
            unsafe { tile(&operands) };
        } else {
            let mut full = [T::ZERO; MAX_TILE];
            assert!(rows.len * width <= MAX_TILE);
            operands.c = full.as_mut_ptr();
            operands.ldc = width;
            operands.accumulate = false;
            // SAFETY: as above, and `full` holds the tile.
            unsafe { tile(&operands) };
            for (r, row) in full.chunks_exact(width).take(rows.len).enumerate() {
                // SAFETY: nobody else uses this part of the output.
                let c = unsafe { self.row(rows.start + r, columns) };
                for (c, v) in c.iter_mut().zip(row) {
                    *c = if accumulate { *c + *v } else { *v };
                }
            }
        }
        if steps.end() == self.k {
            let block = Block {
                row: rows.start,
                rows: rows.len,
                column: columns.start,
                len: columns.len,
                start: rows.start * self.n + columns.start,
                stride: self.n,
            };
            // SAFETY: nobody else uses this part of the output.
            unsafe { self.epilogue.apply_block(self.isa, block, &self.c) };
        }
    }

    /// # Safety
    /// Nobody else uses this part of the output.
    #[allow(clippy::mut_from_ref)]
    unsafe fn row(&self, i: usize, columns: Span) -> &mut [T] {
        // SAFETY: this function's contract.
        unsafe { self.c.slice(i * self.n + columns.start, columns.len) }
    }
}
