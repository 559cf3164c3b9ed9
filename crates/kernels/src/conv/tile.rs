//! The register tiles of the direct kernels, compiled for each instruction set, float and size:
//! two vectors of output channels for a few pixels, or, in the gradient of the weights, for a few
//! of the values that the weights multiply.

use super::packing::Packing;
use crate::float::of_type;
use crate::simd::{Portable, Vector};
use crate::{Float, Isa};

/// What a tile multiplies.
pub(super) struct TileArgs<T> {
    /// Terms.
    pub(super) terms: usize,
    /// For each term, where its source pixel lies from the tile's first pixel.
    pub(super) offsets: *const u32,
    /// The first pixel of each run; the second one is ignored if there is a single run.
    pub(super) source: [*const T; 2],
    /// Packed weights, `[terms][2 vectors]`.
    pub(super) weights: *const T,
    /// Weights that will be needed soon, of which each term asks for the next `coming_step` floats.
    /// They are not read, so any address will do.
    pub(super) coming: *const T,
    pub(super) coming_step: usize,
    /// The sums of each run's first pixel, 2 vectors; the second one is as that of the source.
    pub(super) sums: [*mut T; 2],
    /// From a pixel's sums to those of the next one.
    pub(super) sums_stride: usize,
    /// Whether the tile adds to the sums.
    pub(super) accumulate: bool,
}

/// Computes the tile's sums.
///
/// # Safety
/// The machine has the instruction set of the kernel, and all pointers of the arguments are valid
/// for what they are said to hold.
pub(super) type Tile<T> = unsafe fn(&TileArgs<T>);

/// What a tile of the gradient of the weights multiplies.
pub(super) struct WeightTileArgs<T> {
    /// Lines of pixels.
    pub(super) lines: usize,
    /// Pixels of a line.
    pub(super) pixels: usize,
    /// Where each line begins in the source, from the tile's first value.
    pub(super) offsets: *const usize,
    /// The tile's first value for offset 0; the others follow it.
    pub(super) source: *const T,
    /// From a pixel's values to those of the next one.
    pub(super) pixel_stride: usize,
    /// The output's gradient, `[lines][pixels][2 vectors]`.
    pub(super) grad: *const T,
    /// Sums, `[values][2 vectors]`.
    pub(super) sums: *mut T,
    /// Whether the tile adds to the sums.
    pub(super) accumulate: bool,
}

/// Computes the tile's sums over pixels.
///
/// # Safety
/// The machine has the instruction set of the kernel, and all pointers of the arguments are valid
/// for what they are said to hold.
pub(super) type WeightTile<T> = unsafe fn(&WeightTileArgs<T>);

/// [`Packing::pack`].
///
/// # Safety
/// The machine has the instruction set of the kernel.
pub(super) type Pack<T> = unsafe fn(&Packing, &[T], &mut [T]);

/// The tiles of one instruction set and float.
pub(super) struct Tiles<T: 'static> {
    /// Floats in a vector.
    pub(super) lanes: usize,
    /// Tiles with runs of 1, 2, .. pixels: with one and with two runs.
    pub(super) by_pixels: &'static [[Tile<T>; 2]],
    /// Tiles of the gradient of the weights, with 2, 4, .. values.
    pub(super) by_values: &'static [WeightTile<T>],
    /// How a channel is packed.
    pub(super) pack: Pack<T>,
}

/// Terms, or pixels, between what is asked for and what is multiplied.
const AHEAD: usize = 8;

/// # Safety
/// As [`Tile`], and inlined into a function with the features of `V`.
#[inline(always)]
unsafe fn tile_body<V: Vector, const PIXELS: usize, const RUNS: usize>(args: &TileArgs<V::Elem>) {
    // SAFETY: all reads and writes are within what the contract of `Tile` makes valid.
    unsafe {
        let [first, second] = args.source;
        let mut acc = [[[V::zero(); 2]; PIXELS]; RUNS];
        let mut weights = args.weights;
        let mut coming = args.coming;
        for term in 0..args.terms {
            let offset = *args.offsets.add(term) as usize;
            // The weights of a block come from the second cache.
            for v in [0, 1] {
                V::prefetch(weights.wrapping_add((2 * AHEAD + v) * V::LANES));
            }
            V::prefetch_second(coming);
            coming = coming.wrapping_add(args.coming_step);
            let w = [V::load(weights), V::load(weights.add(V::LANES))];
            for (run, acc) in acc.iter_mut().enumerate() {
                let source = if run == 0 { first } else { second }.add(offset);
                for (pixel, sums) in acc.iter_mut().enumerate() {
                    let value = V::broadcast(source.add(pixel));
                    sums[0] = value.mul_add(w[0], sums[0]);
                    sums[1] = value.mul_add(w[1], sums[1]);
                }
            }
            weights = weights.add(2 * V::LANES);
        }
        for (run, acc) in acc.iter().enumerate() {
            let mut sums = args.sums[run];
            for pair in acc {
                store(std::array::from_ref(pair), sums, args.accumulate);
                sums = sums.wrapping_add(args.sums_stride);
            }
        }
    }
}

/// Writes registers to `sums`, or adds them to what is there.
///
/// # Safety
/// `sums` is valid for reading and writing all of them; inlined as [`tile_body`].
#[inline(always)]
unsafe fn store<V: Vector, const N: usize>(
    acc: &[[V; 2]; N],
    sums: *mut V::Elem,
    accumulate: bool,
) {
    for (i, pair) in acc.iter().enumerate() {
        for (v, sum) in pair.iter().enumerate() {
            // SAFETY: by the contract.
            unsafe {
                let p = sums.add((2 * i + v) * V::LANES);
                if accumulate {
                    V::load(p).add(*sum).store(p);
                } else {
                    sum.store(p);
                }
            }
        }
    }
}

/// # Safety
/// As [`WeightTile`], and inlined into a function with the features of `V`.
#[inline(always)]
unsafe fn weight_tile_body<V: Vector, const VALUES: usize>(args: &WeightTileArgs<V::Elem>) {
    // SAFETY: all reads and writes are within what the contract of `WeightTile` makes valid.
    unsafe {
        let mut acc = [[V::zero(); 2]; VALUES];
        let mut grad = args.grad;
        for line in 0..args.lines {
            let mut source = args.source.add(*args.offsets.add(line));
            for _ in 0..args.pixels {
                for v in [0, 1] {
                    V::prefetch(grad.wrapping_add((2 * AHEAD + v) * V::LANES));
                }
                V::prefetch(source.wrapping_add(AHEAD * args.pixel_stride));
                let g = [V::load(grad), V::load(grad.add(V::LANES))];
                for (value, sums) in acc.iter_mut().enumerate() {
                    let value = V::broadcast(source.add(value));
                    sums[0] = value.mul_add(g[0], sums[0]);
                    sums[1] = value.mul_add(g[1], sums[1]);
                }
                grad = grad.add(2 * V::LANES);
                source = source.wrapping_add(args.pixel_stride);
            }
        }
        store(&acc, args.sums, args.accumulate);
    }
}

macro_rules! tiles {
    ($name:ident, $t:ident, $v:ty, [$($pixels:literal)*] [$($values:literal)*]
     $(, $feature:literal)?) => {
        static $name: Tiles<$t> = {
            $(#[target_feature(enable = $feature)])?
            unsafe fn tile<const PIXELS: usize, const RUNS: usize>(args: &TileArgs<$t>) {
                // SAFETY: the contract of `Tile`, and the features of this function.
                unsafe { tile_body::<$v, PIXELS, RUNS>(args) }
            }

            $(#[target_feature(enable = $feature)])?
            unsafe fn weight_tile<const VALUES: usize>(args: &WeightTileArgs<$t>) {
                // SAFETY: the contract of `WeightTile`, and the features of this function.
                unsafe { weight_tile_body::<$v, VALUES>(args) }
            }

            $(#[target_feature(enable = $feature)])?
            unsafe fn pack(packing: &Packing, source: &[$t], packed: &mut [$t]) {
                // SAFETY: the features of this function.
                unsafe { packing.pack::<$t, $v>(source, packed) }
            }

            Tiles {
                lanes: <$v>::LANES,
                by_pixels: &[$([tile::<$pixels, 1>, tile::<$pixels, 2>]),*],
                by_values: &[$(weight_tile::<$values>),*],
                pack,
            }
        };
    };
}

tiles!(F32_PORTABLE, f32, Portable<f32, 4>, [1 2] [2 4]);
tiles!(F64_PORTABLE, f64, Portable<f64, 2>, [1 2] [2 4]);
#[cfg(target_arch = "x86_64")]
tiles!(F32_AVX2, f32, std::arch::x86_64::__m256, [1 2 3] [2 4 6], "avx2,fma");
#[cfg(target_arch = "x86_64")]
tiles!(F64_AVX2, f64, std::arch::x86_64::__m256d, [1 2 3] [2 4 6], "avx2,fma");
#[cfg(target_arch = "x86_64")]
tiles!(F32_AVX512, f32, std::arch::x86_64::__m512, [1 2 3 4 5 6 7] [2 4 6 8 10 12 14], "avx512f");
#[cfg(target_arch = "x86_64")]
tiles!(F64_AVX512, f64, std::arch::x86_64::__m512d, [1 2 3 4 5 6 7] [2 4 6 8 10 12 14], "avx512f");

/// The tiles for an instruction set and float.
pub(super) fn tiles<T: Float>(isa: Isa) -> &'static Tiles<T> {
    match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => of_type(&F32_AVX2, &F64_AVX2),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => of_type(&F32_AVX512, &F64_AVX512),
        _ => of_type(&F32_PORTABLE, &F64_PORTABLE),
    }
}
