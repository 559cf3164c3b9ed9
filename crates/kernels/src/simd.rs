//! [`Vector`]: the few vector operations that the matrix and convolution kernels are written with.

use std::ops::AddAssign;

#[cfg(target_arch = "x86_64")]
mod x86;

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
    /// The floats whose numbers, below `LANES`, begin at `at`, of those at `p`; both are valid for reading
    /// `LANES`.
    unsafe fn pick(p: *const Self::Elem, at: *const u32) -> Self;
    /// Writes `LANES` floats to `p`, which is valid for writing them.
    unsafe fn store(self, p: *mut Self::Elem);
    /// All lanes are the float at `p`, which is valid for reading it.
    unsafe fn broadcast(p: *const Self::Elem) -> Self;
    /// `self * b + c`, rounded once if the instruction set can.
    unsafe fn mul_add(self, b: Self, c: Self) -> Self;
    /// `self + b`.
    unsafe fn add(self, b: Self) -> Self;
    /// `self`, or `min` where it is less; nan stays nan.
    unsafe fn at_least(self, min: Self) -> Self;
    /// `self`, or `max` where it is more; nan stays nan.
    unsafe fn at_most(self, max: Self) -> Self;
    /// The sum of the lanes: the upper half is added to the lower until one is left.
    unsafe fn sum_lanes(self) -> Self::Elem;
    /// `a * b + c` of single floats, rounded as a lane of [`mul_add`](Self::mul_add).
    unsafe fn mul_add_one(a: Self::Elem, b: Self::Elem, c: Self::Elem) -> Self::Elem;
    /// The four first columns of a matrix, of which `row(l)` is valid for reading four floats of row l:
    /// each vector's lanes are of neighbouring rows.
    unsafe fn columns(row: impl Fn(usize) -> *const Self::Elem) -> [Self; 4];
    /// Asks for the cache line at `p`, which is about to be read.
    unsafe fn prefetch(p: *const Self::Elem);
    /// Asks for the cache line at `p` to come into the second cache.
    unsafe fn prefetch_second(p: *const Self::Elem);
}

/// The sum of lanes, a power of two: the upper half is added to the lower until one is left.
#[inline(always)]
pub(crate) fn sum_halves<T: Copy + AddAssign>(lanes: &mut [T]) -> T {
    let mut width = lanes.len() / 2;
    while width > 0 {
        for l in 0..width {
            let upper = lanes[l + width];
            lanes[l] += upper;
        }
        width /= 2;
    }
    lanes[0]
}

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
            unsafe fn pick(p: *const $t, at: *const u32) -> Self {
                // SAFETY: the trait's contract gives valid pointers and numbers.
                Portable(std::array::from_fn(|l| unsafe {
                    *p.add(*at.add(l) as usize)
                }))
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
            unsafe fn at_least(self, min: Self) -> Self {
                Portable(std::array::from_fn(|l| {
                    if self.0[l] < min.0[l] {
                        min.0[l]
                    } else {
                        self.0[l]
                    }
                }))
            }
            #[inline(always)]
            unsafe fn at_most(self, max: Self) -> Self {
                Portable(std::array::from_fn(|l| {
                    if self.0[l] > max.0[l] {
                        max.0[l]
                    } else {
                        self.0[l]
                    }
                }))
            }
            #[inline(always)]
            unsafe fn sum_lanes(mut self) -> $t {
                sum_halves(&mut self.0)
            }
            #[inline(always)]
            unsafe fn mul_add_one(a: $t, b: $t, c: $t) -> $t {
                a * b + c
            }
            #[inline(always)]
            unsafe fn columns(row: impl Fn(usize) -> *const $t) -> [Self; 4] {
                // SAFETY: the trait's contract gives valid rows.
                let read = |l| unsafe { row(l).cast::<[$t; 4]>().read_unaligned() };
                let rows: [_; $lanes] = std::array::from_fn(read);
                std::array::from_fn(|c| Portable(rows.map(|row| row[c])))
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
