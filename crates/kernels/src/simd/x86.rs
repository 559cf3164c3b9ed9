//! The vectors of AVX2 and AVX-512.

use std::arch::x86_64::*;

use super::Vector;

macro_rules! x86_vector {
    ($v:ident, $t:ident, $lanes:literal, $zero:ident, $load:ident, $store:ident, $set1:ident,
     $fmadd:ident, $add:ident, $max:ident, $min:ident, $even:ident, $pick:ident, $sum:ident, $columns:ident) => {
        impl Vector for $v {
            type Elem = $t;
            const LANES: usize = $lanes;
            #[inline(always)]
            unsafe fn zero() -> Self {
                // SAFETY: the trait's contract gives the target feature.
                unsafe { $zero() }
            }
            #[inline(always)]
            unsafe fn load(p: *const $t) -> Self {
                // SAFETY: the trait's contract gives the target feature and a valid pointer.
                unsafe { $load(p) }
            }
            #[inline(always)]
            unsafe fn load_even(p: *const $t) -> Self {
                // SAFETY: the trait's contract gives the target feature and a valid pointer.
                unsafe { $even(Self::load(p), Self::load(p.add(Self::LANES))) }
            }
            #[inline(always)]
            unsafe fn pick(p: *const $t, at: *const u32) -> Self {
                // SAFETY: the trait's contract gives the target feature, valid pointers and numbers.
                unsafe { $pick(p, at) }
            }
            #[inline(always)]
            unsafe fn store(self, p: *mut $t) {
                // SAFETY: the trait's contract gives the target feature and a valid pointer.
                unsafe { $store(p, self) }
            }
            #[inline(always)]
            unsafe fn broadcast(p: *const $t) -> Self {
                // SAFETY: the trait's contract gives the target feature and a valid pointer.
                unsafe { $set1(*p) }
            }
            #[inline(always)]
            unsafe fn mul_add(self, b: Self, c: Self) -> Self {
                // SAFETY: the trait's contract gives the target feature.
                unsafe { $fmadd(self, b, c) }
            }
            #[inline(always)]
            unsafe fn add(self, b: Self) -> Self {
                // SAFETY: the trait's contract gives the target feature.
                unsafe { $add(self, b) }
            }
            #[inline(always)]
            unsafe fn at_least(self, min: Self) -> Self {
                // The second operand is the result if one is nan.
                // SAFETY: the trait's contract gives the target feature.
                unsafe { $max(min, self) }
            }
            #[inline(always)]
            unsafe fn at_most(self, max: Self) -> Self {
                // SAFETY: as above.
                unsafe { $min(max, self) }
            }
            #[inline(always)]
            unsafe fn sum_lanes(self) -> $t {
                // SAFETY: the trait's contract gives the target feature.
                unsafe { $sum(self) }
            }
            #[inline(always)]
            unsafe fn mul_add_one(a: $t, b: $t, c: $t) -> $t {
                a.mul_add(b, c)
            }
            #[inline(always)]
            unsafe fn columns(row: impl Fn(usize) -> *const $t) -> [Self; 4] {
                // SAFETY: the trait's contract gives the target feature and valid rows.
                unsafe { $columns(row) }
            }
            #[inline(always)]
            unsafe fn prefetch(p: *const $t) {
                // SAFETY: a prefetch never faults.
                unsafe { _mm_prefetch::<_MM_HINT_T0>(p.cast()) }
            }
            #[inline(always)]
            unsafe fn prefetch_second(p: *const $t) {
                // SAFETY: a prefetch never faults.
                unsafe { _mm_prefetch::<_MM_HINT_T1>(p.cast()) }
            }
        }
    };
}

// The lanes of even number of two vectors.

#[inline]
#[target_feature(enable = "avx512f")]
fn even_f32x16(low: __m512, high: __m512) -> __m512 {
    let even = _mm512_set_epi32(30, 28, 26, 24, 22, 20, 18, 16, 14, 12, 10, 8, 6, 4, 2, 0);
    _mm512_permutex2var_ps(low, even, high)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn even_f64x8(low: __m512d, high: __m512d) -> __m512d {
    let even = _mm512_set_epi64(14, 12, 10, 8, 6, 4, 2, 0);
    _mm512_permutex2var_pd(low, even, high)
}

#[inline]
#[target_feature(enable = "avx2")]
fn even_f32x8(low: __m256, high: __m256) -> __m256 {
    // 0 2 8 10, 4 6 12 14: the middle quarters change places.
    let even = _mm256_castps_pd(_mm256_shuffle_ps::<0b10_00_10_00>(low, high));
    _mm256_castpd_ps(_mm256_permute4x64_pd::<0b11_01_10_00>(even))
}

#[inline]
#[target_feature(enable = "avx2")]
fn even_f64x4(low: __m256d, high: __m256d) -> __m256d {
    // 0 4 2 6: as above.
    _mm256_permute4x64_pd::<0b11_01_10_00>(_mm256_unpacklo_pd(low, high))
}

// Lanes by their numbers.

/// # Safety
/// As [`Vector::pick`].
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn pick_f32x16(p: *const f32, at: *const u32) -> __m512 {
    // SAFETY: by the contract.
    unsafe { _mm512_permutexvar_ps(_mm512_loadu_si512(at.cast()), _mm512_loadu_ps(p)) }
}

/// # Safety
/// As [`Vector::pick`].
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn pick_f64x8(p: *const f64, at: *const u32) -> __m512d {
    // SAFETY: by the contract.
    unsafe {
        let at = _mm512_cvtepu32_epi64(_mm256_loadu_si256(at.cast()));
        _mm512_permutexvar_pd(at, _mm512_loadu_pd(p))
    }
}

/// # Safety
/// As [`Vector::pick`].
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn pick_f32x8(p: *const f32, at: *const u32) -> __m256 {
    // SAFETY: by the contract.
    unsafe { _mm256_permutevar8x32_ps(_mm256_loadu_ps(p), _mm256_loadu_si256(at.cast())) }
}

/// # Safety
/// As [`Vector::pick`].
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn pick_f64x4(p: *const f64, at: *const u32) -> __m256d {
    // No instruction takes lanes of doubles by numbers from memory.
    // SAFETY: by the contract.
    let one = |l: usize| unsafe { *p.add(*at.add(l) as usize) };
    _mm256_set_pd(one(3), one(2), one(1), one(0))
}

// Sums of the lanes, in halves.

#[inline]
#[target_feature(enable = "avx512f")]
fn sum_f32x16(v: __m512) -> f32 {
    let upper = _mm512_extractf64x4_pd::<1>(_mm512_castps_pd(v));
    sum_f32x8(_mm256_add_ps(
        _mm512_castps512_ps256(v),
        _mm256_castpd_ps(upper),
    ))
}

#[inline]
#[target_feature(enable = "avx")]
fn sum_f32x8(v: __m256) -> f32 {
    let v = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps::<1>(v));
    let v = _mm_add_ps(v, _mm_movehl_ps(v, v));
    _mm_cvtss_f32(_mm_add_ss(v, _mm_movehdup_ps(v)))
}

#[inline]
#[target_feature(enable = "avx512f")]
fn sum_f64x8(v: __m512d) -> f64 {
    let upper = _mm512_extractf64x4_pd::<1>(v);
    sum_f64x4(_mm256_add_pd(_mm512_castpd512_pd256(v), upper))
}

#[inline]
#[target_feature(enable = "avx")]
fn sum_f64x4(v: __m256d) -> f64 {
    let v = _mm_add_pd(_mm256_castpd256_pd128(v), _mm256_extractf128_pd::<1>(v));
    _mm_cvtsd_f64(_mm_add_sd(v, _mm_unpackhi_pd(v, v)))
}

// Columns of rows. Each vector is put together of parts of rows that are some apart, which loads do
// beside the shuffles; transposing small squares within the parts then leaves whole columns. No
// closure with vectors goes through the standard library, which is compiled without the features.

/// # Safety
/// As [`Vector::columns`].
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn columns_f32x16(row: impl Fn(usize) -> *const f32) -> [__m512; 4] {
    // SAFETY: by the contract.
    let quarter = |l: usize| unsafe { _mm_loadu_ps(row(l)) };
    let rows = |l: usize| {
        let v = _mm512_castps128_ps512(quarter(l));
        let v = _mm512_mask_broadcast_f32x4(v, 0x00f0, quarter(l + 4));
        let v = _mm512_mask_broadcast_f32x4(v, 0x0f00, quarter(l + 8));
        _mm512_mask_broadcast_f32x4(v, 0xf000, quarter(l + 12))
    };
    let (a, b, c, d) = (rows(0), rows(1), rows(2), rows(3));
    let (low_ab, low_cd) = (_mm512_unpacklo_ps(a, b), _mm512_unpacklo_ps(c, d));
    let (high_ab, high_cd) = (_mm512_unpackhi_ps(a, b), _mm512_unpackhi_ps(c, d));
    [
        _mm512_shuffle_ps::<0x44>(low_ab, low_cd),
        _mm512_shuffle_ps::<0xee>(low_ab, low_cd),
        _mm512_shuffle_ps::<0x44>(high_ab, high_cd),
        _mm512_shuffle_ps::<0xee>(high_ab, high_cd),
    ]
}

/// # Safety
/// As [`Vector::columns`].
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn columns_f32x8(row: impl Fn(usize) -> *const f32) -> [__m256; 4] {
    // SAFETY: by the contract.
    let half = |l: usize| unsafe { _mm_loadu_ps(row(l)) };
    let rows = |l: usize| _mm256_insertf128_ps::<1>(_mm256_castps128_ps256(half(l)), half(l + 4));
    let (a, b, c, d) = (rows(0), rows(1), rows(2), rows(3));
    let (low_ab, low_cd) = (_mm256_unpacklo_ps(a, b), _mm256_unpacklo_ps(c, d));
    let (high_ab, high_cd) = (_mm256_unpackhi_ps(a, b), _mm256_unpackhi_ps(c, d));
    [
        _mm256_shuffle_ps::<0x44>(low_ab, low_cd),
        _mm256_shuffle_ps::<0xee>(low_ab, low_cd),
        _mm256_shuffle_ps::<0x44>(high_ab, high_cd),
        _mm256_shuffle_ps::<0xee>(high_ab, high_cd),
    ]
}

/// # Safety
/// As [`Vector::columns`].
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn columns_f64x8(row: impl Fn(usize) -> *const f64) -> [__m512d; 4] {
    // SAFETY: by the contract.
    let quarter = |l: usize, c: usize| unsafe { _mm_loadu_ps(row(l).add(c).cast()) };
    let rows = |l: usize, c: usize| {
        let v = _mm512_castps128_ps512(quarter(l, c));
        let v = _mm512_mask_broadcast_f32x4(v, 0x00f0, quarter(l + 2, c));
        let v = _mm512_mask_broadcast_f32x4(v, 0x0f00, quarter(l + 4, c));
        _mm512_castps_pd(_mm512_mask_broadcast_f32x4(v, 0xf000, quarter(l + 6, c)))
    };
    let (a, b, c, d) = (rows(0, 0), rows(1, 0), rows(0, 2), rows(1, 2));
    [
        _mm512_unpacklo_pd(a, b),
        _mm512_unpackhi_pd(a, b),
        _mm512_unpacklo_pd(c, d),
        _mm512_unpackhi_pd(c, d),
    ]
}

/// # Safety
/// As [`Vector::columns`].
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn columns_f64x4(row: impl Fn(usize) -> *const f64) -> [__m256d; 4] {
    // SAFETY: by the contract.
    let half = |l: usize, c: usize| unsafe { _mm_loadu_pd(row(l).add(c)) };
    let rows = |l: usize, c: usize| {
        _mm256_insertf128_pd::<1>(_mm256_castpd128_pd256(half(l, c)), half(l + 2, c))
    };
    let (a, b, c, d) = (rows(0, 0), rows(1, 0), rows(0, 2), rows(1, 2));
    [
        _mm256_unpacklo_pd(a, b),
        _mm256_unpackhi_pd(a, b),
        _mm256_unpacklo_pd(c, d),
        _mm256_unpackhi_pd(c, d),
    ]
}

x86_vector!(
    __m512,
    f32,
    16,
    _mm512_setzero_ps,
    _mm512_loadu_ps,
    _mm512_storeu_ps,
    _mm512_set1_ps,
    _mm512_fmadd_ps,
    _mm512_add_ps,
    _mm512_max_ps,
    _mm512_min_ps,
    even_f32x16,
    pick_f32x16,
    sum_f32x16,
    columns_f32x16
);
x86_vector!(
    __m512d,
    f64,
    8,
    _mm512_setzero_pd,
    _mm512_loadu_pd,
    _mm512_storeu_pd,
    _mm512_set1_pd,
    _mm512_fmadd_pd,
    _mm512_add_pd,
    _mm512_max_pd,
    _mm512_min_pd,
    even_f64x8,
    pick_f64x8,
    sum_f64x8,
    columns_f64x8
);
x86_vector!(
    __m256,
    f32,
    8,
    _mm256_setzero_ps,
    _mm256_loadu_ps,
    _mm256_storeu_ps,
    _mm256_set1_ps,
    _mm256_fmadd_ps,
    _mm256_add_ps,
    _mm256_max_ps,
    _mm256_min_ps,
    even_f32x8,
    pick_f32x8,
    sum_f32x8,
    columns_f32x8
);
x86_vector!(
    __m256d,
    f64,
    4,
    _mm256_setzero_pd,
    _mm256_loadu_pd,
    _mm256_storeu_pd,
    _mm256_set1_pd,
    _mm256_fmadd_pd,
    _mm256_add_pd,
    _mm256_max_pd,
    _mm256_min_pd,
    even_f64x4,
    pick_f64x4,
    sum_f64x4,
    columns_f64x4
);
