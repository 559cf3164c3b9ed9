//! Draws of zero and one, bit for bit those of PyTorch's `bernoulli_(p)`.

use super::mt19937::{Mt19937, temper};
use super::uniform::{STEP_F64, low_53};
use crate::{Isa, Loop};

/// Sets the elements of `out` for which an f64 uniform is below `p`; two words an element.
///
/// ```
/// use pleach_kernels::random::{bernoulli, mt19937::Mt19937};
///
/// let mut coins = [false; 4];
/// bernoulli::fill(&mut Mt19937::new(42), &mut coins, 0.1);
/// assert_eq!(coins, [true, true, false, true]); // of the uniforms 0.058, 0.063, 0.124, 0.053
/// ```
pub fn fill(engine: &mut Mt19937, out: &mut [bool], p: f64) {
    let bound = bound(p);
    Isa::current().run(Fill { engine, out, bound });
}

/// How many 53-bit integers `u` have `u * 2^-53 < p`: those below the result have it.
///
/// Scaling by 2^53 is exact, so that is `u < p * 2^53`; and an integer is below a number if and only
/// if it is below that number rounded up.
fn bound(p: f64) -> u64 {
    (p / STEP_F64).ceil() as u64
}

struct Fill<'a> {
    engine: &'a mut Mt19937,
    out: &'a mut [bool],
    bound: u64,
}

impl Loop for Fill<'_> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let Fill { engine, bound, .. } = self;
        let mut out = self.out;
        while !out.is_empty() {
            let (pairs, odd) = engine.take(2 * out.len()).as_chunks();
            let odd = odd.first().map(|&high| temper(high));
            let (now, mut later) = out.split_at_mut(pairs.len());
            compare(pairs, now, bound);
            // A pair whose first word ends a block.
            if let Some(high) = odd
                && let Some(out) = later.split_off_first_mut()
            {
                let low = temper(engine.take(1)[0]);
                *out = low_53(high, low) < bound;
            }
            out = later;
        }
    }
}

/// Whether the low 53 bits of each pair of untempered words are below `bound`.
#[inline(always)]
fn compare(pairs: &[[u32; 2]], out: &mut [bool], bound: u64) {
    // The upper 21 bits decide, unless they are equal, once in two million draws.
    let bound_high = (bound >> 32) as u32;
    let mut undecided = false;
    for (out, &[high, _]) in out.iter_mut().zip(pairs) {
        let high = low_53(temper(high), 0) >> 32;
        undecided |= high as u32 == bound_high;
        *out = (high as u32) < bound_high;
    }
    if undecided {
        for (out, &[high, low]) in out.iter_mut().zip(pairs) {
            *out = low_53(temper(high), temper(low)) < bound;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::uniform;

    #[test]
    fn every_instruction_set_gives_the_comparison_of_uniforms() {
        // An odd number of words drawn before makes pairs straddle blocks.
        for drawn in [0, 1, 623] {
            let mut start = Mt19937::new(11);
            start.fill_words(&mut vec![0; drawn]);
            let mut uniforms = [0.0; 2000];
            let mut after = start.clone();
            uniform::fill_f64(&mut after, &mut uniforms, 0.0, 1.0);
            for p in [0.3, uniforms[77], uniforms[77].next_up(), uniforms[1999]] {
                for isa in Isa::available() {
                    let (mut engine, mut coins) = (start.clone(), [false; 2000]);
                    isa.run(Fill {
                        engine: &mut engine,
                        out: &mut coins,
                        bound: bound(p),
                    });
                    let expected = uniforms.map(|u| u < p);
                    assert!(coins == expected, "{isa:?}, p = {p}, {drawn} words before");
                    assert_eq!(engine, after, "{isa:?}");
                }
            }
        }
    }

    #[test]
    fn equals_the_comparison_of_uniforms() {
        let mut uniforms = [0.0; 3000];
        uniform::fill_f64(&mut Mt19937::new(5), &mut uniforms, 0.0, 1.0);
        for p in [0.0, 1e-300, 0.3, 0.5, uniforms[17], 1.0f64.next_down(), 1.0] {
            let mut coins = [false; 3000];
            fill(&mut Mt19937::new(5), &mut coins, p);
            assert!(coins == uniforms.map(|u| u < p), "p = {p}");
        }
    }
}
