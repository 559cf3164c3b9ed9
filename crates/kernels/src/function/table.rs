//! The table of functions.

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_PI, FRAC_2_SQRT_PI, LN_2, LN_10, PI};
use std::marker::PhantomData;

use super::definition::{
    CUBIC, Definition, Gradients, Loops, Values, hard_part, is_moderate, is_normal, limited, run,
    sigmoid, tanh_part,
};
use super::rows::functions;
use crate::math::{Apart, Far, MulAdd};
use crate::{Float, Isa};

/// What the gradient of a [`Function`] is computed from.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum GradientFrom {
    /// The function's input.
    Input,
    /// The function's output.
    Output,
    /// Nothing: the gradient is zero.
    Nothing,
}

functions! {
    /// `e^x`.
    Exp, Plain(|f, x| is_moderate(x)), |x, M| x.exp::<M>(), Output |y, g| g * y,
    twice g;
    /// `e^x - 1`, accurate near zero.
    Expm1, Wide, |x, M| x.exp_m1::<M>(), Output |y, g| g * (y + T::ONE),
    twice g;
    /// The natural logarithm: minus infinity at 0, nan below.
    Log, Plain(|f, x| is_normal(x)), |x, M| x.ln::<M>(), Input |x, g| g / x,
    twice -g / (x * x);
    /// `ln(1 + x)`, accurate near zero.
    Log1p, Wide, |x, M| x.ln_1p::<M>(), Input |x, g| g / (x + T::ONE),
    twice -g / ((x + T::ONE) * (x + T::ONE));
    /// The square root.
    Sqrt, Narrow, |x, M| x.sqrt(), Output |y, g| g / (y + y),
    twice -g / (y * (y + y));
    /// One over the square root.
    Rsqrt, Narrow, |x, M| T::ONE / x.sqrt(), Output |y, g| T::from_f64(-0.5) * g * (y * y * y),
    twice T::from_f64(-1.5) * g * (y * y);
    /// One over x.
    Reciprocal, Narrow, |x, M| T::ONE / x, Output |y, g| -g * (y * y),
    twice T::from_f64(-2.0) * g * y;
    /// The sine.
    Sin, Periodic, |x, M| x.sin::<M>(), Input |x, g| g * x.cos::<M>(),
    twice -g * x.sin::<M>();
    /// The cosine.
    Cos, Periodic, |x, M| x.cos::<M>(), Input |x, g| -g * x.sin::<M>(),
    twice -g * x.cos::<M>();
    /// The hyperbolic tangent.
    Tanh, Wide, |x, M| x.tanh::<M>(), Output |y, g| g * (T::ONE - y * y),
    twice T::from_f64(-2.0) * g * y;
    /// The error function, `2/√π ∫₀ˣ exp(-t²) dt`.
    Erf, Wide, |x, M| x.erf::<M>(),
    Input |x, g| g * T::from_f64(FRAC_2_SQRT_PI) * (-x * x).exp::<M>(),
    twice T::from_f64(-2.0 * FRAC_2_SQRT_PI) * g * x * (-x * x).exp::<M>();
    /// The logistic function, `1 / (1 + e^-x)`.
    Sigmoid, Plain(|f, x| is_moderate(x)), |x, M| sigmoid::<T, M>(x), Output |y, g| g * y * (T::ONE - y),
    twice g * (T::ONE - y - y);
    /// `x / (1 + e^-x)`.
    Silu, Plain(|f, x| is_moderate(x)), |x, M| x * sigmoid::<T, M>(x), Input |x, g| {
        let s = sigmoid::<T, M>(x);
        g * s * (T::ONE + x * (T::ONE - s))
    },
    twice {
        let s = sigmoid::<T, M>(x);
        g * s * (T::ONE - s) * (T::from_f64(2.0) + x * (T::ONE - s - s))
    };
    /// `x Φ(x)`, Φ the normal distribution: `x/2 (1 + erf(x / √2))`.
    Gelu, Wide, |x, M| {
        // What Φ lacks of 1, without a difference of large numbers.
        let size = x.abs();
        let tail = size.normal_tail::<M>();
        let positive = if x > T::ZERO { x } else { T::ZERO };
        // PyTorch's infinity becomes nan in f32, and stays infinite in f64.
        let far = if const { size_of::<T>() == 4 } { T::HIGHEST } else { T::from_f64(40.0) };
        positive - (if x > far { far } else { size }) * tail
    },
    Input |x, g| {
        let density = (T::from_f64(-0.5) * x * x).exp::<M>();
        let density = density * T::from_f64(0.5 * FRAC_2_SQRT_PI * FRAC_1_SQRT_2);
        let tail = x.abs().normal_tail::<M>();
        let cdf = if x > T::ZERO { T::ONE - tail } else { tail };
        g * (cdf + x * density)
    },
    twice {
        let density = T::from_f64(0.5 * FRAC_2_SQRT_PI * FRAC_1_SQRT_2);
        g * density * (T::from_f64(-0.5) * x * x).exp::<M>() * (T::from_f64(2.0) - x * x)
    };
    /// `x/2 (1 + tanh(√(2/π) (x + 0.044715 x³)))`.
    GeluTanh, Wide, |x, M| T::from_f64(0.5) * x * (T::ONE + tanh_part::<T, M>(x)), Input |x, g| {
        let t = tanh_part::<T, M>(x);
        let inner = T::from_f64(FRAC_2_PI.sqrt()) * (T::ONE + T::from_f64(3.0 * CUBIC) * (x * x));
        let curve = x * (T::ONE - t * t) * inner;
        g * (T::from_f64(0.5) * (T::ONE + t + curve))
    },
    twice {
        let (t, k) = (tanh_part::<T, M>(x), T::from_f64(FRAC_2_PI.sqrt()));
        let inner = k * (T::ONE + T::from_f64(3.0 * CUBIC) * (x * x));
        let bend = k * T::from_f64(6.0 * CUBIC) * x - T::from_f64(2.0) * t * (inner * inner);
        g * (T::ONE - t * t) * (inner + T::from_f64(0.5) * x * bend)
    };
    /// `max(x, 0)`; its gradient at 0 is 0.
    Relu, Narrow, |x, M| if x < T::ZERO { T::ZERO } else { x },
    Output |y, g| if y <= T::ZERO { T::ZERO } else { g },
    twice T::ZERO;
    /// `x`, or `negative_slope x` below 0, where the gradient is the slope also at 0.
    LeakyRelu { negative_slope = 0.01 }, Narrow,
    |x, M| if x > T::ZERO { x } else { x * negative_slope },
    Input |x, g| if x > T::ZERO { g } else { g * negative_slope }, twice T::ZERO;
    /// `scale x`, or `scale alpha (e^(input_scale x) - 1)` up to 0: ELU, CELU and SELU.
    Elu { alpha = 1.0, scale = 1.0, input_scale = 1.0 }, Wide,
    |x, M| if x <= T::ZERO {
        (x * input_scale).exp_m1::<M>() * (alpha * scale)
    } else {
        x * scale
    },
    Input |x, g| if x <= T::ZERO {
        g * input_scale * (alpha * scale) * (x * input_scale).exp::<M>()
    } else {
        g * scale
    },
    twice if x <= T::ZERO {
        g * (input_scale * input_scale) * (alpha * scale) * (x * input_scale).exp::<M>()
    } else {
        T::ZERO
    };
    /// `ln(1 + e^(beta x)) / beta`; `x` where `beta x` is above the threshold.
    Softplus { beta = 1.0, threshold = 20.0 }, Wide,
    |x, M| if x * beta > threshold { x } else { (x * beta).exp::<M>().ln_1p::<M>() / beta },
    Input |x, g| if x * beta > threshold { g } else { g * sigmoid::<T, M>(x * beta) },
    twice if x * beta > threshold {
        T::ZERO
    } else {
        let s = sigmoid::<T, M>(x * beta);
        g * beta * s * (T::ONE - s)
    };
    /// `min(max(x, min_val), max_val)`; its gradient at the bounds is 0.
    Hardtanh { min_val = -1.0, max_val = 1.0 }, Narrow,
    |x, M| {
        let x = if x < min_val { min_val } else { x };
        if x > max_val { max_val } else { x }
    },
    Input |x, g| if x <= min_val || x >= max_val { T::ZERO } else { g }, twice T::ZERO;
    /// `min(max(x + 3, 0), 6) / 6`; its gradient at the corners is 0. PyTorch takes the sixth of the
    /// gradient in f32, also for f64.
    Hardsigmoid, Narrow, |x, M| hard_part(x) / T::from_f64(6.0),
    Input |x, g| if x > T::from_f64(-3.0) && x < T::from_f64(3.0) {
        g * T::from_f64(f64::from(1.0f32 / 6.0))
    } else {
        T::ZERO
    },
    twice T::ZERO;
    /// `x min(max(x + 3, 0), 6) / 6`.
    Hardswish, Narrow, |x, M| x * hard_part(x) / T::from_f64(6.0),
    Input |x, g| if x <= T::from_f64(-3.0) {
        T::ZERO
    } else if x < T::from_f64(3.0) {
        g * (x / T::from_f64(3.0) + T::from_f64(0.5))
    } else {
        g
    },
    twice if x > T::from_f64(-3.0) && x < T::from_f64(3.0) {
        g / T::from_f64(3.0)
    } else {
        T::ZERO
    };
    /// `x tanh(ln(1 + e^x))`.
    Mish, Plain(|f, x| is_moderate(x)), |x, M| x * x.exp::<M>().ln_1p::<M>().tanh::<M>(),
    Input |x, g| {
        let (t, s) = (x.exp::<M>().ln_1p::<M>().tanh::<M>(), sigmoid::<T, M>(x));
        g * (t + x * s * (T::ONE - t * t))
    },
    twice {
        let (t, s) = (x.exp::<M>().ln_1p::<M>().tanh::<M>(), sigmoid::<T, M>(x));
        let two = T::from_f64(2.0);
        g * s * (T::ONE - t * t) * (two + x * (T::ONE - s - two * t * s))
    };
    /// `x / (1 + |x|)`.
    Softsign, Narrow, |x, M| x / (x.abs() + T::ONE),
    Input |x, g| g / ((x.abs() + T::ONE) * (x.abs() + T::ONE)),
    twice {
        let d = x.abs() + T::ONE;
        let curve = T::from_f64(2.0) * g / (d * d * d);
        if x > T::ZERO { -curve } else if x < T::ZERO { curve } else { T::ZERO }
    };
    /// `x - tanh(x)`.
    Tanhshrink, Wide, |x, M| x - x.tanh::<M>(),
    Input |x, g| {
        let t = x.tanh::<M>();
        g * (t * t)
    },
    twice {
        let t = x.tanh::<M>();
        T::from_f64(2.0) * g * t * (T::ONE - t * t)
    };
    /// `x`, or 0 from `-lambd` to `lambd`.
    Hardshrink { lambd = 0.5 }, Narrow,
    |x, M| if x >= -lambd && x <= lambd { T::ZERO } else { x },
    Input |x, g| if x >= -lambd && x <= lambd { T::ZERO } else { g }, twice T::ZERO;
    /// `x` moved towards 0 by `lambd`, and 0 from `-lambd` to `lambd`.
    Softshrink { lambd = 0.5 }, Narrow,
    |x, M| if x > lambd { x - lambd } else if x < -lambd { x + lambd } else { x * T::ZERO },
    Input |x, g| if x >= -lambd && x <= lambd { T::ZERO } else { g }, twice T::ZERO;
    /// `x`, or `value` up to the threshold.
    Threshold { threshold = 0.5, value = 0.0 }, Narrow,
    |x, M| if x <= threshold { value } else { x },
    Input |x, g| if x <= threshold { T::ZERO } else { g }, twice T::ZERO;
    /// `ln(1 / (1 + e^-x))`.
    LogSigmoid, Plain(|f, x| is_moderate(x)),
    |x, M| (if x < T::ZERO { x } else { T::ZERO }) - (-x.abs()).exp::<M>().ln_1p::<M>(),
    Input |x, g| g * sigmoid::<T, M>(-x),
    twice {
        let s = sigmoid::<T, M>(x);
        -g * s * (T::ONE - s)
    };
    /// The tangent.
    Tan, Periodic, |x, M| x.tan::<M>(), Output |y, g| g * (T::ONE + y * y),
    twice T::from_f64(2.0) * g * y;
    /// The inverse of the sine.
    Asin, Wide, |x, M| x.asin::<M>(), Input |x, g| g / (T::ONE - x * x).sqrt(),
    twice {
        let d = T::ONE - x * x;
        g * x / (d * d.sqrt())
    };
    /// The inverse of the cosine.
    Acos, Wide, |x, M| x.acos::<M>(), Input |x, g| -g / (T::ONE - x * x).sqrt(),
    twice {
        let d = T::ONE - x * x;
        -g * x / (d * d.sqrt())
    };
    /// The inverse of the tangent.
    Atan, Wide, |x, M| x.atan::<M>(), Input |x, g| g / (x * x + T::ONE),
    twice {
        let d = x * x + T::ONE;
        T::from_f64(-2.0) * g * x / (d * d)
    };
    /// The hyperbolic sine.
    Sinh, Wide, |x, M| x.sinh::<M>(), Input |x, g| g * x.cosh::<M>(),
    twice g * x.sinh::<M>();
    /// The hyperbolic cosine.
    Cosh, Wide, |x, M| x.cosh::<M>(), Input |x, g| g * x.sinh::<M>(),
    twice g * x.cosh::<M>();
    /// The inverse of the hyperbolic sine.
    Asinh, Wide, |x, M| x.asinh::<M>(), Input |x, g| g / (x * x + T::ONE).sqrt(),
    twice {
        let d = x * x + T::ONE;
        -g * x / (d * d.sqrt())
    };
    /// The inverse of the hyperbolic cosine.
    Acosh, Wide, |x, M| x.acosh::<M>(), Input |x, g| g / (x * x - T::ONE).sqrt(),
    twice {
        let d = x * x - T::ONE;
        -g * x / (d * d.sqrt())
    };
    /// The inverse of the hyperbolic tangent.
    Atanh, Wide, |x, M| x.atanh::<M>(), Input |x, g| g / (T::ONE - x * x),
    twice {
        let d = T::ONE - x * x;
        T::from_f64(2.0) * g * x / (d * d)
    };
    /// `2^x`.
    Exp2, Plain(|f, x| x.abs() < T::from_f64(126.0)), |x, M| x.exp2::<M>(), Output |y, g| g * y * T::from_f64(LN_2),
    twice g * T::from_f64(LN_2);
    /// The logarithm of base 2.
    Log2, Plain(|f, x| is_normal(x)), |x, M| x.log2::<M>(), Input |x, g| g / (x * T::from_f64(LN_2)),
    twice -g / (x * x * T::from_f64(LN_2));
    /// The logarithm of base 10.
    Log10, Plain(|f, x| is_normal(x)), |x, M| x.log10::<M>(), Input |x, g| g / (x * T::from_f64(LN_10)),
    twice -g / (x * x * T::from_f64(LN_10));
    /// `1 - erf(x)`, accurate where that is small.
    Erfc, Wide, |x, M| x.erfc::<M>(),
    Input |x, g| g * T::from_f64(-FRAC_2_SQRT_PI) * (-x * x).exp::<M>(),
    twice T::from_f64(2.0 * FRAC_2_SQRT_PI) * g * x * (-x * x).exp::<M>();
    /// The inverse of the error function: infinite at -1 and 1, nan beyond.
    Erfinv, Plain(|f, x| x.abs() < T::ONE), |x, M| x.erfinv::<M>(),
    Output |y, g| g * T::from_f64(1.0 / FRAC_2_SQRT_PI) * (y * y).exp::<M>(),
    twice T::from_f64(2.0 / FRAC_2_SQRT_PI) * g * y * (y * y).exp::<M>();
    /// The logarithm of the gamma function's size.
    Lgamma, Wide, |x, M| x.lgamma::<M>(), Input |x, g| g * x.digamma::<M>(),
    twice g * x.trigamma::<M>();
    /// The logarithmic derivative of the gamma function.
    Digamma, Wide, |x, M| x.digamma::<M>(), Input |x, g| g * x.trigamma::<M>(),
    twice g * x.tetragamma::<M>();
    /// `sin(πx) / (πx)`, and 1 at 0.
    Sinc, Periodic, |x, M| {
        let p = T::from_f64(PI) * x;
        if x == T::ZERO { T::ONE } else { p.sin::<M>() / p }
    },
    Input |x, g| {
        let p = T::from_f64(PI) * x;
        // Near 0, where the difference loses its digits, a series; in f64 it has fewer to lose.
        let z = p * p;
        let near = T::from_f64(if const { size_of::<T>() == 4 } { 0.25 } else { 0.01 });
        if z < near {
            let terms = [1.0 / 1_330_560.0, -1.0 / 15_120.0, 1.0 / 280.0, -1.0 / 10.0, 1.0];
            let sum = terms.iter().fold(T::ZERO, |sum, c| sum * z + T::from_f64(*c));
            g * (T::from_f64(-PI / 3.0) * p * sum)
        } else {
            g * ((p.cos::<M>() * p - p.sin::<M>()) / (p * x))
        }
    },
    twice {
        let p = T::from_f64(PI) * x;
        let two = T::from_f64(2.0);
        if p * x * x == T::ZERO {
            g * T::from_f64(-PI * PI / 3.0)
        } else {
            g * (((two - p * p) * p.sin::<M>() - two * p * p.cos::<M>()) / (p * x * x))
        }
    };
    /// `ln(x / (1 - x))`; of x limited to `eps ..= 1 - eps`, unless `eps` is negative.
    Logit { eps = -1.0 }, Plain(|f, x| is_normal(limited(x, f.eps)) & (limited(x, f.eps) < T::ONE)), |x, M| {
        let x = limited(x, eps);
        (x / (T::ONE - x)).ln::<M>()
    },
    Input |x, g| {
        let low = if eps < T::ZERO { T::ZERO } else { eps };
        let beyond = if eps < T::ZERO { T::NAN } else { T::ZERO };
        if x < low || x > T::ONE - low {
            beyond
        } else {
            // The slope at -0.0 is that at 0.
            g / ((x + T::ZERO) * (T::ONE - x))
        }
    },
    twice {
        let low = if eps < T::ZERO { T::ZERO } else { eps };
        let beyond = if eps < T::ZERO { T::NAN } else { T::ZERO };
        let d = x * (T::ONE - x);
        if x < low || x > T::ONE - low { beyond } else { g * (x + x - T::ONE) / (d * d) }
    };
    /// What is behind the point, with the sign of x.
    Frac, Narrow, |x, M| x - x.trunc(), Input |x, g| g, twice T::ZERO;
    /// Numbers in the place of nan and the infinities.
    NanToNum { nan = 0.0, posinf = 1.0, neginf = -1.0 }, Narrow, |x, M| if x.is_nan() {
        nan
    } else if x == T::HIGHEST {
        posinf
    } else if x == T::LOWEST {
        neginf
    } else {
        x
    },
    Input |x, g| if x.abs() < T::HIGHEST { g } else { T::ZERO }, twice T::ZERO;
    /// The nearest multiple of `down / up`, of which one is 1: half to even.
    RoundTo { up = 100.0, down = 1.0 }, Narrow,
    |x, M| (x * up / down).round_ties_even() * down / up, Nothing |y, g| T::ZERO, twice T::ZERO;
    /// The largest whole number not above.
    Floor, Narrow, |x, M| x.floor(), Nothing |y, g| T::ZERO, twice T::ZERO;
    /// The smallest whole number not below.
    Ceil, Narrow, |x, M| x.ceil(), Nothing |y, g| T::ZERO, twice T::ZERO;
    /// The whole part.
    Trunc, Narrow, |x, M| x.trunc(), Nothing |y, g| T::ZERO, twice T::ZERO;
    /// The nearest whole number, half to even.
    Round, Narrow, |x, M| x.round_ties_even(), Nothing |y, g| T::ZERO, twice T::ZERO;
}
