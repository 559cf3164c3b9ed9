//! Powers and logarithms of other bases, of f32, and the hypotenuse, without branches and calls.

// The last coefficient of a fit is near a constant, and is not it.
#![allow(clippy::approx_constant, clippy::excessive_precision)]

use super::{LnParts, MulAdd, ROUND, exp2_of_moderate, ln_parts, polynomial, scaled};

/// 2 to the power of x, within 1.2 units in the last place.
#[inline(always)]
pub(crate) fn exp2<M: MulAdd>(x: f32) -> f32 {
    if const { M::PLAIN } {
        return exp2_of_moderate::<M>(x);
    }
    // Beyond these the result is infinite, or 0. Written so that nan goes through.
    let x = if x > 129.0 { 129.0 } else { x };
    let x = if x < -151.0 { -151.0 } else { x };
    let shifted = x + ROUND;
    let exponent = shifted.to_bits().wrapping_sub(ROUND.to_bits()) as i32;
    let r = x - (shifted - ROUND);
    let p = polynomial::<M, 6>(
        r,
        [
            1.547_550_3e-4,
            1.340_029_7e-3,
            9.618_007e-3,
            5.550_327_7e-2,
            2.402_265_1e-1,
            6.931_472e-1,
        ],
    );
    scaled(M::mul_add(p, r, 1.0), exponent)
}

/// The logarithm of base 2, within 1.5 units in the last place; minus infinity at 0, nan below.
#[inline(always)]
pub(crate) fn log2<M: MulAdd>(x: f32) -> f32 {
    // What log2(e) has beyond 1.
    const REST: f32 = 0.442_695_04;
    let parts = ln_parts::<M>(x);
    let (m, tail) = (parts.m, parts.tail::<M>());
    // log2(e) times both, the largest terms last.
    let y = M::mul_add(m, REST, tail * REST);
    LnParts::special::<M>(x, ((y + tail) + m) + parts.n)
}

/// The logarithm of base 10, within 2 units in the last place; minus infinity at 0, nan below.
#[inline(always)]
pub(crate) fn log10<M: MulAdd>(x: f32) -> f32 {
    // log10(2) and log10(e), each in two parts, of which the first has few bits.
    const TWO: [f32; 2] = [0.300_781_25, 2.487_456_6e-4];
    const E: [f32; 2] = [0.433_593_75, 7.007_319e-4];
    let parts = ln_parts::<M>(x);
    let (m, tail, n) = (parts.m, parts.tail::<M>(), parts.n);
    let y = M::mul_add(m, E[1], tail * E[1]);
    let y = M::mul_add(n, TWO[1], y);
    let y = M::mul_add(tail, E[0], y);
    let y = M::mul_add(m, E[0], y);
    LnParts::special::<M>(x, M::mul_add(n, TWO[0], y))
}

/// `√(x² + y²)`, within 0.5 units in the last place; infinite if either is.
#[inline(always)]
pub(crate) fn hypot<M: MulAdd>(x: f32, y: f32) -> f32 {
    // No square of an f32 is beyond f64, and their sum keeps all digits that matter.
    let (a, b) = (f64::from(x), f64::from(y));
    let length = (a * a + b * b).sqrt() as f32;
    let infinite = x.abs() == f32::INFINITY || y.abs() == f32::INFINITY;
    if infinite { f32::INFINITY } else { length }
}

/// x to the power of y, within 0.6 units in the last place, with C's special values. It is computed in
/// f64, as `2^(y log2 x)`.
#[inline(always)]
pub(crate) fn powf<M: MulAdd>(x: f32, y: f32) -> f32 {
    let size = f64::from(x.abs());
    let (s, n) = log_parts(size);
    let z = s * s;
    let p = [
        0.320_897_005_8,
        0.317_164_955_8,
        0.412_277_666_2,
        0.577_077_262_1,
        0.961_796_696_3,
        2.885_390_082,
    ];
    let log = p[1..].iter().fold(p[0], |sum, c| sum * z + c) * s + n;
    // Zero and infinity are beyond all exponents, also times the smallest y.
    let log = if size == 0.0 { -1e48 } else { log };
    let log = if size == f64::INFINITY { 1e48 } else { log };
    let t = f64::from(y) * log;
    let power = power_of_two(t) as f32;
    // A negative number has powers by whole numbers alone, and keeps its sign for odd ones.
    let is_whole = y.trunc() == y;
    let half = y * 0.5;
    let is_odd = is_whole && half.trunc() != half;
    let negative = x.is_sign_negative();
    let signed = if negative && is_odd { -power } else { power };
    let refused = x < 0.0 && x > f32::NEG_INFINITY && !is_whole;
    let result = if refused || x.is_nan() || y.is_nan() {
        f32::NAN
    } else {
        signed
    };
    // A power of 1, or by 0, is 1 whatever the other one is; so is one of -1 by infinity.
    let one = x == 1.0 || y == 0.0 || x == -1.0 && y.abs() == f32::INFINITY;
    if one { 1.0 } else { result }
}

/// `x 2^y`, within 0.6 units in the last place; exact for a whole y.
#[inline(always)]
pub(crate) fn ldexp<M: MulAdd>(x: f32, y: f32) -> f32 {
    let power = power_of_two(f64::from(y));
    let power = if y == f32::INFINITY {
        f64::INFINITY
    } else {
        power
    };
    let power = if y == f32::NEG_INFINITY { 0.0 } else { power };
    let power = if y.is_nan() { f64::NAN } else { power };
    (f64::from(x) * power) as f32
}

/// 2 to the power of t, for t beyond 300 that of 300: more than any f32 is multiplied by. Of nan some number.
#[inline(always)]
fn power_of_two(t: f64) -> f64 {
    let t = if t > 300.0 { 300.0 } else { t };
    let t = if t < -300.0 { -300.0 } else { t };
    let shifted = t + ROUND_F64;
    let exponent = shifted.to_bits().wrapping_sub(ROUND_F64.to_bits());
    let r = t - (shifted - ROUND_F64);
    let p = [
        1.531_494_540e-5,
        1.546_711_045e-4,
        1.333_343_079e-3,
        9.618_036_910e-3,
        5.550_410_963e-2,
        2.402_265_108e-1,
        6.931_471_805e-1,
    ];
    let power = p[1..].iter().fold(p[0], |sum, c| sum * r + c) * r + 1.0;
    f64::from_bits(power.to_bits().wrapping_add(exponent << 52))
}

/// Of a number `m 2^n` with m from √½ to √2: `s = (m - 1) / (m + 1)`, as `ln m` is a series of s, and n.
#[inline(always)]
pub(super) fn log_parts(size: f64) -> (f64, f64) {
    let bits = size.to_bits();
    let above = bits.wrapping_sub(std::f64::consts::FRAC_1_SQRT_2.to_bits()) & !0 << 52;
    let m = f64::from_bits(bits.wrapping_sub(above));
    ((m - 1.0) / (m + 1.0), whole((above >> 52) as u32))
}

/// Adding it rounds a small number to a whole one, in the low bits of the sum.
const ROUND_F64: f64 = 6_755_399_441_055_744.0;

/// A small whole number of the low 12 bits, the highest of which is its sign.
#[inline(always)]
fn whole(bits: u32) -> f64 {
    f64::from(((bits << 20) as i32) >> 20)
}
