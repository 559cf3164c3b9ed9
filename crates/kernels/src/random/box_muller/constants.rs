//! The constants of the transform.

// They are written with the digits of the source they come from; each rounds to the one f32 that is
// meant.
#![allow(clippy::excessive_precision)]

/// Length of a block, and the least number of elements that the block fills of
/// [`normal`](crate::random::normal) take.
pub const BLOCK: usize = 16;

pub(super) const LOG: [f32; 9] = [
    7.0376836292e-2,
    -1.1514610310e-1,
    1.1676998740e-1,
    -1.2420140846e-1,
    1.4249322787e-1,
    -1.6668057665e-1,
    2.0000714765e-1,
    -2.4999993993e-1,
    3.3333331174e-1,
];
/// ln 2 in two parts, the second of few enough bits to be multiplied by an exponent exactly.
pub(super) const LN_2_LOW: f32 = -2.12194440e-4;
pub(super) const LN_2_HIGH: f32 = 0.693359375;

pub(super) const TWO_POW_23: f32 = 8_388_608.0;
pub(super) const SIGN: u32 = 1 << 31;
/// The bits of a float above its mantissa.
pub(super) const EXPONENT: u32 = 0xff80_0000;
/// -pi/2 in two parts. PyTorch has the first in two parts again; but taking the greater of these
/// from an angle is exact, so taking both at once rounds the same.
pub(super) const MINUS_HALF_PI: [f32; 2] = [
    2.0 * (-0.78515625 - 2.4187564849853515625e-4),
    2.0 * -3.77489497744594108e-8,
];
pub(super) const SIN: [f32; 3] = [-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1];
pub(super) const COS: [f32; 3] = [
    2.443315711809948e-5,
    -1.388731625493765e-3,
    4.166664568298827e-2,
];
