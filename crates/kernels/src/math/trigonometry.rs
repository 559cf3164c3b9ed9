//! Sine, cosine and tangent of f32, and their inverses, without branches and calls. The polynomials have
//! the least relative error that their degree allows.

use std::f32::consts::{FRAC_PI_2, FRAC_PI_4, PI};

use super::{MulAdd, polynomial};

/// What [`FRAC_PI_2`] is less than π/2 (by a negative number), and so for its multiples.
const FRAC_PI_2_LOW: f32 = -4.371_139e-8;

/// Up to here [`MulAdd::quarter_turns`] has the digits.
const NEAR: f32 = 65536.0;

/// 2/π in pieces of 28 bits at most, of which products with an f32 are exact in f64. The last ones are
/// those that an f32 of 2^127 needs.
const TWO_OVER_PI: [f64; 8] = [
    0.636_619_769_036_769_9,
    3.330_811_473_856_165_6e-9,
    2.276_010_047_810_136e-18,
    2.526_826_018_900_282_2e-26,
    1.668_286_765_701_952_5e-34,
    1.158_871_328_288_855e-43,
    7.053_959_174_404_295e-52,
    8.910_067_885_731_021e-60,
];

/// The nearest whole number of an f64.
#[inline(always)]
fn nearest(x: f64) -> f64 {
    // From here on all are whole; adding it rounds the others.
    const WHOLE: f64 = 4_503_599_627_370_496.0;
    let size = x.abs();
    let rounded = ((size + WHOLE) - WHOLE).copysign(x);
    if size < WHOLE { rounded } else { x }
}

/// The number of quarter turns next to x modulo 4, and what is left of x, for any finite x.
#[inline(always)]
fn far_quarter_turns(x: f32) -> (i32, f32) {
    let x = f64::from(x);
    let (mut turns, mut low) = (0.0, 0.0);
    for piece in TWO_OVER_PI {
        // Multiples of four turns fall away, exactly; what is left is added up with what each sum loses.
        let product = x * piece;
        let rest = product - 4.0 * nearest(product * 0.25);
        let sum = turns + rest;
        let part = sum - turns;
        low += (turns - (sum - part)) + (rest - part);
        turns = sum;
    }
    let whole = nearest(turns);
    let rest = (turns - whole) + low;
    (whole as i32, (rest * std::f64::consts::FRAC_PI_2) as f32)
}

/// The number of quarter turns next to x modulo 4, and what is left of x, from -π/4 to π/4. Where `M` is
/// not for [far](MulAdd::FAR) ones, x is at most [`NEAR`].
#[inline(always)]
fn quarter_turns<M: MulAdd>(x: f32) -> (i32, f32) {
    let (turns, rest) = M::quarter_turns(x);
    if const { !M::FAR } {
        return (turns, rest);
    }
    let far = far_quarter_turns(x);
    let is_far = x.abs() > NEAR;
    (
        if is_far { far.0 } else { turns },
        if is_far { far.1 } else { rest },
    )
}

/// Sine, or cosine for an odd number, of what is left of a turn, with the sign of the turn.
#[inline(always)]
fn of_turn<M: MulAdd>(turns: i32, r: f32) -> f32 {
    let z = r * r;
    let p = polynomial::<M, 3>(z, [-1.951_721_9e-4, 8.332_178e-3, -1.666_665_5e-1]);
    let sine = M::mul_add(p * z, r, r);
    let p = polynomial::<M, 3>(z, [2.443_836_1e-5, -1.388_736_7e-3, 4.166_664_7e-2]);
    let cosine = M::mul_add(z * z, p, M::mul_add(-0.5, z, 1.0));
    let y = if turns & 1 == 0 { sine } else { cosine };
    f32::from_bits(y.to_bits() ^ ((turns as u32 & 2) << 30))
}

/// The sine, within 1.6 units in the last place; for any x, if `M` is for [far](MulAdd::FAR) ones.
#[inline(always)]
pub(crate) fn sin<M: MulAdd>(x: f32) -> f32 {
    let (turns, r) = quarter_turns::<M>(x);
    of_turn::<M>(turns, r)
}

/// The cosine, as [`sin`].
#[inline(always)]
pub(crate) fn cos<M: MulAdd>(x: f32) -> f32 {
    let (turns, r) = quarter_turns::<M>(x);
    of_turn::<M>(turns.wrapping_add(1), r)
}

/// The tangent, within 2.5 units in the last place; as [`sin`].
#[inline(always)]
pub(crate) fn tan<M: MulAdd>(x: f32) -> f32 {
    let (turns, r) = quarter_turns::<M>(x);
    let z = r * r;
    let p = polynomial::<M, 7>(
        z,
        [
            4.415_112_6e-3,
            7.088_269_5e-6,
            1.090_422_5e-2,
            2.125_427_6e-2,
            5.406_567e-2,
            1.333_260_9e-1,
            3.333_335_1e-1,
        ],
    );
    let y = M::mul_add(p * z, r, r);
    if turns & 1 == 0 { y } else { -1.0 / y }
}

/// The inverse of the sine of a size up to 1/2, or `asin(√z)` of a larger one's `z = (1 - size) / 2`.
#[inline(always)]
fn asin_part<M: MulAdd>(size: f32) -> (bool, f32) {
    let large = size > 0.5;
    let z = if large {
        M::mul_add(-0.5, size, 0.5)
    } else {
        size * size
    };
    let s = if large { z.sqrt() } else { size };
    let p = polynomial::<M, 6>(
        z,
        [
            3.756_517_4e-2,
            1.440_262_5e-2,
            3.181_760_7e-2,
            4.451_572e-2,
            7.500_511e-2,
            1.666_666e-1,
        ],
    );
    (large, M::mul_add(p * z, s, s))
}

/// The inverse of the sine, within 2.3 units in the last place; nan beyond -1 and 1.
#[inline(always)]
pub(crate) fn asin<M: MulAdd>(x: f32) -> f32 {
    let (large, p) = asin_part::<M>(x.abs());
    let y = FRAC_PI_2 - (M::mul_add(2.0, p, -FRAC_PI_2_LOW));
    (if large { y } else { p }).copysign(x)
}

/// The inverse of the cosine, within 1.5 units in the last place; nan beyond -1 and 1.
#[inline(always)]
pub(crate) fn acos<M: MulAdd>(x: f32) -> f32 {
    let (large, p) = asin_part::<M>(x.abs());
    let small = FRAC_PI_2 - (p.copysign(x) - FRAC_PI_2_LOW);
    let double = p + p;
    let behind = PI - (double - 2.0 * FRAC_PI_2_LOW);
    let large_y = if x < 0.0 { behind } else { double };
    if large { large_y } else { small }
}

/// The inverse of the tangent of `y / x`, neither of which is negative: from 0 to π/2.
#[inline(always)]
fn atan_of_quotient<M: MulAdd>(y: f32, x: f32) -> f32 {
    let steep = y > x;
    let (above, below) = if steep { (x, y) } else { (y, x) };
    // Two infinities are one to one, and sums of large numbers stay finite.
    let infinite = above == f32::INFINITY && below == f32::INFINITY;
    let (above, below) = (
        if infinite { 1.0 } else { above },
        if infinite { 1.0 } else { below },
    );
    let scale = if below > 1e37 { 0.25 } else { 1.0 };
    let (above, below) = (above * scale, below * scale);
    // Around an eighth of a turn: atan(t) = π/4 + atan((t - 1) / (t + 1)).
    let middle = above > below * 0.414_213_56;
    let a = if middle { above - below } else { above };
    let b = if middle { above + below } else { below };
    let q = a / b;
    let q = if below == 0.0 { above } else { q };
    let z = q * q;
    let p = polynomial::<M, 5>(
        z,
        [
            -6.080_400_2e-2,
            1.059_485_5e-1,
            -1.424_370_2e-1,
            1.999_848_2e-1,
            -3.333_331_5e-1,
        ],
    );
    let r = M::mul_add(p * z, q, q);
    let r = if middle {
        FRAC_PI_4 + (r + FRAC_PI_2_LOW / 2.0)
    } else {
        r
    };
    if steep {
        FRAC_PI_2 - (r - FRAC_PI_2_LOW)
    } else {
        r
    }
}

/// The inverse of the tangent, within 2 units in the last place.
#[inline(always)]
pub(crate) fn atan<M: MulAdd>(x: f32) -> f32 {
    atan_of_quotient::<M>(x.abs(), 1.0).copysign(x)
}

/// The angle of the point (x, y), within 2.5 units in the last place.
#[inline(always)]
pub(crate) fn atan2<M: MulAdd>(y: f32, x: f32) -> f32 {
    let r = atan_of_quotient::<M>(y.abs(), x.abs());
    let behind = PI - (r - 2.0 * FRAC_PI_2_LOW);
    (if x.is_sign_negative() { behind } else { r }).copysign(y)
}
