//! The maxima of a slice of windows, with vectors: for each lane, the maximum of what its window's taps
//! see, and which tap saw it.

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::*;

use crate::float::of_type;
use crate::simd::{Portable, Vector};
use crate::{Float, Isa};

/// The whole numbers that every float counts exactly.
pub const COUNTABLE: usize = 1 << 24;

/// A plane, or slices of a volume, and its windows.
pub struct MaxPlane<'a, T> {
    /// The input, whose rows have padding on their left.
    pub source: *const T,
    /// Floats from one row of the input to the next.
    pub pitch: usize,
    /// How many slices the windows see.
    pub slices: usize,
    /// Floats from one of these to the next.
    pub slice_step: usize,
    /// Taps of a slice, and the number of the first tap of the first slice.
    pub slice_taps: usize,
    pub first_tap: usize,
    /// For each row of windows: its first row inside the input, its first tap there, and the end of
    /// its taps.
    pub rows: &'a [[usize; 3]],
    /// Rows, and columns, between what neighbouring taps see.
    pub dilation: [usize; 2],
    /// Columns between windows.
    pub stride: usize,
    /// Taps of a row of a window. All taps of a window are counted in lanes of floats, so there are
    /// at most [`COUNTABLE`].
    pub taps: usize,
    /// For each column of windows the tap that they start with, the first inside the input.
    pub columns: *const T,
    /// Groups of as many columns of windows as a vector has lanes.
    pub groups: usize,
    /// The maxima, row after row, and the numbers of their taps.
    pub best: *mut T,
    pub at: *mut i32,
    /// Columns of windows.
    pub width: usize,
    /// So many rows of `best` have room for all lanes of their groups, and take them; the others are
    /// computed in `spare`.
    pub roomy: usize,
    pub spare: *mut T,
}

/// Computes a plane.
///
/// # Safety
/// The machine has the instruction set. Valid are: the rows of `source` that the windows see, for
/// reading `stride` floats for each lane of the groups from each tap on, in all slices; `columns` for
/// reading and `spare` for writing all lanes; `best` for writing all rows of `width`, and all lanes of
/// the `roomy` first ones; `at` for writing all lanes of all rows.
pub type MaxPlaneFn<T> = unsafe fn(&MaxPlane<'_, T>);

/// How planes are computed, and the lanes of their groups.
pub struct MaxPlanes<T> {
    pub compute: MaxPlaneFn<T>,
    pub lanes: usize,
}

/// What the maximum needs of vectors.
///
/// # Safety
/// As [`Vector`].
trait Lanes: Vector {
    /// All lanes are a number.
    unsafe fn splat(v: f32) -> Self;
    /// Where a lane of `seen` is greater than that of `best`, or a nan, it becomes `best`, and
    /// `tap` becomes `at`.
    unsafe fn update(best: &mut Self, at: &mut Self, seen: Self, tap: Self);
    /// Writes `LANES` whole numbers to `p`, which is valid for writing them.
    unsafe fn store_i32(self, p: *mut i32);
}

macro_rules! portable_lanes {
    ($t:ident, $lanes:literal) => {
        impl Lanes for Portable<$t, $lanes> {
            #[inline(always)]
            unsafe fn splat(v: f32) -> Self {
                Portable([$t::from(v); $lanes])
            }
            #[inline(always)]
            unsafe fn update(best: &mut Self, at: &mut Self, seen: Self, tap: Self) {
                for l in 0..$lanes {
                    let better = (seen.0[l] > best.0[l]) | seen.0[l].is_nan();
                    best.0[l] = if better { seen.0[l] } else { best.0[l] };
                    at.0[l] = if better { tap.0[l] } else { at.0[l] };
                }
            }
            #[inline(always)]
            unsafe fn store_i32(self, p: *mut i32) {
                for (l, v) in self.0.iter().enumerate() {
                    // SAFETY: the contract makes these valid.
                    unsafe { *p.add(l) = *v as i32 };
                }
            }
        }
    };
}
portable_lanes!(f32, 4);
portable_lanes!(f64, 2);

#[cfg(target_arch = "x86_64")]
impl Lanes for __m512 {
    #[inline(always)]
    unsafe fn splat(v: f32) -> Self {
        // SAFETY: the contract gives the target feature.
        unsafe { _mm512_set1_ps(v) }
    }
    #[inline(always)]
    unsafe fn update(best: &mut Self, at: &mut Self, seen: Self, tap: Self) {
        // SAFETY: the contract gives the target feature.
        unsafe {
            let better = _mm512_cmp_ps_mask::<_CMP_GT_OQ>(seen, *best)
                | _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(seen, seen);
            *best = _mm512_mask_mov_ps(*best, better, seen);
            *at = _mm512_mask_mov_ps(*at, better, tap);
        }
    }
    #[inline(always)]
    unsafe fn store_i32(self, p: *mut i32) {
        // SAFETY: the contract gives the target feature and a valid pointer.
        unsafe { _mm512_storeu_si512(p.cast(), _mm512_cvttps_epi32(self)) }
    }
}

#[cfg(target_arch = "x86_64")]
impl Lanes for __m256 {
    #[inline(always)]
    unsafe fn splat(v: f32) -> Self {
        // SAFETY: the contract gives the target feature.
        unsafe { _mm256_set1_ps(v) }
    }
    #[inline(always)]
    unsafe fn update(best: &mut Self, at: &mut Self, seen: Self, tap: Self) {
        // SAFETY: the contract gives the target feature.
        unsafe {
            let better = _mm256_or_ps(
                _mm256_cmp_ps::<_CMP_GT_OQ>(seen, *best),
                _mm256_cmp_ps::<_CMP_UNORD_Q>(seen, seen),
            );
            *best = _mm256_blendv_ps(*best, seen, better);
            *at = _mm256_blendv_ps(*at, tap, better);
        }
    }
    #[inline(always)]
    unsafe fn store_i32(self, p: *mut i32) {
        // SAFETY: the contract gives the target feature and a valid pointer.
        unsafe { _mm256_storeu_si256(p.cast(), _mm256_cvttps_epi32(self)) }
    }
}

/// # Safety
/// As [`MaxPlaneFn`], and inlined into a function with the features of `V`.
#[inline(always)]
unsafe fn plane_body<V: Lanes>(plane: &MaxPlane<'_, V::Elem>) {
    // SAFETY: the contract of `MaxPlaneFn`.
    unsafe {
        match plane.stride {
            1 => slices::<V>(plane, |p| V::load(p)),
            2 => slices::<V>(plane, |p| V::load_even(p)),
            stride => slices::<V>(plane, |p| {
                let mut lanes = V::zero();
                let to = (&raw mut lanes).cast::<V::Elem>();
                for l in 0..V::LANES {
                    *to.add(l) = *p.add(l * stride);
                }
                lanes
            }),
        }
    }
}

/// # Safety
/// As [`plane_body`]; `load` may read `stride` floats for each lane.
#[inline(always)]
unsafe fn slices<V: Lanes>(plane: &MaxPlane<'_, V::Elem>, load: impl Fn(*const V::Elem) -> V) {
    // SAFETY: this function's contract.
    unsafe {
        match plane.slices {
            1 => rows::<V, false>(plane, load),
            _ => rows::<V, true>(plane, load),
        }
    }
}

/// # Safety
/// As [`slices`]; windows see several slices if `DEEP`, else one.
#[inline(always)]
unsafe fn rows<V: Lanes, const DEEP: bool>(
    plane: &MaxPlane<'_, V::Elem>,
    load: impl Fn(*const V::Elem) -> V,
) {
    // SAFETY: all reads and writes are within what the contract of `MaxPlaneFn` makes valid.
    unsafe {
        let one = V::splat(1.0);
        // A single row of taps may have any dilation.
        let line_step = plane.dilation[0].wrapping_mul(plane.pitch);
        for (row, &[y, first, end]) in plane.rows.iter().enumerate() {
            let line = plane.source.add(y * plane.pitch);
            let lines = end - first;
            let best_row = match row < plane.roomy {
                true => plane.best.add(row * plane.width),
                false => plane.spare,
            };
            let at_row = plane.at.add(row * plane.width);
            let first_tap = plane.first_tap + first * plane.taps;
            let first_tap_lanes = V::splat(first_tap as f32);
            for lane in (0..plane.groups).map(|group| group * V::LANES) {
                let mut best = V::splat(f32::NEG_INFINITY);
                let mut at = V::load(plane.columns.add(lane)).add(first_tap_lanes);
                let mut tap = first_tap_lanes;
                for kz in 0..if DEEP { plane.slices } else { 1 } {
                    let mut line = line;
                    if DEEP {
                        line = line.add(kz * plane.slice_step);
                        tap = V::splat((first_tap + kz * plane.slice_taps) as f32);
                    }
                    for ky in 0..lines {
                        let mut seen = line.add(ky * line_step + lane * plane.stride);
                        for _ in 0..plane.taps {
                            V::update(&mut best, &mut at, load(seen), tap);
                            tap = tap.add(one);
                            seen = seen.wrapping_add(plane.dilation[1]);
                        }
                    }
                }
                best.store(best_row.add(lane));
                at.store_i32(at_row.add(lane));
            }
            if row >= plane.roomy {
                let out = plane.best.add(row * plane.width);
                std::ptr::copy_nonoverlapping(plane.spare, out, plane.width);
            }
        }
    }
}

macro_rules! planes {
    ($name:ident, $t:ident, $v:ty $(, $feature:literal)?) => {
        static $name: MaxPlanes<$t> = {
            $(#[target_feature(enable = $feature)])?
            unsafe fn plane(plane: &MaxPlane<'_, $t>) {
                // SAFETY: the contract of `MaxPlaneFn`, and the features of this function.
                unsafe { plane_body::<$v>(plane) }
            }
            MaxPlanes { compute: plane, lanes: <$v>::LANES }
        };
    };
}
planes!(F32_PORTABLE, f32, Portable<f32, 4>);
planes!(F64_PORTABLE, f64, Portable<f64, 2>);
#[cfg(target_arch = "x86_64")]
planes!(F32_AVX2, f32, __m256, "avx2,fma");
#[cfg(target_arch = "x86_64")]
planes!(F32_AVX512, f32, __m512, "avx512f");

/// How an instruction set computes a plane. For f64 these are the compiler's vectors, whatever the
/// set: nobody waits for f64 pooling.
pub fn max_planes<T: Float>(isa: Isa) -> &'static MaxPlanes<T> {
    match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => of_type(&F32_AVX2, &F64_PORTABLE),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => of_type(&F32_AVX512, &F64_PORTABLE),
        _ => of_type(&F32_PORTABLE, &F64_PORTABLE),
    }
}
