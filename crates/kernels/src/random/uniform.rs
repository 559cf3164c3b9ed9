//! Uniform floats in `[from, to)`, bit for bit those of PyTorch's `uniform_`.
//!
//! A word gives 24 random bits to an f32, two words give 53 to an f64, always the low ones. The
//! affine map rounds once; a value that rounds up to `to` becomes `from`, so the interval stays
//! half open.

use half::slice::HalfFloatSliceExt;
use half::{bf16, f16};

use super::BATCH;
use super::mt19937::{Mt19937, join, temper};
use crate::{Isa, Loop};

/// 2^-24, the distance of neighbouring f32 uniforms.
const STEP_F32: f32 = 1.0 / 16_777_216.0;

/// 2^-53, the distance of neighbouring f64 uniforms.
pub(super) const STEP_F64: f64 = 1.0 / 9_007_199_254_740_992.0;

/// Fills `out` with uniform values in `[from, to)`, one word an element.
///
/// ```
/// use pleach_kernels::random::{mt19937::Mt19937, uniform};
///
/// let mut values = [0.0; 2];
/// uniform::fill_f32(&mut Mt19937::new(42), &mut values, -1.0, 1.0);
/// assert_eq!(values, [0.7645385, 0.8300079]);
/// ```
pub fn fill_f32(engine: &mut Mt19937, out: &mut [f32], from: f32, to: f32) {
    Isa::current().run(FillF32 {
        engine,
        out,
        from,
        to,
    });
}

/// Fills `out` with uniform values in `[from, to)`, two words an element.
///
/// ```
/// use pleach_kernels::random::{mt19937::Mt19937, uniform};
///
/// let mut values = [0.0];
/// uniform::fill_f64(&mut Mt19937::new(42), &mut values, 0.0, 1.0);
/// assert_eq!(values, [0.05815448596142969]);
/// ```
pub fn fill_f64(engine: &mut Mt19937, out: &mut [f64], from: f64, to: f64) {
    let mut words = [0; 2 * BATCH];
    for out in out.chunks_mut(BATCH) {
        let words = &mut words[..2 * out.len()];
        engine.fill_words(words);
        Isa::current().run(ConvertF64 {
            words,
            out,
            from,
            to,
        });
    }
}

/// Fills `out` with uniform values in `[from, to)`: f32 values, one word an element, that are then
/// rounded.
pub fn fill_f16(engine: &mut Mt19937, out: &mut [f16], from: f32, to: f32) {
    fill_half(engine, out, from, to, f16::from_f32);
}

/// Fills `out` with uniform values in `[from, to)`: f32 values, one word an element, that are then
/// rounded.
pub fn fill_bf16(engine: &mut Mt19937, out: &mut [bf16], from: f32, to: f32) {
    fill_half(engine, out, from, to, bf16::from_f32);
}

fn fill_half<T: Copy + PartialEq>(
    engine: &mut Mt19937,
    out: &mut [T],
    from: f32,
    to: f32,
    round: impl Fn(f32) -> T,
) where
    [T]: HalfFloatSliceExt,
{
    let (rounded_from, rounded_to) = (round(from), round(to));
    let mut values = [0.0; BATCH];
    for out in out.chunks_mut(BATCH) {
        let values = &mut values[..out.len()];
        fill_f32(engine, values, from, to);
        out.convert_from_f32_slice(values);
        for out in out {
            // Rounding to fewer bits may reach `to` again.
            if *out == rounded_to {
                *out = rounded_from;
            }
        }
    }
}

/// [`fill_f32`] as a loop, for loops that go on with the values.
pub(super) struct FillF32<'a> {
    pub(super) engine: &'a mut Mt19937,
    pub(super) out: &'a mut [f32],
    pub(super) from: f32,
    pub(super) to: f32,
}

impl Loop for FillF32<'_> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let FillF32 {
            engine,
            out,
            from,
            to,
        } = self;
        let width = to - from;
        let step = width * STEP_F32;
        // Scaling by a power of two is exact short of underflow, so the fused step rounds as the
        // scaled one does; and values grow with the word, so if the greatest stays below `to`
        // none has to be compared.
        if step / STEP_F32 == width && width >= 0.0 && MOST.mul_add(step, from) < to {
            fill(engine, out, |word| low_24(word).mul_add(step, from));
        } else {
            fill(engine, out, |word| {
                let value = (low_24(word) * STEP_F32).mul_add(width, from);
                if value == to { from } else { value }
            });
        }
    }
}

/// The greatest 24-bit number.
const MOST: f32 = 16_777_215.0;

/// The low 24 bits of a word, as a number.
#[inline(always)]
fn low_24(word: u32) -> f32 {
    // 24 bits fit the positive half of an i32, which converts faster than a u32.
    (word & 0x00ff_ffff) as i32 as f32
}

/// One value of each word.
#[inline(always)]
fn fill(engine: &mut Mt19937, mut out: &mut [f32], convert: impl Fn(u32) -> f32) {
    while !out.is_empty() {
        let words = engine.take(out.len());
        let (now, later) = out.split_at_mut(words.len());
        for (out, &word) in now.iter_mut().zip(words) {
            *out = convert(temper(word));
        }
        out = later;
    }
}

struct ConvertF64<'a> {
    /// Two for each element of `out`.
    words: &'a [u32],
    out: &'a mut [f64],
    from: f64,
    to: f64,
}

impl Loop for ConvertF64<'_> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let ConvertF64 { from, to, .. } = self;
        let width = to - from;
        for (out, pair) in self.out.iter_mut().zip(self.words.as_chunks().0) {
            let &[high, low] = pair;
            let value = unit_f64(high, low).mul_add(width, from);
            *out = if value == to { from } else { value };
        }
    }
}

/// One uniform value in `[0, 1)`, of two words.
///
/// ```
/// use pleach_kernels::random::{mt19937::Mt19937, uniform};
///
/// assert_eq!(uniform::sample_f64(&mut Mt19937::new(42)), 0.05815448596142969);
/// ```
#[inline]
pub fn sample_f64(engine: &mut Mt19937) -> f64 {
    unit_f64(engine.word(), engine.word())
}

/// One uniform value in `[0, 1)`, of one word.
///
/// ```
/// use pleach_kernels::random::{mt19937::Mt19937, uniform};
///
/// assert_eq!(uniform::sample_f32(&mut Mt19937::new(42)), 0.88226926);
/// ```
#[inline]
pub fn sample_f32(engine: &mut Mt19937) -> f32 {
    low_24(engine.word()) * STEP_F32
}

#[inline(always)]
fn unit_f64(high: u32, low: u32) -> f64 {
    low_53(high, low) as f64 * STEP_F64
}

/// The low 53 bits of two words.
#[inline(always)]
pub(super) fn low_53(high: u32, low: u32) -> u64 {
    join(high, low) & ((1 << 53) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seed_42_gives_pytorchs_rand() {
        let mut single = [0.0; 4];
        fill_f32(&mut Mt19937::new(42), &mut single, 0.0, 1.0);
        assert_eq!(
            single.map(f32::to_bits),
            [0x3f61_dc66, 0x3f6a_3db3, 0x3ec4_06b8, 0x3f75_950e]
        );
        let mut double = [0.0; 3];
        fill_f64(&mut Mt19937::new(42), &mut double, 0.0, 1.0);
        assert_eq!(
            double.map(f64::to_bits),
            [
                0x3fad_c66c_bea3_db30,
                0x3fb0_1ae1_77ac_a870,
                0x3fbf_a356_3cce_a238
            ]
        );
    }

    #[test]
    fn the_upper_bound_is_never_reached() {
        let next_up = 1.0f32.next_up();
        let mut values = [0.0; 100];
        fill_f32(&mut Mt19937::new(1), &mut values, 1.0, next_up);
        assert_eq!(values, [1.0; 100]);

        let mut halves = [f16::ZERO; 10_000];
        fill_f16(&mut Mt19937::new(1), &mut halves, 0.0, 1.0);
        assert!(halves.iter().all(|&value| value < f16::ONE));
        assert!(halves.contains(&f16::ZERO));
    }

    #[test]
    fn the_short_way_rounds_as_the_definition() {
        let mut words = [0; 2000];
        Mt19937::new(2).fill_words(&mut words);
        // Three widths underflow when scaled or let values round up to the bound.
        for (from, to) in [
            (0.0f32, 1.0),
            (-0.1, 0.3),
            (-1e30, 2e38),
            (0.0, 1e-40),
            (-3e-39, 2e-42),
            (1.0, 1.0 + 4.0 * f32::EPSILON),
        ] {
            let mut values = [0.0; 2000];
            fill_f32(&mut Mt19937::new(2), &mut values, from, to);
            for (value, word) in values.into_iter().zip(words) {
                let unit = (word & 0x00ff_ffff) as f32 * STEP_F32;
                let expected = unit.mul_add(to - from, from);
                let expected = if expected == to { from } else { expected };
                assert_eq!(value.to_bits(), expected.to_bits(), "{from} {to}");
            }
        }
    }

    #[test]
    fn a_width_of_zero_draws_all_the_same() {
        let mut engine = Mt19937::new(1);
        let mut values = [0.0; 5];
        fill_f64(&mut engine, &mut values, 2.5, 2.5);
        assert_eq!(values, [2.5; 5]);
        assert_eq!(engine.position(), 10);
    }

    #[test]
    fn an_empty_slice_draws_nothing() {
        let mut engine = Mt19937::new(1);
        fill_f32(&mut engine, &mut [], 0.0, 1.0);
        fill_f64(&mut engine, &mut [], 0.0, 1.0);
        fill_f16(&mut engine, &mut [], 0.0, 1.0);
        fill_bf16(&mut engine, &mut [], 0.0, 1.0);
        assert_eq!(engine, Mt19937::new(1));
    }

    #[test]
    fn every_instruction_set_gives_the_same_bits() {
        let mut words = [0; 2000];
        Mt19937::new(9).fill_words(&mut words);
        let single = |isa: Isa| {
            let mut out = [0.0; 1000];
            isa.run(FillF32 {
                engine: &mut Mt19937::new(9),
                out: &mut out,
                from: -0.3,
                to: 0.7,
            });
            out.map(f32::to_bits)
        };
        let double = |isa: Isa| {
            let mut out = [0.0; 1000];
            isa.run(ConvertF64 {
                words: &words,
                out: &mut out,
                from: -0.3,
                to: 0.7,
            });
            out.map(f64::to_bits)
        };
        for isa in Isa::available() {
            assert_eq!(single(isa), single(Isa::Scalar), "{isa:?}");
            assert_eq!(double(isa), double(Isa::Scalar), "{isa:?}");
        }
    }
}
