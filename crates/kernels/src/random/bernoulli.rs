//! Draws of zero and one, bit for bit those of PyTorch's `bernoulli_(p)`.

use super::BATCH;
use super::mt19937::Mt19937;
use super::uniform::{STEP_F64, low_53};
use crate::{Isa, Loop};

/// Fills `out` with `one` where an f64 uniform is below `p`, else with `zero`; two words an element
/// whatever its type.
///
/// ```
/// use pleach_kernels::random::{bernoulli, mt19937::Mt19937};
///
/// let mut coins = [false; 4];
/// bernoulli::fill(&mut Mt19937::new(42), &mut coins, 0.1, false, true);
/// assert_eq!(coins, [true, true, false, true]); // of the uniforms 0.058, 0.063, 0.124, 0.053
/// ```
pub fn fill<T: Copy>(engine: &mut Mt19937, out: &mut [T], p: f64, zero: T, one: T) {
    // The uniform is an integer below 2^53 times 2^-53, and scaling by a power of two is exact, so
    // comparing integers gives the very same answers.
    let bound = (p / STEP_F64).ceil() as u64;
    let mut words = [0; 2 * BATCH];
    for out in out.chunks_mut(BATCH) {
        let words = &mut words[..2 * out.len()];
        engine.fill_words(words);
        Isa::current().run(Compare {
            words,
            out,
            bound,
            zero,
            one,
        });
    }
}

struct Compare<'a, T> {
    /// Two for each element of `out`.
    words: &'a [u32],
    out: &'a mut [T],
    bound: u64,
    zero: T,
    one: T,
}

impl<T: Copy> Loop for Compare<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        for (out, &[high, low]) in self.out.iter_mut().zip(self.words.as_chunks().0) {
            *out = if low_53(high, low) < self.bound {
                self.one
            } else {
                self.zero
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::uniform;

    #[test]
    fn equals_the_comparison_of_uniforms() {
        let mut uniforms = [0.0; 3000];
        uniform::fill_f64(&mut Mt19937::new(5), &mut uniforms, 0.0, 1.0);
        for p in [0.0, 1e-300, 0.3, 0.5, uniforms[17], 1.0f64.next_down(), 1.0] {
            let mut coins = [0u8; 3000];
            fill(&mut Mt19937::new(5), &mut coins, p, 0, 1);
            assert_eq!(coins, uniforms.map(|u| u8::from(u < p)), "p = {p}");
        }
    }
}
