//! The choice of a vector type by instruction set, and [`Lanes`]: what the convolutions need of a
//! vector of `f32` beyond [`Vector`].

use std::marker::PhantomData;

use crate::simd::{Portable, Vector};
use crate::{Isa, Loop};

/// The most lanes that a vector of `f32` has.
pub(crate) const MAX_LANES: usize = 16;

/// A vector of `f32` that can be turned in blocks.
///
/// # Safety
/// As [`Vector`].
pub(crate) trait Lanes: Vector<Elem = f32> {
    /// `self`, or 0 where it is negative; nan stays nan.
    unsafe fn relu(self) -> Self;

    /// Transposes a square of `LANES` rows: element (i, j) of `src` (rows `src_stride` apart) goes
    /// to (j, i) of `dst` (rows `dst_stride` apart). Both are valid for their square, and do not
    /// overlap.
    unsafe fn transpose(src: *const f32, src_stride: usize, dst: *mut f32, dst_stride: usize);
}

/// A loop that is written for any vector of `f32`.
pub(crate) trait VectorLoop {
    /// Runs the loop. Implementations are `#[inline(always)]`.
    ///
    /// # Safety
    /// Inlined into a function with the features of `V`.
    unsafe fn run<V: Lanes>(self);
}

struct With<V, L>(L, PhantomData<V>);

impl<V: Lanes, L: VectorLoop> Loop for With<V, L> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        // SAFETY: `run` below pairs each vector type with the instruction set it belongs to.
        unsafe { self.0.run::<V>() }
    }
}

/// Runs a loop with the vectors of an instruction set.
///
/// # Panics
/// If the machine does not have it.
pub(crate) fn run<L: VectorLoop>(isa: Isa, body: L) {
    match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => isa.run(With::<std::arch::x86_64::__m512, L>(body, PhantomData)),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => isa.run(With::<std::arch::x86_64::__m256, L>(body, PhantomData)),
        _ => isa.run(With::<Portable<f32, 4>, L>(body, PhantomData)),
    }
}

/// A loop that is written for any vector of `T`.
pub trait FloatLoop<T> {
    /// Runs the loop. Implementations are `#[inline(always)]`.
    ///
    /// # Safety
    /// Inlined into a function with the features of `V`.
    unsafe fn run<V: Vector<Elem = T>>(self);
}

/// A float that vectors hold.
pub trait Vectors: Sized {
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

struct WithFloat<V, L>(L, PhantomData<V>);

impl<V: Vector, L: FloatLoop<V::Elem>> Loop for WithFloat<V, L> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        // SAFETY: `run_vectors` pairs each vector type with the instruction set it belongs to.
        unsafe { self.0.run::<V>() }
    }
}

/// Runs a loop with the vectors of an instruction set.
///
/// # Panics
/// If the machine does not have it.
pub(crate) fn run_vectors<T: Vectors, L: FloatLoop<T>>(isa: Isa, body: L) {
    match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => isa.run(WithFloat::<T::Avx512, L>(body, PhantomData)),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => isa.run(WithFloat::<T::Avx2, L>(body, PhantomData)),
        _ => isa.run(WithFloat::<T::Portable, L>(body, PhantomData)),
    }
}

/// Lanes of the vectors that [`run`] chooses.
pub(crate) fn count(isa: Isa) -> usize {
    match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => 16,
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => 8,
        _ => 4,
    }
}

/// Transposes a matrix: element (i, j) of `src` goes to (j, i) of `dst`.
///
/// # Safety
/// Inlined into a function with the features of `V`; `src` is valid for `rows` times `cols`
/// elements, `dst` for `cols` times `rows`, and they do not overlap.
#[inline(always)]
pub(crate) unsafe fn transpose_matrix<V: Lanes>(
    [rows, cols]: [usize; 2],
    src: *const f32,
    src_stride: usize,
    dst: *mut f32,
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
                    V::transpose(src, src_stride, dst, dst_stride);
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

impl Lanes for Portable<f32, 4> {
    #[inline(always)]
    unsafe fn relu(self) -> Self {
        Portable(std::array::from_fn(|l| {
            if self.0[l] < 0.0 { 0.0 } else { self.0[l] }
        }))
    }

    #[inline(always)]
    unsafe fn transpose(src: *const f32, src_stride: usize, dst: *mut f32, dst_stride: usize) {
        for i in 0..4 {
            for j in 0..4 {
                // SAFETY: within the two squares.
                unsafe { *dst.add(j * dst_stride + i) = *src.add(i * src_stride + j) };
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::Lanes;

    impl Lanes for __m256 {
        #[inline(always)]
        unsafe fn relu(self) -> Self {
            // The second operand is the result if one is nan.
            // SAFETY: the trait's contract gives the target feature.
            unsafe { _mm256_max_ps(_mm256_setzero_ps(), self) }
        }

        #[inline(always)]
        unsafe fn transpose(src: *const f32, src_stride: usize, dst: *mut f32, dst_stride: usize) {
            // SAFETY: the trait's contract gives the target feature and valid squares.
            unsafe {
                let mut a = [_mm256_setzero_ps(); 8];
                for (i, a) in a.iter_mut().enumerate() {
                    *a = _mm256_loadu_ps(src.add(i * src_stride));
                }
                let mut b = a;
                for i in 0..4 {
                    b[2 * i] = _mm256_unpacklo_ps(a[2 * i], a[2 * i + 1]);
                    b[2 * i + 1] = _mm256_unpackhi_ps(a[2 * i], a[2 * i + 1]);
                }
                for i in [0, 4] {
                    a[i] = _mm256_shuffle_ps::<0x44>(b[i], b[i + 2]);
                    a[i + 1] = _mm256_shuffle_ps::<0xee>(b[i], b[i + 2]);
                    a[i + 2] = _mm256_shuffle_ps::<0x44>(b[i + 1], b[i + 3]);
                    a[i + 3] = _mm256_shuffle_ps::<0xee>(b[i + 1], b[i + 3]);
                }
                for i in 0..4 {
                    let low = _mm256_permute2f128_ps::<0x20>(a[i], a[i + 4]);
                    let high = _mm256_permute2f128_ps::<0x31>(a[i], a[i + 4]);
                    _mm256_storeu_ps(dst.add(i * dst_stride), low);
                    _mm256_storeu_ps(dst.add((i + 4) * dst_stride), high);
                }
            }
        }
    }

    impl Lanes for __m512 {
        #[inline(always)]
        unsafe fn relu(self) -> Self {
            // The second operand is the result if one is nan.
            // SAFETY: the trait's contract gives the target feature.
            unsafe { _mm512_max_ps(_mm512_setzero_ps(), self) }
        }

        #[inline(always)]
        unsafe fn transpose(src: *const f32, src_stride: usize, dst: *mut f32, dst_stride: usize) {
            // SAFETY: the trait's contract gives the target feature and valid squares.
            unsafe {
                let mut a = [_mm512_setzero_ps(); 16];
                for (i, a) in a.iter_mut().enumerate() {
                    *a = _mm512_loadu_ps(src.add(i * src_stride));
                }
                let mut b = a;
                for i in 0..8 {
                    b[2 * i] = _mm512_unpacklo_ps(a[2 * i], a[2 * i + 1]);
                    b[2 * i + 1] = _mm512_unpackhi_ps(a[2 * i], a[2 * i + 1]);
                }
                // Quarter q of `a[4 i + c]` then holds column 4 q + c of rows 4 i to 4 i + 3.
                for i in [0, 4, 8, 12] {
                    a[i] = _mm512_shuffle_ps::<0x44>(b[i], b[i + 2]);
                    a[i + 1] = _mm512_shuffle_ps::<0xee>(b[i], b[i + 2]);
                    a[i + 2] = _mm512_shuffle_ps::<0x44>(b[i + 1], b[i + 3]);
                    a[i + 3] = _mm512_shuffle_ps::<0xee>(b[i + 1], b[i + 3]);
                }
                for c in 0..4 {
                    let even = _mm512_shuffle_f32x4::<0x88>(a[c], a[c + 4]);
                    let odd = _mm512_shuffle_f32x4::<0xdd>(a[c], a[c + 4]);
                    let even_high = _mm512_shuffle_f32x4::<0x88>(a[c + 8], a[c + 12]);
                    let odd_high = _mm512_shuffle_f32x4::<0xdd>(a[c + 8], a[c + 12]);
                    let column = |q: usize| dst.add((4 * q + c) * dst_stride);
                    _mm512_storeu_ps(column(0), _mm512_shuffle_f32x4::<0x88>(even, even_high));
                    _mm512_storeu_ps(column(1), _mm512_shuffle_f32x4::<0x88>(odd, odd_high));
                    _mm512_storeu_ps(column(2), _mm512_shuffle_f32x4::<0xdd>(even, even_high));
                    _mm512_storeu_ps(column(3), _mm512_shuffle_f32x4::<0xdd>(odd, odd_high));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Transposition<'a> {
        sizes: [usize; 2],
        src: &'a [f32],
        dst: &'a mut [f32],
    }

    impl VectorLoop for Transposition<'_> {
        #[inline(always)]
        unsafe fn run<V: Lanes>(self) {
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

    struct Relu<'a>(&'a mut [f32; MAX_LANES]);

    impl VectorLoop for Relu<'_> {
        #[inline(always)]
        unsafe fn run<V: Lanes>(self) {
            // SAFETY: the array holds any vector, and the caller has the features.
            unsafe { V::load(self.0.as_ptr()).relu().store(self.0.as_mut_ptr()) }
        }
    }

    #[test]
    fn relu_keeps_nan() {
        for isa in Isa::available() {
            let mut x = [1.0; MAX_LANES];
            (x[0], x[1], x[2]) = (-2.0, f32::NAN, 0.0);
            run(isa, Relu(&mut x));
            assert!(x[0] == 0.0 && x[1].is_nan() && x[2] == 0.0 && x[3] == 1.0);
            assert_eq!(count(isa), if isa == Isa::Scalar { 4 } else { count(isa) });
        }
    }
}
