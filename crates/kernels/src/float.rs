//! [`Float`]: what the kernels need of `f32` and `f64`. The functions of f32 are this crate's own,
//! which loops can be vectorised with.

use std::iter::Sum;
use std::ops::{Add, AddAssign, Div, Mul, MulAssign, Neg, Sub};

use crate::conv::HasTiles;
use crate::gemm::HasKernel;
use crate::lanes::HasVectors;
use crate::pool2d::HasMaxPlane;
use crate::{Isa, Loop, Plain, math};

/// `f32` or `f64`. Sealed, through [`Plain`].
pub trait Float:
    Plain
    + Default
    + PartialOrd
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + AddAssign
    + MulAssign
    + Sum
    + HasKernel
    + HasTiles
    + HasMaxPlane
    + HasVectors
{
    /// 0.
    const ZERO: Self;
    /// 1.
    const ONE: Self;
    /// Positive infinity.
    const INFINITY: Self;
    /// Negative infinity.
    const NEG_INFINITY: Self;
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
    fn exp(self) -> Self;
    /// The natural logarithm.
    fn ln(self) -> Self;
    /// The hyperbolic tangent.
    fn tanh(self) -> Self;
    /// The error function.
    fn erf(self) -> Self;
    /// The absolute value.
    fn abs(self) -> Self;
    /// The larger of two values; the other one if one is nan.
    fn max(self, other: Self) -> Self;
    /// The smaller of two values; the other one if one is nan.
    fn min(self, other: Self) -> Self;
    /// Whether the value is not a number.
    fn is_nan(self) -> bool;
}

macro_rules! float {
    ($t:ident, $exp:path, $ln:path, $tanh:path, $erf:path) => {
        impl Float for $t {
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;
            const INFINITY: Self = $t::INFINITY;
            const NEG_INFINITY: Self = $t::NEG_INFINITY;
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
            fn exp(self) -> Self {
                $exp(self)
            }
            #[inline(always)]
            fn ln(self) -> Self {
                $ln(self)
            }
            #[inline(always)]
            fn tanh(self) -> Self {
                $tanh(self)
            }
            #[inline(always)]
            fn erf(self) -> Self {
                $erf(self)
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
            #[inline(always)]
            fn is_nan(self) -> bool {
                self.is_nan()
            }
        }
    };
}
float!(f32, math::exp, math::ln, math::tanh, math::erf);
float!(f64, f64::exp, f64::ln, f64::tanh, libm::erf);

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
