//! The register tiles: `c (+)= a b` for a few rows and one or two vectors of columns, compiled for
//! each instruction set, float and tile height.

use crate::Isa;
use crate::simd::{Portable, Vector};

/// Multiplies packed panels of `a` (`[k][R]`) and `b` (`[k][NV * LANES]`) into the tile at `c`,
/// whose rows are `ldc` apart.
///
/// # Safety
/// The machine has the instruction set of the kernel; `a` and `b` are valid for reading `k` steps,
/// `c` for reading and writing `R` rows of `NV * LANES` floats.
pub type Tile<T> = unsafe fn(usize, *const T, *const T, *mut T, usize, bool);

/// The tiles of one instruction set and float.
pub struct Kernel<T: 'static> {
    /// Floats in a vector; a wide tile has two vectors of columns.
    pub lanes: usize,
    /// Tiles of 1, 2, .. rows, one vector wide.
    pub narrow: &'static [Tile<T>],
    /// Tiles of 1, 2, .. rows, two vectors wide.
    pub wide: &'static [Tile<T>],
}

/// More elements than any tile has.
pub const MAX_TILE: usize = 14 * 32;

/// A float for which there are kernels.
pub trait HasKernel: Sized + 'static {
    /// The kernel for an instruction set.
    fn kernel(isa: Isa) -> &'static Kernel<Self>;
}

/// # Safety
/// As [`Tile`], and inlined into a function with the features of `V`.
#[inline(always)]
unsafe fn tile_body<V: Vector, const R: usize, const NV: usize>(
    k: usize,
    a: *const V::Elem,
    b: *const V::Elem,
    c: *mut V::Elem,
    ldc: usize,
    accumulate: bool,
) {
    // SAFETY: all reads and writes are within what the contract of `Tile` makes valid.
    unsafe {
        let mut acc = [[V::zero(); NV]; R];
        let (mut a, mut b) = (a, b);
        for _ in 0..k {
            let mut columns = [V::zero(); NV];
            for (v, column) in columns.iter_mut().enumerate() {
                *column = V::load(b.add(v * V::LANES));
            }
            for (r, row) in acc.iter_mut().enumerate() {
                let value = V::broadcast(a.add(r));
                for (sum, column) in row.iter_mut().zip(columns) {
                    *sum = value.mul_add(column, *sum);
                }
            }
            a = a.add(R);
            b = b.add(NV * V::LANES);
        }
        for (r, row) in acc.iter().enumerate() {
            for (v, sum) in row.iter().enumerate() {
                let p = c.add(r * ldc + v * V::LANES);
                let sum = if accumulate {
                    V::load(p).add(*sum)
                } else {
                    *sum
                };
                sum.store(p);
            }
        }
    }
}

macro_rules! kernel {
    ($name:ident, $t:ident, $v:ty, [$($rows:literal)*] $(, $feature:literal)?) => {
        mod $name {
            use super::*;

            $(#[target_feature(enable = $feature)])?
            unsafe fn tile<const R: usize, const NV: usize>(
                k: usize,
                a: *const $t,
                b: *const $t,
                c: *mut $t,
                ldc: usize,
                accumulate: bool,
            ) {
                // SAFETY: the contract of `Tile`, and the features of this function.
                unsafe { tile_body::<$v, R, NV>(k, a, b, c, ldc, accumulate) }
            }

            pub static KERNEL: Kernel<$t> = Kernel {
                lanes: <$v>::LANES,
                narrow: &[$(tile::<$rows, 1>),*],
                wide: &[$(tile::<$rows, 2>),*],
            };
        }
    };
}

kernel!(f32_portable, f32, Portable<f32, 4>, [1 2 3 4]);
kernel!(f64_portable, f64, Portable<f64, 2>, [1 2 3 4]);
#[cfg(target_arch = "x86_64")]
kernel!(f32_avx2, f32, std::arch::x86_64::__m256, [1 2 3 4 5 6], "avx2,fma");
#[cfg(target_arch = "x86_64")]
kernel!(f64_avx2, f64, std::arch::x86_64::__m256d, [1 2 3 4 5 6], "avx2,fma");
#[cfg(target_arch = "x86_64")]
kernel!(f32_avx512, f32, std::arch::x86_64::__m512, [1 2 3 4 5 6 7 8 9 10 11 12 13 14], "avx512f");
#[cfg(target_arch = "x86_64")]
kernel!(f64_avx512, f64, std::arch::x86_64::__m512d, [1 2 3 4 5 6 7 8 9 10 11 12 13 14], "avx512f");

macro_rules! has_kernel {
    ($t:ident, $portable:ident, $avx2:ident, $avx512:ident) => {
        impl HasKernel for $t {
            fn kernel(isa: Isa) -> &'static Kernel<$t> {
                match isa {
                    #[cfg(target_arch = "x86_64")]
                    Isa::Avx2 => &$avx2::KERNEL,
                    #[cfg(target_arch = "x86_64")]
                    Isa::Avx512 => &$avx512::KERNEL,
                    _ => &$portable::KERNEL,
                }
            }
        }
    };
}
has_kernel!(f32, f32_portable, f32_avx2, f32_avx512);
has_kernel!(f64, f64_portable, f64_avx2, f64_avx512);
