//! Functions of one element.

use num_traits::Float;
use smallvec::smallvec;

use super::arithmetic::float_type;
use super::elementwise::{map, zip};
use crate::autograd::{Backward, record};
use crate::number::Number;
use crate::{DType, Result, Tensor};

/// Defines a method that computes in a float dtype (integers become f32) and its derivative.
///
/// `input` or `output` says which value the derivative is written in; backward saves that one.
macro_rules! float_function {
    ($(#[$doc:meta])* $name:ident, $grad:literal, |$x:ident| $f:expr, $saves:ident |$g:ident, $s:ident| $d:expr) => {
        impl Tensor {
            $(#[$doc])*
            ///
            /// Integers are computed as f32.
            ///
            /// # Errors
            /// If the dtype does not compute.
            pub fn $name(&self) -> Result<Tensor> {
                let input = self.to_dtype(float_type(self.dtype()))?;
                let output = dispatch_float!(stringify!($name), input.dtype(), T => map(&input, |$x: T| -> T { $f })?);
                let save = if stringify!($saves) == "input" { input.detach() } else { output.clone() };
                Ok(record(output, &[&input], |_| {
                    Backward::new($grad, move |grad: &Tensor| {
                        Ok(smallvec![Some(dispatch_float!($grad, grad.dtype(), T => {
                            zip(grad, &save, |$g: T, $s: T| -> T { $d })?
                        }))])
                    })
                }))
            }
        }
    };
}

/// A constant as either float type.
#[inline(always)]
fn c<T: Float>(value: f64) -> T {
    T::from(value).expect("every f64 constant converts to a float type")
}

float_function!(/** e to the power of each element. */
    exp, "ExpBackward0", |x| x.exp(), output |g, y| g * y);
float_function!(/** The natural logarithm. */
    log, "LogBackward0", |x| x.ln(), input |g, x| g / x);
float_function!(/** `ln(1 + x)`, accurate near zero. */
    log1p, "Log1PBackward0", |x| x.ln_1p(), input |g, x| g / (x + c::<T>(1.0)));
float_function!(/** `exp(x) - 1`, accurate near zero. */
    expm1, "Expm1Backward0", |x| x.exp_m1(), output |g, y| g * (y + c::<T>(1.0)));
float_function!(/** The square root. */
    sqrt, "SqrtBackward0", |x| x.sqrt(), output |g, y| g / (y + y));
float_function!(/** One over the square root. */
    rsqrt, "RsqrtBackward0", |x| c::<T>(1.0) / x.sqrt(), output |g, y| c::<T>(-0.5) * g * y * y * y);
float_function!(/** One over each element. */
    reciprocal, "ReciprocalBackward0", |x| c::<T>(1.0) / x, output |g, y| -g * y * y);
float_function!(/** The sine. */
    sin, "SinBackward0", |x| x.sin(), input |g, x| g * x.cos());
float_function!(/** The cosine. */
    cos, "CosBackward0", |x| x.cos(), input |g, x| -g * x.sin());
float_function!(/** The hyperbolic tangent. */
    tanh, "TanhBackward0", |x| x.tanh(), output |g, y| g * (c::<T>(1.0) - y * y));
float_function!(/** The logistic function `1 / (1 + exp(-x))`. */
    sigmoid, "SigmoidBackward0", |x| c::<T>(1.0) / (c::<T>(1.0) + (-x).exp()), output |g, y| g * y * (c::<T>(1.0) - y));
float_function!(/** The error function, `2/√π ∫₀ˣ exp(-t²) dt`. */
    erf, "ErfBackward0", |x| x.error_function(),
    input |g, x| g * c::<T>(std::f64::consts::FRAC_2_SQRT_PI) * (-x * x).exp());

/// The error function, which `num-traits` lacks.
pub(crate) trait ErrorFunction {
    fn error_function(self) -> Self;
}
impl ErrorFunction for f32 {
    #[inline]
    fn error_function(self) -> f32 {
        libm::erff(self)
    }
}
impl ErrorFunction for f64 {
    #[inline]
    fn error_function(self) -> f64 {
        libm::erf(self)
    }
}

/// Defines a rounding method: a constant between jumps, so its gradient is zero.
macro_rules! step_function {
    ($(#[$doc:meta])* $name:ident, $grad:literal, |$x:ident| $f:expr) => {
        impl Tensor {
            $(#[$doc])*
            ///
            /// Integers stay as they are; the gradient is zero.
            ///
            /// # Errors
            /// If the dtype does not compute.
            pub fn $name(&self) -> Result<Tensor> {
                if !self.dtype().is_float() {
                    return Ok(self.clone());
                }
                let out = dispatch_float!(stringify!($name), self.dtype(), T => map(self, |$x: T| -> T { $f })?);
                Ok(record(out, &[self], |_| zero_gradient($grad)))
            }
        }
    };
}

fn zero_gradient(name: &'static str) -> impl crate::autograd::GradFn {
    Backward::stateless(name, |g: &Tensor| Ok(smallvec![Some(g.zeros_like())]))
}

step_function!(/** The largest whole number not above. */
    floor, "FloorBackward0", |x| x.floor());
step_function!(/** The smallest whole number not below. */
    ceil, "CeilBackward0", |x| x.ceil());
step_function!(/** The whole part. */
    trunc, "TruncBackward0", |x| x.trunc());
step_function!(/** The nearest whole number, half to even; `-0.` stays negative. */
    round, "RoundBackward0", |x| x.round_half_to_even());

trait RoundHalfToEven {
    fn round_half_to_even(self) -> Self;
}
impl RoundHalfToEven for f32 {
    #[inline]
    fn round_half_to_even(self) -> f32 {
        self.round_ties_even()
    }
}
impl RoundHalfToEven for f64 {
    #[inline]
    fn round_half_to_even(self) -> f64 {
        self.round_ties_even()
    }
}

impl Tensor {
    /// `-self`.
    ///
    /// # Errors
    /// If the tensor is bool.
    pub fn neg(&self) -> Result<Tensor> {
        if self.dtype().is_small_int() {
            return self.long()?.neg()?.to_dtype(self.dtype());
        }
        let out = dispatch_number!("neg", self.dtype(), T => map(self, T::neg)?);
        Ok(record(out, &[self], |_| {
            Backward::stateless("NegBackward0", |g: &Tensor| Ok(smallvec![Some(g.neg()?)]))
        }))
    }

    /// The absolute value; its gradient at 0 is 0.
    ///
    /// # Errors
    /// If the tensor is bool.
    pub fn abs(&self) -> Result<Tensor> {
        if self.dtype().is_small_int() {
            return self.long()?.abs()?.to_dtype(self.dtype());
        }
        let out = dispatch_number!("abs", self.dtype(), T => {
            map(self, |x: T| if x.is_nan() || x > T::ZERO { x } else { T::ZERO.sub(x) })?
        });
        Ok(record(out, &[self], |_| {
            let x = self.detach();
            Backward::new("AbsBackward0", move |g: &Tensor| {
                Ok(smallvec![Some(g.mul(&x.sign()?)?)])
            })
        }))
    }

    /// -1, 0 or 1 by the sign; nan has sign 0 as in PyTorch. The gradient is zero.
    ///
    /// # Errors
    /// If the dtype does not compute.
    pub fn sign(&self) -> Result<Tensor> {
        if self.dtype() == DType::Bool {
            return Ok(self.clone());
        }
        if self.dtype().is_small_int() {
            return self.long()?.sign()?.to_dtype(self.dtype());
        }
        let out = dispatch_number!("sign", self.dtype(), T => map(self, |x: T| {
            if x > T::ZERO { T::ONE } else if x < T::ZERO { T::ZERO.sub(T::ONE) } else { T::ZERO }
        })?);
        Ok(record(out, &[self], |_| zero_gradient("SignBackward0")))
    }

    /// `max(x, 0)`, nan stays nan; the gradient at 0 is 0.
    ///
    /// # Errors
    /// If the tensor is bool.
    pub fn relu(&self) -> Result<Tensor> {
        if self.dtype().is_small_int() {
            return self.long()?.relu()?.to_dtype(self.dtype());
        }
        let out = dispatch_number!("relu", self.dtype(), T => {
            map(self, |x: T| if x < T::ZERO { T::ZERO } else { x })?
        });
        Ok(record(out.clone(), &[self], |_| {
            Backward::new("ReluBackward0", move |g: &Tensor| {
                Ok(smallvec![Some(
                    dispatch_float!("ReluBackward0", g.dtype(), T => {
                        zip(g, &out, |g: T, y: T| if y <= 0.0 { 0.0 } else { g })?
                    })
                )])
            })
        }))
    }

    /// The square of each element.
    ///
    /// # Errors
    /// If the dtype does not compute.
    pub fn square(&self) -> Result<Tensor> {
        self.pow(2)
    }

    /// True where an element is nan.
    pub fn isnan(&self) -> Result<Tensor> {
        if !self.dtype().is_float() {
            return Ok(Tensor::zeros_of(self.shape(), DType::Bool));
        }
        Ok(dispatch_float!("isnan", self.dtype(), T => map(self, |x: T| x.is_nan())?))
    }

    /// True where an element is finite.
    pub fn isfinite(&self) -> Result<Tensor> {
        if !self.dtype().is_float() {
            return Ok(Tensor::ones_of(self.shape(), DType::Bool));
        }
        Ok(dispatch_float!("isfinite", self.dtype(), T => map(self, |x: T| x.is_finite())?))
    }
}
