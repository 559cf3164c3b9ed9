//! Functions of one element.

use pleach_kernels::{Function, GradientFrom, Number};

use super::elementwise::{map, written};
use super::place::Names;
use crate::autograd::{Attributes, Call, GradsOf, Operation, Own, Rules, Saved, Saves, apply};
use crate::{DType, Error, Result, Tensor};

/// A [`Function`] of each element. Integers are computed as f32.
///
/// ```
/// use pleach::{ElementWise, autograd::apply, tensor};
/// use pleach_kernels::Function;
/// let softplus = ElementWise {
///     function: Function::Softplus { beta: 1.0, threshold: 20.0 },
///     name: "softplus",
///     grad_name: "SoftplusBackward0",
/// };
/// assert_eq!(apply(softplus, &tensor![30.0])?.to_vec::<f32>()?, [30.0]);
/// # Ok::<(), pleach::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ElementWise {
    /// The function.
    pub function: Function,
    /// The operation's name.
    pub name: &'static str,
    /// PyTorch's name of its backward step.
    pub grad_name: &'static str,
}

impl Operation for ElementWise {
    type Inputs<'a> = &'a Tensor;
    type Outputs = Tensor;
    const RULES: Rules = Rules::FLOAT;

    fn name(&self) -> &'static str {
        self.name
    }
    fn grad_name(&self) -> &'static str {
        self.grad_name
    }
    fn attributes(&self) -> Attributes {
        parameters(self.function)
    }
    fn forward(&self, x: &Tensor, _: &mut Own) -> Result<Tensor> {
        Ok(dispatch_float!(self.name, x.dtype(), T => {
            written(x, |x: &[T], out| self.function.apply(x, out))?
        }))
    }
    fn saves(&self, _: Call<'_>) -> Saves {
        match self.function.gradient_from() {
            GradientFrom::Input => Saves::NONE.input(0),
            GradientFrom::Output => Saves::NONE.output(0),
            GradientFrom::Nothing => Saves::NONE,
        }
    }
    fn backward(&self, saved: &Saved<'_>, grad: &Tensor) -> Result<GradsOf<Self>> {
        let of = match self.function.gradient_from() {
            GradientFrom::Input => saved.input(0)?,
            GradientFrom::Output => saved.output(0)?,
            GradientFrom::Nothing => return Ok([Some(grad.try_zeros_like()?)]),
        };
        let gradient = Derivative {
            function: self.function,
            name: self.grad_name,
            second: false,
        };
        Ok([Some(apply(gradient, (&of, grad))?)])
    }
}

fn parameters(function: Function) -> Attributes {
    let all = function.parameters().into_iter();
    all.map(|(name, value)| (name, value.into())).collect()
}

/// The gradient of a function, from the value that it keeps and the gradient that arrives; or the
/// derivative of that by the value, which has no derivative of its own.
#[derive(Clone, Debug)]
struct Derivative {
    function: Function,
    name: &'static str,
    second: bool,
}

impl Operation for Derivative {
    type Inputs<'a> = (&'a Tensor, &'a Tensor);
    type Outputs = Tensor;
    const RULES: Rules = Rules::FLOAT;

    fn name(&self) -> &'static str {
        self.name
    }
    fn attributes(&self) -> Attributes {
        let mut all = parameters(self.function);
        all.push(("second", self.second.into()));
        all
    }
    fn forward(&self, (kept, grad): Self::Inputs<'_>, _: &mut Own) -> Result<Tensor> {
        let function = self.function;
        Ok(dispatch_float!(self.name, grad.dtype(), T => {
            let kept = kept.as_slice::<T>()?;
            written(grad, |arriving, out| match self.second {
                false => function.gradient(kept, arriving, out),
                true => function.second(kept, arriving, out),
            })?
        }))
    }
    fn saves(&self, call: Call<'_>) -> Saves {
        match self.second {
            false => Saves::NONE.input(0).input_if(call.needs(0), 1),
            true => Saves::NONE,
        }
    }
    fn backward(&self, saved: &Saved<'_>, grad: &Tensor) -> Result<GradsOf<Self>> {
        if self.second {
            return Err(Error::autograd(format!(
                "the derivative of the derivative of '{}' is not implemented",
                self.name
            )));
        }
        let kept = saved.input(0)?;
        let by_kept = || {
            let second = Derivative {
                second: true,
                ..self.clone()
            };
            apply(second, (&kept, &saved.input(1)?))?.mul(grad)
        };
        Ok([
            saved.grad(0, by_kept)?,
            saved.grad(1, || apply(self.clone(), (&kept, grad)))?,
        ])
    }
}

/// Defines a method that computes in a float dtype.
macro_rules! float_functions {
    ($($(#[$doc:meta])* $name:ident, $function:ident, $grad:literal;)*) => {
        /// # Functions of each element
        impl Tensor {$(
            $(#[$doc])*
            ///
            /// Integers are computed as f32.
            ///
            /// # Errors
            /// If the dtype does not compute.
            pub fn $name(&self) -> Result<Tensor> {
                self.element_wise(Function::$function, stringify!($name), $grad)
            }
        )*}
    };
}
pub(super) use float_functions;

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
        /// # Functions of each element
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
                self.element_wise(Function::$function, stringify!($name), $grad)
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

/// What becomes of the sign: the opposite, positive, or the sign alone.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum SignChange {
    /// `-x`.
    Neg,
    /// `|x|`.
    Abs,
    /// 1, 0 or -1.
    Sign,
}

impl SignChange {
    fn names(self) -> Names {
        match self {
            SignChange::Neg => ("neg", "NegBackward0"),
            SignChange::Abs => ("abs", "AbsBackward0"),
            SignChange::Sign => ("sign", "SignBackward0"),
        }
    }
}

impl Operation for SignChange {
    type Inputs<'a> = &'a Tensor;
    type Outputs = Tensor;
    const RULES: Rules = Rules::ARITHMETIC;

    fn name(&self) -> &'static str {
        self.names().0
    }
    fn grad_name(&self) -> &'static str {
        self.names().1
    }
    fn forward(&self, x: &Tensor, _: &mut Own) -> Result<Tensor> {
        match self {
            SignChange::Neg => Ok(dispatch_number!("neg", x.dtype(), T => map(x, T::neg)?)),
            SignChange::Abs => Ok(dispatch_number!("abs_cpu", x.dtype(), T => {
                map(x, |x: T| if x.is_nan() || x > T::ZERO { x } else { T::ZERO.sub(x) })?
            })),
            SignChange::Sign => Ok(dispatch_number!("sign", x.dtype(), T => map(x, |x: T| {
                if x > T::ZERO { T::ONE } else if x < T::ZERO { T::ZERO.sub(T::ONE) } else { T::ZERO }
            })?)),
        }
    }
    fn saves(&self, _: Call<'_>) -> Saves {
        match self {
            SignChange::Abs => Saves::NONE.input(0),
            _ => Saves::NONE,
        }
    }
    fn backward(&self, saved: &Saved<'_>, grad: &Tensor) -> Result<GradsOf<Self>> {
        Ok([Some(match self {
            SignChange::Neg => grad.neg()?,
            SignChange::Abs => grad.mul(&saved.input(0)?.sign()?)?,
            SignChange::Sign => grad.try_zeros_like()?,
        })])
    }
}

/// # Functions of each element
impl Tensor {
    pub(super) fn element_wise(
        &self,
        function: Function,
        name: &'static str,
        grad_name: &'static str,
    ) -> Result<Tensor> {
        let operation = ElementWise {
            function,
            name,
            grad_name,
        };
        apply(operation, self)
    }

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
        apply(SignChange::Neg, self)
    }

    /// The absolute value; its gradient at 0 is 0.
    ///
    /// # Errors
    /// If the tensor is bool.
    pub fn abs(&self) -> Result<Tensor> {
        apply(SignChange::Abs, self)
    }

    /// -1, 0 or 1 by the sign; nan has sign 0 as in PyTorch. The gradient is zero.
    ///
    /// # Errors
    /// If the dtype does not compute.
    pub fn sign(&self) -> Result<Tensor> {
        match self.dtype() {
            DType::Bool => Ok(self.clone()),
            _ => apply(SignChange::Sign, self),
        }
    }

    /// `max(x, 0)`, nan stays nan; the gradient at 0 is 0.
    ///
    /// # Errors
    /// If the tensor is bool.
    pub fn relu(&self) -> Result<Tensor> {
        match self.dtype() {
            DType::Bool => Err(Error::dtype("Boolean inputs not supported for relu")),
            dtype if !dtype.is_float() => self.maximum(0),
            _ => self.element_wise(Function::Relu, "relu", "ReluBackward0"),
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
        let x = self.detach().to_dtype(self.dtype().comparable())?;
        Ok(dispatch_float!("isnan", x.dtype(), T => map(&x, |x: T| x.is_nan())?))
    }

    /// True where an element is finite.
    pub fn isfinite(&self) -> Result<Tensor> {
        if !self.dtype().is_float() {
            return Tensor::try_ones_of(self.shape(), DType::Bool);
        }
        let x = self.detach().to_dtype(self.dtype().comparable())?;
        Ok(dispatch_float!("isfinite", x.dtype(), T => map(&x, |x: T| x.is_finite())?))
    }
}
