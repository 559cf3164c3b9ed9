//! Functions of two tensors, element by element: of floats ([`Pair`]), and the arithmetic that
//! networks seldom use.

use pleach_kernels::{Binary, Pair};

use super::elementwise::zip_pieces;
use super::operand::{IntoOperand, Operand, result_type};
use super::place::Names;
use crate::autograd::{Call, GradsOf, Operation, Own, Rules, Saved, Saves, apply};
use crate::{DType, Error, Result, Scalar, Tensor};

/// A [`Pair`] of each two elements, broadcast, in a float type.
///
/// ```
/// use pleach::{FloatPair, autograd::apply, tensor};
/// use pleach_kernels::Pair;
/// let y = apply(FloatPair(Pair::Hypot), (&tensor![3.0, 5.0], &tensor![4.0, 12.0]))?;
/// assert_eq!(y.to_vec::<f32>()?, [5.0, 13.0]);
/// # Ok::<(), pleach::Error>(())
/// ```
#[derive(Copy, Clone, Debug)]
pub struct FloatPair(pub Pair);

impl FloatPair {
    fn names(self) -> Names {
        match self.0 {
            Pair::Atan2 => ("atan2", "Atan2Backward0"),
            Pair::Hypot => ("hypot", "HypotBackward0"),
            Pair::Copysign => ("copysign", "CopysignBackward0"),
            Pair::Pow => ("pow", "PowBackward1"),
            Pair::Prelu => ("prelu", "PreluKernelBackward0"),
            Pair::Ldexp => ("ldexp", "LdexpBackward0"),
            Pair::Xlogy => ("xlogy", "XlogyBackward0"),
            Pair::LogAddExp => ("logaddexp", "LogaddexpBackward0"),
            Pair::LogAddExp2 => ("logaddexp2", "Logaddexp2Backward0"),
        }
    }

    /// The factor of the gradient of the first operand.
    fn by_first(self, saved: &Saved<'_>) -> Result<Tensor> {
        let (x, y) = (|| saved.input(0), || saved.input(1));
        match self.0 {
            Pair::Atan2 => y()?.div(&squares(&x()?, &y()?)?),
            Pair::Hypot => x()?.div(&saved.output(0)?),
            Pair::Copysign => (saved.output(0)?.div(&x()?)?).masked_fill(&x()?.eq(0.0)?, 0.0),
            Pair::Pow => y()?.mul(&x()?.pow(&y()?.sub(1.0)?)?),
            Pair::Prelu => Tensor::where_cond(&x()?.gt(0.0)?, 1.0, &y()?),
            Pair::Ldexp => y()?.exp2(),
            Pair::Xlogy => {
                let flat = x()?.eq(0.0)?.logical_and(&y()?.le(0.0)?)?;
                y()?.log()?.masked_fill(&flat, 0.0)
            }
            Pair::LogAddExp => y()?.sub(&x()?)?.exp()?.add(1.0)?.reciprocal(),
            Pair::LogAddExp2 => y()?.sub(&x()?)?.exp2()?.add(1.0)?.reciprocal(),
        }
    }

    /// The gradient of the second operand.
    fn of_second(self, saved: &Saved<'_>, grad: &Tensor) -> Result<Tensor> {
        let (x, y) = (|| saved.input(0), || saved.input(1));
        let factor = match self.0 {
            Pair::Atan2 => x()?.neg()?.div(&squares(&x()?, &y()?)?),
            Pair::Hypot => y()?.div(&saved.output(0)?),
            // Also of an infinite gradient.
            Pair::Copysign => return grad.try_zeros_like(),
            Pair::Pow => saved.output(0)?.mul(&x()?.log()?),
            Pair::Prelu => {
                let x = x()?;
                return grad.mul(&x)?.masked_fill(&x.gt(0.0)?, 0.0);
            }
            Pair::Ldexp => saved.output(0)?.mul(std::f64::consts::LN_2),
            Pair::Xlogy => x()?.div(&y()?),
            Pair::LogAddExp => x()?.sub(&y()?)?.exp()?.add(1.0)?.reciprocal(),
            Pair::LogAddExp2 => x()?.sub(&y()?)?.exp2()?.add(1.0)?.reciprocal(),
        }?;
        grad.mul(&factor)
    }
}

/// `x² + y²`; infinite where both are 0, so that a quotient is 0 there.
fn squares(x: &Tensor, y: &Tensor) -> Result<Tensor> {
    let sum = x.square()?.add(&y.square()?)?;
    sum.masked_fill(&sum.eq(0.0)?, f64::INFINITY)
}

impl Operation for FloatPair {
    type Inputs<'a> = (&'a Tensor, &'a Tensor);
    type Outputs = Tensor;
    const RULES: Rules = Rules {
        dense: false,
        ..Rules::FLOAT
    };

    fn name(&self) -> &'static str {
        self.names().0
    }
    fn grad_name(&self) -> &'static str {
        self.names().1
    }
    fn forward(&self, (x, y): Self::Inputs<'_>, _: &mut Own) -> Result<Tensor> {
        let pair = self.0;
        dispatch_float!(self.name(), x.dtype(), T => {
            zip_pieces(x, y, &|x: &[T], y: &[T], out: &mut [T]| pair.apply(x, y, out))
        })
    }
    fn saves(&self, call: Call<'_>) -> Saves {
        let (nx, ny) = (call.needs(0), call.needs(1));
        match self.0 {
            Pair::Hypot | Pair::Pow => Saves::NONE.input(0).input(1).output(0),
            Pair::Copysign => Saves::ONCE.input_if(nx, 0).output_if(nx, 0),
            Pair::Ldexp => Saves::ONCE.input_if(nx, 1).output_if(ny, 0),
            _ => Saves::NONE.input(0).input(1),
        }
    }
    fn backward(&self, saved: &Saved<'_>, grad: &Tensor) -> Result<GradsOf<Self>> {
        Ok([
            saved.grad(0, || grad.mul(&self.by_first(saved)?))?,
            saved.grad(1, || self.of_second(saved, grad))?,
        ])
    }
}

/// How [`Tensor::div_rounded`] rounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rounding {
    /// Towards minus infinity.
    Floor,
    /// Towards zero.
    Trunc,
}

words! {
    Rounding { Floor = "floor", Trunc = "trunc" },
    |text| format!("div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '{text}'")
}

/// # Functions of two tensors
impl Tensor {
    /// A function that is refused to two integers.
    fn of_floats(&self, pair: Pair, other: &Tensor, kernel: &'static str) -> Result<Tensor> {
        let dtype = self.dtype().promote(other.dtype());
        match dtype.is_float() {
            true => apply(FloatPair(pair), (self, other)),
            false => Err(Error::not_implemented(kernel, dtype)),
        }
    }

    /// A function of a tensor and an operand: a number becomes a tensor of the result's dtype.
    fn with_operand(&self, pair: Pair, other: &Operand) -> Result<Tensor> {
        let dtype = match result_type(self, other) {
            dtype if dtype.is_float() => dtype,
            _ => DType::F32,
        };
        match other {
            Operand::Tensor(y) => apply(FloatPair(pair), (self, y)),
            number => apply(FloatPair(pair), (self, &number.to_tensor(dtype)?)),
        }
    }

    /// The angle of the point `(other, self)`, from -π to π: `atan(self / other)` in the right quadrant.
    /// Integers are computed as f32.
    ///
    /// ```
    /// use pleach::tensor;
    /// let angle = tensor![1.0, -0.0].atan2(&tensor![0.0, -1.0])?;
    /// assert_eq!(angle.to_vec::<f32>()?, [std::f32::consts::FRAC_PI_2, -std::f32::consts::PI]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the shapes cannot be broadcast together.
    pub fn atan2(&self, other: &Tensor) -> Result<Tensor> {
        apply(FloatPair(Pair::Atan2), (self, other))
    }

    /// `√(self² + other²)`, without overflow.
    ///
    /// # Errors
    /// If the shapes cannot be broadcast together, or both are integers.
    pub fn hypot(&self, other: &Tensor) -> Result<Tensor> {
        self.of_floats(Pair::Hypot, other, "hypot_cpu")
    }

    /// The absolute value of `self` with the sign of `other`, that of zeros too. Integers are computed as
    /// f32.
    ///
    /// # Errors
    /// If the shapes cannot be broadcast together.
    pub fn copysign(&self, other: impl IntoOperand) -> Result<Tensor> {
        self.with_operand(Pair::Copysign, &other.into_operand())
    }

    /// `self · ln(other)`, which is 0 where `self` is, unless `other` is nan. Integers are computed as f32.
    ///
    /// ```
    /// use pleach::tensor;
    /// assert_eq!(tensor![0.0, 2.0].xlogy(&tensor![0.0, 1.0])?.to_vec::<f32>()?, [0.0, 0.0]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the shapes cannot be broadcast together.
    pub fn xlogy(&self, other: impl IntoOperand) -> Result<Tensor> {
        self.with_operand(Pair::Xlogy, &other.into_operand())
    }

    /// `ln(e^self + e^other)`, without overflow.
    ///
    /// # Errors
    /// If the shapes cannot be broadcast together, or both are integers.
    pub fn logaddexp(&self, other: &Tensor) -> Result<Tensor> {
        self.of_floats(Pair::LogAddExp, other, "logaddexp_cpu")
    }

    /// `log2(2^self + 2^other)`, without overflow.
    ///
    /// # Errors
    /// If the shapes cannot be broadcast together, or both are integers.
    pub fn logaddexp2(&self, other: &Tensor) -> Result<Tensor> {
        self.of_floats(Pair::LogAddExp2, other, "logaddexp2_cpu")
    }

    /// `self · 2^other`. Integers are computed as f32.
    ///
    /// # Errors
    /// If the shapes cannot be broadcast together, or floats are scaled by truth values.
    pub fn ldexp(&self, other: &Tensor) -> Result<Tensor> {
        if self.dtype().is_float() && other.dtype() == DType::Bool {
            return Err(Error::not_implemented("ldexp_cpu_exp", DType::Bool));
        }
        apply(FloatPair(Pair::Ldexp), (self, other))
    }

    /// `self` to the power of `other`, computed in f64.
    ///
    /// # Errors
    /// If the shapes cannot be broadcast together.
    pub fn float_power(&self, other: impl IntoOperand) -> Result<Tensor> {
        let other = match other.into_operand() {
            Operand::Tensor(y) => Operand::Tensor(y.double()?),
            Operand::Scalar(number) => Operand::Scalar(Scalar::Float(number.to_f64())),
        };
        self.double()?.pow(other)
    }

    /// `self / other` rounded to whole numbers, down or towards zero (`"floor"` or `"trunc"`); integers stay
    /// integers. The gradient is zero.
    ///
    /// ```
    /// use pleach::tensor;
    /// let x = tensor![7, -7];
    /// assert_eq!(x.div_rounded(2, "floor")?.to_vec::<i64>()?, [3, -4]);
    /// assert_eq!(x.div_rounded(2, "trunc")?.to_vec::<i64>()?, [3, -3]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the shapes cannot be broadcast together, an integer is divided by zero, or a string is
    /// unknown.
    pub fn div_rounded(
        &self,
        other: impl IntoOperand,
        rounding: impl TryInto<Rounding, Error: Into<Error>>,
    ) -> Result<Tensor> {
        let kind = match rounding.try_into().map_err(Into::into)? {
            Rounding::Floor => Binary::FloorDivide,
            Rounding::Trunc => Binary::TruncDivide,
        };
        self.binary(kind, other.into_operand())
    }

    /// What remains of the quotient rounded towards zero: C's `fmod`, with the sign of `self`.
    ///
    /// # Errors
    /// If the shapes cannot be broadcast together, or an integer is divided by zero.
    pub fn fmod(&self, other: impl IntoOperand) -> Result<Tensor> {
        self.binary(Binary::Fmod, other.into_operand())
    }

    /// The larger of each pair; where one is nan, the other. Equal ones share the gradient.
    ///
    /// # Errors
    /// If the shapes cannot be broadcast together.
    pub fn fmax(&self, other: &Tensor) -> Result<Tensor> {
        self.binary(Binary::Fmax, other.into())
    }

    /// The smaller of each pair; where one is nan, the other. Equal ones share the gradient.
    ///
    /// # Errors
    /// If the shapes cannot be broadcast together.
    pub fn fmin(&self, other: &Tensor) -> Result<Tensor> {
        self.binary(Binary::Fmin, other.into())
    }

    /// 0 where an element is negative, 1 where it is positive, and `values` where it is 0. It has no
    /// derivative.
    ///
    /// # Errors
    /// If the shapes cannot be broadcast together, or the dtypes differ.
    pub fn heaviside(&self, values: &Tensor) -> Result<Tensor> {
        if self.dtype() != values.dtype() {
            return Err(Error::dtype(
                "heaviside is not yet implemented for tensors with different dtypes.",
            ));
        }
        self.binary(Binary::Heaviside, values.into())
    }
}
