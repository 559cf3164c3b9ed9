//! Normal floats, bit for bit those of PyTorch's `normal_`.
//!
//! PyTorch has two ways. A contiguous tensor of [`BLOCK`] or more elements is filled with uniforms
//! which are then transformed in blocks of 16, eight radii followed by eight angles (`fill_*`);
//! every other tensor gets one sample after the other, computed in f64, the second of each pair
//! waiting in the generator's cache ([`fill_serial`]). The two give different numbers.

use std::f64::consts::TAU;

use half::slice::HalfFloatSliceExt;
use half::{bf16, f16};

use super::BATCH;
pub use super::box_muller::BLOCK;
use super::box_muller::transform_f32;
use super::mt19937::Mt19937;
use super::uniform;
use crate::{for_each_chunk_mut, num_threads};

/// Fills `out` in blocks with normal values, one word an element and 16 more if the length is no
/// multiple of 16.
///
/// # Panics
///
/// If `out` has fewer than [`BLOCK`] elements, which is not the block fill's business.
///
/// ```
/// use pleach_kernels::random::{mt19937::Mt19937, normal};
///
/// let mut values = [0.0; 16];
/// normal::fill_f32(&mut Mt19937::new(42), &mut values, 0.0, 1.0);
/// assert_eq!(values[..2], [1.9269153, 1.4872841]); // torch.manual_seed(42); torch.randn(16)
/// ```
pub fn fill_f32(engine: &mut Mt19937, out: &mut [f32], mean: f32, std: f32) {
    fill_blocks(
        out,
        |values| uniform::fill_f32(engine, values, 0.0, 1.0),
        |blocks| transform_f32(blocks, mean, std),
    );
}

/// Fills `out` in blocks with normal values, two words an element and 32 more if the length is no
/// multiple of 16.
///
/// # Panics
///
/// If `out` has fewer than [`BLOCK`] elements.
pub fn fill_f64(engine: &mut Mt19937, out: &mut [f64], mean: f64, std: f64) {
    fill_blocks(
        out,
        |values| uniform::fill_f64(engine, values, 0.0, 1.0),
        |blocks| transform_f64(blocks, mean, std),
    );
}

/// Fills `out` in blocks with f32 normal values that are then rounded. A last incomplete block is
/// drawn only once, as the last 16 elements.
///
/// # Panics
///
/// If `out` has fewer than [`BLOCK`] elements.
pub fn fill_f16(engine: &mut Mt19937, out: &mut [f16], mean: f32, std: f32) {
    fill_half_blocks(engine, out, mean, std);
}

/// Fills `out` in blocks with f32 normal values that are then rounded. A last incomplete block is
/// drawn only once, as the last 16 elements.
///
/// # Panics
///
/// If `out` has fewer than [`BLOCK`] elements.
pub fn fill_bf16(engine: &mut Mt19937, out: &mut [bf16], mean: f32, std: f32) {
    fill_half_blocks(engine, out, mean, std);
}

/// Fills `out` one by one with normal values, which `round` takes from f64 to the element type.
///
/// Two elements take eight words. `cache` holds the unscaled second sample of the last pair, if it
/// has not been used; it belongs to the generator, whatever the element type.
///
/// ```
/// use pleach_kernels::random::{mt19937::Mt19937, normal};
///
/// let mut cache = None;
/// let mut values = [0.0; 3];
/// normal::fill_serial(&mut Mt19937::new(42), &mut cache, &mut values, 0.0, 1.0, |x| x as f32);
/// assert_eq!(values, [0.33669037, 0.1288094, 0.23446237]); // torch.randn(3)
/// assert!(cache.is_some());
/// ```
pub fn fill_serial<T>(
    engine: &mut Mt19937,
    cache: &mut Option<f64>,
    out: &mut [T],
    mean: f64,
    std: f64,
    round: impl Fn(f64) -> T,
) {
    for out in out {
        let sample = cache.take().unwrap_or_else(|| {
            let (first, second) = sample_pair(engine);
            *cache = Some(second);
            first
        });
        *out = round(sample.mul_add(std, mean));
    }
}

/// Two independent standard normal samples. Unlike in the block transform, the first uniform is
/// the angle.
fn sample_pair(engine: &mut Mt19937) -> (f64, f64) {
    let angle = TAU * uniform::sample_f64(engine);
    let radius = (-2.0 * (-uniform::sample_f64(engine)).ln_1p()).sqrt();
    (radius * angle.cos(), radius * angle.sin())
}

/// Elements drawn at once if several threads can transform them: few enough for the second-level
/// cache, enough to be worth sharing.
const SHARED: usize = 64 * BATCH;

/// The order of draws common to f32 and f64: uniforms for all elements, whole blocks transformed,
/// then the last 16 elements drawn and transformed afresh if they end no whole block.
///
/// Only the calling thread draws. Blocks are transformed one by one, so it does not matter where.
fn fill_blocks<T: Send>(
    out: &mut [T],
    mut fill_uniform: impl FnMut(&mut [T]),
    transform: impl Fn(&mut [T]) + Sync,
) {
    assert!(out.len() >= BLOCK, "a block fill needs {BLOCK} elements");
    let drawn = if num_threads() > 1 { SHARED } else { BATCH };
    for part in out.chunks_mut(drawn) {
        fill_uniform(part);
        let whole = part.len() / BLOCK * BLOCK;
        for_each_chunk_mut(&mut part[..whole], 4 * BATCH, |_, blocks| transform(blocks));
    }
    if !out.len().is_multiple_of(BLOCK) {
        let start = out.len() - BLOCK;
        fill_uniform(&mut out[start..]);
        transform(&mut out[start..]);
    }
}

/// The order of draws of the half types: one block after the other, the last one overlapping its
/// predecessor if the length is no multiple of 16.
fn fill_half_blocks<T>(engine: &mut Mt19937, out: &mut [T], mean: f32, std: f32)
where
    [T]: HalfFloatSliceExt,
{
    assert!(out.len() >= BLOCK, "a block fill needs {BLOCK} elements");
    let mut values = [0.0; BATCH];
    let mut fill_whole = |out: &mut [T]| {
        let values = &mut values[..out.len()];
        uniform::fill_f32(engine, values, 0.0, 1.0);
        transform_f32(values, mean, std);
        out.convert_from_f32_slice(values);
    };
    let whole = out.len() / BLOCK * BLOCK;
    out[..whole].chunks_mut(BATCH).for_each(&mut fill_whole);
    if whole < out.len() {
        let start = out.len() - BLOCK;
        fill_whole(&mut out[start..]);
    }
}

/// Box-Muller on whole blocks of f64 uniforms, in place, with the functions of the C library.
fn transform_f64(blocks: &mut [f64], mean: f64, std: f64) {
    for block in blocks.chunks_exact_mut(BLOCK) {
        let (first, second) = block.split_at_mut(BLOCK / 2);
        for (first, second) in first.iter_mut().zip(second) {
            let radius = (-2.0 * (1.0 - *first).ln()).sqrt();
            let angle = TAU * *second;
            *first = (radius * angle.cos()).mul_add(std, mean);
            *second = (radius * angle.sin()).mul_add(std, mean);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seed_42_gives_pytorchs_serial_randn() {
        let mut values = [0.0; 3];
        let mut cache = None;
        fill_serial(
            &mut Mt19937::new(42),
            &mut cache,
            &mut values,
            0.0,
            1.0,
            |x| x,
        );
        let expected: [u64; 3] = [
            0x3fd5_8c55_b33d_44cc,
            0x3fc0_7cd3_9b3d_4b85,
            0x3fce_02dc_db63_ec41,
        ];
        assert_eq!(values.map(f64::to_bits), expected);
    }

    #[test]
    fn the_cache_carries_the_second_sample_to_the_next_fill() {
        let mut whole = [0.0; 5];
        fill_serial(&mut Mt19937::new(1), &mut None, &mut whole, 2.0, 3.0, |x| x);
        let (mut engine, mut cache) = (Mt19937::new(1), None);
        let mut parts = [0.0; 5];
        for part in parts.chunks_mut(3) {
            fill_serial(&mut engine, &mut cache, part, 2.0, 3.0, |x| x);
        }
        assert_eq!(parts, whole);
        assert_eq!(engine.position(), 12);
    }

    #[test]
    fn an_incomplete_block_is_drawn_a_second_time() {
        let words_taken = |length: usize, half: bool| {
            let mut engine = Mt19937::new(1);
            if half {
                fill_bf16(&mut engine, &mut vec![bf16::ZERO; length], 0.0, 1.0);
            } else {
                fill_f32(&mut engine, &mut vec![0.0; length], 0.0, 1.0);
            }
            engine.position()
        };
        assert_eq!(words_taken(16, false), 16);
        assert_eq!(words_taken(17, false), 33);
        assert_eq!(words_taken(40, false), 56);
        assert_eq!(words_taken(40, true), 48);
    }

    #[test]
    fn batches_leave_no_trace() {
        let length = 2 * BATCH + 21;
        let mut values = vec![0.0; length];
        fill_f32(&mut Mt19937::new(1), &mut values, 0.5, 2.0);

        let mut engine = Mt19937::new(1);
        let mut expected = vec![0.0; length];
        uniform::fill_f32(&mut engine, &mut expected, 0.0, 1.0);
        transform_f32(&mut expected[..length / BLOCK * BLOCK], 0.5, 2.0);
        let last = &mut expected[length - BLOCK..];
        uniform::fill_f32(&mut engine, last, 0.0, 1.0);
        transform_f32(last, 0.5, 2.0);
        assert_eq!(values, expected);
    }

    #[test]
    fn the_number_of_threads_changes_nothing() {
        let fill = |threads: usize| {
            crate::set_num_threads(threads);
            let (mut engine, mut values) = (Mt19937::new(4), vec![0.0; 2 * SHARED + 9 * BATCH + 5]);
            fill_f32(&mut engine, &mut values, -1.0, 3.0);
            let mut double = vec![0.0; SHARED + 2 * BATCH + 17];
            fill_f64(&mut engine, &mut double, -1.0, 3.0);
            (engine, values, double)
        };
        let before = num_threads();
        let alone = fill(1);
        for threads in [2, 3] {
            assert!(fill(threads) == alone, "{threads} threads");
        }
        crate::set_num_threads(before);
    }

    #[test]
    fn half_blocks_are_rounded_f32_blocks() {
        let mut single = [0.0; 32];
        fill_f32(&mut Mt19937::new(3), &mut single, 0.1, 2.0);
        let mut halves = [f16::ZERO; 32];
        fill_f16(&mut Mt19937::new(3), &mut halves, 0.1, 2.0);
        assert_eq!(halves, single.map(f16::from_f32));
    }
}
