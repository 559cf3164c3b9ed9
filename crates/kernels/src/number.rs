//! [`Number`]: the arithmetic of the types that compute. Integers wrap, as PyTorch's do.

use crate::Plain;

/// A type that arithmetic is compiled for: `f32`, `f64` or `i64`; smaller integers are computed as
/// `i64`. Sealed, through [`Plain`].
///
/// ```
/// use pleach_kernels::Number;
/// assert_eq!(Number::floor_div(-7i64, 2), -4);
/// assert_eq!(Number::remainder(7.5f64, -2.0), -0.5);
/// assert_eq!(Number::add(i64::MAX, 1), i64::MIN);
/// assert!(1.0f32.larger(f32::NAN).is_nan());
/// ```
pub trait Number: Plain + Default + PartialOrd {
    /// 0.
    const ZERO: Self;
    /// 1.
    const ONE: Self;
    /// The smallest value: the identity of [`Number::larger`].
    const LOWEST: Self;
    /// The largest value: the identity of [`Number::smaller`].
    const HIGHEST: Self;
    /// The sum.
    fn add(self, other: Self) -> Self;
    /// The difference.
    fn sub(self, other: Self) -> Self;
    /// The product.
    fn mul(self, other: Self) -> Self;
    /// The quotient; of integers its whole part, 0 where the divisor is.
    fn div(self, other: Self) -> Self;
    /// The value with the other sign.
    fn neg(self) -> Self;
    /// Rounds towards minus infinity; an integer divided by zero gives zero (PyTorch refuses,
    /// and so does the operation before it gets here).
    fn floor_div(self, other: Self) -> Self;
    /// The quotient's whole part; an integer divided by zero gives zero.
    fn trunc_div(self, other: Self) -> Self;
    /// What remains of the quotient's whole part: it has the dividend's sign. Of an integer and zero 0.
    fn fmod(self, other: Self) -> Self;
    /// Has the divisor's sign.
    fn remainder(self, other: Self) -> Self;
    /// The value to a power; of a negative integer power its whole part.
    fn pow(self, exponent: Self) -> Self;
    /// Whether the value is not a number.
    fn is_nan(self) -> bool;
    /// The larger one; nan if either is.
    #[inline(always)]
    fn larger(self, other: Self) -> Self {
        if self.is_nan() || self > other {
            self
        } else {
            other
        }
    }
    /// The smaller one; nan if either is.
    #[inline(always)]
    fn smaller(self, other: Self) -> Self {
        if self.is_nan() || self < other {
            self
        } else {
            other
        }
    }
}

macro_rules! float_number {
    ($($t:ident),*) => {$(
        impl Number for $t {
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;
            const LOWEST: Self = $t::NEG_INFINITY;
            const HIGHEST: Self = $t::INFINITY;
            #[inline(always)]
            fn add(self, other: Self) -> Self { self + other }
            #[inline(always)]
            fn sub(self, other: Self) -> Self { self - other }
            #[inline(always)]
            fn mul(self, other: Self) -> Self { self * other }
            #[inline(always)]
            fn div(self, other: Self) -> Self { self / other }
            #[inline(always)]
            fn neg(self) -> Self { -self }
            fn floor_div(self, other: Self) -> Self {
                // Python's rule: exact where (a - a mod b) / b is, and then rounded.
                if other == 0.0 {
                    return self / other;
                }
                let remainder = self % other;
                let mut quotient = (self - remainder) / other;
                if remainder != 0.0 && (other < 0.0) != (remainder < 0.0) {
                    quotient -= 1.0;
                }
                if quotient == 0.0 {
                    return (0.0 as $t).copysign(self / other);
                }
                let floor = quotient.floor();
                if quotient - floor > 0.5 { floor + 1.0 } else { floor }
            }
            #[inline(always)]
            fn trunc_div(self, other: Self) -> Self { (self / other).trunc() }
            fn fmod(self, other: Self) -> Self { self % other }
            fn remainder(self, other: Self) -> Self {
                let r = self % other;
                if r != 0.0 && (r < 0.0) != (other < 0.0) { r + other } else { r }
            }
            #[inline(always)]
            fn pow(self, exponent: Self) -> Self { self.powf(exponent) }
            #[inline(always)]
            fn is_nan(self) -> bool { self != self }
        }
    )*};
}
float_number!(f32, f64);

impl Number for i64 {
    const ZERO: Self = 0;
    const ONE: Self = 1;
    const LOWEST: Self = i64::MIN;
    const HIGHEST: Self = i64::MAX;
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self.wrapping_add(other)
    }
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        self.wrapping_sub(other)
    }
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        self.wrapping_mul(other)
    }
    #[inline(always)]
    fn div(self, other: Self) -> Self {
        if other == 0 {
            0
        } else {
            self.wrapping_div(other)
        }
    }
    #[inline(always)]
    fn neg(self) -> Self {
        self.wrapping_neg()
    }
    fn floor_div(self, other: Self) -> Self {
        if other == 0 {
            return 0;
        }
        let q = self.wrapping_div(other);
        let r = self.wrapping_rem(other);
        if r != 0 && (r < 0) != (other < 0) {
            q.wrapping_sub(1)
        } else {
            q
        }
    }
    #[inline(always)]
    fn trunc_div(self, other: Self) -> Self {
        Number::div(self, other)
    }
    fn fmod(self, other: Self) -> Self {
        if other == 0 {
            0
        } else {
            self.wrapping_rem(other)
        }
    }
    fn remainder(self, other: Self) -> Self {
        if other == 0 {
            return 0;
        }
        let r = self.wrapping_rem(other);
        if r != 0 && (r < 0) != (other < 0) {
            r.wrapping_add(other)
        } else {
            r
        }
    }
    fn pow(self, exponent: Self) -> Self {
        if exponent < 0 {
            // The integer part of a reciprocal power.
            return match self {
                1 => 1,
                s if s.wrapping_neg() == 1 => {
                    if exponent % 2 == 0 {
                        1
                    } else {
                        s
                    }
                }
                _ => 0,
            };
        }
        let (mut base, mut e, mut result) = (self, exponent, 1i64);
        while e > 0 {
            if e % 2 == 1 {
                result = result.wrapping_mul(base);
            }
            base = base.wrapping_mul(base);
            e /= 2;
        }
        result
    }
    #[inline(always)]
    fn is_nan(self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floor_division_and_remainder_follow_python() {
        assert_eq!((-7i64).floor_div(2), -4);
        assert_eq!((-7i64).remainder(2), 1);
        assert_eq!(7i64.remainder(-2), -1);
        assert_eq!((-7.5f64).floor_div(2.0), -4.0);
        assert_eq!((-7.5f64).remainder(2.0), 0.5);
        assert_eq!(1.0f64.floor_div(0.1), 9.0);
        assert_eq!(i64::MIN.floor_div(-1), i64::MIN);
    }

    #[test]
    fn integer_powers_wrap() {
        let pow = <i64 as Number>::pow;
        assert_eq!(pow(3, 4), 81);
        assert_eq!(pow(2, 65), 0);
        assert_eq!(pow(2, -1), 0);
        assert_eq!(pow(-1, -3), -1);
    }

    #[test]
    fn nan_wins_max_and_min() {
        assert!(f32::NAN.larger(1.0).is_nan() && 1.0f32.larger(f32::NAN).is_nan());
        assert!(f32::NAN.smaller(1.0).is_nan() && 1.0f32.smaller(f32::NAN).is_nan());
    }
}
