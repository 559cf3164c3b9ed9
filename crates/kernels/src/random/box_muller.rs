//! The Box-Muller transform of blocks of 16 f32 uniforms.
//!
//! Logarithm, sine and cosine are the single-precision Cephes approximations. Which products are
//! fused with which sums is part of the result: it repeats what PyTorch's compiler chose, and any
//! other choice changes bits.

use std::f32::consts::{FRAC_1_SQRT_2, TAU};

use super::BATCH;
use crate::{Isa, Loop};

#[cfg(target_arch = "x86_64")]
mod avx512;
mod constants;

pub use constants::BLOCK;
use constants::{COS, EXPONENT, LN_2_HIGH, LN_2_LOW, LOG, MINUS_HALF_PI, SIGN, SIN, TWO_POW_23};

/// Half a block: the number of radii, and of angles.
const LANES: usize = BLOCK / 2;

/// `(x, scaled)` with `value = (1 + x) 2^exponent`, `1 + x` in [sqrt(0.5), sqrt(2)) and `scaled` the
/// exponent times 2^23, for a normal number in (0, 1].
#[inline(always)]
fn split(value: f32) -> (f32, f32) {
    // Neighbouring floats have neighbouring bits, so from sqrt(0.5) on, the bits count the way to
    // the next power of two times sqrt(0.5).
    let bits = value.to_bits();
    let scaled = bits.wrapping_sub(FRAC_1_SQRT_2.to_bits()) & EXPONENT;
    let mantissa = f32::from_bits(bits.wrapping_sub(scaled));
    (mantissa - 1.0, scaled as i32 as f32)
}

/// -2 times the natural logarithm of `(1 + x) 2^exponent`, given what [`split`] gives.
///
/// PyTorch multiplies by -2 at the end. Doubling is exact, so the coefficients can be doubled
/// instead; and the signs are those that make -0 of the logarithm of 1.
#[inline(always)]
fn minus_two_log(x: f32, scaled: f32) -> f32 {
    let z = x * x;
    let mut y = 2.0 * LOG[0];
    for coefficient in &LOG[1..] {
        y = y.mul_add(x, 2.0 * coefficient);
    }
    y *= x;
    y = y.mul_add(z, scaled * (2.0 * LN_2_LOW / TWO_POW_23));
    y -= z;
    (-scaled).mul_add(2.0 * LN_2_HIGH / TWO_POW_23, -x.mul_add(2.0, y))
}

/// An angle of `turns`, in [0, 1), as `(x, quarter)`: a whole number of quarter turns, of which the
/// low bits of `quarter` count the nearest, and the `x` that the angle is beyond them, in radians.
///
/// PyTorch gets twice that whole number, as `(trunc(TAU * turns * 4/pi) + 1) & !1`; for the 2^24
/// uniforms the two agree.
#[inline(always)]
fn reduce(turns: f32) -> (f32, u32) {
    // Adding 2^23 rounds to a whole number, and puts it into the low bits of the float. An angle
    // half-way between two has to go up; with its lowest bit set it does, while no other uniform
    // gets past the half-way.
    let odd = f32::from_bits(turns.to_bits() | 1);
    let shifted = odd.mul_add(4.0, TWO_POW_23);
    let nearest = shifted - TWO_POW_23;
    let mut x = TAU * turns;
    for part in MINUS_HALF_PI {
        x = nearest.mul_add(part, x);
    }
    (x, shifted.to_bits())
}

/// `(sin, cos, sign)` of the angle that is `x` beyond a number of quarter turns: sine and cosine
/// are still to be negated if `sign` is, which only has a sign bit.
#[inline(always)]
fn sin_cos(x: f32, quarter: u32) -> (f32, f32, u32) {
    let z = x * x;
    // PyTorch adds up half of these terms, as `cos * z - z * 0.5`; halving the sum is as exact.
    let mut cos = (2.0 * COS[0])
        .mul_add(z, 2.0 * COS[1])
        .mul_add(z, 2.0 * COS[2])
        * z;
    cos = cos.mul_add(z, -z).mul_add(0.5, 1.0);
    let mut sin = SIN[0].mul_add(z, SIN[1]).mul_add(z, SIN[2]) * z;
    sin = sin.mul_add(x, x);

    let swap = quarter & 1 != 0;
    let (sin, cos) = if swap { (cos, -sin) } else { (sin, cos) };
    (sin, cos, (quarter << 30) & SIGN)
}

/// [`transform_f32`] as a loop.
struct Transform<'a> {
    blocks: &'a mut [[f32; BLOCK]],
    mean: f32,
    std: f32,
}

/// Half a batch, in whole cache lines so that no vector straddles two.
#[repr(align(64))]
struct Half<T>([T; BATCH / 2]);

impl Loop for Transform<'_> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let Transform { blocks, mean, std } = self;
        let (mut first, mut second) = (Half([0.0; _]), Half([0.0; _]));
        let (mut exponents, mut quarters) = (Half([0.0; _]), Half([0; _]));
        for batch in blocks.chunks_mut(BATCH / BLOCK) {
            // Half a block is too short for wide vectors: first bring radii and angles together.
            let half = batch.len() * LANES;
            let (first, second) = (&mut first.0[..half], &mut second.0[..half]);
            for (i, block) in batch.iter().enumerate() {
                let (block_first, block_second) = block.split_at(LANES);
                first[i * LANES..][..LANES].copy_from_slice(block_first);
                second[i * LANES..][..LANES].copy_from_slice(block_second);
            }
            log_all(first, &mut exponents.0[..half]);
            rotate_all(first, second, &mut quarters.0[..half], mean, std);
            for (i, block) in batch.iter_mut().enumerate() {
                let (block_first, block_second) = block.split_at_mut(LANES);
                block_first.copy_from_slice(&first[i * LANES..][..LANES]);
                block_second.copy_from_slice(&second[i * LANES..][..LANES]);
            }
        }
    }
}

// The two functions below take several passes where one would do: the passes are chains of few
// operations each, of which a processor can keep enough in flight to be busy.

/// Replaces uniforms `u` by `-2 ln(1 - u)`.
#[inline(always)]
fn log_all(uniforms: &mut [f32], exponents: &mut [f32]) {
    for (value, exponent) in uniforms.iter_mut().zip(exponents.iter_mut()) {
        (*value, *exponent) = split(1.0 - *value);
    }
    for (value, exponent) in uniforms.iter_mut().zip(exponents) {
        *value = minus_two_log(*value, *exponent);
    }
}

/// Replaces squares of radii, and uniforms that are angles in turns, by the two results.
#[inline(always)]
fn rotate_all(first: &mut [f32], second: &mut [f32], quarters: &mut [u32], mean: f32, std: f32) {
    for (turns, quarter) in second.iter_mut().zip(quarters.iter_mut()) {
        (*turns, *quarter) = reduce(*turns);
    }
    for ((first, second), quarter) in first.iter_mut().zip(second).zip(quarters) {
        let (sin, cos, sign) = sin_cos(*second, *quarter);
        let radius = f32::from_bits(first.sqrt().to_bits() ^ sign);
        *first = (radius * cos).mul_add(std, mean);
        *second = (radius * sin).mul_add(std, mean);
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
    transform(Isa::current(), blocks.as_chunks_mut().0, mean, std);
}

/// [`transform_f32`] with an instruction set.
fn transform(isa: Isa, blocks: &mut [[f32; BLOCK]], mean: f32, std: f32) {
    #[cfg(target_arch = "x86_64")]
    if isa == Isa::Avx512 && isa.is_available() {
        // SAFETY: the machine was checked for AVX-512 just above.
        return unsafe { avx512::transform(blocks, mean, std) };
    }
    isa.run(Transform { blocks, mean, std });
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
            let (x, scaled) = split(u1);
            assert_eq!(minus_two_log(x, scaled), -2.0 * ln);
            assert_eq!((-2.0 * ln).sqrt(), radius);
            assert_eq!(TAU * u2, angle);
            let (x, quarter) = reduce(u2);
            let (x, y, sign) = sin_cos(x, quarter);
            let signed = |value: f32| f32::from_bits(value.to_bits() ^ sign);
            assert_eq!((signed(x), signed(y)), (sin, cos));
        }
    }

    #[test]
    fn quarters_change_where_pytorchs_octants_do() {
        let octant = |turns: f32| ((TAU * turns * f32::from_bits(0x3fa2_f983)) as u32 + 1) & !1;
        let uniform = |k: u32| k as f32 / 16_777_216.0;
        // Both grow with the angle, so they are equal everywhere if they are at the ends and on
        // both sides of each step.
        let steps = [1, 3, 5, 7].map(|eighth| eighth << 21);
        for k in steps
            .into_iter()
            .flat_map(|k| [k - 1, k])
            .chain([0, (1 << 24) - 1])
        {
            assert_eq!(2 * (reduce(uniform(k)).1 & 7), octant(uniform(k)), "{k}");
        }
        for k in steps {
            assert_eq!(octant(uniform(k)), octant(uniform(k - 1)) + 2);
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
        // No whole number of the groups that wide vectors take.
        let mut uniforms = vec![0.0; (1 << 14) + 3 * BLOCK];
        uniform::fill_f32(&mut Mt19937::new(8), &mut uniforms, 0.0, 1.0);
        let transformed = |isa: Isa| -> Vec<u32> {
            let mut blocks = uniforms.clone();
            transform(isa, blocks.as_chunks_mut().0, 0.3, 0.7);
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
            bits(&[FRAC_1_SQRT_2, LN_2_LOW, LN_2_HIGH, TAU]),
            [0x3f35_04f3, 0xb95e_8083, 0x3f31_8000, 0x40c9_0fdb]
        );
        assert_eq!(
            bits(&MINUS_HALF_PI.map(|part| part / 2.0)),
            [0xbf49_0fda, 0xb322_2169]
        );
        assert_eq!(bits(&SIN), [0xb94c_a1f9, 0x3c08_839e, 0xbe2a_aaa3]);
        assert_eq!(bits(&COS), [0x37cc_f5ce, 0xbab6_061a, 0x3d2a_aaa5]);
    }
}
