//! The table of functions.

use super::*;

macro_rules! functions {
    ($($(#[$doc:meta])* $name:ident, $wide:literal,
       |$x:ident, $M:ident| $value:expr, $saves:ident |$s:ident, $g:ident| $gradient:expr;)*) => {
        /// A function of one element.
        #[derive(Copy, Clone, Debug, PartialEq, Eq)]
        pub enum Function {$(
            $(#[$doc])*
            $name,
        )*}

        impl Function {
            /// All of them.
            #[cfg(test)]
            pub(super) const ALL: &[Function] = &[$(Function::$name),*];

            /// What the gradient is computed from.
            pub fn saves(self) -> Saves {
                match self {
                    $(Function::$name => Saves::$saves,)*
                }
            }
        }

        $(
            #[derive(Default)]
            struct $name;
            impl Definition for $name {
                const WIDE: bool = $wide;
                #[inline(always)]
                fn value<T: Float, $M: MulAdd>($x: T) -> T {
                    $value
                }
                #[inline(always)]
                fn gradient<T: Float, $M: MulAdd>($s: T, $g: T) -> T {
                    $gradient
                }
            }
        )*

        pub(super) fn value_block<T: Float>(function: Function) -> ValueBlock<T> {
            match function {
                $(Function::$name => values::<T, $name>,)*
            }
        }

        pub(super) fn gradient_block<T: Float>(function: Function) -> GradientBlock<T> {
            match function {
                $(Function::$name => gradients::<T, $name>,)*
            }
        }
    };
}

functions! {
    /// `e^x`.
    Exp, true, |x, M| x.exp::<M>(), Output |y, g| g * y;
    /// `e^x - 1`, accurate near zero.
    Expm1, true, |x, M| x.exp_m1::<M>(), Output |y, g| g * (y + T::ONE);
    /// The natural logarithm: minus infinity at 0, nan below.
    Log, true, |x, M| x.ln::<M>(), Input |x, g| g / x;
    /// `ln(1 + x)`, accurate near zero.
    Log1p, true, |x, M| x.ln_1p::<M>(), Input |x, g| g / (x + T::ONE);
    /// The square root.
    Sqrt, false, |x, M| x.sqrt(), Output |y, g| g / (y + y);
    /// One over the square root.
    Rsqrt, false, |x, M| T::ONE / x.sqrt(), Output |y, g| T::from_f64(-0.5) * g * (y * y * y);
    /// One over x.
    Reciprocal, false, |x, M| T::ONE / x, Output |y, g| -g * (y * y);
    /// The sine.
    Sin, false, |x, M| x.sin(), Input |x, g| g * x.cos();
    /// The cosine.
    Cos, false, |x, M| x.cos(), Input |x, g| -g * x.sin();
    /// The hyperbolic tangent.
    Tanh, true, |x, M| x.tanh::<M>(), Output |y, g| g * (T::ONE - y * y);
    /// The error function, `2/√π ∫₀ˣ exp(-t²) dt`.
    Erf, true, |x, M| x.erf::<M>(),
    Input |x, g| g * T::from_f64(FRAC_2_SQRT_PI) * (-x * x).exp::<M>();
    /// The logistic function, `1 / (1 + e^-x)`.
    Sigmoid, true, |x, M| sigmoid::<T, M>(x), Output |y, g| g * y * (T::ONE - y);
    /// `x / (1 + e^-x)`.
    Silu, true, |x, M| x * sigmoid::<T, M>(x), Input |x, g| {
        let s = sigmoid::<T, M>(x);
        g * s * (T::ONE + x * (T::ONE - s))
    };
    /// `x Φ(x)`, Φ the normal distribution: `x/2 (1 + erf(x / √2))`.
    Gelu, true, |x, M| x * cdf::<T, M>(x), Input |x, g| {
        let density = (T::from_f64(-0.5) * x * x).exp::<M>();
        let density = density * T::from_f64(0.5 * FRAC_2_SQRT_PI * FRAC_1_SQRT_2);
        g * (cdf::<T, M>(x) + x * density)
    };
    /// `x/2 (1 + tanh(√(2/π) (x + 0.044715 x³)))`.
    GeluTanh, true, |x, M| T::from_f64(0.5) * x * (T::ONE + tanh_part::<T, M>(x)), Input |x, g| {
        let t = tanh_part::<T, M>(x);
        let inner = T::from_f64(FRAC_2_PI.sqrt()) * (T::ONE + T::from_f64(3.0 * CUBIC) * (x * x));
        let curve = x * (T::ONE - t * t) * inner;
        g * (T::from_f64(0.5) * (T::ONE + t + curve))
    };
    /// `max(x, 0)`; its gradient at 0 is 0.
    Relu, false, |x, M| if x < T::ZERO { T::ZERO } else { x },
    Output |y, g| if y <= T::ZERO { T::ZERO } else { g };
    /// `min(max(x, 0), 6)`; its gradient at 0 and at 6 is 0.
    Relu6, false, |x, M| {
        let x = if x < T::ZERO { T::ZERO } else { x };
        if x > T::from_f64(6.0) { T::from_f64(6.0) } else { x }
    },
    Output |y, g| if y <= T::ZERO || y >= T::from_f64(6.0) { T::ZERO } else { g };
    /// The largest whole number not above.
    Floor, false, |x, M| x.floor(), Nothing |_y, _g| T::ZERO;
    /// The smallest whole number not below.
    Ceil, false, |x, M| x.ceil(), Nothing |_y, _g| T::ZERO;
    /// The whole part.
    Trunc, false, |x, M| x.trunc(), Nothing |_y, _g| T::ZERO;
    /// The nearest whole number, half to even.
    Round, false, |x, M| x.round_ties_even(), Nothing |_y, _g| T::ZERO;
}
