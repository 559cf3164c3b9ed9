//! [`Definition`]: what a function is, the loops over it, and what definitions have in common.

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_PI};

use crate::float::run_math;
use crate::isa::MathLoop;
use crate::math::{Apart, MulAdd};
use crate::{Float, Isa, Loop};

/// A function with its parameters, and its derivatives. Not closures: large ones would not be inlined
/// into the loops.
pub(super) trait Definition<T: Float> {
    /// Whether it is worth the widest vectors; else its speed is that of memory, or of a call.
    const WIDE: bool;
    fn value<M: MulAdd>(&self, x: T) -> T;
    fn gradient<M: MulAdd>(&self, saved: T, grad: T) -> T;
    fn second<M: MulAdd>(&self, saved: T, grad: T) -> T;
}

pub(super) struct Values<'a, T, D>(pub &'a [T], pub &'a mut [T], pub D);

impl<T: Float, D: Definition<T>> MathLoop for Values<'_, T, D> {
    #[inline(always)]
    fn run<M: MulAdd>(self) {
        for (out, x) in self.1.iter_mut().zip(self.0) {
            *out = self.2.value::<M>(*x);
        }
    }
}

pub(super) struct Gradients<'a, T, D>(pub &'a [T], pub &'a [T], pub &'a mut [T], pub D);

impl<T: Float, D: Definition<T>> MathLoop for Gradients<'_, T, D> {
    #[inline(always)]
    fn run<M: MulAdd>(self) {
        for ((out, x), g) in self.2.iter_mut().zip(self.0).zip(self.1) {
            *out = self.3.gradient::<M>(*x, *g);
        }
    }
}

#[inline]
pub(super) fn run<T: Float, D: Definition<T>, L: MathLoop>(isa: Isa, body: L) {
    if const { D::WIDE } {
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

/// The normal distribution's Φ.
#[inline(always)]
pub(super) fn cdf<T: Float, M: MulAdd>(x: T) -> T {
    T::from_f64(0.5) * (T::ONE + (x * T::from_f64(FRAC_1_SQRT_2)).erf::<M>())
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
