//! Matrix products.
//!
//! Both matrices are packed into panels, which register tiles multiply; small and thin products,
//! and those with few terms, have loops of their own. How many threads there are changes no bit.

mod batched;
mod blocked;
mod cut;
mod few_terms;
mod matrix;
mod pack;
mod packed;
mod thin;
mod tile;

pub use batched::{BatchRef, gemm_batched};
pub use matrix::MatRef;
pub use packed::PackedB;

use crate::float::of_type;
use crate::{Epilogue, Float, Isa};
use blocked::Right;

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
/// `c = activation(a b + bias + residual)`, with `c + a b` for `a b` if `accumulate`.
///
/// ```
/// use pleach_kernels::{Activation, Bias, Epilogue, MatRef, gemm_epilogue};
/// let epilogue = Epilogue {
///     bias: Bias::PerColumn(&[10.0, -9.0]),
///     residual: None,
///     activation: Activation::RELU,
/// };
/// let (a, b, mut c) = ([1.0f32, 2.0], [3.0, 4.0], [0.0; 4]);
/// gemm_epilogue(
///     MatRef::row_major(&a, 2, 1), MatRef::row_major(&b, 1, 2), &mut c, false, epilogue,
/// );
/// assert_eq!(c, [13.0, 0.0, 16.0, 0.0]);
/// ```
///
/// # Panics
/// As [`gemm`], and if the bias has another length than the columns or rows it is for, or the
/// residual than the product.
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

type Gemm<T> = fn(Isa, MatRef<'_, T>, Right<'_, T>, &mut [T], bool, Epilogue<'_, T>);

/// [`product`], which is compiled here, once for each float.
fn gemm_with<T: Float>(
    isa: Isa,
    a: MatRef<'_, T>,
    b: Right<'_, T>,
    c: &mut [T],
    accumulate: bool,
    epilogue: Epilogue<'_, T>,
) {
    static F32: Gemm<f32> = product;
    static F64: Gemm<f64> = product;
    of_type::<Gemm<T>>(&F32, &F64)(isa, a, b, c, accumulate, epilogue);
}

/// Chooses how a product is computed.
fn product<T: Float>(
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
    epilogue.check_product(m, n);
    let done = match b {
        Right::Plain(b) if thin::is_column(a, b) => {
            let (a, b, epilogue) = (
                a.transposed(),
                b.transposed(),
                epilogue.of_transposed_column(),
            );
            return product(isa, b, Right::Plain(a), c, accumulate, epilogue);
        }
        Right::Packed(b) if thin::is_unpacked(a, b) => {
            let elements = b.unpacked();
            let b = Right::Plain(b.plain(&elements));
            return product(isa, a, b, c, accumulate, epilogue);
        }
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

#[cfg(test)]
mod tests;
