//! Hyperbolic functions of f32 and their inverses, without branches and calls.

use std::f32::consts::LN_2;

use super::{MulAdd, exp_over_two, ln, ln_1p, polynomial};

/// The hyperbolic sine, within 2.5 units in the last place.
#[inline(always)]
pub(crate) fn sinh<M: MulAdd>(x: f32) -> f32 {
    let size = x.abs();
    let e = exp_over_two::<M>(size);
    let large = (e - 0.25 / e).copysign(x);
    let z = x * x;
    let p = polynomial::<M, 4>(
        z,
        [2.817_439_7e-6, 1.983_606_6e-4, 8.333_351e-3, 1.666_666_6e-1],
    );
    let small = M::mul_add(p * z, x, x);
    if size < 1.0 { small } else { large }
}

/// The hyperbolic cosine, within 2 units in the last place.
#[inline(always)]
pub(crate) fn cosh<M: MulAdd>(x: f32) -> f32 {
    let e = exp_over_two::<M>(x.abs());
    e + 0.25 / e
}

/// The inverse of the hyperbolic sine, within 3 units in the last place.
#[inline(always)]
pub(crate) fn asinh<M: MulAdd>(x: f32) -> f32 {
    let size = x.abs();
    let large = size > LARGE;
    // ln(x + √(x² + 1)), with what is added to 1 apart; far away ln(2x).
    let a = if large { 1.0 } else { size };
    let root = M::mul_add(a, a, 1.0).sqrt();
    let near = ln_1p::<M>(a + a * a / (1.0 + root));
    let far = ln::<M>(size) + LN_2;
    (if large { far } else { near }).copysign(x)
}

/// From here on `x ± 1` is x.
const LARGE: f32 = 16_777_216.0;

/// The inverse of the hyperbolic cosine, within 3 units in the last place; nan below 1.
#[inline(always)]
pub(crate) fn acosh<M: MulAdd>(x: f32) -> f32 {
    let large = x > LARGE;
    let t = x - 1.0;
    let a = if large { 1.0 } else { t };
    let near = ln_1p::<M>(a + M::mul_add(a, a, a + a).sqrt());
    let far = ln::<M>(x) + LN_2;
    let y = if large { far } else { near };
    // Where the square root's argument is positive again.
    if x < 1.0 { f32::NAN } else { y }
}

/// The inverse of the hyperbolic tangent, within 3 units in the last place; nan beyond -1 and 1.
#[inline(always)]
pub(crate) fn atanh<M: MulAdd>(x: f32) -> f32 {
    let size = x.abs();
    let y = 0.5 * ln_1p::<M>((size + size) / (1.0 - size));
    (if size > 1.0 { f32::NAN } else { y }).copysign(x)
}
