//! Products that are not worth packing: small ones, and those with few rows or columns along
//! which both sides are contiguous.

use super::cut::{Span, k_step_of, panels_of};
use super::matrix::MatRef;
use super::packed::PackedB;
use super::tile;
use crate::epilogue::Block;
use crate::lanes::MAX_LANES;
use crate::threads::{Disjoint, parallelism};
use crate::{Buffer, Epilogue, Float, Isa, Loop, parallel_for};

/// Products with at most this many multiplications are not packed.
const SMALL: usize = 2048;
/// The most terms of a small product.
const SMALL_TERMS: usize = 512;
/// Products with at most so many rows or columns are sums of dot products, if both sides lie along `k`.
const DOT_ROWS: usize = 8;
/// The blocks of `k` that a dot product adds, in lanes, without a break.
const DOT_BLOCKS: usize = 4;
/// Products with fewer multiplications run on the caller.
const PARALLEL: usize = 1 << 17;

/// Whether the product is a small one.
fn is_small(m: usize, n: usize, k: usize) -> bool {
    m.saturating_mul(n).saturating_mul(k) <= SMALL && k <= SMALL_TERMS
}

/// Whether the product is made of dot products, given that both sides lie along `k`.
fn is_thin(m: usize, n: usize) -> bool {
    m <= DOT_ROWS || n <= DOT_ROWS
}

/// Computes the product if it is of a kind that this file knows, else returns false.
pub(super) fn gemm_thin<T: Float>(
    isa: Isa,
    a: MatRef<'_, T>,
    b: MatRef<'_, T>,
    c: &mut [T],
    accumulate: bool,
    epilogue: Epilogue<'_, T>,
) -> bool {
    let (m, k, n) = (a.rows, a.cols, b.cols);
    if is_small(m, n, k) {
        isa.run(Small {
            a,
            b,
            c,
            accumulate,
        });
        epilogue.apply_product(isa, n, c);
        return true;
    }
    if b.row_stride == 1 && is_thin(m, n) {
        let copy;
        let a = if a.col_stride == 1 {
            a
        } else if m <= DOT_ROWS {
            copy = contiguous(a);
            MatRef::row_major(&copy, m, k)
        } else {
            return false;
        };
        dot_products(isa, a, b, c, accumulate, epilogue);
        return true;
    }
    false
}

/// Whether the product is one of rows with a column, which is a row in the same memory: to be
/// computed as the transposed product.
pub(super) fn is_column<T>(a: MatRef<'_, T>, b: MatRef<'_, T>) -> bool {
    b.cols == 1 && a.rows > 1 && !is_small(a.rows, 1, a.cols)
}

/// Whether the right side has so few elements that they are laid out as they were.
pub(super) fn is_unpacked<T: Float>(a: MatRef<'_, T>, b: &PackedB<T>) -> bool {
    let (m, k, n) = (a.rows, a.cols, b.cols());
    is_small(m, n, k) || n == 1 || (b.along_rows && is_thin(m, n) && m > DOT_ROWS)
}

/// As [`gemm_thin`], with a packed right side that [`is_unpacked`] refuses; the same bits.
pub(super) fn gemm_thin_packed<T: Float>(
    a: MatRef<'_, T>,
    b: &PackedB<T>,
    c: &mut [T],
    accumulate: bool,
    epilogue: Epilogue<'_, T>,
) -> bool {
    let (m, k, n) = (a.rows, a.cols, b.cols());
    if !b.along_rows || !is_thin(m, n) {
        return false;
    }
    let copy;
    let a = if a.col_stride == 1 {
        a
    } else {
        copy = contiguous(a);
        MatRef::row_major(&copy, m, k)
    };
    packed_dot_products(a, b, c, accumulate, epilogue);
    true
}

/// The elements in rows, one after the other.
fn contiguous<T: Float>(a: MatRef<'_, T>) -> Buffer<T> {
    let mut copy = Buffer::<T>::new(a.rows * a.cols);
    if a.cols > 0 {
        for (i, row) in copy.chunks_exact_mut(a.cols).enumerate() {
            for (p, v) in row.iter_mut().enumerate() {
                *v = a.data[i * a.row_stride + p * a.col_stride];
            }
        }
    }
    copy
}

struct Small<'a, T> {
    a: MatRef<'a, T>,
    b: MatRef<'a, T>,
    c: &'a mut [T],
    accumulate: bool,
}

impl<T: Float> Loop for Small<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let Small {
            a,
            b,
            c,
            accumulate,
        } = self;
        if !accumulate {
            c.fill(T::ZERO);
        }
        if b.cols == 0 {
            return;
        }
        for (i, c) in c.chunks_exact_mut(b.cols).enumerate() {
            for p in 0..a.cols {
                let v = a.data[i * a.row_stride + p * a.col_stride];
                let row = &b.data[p * b.row_stride..];
                if b.col_stride == 1 {
                    for (c, b) in c.iter_mut().zip(row) {
                        *c += v * *b;
                    }
                } else {
                    for (j, c) in c.iter_mut().enumerate() {
                        *c += v * row[j * b.col_stride];
                    }
                }
            }
        }
    }
}

/// Where the sums of `k` terms are broken: the same place whether the right side is packed or not.
fn dot_blocks(k: usize) -> impl Iterator<Item = Span> {
    let block = DOT_BLOCKS * k_step_of(k);
    (0..k).step_by(block).map(move |start| Span {
        start,
        len: block.min(k - start),
    })
}

/// The product as dot products of the rows of `a` and the columns of `b`, both contiguous.
fn dot_products<T: Float>(
    isa: Isa,
    a: MatRef<'_, T>,
    b: MatRef<'_, T>,
    c: &mut [T],
    accumulate: bool,
    epilogue: Epilogue<'_, T>,
) {
    assert!(isa.is_available(), "this machine has no {isa:?}");
    assert!(a.col_stride == 1 && b.row_stride == 1);
    let kernel = tile::kernel(isa);
    let (m, k, n) = (a.rows, a.cols, b.cols);
    // Blocks of 4 columns; of 1, 2 or 4 rows.
    let (choice, height) = match m {
        1 => (0, 1),
        2 => (1, 2),
        _ => (2, 4),
    };
    let (row_blocks, column_blocks) = (m.div_ceil(height), n.div_ceil(4));
    let blocks = row_blocks * column_blocks;
    let alone = m.saturating_mul(n).saturating_mul(k) < PARALLEL || parallelism() == 1;
    let per_task = if alone {
        blocks
    } else {
        ((1 << 15) / (k * height * 4)).max(1)
    };
    let whole = Disjoint::new(c);
    let task = |task: usize| {
        for block in (task * per_task..(task + 1) * per_task).take_while(|b| *b < blocks) {
            let (first_row, first_col) = (block % row_blocks * height, block / row_blocks * 4);
            let (rows, cols) = (height.min(m - first_row), 4.min(n - first_col));
            let mut sums = [T::ZERO; 16];
            for terms in dot_blocks(k) {
                // Rows and columns that are not there repeat the last one.
                let row = |r: usize| {
                    let at = (first_row + r.min(rows - 1)) * a.row_stride + terms.start;
                    a.data[at..][..terms.len].as_ptr()
                };
                let col = |c: usize| {
                    let at = (first_col + c.min(cols - 1)) * b.col_stride + terms.start;
                    b.data[at..][..terms.len].as_ptr()
                };
                let (a, b) = (std::array::from_fn(row), std::array::from_fn(col));
                let mut out = [T::ZERO; 16];
                // SAFETY: the slices above have the terms, `out` has 4 times 4 elements, and the
                // machine has the instruction set.
                unsafe { kernel.dots[choice](terms.len, &a, &b, &mut out) };
                for (sum, v) in sums.iter_mut().zip(out) {
                    *sum += v;
                }
            }
            for r in 0..rows {
                let i = first_row + r;
                // SAFETY: each block has elements of its own.
                let c = unsafe { whole.slice(i * n + first_col, cols) };
                for (c, sum) in c.iter_mut().zip(&sums[r * 4..]) {
                    *c = if accumulate { *c + *sum } else { *sum };
                }
            }
            let block = Block {
                row: first_row,
                rows,
                column: first_col,
                len: cols,
                start: first_row * n + first_col,
                stride: n,
            };
            // SAFETY: as above.
            unsafe { epilogue.apply_block(isa, block, &whole) };
        }
    };
    if alone {
        task(0);
    } else {
        parallel_for(blocks.div_ceil(per_task), task);
    }
}

/// As [`dot_products`], in the same order, from packed panels.
fn packed_dot_products<T: Float>(
    a: MatRef<'_, T>,
    b: &PackedB<T>,
    c: &mut [T],
    accumulate: bool,
    epilogue: Epilogue<'_, T>,
) {
    let isa = b.isa();
    assert!(isa.is_available(), "this machine has no {isa:?}");
    assert!(a.col_stride == 1);
    let kernel = tile::kernel(isa);
    let lanes = kernel.lanes;
    let (m, k, n) = (a.rows, a.cols, b.cols());
    let step = k_step_of(k);
    let panels: Vec<_> = panels_of(kernel, n).collect();
    let whole = Disjoint::new(c);
    let task = |panel: usize| {
        let (columns, width) = panels[panel];
        for (i, at) in (0..m).flat_map(|i| (0..width).step_by(lanes).map(move |at| (i, at))) {
            let row = &a.data[i * a.row_stride..][..k];
            let cols = lanes.min(columns.len - at);
            let mut sums = [T::ZERO; MAX_LANES];
            for terms in dot_blocks(k) {
                let mut state = [T::ZERO; MAX_LANES * MAX_LANES];
                for start in (terms.start..terms.end()).step_by(step) {
                    let len = step.min(terms.end() - start);
                    let side = b.side(kernel, Span { start, len }, columns);
                    let row = &row[start..][..len];
                    assert!((len - 1) * side.step + at + lanes <= side.data.len());
                    let panel = side.data[at..].as_ptr();
                    // SAFETY: the row has `len` terms, the panel as many steps of `lanes` columns,
                    // `state` a vector for each lane, and the machine has the instruction set.
                    unsafe {
                        let last = start + len == terms.end();
                        (kernel.packed_dots)(len, row.as_ptr(), panel, side.step, &mut state, last);
                    }
                }
                for (sum, v) in sums.iter_mut().zip(state) {
                    *sum += v;
                }
            }
            let first = columns.start + at;
            // SAFETY: each row's vector of columns belongs to one task.
            let c = unsafe { whole.slice(i * n + first, cols) };
            for (c, sum) in c.iter_mut().zip(&sums) {
                *c = if accumulate { *c + *sum } else { *sum };
            }
            let block = Block {
                row: i,
                rows: 1,
                column: first,
                len: cols,
                start: i * n + first,
                stride: n,
            };
            // SAFETY: as above.
            unsafe { epilogue.apply_block(isa, block, &whole) };
        }
    };
    if m.saturating_mul(n).saturating_mul(k) < PARALLEL {
        (0..panels.len()).for_each(task);
    } else {
        parallel_for(panels.len(), task);
    }
}
