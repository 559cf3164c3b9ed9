//! Products of batches of matrices.

use super::blocked::Right;
use super::gemm_with;
use super::matrix::MatRef;
use crate::threads::{Disjoint, parallelism};
use crate::{Epilogue, Float, Isa, parallel_for};

/// Products with at least this many multiplications are shared by all threads, smaller ones are handed out
/// whole.
const LARGE: usize = 1 << 21;
/// Multiplications that are worth a task.
const TASK: usize = 1 << 17;

/// Matrices of one shape in a slice, `batch_stride` elements apart (0 repeats one matrix).
#[derive(Copy, Clone, Debug)]
pub struct BatchRef<'a, T> {
    first: MatRef<'a, T>,
    batches: usize,
    batch_stride: usize,
}

impl<'a, T> BatchRef<'a, T> {
    /// `batches` matrices of `rows` times `cols` elements: element (i, j) of matrix b is
    /// `data[b * batch_stride + i * strides.0 + j * strides.1]`.
    ///
    /// # Panics
    /// If an element lies outside `data`.
    pub fn new(
        data: &'a [T],
        batches: usize,
        batch_stride: usize,
        (rows, cols): (usize, usize),
        strides: (usize, usize),
    ) -> Self {
        let last = batches
            .saturating_sub(1)
            .checked_mul(batch_stride)
            .filter(|_| rows > 0 && cols > 0)
            .unwrap_or(0);
        if batches > 0 {
            // The last matrix reaches furthest.
            let rest = data.get(last..).unwrap_or(&[]);
            MatRef::new(rest, rows, cols, strides.0, strides.1);
        }
        let rows_or_none = if batches > 0 { rows } else { 0 };
        let mut first = MatRef::new(data, rows_or_none, cols, strides.0, strides.1);
        first.rows = rows;
        BatchRef {
            first,
            batches,
            batch_stride,
        }
    }

    /// One of the matrices.
    ///
    /// # Panics
    /// If there is none of that number.
    pub fn matrix(&self, batch: usize) -> MatRef<'a, T> {
        assert!(
            batch < self.batches,
            "BatchRef: matrix {batch} of {}",
            self.batches
        );
        let MatRef {
            data,
            rows,
            cols,
            row_stride,
            col_stride,
        } = self.first;
        let data = data.get(batch * self.batch_stride..).unwrap_or(&[]);
        MatRef::new(data, rows, cols, row_stride, col_stride)
    }
}

/// The products `c[b] = a[b] b[b]` (or `c[b] += ..`), each as by
/// [`gemm_epilogue`](super::gemm_epilogue), one after the other in `c`, as their residuals are; all
/// have the same bias.
///
/// ```
/// use pleach_kernels::{BatchRef, Epilogue, gemm_batched};
/// let x = [1.0f32, 2.0, 3.0, 4.0];
/// let mut c = [0.0; 2];
/// // Two rows, each times itself as a column.
/// let rows = BatchRef::new(&x, 2, 2, (1, 2), (2, 1));
/// let columns = BatchRef::new(&x, 2, 2, (2, 1), (1, 2));
/// gemm_batched(rows, columns, &mut c, false, Epilogue::NONE);
/// assert_eq!(c, [5.0, 25.0]);
/// ```
///
/// # Panics
/// If the numbers of matrices or their shapes do not fit, or `c` does not have the products' number
/// of elements.
pub fn gemm_batched<T: Float>(
    a: BatchRef<'_, T>,
    b: BatchRef<'_, T>,
    c: &mut [T],
    accumulate: bool,
    epilogue: Epilogue<'_, T>,
) {
    gemm_batched_with(Isa::current(), a, b, c, accumulate, epilogue);
}

pub(super) fn gemm_batched_with<T: Float>(
    isa: Isa,
    a: BatchRef<'_, T>,
    b: BatchRef<'_, T>,
    c: &mut [T],
    accumulate: bool,
    epilogue: Epilogue<'_, T>,
) {
    let batches = a.batches;
    assert_eq!(batches, b.batches, "gemm_batched: the numbers of matrices");
    let (m, k, n) = (a.first.rows, a.first.cols, b.first.cols);
    let size = m.checked_mul(n).expect("a product fits memory");
    assert_eq!(
        Some(c.len()),
        batches.checked_mul(size),
        "gemm_batched: the output is not {batches} x {m} x {n}"
    );
    if c.is_empty() {
        return;
    }
    let one = |i: usize, c: &mut [T]| {
        let (a, b) = (a.matrix(i), Right::Plain(b.matrix(i)));
        let residual = (epilogue.residual).map(|r| &r[i * size..][..size]);
        let epilogue = Epilogue {
            residual,
            ..epilogue
        };
        gemm_with(isa, a, b, c, accumulate, epilogue);
    };
    let work = size.saturating_mul(k).max(1);
    if work >= LARGE || parallelism() == 1 || work.saturating_mul(batches) < 2 * TASK {
        for (i, c) in c.chunks_exact_mut(size).enumerate() {
            one(i, c);
        }
        return;
    }
    let per_task = (TASK / work).clamp(1, batches);
    let whole = Disjoint::new(c);
    parallel_for(batches.div_ceil(per_task), |task| {
        for i in (task * per_task..(task + 1) * per_task).take_while(|i| *i < batches) {
            // SAFETY: each matrix belongs to one task.
            one(i, unsafe { whole.slice(i * size, size) });
        }
    });
}
