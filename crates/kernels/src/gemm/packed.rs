//! [`PackedB`]: a right-hand matrix in the order in which the tiles read it.

use super::cut::{Span, k_step_of, panels_of};
use super::matrix::{MatRef, Side};
use super::tile::{self, Kernel};
use crate::float::of_type;
use crate::{Buffer, Float, Isa, parallel_for, threads::Disjoint};

/// A right-hand matrix, packed once for many products: constant weights at inference.
///
/// A product with it ([`gemm_packed`](super::gemm_packed)) has the bits of the product with the matrix
/// it was made from.
///
/// ```
/// use pleach_kernels::{Epilogue, MatRef, PackedB, gemm_packed};
/// let weight = [1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0]; // 2 outputs, 3 inputs
/// let packed = PackedB::new(MatRef::row_major(&weight, 2, 3).transposed());
/// let x = [1.0, 0.0, 1.0];
/// let mut y = [0.0; 2];
/// gemm_packed(MatRef::row_major(&x, 1, 3), &packed, &mut y, false, Epilogue::NONE);
/// assert_eq!(y, [4.0, 10.0]);
/// ```
pub struct PackedB<T: Float> {
    isa: Isa,
    rows: usize,
    cols: usize,
    /// Whether the matrix came with its columns contiguous, which decides the order of some sums.
    pub(super) along_rows: bool,
    /// For each block of `k`, for each panel of columns: `[steps][width]`.
    data: Buffer<T>,
}

impl<T: Float> std::fmt::Debug for PackedB<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PackedB({} x {}, {:?})", self.rows, self.cols, self.isa)
    }
}

impl<T: Float> PackedB<T> {
    /// Packs a matrix.
    pub fn new(b: MatRef<'_, T>) -> Self {
        // Compiled here, once for each float.
        static F32: Pack<f32> = PackedB::with_isa;
        static F64: Pack<f64> = PackedB::with_isa;
        of_type::<Pack<T>>(&F32, &F64)(Isa::current(), b)
    }

    pub(super) fn with_isa(isa: Isa, b: MatRef<'_, T>) -> Self {
        assert!(isa.is_available(), "this machine has no {isa:?}");
        let kernel = tile::kernel::<T>(isa);
        let mut data = Buffer::<T>::new(b.rows * b.cols.next_multiple_of(kernel.lanes));
        let step = k_step_of(b.rows);
        let whole = Disjoint::new(&mut data);
        let panels: Vec<_> = panels_of(kernel, b.cols).collect();
        parallel_for(panels.len(), |i| {
            let (columns, width) = panels[i];
            for start in (0..b.rows).step_by(step) {
                let steps = Span {
                    start,
                    len: step.min(b.rows - start),
                };
                let at = offset(kernel, b.cols, steps, columns);
                // SAFETY: each panel of each block has a part of its own.
                let part = unsafe { whole.slice(at, steps.len * width) };
                b.pack(isa, steps, columns, width, part);
            }
        });
        PackedB {
            isa,
            rows: b.rows,
            cols: b.cols,
            along_rows: b.row_stride == 1,
            data,
        }
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The number of columns.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// Its size in bytes.
    pub fn bytes(&self) -> usize {
        self.data.len() * size_of::<T>()
    }

    pub(super) fn isa(&self) -> Isa {
        self.isa
    }

    /// The elements of the matrix, in the order of [`plain`](Self::plain).
    pub(super) fn unpacked(&self) -> Buffer<T> {
        let kernel = tile::kernel(self.isa);
        let (k, n) = (self.rows, self.cols);
        let step = k_step_of(k);
        let mut out = Buffer::<T>::new(k * n);
        let strides = if self.along_rows { (1, k) } else { (n, 1) };
        for (columns, width) in panels_of(kernel, n) {
            for start in (0..k).step_by(step) {
                let len = step.min(k - start);
                let side = self.side(kernel, Span { start, len }, columns);
                for (p, row) in side.data.chunks_exact(width).enumerate() {
                    for (j, v) in row[..columns.len].iter().enumerate() {
                        out[(start + p) * strides.0 + (columns.start + j) * strides.1] = *v;
                    }
                }
            }
        }
        out
    }

    /// The matrix as it came, given its [`unpacked`](Self::unpacked) elements: its columns or its
    /// rows one after the other.
    pub(super) fn plain<'a>(&self, elements: &'a [T]) -> MatRef<'a, T> {
        if self.along_rows {
            MatRef::row_major(elements, self.cols, self.rows).transposed()
        } else {
            MatRef::row_major(elements, self.rows, self.cols)
        }
    }

    /// A panel of one block of `k`.
    pub(super) fn side(&self, kernel: &Kernel<T>, steps: Span, columns: Span) -> Side<'_, T> {
        let width = columns.len.next_multiple_of(kernel.lanes);
        let at = offset(kernel, self.cols, steps, columns);
        Side {
            data: &self.data[at..][..steps.len * width],
            step: width,
        }
    }
}

type Pack<T> = fn(Isa, MatRef<'_, T>) -> PackedB<T>;

/// Where the panel of one block starts among packed columns.
fn offset<T>(kernel: &Kernel<T>, cols: usize, steps: Span, columns: Span) -> usize {
    steps.start * cols.next_multiple_of(kernel.lanes) + columns.start * steps.len
}
