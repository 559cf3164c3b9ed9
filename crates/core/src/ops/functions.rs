//! More functions of each element: a row is a method. Those that networks use stand in `unary`.

use pleach_kernels::{Buffer, Function};

use super::elementwise::written;
use super::operand::{IntoOperand, Operand};
use super::unary::float_functions;
use crate::autograd::{Call, GradOf, GradsOf, Operation, Own, Rules, Saved, Saves, apply};
use crate::{DType, Element, Error, Result, Tensor};

float_functions! {
    /// The tangent.
    tan, Tan, "TanBackward0";
    /// The inverse of the sine, from -π/2 to π/2: nan beyond -1 and 1.
    asin, Asin, "AsinBackward0";
    /// The inverse of the cosine, from 0 to π: nan beyond -1 and 1.
    acos, Acos, "AcosBackward0";
    /// The inverse of the tangent, from -π/2 to π/2.
    atan, Atan, "AtanBackward0";
    /// The hyperbolic sine.
    sinh, Sinh, "SinhBackward0";
    /// The hyperbolic cosine.
    cosh, Cosh, "CoshBackward0";
    /// The inverse of the hyperbolic sine.
    asinh, Asinh, "AsinhBackward0";
    /// The inverse of the hyperbolic cosine: nan below 1.
    acosh, Acosh, "AcoshBackward0";
    /// The inverse of the hyperbolic tangent: nan beyond -1 and 1.
    atanh, Atanh, "AtanhBackward0";
    /// 2 to the power of each element.
    exp2, Exp2, "Exp2Backward0";
    /// The logarithm of base 2.
    log2, Log2, "Log2Backward0";
    /// The logarithm of base 10.
    log10, Log10, "Log10Backward0";
    /// `1 - erf(x)`, accurate where that is small.
    erfc, Erfc, "ErfcBackward0";
    /// The inverse of the error function: nan beyond -1 and 1.
    erfinv, Erfinv, "ErfinvBackward0";
    /// The logarithm of the gamma function's absolute value.
    lgamma, Lgamma, "LgammaBackward0";
    /// The derivative of [`Tensor::lgamma`].
    digamma, Digamma, "DigammaBackward0";
    /// `sin(πx) / (πx)`, and 1 at 0.
    sinc, Sinc, "SincBackward0";
}

/// # Functions of each element
impl Tensor {
    /// `ln(x / (1 - x))`, the inverse of [`Tensor::sigmoid`]: of `x` limited to `eps ..= 1 - eps`, or
    /// with `None` nan below 0 and above 1. Integers are computed as f32.
    ///
    /// ```
    /// use pleach::tensor;
    /// assert_eq!(tensor![0.5].logit(None)?.item()?, 0.0);
    /// assert_eq!(tensor![0.0, 1.0].logit(0.5)?.to_vec::<f32>()?, [0.0, 0.0]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the dtype does not compute.
    pub fn logit(&self, eps: impl Into<Option<f64>>) -> Result<Tensor> {
        let eps = eps.into().unwrap_or(-1.0);
        self.element_wise(Function::Logit { eps }, "logit", "LogitBackward0")
    }

    /// `x` without its whole part: `x - x.trunc()`.
    ///
    /// # Errors
    /// If the dtype is not a float type.
    pub fn frac(&self) -> Result<Tensor> {
        if !self.dtype().is_float() {
            return Err(Error::not_implemented("frac_cpu", self.dtype()));
        }
        self.element_wise(Function::Frac, "frac", "FracBackward0")
    }

    /// Degrees as radians. Integers are computed as f32.
    ///
    /// # Errors
    /// If the dtype does not compute.
    pub fn deg2rad(&self) -> Result<Tensor> {
        self.mul(std::f64::consts::PI / 180.0)
    }

    /// Radians as degrees. Integers are computed as f32.
    ///
    /// # Errors
    /// If the dtype does not compute.
    pub fn rad2deg(&self) -> Result<Tensor> {
        self.mul(180.0 / std::f64::consts::PI)
    }

    /// `x` itself: Python's `+x`.
    ///
    /// # Errors
    /// If the tensor is bool.
    pub fn positive(&self) -> Result<Tensor> {
        match self.dtype() {
            DType::Bool => Err(Error::dtype(
                "The `+` operator, on a bool tensor is not supported.",
            )),
            _ => Ok(self.clone()),
        }
    }

    /// The sign, as [`Tensor::sign`] gives it (they differ for complex numbers in PyTorch).
    ///
    /// # Errors
    /// If the dtype does not compute.
    pub fn sgn(&self) -> Result<Tensor> {
        self.sign()
    }

    /// Numbers in the place of nan and of the infinities, whose places have no gradient. The infinities
    /// become the largest and the lowest number of the dtype, unless others are given.
    ///
    /// ```
    /// use pleach::tensor;
    /// let x = tensor![f32::NAN, f32::INFINITY, 2.0];
    /// assert_eq!(x.nan_to_num(0.0, None, None)?.to_vec::<f32>()?, [0.0, f32::MAX, 2.0]);
    /// assert_eq!(x.nan_to_num(-1.0, 5.0, None)?.to_vec::<f32>()?, [-1.0, 5.0, 2.0]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the memory cannot be had.
    pub fn nan_to_num(
        &self,
        nan: f64,
        posinf: impl Into<Option<f64>>,
        neginf: impl Into<Option<f64>>,
    ) -> Result<Tensor> {
        let range = self.dtype().range();
        let (Some((lowest, highest)), true) = (range, self.dtype().is_float()) else {
            return Ok(self.clone());
        };
        let function = Function::NanToNum {
            nan,
            posinf: posinf.into().unwrap_or(highest),
            neginf: neginf.into().unwrap_or(lowest),
        };
        self.element_wise(function, "nan_to_num", "NanToNumBackward0")
    }

    /// Rounds to so many decimal places, negative ones before the point; half to even. The gradient is
    /// zero.
    ///
    /// ```
    /// use pleach::tensor;
    /// let x = tensor![2.675, 1350.0];
    /// assert_eq!(x.round_decimals(2)?.to_vec::<f32>()?, [2.68, 1350.0]);
    /// assert_eq!(x.round_decimals(-2)?.to_vec::<f32>()?, [0.0, 1400.0]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the dtype is not a float type.
    pub fn round_decimals(&self, decimals: i64) -> Result<Tensor> {
        if !self.dtype().is_float() {
            let kernel = match decimals {
                0 => "round_vml_cpu",
                _ => "round_cpu",
            };
            return Err(Error::not_implemented(kernel, self.dtype()));
        }
        let power = |places: i64| 10f64.powi(places.clamp(0, 400) as i32);
        let function = Function::RoundTo {
            up: power(decimals),
            down: power(decimals.saturating_neg()),
        };
        self.element_wise(function, "round", "RoundBackward1")
    }

    /// The tensor `m` and the i32 tensor `e` with `x = m · 2^e`, where the size of `m` is at least 1/2 and
    /// less than 1. Where `x` is 0, infinite or nan, `m` is `x` and `e` is 0.
    ///
    /// ```
    /// use pleach::tensor;
    /// let (mantissa, exponent) = tensor![3.0, -0.125].frexp()?;
    /// assert_eq!(mantissa.to_vec::<f32>()?, [0.75, -0.5]);
    /// assert_eq!(exponent.to_vec::<i32>()?, [2, -2]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the dtype is not a float type.
    pub fn frexp(&self) -> Result<(Tensor, Tensor)> {
        if !self.dtype().is_float() {
            return Err(Error::dtype(
                "torch.frexp() only supports floating-point dtypes",
            ));
        }
        apply(Frexp, self)
    }

    /// A tensor of this shape and dtype with one value everywhere, to which a 0-d tensor's gradient goes
    /// back: PyTorch's `torch.fill`.
    ///
    /// ```
    /// use pleach::tensor;
    /// assert_eq!(tensor![1, 2].fill(2.5)?.to_vec::<i64>()?, [2, 2]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the value is a tensor with dimensions, or a number that the dtype cannot hold.
    pub fn fill(&self, value: impl IntoOperand) -> Result<Tensor> {
        let value = value.into_operand();
        let grad_name = match &value {
            Operand::Scalar(_) => "FillBackward0",
            Operand::Tensor(t) if t.rank() == 0 => "FillBackward1",
            Operand::Tensor(t) => {
                return Err(Error::shape(format!(
                    "fill_ only supports 0-dimension value tensor but got tensor with {} dimensions.",
                    t.rank()
                )));
            }
        };
        let value = value.to_tensor(self.dtype())?;
        let value = value.broadcast_to(self.shape())?.contiguous()?;
        self.overwritten(&value, grad_name)
    }
}

/// Mantissa and exponent of each float.
#[derive(Clone, Debug)]
struct Frexp;

impl Operation for Frexp {
    type Inputs<'a> = &'a Tensor;
    type Outputs = (Tensor, Tensor);
    const RULES: Rules = Rules::FLOAT;

    fn name(&self) -> &'static str {
        "frexp"
    }
    fn grad_name(&self) -> &'static str {
        "FrexpBackward0"
    }
    fn forward(&self, x: &Tensor, _: &mut Own) -> Result<(Tensor, Tensor)> {
        dispatch_float!("frexp", x.dtype(), T => {
            let mut exponents = Buffer::<i32>::try_new(x.numel())?;
            let mantissas = written(x, |x: &[T], out: &mut [T]| {
                for ((x, m), e) in x.iter().zip(out).zip(exponents.iter_mut()) {
                    let parts = match x.is_finite() {
                        true => libm::frexp(Element::to_f64(*x)),
                        false => (Element::to_f64(*x), 0),
                    };
                    // Exact: a mantissa has no more digits than the number.
                    (*m, *e) = (parts.0 as T, parts.1);
                }
            })?;
            Ok((mantissas, Tensor::from_buffer(exponents, x.shape())))
        })
    }
    fn saves(&self, _: Call<'_>) -> Saves {
        Saves::NONE.output(1)
    }
    fn backward(&self, saved: &Saved<'_>, grad: GradOf<'_, Self>) -> Result<GradsOf<Self>> {
        let Some(grad) = grad[0] else {
            return Ok([None]);
        };
        let exponent = saved.output(1)?.to_dtype(grad.dtype())?;
        Ok([Some(grad.div(&exponent.exp2()?)?)])
    }
}
