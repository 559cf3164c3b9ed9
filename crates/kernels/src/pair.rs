//! [`Pair`]: functions of two floats.

use crate::float::{of_type, run_math};
use crate::isa::MathLoop;
use crate::math::MulAdd;
use crate::{Float, Isa};

/// A row: docs, name, and the value for (x, y).
macro_rules! pairs {
    ($($(#[$doc:meta])* $name:ident, |$x:ident, $y:ident, $M:ident| $value:expr;)*) => {
        /// A function of two floats, by its name in PyTorch.
        #[derive(Copy, Clone, Debug, PartialEq, Eq)]
        pub enum Pair {$(
            $(#[$doc])*
            $name,
        )*}

        $(
            struct $name<'a, T>(&'a [T], &'a [T], &'a mut [T]);

            impl<T: Float> MathLoop for $name<'_, T> {
                #[inline(always)]
                fn run<$M: MulAdd>(self) {
                    for ((out, x), y) in self.2.iter_mut().zip(self.0).zip(self.1) {
                        let ($x, $y) = (*x, *y);
                        *out = $value;
                    }
                }
            }
        )*

        fn run<T: Float>(pair: Pair, isa: Isa, x: &[T], y: &[T], out: &mut [T]) {
            match pair {
                $(Pair::$name => run_math::<T, _>(isa, $name(x, y, out)),)*
            }
        }
    };
}

pairs! {
    /// The angle of the point (y, x).
    Atan2, |x, y, M| x.atan2::<M>(y);
    /// `√(x² + y²)`, without overflow.
    Hypot, |x, y, M| x.hypot::<M>(y);
    /// The size of x with the sign of y.
    Copysign, |x, y, M| x.copysign(y);
    /// x to the power of y.
    Pow, |x, y, M| x.powf::<M>(y);
    /// x, or `x y` up to 0.
    Prelu, |x, y, M| if x > T::ZERO { x } else { x * y };
    /// `x 2^y`.
    Ldexp, |x, y, M| x.ldexp::<M>(y);
    /// `x ln y`; 0 where x is, unless y is nan.
    Xlogy, |x, y, M| {
        let product = x * y.ln::<M>();
        if y.is_nan() {
            T::NAN
        } else if x == T::ZERO {
            T::ZERO
        } else {
            product
        }
    };
    /// `ln(e^x + e^y)`, without overflow.
    LogAddExp, |x, y, M| {
        let (high, low) = if x > y { (x, y) } else { (y, x) };
        let sum = high + (low - high).exp::<M>().ln_1p::<M>();
        // Of two equal infinities there is no difference. A nan is in one of them.
        if x == y && x.abs() == T::HIGHEST { x } else { sum }
    };
    /// `log2(2^x + 2^y)`, without overflow.
    LogAddExp2, |x, y, M| {
        let (high, low) = if x > y { (x, y) } else { (y, x) };
        let tail = (low - high).exp2::<M>().ln_1p::<M>();
        let sum = high + tail * T::from_f64(std::f64::consts::LOG2_E);
        if x == y && x.abs() == T::HIGHEST { x } else { sum }
    };
}

impl Pair {
    /// `out[i] = f(x[i], y[i])`, on this thread.
    ///
    /// ```
    /// use pleach_kernels::Pair;
    /// let mut out = [0.0; 2];
    /// Pair::Hypot.apply(&[3.0, -5.0], &[4.0, 12.0], &mut out);
    /// assert_eq!(out, [5.0, 13.0]);
    /// ```
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn apply<T: Float>(self, x: &[T], y: &[T], out: &mut [T]) {
        assert!(
            x.len() == out.len() && y.len() == out.len(),
            "a function of pairs: the lengths differ"
        );
        (loops::<T>().0)(self, Isa::current(), x, y, out);
    }
}

/// What is compiled here, once for each float.
struct Loops<T: 'static>(fn(Pair, Isa, &[T], &[T], &mut [T]));

fn loops<T: Float>() -> &'static Loops<T> {
    static F32: Loops<f32> = Loops(run::<f32>);
    static F64: Loops<f64> = Loops(run::<f64>);
    of_type(&F32, &F64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn corners_are_those_of_the_c_library() {
        let inf = f64::INFINITY;
        let rows: [(Pair, f64, f64, f64); 13] = [
            (Pair::Atan2, 0.0, -1.0, std::f64::consts::PI),
            (Pair::Atan2, -0.0, -0.0, -std::f64::consts::PI),
            (Pair::Atan2, inf, -inf, 0.75 * std::f64::consts::PI),
            (Pair::Hypot, 3e300, 4e300, 5e300),
            (Pair::Hypot, f64::NAN, inf, inf),
            (Pair::Copysign, 2.0, -0.0, -2.0),
            (Pair::Ldexp, 3.0, -2.0, 0.75),
            (Pair::Xlogy, 0.0, 0.0, 0.0),
            (Pair::Xlogy, 0.0, f64::NAN, f64::NAN),
            (Pair::LogAddExp, inf, inf, inf),
            (Pair::LogAddExp, -inf, 1.0, 1.0),
            (
                Pair::LogAddExp,
                1000.0,
                1000.0,
                1000.0 + std::f64::consts::LN_2,
            ),
            (Pair::LogAddExp2, 1.0, 1.0, 2.0),
        ];
        for (pair, x, y, want) in rows {
            let close = |got: f64| {
                got == want || (got - want).abs() < 1e-15 || got.is_nan() && want.is_nan()
            };
            let mut out = [0.0; 1];
            pair.apply(&[x], &[y], &mut out);
            assert!(
                close(out[0]) || (out[0] / want - 1.0).abs() < 1e-15,
                "{pair:?} {x} {y}: {}",
                out[0]
            );
        }
    }
}
