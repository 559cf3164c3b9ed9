//! The Box-Muller transform of blocks of 16 f32 uniforms.
//!
//! Logarithm, sine and cosine are the single-precision Cephes approximations. Which products are
//! fused with which sums is part of the result: it repeats what PyTorch's compiler chose, and any
//! other choice changes bits.

// The constants are written with the digits of the source they come from; each rounds to the one
// f32 that is meant.
#![allow(clippy::excessive_precision)]

use std::f32::consts::{FRAC_1_SQRT_2, TAU};

use super::BATCH;
use super::normal::BLOCK;
use crate::{Isa, Loop};

/// Half a block: the number of radii, and of angles.
const LANES: usize = BLOCK / 2;

const LOG: [f32; 9] = [
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
const LN_2_LOW: f32 = -2.12194440e-4;
const LN_2_HIGH: f32 = 0.693359375;

const FOUR_OVER_PI: f32 = 1.27323954473516;
const TWO_POW_23: f32 = 8_388_608.0;
/// -pi/4 in three parts.
const MINUS_QUARTER_PI: [f32; 3] = [
    -0.78515625,
    -2.4187564849853515625e-4,
    -3.77489497744594108e-8,
];
const SIN: [f32; 3] = [-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1];
const COS: [f32; 3] = [
    2.443315711809948e-5,
    -1.388731625493765e-3,
    4.166664568298827e-2,
];

/// Natural logarithm of a normal number in (0, 1].
#[inline(always)]
fn log(value: f32) -> f32 {
    let bits = value.to_bits();
    let exponent = (bits >> 23) as i32 - 126;
    let mantissa = f32::from_bits((bits & 0x007f_ffff) | 0x3f00_0000);

    // Bring the mantissa from [0.5, 1) to [sqrt(0.5), sqrt(2)), then subtract 1.
    let small = mantissa < FRAC_1_SQRT_2;
    let exponent = (if small { exponent - 1 } else { exponent }) as f32;
    let x = (if small { mantissa + mantissa } else { mantissa }) - 1.0;

    let z = x * x;
    let mut y = LOG[0];
    for coefficient in &LOG[1..] {
        y = y.mul_add(x, *coefficient);
    }
    y *= x;
    y = y.mul_add(z, exponent * LN_2_LOW);
    y = (-z).mul_add(0.5, y);
    exponent.mul_add(LN_2_HIGH, x + y)
}

/// Sine and cosine of an angle in [0, 2 pi].
#[inline(always)]
fn sin_cos(angle: f32) -> (f32, f32) {
    // The octant, rounded up to an even number. Adding 2^23 puts a small whole number into the low
    // bits of the float; a cast to integer would do too, but checks for what cannot be cast.
    let whole = (angle * FOUR_OVER_PI).trunc() + TWO_POW_23;
    let octant = ((whole.to_bits() & 0xf) as i32 + 1) & !1;
    let y = octant as f32;
    let mut x = angle;
    for part in MINUS_QUARTER_PI {
        x = y.mul_add(part, x);
    }

    let z = x * x;
    let mut cos = COS[0].mul_add(z, COS[1]).mul_add(z, COS[2]) * z;
    cos = cos.mul_add(z, -(z * 0.5)) + 1.0;
    let mut sin = SIN[0].mul_add(z, SIN[1]).mul_add(z, SIN[2]) * z;
    sin = sin.mul_add(x, x);

    let swap = octant & 2 != 0;
    let (magnitude_sin, magnitude_cos) = if swap { (cos, sin) } else { (sin, cos) };
    // Bit 2 of the octant tells the sign; moved to the sign bit of the float.
    let sin_sign = ((octant & 4) as u32) << 29;
    let cos_sign = ((!(octant - 2) & 4) as u32) << 29;
    (
        f32::from_bits(magnitude_sin.to_bits() ^ sin_sign),
        f32::from_bits(magnitude_cos.to_bits() ^ cos_sign),
    )
}

/// [`transform_f32`] as a loop.
pub(super) struct Transform<'a> {
    pub(super) blocks: &'a mut [f32],
    pub(super) mean: f32,
    pub(super) std: f32,
}

impl Loop for Transform<'_> {
    type Output = ();
    // Radii and angles are brought together first: half a block is too short for wide vectors.
    #[inline(always)]
    fn run(self) {
        let Transform { blocks, mean, std } = self;
        let (mut first, mut second) = ([0.0; BATCH / 2], [0.0; BATCH / 2]);
        let (blocks, _) = blocks.as_chunks_mut::<BLOCK>();
        for batch in blocks.chunks_mut(BATCH / BLOCK) {
            let halves = first.as_chunks_mut().0.iter_mut().zip(second.as_chunks_mut().0);
            for (block, (first, second)) in batch.iter().zip(halves) {
                let (block, _) = block.as_chunks::<LANES>();
                (*first, *second) = (block[0], block[1]);
            }
            let half = batch.len() * LANES;
            for (first, second) in first[..half].iter_mut().zip(&mut second[..half]) {
                let radius = (-2.0 * log(1.0 - *first)).sqrt();
                let (sin, cos) = sin_cos(TAU * *second);
                *first = (radius * cos).mul_add(std, mean);
                *second = (radius * sin).mul_add(std, mean);
            }
            let halves = first.as_chunks().0.iter().zip(second.as_chunks().0);
            for (block, (first, second)) in batch.iter_mut().zip(halves) {
                let (block, _) = block.as_chunks_mut::<LANES>();
                (block[0], block[1]) = (*first, *second);
            }
        }
    }
}

/// Turns each whole block of uniforms in [0, 1) into 16 normal values, in place: the first eight
/// give the radii, the last eight the angles. Elements after the last whole block stay.
///
/// ```
/// use pleach_kernels::random::box_muller::transform_f32;
///
/// let mut block = [0.0; 16]; // eight radii of 0
/// block[0] = 6601320.0 / 16777216.0; // a radius of 1
/// transform_f32(&mut block, 10.0, 2.0);
/// assert_eq!(block[0], 12.0);
/// assert_eq!(block[1..], [10.0; 15]);
/// ```
pub fn transform_f32(blocks: &mut [f32], mean: f32, std: f32) {
    Isa::current().run(Transform { blocks, mean, std });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::mt19937::Mt19937;
    use crate::random::uniform;

    /// Bits of: u1, u2, log, radius, angle, sine, cosine, first and second result.
    const TRACE: [[u32; 9]; 5] = [
        [
            0x3df1_1cd0,
            0x3f70_d666,
            0xc008_eb32,
            0x4004_6260,
            0x40bd_2741,
            0xbeba_2b7f,
            0x3f6e_7a10,
            0x3ff6_a529,
            0xbf40_8bf0,
        ],
        [
            0x3dae_1268,
            0x3e08_61e4,
            0xc01d_c507,
            0x400e_1b7f,
            0x3f56_3a9d,
            0x3f3e_161b,
            0x3f2b_793b,
            0x3fbe_5f53,
            0x3fd3_095b,
        ],
        [
            0x3f1d_fca4,
            0x3f6f_41d2,
            0xbef7_1fee,
            0x3f7b_85f2,
            0x40bb_e97f,
            0xbecc_8694,
            0x3f6a_b00c,
            0x3f66_9567,
            0xbec8_f2f6,
        ],
        [
            0x3d26_af20,
            0x3f17_f4d6,
            0xc04c_e818,
            0x4021_f365,
            0x406e_b14b,
            0xbf0d_ff83,
            0xbf55_0220,
            0xc006_c0db,
            0xbfb3_a966,
        ],
        [
            0x3f3e_5144,
            0x3f3d_b857,
            0xbe97_ccc0,
            0x3f45_219d,
            0x4095_017c,
            0xbf7f_996c,
            0xbd65_155f,
            0xbd30_6786,
            0xbf44_d2a0,
        ],
    ];

    #[test]
    fn the_functions_follow_the_trace_of_seed_42() {
        for row in TRACE {
            let [u1, u2, ln, radius, angle, sin, cos, _, _] = row.map(f32::from_bits);
            assert_eq!(log(u1), ln);
            assert_eq!((-2.0 * log(u1)).sqrt(), radius);
            assert_eq!(TAU * u2, angle);
            assert_eq!(sin_cos(angle), (sin, cos));
        }
    }

    #[test]
    fn the_block_of_seed_42_is_pytorchs() {
        let mut block = [0.0; BLOCK];
        uniform::fill_f32(&mut Mt19937::new(42), &mut block, 0.0, 1.0);
        let uniforms = block;
        transform_f32(&mut block, 0.0, 1.0);
        for (lane, row) in [0, 1, 2, 3, 6].into_iter().zip(TRACE) {
            assert_eq!((1.0 - uniforms[lane]).to_bits(), row[0]);
            assert_eq!(uniforms[lane + LANES].to_bits(), row[1]);
            assert_eq!(block[lane].to_bits(), row[7]);
            assert_eq!(block[lane + LANES].to_bits(), row[8]);
        }
    }

    #[test]
    fn every_instruction_set_gives_the_same_bits() {
        let mut uniforms = vec![0.0; 1 << 14];
        uniform::fill_f32(&mut Mt19937::new(8), &mut uniforms, 0.0, 1.0);
        let transformed = |isa: Isa| -> Vec<u32> {
            let mut blocks = uniforms.clone();
            isa.run(Transform {
                blocks: &mut blocks,
                mean: 0.3,
                std: 0.7,
            });
            blocks.into_iter().map(f32::to_bits).collect()
        };
        for isa in Isa::available() {
            assert_eq!(transformed(isa), transformed(Isa::Scalar), "{isa:?}");
        }
    }

    #[test]
    fn the_constants_have_the_specified_bits() {
        let bits = |values: &[f32]| values.iter().map(|c| c.to_bits()).collect::<Vec<_>>();
        assert_eq!(
            bits(&LOG),
            [
                0x3d90_21bb,
                0xbdeb_d1b8,
                0x3def_251a,
                0xbdfe_5d4f,
                0x3e11_e9bf,
                0xbe2a_ae50,
                0x3e4c_ceac,
                0xbe7f_fffc,
                0x3eaa_aaaa
            ]
        );
        assert_eq!(
            bits(&[FRAC_1_SQRT_2, LN_2_LOW, LN_2_HIGH, FOUR_OVER_PI, TAU]),
            [
                0x3f35_04f3,
                0xb95e_8083,
                0x3f31_8000,
                0x3fa2_f983,
                0x40c9_0fdb
            ]
        );
        assert_eq!(
            bits(&MINUS_QUARTER_PI),
            [0xbf49_0000, 0xb97d_a000, 0xb322_2169]
        );
        assert_eq!(bits(&SIN), [0xb94c_a1f9, 0x3c08_839e, 0xbe2a_aaa3]);
        assert_eq!(bits(&COS), [0x37cc_f5ce, 0xbab6_061a, 0x3d2a_aaa5]);
    }
}
