//! Matrix products.
//!
//! Both matrices are packed into panels, which register tiles multiply. The sum over `k` is cut
//! into blocks of at most 384 terms, added in order; an element's sum is the same whatever
//! tile and thread computes it.

mod pack;

mod small;
mod tile;

pub(crate) use tile::HasKernel;

use crate::{Buffer, Float, Isa, num_threads, parallel_for, threads::Disjoint};
use pack::{Span, pack_rows};
use tile::{Kernel, MAX_TILE};

/// The most terms that are added without a break.
const K_BLOCK: usize = 384;
/// Rows that are packed at a time.
const ROW_BLOCK: usize = 4096;
/// Panels of columns that a task packs and multiplies at most.
const GROUP: usize = 4;
/// Products with fewer multiplications run on the caller.
const PARALLEL: usize = 1 << 18;

/// A matrix in a slice: element (i, j) is `data[i * row_stride + j * col_stride]`.
///
/// Strides may be 0 (a repeated row or column), and a transposed matrix is one with the strides
/// exchanged.
///
/// ```
/// use pleach_kernels::{MatRef, gemm};
/// let a = [1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0]; // 2 x 3
/// let mut c = [0.0; 4];
/// // a times its transpose
/// gemm(MatRef::new(&a, 2, 3, 3, 1), MatRef::new(&a, 3, 2, 1, 3), &mut c, false);
/// assert_eq!(c, [14.0, 32.0, 32.0, 77.0]);
/// ```
#[derive(Copy, Clone, Debug)]
pub struct MatRef<'a, T> {
    data: &'a [T],
    rows: usize,
    cols: usize,
    row_stride: usize,
    col_stride: usize,
}

impl<'a, T> MatRef<'a, T> {
    /// A matrix of `rows` times `cols` elements.
    ///
    /// # Panics
    /// If an element lies outside `data`.
    pub fn new(
        data: &'a [T],
        rows: usize,
        cols: usize,
        row_stride: usize,
        col_stride: usize,
    ) -> Self {
        if rows > 0 && cols > 0 {
            let last = (rows - 1)
                .checked_mul(row_stride)
                .zip((cols - 1).checked_mul(col_stride))
                .and_then(|(r, c)| r.checked_add(c));
            assert!(
                last.is_some_and(|last| last < data.len()),
                "MatRef: {rows} x {cols} with strides ({row_stride}, {col_stride}) does not fit {} elements",
                data.len()
            );
        }
        MatRef {
            data,
            rows,
            cols,
            row_stride,
            col_stride,
        }
    }

    /// A matrix whose rows follow one another.
    ///
    /// # Panics
    /// If `data` is too short.
    pub fn row_major(data: &'a [T], rows: usize, cols: usize) -> Self {
        Self::new(data, rows, cols, cols, 1)
    }

    /// The transposed matrix.
    pub fn transposed(self) -> Self {
        MatRef {
            data: self.data,
            rows: self.cols,
            cols: self.rows,
            row_stride: self.col_stride,
            col_stride: self.row_stride,
        }
    }
}

/// The matrix product `c = a b`, or `c += a b` if `accumulate`; `c` is row-major, `a.rows` times
/// `b.cols`.
///
/// Without columns in `a` the product is zero.
///
/// # Panics
/// If `a.cols` is not `b.rows`, or `c` does not have the product's number of elements.
pub fn gemm<T: Float>(a: MatRef<'_, T>, b: MatRef<'_, T>, c: &mut [T], accumulate: bool) {
    gemm_with(Isa::current(), a, b, c, accumulate);
}

pub(crate) fn gemm_with<T: Float>(
    isa: Isa,
    a: MatRef<'_, T>,
    b: MatRef<'_, T>,
    c: &mut [T],
    accumulate: bool,
) {
    assert_eq!(
        a.cols, b.rows,
        "gemm: the matrices are {} x {} and {} x {}",
        a.rows, a.cols, b.rows, b.cols
    );
    let (m, n) = (a.rows, b.cols);
    assert_eq!(
        Some(c.len()),
        m.checked_mul(n),
        "gemm: the output is not {m} x {n}"
    );
    if small::gemm_small(isa, a, b, c, accumulate) {
        return;
    }
    gemm_blocked(isa, a, b, c, accumulate);
}

/// As [`gemm`], packed and cut into blocks.
fn gemm_blocked<T: Float>(
    isa: Isa,
    a: MatRef<'_, T>,
    b: MatRef<'_, T>,
    c: &mut [T],
    accumulate: bool,
) {
    let (m, k, n) = (a.rows, a.cols, b.cols);
    assert!(isa.is_available(), "this machine has no {isa:?}");
    if c.is_empty() {
        return;
    }
    if k == 0 {
        if !accumulate {
            c.fill(T::ZERO);
        }
        return;
    }
    let kernel = T::kernel(isa);
    let threads = if m.saturating_mul(n).saturating_mul(k) < PARALLEL {
        1
    } else {
        num_threads()
    };
    let width = 2 * kernel.lanes;
    let column_panels = n.div_ceil(width);
    let group = (column_panels / (4 * threads)).clamp(1, GROUP);
    let column_groups = column_panels.div_ceil(group);

    let max_rows = kernel.wide.len();
    let row_panels = m.div_ceil(max_rows);
    // Panels of nearly the same height waste less than full ones and a rest.
    let height = m.div_ceil(row_panels);
    let panels_per_block = (ROW_BLOCK / height).min(row_panels);
    let k_step = k.div_ceil(k.div_ceil(K_BLOCK));
    let mut packed_a = Buffer::<T>::new(panels_per_block * height * k_step);
    let out = Output {
        c: Disjoint::new(c),
        n,
    };

    for k_start in (0..k).step_by(k_step) {
        let steps = Span {
            start: k_start,
            len: k_step.min(k - k_start),
        };
        let accumulate = accumulate || k_start > 0;
        for block_start in (0..m).step_by(panels_per_block * height) {
            let block_rows = (panels_per_block * height).min(m - block_start);
            let panels = block_rows.div_ceil(height);
            let rows_of = |panel: usize| {
                let start = panel * height;
                Span {
                    start: block_start + start,
                    len: height.min(block_rows - start),
                }
            };

            let row_groups = if column_groups >= 2 * threads {
                1
            } else {
                (2 * threads).div_ceil(column_groups).min(panels)
            };
            let panels_per_group = panels.div_ceil(row_groups);
            let row_groups = panels.div_ceil(panels_per_group);

            let used = Disjoint::new(&mut packed_a[..block_rows * steps.len]);
            let pack_panels = |first: usize, last: usize| {
                for panel in first..last.min(panels) {
                    let rows = rows_of(panel);
                    let start = (rows.start - block_start) * steps.len;
                    // SAFETY: each panel has a part of its own, packed by one task.
                    let part = unsafe { used.slice(start, rows.len * steps.len) };
                    pack_rows(&a, isa, rows, steps, part);
                }
            };
            if threads == 1 || block_rows * steps.len < 1 << 14 {
                pack_panels(0, panels);
            } else {
                let per_task = panels.div_ceil(4 * threads);
                parallel_for(panels.div_ceil(per_task), |t| {
                    pack_panels(t * per_task, (t + 1) * per_task);
                });
            }
            let packed_a = &packed_a[..block_rows * steps.len];

            let multiply = |task: usize| {
                let (column_group, row_group) = (task / row_groups, task % row_groups);
                let first = column_group * group * width;
                let columns = Span {
                    start: first,
                    len: (group * width).min(n - first),
                };
                let mut packed_b =
                    Buffer::<T>::new(columns.len.next_multiple_of(kernel.lanes) * steps.len);
                for (columns, width, at) in panels_of(kernel, columns) {
                    let part = &mut packed_b[at * steps.len..(at + width) * steps.len];
                    b.pack(isa, steps, columns, width, part);
                }
                let first = row_group * panels_per_group;
                for panel in first..(first + panels_per_group).min(panels) {
                    let rows = rows_of(panel);
                    let a =
                        &packed_a[(rows.start - block_start) * steps.len..][..rows.len * steps.len];
                    for (columns, width, at) in panels_of(kernel, columns) {
                        let b = &packed_b[at * steps.len..(at + width) * steps.len];
                        // SAFETY: the instruction set was checked above, and this task alone
                        // writes to these rows and columns.
                        unsafe { out.multiply(kernel, a, b, rows, columns, accumulate) };
                    }
                }
            };
            let tasks = column_groups * row_groups;
            if threads == 1 {
                (0..tasks).for_each(multiply);
            } else {
                parallel_for(tasks, multiply);
            }
        }
    }
}

/// The panels that columns are cut into: their columns, their width once packed, and where in the
/// packed columns they start.
fn panels_of<T>(kernel: &Kernel<T>, columns: Span) -> impl Iterator<Item = (Span, usize, usize)> {
    let lanes = kernel.lanes;
    (0..columns.len).step_by(2 * lanes).map(move |at| {
        let len = (2 * lanes).min(columns.len - at);
        let width = len.next_multiple_of(lanes);
        (
            Span {
                start: columns.start + at,
                len,
            },
            width,
            at,
        )
    })
}

/// The product's matrix, of `n` columns.
struct Output<'a, T> {
    c: Disjoint<'a, T>,
    n: usize,
}

impl<T: Float> Output<'_, T> {
    /// Multiplies one packed panel of rows with one of columns.
    ///
    /// # Safety
    /// The machine has the kernel's instruction set, and nobody else uses this part of the output.
    #[inline]
    unsafe fn multiply(
        &self,
        kernel: &Kernel<T>,
        a: &[T],
        b: &[T],
        rows: Span,
        columns: Span,
        accumulate: bool,
    ) {
        let steps = a.len() / rows.len;
        let width = b.len() / steps;
        let tiles = if width == kernel.lanes {
            kernel.narrow
        } else {
            kernel.wide
        };
        let tile = tiles[rows.len - 1];
        assert!(a.len() == steps * rows.len && b.len() == steps * width);
        assert!(width == kernel.lanes || width == 2 * kernel.lanes);
        if columns.len == width {
            let c = self.c.at(rows.start * self.n + columns.start);
            assert!(columns.start + width <= self.n);
            assert!((rows.start + rows.len) * self.n <= self.c.len());
            // SAFETY: the panels have `steps` steps, the tile's rows and columns lie within the
            // output, and the rest is this function's contract.
            unsafe { tile(steps, a.as_ptr(), b.as_ptr(), c, self.n, accumulate) };
            return;
        }
        let mut full = [T::ZERO; MAX_TILE];
        assert!(rows.len * width <= MAX_TILE);
        // SAFETY: the panels have `steps` steps, `full` holds the tile, and the machine has the
        // instruction set.
        unsafe {
            tile(
                steps,
                a.as_ptr(),
                b.as_ptr(),
                full.as_mut_ptr(),
                width,
                false,
            )
        };
        for (r, row) in full.chunks_exact(width).take(rows.len).enumerate() {
            let start = (rows.start + r) * self.n + columns.start;
            // SAFETY: nobody else uses this part of the output.
            let c = unsafe { self.c.slice(start, columns.len) };
            for (c, v) in c.iter_mut().zip(row) {
                *c = if accumulate { *c + *v } else { *v };
            }
        }
    }
}

#[cfg(test)]
mod tests;
