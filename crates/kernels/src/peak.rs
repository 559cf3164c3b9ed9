//! The machine's peak: how many floating-point operations it can do at all, to measure kernels by.

use std::hint::black_box;
use std::time::{Duration, Instant};

use crate::{Isa, num_threads, parallel_for};

/// Steps that every chain of one task takes: well under a millisecond.
const STEPS: usize = 20_000;

/// The f32 operations a second (a multiplication and an addition count as two) that the threads
/// of [`num_threads`] reach together on independent chains of multiply-adds that never leave the
/// registers: the best of many short runs within the given time, at least one.
///
/// The portable set has no fused multiply-add; its peak is that of multiplications and additions
/// apart.
///
/// # Panics
/// If the machine does not have the instruction set.
///
/// ```
/// use std::time::Duration;
/// use pleach_kernels::{Isa, fma_peak};
/// let peak = fma_peak(Isa::current(), Duration::from_millis(1));
/// assert!(peak > 1e7); // operations a second
/// ```
pub fn fma_peak(isa: Isa, time: Duration) -> f64 {
    assert!(isa.is_available(), "this machine has no {isa:?}");
    let threads = num_threads();
    let operations = (threads * STEPS * operations_per_step(isa)) as f64;
    let start = Instant::now();
    let mut best = f64::INFINITY;
    loop {
        let begun = Instant::now();
        parallel_for(threads, |_| {
            black_box(chains(isa, STEPS));
        });
        best = best.min(begun.elapsed().as_secs_f64());
        if start.elapsed() >= time {
            return operations / best;
        }
    }
}

fn operations_per_step(isa: Isa) -> usize {
    match isa {
        Isa::Scalar => 2 * 8 * 4,
        Isa::Avx2 => 2 * 12 * 8,
        Isa::Avx512 => 2 * 24 * 16,
    }
}

/// Runs `value = value * factor + term` on all chains and returns the sum of all values.
fn chains(isa: Isa, steps: usize) -> f32 {
    let (factor, term) = (black_box(0.5f32), black_box(1.0f32));
    match isa {
        Isa::Scalar => chains_portable(steps, factor, term),
        // SAFETY: the caller has checked that the machine has the instruction set.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => unsafe { chains_avx2(steps, factor, term) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => unsafe { chains_avx512(steps, factor, term) },
        #[cfg(not(target_arch = "x86_64"))]
        Isa::Avx2 | Isa::Avx512 => unreachable!("only x86-64 has these"),
    }
}

fn chains_portable(steps: usize, factor: f32, term: f32) -> f32 {
    // The chains start apart, lest the compiler takes them for one.
    let mut values: [[f32; 4]; 8] = std::array::from_fn(|i| [black_box(i as f32); 4]);
    for _ in 0..steps {
        for chain in &mut values {
            *chain = chain.map(|value| value * factor + term);
        }
    }
    values.as_flattened().iter().sum()
}

/// Chains of one x86 instruction set.
#[cfg(target_arch = "x86_64")]
macro_rules! x86_chains {
    ($name:ident, $feature:literal, $count:literal, $lanes:literal, $set1:ident, $fmadd:ident, $store:ident) => {
        #[target_feature(enable = $feature)]
        fn $name(steps: usize, factor: f32, term: f32) -> f32 {
            use std::arch::x86_64::{$fmadd, $set1, $store};

            let (factor, term) = ($set1(factor), $set1(term));
            let mut values = [term; $count];
            for (i, chain) in values.iter_mut().enumerate() {
                *chain = $set1(black_box(i as f32));
            }
            for _ in 0..steps {
                for chain in &mut values {
                    *chain = $fmadd(*chain, factor, term);
                }
            }
            let mut lanes = [[0.0; $lanes]; $count];
            for (lanes, chain) in lanes.iter_mut().zip(values) {
                // SAFETY: the array has room for a vector; the store needs no alignment.
                unsafe { $store(lanes.as_mut_ptr(), chain) };
            }
            lanes.as_flattened().iter().sum()
        }
    };
}
#[cfg(target_arch = "x86_64")]
x86_chains!(
    chains_avx2,
    "avx2,fma",
    12,
    8,
    _mm256_set1_ps,
    _mm256_fmadd_ps,
    _mm256_storeu_ps
);
#[cfg(target_arch = "x86_64")]
x86_chains!(
    chains_avx512,
    "avx512f",
    24,
    16,
    _mm512_set1_ps,
    _mm512_fmadd_ps,
    _mm512_storeu_ps
);

#[cfg(test)]
mod tests {
    use super::*;

    /// Chain `i` starts at `i` and halves its distance to 2 with every step.
    #[test]
    fn all_chains_take_all_steps() {
        for isa in Isa::available() {
            let lanes = match isa {
                Isa::Scalar => 4,
                Isa::Avx2 => 8,
                Isa::Avx512 => 16,
            };
            let count = operations_per_step(isa) / 2 / lanes;
            for steps in [0, 1, 3] {
                let expected: f32 = (0..count)
                    .map(|i| 2.0 + (i as f32 - 2.0) / 2f32.powi(steps as i32))
                    .sum();
                assert_eq!(chains(isa, steps), expected * lanes as f32, "{isa:?}");
            }
        }
    }

    #[test]
    fn a_peak_is_measured_on_every_instruction_set() {
        for isa in Isa::available() {
            let peak = fma_peak(isa, Duration::from_millis(5));
            // Between a machine of the nineties and one with a thousand cores.
            assert!((1e7..1e15).contains(&peak), "{isa:?}: {peak}");
        }
    }
}
