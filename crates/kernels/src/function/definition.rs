//! [`Definition`]: what a function is, the loops over it, and what definitions have in common.

use std::f64::consts::FRAC_2_PI;

use crate::float::run_math;
use crate::isa::MathLoop;
use crate::math::{Apart, Far, MulAdd, Plain};
use crate::{Float, Isa, Loop};

/// How a function's loops are compiled.
#[derive(Copy, Clone, PartialEq, Eq)]
pub(super) enum Loops {
    /// Its speed is that of memory, or of a call.
    Narrow,
    /// It is worth the widest vectors.
    Wide,
    /// So it is, and arguments far beyond a turn are worth a loop of their own.
    Periodic,
    /// So it is, and arguments that are all plain are worth a loop of their own.
    Plain,
}

/// Elements that are looked at before a loop for them is chosen.
const BLOCK: usize = 512;

/// Whether there is an angle for which [`MulAdd::FAR`] is made, or the product of one and π is.
#[inline(always)]
fn has_far<T: Float>(angles: &[T]) -> bool {
    let far = T::from_f64(16384.0);
    (angles.iter()).fold(false, |all, x| all | (x.abs() > far))
}

/// How a function's loops are chosen: f64 has one loop.
const fn loops_of<T: Float, D: Definition<T>>() -> Loops {
    match size_of::<T>() {
        4 => D::LOOPS,
        _ => Loops::Narrow,
    }
}

/// A function with its parameters, and its derivatives. Not closures: large ones would not be inlined
/// into the loops.
pub(super) trait Definition<T: Float> {
    /// How it is computed.
    const LOOPS: Loops;
    /// Whether the value is computed from what [`MulAdd::PLAIN`] is made for.
    fn is_plain(&self, _: T) -> bool {
        false
    }
    fn value<M: MulAdd>(&self, x: T) -> T;
    fn gradient<M: MulAdd>(&self, saved: T, grad: T) -> T;
    fn second<M: MulAdd>(&self, saved: T, grad: T) -> T;
}

pub(super) struct Values<'a, T, D>(pub &'a [T], pub &'a mut [T], pub D);

impl<T: Float, D: Definition<T>> Values<'_, T, D> {
    #[inline(always)]
    fn each<M: MulAdd>(x: &[T], out: &mut [T], f: &D) {
        for (out, x) in out.iter_mut().zip(x) {
            *out = f.value::<M>(*x);
        }
    }

    #[inline(always)]
    fn are_plain(x: &[T], f: &D) -> bool {
        x.iter().fold(true, |all, x| all & f.is_plain(*x))
    }
}

impl<T: Float, D: Definition<T>> MathLoop for Values<'_, T, D> {
    #[inline(always)]
    fn run<M: MulAdd>(self) {
        let Values(x, out, f) = self;
        let loops = const { loops_of::<T, D>() };
        if matches!(loops, Loops::Narrow | Loops::Wide) {
            return Self::each::<M>(x, out, &f);
        }
        // Closures would not be inlined here.
        for (x, out) in x.chunks(BLOCK).zip(out.chunks_mut(BLOCK)) {
            match loops {
                Loops::Periodic if has_far(x) => Self::each::<Far<M>>(x, out, &f),
                Loops::Plain if Self::are_plain(x, &f) => Self::each::<Plain<M>>(x, out, &f),
                _ => Self::each::<M>(x, out, &f),
            }
        }
    }
}

pub(super) struct Gradients<'a, T, D>(pub &'a [T], pub &'a [T], pub &'a mut [T], pub D);

impl<T: Float, D: Definition<T>> Gradients<'_, T, D> {
    #[inline(always)]
    fn each<M: MulAdd>(x: &[T], g: &[T], out: &mut [T], f: &D) {
        for ((out, x), g) in out.iter_mut().zip(x).zip(g) {
            *out = f.gradient::<M>(*x, *g);
        }
    }
}

impl<T: Float, D: Definition<T>> MathLoop for Gradients<'_, T, D> {
    #[inline(always)]
    fn run<M: MulAdd>(self) {
        let Gradients(x, g, out, f) = self;
        if const { !matches!(loops_of::<T, D>(), Loops::Periodic) } {
            return Self::each::<M>(x, g, out, &f);
        }
        let blocks = x.chunks(BLOCK).zip(g.chunks(BLOCK));
        for ((x, g), out) in blocks.zip(out.chunks_mut(BLOCK)) {
            match has_far(x) {
                false => Self::each::<M>(x, g, out, &f),
                true => Self::each::<Far<M>>(x, g, out, &f),
            }
        }
    }
}

#[inline]
pub(super) fn run<T: Float, D: Definition<T>, L: MathLoop>(isa: Isa, body: L) {
    if const { !matches!(D::LOOPS, Loops::Narrow) } {
        run_math::<T, _>(isa, body);
    } else {
        isa.run_narrow(Narrow(body));
    }
}

struct Narrow<L>(L);

impl<L: MathLoop> Loop for Narrow<L> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        self.0.run::<Apart>();
    }
}

#[inline(always)]
pub(crate) fn sigmoid<T: Float, M: MulAdd>(x: T) -> T {
    // The exponential is at most 1: no overflow, and digits also where the result is tiny.
    let e = (-x.abs()).exp::<M>();
    let r = (T::ONE + e).reciprocal_in_1_to_2::<M>();
    if x < T::ZERO { e * r } else { r }
}

/// A positive normal number.
#[inline(always)]
pub(super) fn is_normal<T: Float>(x: T) -> bool {
    (x >= T::from_f64(f64::from(f32::MIN_POSITIVE))) & (x < T::HIGHEST)
}

/// A number whose exponential is normal, and that of its opposite.
#[inline(always)]
pub(super) fn is_moderate<T: Float>(x: T) -> bool {
    x.abs() < T::from_f64(87.0)
}

/// What [`Function::Logit`](super::Function::Logit) limits. Of limits that cross, the lower one goes first.
#[inline(always)]
pub(super) fn limited<T: Float>(x: T, eps: T) -> T {
    let (low, high) = if eps < T::ZERO {
        (T::LOWEST, T::HIGHEST)
    } else {
        (eps, T::ONE - eps)
    };
    let below = if x > high { high } else { x };
    if x < low { low } else { below }
}

/// `min(max(x + 3, 0), 6)`.
#[inline(always)]
pub(super) fn hard_part<T: Float>(x: T) -> T {
    let x = x + T::from_f64(3.0);
    let x = if x < T::ZERO { T::ZERO } else { x };
    if x > T::from_f64(6.0) {
        T::from_f64(6.0)
    } else {
        x
    }
}

pub(super) const CUBIC: f64 = 0.044715;

#[inline(always)]
pub(super) fn tanh_part<T: Float, M: MulAdd>(x: T) -> T {
    (T::from_f64(FRAC_2_PI.sqrt()) * (x + T::from_f64(CUBIC) * (x * x * x))).tanh::<M>()
}
