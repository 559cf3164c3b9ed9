//! The register tiles of the direct kernel: two vectors of output channels for up to two runs of
//! neighbouring pixels, compiled for each instruction set, float and size.

use crate::Isa;
use crate::simd::{Portable, Vector};

/// What a tile multiplies.
pub(crate) struct TileArgs<T> {
    /// Terms.
    pub(super) terms: usize,
    /// For each term, where its source pixel lies from the tile's first pixel.
    pub(super) offsets: *const u32,
    /// The first pixel of each run; the second one is ignored if there is a single run.
    pub(super) source: [*const T; 2],
    /// Packed weights, `[terms][2 vectors]`.
    pub(super) weights: *const T,
    /// Sums, `[runs][pixels][2 vectors]`.
    pub(super) sums: *mut T,
    /// Whether the tile adds to the sums.
    pub(super) accumulate: bool,
}

/// Computes the tile's sums.
///
/// # Safety
/// The machine has the instruction set of the kernel, and all pointers of the arguments are valid
/// for what they are said to hold.
pub(crate) type Tile<T> = unsafe fn(&TileArgs<T>);

/// The tiles of one instruction set and float.
pub(crate) struct Tiles<T: 'static> {
    /// Floats in a vector.
    pub(super) lanes: usize,
    /// Tiles with runs of 1, 2, .. pixels: with one and with two runs.
    pub(super) by_pixels: &'static [[Tile<T>; 2]],
}

/// A float for which there are tiles.
pub trait HasTiles: Sized + 'static {
    /// The tiles for an instruction set.
    #[doc(hidden)]
    #[allow(private_interfaces)]
    fn tiles(isa: Isa) -> &'static Tiles<Self>;
}

/// # Safety
/// As [`Tile`], and inlined into a function with the features of `V`.
#[inline(always)]
unsafe fn tile_body<V: Vector, const PIXELS: usize, const RUNS: usize>(args: &TileArgs<V::Elem>) {
    // SAFETY: all reads and writes are within what the contract of `Tile` makes valid.
    unsafe {
        let [first, second] = args.source;
        let mut acc = [[[V::zero(); 2]; PIXELS]; RUNS];
        let mut weights = args.weights;
        for term in 0..args.terms {
            let offset = *args.offsets.add(term) as usize;
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
        for (pixel, sums) in acc.iter().flatten().enumerate() {
            for (v, sum) in sums.iter().enumerate() {
                let p = args.sums.add((2 * pixel + v) * V::LANES);
                let sum = if args.accumulate {
                    V::load(p).add(*sum)
                } else {
                    *sum
                };
                sum.store(p);
            }
        }
    }
}

macro_rules! tiles {
    ($name:ident, $t:ident, $v:ty, [$($pixels:literal)*] $(, $feature:literal)?) => {
        mod $name {
            use super::*;

            $(#[target_feature(enable = $feature)])?
            unsafe fn tile<const PIXELS: usize, const RUNS: usize>(args: &TileArgs<$t>) {
                // SAFETY: the contract of `Tile`, and the features of this function.
                unsafe { tile_body::<$v, PIXELS, RUNS>(args) }
            }

            pub(super) static TILES: Tiles<$t> = Tiles {
                lanes: <$v>::LANES,
                by_pixels: &[$([tile::<$pixels, 1>, tile::<$pixels, 2>]),*],
            };
        }
    };
}

tiles!(f32_portable, f32, Portable<f32, 4>, [1 2]);
tiles!(f64_portable, f64, Portable<f64, 2>, [1 2]);
#[cfg(target_arch = "x86_64")]
tiles!(f32_avx2, f32, std::arch::x86_64::__m256, [1 2 3], "avx2,fma");
#[cfg(target_arch = "x86_64")]
tiles!(f64_avx2, f64, std::arch::x86_64::__m256d, [1 2 3], "avx2,fma");
#[cfg(target_arch = "x86_64")]
tiles!(f32_avx512, f32, std::arch::x86_64::__m512, [1 2 3 4 5 6 7], "avx512f");
#[cfg(target_arch = "x86_64")]
tiles!(f64_avx512, f64, std::arch::x86_64::__m512d, [1 2 3 4 5 6 7], "avx512f");

macro_rules! has_tiles {
    ($t:ident, $portable:ident, $avx2:ident, $avx512:ident) => {
        impl HasTiles for $t {
            #[allow(private_interfaces)]
            fn tiles(isa: Isa) -> &'static Tiles<$t> {
                match isa {
                    #[cfg(target_arch = "x86_64")]
                    Isa::Avx2 => &$avx2::TILES,
                    #[cfg(target_arch = "x86_64")]
                    Isa::Avx512 => &$avx512::TILES,
                    _ => &$portable::TILES,
                }
            }
        }
    };
}
has_tiles!(f32, f32_portable, f32_avx2, f32_avx512);
has_tiles!(f64, f64_portable, f64_avx2, f64_avx512);
