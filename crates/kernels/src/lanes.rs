//! The choice of a vector type by float and instruction set, and transposes of matrices.

use std::marker::PhantomData;

use crate::simd::{Portable, Vector};
use crate::{Isa, Loop};

/// The most lanes that a vector has.
pub(crate) const MAX_LANES: usize = 16;

/// A float that vectors hold.
pub trait Vectors: Copy + 'static {
    /// The vector that every machine of the target has.
    type Portable: Vector<Elem = Self>;
    /// AVX2's.
    #[cfg(target_arch = "x86_64")]
    type Avx2: Vector<Elem = Self>;
    /// AVX-512's.
    #[cfg(target_arch = "x86_64")]
    type Avx512: Vector<Elem = Self>;
}

macro_rules! vectors {
    ($t:ident, $portable:ty, $avx2:ident, $avx512:ident) => {
        impl Vectors for $t {
            type Portable = $portable;
            #[cfg(target_arch = "x86_64")]
            type Avx2 = std::arch::x86_64::$avx2;
            #[cfg(target_arch = "x86_64")]
            type Avx512 = std::arch::x86_64::$avx512;
        }
    };
}
vectors!(f32, Portable<f32, 4>, __m256, __m512);
vectors!(f64, Portable<f64, 2>, __m256d, __m512d);

/// A loop that is written for any vector of `T`.
pub(crate) trait VectorLoop<T> {
    /// Runs the loop. Implementations are `#[inline(always)]`.
    ///
    /// # Safety
    /// Inlined into a function with the features of `V`.
    unsafe fn run<V: Vector<Elem = T>>(self);
}

struct With<V, L>(L, PhantomData<V>);

impl<V: Vector, L: VectorLoop<V::Elem>> Loop for With<V, L> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        // SAFETY: the functions below pair each vector type with the instruction set it belongs to.
        unsafe { self.0.run::<V>() }
    }
}

/// Runs a loop with the vectors of an instruction set.
///
/// # Panics
/// If the machine does not have it.
pub(crate) fn run<T: Vectors, L: VectorLoop<T>>(isa: Isa, body: L) {
    match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => isa.run(With::<T::Avx512, L>(body, PhantomData)),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => isa.run(With::<T::Avx2, L>(body, PhantomData)),
        _ => isa.run(With::<T::Portable, L>(body, PhantomData)),
    }
}

/// Runs a loop with the vectors of AVX2 at most.
///
/// # Panics
/// If the machine does not have the instruction set.
pub(crate) fn run_narrow<T: Vectors, L: VectorLoop<T>>(isa: Isa, body: L) {
    match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => run(Isa::Avx2, body),
        _ => run(isa, body),
    }
}

/// Lanes of the vectors of `f32` that [`run`] chooses.
pub(crate) fn count(isa: Isa) -> usize {
    match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => 16,
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => 8,
        _ => 4,
    }
}

/// Lanes of the vectors of `T` that [`run_narrow`] chooses.
pub(crate) fn narrow_count<T: Vectors>(isa: Isa) -> usize {
    match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 | Isa::Avx512 => T::Avx2::LANES,
        _ => T::Portable::LANES,
    }
}

/// Transposes `LANES` rows of `columns` floats, a multiple of four: element (i, j) of `src` (rows
/// `src_stride` apart) goes to (j, i) of `dst` (rows `dst_stride` apart).
///
/// # Safety
/// Inlined into a function with the features of `V`; both pointers are valid for these elements, which
/// do not overlap.
#[inline(always)]
pub(crate) unsafe fn transpose_rows<V: Vector>(
    src: *const V::Elem,
    src_stride: usize,
    columns: usize,
    dst: *mut V::Elem,
    dst_stride: usize,
) {
    for j in (0..columns).step_by(4) {
        // SAFETY: by the contract.
        unsafe {
            let turned = V::columns(|i| src.add(i * src_stride + j));
            for (c, column) in turned.into_iter().enumerate() {
                column.store(dst.add((j + c) * dst_stride));
            }
        }
    }
}

/// Transposes a matrix: element (i, j) of `src` goes to (j, i) of `dst`.
///
/// # Safety
/// Inlined into a function with the features of `V`; `src` is valid for `rows` times `cols`
/// elements, `dst` for `cols` times `rows`, and they do not overlap.
#[inline(always)]
pub(crate) unsafe fn transpose_matrix<V: Vector>(
    [rows, cols]: [usize; 2],
    src: *const V::Elem,
    src_stride: usize,
    dst: *mut V::Elem,
    dst_stride: usize,
) {
    // SAFETY: all blocks lie within the two matrices.
    unsafe {
        for i in (0..rows).step_by(V::LANES) {
            // Where there is room, the last block overlaps the one before it.
            let i = i.min(rows.saturating_sub(V::LANES));
            for j in (0..cols).step_by(V::LANES) {
                let j = j.min(cols.saturating_sub(V::LANES));
                let src = src.add(i * src_stride + j);
                let dst = dst.add(j * dst_stride + i);
                if rows >= V::LANES && cols >= V::LANES {
                    transpose_rows::<V>(src, src_stride, V::LANES, dst, dst_stride);
                } else {
                    for c in 0..cols.min(V::LANES) {
                        for r in 0..rows.min(V::LANES) {
                            *dst.add(c * dst_stride + r) = *src.add(r * src_stride + c);
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Float;

    struct Transposition<'a> {
        sizes: [usize; 2],
        src: &'a [f32],
        dst: &'a mut [f32],
    }

    impl VectorLoop<f32> for Transposition<'_> {
        #[inline(always)]
        unsafe fn run<V: Vector<Elem = f32>>(self) {
            let [rows, cols] = self.sizes;
            assert!(self.src.len() == rows * cols && self.dst.len() == rows * cols);
            // SAFETY: the lengths were checked, and the caller has the features.
            unsafe {
                transpose_matrix::<V>(
                    self.sizes,
                    self.src.as_ptr(),
                    cols,
                    self.dst.as_mut_ptr(),
                    rows,
                );
            }
        }
    }

    #[test]
    fn matrices_of_any_size_are_transposed() {
        for isa in Isa::available() {
            for sizes in [
                [1, 1],
                [4, 4],
                [8, 16],
                [16, 16],
                [32, 48],
                [19, 35],
                [3, 20],
            ] {
                let [rows, cols] = sizes;
                let src: Vec<f32> = (0..rows * cols).map(|i| i as f32).collect();
                let mut dst = vec![f32::NAN; rows * cols];
                run(
                    isa,
                    Transposition {
                        sizes,
                        src: &src,
                        dst: &mut dst,
                    },
                );
                for (i, v) in dst.iter().enumerate() {
                    assert_eq!(*v, src[i % rows * cols + i / rows], "{isa:?} {sizes:?} {i}");
                }
            }
        }
    }

    struct Clamp<'a>(&'a mut [f32; MAX_LANES], f32, f32);

    impl VectorLoop<f32> for Clamp<'_> {
        #[inline(always)]
        unsafe fn run<V: Vector<Elem = f32>>(self) {
            // SAFETY: the array holds any vector, and the caller has the features.
            unsafe {
                let (min, max) = (V::broadcast(&self.1), V::broadcast(&self.2));
                let clamped = V::load(self.0.as_ptr()).at_least(min).at_most(max);
                clamped.store(self.0.as_mut_ptr());
            }
        }
    }

    #[test]
    fn bounds_keep_nan_and_the_sign_of_zero() {
        for isa in Isa::available() {
            let mut x = [1.0; MAX_LANES];
            (x[0], x[1], x[2]) = (-2.0, f32::NAN, -0.0);
            run(isa, Clamp(&mut x, 0.0, 0.5));
            assert!(x[0].to_bits() == 0 && x[1].is_nan() && x[3] == 0.5);
            assert_eq!(x[2].to_bits(), (-0.0f32).to_bits());
            assert_eq!(count(isa), if isa == Isa::Scalar { 4 } else { count(isa) });
        }
    }

    struct Picked<'a, T> {
        from: &'a [T; MAX_LANES],
        at: &'a [u32; MAX_LANES],
        out: &'a mut [T; MAX_LANES],
    }

    impl<T: Float> VectorLoop<T> for Picked<'_, T> {
        #[inline(always)]
        unsafe fn run<V: Vector<Elem = T>>(self) {
            let at = self.at.map(|at| at % V::LANES as u32);
            // SAFETY: the arrays hold any vector, the numbers are below its lanes, and the caller has the
            // features.
            unsafe { V::pick(self.from.as_ptr(), at.as_ptr()).store(self.out.as_mut_ptr()) };
        }
    }

    #[test]
    fn lanes_are_picked_by_their_numbers() {
        fn check<T: Float>(isa: Isa, lanes: usize) {
            let from = std::array::from_fn(|l| T::from_usize(l + 1));
            let at = std::array::from_fn(|l| ((l * 7 + 3) % MAX_LANES) as u32);
            let mut out = [T::ZERO; MAX_LANES];
            let picked = Picked {
                from: &from,
                at: &at,
                out: &mut out,
            };
            run(isa, picked);
            for (l, v) in out.iter().enumerate() {
                let wanted = match l < lanes {
                    true => T::from_usize(at[l] as usize % lanes + 1),
                    false => T::ZERO,
                };
                assert_eq!(*v, wanted, "{isa:?} {l}");
            }
        }
        for isa in Isa::available() {
            check::<f32>(isa, count(isa));
            check::<f64>(isa, count(isa) / 2);
            assert_eq!(narrow_count::<f32>(isa), count(isa).min(8));
        }
    }
}
