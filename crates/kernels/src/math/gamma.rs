//! The gamma function's logarithm and its derivatives, of f32. They are computed in f64: the first two have
//! zeros, next to which large terms cancel, and are without branches and calls.

use std::f64::consts::{LN_2, PI};

use super::powers::log_parts;
use super::{MulAdd, double};

/// The polynomial with these coefficients, the highest first.
#[inline(always)]
fn polynomial<const N: usize>(x: f64, coefficients: [f64; N]) -> f64 {
    coefficients[1..]
        .iter()
        .fold(coefficients[0], |sum, c| sum * x + c)
}

/// The natural logarithm of a positive normal number, within 1e-11 of itself. Infinite at infinity.
#[inline(always)]
fn ln(x: f64) -> f64 {
    let (s, n) = log_parts(x);
    let terms = [
        2.0 / 13.0,
        2.0 / 11.0,
        2.0 / 9.0,
        2.0 / 7.0,
        2.0 / 5.0,
        2.0 / 3.0,
        2.0,
    ];
    let y = polynomial(s * s, terms) * s + n * LN_2;
    if x == f64::INFINITY { x } else { y }
}

/// `sin(πr)` for r from -1/2 to 1/2, within 3e-11 of itself.
#[inline(always)]
fn sine_of_half_turns(r: f64) -> f64 {
    let coefficients = [
        -0.007_028_303_855_203,
        0.082_050_350_201_47,
        -0.599_252_186_531_6,
        2.550_163_317_938,
        -5.167_712_764_593,
        3.141_592_653_536,
    ];
    polynomial(r * r, coefficients) * r
}

/// What x is beyond the nearest whole number.
#[inline(always)]
fn beyond_whole(x: f64) -> f64 {
    x - x.round_ties_even()
}

/// The logarithm of the gamma function's size, within 1 unit in the last place, but next to the zeros
/// below 0. Infinite at 0 and the negative whole numbers.
#[inline(always)]
pub(crate) fn lgamma<M: MulAdd>(x: f32) -> f32 {
    let x = f64::from(x);
    // Γ(x) Γ(1 - x) = π / sin(πx)
    let reflected = x < 0.5;
    let z = if reflected { 1.0 - x } else { x };

    // lnΓ(2 + u), a multiple of u; Γ(z) = Γ(z + 1) / z.
    let u = if z < 1.5 { z - 1.0 } else { z - 2.0 };
    let coefficients = [
        -5.208_118_739_066e-5,
        1.149_824_821_569e-4,
        -2.213_104_805_032e-4,
        5.056_692_566_204e-4,
        -1.192_958_484_301e-3,
        2.890_953_976_724e-3,
        -7.385_541_831_989e-3,
        2.058_078_848_509e-2,
        -6.735_230_116_847e-2,
        3.224_670_336_741e-1,
        4.227_843_350_985e-1,
    ];
    let near = polynomial(u, coefficients) * u;

    // Stirling's series, of z + 5 for small z.
    let w = if z < 8.0 { z + 5.0 } else { z };
    let inverse = 1.0 / w;
    let terms = [-1.0 / 1680.0, 1.0 / 1260.0, -1.0 / 360.0, 1.0 / 12.0];
    let series = polynomial(inverse * inverse, terms) * inverse;
    // ln √(2π)
    const HALF_LN_TURN: f64 = 0.918_938_533_204_672_7;
    let far = (w - 0.5) * ln(w) - w + HALF_LN_TURN + series;
    let rising = z * (z + 1.0) * (z + 2.0) * (z + 3.0) * (z + 4.0);

    let (value, divisor) = if z < 2.5 {
        (near, if z < 1.5 { z } else { 1.0 })
    } else {
        (far, if z < 8.0 { rising } else { 1.0 })
    };
    let sine = sine_of_half_turns(beyond_whole(x)).abs();
    let quotient = divisor * PI / sine;
    let log = ln(if reflected { quotient } else { divisor });
    let y = if reflected { log - value } else { value - log };
    // There the terms have no difference.
    let y = if x.abs() == f64::INFINITY {
        f64::INFINITY
    } else {
        y
    };
    y as f32
}

/// The derivative of [`lgamma`], within 1 unit in the last place, but next to its zeros: there within
/// 1e-10. Like PyTorch's it is infinite at 0, and nan at the other poles.
#[inline(always)]
pub(crate) fn digamma<M: MulAdd>(x: f32) -> f32 {
    let x = f64::from(x);
    // ψ(x) = ψ(1 - x) - π / tan(πx)
    let reflected = x < 0.5;
    let z = if reflected { 1.0 - x } else { x };

    // ψ(z) = ψ(z + 5) - (1/z + … + 1/(z + 4)), and an asymptotic series.
    let small = z < 8.0;
    let w = if small { z + 5.0 } else { z };
    let inverse = 1.0 / w;
    let square = inverse * inverse;
    let terms = [
        -691.0 / 32760.0,
        1.0 / 132.0,
        -1.0 / 240.0,
        1.0 / 252.0,
        -1.0 / 120.0,
        1.0 / 12.0,
    ];
    let series = ln(w) - 0.5 * inverse - polynomial(square, terms) * square;
    let product = polynomial(z, [1.0, 10.0, 35.0, 50.0, 24.0, 0.0]);
    let slope = polynomial(z, [5.0, 40.0, 105.0, 100.0, 24.0]);
    let y = series - if small { slope / product } else { 0.0 };

    // The side of 0 matters.
    let r = if x == 0.0 { x } else { beyond_whole(x) };
    let cosine = sine_of_half_turns(0.5 - r.abs());
    let y = if reflected {
        y - PI * cosine / sine_of_half_turns(r)
    } else {
        y
    };
    // The sine is 0 at all poles.
    let y = if x < 0.0 && r == 0.0 { f64::NAN } else { y };
    y as f32
}

/// The derivative of [`digamma`]: a call.
#[inline(always)]
pub(crate) fn trigamma<M: MulAdd>(x: f32) -> f32 {
    double::trigamma::<M>(f64::from(x)) as f32
}

/// The derivative of [`trigamma`]: a call.
#[inline(always)]
pub(crate) fn tetragamma<M: MulAdd>(x: f32) -> f32 {
    double::tetragamma::<M>(f64::from(x)) as f32
}
