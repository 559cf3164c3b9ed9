//! The transform in AVX-512: operation for operation the loop of the parent module, which explains
//! them, but without its buffers: two blocks are shuffled into a vector of radii and one of angles,
//! and stay in registers to the end.
//!
//! Each step is taken with several vectors, since one alone would be a chain of operations that
//! wait for each other.

use std::arch::x86_64::*;
use std::f32::consts::{FRAC_1_SQRT_2, TAU};

use super::constants::{
    BLOCK, COS, EXPONENT, LN_2_HIGH, LN_2_LOW, LOG, MINUS_HALF_PI, SIGN, SIN, TWO_POW_23,
};

/// Vectors of radii, and of angles, that are worked on at once.
const VECTORS: usize = 4;
/// Blocks in these; each vector has half of two blocks.
const GROUP: usize = 2 * VECTORS;

/// Transforms the blocks, of uniforms in [0, 1), in place.
#[target_feature(enable = "avx512f")]
pub(super) fn transform(blocks: &mut [[f32; BLOCK]], mean: f32, std: f32) {
    let (groups, rest) = blocks.as_chunks_mut::<GROUP>();
    for group in groups {
        transform_group(group, mean, std);
    }
    if !rest.is_empty() {
        let mut group = [[0.0; BLOCK]; GROUP];
        group[..rest.len()].copy_from_slice(rest);
        transform_group(&mut group, mean, std);
        rest.copy_from_slice(&group[..rest.len()]);
    }
}

#[target_feature(enable = "avx512f")]
#[inline]
fn transform_group(group: &mut [[f32; BLOCK]; GROUP], mean: f32, std: f32) {
    let (first, second) = load(group);
    let squares = minus_two_log(first);
    let (sin, cos, sign) = sin_cos(second);
    let (mean, std) = (_mm512_set1_ps(mean), _mm512_set1_ps(std));
    let (mut first, mut second) = (first, second);
    for v in 0..VECTORS {
        let radius = xor(_mm512_sqrt_ps(squares[v]), sign[v]);
        first[v] = _mm512_fmadd_ps(_mm512_mul_ps(radius, cos[v]), std, mean);
        second[v] = _mm512_fmadd_ps(_mm512_mul_ps(radius, sin[v]), std, mean);
    }
    store(group, first, second);
}

type Vectors = [__m512; VECTORS];

/// The first and the second halves of the blocks.
#[target_feature(enable = "avx512f")]
#[inline]
fn load(group: &[[f32; BLOCK]; GROUP]) -> (Vectors, Vectors) {
    let (mut first, mut second) = ([_mm512_setzero_ps(); _], [_mm512_setzero_ps(); _]);
    for v in 0..VECTORS {
        // SAFETY: a block has the 16 elements that a vector has.
        let (even, odd) = unsafe {
            (
                _mm512_loadu_ps(group[2 * v].as_ptr()),
                _mm512_loadu_ps(group[2 * v + 1].as_ptr()),
            )
        };
        first[v] = _mm512_shuffle_f32x4::<FIRST>(even, odd);
        second[v] = _mm512_shuffle_f32x4::<SECOND>(even, odd);
    }
    (first, second)
}

/// The first half of one vector and then that of another.
const FIRST: i32 = 0b01_00_01_00;
/// The second half of one vector and then that of another.
const SECOND: i32 = 0b11_10_11_10;

/// The reverse of [`load`].
#[target_feature(enable = "avx512f")]
#[inline]
fn store(group: &mut [[f32; BLOCK]; GROUP], first: Vectors, second: Vectors) {
    for v in 0..VECTORS {
        let even = _mm512_shuffle_f32x4::<FIRST>(first[v], second[v]);
        let odd = _mm512_shuffle_f32x4::<SECOND>(first[v], second[v]);
        // SAFETY: a block has the 16 elements that a vector has.
        unsafe {
            _mm512_storeu_ps(group[2 * v].as_mut_ptr(), even);
            _mm512_storeu_ps(group[2 * v + 1].as_mut_ptr(), odd);
        }
    }
}

/// -2 ln(1 - u).
#[target_feature(enable = "avx512f")]
#[inline]
fn minus_two_log(u: Vectors) -> Vectors {
    let one = _mm512_set1_ps(1.0);
    let (mut x, mut scaled, mut z, mut y) = (u, u, u, [_mm512_set1_ps(2.0 * LOG[0]); VECTORS]);
    for v in 0..VECTORS {
        let value = _mm512_castps_si512(_mm512_sub_ps(one, u[v]));
        let above = _mm512_sub_epi32(value, _mm512_set1_epi32(FRAC_1_SQRT_2.to_bits() as i32));
        let exponent = _mm512_and_si512(above, _mm512_set1_epi32(EXPONENT as i32));
        let mantissa = _mm512_castsi512_ps(_mm512_sub_epi32(value, exponent));
        x[v] = _mm512_sub_ps(mantissa, one);
        scaled[v] = _mm512_cvtepi32_ps(exponent);
        z[v] = _mm512_mul_ps(x[v], x[v]);
    }
    for coefficient in &LOG[1..] {
        let coefficient = _mm512_set1_ps(2.0 * coefficient);
        for v in 0..VECTORS {
            y[v] = _mm512_fmadd_ps(y[v], x[v], coefficient);
        }
    }
    let low = _mm512_set1_ps(2.0 * LN_2_LOW / TWO_POW_23);
    let high = _mm512_set1_ps(2.0 * LN_2_HIGH / TWO_POW_23);
    for v in 0..VECTORS {
        y[v] = _mm512_mul_ps(y[v], x[v]);
        y[v] = _mm512_fmadd_ps(y[v], z[v], _mm512_mul_ps(scaled[v], low));
        y[v] = _mm512_sub_ps(y[v], z[v]);
        y[v] = _mm512_fmadd_ps(x[v], _mm512_set1_ps(2.0), y[v]);
        y[v] = _mm512_fnmsub_ps(scaled[v], high, y[v]);
    }
    y
}

/// Sine and cosine of angles in turns, and the sign that both are to be multiplied with.
#[target_feature(enable = "avx512f")]
#[inline]
fn sin_cos(turns: Vectors) -> (Vectors, Vectors, Vectors) {
    let (mut sin, mut cos, mut sign) = (turns, turns, turns);
    let constant = |value: f32| _mm512_set1_ps(value);
    let shift = constant(TWO_POW_23);
    let sign_bit = constant(f32::from_bits(SIGN));
    for v in 0..VECTORS {
        let odd = _mm512_or_si512(_mm512_castps_si512(turns[v]), _mm512_set1_epi32(1));
        let shifted = _mm512_fmadd_ps(_mm512_castsi512_ps(odd), constant(4.0), shift);
        let quarter = _mm512_castps_si512(shifted);
        let nearest = _mm512_sub_ps(shifted, shift);
        let mut x = _mm512_mul_ps(turns[v], constant(TAU));
        for part in MINUS_HALF_PI {
            x = _mm512_fmadd_ps(nearest, constant(part), x);
        }
        let z = _mm512_mul_ps(x, x);
        let mut c = _mm512_fmadd_ps(z, constant(2.0 * COS[0]), constant(2.0 * COS[1]));
        c = _mm512_fmadd_ps(c, z, constant(2.0 * COS[2]));
        c = _mm512_mul_ps(c, z);
        c = _mm512_fmsub_ps(c, z, z);
        c = _mm512_fmadd_ps(c, constant(0.5), constant(1.0));
        let mut s = _mm512_fmadd_ps(z, constant(SIN[0]), constant(SIN[1]));
        s = _mm512_fmadd_ps(s, z, constant(SIN[2]));
        s = _mm512_mul_ps(s, z);
        s = _mm512_fmadd_ps(s, x, x);
        let swap = _mm512_test_epi32_mask(quarter, _mm512_set1_epi32(1));
        sin[v] = _mm512_mask_mov_ps(s, swap, c);
        cos[v] = _mm512_mask_mov_ps(c, swap, xor(s, sign_bit));
        sign[v] = _mm512_castsi512_ps(_mm512_and_si512(
            _mm512_slli_epi32::<30>(quarter),
            _mm512_castps_si512(sign_bit),
        ));
    }
    (sin, cos, sign)
}

#[target_feature(enable = "avx512f")]
#[inline]
fn xor(a: __m512, b: __m512) -> __m512 {
    let bits = _mm512_xor_si512(_mm512_castps_si512(a), _mm512_castps_si512(b));
    _mm512_castsi512_ps(bits)
}
