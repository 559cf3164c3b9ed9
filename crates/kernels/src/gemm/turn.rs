//! Turning rows of memory into steps with vectors: transposes of 16 x 4 and 8 x 4 floats.
//!
//! Each vector is put together of quarters (128 bits) of rows that are four apart, which loads do
//! beside the shuffles; transposing 4 x 4 floats within the quarters then leaves whole steps.

use std::arch::x86_64::*;

/// [`super::tile::Turn`] for AVX-512.
///
/// # Safety
/// As [`super::tile::Turn`].
#[target_feature(enable = "avx512f")]
pub unsafe fn turn_avx512(
    data: *const f32,
    stride: usize,
    lanes: usize,
    steps: usize,
    out: *mut f32,
    width: usize,
) -> usize {
    let row = |r: usize| data.wrapping_add(r.min(lanes - 1) * stride);
    let rows: [*const f32; 16] = std::array::from_fn(row);
    let mut p = 0;
    while p + 4 <= steps {
        // SAFETY: four floats of each row from `p` on are valid for reading, by the contract.
        let quarter = |r: usize| unsafe { _mm_loadu_ps(rows[r].add(p)) };
        let v: [__m512; 4] = std::array::from_fn(|i| {
            let v = _mm512_castps128_ps512(quarter(i));
            let v = _mm512_mask_broadcast_f32x4(v, 0x00f0, quarter(i + 4));
            let v = _mm512_mask_broadcast_f32x4(v, 0x0f00, quarter(i + 8));
            _mm512_mask_broadcast_f32x4(v, 0xf000, quarter(i + 12))
        });
        let pair = |lo: __m512, hi: __m512| {
            let (lo, hi) = (_mm512_castps_pd(lo), _mm512_castps_pd(hi));
            [
                _mm512_castpd_ps(_mm512_unpacklo_pd(lo, hi)),
                _mm512_castpd_ps(_mm512_unpackhi_pd(lo, hi)),
            ]
        };
        let [s0, s1] = pair(
            _mm512_unpacklo_ps(v[0], v[1]),
            _mm512_unpacklo_ps(v[2], v[3]),
        );
        let [s2, s3] = pair(
            _mm512_unpackhi_ps(v[0], v[1]),
            _mm512_unpackhi_ps(v[2], v[3]),
        );
        for (i, s) in [s0, s1, s2, s3].into_iter().enumerate() {
            // SAFETY: each step has room for a vector, by the contract.
            unsafe { _mm512_storeu_ps(out.add((p + i) * width), s) };
        }
        p += 4;
    }
    p
}

/// [`super::tile::Turn`] for AVX2.
///
/// # Safety
/// As [`super::tile::Turn`].
#[target_feature(enable = "avx2")]
pub unsafe fn turn_avx2(
    data: *const f32,
    stride: usize,
    lanes: usize,
    steps: usize,
    out: *mut f32,
    width: usize,
) -> usize {
    let row = |r: usize| data.wrapping_add(r.min(lanes - 1) * stride);
    let rows: [*const f32; 8] = std::array::from_fn(row);
    let mut p = 0;
    while p + 4 <= steps {
        // SAFETY: four floats of each row from `p` on are valid for reading, by the contract.
        let half = |r: usize| unsafe { _mm_loadu_ps(rows[r].add(p)) };
        let v: [__m256; 4] = std::array::from_fn(|i| {
            _mm256_insertf128_ps::<1>(_mm256_castps128_ps256(half(i)), half(i + 4))
        });
        let pair = |lo: __m256, hi: __m256| {
            let (lo, hi) = (_mm256_castps_pd(lo), _mm256_castps_pd(hi));
            [
                _mm256_castpd_ps(_mm256_unpacklo_pd(lo, hi)),
                _mm256_castpd_ps(_mm256_unpackhi_pd(lo, hi)),
            ]
        };
        let [s0, s1] = pair(
            _mm256_unpacklo_ps(v[0], v[1]),
            _mm256_unpacklo_ps(v[2], v[3]),
        );
        let [s2, s3] = pair(
            _mm256_unpackhi_ps(v[0], v[1]),
            _mm256_unpackhi_ps(v[2], v[3]),
        );
        for (i, s) in [s0, s1, s2, s3].into_iter().enumerate() {
            // SAFETY: each step has room for a vector, by the contract.
            unsafe { _mm256_storeu_ps(out.add((p + i) * width), s) };
        }
        p += 4;
    }
    p
}
