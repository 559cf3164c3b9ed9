//! Comparing what was computed with what PyTorch computed.

use pleach::Tensor;

use super::value::{Eval, bug};

/// How far a float may be from PyTorch's: `|got - expected| <= atol + rtol * |expected|`.
#[derive(Clone, Copy, Debug)]
pub struct Tolerance {
    pub rtol: f64,
    pub atol: f64,
}

impl Tolerance {
    pub const EXACT: Tolerance = Tolerance {
        rtol: 0.0,
        atol: 0.0,
    };

    pub fn close(self, got: f64, expected: f64) -> bool {
        // Infinities and zeros of either sign by `==`; nan only equals nan.
        got == expected
            || (got.is_nan() && expected.is_nan())
            || (got - expected).abs() <= self.atol + self.rtol * expected.abs()
                && expected.is_finite()
    }
}

/// Shape, dtype and every element.
pub fn tensors(what: &str, got: &Tensor, expected: &Tensor, tolerance: Tolerance) -> Eval<()> {
    if got.dtype() != expected.dtype() {
        return bug(format!(
            "{what}: dtype {}, expected {}",
            got.dtype(),
            expected.dtype()
        ));
    }
    if got.shape() != expected.shape() {
        return bug(format!(
            "{what}: shape {:?}, expected {:?}",
            got.shape(),
            expected.shape()
        ));
    }
    if !got.dtype().is_float() {
        return match got.equal(expected)? {
            true => Ok(()),
            false => numbers(
                what,
                &got.to_vec_f64(),
                &expected.to_vec_f64(),
                Tolerance::EXACT,
            ),
        };
    }
    numbers(what, &got.to_vec_f64(), &expected.to_vec_f64(), tolerance)
}

/// Numbers in order; the first that differs is named.
pub fn numbers(what: &str, got: &[f64], expected: &[f64], tolerance: Tolerance) -> Eval<()> {
    if got.len() != expected.len() {
        return bug(format!(
            "{what}: {} numbers, expected {}",
            got.len(),
            expected.len()
        ));
    }
    for (i, (&g, &e)) in got.iter().zip(expected).enumerate() {
        if !tolerance.close(g, e) {
            return bug(format!("{what}[{i}]: {g:e}, expected {e:e}"));
        }
    }
    Ok(())
}

/// Two things that print, as equal or not.
pub fn equal<T: PartialEq + std::fmt::Debug + ?Sized>(
    what: &str,
    got: &T,
    expected: &T,
) -> Eval<()> {
    match got == expected {
        true => Ok(()),
        false => bug(format!("{what}: {got:?}, expected {expected:?}")),
    }
}
