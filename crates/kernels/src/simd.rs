//! [`Vector`]: the few vector operations that the matrix and convolution kernels are written with.

/// A vector register of floats.
///
/// # Safety
/// The methods may only be called, after inlining, from a function with the target features that
/// the type stands for. Pointers need no alignment.
pub trait Vector: Copy {
    /// The float.
    type Elem: Copy + 'static;
    /// Floats in a vector.
    const LANES: usize;
    /// All zeros.
    unsafe fn zero() -> Self;
    /// `LANES` floats from `p`, which is valid for reading them.
    unsafe fn load(p: *const Self::Elem) -> Self;
    /// The first of each two floats from `p`, which is valid for reading `2 * LANES`.
    unsafe fn load_even(p: *const Self::Elem) -> Self;
    /// Writes `LANES` floats to `p`, which is valid for writing them.
    unsafe fn store(self, p: *mut Self::Elem);
    /// All lanes are the float at `p`, which is valid for reading it.
    unsafe fn broadcast(p: *const Self::Elem) -> Self;
    /// `self * b + c`, rounded once if the instruction set can.
    unsafe fn mul_add(self, b: Self, c: Self) -> Self;
    /// `self + b`.
    unsafe fn add(self, b: Self) -> Self;
    /// The sum of the lanes: the upper half is added to the lower until one is left.
    unsafe fn sum_lanes(self) -> Self::Elem;
    /// `a * b + c` of single floats, rounded as a lane of [`mul_add`](Self::mul_add).
    unsafe fn mul_add_one(a: Self::Elem, b: Self::Elem, c: Self::Elem) -> Self::Elem;
    /// Asks for the cache line at `p`, which is about to be read.
    unsafe fn prefetch(p: *const Self::Elem);
    /// Asks for the cache line at `p` to come into the second cache.
    unsafe fn prefetch_second(p: *const Self::Elem);
}

/// The sum of an array whose length is a power of two, in halves.
macro_rules! sum_halves {
    ($lanes:expr) => {{
        let mut lanes = $lanes;
        let mut width = lanes.len() / 2;
        while width > 0 {
            for l in 0..width {
                lanes[l] += lanes[l + width];
            }
            width /= 2;
        }
        lanes[0]
    }};
}

macro_rules! x86_vector {
    ($v:ident, $t:ident, $lanes:literal, $zero:ident, $load:ident, $store:ident, $set1:ident,
     $fmadd:ident, $add:ident, $even:expr, $sum:expr) => {
        #[cfg(target_arch = "x86_64")]
        impl Vector for std::arch::x86_64::$v {
            type Elem = $t;
            const LANES: usize = $lanes;
            #[inline(always)]
            unsafe fn zero() -> Self {
                // SAFETY: the trait's contract gives the target feature.
                unsafe { std::arch::x86_64::$zero() }
            }
            #[inline(always)]
            unsafe fn load(p: *const $t) -> Self {
                // SAFETY: the trait's contract gives the target feature and a valid pointer.
                unsafe { std::arch::x86_64::$load(p) }
            }
            #[inline(always)]
            unsafe fn load_even(p: *const $t) -> Self {
                // SAFETY: the trait's contract gives the target feature and a valid pointer.
                unsafe { $even(Self::load(p), Self::load(p.add(Self::LANES))) }
            }
            #[inline(always)]
            unsafe fn store(self, p: *mut $t) {
                // SAFETY: the trait's contract gives the target feature and a valid pointer.
                unsafe { std::arch::x86_64::$store(p, self) }
            }
            #[inline(always)]
            unsafe fn broadcast(p: *const $t) -> Self {
                // SAFETY: the trait's contract gives the target feature and a valid pointer.
                unsafe { std::arch::x86_64::$set1(*p) }
            }
            #[inline(always)]
            unsafe fn mul_add(self, b: Self, c: Self) -> Self {
                // SAFETY: the trait's contract gives the target feature.
                unsafe { std::arch::x86_64::$fmadd(self, b, c) }
            }
            #[inline(always)]
            unsafe fn add(self, b: Self) -> Self {
                // SAFETY: the trait's contract gives the target feature.
                unsafe { std::arch::x86_64::$add(self, b) }
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
            unsafe fn prefetch(p: *const $t) {
                use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
                // SAFETY: a prefetch never faults.
                unsafe { _mm_prefetch::<_MM_HINT_T0>(p.cast()) }
            }
            #[inline(always)]
            unsafe fn prefetch_second(p: *const $t) {
                use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
                // SAFETY: a prefetch never faults.
                unsafe { _mm_prefetch::<_MM_HINT_T1>(p.cast()) }
            }
        }
    };
}

/// The lanes of even number of two vectors.
#[cfg(target_arch = "x86_64")]
mod even {
    use std::arch::x86_64::*;

    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(super) fn even_f32x16(low: __m512, high: __m512) -> __m512 {
        let even = _mm512_set_epi32(30, 28, 26, 24, 22, 20, 18, 16, 14, 12, 10, 8, 6, 4, 2, 0);
        _mm512_permutex2var_ps(low, even, high)
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(super) fn even_f64x8(low: __m512d, high: __m512d) -> __m512d {
        let even = _mm512_set_epi64(14, 12, 10, 8, 6, 4, 2, 0);
        _mm512_permutex2var_pd(low, even, high)
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    pub(super) fn even_f32x8(low: __m256, high: __m256) -> __m256 {
        // 0 2 8 10, 4 6 12 14: the middle quarters change places.
        let even = _mm256_castps_pd(_mm256_shuffle_ps::<0b10_00_10_00>(low, high));
        _mm256_castpd_ps(_mm256_permute4x64_pd::<0b11_01_10_00>(even))
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    pub(super) fn even_f64x4(low: __m256d, high: __m256d) -> __m256d {
        // 0 4 2 6: as above.
        _mm256_permute4x64_pd::<0b11_01_10_00>(_mm256_unpacklo_pd(low, high))
    }
}

/// Sums of the lanes, in halves.
#[cfg(target_arch = "x86_64")]
mod sums {
    use std::arch::x86_64::*;

    #[inline]
    #[target_feature(enable = "avx512f")]
    pub fn sum_f32x16(v: __m512) -> f32 {
        let upper = _mm512_extractf64x4_pd::<1>(_mm512_castps_pd(v));
        sum_f32x8(_mm256_add_ps(
            _mm512_castps512_ps256(v),
            _mm256_castpd_ps(upper),
        ))
    }

    #[inline]
    #[target_feature(enable = "avx")]
    pub fn sum_f32x8(v: __m256) -> f32 {
        let v = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps::<1>(v));
        let v = _mm_add_ps(v, _mm_movehl_ps(v, v));
        _mm_cvtss_f32(_mm_add_ss(v, _mm_movehdup_ps(v)))
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    pub fn sum_f64x8(v: __m512d) -> f64 {
        let upper = _mm512_extractf64x4_pd::<1>(v);
        sum_f64x4(_mm256_add_pd(_mm512_castpd512_pd256(v), upper))
    }

    #[inline]
    #[target_feature(enable = "avx")]
    pub fn sum_f64x4(v: __m256d) -> f64 {
        let v = _mm_add_pd(_mm256_castpd256_pd128(v), _mm256_extractf128_pd::<1>(v));
        _mm_cvtsd_f64(_mm_add_sd(v, _mm_unpackhi_pd(v, v)))
    }
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
    even::even_f32x16,
    sums::sum_f32x16
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
    even::even_f64x8,
    sums::sum_f64x8
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
    even::even_f32x8,
    sums::sum_f32x8
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
    even::even_f64x4,
    sums::sum_f64x4
);

/// A vector that every machine of the target has, as an array for the compiler to vectorise.
#[derive(Copy, Clone)]
pub struct Portable<T, const N: usize>(pub(crate) [T; N]);

macro_rules! portable_vector {
    ($t:ident, $lanes:literal) => {
        impl Vector for Portable<$t, $lanes> {
            type Elem = $t;
            const LANES: usize = $lanes;
            #[inline(always)]
            unsafe fn zero() -> Self {
                Portable([0.0; $lanes])
            }
            #[inline(always)]
            unsafe fn load(p: *const $t) -> Self {
                // SAFETY: the trait's contract gives a valid pointer.
                Portable(unsafe { p.cast::<[$t; $lanes]>().read_unaligned() })
            }
            #[inline(always)]
            unsafe fn load_even(p: *const $t) -> Self {
                // SAFETY: the trait's contract gives a valid pointer.
                Portable(std::array::from_fn(|l| unsafe { *p.add(2 * l) }))
            }
            #[inline(always)]
            unsafe fn store(self, p: *mut $t) {
                // SAFETY: the trait's contract gives a valid pointer.
                unsafe { p.cast::<[$t; $lanes]>().write_unaligned(self.0) }
            }
            #[inline(always)]
            unsafe fn broadcast(p: *const $t) -> Self {
                // SAFETY: the trait's contract gives a valid pointer.
                Portable([unsafe { *p }; $lanes])
            }
            #[inline(always)]
            unsafe fn mul_add(self, b: Self, c: Self) -> Self {
                Portable(std::array::from_fn(|l| self.0[l] * b.0[l] + c.0[l]))
            }
            #[inline(always)]
            unsafe fn add(self, b: Self) -> Self {
                Portable(std::array::from_fn(|l| self.0[l] + b.0[l]))
            }
            #[inline(always)]
            unsafe fn sum_lanes(self) -> $t {
                sum_halves!(self.0)
            }
            #[inline(always)]
            unsafe fn mul_add_one(a: $t, b: $t, c: $t) -> $t {
                a * b + c
            }
            #[inline(always)]
            unsafe fn prefetch(_: *const $t) {}
            #[inline(always)]
            unsafe fn prefetch_second(_: *const $t) {}
        }
    };
}
portable_vector!(f32, 4);
portable_vector!(f64, 2);
