//! [`Float`]: what the kernels need of `f32` and `f64`. The functions of f32 are this crate's own,
//! which loops can be vectorised with.

use std::any::Any;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Div, Mul, MulAssign, Neg, Sub};

use crate::isa::MathLoop;
use crate::lanes::Vectors;
use crate::math::{Apart, MulAdd};
use crate::{Isa, Loop, Number, math};

/// `f32` or `f64`. Sealed, through [`Plain`](crate::Plain). Its infinities are [`Number::HIGHEST`] and [`Number::LOWEST`].
pub trait Float:
    Number
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + AddAssign
    + MulAssign
    + Sum
    + Vectors
{
    /// A value that is not a number.
    const NAN: Self;

    /// The nearest value to an `f64`.
    fn from_f64(v: f64) -> Self;
    /// The value as an `f64`, exactly.
    fn to_f64(self) -> f64;
    /// The nearest value to a count.
    fn from_usize(v: usize) -> Self;
    /// The square root.
    fn sqrt(self) -> Self;
    /// e to the power of the value.
    fn exp<M: MulAdd>(self) -> Self;
    /// The natural logarithm.
    fn ln<M: MulAdd>(self) -> Self;
    /// The hyperbolic tangent.
    fn tanh<M: MulAdd>(self) -> Self;
    /// The error function.
    fn erf<M: MulAdd>(self) -> Self;
    /// One over a value from 1 to 2.
    fn reciprocal_in_1_to_2<M: MulAdd>(self) -> Self;
    /// `e^x - 1`.
    fn exp_m1<M: MulAdd>(self) -> Self;
    /// `ln(1 + x)`.
    fn ln_1p<M: MulAdd>(self) -> Self;
    /// The sine.
    fn sin(self) -> Self;
    /// The cosine.
    fn cos(self) -> Self;
    /// The largest whole number not above.
    fn floor(self) -> Self;
    /// The smallest whole number not below.
    fn ceil(self) -> Self;
    /// The whole part.
    fn trunc(self) -> Self;
    /// The nearest whole number, half to even.
    fn round_ties_even(self) -> Self;
    /// The absolute value.
    fn abs(self) -> Self;
    /// The larger of two values; the other one if one is nan.
    fn max(self, other: Self) -> Self;
    /// The smaller of two values; the other one if one is nan.
    fn min(self, other: Self) -> Self;
}

macro_rules! float {
    ($t:ident, $exp:expr, $ln:expr, $tanh:expr, $erf:expr, $reciprocal:expr,
     $exp_m1:expr, $ln_1p:expr) => {
        impl Float for $t {
            const NAN: Self = $t::NAN;

            #[inline(always)]
            fn from_f64(v: f64) -> Self {
                v as $t
            }
            #[inline(always)]
            fn to_f64(self) -> f64 {
                self as f64
            }
            #[inline(always)]
            fn from_usize(v: usize) -> Self {
                v as $t
            }
            #[inline(always)]
            fn sqrt(self) -> Self {
                self.sqrt()
            }
            #[inline(always)]
            fn exp<M: MulAdd>(self) -> Self {
                $exp(self)
            }
            #[inline(always)]
            fn ln<M: MulAdd>(self) -> Self {
                $ln(self)
            }
            #[inline(always)]
            fn tanh<M: MulAdd>(self) -> Self {
                $tanh(self)
            }
            #[inline(always)]
            fn erf<M: MulAdd>(self) -> Self {
                $erf(self)
            }
            #[inline(always)]
            fn reciprocal_in_1_to_2<M: MulAdd>(self) -> Self {
                $reciprocal(self)
            }
            #[inline(always)]
            fn exp_m1<M: MulAdd>(self) -> Self {
                $exp_m1(self)
            }
            #[inline(always)]
            fn ln_1p<M: MulAdd>(self) -> Self {
                $ln_1p(self)
            }
            #[inline(always)]
            fn sin(self) -> Self {
                $t::sin(self)
            }
            #[inline(always)]
            fn cos(self) -> Self {
                $t::cos(self)
            }
            #[inline(always)]
            fn floor(self) -> Self {
                $t::floor(self)
            }
            #[inline(always)]
            fn ceil(self) -> Self {
                $t::ceil(self)
            }
            #[inline(always)]
            fn trunc(self) -> Self {
                $t::trunc(self)
            }
            #[inline(always)]
            fn round_ties_even(self) -> Self {
                $t::round_ties_even(self)
            }
            #[inline(always)]
            fn abs(self) -> Self {
                self.abs()
            }
            #[inline(always)]
            fn max(self, other: Self) -> Self {
                self.max(other)
            }
            #[inline(always)]
            fn min(self, other: Self) -> Self {
                self.min(other)
            }
        }
    };
}
float!(
    f32,
    math::exp::<M>,
    math::ln::<M>,
    math::tanh::<M>,
    math::erf::<M>,
    M::reciprocal_in_1_to_2,
    math::exp_m1::<M>,
    math::ln_1p::<M>
);
float!(
    f64,
    f64::exp,
    f64::ln,
    f64::tanh,
    libm::erf,
    f64::recip,
    f64::exp_m1,
    f64::ln_1p
);

/// The one of two values that is a `T`, which is of `f32` or `f64` as a [`Float`] is.
///
/// What a generic function reaches through a static of each float is compiled in this crate, once,
/// whoever calls.
#[inline(always)]
pub(crate) fn of_type<T: Any>(f32: &'static dyn Any, f64: &'static dyn Any) -> &'static T {
    (f32.downcast_ref())
        .or_else(|| f64.downcast_ref())
        .expect("a Float is f32 or f64")
}

/// Runs a loop over `T` values, compiled for what the instruction set has; f64 takes vectors of
/// AVX2 at most, so that less is compiled.
#[inline]
pub(crate) fn run<T: Float, L: Loop>(isa: Isa, body: L) -> L::Output {
    if const { size_of::<T>() == 8 } {
        isa.run_narrow(body)
    } else {
        isa.run(body)
    }
}

/// Runs a loop over `T` values with this crate's functions. Those of f64 are calls, so that
/// vectors do not help, and less is compiled.
#[inline]
pub(crate) fn run_math<T: Float, L: MathLoop>(isa: Isa, body: L) {
    if const { size_of::<T>() == 8 } {
        body.run::<Apart>();
    } else {
        isa.run_math(body);
    }
}
