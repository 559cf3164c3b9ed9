//! Exponentials, logarithms, hyperbolic tangent and error function of f32, without branches and calls,
//! so that loops of them are vectorised.
//!
//! `a * b + c` is rounded once where the instruction set can ([`Fused`]), else twice ([`Apart`]), so
//! the results of the portable path differ from those of the others in the last digit. The bounds
//! on the error, in units in the last place, hold for both; they were found with every 97th of all
//! floats against f64, and the tests take fewer. Nan stays nan.

// The constants are written with the digits of the sources they come from; each rounds to the one
// f32 that is meant.
#![allow(clippy::excessive_precision)]

use std::f32::consts::{FRAC_1_SQRT_2, FRAC_2_PI, LOG2_E};
use std::marker::PhantomData;

pub(crate) mod double;
mod errors;
mod gamma;
mod hyperbolic;
mod powers;
mod trigonometry;

pub(crate) use errors::{erfc, erfinv, normal_tail};
pub(crate) use gamma::{digamma, lgamma, tetragamma, trigamma};
pub(crate) use hyperbolic::{acosh, asinh, atanh, cosh, sinh};
pub(crate) use powers::{exp2, hypot, ldexp, log2, log10, powf};
pub(crate) use trigonometry::{acos, asin, atan, atan2, cos, sin, tan};

/// How a loop's instruction set multiplies and adds.
pub trait MulAdd {
    /// Whether angles are far beyond a turn: a sine is the slower for it.
    const FAR: bool = false;
    /// Whether all exponentials are of numbers from -87 to 87 (of base 2 from -126 to 126), and all
    /// logarithms of positive normal ones: they are the faster for it.
    const PLAIN: bool = false;
    /// `a * b + c`.
    fn mul_add(a: f32, b: f32, c: f32) -> f32;
    /// `1 / x` for x from 1 to 2.
    fn reciprocal_in_1_to_2(x: f32) -> f32;
    /// `a / x` for x from 1 to 2.
    fn quotient_in_1_to_2(a: f32, x: f32) -> f32;
    /// The number of quarter turns next to x, and what is left of x, from -π/4 to π/4; of x up to
    /// 65536.
    fn quarter_turns(x: f32) -> (i32, f32);
}

/// A [`MulAdd`] with one of its constants set.
macro_rules! with_constant {
    ($(#[$doc:meta])* $name:ident, $constant:ident) => {
        $(#[$doc])*
        pub struct $name<M>(PhantomData<M>);

        impl<M: MulAdd> MulAdd for $name<M> {
            const $constant: bool = true;
            #[inline(always)]
            fn mul_add(a: f32, b: f32, c: f32) -> f32 {
                M::mul_add(a, b, c)
            }
            #[inline(always)]
            fn reciprocal_in_1_to_2(x: f32) -> f32 {
                M::reciprocal_in_1_to_2(x)
            }
            #[inline(always)]
            fn quotient_in_1_to_2(a: f32, x: f32) -> f32 {
                M::quotient_in_1_to_2(a, x)
            }
            #[inline(always)]
            fn quarter_turns(x: f32) -> (i32, f32) {
                M::quarter_turns(x)
            }
        }
    };
}
with_constant! {
    /// [`MulAdd::FAR`] angles.
    Far, FAR
}
with_constant! {
    /// [`MulAdd::PLAIN`] arguments of exponentials and logarithms.
    Plain, PLAIN
}

/// Rounded once, with an instruction for it.
pub struct Fused;

/// Rounded twice.
pub struct Apart;

impl MulAdd for Fused {
    #[inline(always)]
    fn mul_add(a: f32, b: f32, c: f32) -> f32 {
        a.mul_add(b, c)
    }

    /// Two steps of Newton's method.
    #[inline(always)]
    fn reciprocal_in_1_to_2(x: f32) -> f32 {
        let r = near_reciprocal(x);
        r.mul_add((-x).mul_add(r, 1.0), r)
    }

    /// A step of Newton's method for the reciprocal, and one for the quotient.
    #[inline(always)]
    fn quotient_in_1_to_2(a: f32, x: f32) -> f32 {
        let r = near_reciprocal(x);
        let q = a * r;
        r.mul_add((-x).mul_add(q, a), q)
    }

    /// π/2 in three parts: the first difference is exact, the others are rounded once.
    #[inline(always)]
    fn quarter_turns(x: f32) -> (i32, f32) {
        let shifted = x.mul_add(FRAC_2_PI, ROUND);
        let turns = shifted.to_bits().wrapping_sub(ROUND.to_bits()) as i32;
        let n = ROUND - shifted;
        let r = n.mul_add(1.570_796_4, x);
        let r = n.mul_add(-4.371_138_8e-8, r);
        (turns, n.mul_add(-1.715_124_5e-15, r))
    }
}

/// `1 / x` for x from 1 to 2, within 1e-4 of itself, in less time than a vector division takes: a step of
/// Newton's method. It begins with the quadratic of the least relative error, `(1 - T(3 - 2x) / T(3)) / x`
/// with Chebyshev's third polynomial T: within 1/99.
#[inline(always)]
fn near_reciprocal(x: f32) -> f32 {
    let r = polynomial::<Fused, 3>(x, [32.0 / 99.0, -144.0 / 99.0, 210.0 / 99.0]);
    r.mul_add((-x).mul_add(r, 1.0), r)
}

impl MulAdd for Apart {
    #[inline(always)]
    fn mul_add(a: f32, b: f32, c: f32) -> f32 {
        a * b + c
    }

    #[inline(always)]
    fn reciprocal_in_1_to_2(x: f32) -> f32 {
        1.0 / x
    }

    #[inline(always)]
    fn quotient_in_1_to_2(a: f32, x: f32) -> f32 {
        a / x
    }

    /// In f64, with π/2 in two parts, of which the first has few enough bits for exact multiples.
    #[inline(always)]
    fn quarter_turns(x: f32) -> (i32, f32) {
        const ROUND: f64 = 6_755_399_441_055_744.0;
        let x = f64::from(x);
        let shifted = x * std::f64::consts::FRAC_2_PI + ROUND;
        let turns = shifted.to_bits().wrapping_sub(ROUND.to_bits()) as i32;
        let n = shifted - ROUND;
        let r = x - n * 1.570_796_326_734_125_6;
        (turns, (r - n * 6.077_100_506_506_192e-11) as f32)
    }
}

/// ln 2 in two parts, the first of few enough bits to be multiplied by an exponent exactly.
const LN_2_HIGH: f32 = 0.693359375;
const LN_2_LOW: f32 = -2.12194440e-4;
/// Adding it rounds a small number to a whole one, in the low bits of the sum.
const ROUND: f32 = 12_582_912.0;

/// `1 / x` for x from 1 to 2.
#[inline(always)]
pub(crate) fn reciprocal_in_1_to_2<M: MulAdd>(x: f32) -> f32 {
    M::reciprocal_in_1_to_2(x)
}

/// The polynomial with these coefficients, the highest first.
#[inline(always)]
fn polynomial<M: MulAdd, const N: usize>(x: f32, coefficients: [f32; N]) -> f32 {
    let mut y = coefficients[0];
    for c in &coefficients[1..] {
        y = M::mul_add(y, x, *c);
    }
    y
}

/// The number that rounds x / ln 2 in its low bits, that number less [`ROUND`], and what remains of
/// x: `x = n ln 2 + r`.
#[inline(always)]
fn reduce<M: MulAdd>(x: f32) -> (i32, f32) {
    let shifted = M::mul_add(x, LOG2_E, ROUND);
    let exponent = shifted.to_bits().wrapping_sub(ROUND.to_bits()) as i32;
    let n = shifted - ROUND;
    let r = M::mul_add(-n, LN_2_LOW, M::mul_add(-n, LN_2_HIGH, x));
    (exponent, r)
}

/// `e^r - 1` for a remainder (the polynomial is that of Cephes' `expf`).
#[inline(always)]
fn exp_m1_of_remainder<M: MulAdd>(r: f32) -> f32 {
    let p = polynomial::<M, 6>(
        r,
        [
            1.9875691500e-4,
            1.3981999507e-3,
            8.3334519073e-3,
            4.1665795894e-2,
            1.6666665459e-1,
            5.0000001201e-1,
        ],
    );
    M::mul_add(p, r * r, r)
}

/// e to the power of x, within 1 unit in the last place. Subnormal results are rounded like others.
#[inline(always)]
pub(crate) fn exp<M: MulAdd>(x: f32) -> f32 {
    if const { M::PLAIN } {
        let sum = M::mul_add(x, LOG2_E, ROUND);
        let n = sum - ROUND;
        let r = M::mul_add(-n, LN_2_LOW, M::mul_add(-n, LN_2_HIGH, x));
        let power = power_of_rounded(sum);
        return M::mul_add(power, exp_m1_of_remainder::<M>(r), power);
    }
    // Beyond these the result is infinite, or 0. Written so that nan goes through.
    let x = if x > 89.0 { 89.0 } else { x };
    let x = if x < -104.0 { -104.0 } else { x };
    let (exponent, r) = reduce::<M>(x);
    scaled(exp_m1_of_remainder::<M>(r) + 1.0, exponent)
}

/// 2 to a whole power that a float has; of any other number some float.
#[inline(always)]
fn power_of_two(exponent: i32) -> f32 {
    f32::from_bits((exponent.wrapping_add(127) << 23) as u32)
}

/// Of t from -126 to 126, rounded to n by adding [`ROUND`]: `2^n`, from that sum.
#[inline(always)]
fn power_of_rounded(sum: f32) -> f32 {
    f32::from_bits((sum.to_bits() << 23).wrapping_add(1.0f32.to_bits()))
}

/// `2^f - 1` for f from -1/2 to 1/2, within 2 units in the last place.
#[inline(always)]
fn exp2_m1_of_remainder<M: MulAdd>(f: f32) -> f32 {
    f * polynomial::<M, 6>(
        f,
        [
            1.545_316_3e-4,
            1.339_086_3e-3,
            9.618_082_6e-3,
            5.550_357_1e-2,
            2.402_265_1e-1,
            6.931_471_9e-1,
        ],
    )
}

/// `2^t` for t from -126 to 126: without a look at what is beyond.
#[inline(always)]
fn exp2_of_moderate<M: MulAdd>(t: f32) -> f32 {
    let sum = t + ROUND;
    let m1 = exp2_m1_of_remainder::<M>(t - (sum - ROUND));
    let power = power_of_rounded(sum);
    M::mul_add(power, m1, power)
}

/// A number times a power of two; the product may be infinite, subnormal or 0. A nan stays one, whatever
/// became of its exponent.
#[inline(always)]
fn scaled(y: f32, exponent: i32) -> f32 {
    // Two factors, as 2^128 and 2^-150 are no floats.
    let half = exponent >> 1;
    y * power_of_two(half) * power_of_two(exponent.wrapping_sub(half))
}

/// [`scaled`] for exponents from -160 to 80.
#[inline(always)]
fn scaled_down(y: f32, exponent: i32) -> f32 {
    const DOWN: f32 = 1.0 / (1u64 << 40) as f32;
    y * power_of_two(exponent.wrapping_add(40)) * DOWN
}

/// `e^x / 2` for x from 0: finite a little longer than `e^x`.
#[inline(always)]
fn exp_over_two<M: MulAdd>(x: f32) -> f32 {
    let x = if x > 90.0 { 90.0 } else { x };
    let (exponent, r) = reduce::<M>(x);
    scaled(exp_m1_of_remainder::<M>(r) + 1.0, exponent.wrapping_sub(1))
}

/// `e^x - 1`, within 1.6 units in the last place.
#[inline(always)]
pub(crate) fn exp_m1<M: MulAdd>(x: f32) -> f32 {
    // Beyond these the result is infinite, or -1.
    let y = if x > 89.0 { 89.0 } else { x };
    let y = if y < -20.0 { -20.0 } else { y };
    let (exponent, r) = reduce::<M>(y);
    // 2^n (e^r - 1) + (2^n - 1), of half the size, as 2^128 is no float.
    let half = power_of_two(exponent.wrapping_sub(1));
    let y = M::mul_add(half, exp_m1_of_remainder::<M>(r), half - 0.5);
    // A half of the tiniest would lose a digit.
    let y = if x.abs() < 1e-36 { x } else { y + y };
    y.copysign(x)
}

/// A number as `(1 + m) 2^n`, where `ln(1 + m) = m - m²/2 + rest`.
struct LnParts {
    m: f32,
    square: f32,
    rest: f32,
    n: f32,
}

impl LnParts {
    /// `ln(1 + m) - m`.
    #[inline(always)]
    fn tail<M: MulAdd>(&self) -> f32 {
        M::mul_add(-0.5, self.square, self.rest)
    }

    /// The logarithm of x, where it is infinite or nan; else y.
    #[inline(always)]
    fn special<M: MulAdd>(x: f32, y: f32) -> f32 {
        if const { M::PLAIN } {
            return y;
        }
        let y = if x == f32::INFINITY { x } else { y };
        let y = if x == 0.0 { f32::NEG_INFINITY } else { y };
        if x >= 0.0 { y } else { f32::NAN }
    }
}

/// The parts of a positive number (the polynomial is that of Cephes' `logf`).
#[inline(always)]
fn ln_parts<M: MulAdd>(x: f32) -> LnParts {
    let tiny = const { !M::PLAIN } && x < f32::MIN_POSITIVE;
    let scaled = if tiny { x * 8_388_608.0 } else { x };
    // Neighbouring floats have neighbouring bits, so from sqrt(0.5) on, the bits count the way to
    // the next power of two times sqrt(0.5).
    let bits = scaled.to_bits();
    let above = bits.wrapping_sub(FRAC_1_SQRT_2.to_bits()) & 0xff80_0000;
    let m = f32::from_bits(bits.wrapping_sub(above)) - 1.0;
    let n = ((above as i32) >> 23) as f32 - if tiny { 23.0 } else { 0.0 };
    let square = m * m;
    let p = polynomial::<M, 9>(
        m,
        [
            7.0376836292e-2,
            -1.1514610310e-1,
            1.1676998740e-1,
            -1.2420140846e-1,
            1.4249322787e-1,
            -1.6668057665e-1,
            2.0000714765e-1,
            -2.4999993993e-1,
            3.3333331174e-1,
        ],
    );
    let rest = p * (m * square);
    LnParts { m, square, rest, n }
}

/// The natural logarithm, within 0.8 units in the last place; minus infinity at 0, nan below.
#[inline(always)]
pub(crate) fn ln<M: MulAdd>(x: f32) -> f32 {
    let LnParts { m, square, rest, n } = ln_parts::<M>(x);
    let y = M::mul_add(-0.5, square, M::mul_add(n, LN_2_LOW, rest));
    LnParts::special::<M>(x, M::mul_add(n, LN_2_HIGH, m + y))
}

/// `ln(1 + x)`, within 1.5 units in the last place; minus infinity at -1, nan below.
#[inline(always)]
pub(crate) fn ln_1p<M: MulAdd>(x: f32) -> f32 {
    let u = 1.0 + x;
    let y = ln::<M>(u);
    // What the sum lost, times the logarithm's slope. At 0 and infinity there is no slope.
    let lost = (x - (u - 1.0)) / u;
    let y = if y.is_infinite() { y } else { y + lost };
    y.copysign(x)
}

/// The hyperbolic tangent, within 2.7 units in the last place.
#[inline(always)]
pub(crate) fn tanh<M: MulAdd>(x: f32) -> f32 {
    // With e = e^(-2 size) - 1, which keeps its digits near 0: -e / (2 + e). It is 1 from 9.1 on.
    let size = x.abs();
    let double = -2.0 * if size > 9.1 { 9.1 } else { size };
    let sum = M::mul_add(double, LOG2_E, ROUND);
    let n = sum - ROUND;
    let r = M::mul_add(-n, LN_2_LOW, M::mul_add(-n, LN_2_HIGH, double));
    let power = power_of_rounded(sum);
    let e = M::mul_add(power, exp_m1_of_remainder::<M>(r), power - 1.0);
    M::quotient_in_1_to_2(-e, 2.0 + e).copysign(x)
}

/// The error function of sizes up to 0.92 (Juffa's polynomial).
#[inline(always)]
fn erf_near_zero<M: MulAdd>(x: f32) -> f32 {
    let p = polynomial::<M, 6>(
        x * x,
        [
            -5.96761703e-4,
            4.99119423e-3,
            -2.67681349e-2,
            1.12819925e-1,
            -3.76125336e-1,
            1.28379166e-1,
        ],
    );
    M::mul_add(p, x, x)
}

/// The error function, within 1.2 units in the last place (Juffa's polynomials).
#[inline(always)]
pub(crate) fn erf<M: MulAdd>(x: f32) -> f32 {
    let t = x.abs();
    // Times log2(e).
    let p = polynomial::<M, 7>(
        t,
        [
            -2.493_748_4e-5,
            5.528_366e-4,
            -5.603_376_2e-3,
            3.499_202_3e-2,
            -1.540_479_1e-1,
            -9.158_901_7e-1,
            -1.857_001_2e-1,
        ],
    );
    // From 4 on the result is 1; the polynomial would turn round somewhere beyond.
    let tail = M::mul_add(p, t, -LOG2_E * t);
    let tail = if t > 4.0 { -30.0 } else { tail };
    let large = (1.0 - exp2_of_moderate::<M>(tail)).copysign(x);
    let small = erf_near_zero::<M>(x);
    if t > 0.927734375 || t.is_nan() {
        large
    } else {
        small
    }
}

#[cfg(test)]
mod tests;
