//! Relatives of the error function of f32, without branches and calls.

use super::{
    MulAdd, erf_near_zero, exp_m1_of_remainder, exp2_of_moderate, ln, polynomial, reduce,
    scaled_down,
};

/// `1 - erf(x)`, within 4.5 units in the last place.
#[inline(always)]
pub(crate) fn erfc<M: MulAdd>(x: f32) -> f32 {
    // Beyond this it is 0.
    let size = x.abs();
    let a = if size > 10.5 { 10.5 } else { size };
    // e^(a²) erfc(a) is t = 2 / (a + 2) times a polynomial of (a - 2) / (a + 2).
    let t = 1.0 / M::mul_add(0.5, a, 1.0);
    let p = polynomial::<M, 11>(
        M::mul_add(-2.0, t, 1.0),
        [
            3.553_387_2e-5,
            2.494_432_6e-5,
            -2.963_592_8e-4,
            -4.173_781_1e-4,
            1.530_975_4e-3,
            3.238_352_5e-3,
            -1.075_274_38e-2,
            -1.822_094e-2,
            1.397_358_75e-1,
            -3.435_803_5e-1,
            5.107_913_5e-1,
        ],
    );
    // e^-(a²) with all digits: a is h + l, and h² is exact.
    let h = f32::from_bits(a.to_bits() & 0xffff_f000);
    let low = (h - a) * (h + a);
    let (exponent, r) = reduce::<M>(-h * h);
    let y = scaled_down(
        (exp_m1_of_remainder::<M>(r + low) + 1.0) * (p * t),
        exponent,
    );
    let y = if size > 10.5 { 0.0 } else { y };
    // Around 1 the other function has the digits.
    let y = if size < 0.5 {
        1.0 - erf_near_zero::<M>(size)
    } else {
        y
    };
    if x < 0.0 { 2.0 - y } else { y }
}

/// The inverse of the error function, within 3.5 units in the last place; infinite at -1 and 1, nan
/// beyond. The polynomials have the form of Giles' (2010).
#[inline(always)]
pub(crate) fn erfinv<M: MulAdd>(x: f32) -> f32 {
    let w = -ln::<M>((1.0 - x) * (1.0 + x));
    let central = polynomial::<M, 10>(
        w - 2.5,
        [
            -8.791_08e-9,
            2.323_265_7e-8,
            4.661_709_9e-7,
            -3.462_705e-6,
            -4.963_349_3e-6,
            2.183_444_4e-4,
            -1.252_741_9e-3,
            -4.177_387e-3,
            2.466_402_9e-1,
            1.501_409_4,
        ],
    );
    let tail = polynomial::<M, 9>(
        w.sqrt() - 3.0,
        [
            -2.078_968_6e-4,
            1.052_002e-4,
            1.359_949e-3,
            -3.677_724_5e-3,
            5.734_694_4e-3,
            -7.621_286_7e-3,
            9.439_604e-3,
            1.001_674,
            2.832_976_9,
        ],
    );
    let y = (if w < 5.0 { central } else { tail }) * x;
    if x.abs() == 1.0 {
        f32::INFINITY.copysign(x)
    } else {
        y
    }
}

/// The normal distribution's Φ(-a) for a from 0 to 6, and 0 from there on: as 2 to the power of a
/// polynomial. Its error is 4e-8 times the larger of 1 and 1/a.
#[inline(always)]
pub(crate) fn normal_tail<M: MulAdd>(a: f32) -> f32 {
    let p = polynomial::<M, 11>(
        a,
        [
            -2.028_973_1e-8,
            6.429_790_6e-7,
            -8.695_319_2e-6,
            6.352_652_3e-5,
            -2.364_225_4e-4,
            -8.658_034e-5,
            7.048_458_9e-3,
            -5.250_684_7e-2,
            -4.592_003e-1,
            -1.151_106_6,
            -9.999_999_6e-1,
        ],
    );
    let tail = exp2_of_moderate::<M>(p);
    if a > 6.0 { 0.0 } else { tail }
}
