//! Functions of one element.

use pleach_kernels::{Buffer, Function, Saves};
use smallvec::smallvec;

use super::arithmetic::float_type;
use super::elementwise::map;
use crate::autograd::{Backward, record};
use crate::number::Number;
use crate::{DType, Error, Result, Tensor};

/// A function of each element, recorded under the name that its gradient has in PyTorch: for crates
/// that define operations. Integers are computed as f32.
///
/// ```
/// use pleach_core::{apply_function, tensor};
/// use pleach_kernels::Function;
/// let y = apply_function(&tensor![0.0], Function::Sigmoid, "sigmoid", "SigmoidBackward0")?;
/// assert_eq!(y.item()?, 0.5);
/// # Ok::<(), pleach_core::Error>(())
/// ```
///
/// # Errors
/// If the dtype does not compute; `name` is the operation's in the text.
pub fn apply_function(
    input: &Tensor,
    function: Function,
    name: &'static str,
    grad_name: &'static str,
) -> Result<Tensor> {
    let input = input.to_dtype(float_type(input.dtype()))?;
    let x = input.detach().contiguous()?;
    let output = dispatch_float!(name, x.dtype(), T => {
        let mut out = Buffer::<T>::try_new(x.numel())?;
        function.apply(x.as_slice::<T>()?, &mut out);
        Tensor::from_buffer(out, x.shape())
    });
    Ok(record(output.clone(), &[&input], |_| {
        let saved = match function.saves() {
            Saves::Input => x,
            Saves::Output => output,
            Saves::Nothing => Tensor::zeros([0]),
        };
        Backward::new(grad_name, move |grad: &Tensor| {
            if function.saves() == Saves::Nothing {
                return Ok(smallvec![Some(grad.try_zeros_like()?)]);
            }
            let grad = grad.contiguous()?;
            Ok(smallvec![Some(
                dispatch_float!(grad_name, grad.dtype(), T => {
                    let mut out = Buffer::<T>::try_new(grad.numel())?;
                    function.gradient(saved.as_slice::<T>()?, grad.as_slice::<T>()?, &mut out);
                    Tensor::from_buffer(out, grad.shape())
                })
            )])
        })
    }))
}

/// Defines a method that computes in a float dtype.
macro_rules! float_functions {
    ($($(#[$doc:meta])* $name:ident, $function:ident, $grad:literal;)*) => {
        impl Tensor {$(
            $(#[$doc])*
            ///
            /// Integers are computed as f32.
            ///
            /// # Errors
            /// If the dtype does not compute.
            pub fn $name(&self) -> Result<Tensor> {
                apply_function(self, Function::$function, stringify!($name), $grad)
            }
        )*}
    };
}

float_functions! {
    /// e to the power of each element.
    exp, Exp, "ExpBackward0";
    /// The natural logarithm.
    log, Log, "LogBackward0";
    /// `ln(1 + x)`, accurate near zero.
    log1p, Log1p, "Log1PBackward0";
    /// `exp(x) - 1`, accurate near zero.
    expm1, Expm1, "Expm1Backward0";
    /// The square root.
    sqrt, Sqrt, "SqrtBackward0";
    /// One over the square root.
    rsqrt, Rsqrt, "RsqrtBackward0";
    /// One over each element.
    reciprocal, Reciprocal, "ReciprocalBackward0";
    /// The sine.
    sin, Sin, "SinBackward0";
    /// The cosine.
    cos, Cos, "CosBackward0";
    /// The hyperbolic tangent.
    tanh, Tanh, "TanhBackward0";
    /// The logistic function `1 / (1 + exp(-x))`.
    sigmoid, Sigmoid, "SigmoidBackward0";
    /// The error function, `2/√π ∫₀ˣ exp(-t²) dt`.
    erf, Erf, "ErfBackward0";
}

/// Defines a rounding method: a constant between jumps, so its gradient is zero.
macro_rules! step_functions {
    ($($(#[$doc:meta])* $name:ident, $function:ident, $grad:literal;)*) => {
        impl Tensor {$(
            $(#[$doc])*
            ///
            /// Integers stay as they are; the gradient is zero.
            ///
            /// # Errors
            /// If the tensor is bool, or the dtype does not compute.
            pub fn $name(&self) -> Result<Tensor> {
                if self.dtype() == DType::Bool {
                    let name = concat!(stringify!($name), "_vml_cpu");
                    return Err(Error::not_implemented(name, DType::Bool));
                }
                if !self.dtype().is_float() {
                    return Ok(self.clone());
                }
                apply_function(self, Function::$function, stringify!($name), $grad)
            }
        )*}
    };
}

step_functions! {
    /// The largest whole number not above.
    floor, Floor, "FloorBackward0";
    /// The smallest whole number not below.
    ceil, Ceil, "CeilBackward0";
    /// The whole part.
    trunc, Trunc, "TruncBackward0";
    /// The nearest whole number, half to even; `-0.` stays negative.
    round, Round, "RoundBackward0";
}

fn zero_gradient(name: &'static str) -> impl crate::autograd::GradFn {
    Backward::stateless(name, |g: &Tensor| Ok(smallvec![Some(g.try_zeros_like()?)]))
}

impl Tensor {
    /// `-self`.
    ///
    /// # Errors
    /// If the tensor is bool.
    pub fn neg(&self) -> Result<Tensor> {
        if self.dtype() == DType::Bool {
            return Err(Error::dtype(
                "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to invert a mask, use the `~` or `logical_not()` operator instead.",
            ));
        }
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
        let out = dispatch_number!("abs_cpu", self.dtype(), T => {
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
        match self.dtype() {
            DType::I64 => map(&self.detach(), |x: i64| x.max(0)),
            DType::Bool => Err(Error::dtype("Boolean inputs not supported for relu")),
            _ => apply_function(self, Function::Relu, "relu", "ReluBackward0"),
        }
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
            return Tensor::try_zeros_of(self.shape(), DType::Bool);
        }
        Ok(dispatch_float!("isnan", self.dtype(), T => map(self, |x: T| x.is_nan())?))
    }

    /// True where an element is finite.
    pub fn isfinite(&self) -> Result<Tensor> {
        if !self.dtype().is_float() {
            return Tensor::try_ones_of(self.shape(), DType::Bool);
        }
        Ok(dispatch_float!("isfinite", self.dtype(), T => map(self, |x: T| x.is_finite())?))
    }
}
