//! [`Isa`]: the instruction set a loop is compiled for, chosen while the program runs.
//!
//! A loop is written once, in plain Rust, and compiled once per instruction set: [`Isa::run`]
//! calls it from inside a `#[target_feature]` function, into which it is inlined. The compiler
//! never contracts `a * b + c`, so an elementwise loop gives the same bits on each of them; loops
//! of the functions in `math` say where they want it contracted.

use std::sync::OnceLock;

use crate::math::{Apart, Fused, MulAdd};

/// An instruction set.
///
/// ```
/// use pleach_kernels::Isa;
/// let doubled = Isa::current().run(|| [1.0f32, 2.0].map(|v| v * 2.0));
/// assert_eq!(doubled, [2.0, 4.0]);
/// ```
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub enum Isa {
    /// What every machine of the target has (SSE2 on x86-64).
    Scalar,
    /// AVX2 and FMA: 8 floats a vector.
    Avx2,
    /// AVX-512 (F, BW, DQ, VL): 16 floats a vector.
    Avx512,
}

/// A loop that [`Isa::run`] can compile for an instruction set.
///
/// Closures are loops. A closure's body is inlined if it is small; implement the trait on a
/// struct, with `#[inline(always)]`, where that must not be left to chance.
pub trait Loop {
    /// What the loop returns.
    type Output;
    /// Runs the loop. Implementations are `#[inline(always)]`.
    fn run(self) -> Self::Output;
}

impl<R, F: FnOnce() -> R> Loop for F {
    type Output = R;
    #[inline(always)]
    fn run(self) -> R {
        self()
    }
}

/// A loop with this crate's functions of floats, which differ in how the instruction set multiplies
/// and adds.
pub(crate) trait MathLoop {
    /// Runs the loop. Implementations are `#[inline(always)]`.
    fn run<M: MulAdd>(self);
}

struct FusedLoop<L>(L);

impl<L: MathLoop> Loop for FusedLoop<L> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        self.0.run::<Fused>();
    }
}

impl Isa {
    /// The best instruction set that this machine has.
    #[inline]
    pub fn detected() -> Isa {
        static DETECTED: OnceLock<Isa> = OnceLock::new();
        *DETECTED.get_or_init(detect)
    }

    /// The instruction set that kernels use: the best one, or the one that the environment
    /// variable `PLEACH_ISA` (`scalar`, `avx2`, `avx512`) names if the machine has it.
    #[inline]
    pub fn current() -> Isa {
        static CURRENT: OnceLock<Isa> = OnceLock::new();
        *CURRENT.get_or_init(|| {
            std::env::var("PLEACH_ISA")
                .ok()
                .and_then(|name| Isa::from_name(&name))
                .filter(|isa| isa.is_available())
                .unwrap_or_else(Isa::detected)
        })
    }

    /// All instruction sets that this machine has, the plainest first.
    pub fn available() -> Vec<Isa> {
        [Isa::Scalar, Isa::Avx2, Isa::Avx512]
            .into_iter()
            .filter(|isa| isa.is_available())
            .collect()
    }

    /// Whether this machine has the instruction set.
    #[inline]
    pub fn is_available(self) -> bool {
        // Each set includes those before it.
        self as u8 <= Isa::detected() as u8
    }

    /// Runs a loop compiled for this instruction set.
    ///
    /// # Panics
    /// If the machine does not have it.
    #[inline]
    pub fn run<L: Loop>(self, body: L) -> L::Output {
        assert!(self.is_available(), "this machine has no {self:?}");
        match self {
            Isa::Scalar => body.run(),
            // SAFETY: the machine was checked for these features just above.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => unsafe { run_avx2(body) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => unsafe { run_avx512(body) },
            #[cfg(not(target_arch = "x86_64"))]
            Isa::Avx2 | Isa::Avx512 => unreachable!("only x86-64 has these"),
        }
    }

    /// Runs a loop compiled for AVX2 at most: for the many loops whose speed is that of memory, which
    /// wider vectors do not help and one more instruction set makes slow to compile.
    #[inline]
    pub(crate) fn run_narrow<L: Loop>(self, body: L) -> L::Output {
        match self {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 | Isa::Avx512 => {
                assert!(Isa::Avx2.is_available(), "this machine has no {self:?}");
                // SAFETY: the machine was checked for these features just above.
                unsafe { run_avx2(body) }
            }
            _ => body.run(),
        }
    }

    /// Runs a loop with functions of floats, compiled for this instruction set.
    ///
    /// # Panics
    /// If the machine does not have it.
    #[inline]
    pub(crate) fn run_math<L: MathLoop>(self, body: L) {
        assert!(self.is_available(), "this machine has no {self:?}");
        match self {
            Isa::Scalar => body.run::<Apart>(),
            // SAFETY: the machine was checked for these features just above.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => unsafe { run_avx2(FusedLoop(body)) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => unsafe { run_avx512(FusedLoop(body)) },
            #[cfg(not(target_arch = "x86_64"))]
            Isa::Avx2 | Isa::Avx512 => unreachable!("only x86-64 has these"),
        }
    }

    fn from_name(name: &str) -> Option<Isa> {
        match name.trim().to_ascii_lowercase().as_str() {
            "scalar" => Some(Isa::Scalar),
            "avx2" => Some(Isa::Avx2),
            "avx512" => Some(Isa::Avx512),
            _ => None,
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn run_avx2<L: Loop>(body: L) -> L::Output {
    body.run()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
fn run_avx512<L: Loop>(body: L) -> L::Output {
    body.run()
}

#[cfg(target_arch = "x86_64")]
fn detect() -> Isa {
    use std::arch::is_x86_feature_detected as has;
    if !(has!("avx2") && has!("fma")) {
        Isa::Scalar
    } else if has!("avx512f") && has!("avx512bw") && has!("avx512dq") && has!("avx512vl") {
        Isa::Avx512
    } else {
        Isa::Avx2
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn detect() -> Isa {
    Isa::Scalar
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_current_set_is_available_and_scalar_always_is() {
        let available = Isa::available();
        assert_eq!(available[0], Isa::Scalar);
        assert!(available.contains(&Isa::current()));
        assert_eq!(available.last(), Some(&Isa::detected()));
    }

    #[test]
    fn names_are_those_of_the_environment_variable() {
        assert_eq!(Isa::from_name("AVX2"), Some(Isa::Avx2));
        assert_eq!(Isa::from_name("avx512"), Some(Isa::Avx512));
        assert_eq!(Isa::from_name("scalar"), Some(Isa::Scalar));
        assert_eq!(Isa::from_name("mmx"), None);
    }

    #[test]
    fn a_loop_gives_the_same_bits_on_every_set() {
        let x: Vec<f32> = (0..1003).map(|i| i as f32 * 0.37 - 90.0).collect();
        let run = |isa: Isa| -> Vec<u32> {
            isa.run(|| x.iter().map(|v| (v * 1.1 + 0.3).to_bits()).collect())
        };
        let first = run(Isa::Scalar);
        for isa in Isa::available() {
            assert_eq!(run(isa), first, "{isa:?}");
        }
    }
}
