//! Matrix products.
//!
//! Both matrices are packed into panels, which register tiles multiply; small and thin products,
//! and those with few terms, have loops of their own. How many threads there are changes no bit.

mod batched;
mod blocked;
mod epilogue;
mod few_terms;
mod pack;
mod packed;
mod thin;
mod tile;
#[cfg(target_arch = "x86_64")]
mod turn;

pub use batched::{BatchRef, gemm_batched};
pub use epilogue::{Bias, Epilogue};
pub use packed::PackedB;
pub(crate) use tile::HasKernel;

use crate::{Float, Isa};
use blocked::Right;

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
    gemm_epilogue(a, b, c, accumulate, Epilogue::NONE);
}

/// [`gemm`], and then the epilogue while the product is in cache:
/// `c = relu(a b + bias)`, or `c = relu(c + a b + bias)` if `accumulate`.
///
/// ```
/// use pleach_kernels::{Bias, Epilogue, MatRef, gemm_epilogue};
/// let epilogue = Epilogue { bias: Bias::PerColumn(&[10.0, -9.0]), relu: true };
/// let (a, b, mut c) = ([1.0f32, 2.0], [3.0, 4.0], [0.0; 4]);
/// gemm_epilogue(
///     MatRef::row_major(&a, 2, 1), MatRef::row_major(&b, 1, 2), &mut c, false, epilogue,
/// );
/// assert_eq!(c, [13.0, 0.0, 16.0, 0.0]);
/// ```
///
/// # Panics
/// As [`gemm`], and if the bias has another length than the columns or rows it is for.
pub fn gemm_epilogue<T: Float>(
    a: MatRef<'_, T>,
    b: MatRef<'_, T>,
    c: &mut [T],
    accumulate: bool,
    epilogue: Epilogue<'_, T>,
) {
    gemm_with(Isa::current(), a, Right::Plain(b), c, accumulate, epilogue);
}

/// [`gemm_epilogue`] with a matrix that is packed already: the same bits.
///
/// # Panics
/// As [`gemm_epilogue`].
pub fn gemm_packed<T: Float>(
    a: MatRef<'_, T>,
    b: &PackedB<T>,
    c: &mut [T],
    accumulate: bool,
    epilogue: Epilogue<'_, T>,
) {
    gemm_with(b.isa(), a, Right::Packed(b), c, accumulate, epilogue);
}

fn gemm_with<T: Float>(
    isa: Isa,
    a: MatRef<'_, T>,
    b: Right<'_, T>,
    c: &mut [T],
    accumulate: bool,
    epilogue: Epilogue<'_, T>,
) {
    let (rows, n) = match b {
        Right::Plain(b) => (b.rows, b.cols),
        Right::Packed(b) => (b.rows(), b.cols()),
    };
    let m = a.rows;
    assert_eq!(
        a.cols, rows,
        "gemm: the matrices are {m} x {} and {rows} x {n}",
        a.cols
    );
    assert_eq!(
        Some(c.len()),
        m.checked_mul(n),
        "gemm: the output is not {m} x {n}"
    );
    epilogue.check(m, n);
    let done = match b {
        Right::Plain(b) => {
            thin::gemm_thin(isa, a, b, c, accumulate, epilogue)
                || few_terms::gemm_few_terms(isa, a, b, c, accumulate, epilogue)
        }
        Right::Packed(b) => thin::gemm_thin_packed(a, b, c, accumulate, epilogue),
    };
    if !done {
        blocked::gemm_blocked(isa, a, b, c, accumulate, epilogue);
    }
}

/// A panel of a matrix: each step's lanes lie next to each other, `step` elements after those of the
/// step before.
#[derive(Copy, Clone)]
struct Side<'a, T> {
    data: &'a [T],
    step: usize,
}

#[cfg(test)]
mod tests;
