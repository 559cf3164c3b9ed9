//! The register tiles: `c (+)= a b` for a few rows and one or two vectors of columns, and blocks of
//! dot products, compiled for each instruction set, float and height.

use crate::float::of_type;
use crate::lanes::MAX_LANES;
use crate::simd::{Portable, Vector};
use crate::{Float, Isa};

/// What a tile multiplies. Element (r, p) of the left side is `a[p * a_step + r]`, element (p, j)
/// of the right side `b[p * b_step + j]`, element (r, j) of the product `c[r * ldc + j]`.
pub struct Operands<T> {
    /// Terms of the sum.
    pub steps: usize,
    /// The left side, rows next to each other.
    pub a: *const T,
    /// Elements between two steps of the left side.
    pub a_step: usize,
    /// The right side, columns next to each other.
    pub b: *const T,
    /// Elements between two steps of the right side.
    pub b_step: usize,
    /// The product.
    pub c: *mut T,
    /// Elements between two rows of the product.
    pub ldc: usize,
    /// Whether the product is added to what `c` holds.
    pub accumulate: bool,
}

/// Multiplies panels of `R` rows and `NV` vectors of columns.
///
/// # Safety
/// The machine has the instruction set of the kernel; `a` and `b` are valid for reading `steps`
/// steps, `c` for reading and writing `R` rows of `NV * LANES` floats.
pub type Tile<T> = unsafe fn(&Operands<T>);

/// `out[r * 4 + c] = sum over p of a[r][p] * b[c][p]`, for `R` rows and 4 columns.
/// Term p goes to lane `p % LANES`; the lanes are added in halves, what is left of `k` after them.
///
/// # Safety
/// The machine has the instruction set of the kernel, and `k` terms of the first `R` pointers of
/// `a` and of those of `b` are valid for reading.
pub type Dots<T> = unsafe fn(usize, &[*const T; 4], &[*const T; 4], &mut [T; 16]);

/// The same sums, in the same order, for one row and one vector of columns of a packed panel whose steps
/// are `b_step` apart. `state` holds a vector for each lane of the sums; the totals are in its first
/// vector after the last call, which alone may have a `k` that is no multiple of
/// `LANES`.
///
/// Arguments: k, a, b, b_step, state, whether it is the last call.
///
/// # Safety
/// As [`Dots`].
pub type PackedDots<T> =
    unsafe fn(usize, *const T, *const T, usize, &mut [T; MAX_LANES * MAX_LANES], bool);

/// Turns rows of memory into steps: `out[p * width + lane] = data[lane * stride + p]` for one
/// vector of lanes; lanes from `lanes` on repeat the last one. Returns how many steps it did (a
/// multiple of 4); the caller does the rest.
///
/// Arguments: data, stride, lanes, steps, out, width.
///
/// # Safety
/// The machine has the instruction set, `steps` elements of each of `lanes` (> 0) rows are valid
/// for reading, `out` for writing `LANES` elements from each step's start.
pub type Turn<T> = unsafe fn(*const T, usize, usize, usize, *mut T, usize) -> usize;

/// The tiles of one instruction set and float.
pub struct Kernel<T: 'static> {
    /// Floats in a vector; a wide tile has two vectors of columns.
    pub lanes: usize,
    /// Tiles of 1, 2, .. rows, one vector wide.
    pub narrow: &'static [Tile<T>],
    /// Tiles of 1, 2, .. rows, two vectors wide.
    pub wide: &'static [Tile<T>],
    /// Dot products of 1, 2 and 4 rows with 4 columns.
    pub dots: [Dots<T>; 3],
    /// Dot products with a packed panel.
    pub packed_dots: PackedDots<T>,
    /// How rows are turned into steps.
    pub turn: Turn<T>,
}

/// Steps between what is asked for and what is multiplied.
const AHEAD: usize = 12;

/// More elements than any tile has.
pub const MAX_TILE: usize = 14 * 32;

/// # Safety
/// As [`Tile`], and inlined into a function with the features of `V`.
#[inline(always)]
unsafe fn tile_body<V: Vector, const R: usize, const NV: usize>(o: &Operands<V::Elem>) {
    // SAFETY: all reads and writes are within what the contract of `Tile` makes valid.
    unsafe {
        let (c, ldc) = (o.c, o.ldc);
        let mut acc = [[V::zero(); NV]; R];
        let (mut a, mut b) = (o.a, o.b);
        let (a_step, b_step) = (o.a_step, o.b_step);
        // The product is asked for between the steps, a row at a time: all at once would keep the
        // panels waiting. Rows may share a set of the first cache: the second has room for them.
        let (mut left, part) = (o.steps, o.steps / (R + 1) + 1);
        let mut row = c.cast_const();
        while left > 0 {
            V::prefetch_second(row);
            V::prefetch_second(row.wrapping_add(NV * V::LANES - 1));
            row = row.wrapping_add(ldc);
            let steps = part.min(left);
            left -= steps;
            for _ in 0..steps {
                // The first cache does not hold both panels: ask for what comes from the second.
                for v in 0..NV {
                    V::prefetch(b.wrapping_add(AHEAD * b_step + v * V::LANES));
                }
                V::prefetch(a.wrapping_add(AHEAD * a_step));
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
                a = a.wrapping_add(a_step);
                b = b.wrapping_add(b_step);
            }
        }
        for (r, row) in acc.iter().enumerate() {
            for (v, sum) in row.iter().enumerate() {
                let p = c.add(r * ldc + v * V::LANES);
                let sum = if o.accumulate {
                    V::load(p).add(*sum)
                } else {
                    *sum
                };
                sum.store(p);
            }
        }
    }
}

/// # Safety
/// As [`Dots`], and inlined into a function with the features of `V`.
#[inline(always)]
unsafe fn dots_body<V: Vector, const R: usize>(
    k: usize,
    a: &[*const V::Elem; 4],
    b: &[*const V::Elem; 4],
    out: &mut [V::Elem; 16],
) {
    // SAFETY: all reads are within what the contract of `Dots` makes valid.
    unsafe {
        let mut acc = [[V::zero(); 4]; R];
        let whole = k - k % V::LANES;
        let mut p = 0;
        while p < whole {
            let columns: [V; 4] = std::array::from_fn(|c| V::load(b[c].add(p)));
            for (r, row) in acc.iter_mut().enumerate() {
                let value = V::load(a[r].add(p));
                for (sum, column) in row.iter_mut().zip(columns) {
                    *sum = value.mul_add(column, *sum);
                }
            }
            p += V::LANES;
        }
        for (r, row) in acc.iter().enumerate() {
            for (c, sum) in row.iter().enumerate() {
                let mut total = sum.sum_lanes();
                for p in whole..k {
                    total = V::mul_add_one(*a[r].add(p), *b[c].add(p), total);
                }
                out[r * 4 + c] = total;
            }
        }
    }
}

/// # Safety
/// As [`PackedDots`], and inlined into a function with the features of `V`.
#[inline(always)]
unsafe fn packed_dots_body<V: Vector, const L: usize>(
    k: usize,
    a: *const V::Elem,
    b: *const V::Elem,
    b_step: usize,
    state: &mut [V::Elem; MAX_LANES * MAX_LANES],
    last: bool,
) {
    // SAFETY: all reads are within what the contract of `PackedDots` makes valid, and `state` holds L
    // vectors of L <= MAX_LANES lanes.
    unsafe {
        let state = state.as_mut_ptr();
        let mut acc: [V; L] = std::array::from_fn(|l| V::load(state.add(l * L)));
        let whole = k - k % L;
        let mut p = 0;
        while p < whole {
            for (l, sum) in acc.iter_mut().enumerate() {
                let column = V::load(b.add((p + l) * b_step));
                *sum = V::broadcast(a.add(p + l)).mul_add(column, *sum);
            }
            p += L;
        }
        if last {
            let mut width = L / 2;
            while width > 0 {
                for l in 0..width {
                    acc[l] = acc[l].add(acc[l + width]);
                }
                width /= 2;
            }
            for p in whole..k {
                acc[0] = V::broadcast(a.add(p)).mul_add(V::load(b.add(p * b_step)), acc[0]);
            }
        }
        for (l, sum) in acc.iter().enumerate() {
            sum.store(state.add(l * L));
        }
    }
}

/// # Safety
/// As [`Turn`], and inlined into a function with the features of `V`.
#[inline(always)]
unsafe fn turn_body<V: Vector>(
    data: *const V::Elem,
    stride: usize,
    lanes: usize,
    steps: usize,
    out: *mut V::Elem,
    width: usize,
) -> usize {
    let rows: [_; MAX_LANES] =
        std::array::from_fn(|r| data.wrapping_add(r.min(lanes - 1) * stride));
    let whole = steps - steps % 4;
    for p in (0..whole).step_by(4) {
        // SAFETY: the rows have four steps from `p` on, and each step has room for a vector.
        unsafe {
            let steps = V::columns(|r| rows[r].add(p));
            for (i, step) in steps.into_iter().enumerate() {
                step.store(out.add((p + i) * width));
            }
        }
    }
    whole
}

macro_rules! kernel {
    ($name:ident, $t:ident, $v:ty, [$($rows:literal)*] $(, $feature:literal)?) => {
        static $name: Kernel<$t> = {
            $(#[target_feature(enable = $feature)])?
            unsafe fn tile<const R: usize, const NV: usize>(o: &Operands<$t>) {
                // SAFETY: the contract of `Tile`, and the features of this function.
                unsafe { tile_body::<$v, R, NV>(o) }
            }

            $(#[target_feature(enable = $feature)])?
            unsafe fn dots<const R: usize>(
                k: usize,
                a: &[*const $t; 4],
                b: &[*const $t; 4],
                out: &mut [$t; 16],
            ) {
                // SAFETY: the contract of `Dots`, and the features of this function.
                unsafe { dots_body::<$v, R>(k, a, b, out) }
            }

            $(#[target_feature(enable = $feature)])?
            unsafe fn packed_dots(
                k: usize,
                a: *const $t,
                b: *const $t,
                step: usize,
                state: &mut [$t; MAX_LANES * MAX_LANES],
                last: bool,
            ) {
                // SAFETY: the contract of `PackedDots`, and the features of this function.
                unsafe {
                    packed_dots_body::<$v, { <$v>::LANES }>(k, a, b, step, state, last)
                }
            }

            $(#[target_feature(enable = $feature)])?
            unsafe fn turn(
                data: *const $t,
                stride: usize,
                lanes: usize,
                steps: usize,
                out: *mut $t,
                width: usize,
            ) -> usize {
                // SAFETY: the contract of `Turn`, and the features of this function.
                unsafe { turn_body::<$v>(data, stride, lanes, steps, out, width) }
            }

            Kernel {
                lanes: <$v>::LANES,
                narrow: &[$(tile::<$rows, 1>),*],
                wide: &[$(tile::<$rows, 2>),*],
                dots: [dots::<1>, dots::<2>, dots::<4>],
                packed_dots,
                turn,
            }
        };
    };
}

kernel!(F32_PORTABLE, f32, Portable<f32, 4>, [1 2 3 4]);
kernel!(F64_PORTABLE, f64, Portable<f64, 2>, [1 2 3 4]);
#[cfg(target_arch = "x86_64")]
kernel!(F32_AVX2, f32, std::arch::x86_64::__m256, [1 2 3 4 5 6], "avx2,fma");
#[cfg(target_arch = "x86_64")]
kernel!(F64_AVX2, f64, std::arch::x86_64::__m256d, [1 2 3 4 5 6], "avx2,fma");
#[cfg(target_arch = "x86_64")]
kernel!(F32_AVX512, f32, std::arch::x86_64::__m512, [1 2 3 4 5 6 7 8 9 10 11 12 13 14], "avx512f");
#[cfg(target_arch = "x86_64")]
kernel!(F64_AVX512, f64, std::arch::x86_64::__m512d, [1 2 3 4 5 6 7 8 9 10 11 12 13 14], "avx512f");

/// The kernel for an instruction set and float.
pub fn kernel<T: Float>(isa: Isa) -> &'static Kernel<T> {
    match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => of_type(&F32_AVX2, &F64_AVX2),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => of_type(&F32_AVX512, &F64_AVX512),
        _ => of_type(&F32_PORTABLE, &F64_PORTABLE),
    }
}
