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

use std::f32::consts::{FRAC_1_SQRT_2, LOG2_E};

pub(crate) mod double;
mod single;

pub(crate) use single::{
    acos, acosh, asin, asinh, atan, atan2, atanh, cos, cosh, digamma, erfc, erfinv, exp2, hypot,
    ldexp, lgamma, log2, log10, powf, sin, sinh, tan, tetragamma, trigamma,
};

/// How a loop's instruction set multiplies and adds.
pub trait MulAdd {
    /// `a * b + c`.
    fn mul_add(a: f32, b: f32, c: f32) -> f32;
    /// `1 / x` for x from 1 to 2.
    fn reciprocal_in_1_to_2(x: f32) -> f32;
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

    /// Two steps of Newton's method, for a third of a vector division's time. They begin with the
    /// quadratic of the least relative error, `(1 - T(3 - 2x) / T(3)) / x` with Chebyshev's third
    /// polynomial T: within 1/99.
    #[inline(always)]
    fn reciprocal_in_1_to_2(x: f32) -> f32 {
        let r = polynomial::<Self, 3>(x, [32.0 / 99.0, -144.0 / 99.0, 210.0 / 99.0]);
        let r = r.mul_add((-x).mul_add(r, 1.0), r);
        r.mul_add((-x).mul_add(r, 1.0), r)
    }
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
    // Beyond these the result is infinite, or 0. Written so that nan goes through.
    let x = if x > 89.0 { 89.0 } else { x };
    let x = if x < -104.0 { -104.0 } else { x };
    let (exponent, r) = reduce::<M>(x);
    let y = exp_m1_of_remainder::<M>(r) + 1.0;
    // y is near 1: one part of the power of two is added to its exponent, and the other one is a
    // factor, as 2^128 and 2^-150 are no floats.
    let half = exponent >> 1;
    let y = f32::from_bits(y.to_bits().wrapping_add((half << 23) as u32));
    y * f32::from_bits((exponent.wrapping_sub(half).wrapping_add(127) << 23) as u32)
}

/// `e^x - 1`, within 1.6 units in the last place.
#[inline(always)]
pub(crate) fn exp_m1<M: MulAdd>(x: f32) -> f32 {
    // Beyond these the result is infinite, or -1.
    let y = if x > 89.0 { 89.0 } else { x };
    let y = if y < -20.0 { -20.0 } else { y };
    let (exponent, r) = reduce::<M>(y);
    // 2^n (e^r - 1) + (2^n - 1), of half the size, as 2^128 is no float.
    let half = f32::from_bits((exponent.wrapping_add(126) << 23) as u32);
    let y = M::mul_add(half, exp_m1_of_remainder::<M>(r), half - 0.5);
    (y + y).copysign(x)
}

/// The natural logarithm, within 0.8 units in the last place (the polynomial is that of Cephes'
/// `logf`); minus infinity at 0, nan below.
#[inline(always)]
pub(crate) fn ln<M: MulAdd>(x: f32) -> f32 {
    let tiny = x < f32::MIN_POSITIVE;
    let scaled = if tiny { x * 8_388_608.0 } else { x };
    // Neighbouring floats have neighbouring bits, so from sqrt(0.5) on, the bits count the way to
    // the next power of two times sqrt(0.5).
    let bits = scaled.to_bits();
    let above = bits.wrapping_sub(FRAC_1_SQRT_2.to_bits()) & 0xff80_0000;
    let m = f32::from_bits(bits.wrapping_sub(above)) - 1.0;
    let n = ((above as i32) >> 23) as f32 - if tiny { 23.0 } else { 0.0 };
    let z = m * m;
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
    let y = M::mul_add(-0.5, z, M::mul_add(n, LN_2_LOW, p * (m * z)));
    let y = M::mul_add(n, LN_2_HIGH, m + y);
    let y = if x == f32::INFINITY { x } else { y };
    let y = if x == 0.0 { f32::NEG_INFINITY } else { y };
    if x >= 0.0 { y } else { f32::NAN }
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

/// The hyperbolic tangent, within 1.5 units in the last place (the polynomial is that of Cephes'
/// `tanhf`).
#[inline(always)]
pub(crate) fn tanh<M: MulAdd>(x: f32) -> f32 {
    let size = x.abs();
    // (1 - e) / (1 + e) = 1 - 2 e / (1 + e)
    let e = exp::<M>(-2.0 * size);
    let large = M::mul_add(-2.0 * e, M::reciprocal_in_1_to_2(1.0 + e), 1.0).copysign(x);
    let z = x * x;
    let p = polynomial::<M, 5>(
        z,
        [
            -5.70498872745e-3,
            2.06390887954e-2,
            -5.37397155531e-2,
            1.33314422036e-1,
            -3.33332819422e-1,
        ],
    );
    let small = M::mul_add(p * z, x, x).copysign(x);
    if size < 0.625 { small } else { large }
}

/// The error function, within 1.2 units in the last place (Juffa's polynomials).
#[inline(always)]
pub(crate) fn erf<M: MulAdd>(x: f32) -> f32 {
    let t = x.abs();
    let s = x * x;
    let p = polynomial::<M, 7>(
        t,
        [
            -1.72853470e-5,
            3.83197126e-4,
            -3.88396438e-3,
            2.42546219e-2,
            -1.06777877e-1,
            -6.34846687e-1,
            -1.28717512e-1,
        ],
    );
    // From 4 on the result is 1; the polynomial would turn round somewhere beyond.
    let tail = M::mul_add(p, t, -t);
    let tail = if t > 4.0 { -20.0 } else { tail };
    let large = (1.0 - exp::<M>(tail)).copysign(x);
    let p = polynomial::<M, 6>(
        s,
        [
            -5.96761703e-4,
            4.99119423e-3,
            -2.67681349e-2,
            1.12819925e-1,
            -3.76125336e-1,
            1.28379166e-1,
        ],
    );
    let small = M::mul_add(p, x, x);
    if t > 0.927734375 || t.is_nan() {
        large
    } else {
        small
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every 2003rd float, all signs and exponents, and the special ones.
    fn floats() -> impl Iterator<Item = f32> {
        let special = [0.0, -0.0, 1.0, -1.0, f32::MAX, f32::MIN_POSITIVE, 1e-45];
        (0..=u32::MAX)
            .step_by(2003)
            .map(f32::from_bits)
            .filter(|x| x.is_finite())
            .chain(special)
    }

    /// The greatest error in units in the last place of the (rounded) truth.
    fn worst(f: impl Fn(f32) -> f32, truth: impl Fn(f64) -> f64) -> (f64, f32) {
        let mut worst = (0.0, 0.0);
        for x in floats() {
            let (got, want) = (f(x), truth(f64::from(x)));
            let nearest = want as f32;
            if !nearest.is_finite() || got == nearest {
                assert!(
                    got == nearest || got.is_nan() && nearest.is_nan(),
                    "{x:e}: {got} {want}"
                );
                continue;
            }
            let unit = f64::from(nearest.abs().next_up()) - f64::from(nearest.abs());
            let error = (f64::from(got) - want).abs() / unit;
            if error > worst.0 || error.is_nan() {
                worst = (error, x);
            }
        }
        worst
    }

    /// erf in f64, from its series or the continued fraction of erfc.
    fn exact_erf(x: f64) -> f64 {
        let t = x.abs();
        let size = if t < 3.0 {
            let (mut term, mut sum, mut n) = (t, t, 0.0);
            while term.abs() > 1e-18 * sum.abs() {
                n += 1.0;
                term *= -t * t / n;
                sum += term / (2.0 * n + 1.0);
            }
            sum * std::f64::consts::FRAC_2_SQRT_PI
        } else if t < 7.0 {
            let mut f = 0.0;
            for k in (1..200).rev() {
                f = f64::from(k) / 2.0 / (t + f);
            }
            1.0 - (-t * t).exp() / (t + f) * std::f64::consts::FRAC_2_SQRT_PI / 2.0
        } else {
            1.0
        };
        size.copysign(x)
    }

    #[test]
    fn errors_stay_within_their_bounds() {
        bounded::<Fused>();
        bounded::<Apart>();
    }

    fn bounded<M: MulAdd>() {
        let all = [
            ("exp", worst(exp::<M>, f64::exp), 1.0),
            ("exp_m1", worst(exp_m1::<M>, f64::exp_m1), 1.6),
            ("ln_1p", worst(ln_1p::<M>, f64::ln_1p), 1.5),
            ("ln", worst(ln::<M>, f64::ln), 0.8),
            ("tanh", worst(tanh::<M>, f64::tanh), 1.5),
            ("erf", worst(erf::<M>, exact_erf), 1.2),
        ];
        for (name, (error, at), bound) in all {
            println!("{name}: {error} at {at:e}");
            assert!(error <= bound, "{name}: {error} units at {at:e}");
        }
    }

    #[test]
    fn special_values_are_right() {
        special::<Fused>();
        special::<Apart>();
    }

    #[test]
    fn reciprocals_are_within_a_unit() {
        for i in 0..=1 << 16 {
            let x = 1.0 + i as f32 / 65536.0;
            let want = 1.0 / f64::from(x);
            let unit = f64::from(f32::EPSILON) / 2.0; // of a number from 0.5 to 1
            for got in [
                Fused::reciprocal_in_1_to_2(x),
                Apart::reciprocal_in_1_to_2(x),
            ] {
                assert!((f64::from(got) - want).abs() <= unit, "{x}: {got}");
            }
        }
    }

    fn special<M: MulAdd>() {
        let (exp, ln, tanh, erf) = (exp::<M>, ln::<M>, tanh::<M>, erf::<M>);
        let inf = f32::INFINITY;
        assert_eq!((exp(inf), exp(-inf), exp(0.0)), (inf, 0.0, 1.0));
        assert_eq!(
            (ln(inf), ln(0.0), ln(-0.0), ln(1.0)),
            (inf, -inf, -inf, 0.0)
        );
        assert!(ln(-1.0).is_nan() && ln(-inf).is_nan());
        assert_eq!((tanh(inf), tanh(-inf)), (1.0, -1.0));
        assert_eq!((erf(inf), erf(-inf)), (1.0, -1.0));
        assert_eq!(
            (tanh(-0.0).to_bits(), erf(-0.0).to_bits()),
            (1 << 31, 1 << 31)
        );
        let (exp_m1, ln_1p) = (exp_m1::<M>, ln_1p::<M>);
        assert_eq!((exp_m1(inf), exp_m1(-inf), ln_1p(inf)), (inf, -1.0, inf));
        assert_eq!(ln_1p(-1.0), -inf);
        assert!(ln_1p(-1.5).is_nan());
        assert_eq!(
            (exp_m1(-0.0).to_bits(), ln_1p(-0.0).to_bits()),
            (1 << 31, 1 << 31)
        );
        for f in [exp, ln, tanh, erf, exp_m1, ln_1p] {
            assert!(f(f32::NAN).is_nan());
        }
    }
}
