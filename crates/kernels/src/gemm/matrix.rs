//! [`MatRef`]: a matrix in a slice, and parts of it.

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
    pub(super) data: &'a [T],
    pub(super) rows: usize,
    pub(super) cols: usize,
    pub(super) row_stride: usize,
    pub(super) col_stride: usize,
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

/// A panel of a matrix: each step's lanes lie next to each other, `step` elements after those of the
/// step before.
#[derive(Copy, Clone)]
pub(super) struct Side<'a, T> {
    pub(super) data: &'a [T],
    pub(super) step: usize,
}
