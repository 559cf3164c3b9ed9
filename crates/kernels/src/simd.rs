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
    /// Writes `LANES` floats to `p`, which is valid for writing them.
    unsafe fn store(self, p: *mut Self::Elem);
    /// All lanes are the float at `p`, which is valid for reading it.
    unsafe fn broadcast(p: *const Self::Elem) -> Self;
    /// `self * b + c`, rounded once if the instruction set can.
    unsafe fn mul_add(self, b: Self, c: Self) -> Self;
    /// `self + b`.
    unsafe fn add(self, b: Self) -> Self;
}

macro_rules! x86_vector {
    ($v:ident, $t:ident, $lanes:literal, $zero:ident, $load:ident, $store:ident, $set1:ident,
     $fmadd:ident, $add:ident) => {
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
        }
    };
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
    _mm512_add_ps
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
    _mm512_add_pd
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
    _mm256_add_ps
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
    _mm256_add_pd
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
        }
    };
}
portable_vector!(f32, 4);
portable_vector!(f64, 2);
