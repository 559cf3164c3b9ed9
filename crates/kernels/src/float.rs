//! [`Float`]: what the kernels need of `f32` and `f64`. Most [`Functions`] of f32 are this crate's own,
//! which loops can be vectorised with.

use std::any::Any;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Div, Mul, MulAssign, Neg, Sub};

use crate::isa::MathLoop;
use crate::lanes::Vectors;
use crate::math::{self, Apart, MulAdd};
use crate::{Isa, Loop, Number};

/// `f32` or `f64`. Sealed, through [`Plain`](crate::Plain). Its infinities are [`Number::HIGHEST`] and [`Number::LOWEST`].
pub trait Float:
    Number
    + Functions
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
    /// `self * factor + term`, rounded once: a call where the instruction set cannot.
    fn mul_add(self, factor: Self, term: Self) -> Self;
    /// The square root.
    fn sqrt(self) -> Self;
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
    /// The size of the value with another one's sign.
    fn copysign(self, sign: Self) -> Self;
    /// The larger of two values; the other one if one is nan.
    fn max(self, other: Self) -> Self;
    /// The smaller of two values; the other one if one is nan.
    fn min(self, other: Self) -> Self;
}

macro_rules! float {
    ($t:ident) => {
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
            fn mul_add(self, factor: Self, term: Self) -> Self {
                $t::mul_add(self, factor, term)
            }
            #[inline(always)]
            fn sqrt(self) -> Self {
                self.sqrt()
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
            fn copysign(self, sign: Self) -> Self {
                self.copysign(sign)
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
float!(f32);
float!(f64);

/// The functions that definitions are made of: a row is the documentation, the name, and maybe a
/// second argument.
macro_rules! functions {
    ($($(#[$doc:meta])* $name:ident $(($other:ident))?;)*) => {
        /// This crate's functions of floats.
        pub trait Functions: Sized {$(
            $(#[$doc])*
            fn $name<M: MulAdd>(self $(, $other: Self)?) -> Self;
        )*}

        impl Functions for f32 {$(
            #[inline(always)]
            fn $name<M: MulAdd>(self $(, $other: Self)?) -> Self {
                math::$name::<M>(self $(, $other)?)
            }
        )*}

        impl Functions for f64 {$(
            #[inline(always)]
            fn $name<M: MulAdd>(self $(, $other: Self)?) -> Self {
                math::double::$name::<M>(self $(, $other)?)
            }
        )*}
    };
}
functions! {
    /// e to the power of the value.
    exp;
    /// 2 to the power of the value.
    exp2;
    /// `e^x - 1`.
    exp_m1;
    /// The natural logarithm.
    ln;
    /// The logarithm of base 2.
    log2;
    /// The logarithm of base 10.
    log10;
    /// `ln(1 + x)`.
    ln_1p;
    /// The sine.
    sin;
    /// The cosine.
    cos;
    /// The tangent.
    tan;
    /// The inverse of the sine.
    asin;
    /// The inverse of the cosine.
    acos;
    /// The inverse of the tangent.
    atan;
    /// The hyperbolic sine.
    sinh;
    /// The hyperbolic cosine.
    cosh;
    /// The hyperbolic tangent.
    tanh;
    /// The inverse of the hyperbolic sine.
    asinh;
    /// The inverse of the hyperbolic cosine.
    acosh;
    /// The inverse of the hyperbolic tangent.
    atanh;
    /// The error function.
    erf;
    /// One less the error function.
    erfc;
    /// The inverse of the error function.
    erfinv;
    /// The normal distribution's Φ(-x), for x from 0.
    normal_tail;
    /// The logarithm of the gamma function's size.
    lgamma;
    /// The derivative of `lgamma`.
    digamma;
    /// The derivative of `digamma`.
    trigamma;
    /// The derivative of `trigamma`.
    tetragamma;
    /// One over a value from 1 to 2.
    reciprocal_in_1_to_2;
    /// The angle of the point (x, self).
    atan2(x);
    /// The length of the hypotenuse.
    hypot(other);
    /// The value to a power.
    powf(exponent);
    /// `x 2^exponent`.
    ldexp(exponent);
}

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
