//! Arithmetic of two operands, broadcast together and promoted to one dtype.
//!
//! What takes `impl IntoOperand` hands over to a method that does not: the loops are compiled
//! here, once, not for every kind of argument in every crate that calls.

use pleach_kernels::elementwise::{ZipPiece, zip_number_pieces};
use pleach_kernels::{Binary, Pair, pow_number};

use super::elementwise::{written, zip_pieces};
use super::operand::{IntoOperand, Operand, result_type};
use crate::autograd::{Attributes, Call, GradsOf, Operation, Own, Rules, Saved, Saves, apply};
use crate::{DType, Element, Error, Result, Scalar, Tensor};

/// An operation of two tensors, or of a tensor and a number.
#[derive(Copy, Clone, Debug)]
pub struct Arithmetic {
    /// Which.
    pub kind: Binary,
    /// The number, where there is no second tensor.
    pub number: Option<Scalar>,
}

/// The second operand.
#[derive(Copy, Clone)]
enum Other<'a> {
    Tensor(&'a Tensor),
    Number(Scalar),
}

impl Other<'_> {
    /// What a loop over pieces makes of a tensor and this.
    fn zipped<T: Element, U: Element>(
        self,
        x: &Tensor,
        f: &ZipPiece<'_, T, T, U>,
    ) -> Result<Tensor> {
        match self {
            Other::Tensor(y) => zip_pieces(x, y, f),
            Other::Number(s) => written(x, |x, out| zip_number_pieces(x, s.wrapping_to(), out, f)),
        }
    }
}

impl Arithmetic {
    /// The names: in traces, of the backward step, and in the refusal of a dtype.
    fn names(&self) -> (&'static str, &'static str, &'static str) {
        match self.kind {
            Binary::Add => ("add", "AddBackward0", "add"),
            Binary::Sub => ("sub", "SubBackward0", "sub"),
            Binary::Rsub if self.number.is_some() => ("rsub", "RsubBackward1", "rsub"),
            Binary::Rsub => ("rsub", "RsubBackward0", "rsub"),
            Binary::Mul => ("mul", "MulBackward0", "mul"),
            Binary::Div => ("div", "DivBackward0", "div"),
            Binary::FloorDivide => ("floor_divide", "DivBackward2", "div_floor_cpu"),
            Binary::TruncDivide => ("div", "DivBackward2", "div_trunc_cpu"),
            Binary::Fmod if self.number.is_some() => ("fmod", "FmodBackward0", "fmod_cpu"),
            Binary::Fmod => ("fmod", "FmodBackward1", "fmod_cpu"),
            Binary::Fmax => ("fmax", "FmaxBackward0", "fmax"),
            Binary::Fmin => ("fmin", "FminBackward0", "fmin"),
            Binary::Heaviside => ("heaviside", "HeavisideBackward", "heaviside"),
            Binary::Remainder => ("remainder", "RemainderBackward0", "remainder_cpu"),
            Binary::Pow if self.number.is_some() => ("pow", "PowBackward0", "pow"),
            Binary::Pow => ("pow", "PowBackward1", "pow"),
            Binary::Rpow => ("pow", "PowBackward2", "pow"),
            Binary::Maximum => ("maximum", "MaximumBackward0", "maximum"),
            Binary::Minimum => ("minimum", "MinimumBackward0", "minimum"),
        }
    }
}

impl Operation for Arithmetic {
    type Inputs<'a> = (&'a Tensor, Option<&'a Tensor>);
    type Outputs = Tensor;
    const RULES: Rules = Rules::ARITHMETIC;

    fn name(&self) -> &'static str {
        self.names().0
    }
    fn grad_name(&self) -> &'static str {
        self.names().1
    }
    fn attributes(&self) -> Attributes {
        let number = self.number.map(|n| ("other", n.to_f64().into()));
        number.into_iter().collect()
    }
    fn forward(&self, (x, y): Self::Inputs<'_>, _: &mut Own) -> Result<Tensor> {
        let y = match (y, self.number) {
            (Some(y), _) => Other::Tensor(y),
            (None, Some(number)) => Other::Number(number),
            (None, None) => return Err(Error::value("an operation of two operands got one")),
        };
        if !x.dtype().is_float() && divides(self.kind) {
            refuse_zero_divisor(y)?;
        }
        let bools = (x.dtype() == DType::Bool).then(|| self.kind.truth_piece());
        match (self.kind, y, bools.flatten()) {
            (_, _, Some(piece)) => y.zipped(x, &piece),
            (Binary::Pow, Other::Number(s), _) if x.dtype() != DType::I64 => power(x, s),
            (Binary::Pow, y, _) if x.dtype().is_float() => {
                dispatch_float!("pow", x.dtype(), T => y.zipped(x, &|x: &[T], y: &[T], out: &mut [T]| {
                    Pair::Pow.apply(x, y, out);
                }))
            }
            (Binary::Rpow, y, _) if x.dtype().is_float() => {
                dispatch_float!("pow", x.dtype(), T => y.zipped(x, &|x: &[T], y: &[T], out: &mut [T]| {
                    Pair::Pow.apply(y, x, out);
                }))
            }
            (Binary::Fmod | Binary::Remainder | Binary::FloorDivide, y, _)
                if x.dtype().is_float() =>
            {
                dispatch_float!(self.names().2, x.dtype(), T => match self.kind.remainder_piece::<T>() {
                    Some(piece) => y.zipped(x, &piece),
                    None => Err(Error::value("no operation with a remainder")),
                })
            }
            _ => {
                dispatch_number!(self.names().2, x.dtype(), T => y.zipped(x, &self.kind.piece::<T>()))
            }
        }
    }
    fn saves(&self, call: Call<'_>) -> Saves {
        let (nx, ny) = (call.needs(0), call.needs(1));
        let number = match self.number {
            Some(_) => Saves::ONCE,
            None => Saves::NONE,
        };
        match self.kind {
            Binary::Add | Binary::Sub | Binary::Rsub | Binary::Heaviside => Saves::NONE,
            Binary::FloorDivide | Binary::TruncDivide => Saves::NONE,
            Binary::Mul => number.input_if(nx && call.given(1), 1).input_if(ny, 0),
            Binary::Div => number.input_if(call.given(1), 1).input_if(ny, 0),
            Binary::Remainder | Binary::Fmod => Saves::ONCE.input_if(ny, 0).input_if(ny, 1),
            Binary::Pow => Saves::NONE
                .input(0)
                .input_if(call.given(1), 1)
                .output_if(ny, 0),
            Binary::Rpow => Saves::NONE.input(0).output(0),
            Binary::Maximum | Binary::Minimum | Binary::Fmax | Binary::Fmin => {
                Saves::NONE.input(0).input_if(call.given(1), 1)
            }
        }
    }
    fn backward(&self, saved: &Saved<'_>, g: &Tensor) -> Result<GradsOf<Self>> {
        let (x, y) = (
            || saved.input(0),
            || match self.number {
                Some(number) => Ok(Operand::Scalar(number)),
                None => saved.input(1).map(Operand::Tensor),
            },
        );
        let (dx, dy): (Gradient<'_>, Gradient<'_>) = match self.kind {
            Binary::Add => (&|| Ok(g.clone()), &|| Ok(g.clone())),
            Binary::Sub => (&|| Ok(g.clone()), &|| g.neg()),
            Binary::Rsub => (&|| g.neg(), &|| Ok(g.clone())),
            Binary::Mul => (&|| g.mul(y()?), &|| g.mul(&x()?)),
            // x / y / y, since y² may overflow where this does not.
            Binary::Div => (&|| g.div(y()?), &|| {
                g.mul(&x()?.div(y()?)?.div(y()?)?)?.neg()
            }),
            Binary::FloorDivide | Binary::TruncDivide => {
                (&|| g.try_zeros_like(), &|| g.try_zeros_like())
            }
            Binary::Heaviside => return Err(Error::autograd(NO_STEP_DERIVATIVE)),
            Binary::Fmod => (&|| Ok(g.clone()), &|| {
                g.mul(&x()?.binary(Binary::TruncDivide, y()?)?)?.neg()
            }),
            Binary::Fmax => (&|| known(g, &x()?, &saved.input(1)?, true, true), &|| {
                known(g, &saved.input(1)?, &x()?, true, false)
            }),
            Binary::Fmin => (&|| known(g, &x()?, &saved.input(1)?, false, true), &|| {
                known(g, &saved.input(1)?, &x()?, false, false)
            }),
            // x mod y = x - y floor(x / y), so dy = -floor(x / y).
            Binary::Remainder => (&|| Ok(g.clone()), &|| {
                g.mul(&x()?.floor_divide(y()?)?)?.neg()
            }),
            Binary::Pow => (&|| power_slope(g, &x()?, y()?), &|| {
                exponential_slope(g, &saved.output(0)?, &x()?, &saved.input(1)?)
            }),
            Binary::Rpow => (
                &|| reversed_slope(g, &saved.output(0)?, &x()?, self.number),
                &|| Ok(g.clone()),
            ),
            Binary::Maximum => (&|| winners(g, &x()?, y()?, true), &|| {
                winners(g, &saved.input(1)?, x()?.into(), true)
            }),
            Binary::Minimum => (&|| winners(g, &x()?, y()?, false), &|| {
                winners(g, &saved.input(1)?, x()?.into(), false)
            }),
        };
        Ok([saved.grad(0, dx)?, saved.grad(1, dy)?])
    }
}

/// Whether an integer divided by zero is refused.
fn divides(kind: Binary) -> bool {
    use Binary::{FloorDivide, Fmod, Remainder, TruncDivide};
    matches!(kind, FloorDivide | TruncDivide | Remainder | Fmod)
}

type Gradient<'a> = &'a dyn Fn() -> Result<Tensor>;

const NO_STEP_DERIVATIVE: &str = "derivative for aten::heaviside is not implemented";

/// `g y x^(y - 1)`; 0 where y is 0: `x^0` is constant, also at 0 where `0 x^-1` would be nan.
fn power_slope(g: &Tensor, x: &Tensor, y: Operand) -> Result<Tensor> {
    match y {
        Operand::Scalar(e) if e.to_f64() == 0.0 => g.try_zeros_like(),
        Operand::Scalar(e) => g.mul(&x.pow(e.to_f64() - 1.0)?.mul(e.to_f64())?),
        Operand::Tensor(y) => {
            let dx = g.mul(&y.mul(&x.pow(&y.sub(1.0)?)?)?)?;
            Tensor::where_cond(&y.eq(0.0)?, 0.0, &dx)
        }
    }
}

/// `g x^y ln x`; `0^y` is constant for y >= 0, where ln 0 would spoil it.
fn exponential_slope(g: &Tensor, power: &Tensor, x: &Tensor, y: &Tensor) -> Result<Tensor> {
    let slope = power.mul(&x.log()?)?;
    let flat = x.eq(0.0)?.mul(&y.ge(0.0)?)?;
    g.mul(&Tensor::where_cond(&flat, 0.0, &slope)?)
}

/// [`exponential_slope`] of a number to the power of x.
fn reversed_slope(g: &Tensor, power: &Tensor, x: &Tensor, base: Option<Scalar>) -> Result<Tensor> {
    let base = base.map_or(0.0, Scalar::to_f64);
    if base != 0.0 {
        return g.mul(&power.mul(base.ln())?);
    }
    let log = x.detach().fill(base.ln())?;
    g.mul(&power.mul(&log.masked_fill(&x.ge(0.0)?, 0.0)?)?)
}

/// The gradient of `x` in the larger (or smaller) of `x` and `y`: half of it where they are equal. The
/// loser gets nothing. A nan does not lose, nor does what stands beside it.
fn winners(g: &Tensor, x: &Tensor, y: Operand, max: bool) -> Result<Tensor> {
    let share = Tensor::where_cond(&x.eq(&y)?, g.div(2.0)?, g)?;
    let loses = if max { x.lt(&y)? } else { x.gt(&y)? };
    share.masked_fill(&loses, 0.0)
}

/// [`winners`], where a nan loses; of two the first one wins.
fn known(g: &Tensor, x: &Tensor, y: &Tensor, max: bool, first: bool) -> Result<Tensor> {
    let share = Tensor::where_cond(&x.eq(y)?, g.div(2.0)?, g)?;
    let loses = if max { x.lt(y)? } else { x.gt(y)? };
    let (nan, other) = (x.isnan()?, y.isnan()?);
    let lost = match first {
        true => nan.logical_and(&other.logical_not()?)?,
        false => nan,
    };
    share.masked_fill(&loses.logical_or(&lost)?, 0.0)
}

/// `x` to the power of a number, with PyTorch's shortcuts.
fn power(x: &Tensor, y: Scalar) -> Result<Tensor> {
    if x.dtype() == DType::Bool {
        // Truth to the power of truth: all true, or as it was.
        return match y.wrapping_to::<bool>() {
            true => Ok(x.clone()),
            false => x.try_ones_like(),
        };
    }
    dispatch_float!("pow", x.dtype(), T => written(x, |x: &[T], out| pow_number(x, y.to_f64(), out)))
}

/// # Arithmetic
impl Tensor {
    /// `self + other`, broadcast and promoted (bool: logical or).
    ///
    /// ```
    /// use pleach::tensor;
    /// let x = tensor![[1., 2.], [3., 4.]];
    /// assert_eq!(x.add(&tensor![10., 20.])?.to_vec::<f32>()?, [11., 22., 13., 24.]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the shapes cannot be broadcast together.
    pub fn add(&self, other: impl IntoOperand) -> Result<Tensor> {
        self.binary(Binary::Add, other.into_operand())
    }

    /// `self + alpha * other`: PyTorch's `add(.., alpha=)`.
    ///
    /// ```
    /// use pleach::tensor;
    /// let x = tensor![1., 2.].add_alpha(&tensor![10., 20.], 0.5)?;
    /// assert_eq!(x.to_vec::<f32>()?, [6., 12.]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Tensor::add`], or if `alpha` is a float and the result is none.
    pub fn add_alpha(&self, other: impl IntoOperand, alpha: impl Into<Scalar>) -> Result<Tensor> {
        let other = self.times_alpha(other.into_operand(), alpha.into())?;
        self.binary(Binary::Add, other)
    }

    /// `self - alpha * other`: PyTorch's `sub(.., alpha=)`.
    ///
    /// # Errors
    /// As [`Tensor::sub`], or if `alpha` is a float and the result is none.
    pub fn sub_alpha(&self, other: impl IntoOperand, alpha: impl Into<Scalar>) -> Result<Tensor> {
        let other = self.times_alpha(other.into_operand(), alpha.into())?;
        self.sub(&other)
    }

    /// `alpha * other` of the dtype of `self + other`.
    fn times_alpha(&self, other: Operand, alpha: Scalar) -> Result<Operand> {
        let dtype = result_type(self, &other);
        if matches!(alpha, Scalar::Bool(_)) && dtype != DType::Bool {
            let text = "Boolean alpha only supported for Boolean results.";
            return Err(Error::dtype(text));
        }
        if matches!(alpha, Scalar::Float(_)) && !dtype.is_float() {
            return Err(Error::dtype(
                "For integral input tensors, argument alpha must not be a floating point number.",
            ));
        }
        Ok(Operand::Tensor(other.to_tensor(dtype)?.mul(alpha)?))
    }

    /// Numbers are promoted here, since [`apply`] sees tensors only, and integers that are divided.
    pub(super) fn binary(&self, kind: Binary, other: Operand) -> Result<Tensor> {
        if kind == Binary::Div && !result_type(self, &other).is_float() {
            let other = match other {
                Operand::Tensor(y) => Operand::Tensor(y.float()?),
                number => number,
            };
            return self.float()?.binary(kind, other);
        }
        match other {
            Operand::Tensor(y) => apply(Arithmetic { kind, number: None }, (self, Some(&y))),
            Operand::Scalar(number) => {
                let dtype = result_type(self, &other);
                let number = Some(number.wrapped(dtype));
                apply(Arithmetic { kind, number }, (&self.to_dtype(dtype)?, None))
            }
        }
    }

    /// `self - other`, broadcast and promoted.
    ///
    /// # Errors
    /// If the shapes cannot be broadcast together, or either is bool.
    pub fn sub(&self, other: impl IntoOperand) -> Result<Tensor> {
        self.sub_operand(other.into_operand())
    }

    fn sub_operand(&self, other: Operand) -> Result<Tensor> {
        refuse_bool(self, &other)?;
        self.binary(Binary::Sub, other)
    }

    /// `other - self`, broadcast and promoted: what `1.0 - &x` computes.
    ///
    /// # Errors
    /// If the shapes cannot be broadcast together, or either is bool.
    pub fn rsub(&self, other: impl IntoOperand) -> Result<Tensor> {
        self.rsub_operand(other.into_operand())
    }

    fn rsub_operand(&self, other: Operand) -> Result<Tensor> {
        refuse_bool(self, &other)?;
        self.binary(Binary::Rsub, other)
    }

    /// `self * other`, broadcast and promoted (bool: logical and).
    ///
    /// # Errors
    /// If the shapes cannot be broadcast together.
    pub fn mul(&self, other: impl IntoOperand) -> Result<Tensor> {
        self.binary(Binary::Mul, other.into_operand())
    }

    /// `self / other`, broadcast; integers are divided as f32.
    ///
    /// # Errors
    /// If the shapes cannot be broadcast together.
    pub fn div(&self, other: impl IntoOperand) -> Result<Tensor> {
        self.binary(Binary::Div, other.into_operand())
    }

    /// `value / self` for a number: the reciprocal times the value.
    ///
    /// # Errors
    /// If the dtype does not compute.
    pub fn rdiv(&self, value: impl Into<Scalar>) -> Result<Tensor> {
        self.reciprocal()?.mul(Operand::Scalar(value.into()))
    }

    /// Division rounded towards minus infinity: Python's `//`. No gradient.
    ///
    /// # Errors
    /// If the shapes cannot be broadcast together, or an integer is divided by zero.
    pub fn floor_divide(&self, other: impl IntoOperand) -> Result<Tensor> {
        self.floor_divide_operand(other.into_operand())
    }

    fn floor_divide_operand(&self, other: Operand) -> Result<Tensor> {
        let other = match other {
            Operand::Tensor(y) => Operand::Tensor(y.detach()),
            number => number,
        };
        self.detach().binary(Binary::FloorDivide, other)
    }

    /// The remainder with the divisor's sign: Python's `%`.
    ///
    /// # Errors
    /// If the shapes cannot be broadcast together, or an integer is divided by zero.
    pub fn remainder(&self, other: impl IntoOperand) -> Result<Tensor> {
        self.binary(Binary::Remainder, other.into_operand())
    }

    /// `self` to the power of `other`.
    ///
    /// # Errors
    /// If the shapes cannot be broadcast together, or an integer is raised to a negative number or
    /// to one that its dtype cannot hold.
    pub fn pow(&self, other: impl IntoOperand) -> Result<Tensor> {
        self.pow_operand(other.into_operand())
    }

    fn pow_operand(&self, other: Operand) -> Result<Tensor> {
        let dtype = result_type(self, &other);
        if let Operand::Scalar(s) = &other
            && !dtype.is_float()
        {
            if s.to_f64() < 0.0 {
                return Err(Error::value(
                    "Integers to negative integer powers are not allowed.",
                ));
            }
            dispatch_all!(dtype, T => s.to::<T>().map(drop))?;
        }
        self.binary(Binary::Pow, other)
    }

    /// A number to the power of each element: Python's `2 ** x`.
    ///
    /// # Errors
    /// If the dtype does not compute.
    ///
    /// ```
    /// let x = pleach::tensor![3., -1.];
    /// assert_eq!(x.rpow(2.0)?.to_vec::<f32>()?, [8., 0.5]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    pub fn rpow(&self, base: impl Into<Scalar>) -> Result<Tensor> {
        self.binary(Binary::Rpow, Operand::Scalar(base.into()))
    }

    /// The larger of each pair; nan if either is. Equal ones share the gradient.
    ///
    /// # Errors
    /// If the shapes cannot be broadcast together.
    pub fn maximum(&self, other: impl IntoOperand) -> Result<Tensor> {
        self.binary(Binary::Maximum, other.into_operand())
    }

    /// The smaller of each pair; nan if either is. Equal ones share the gradient.
    ///
    /// # Errors
    /// If the shapes cannot be broadcast together.
    pub fn minimum(&self, other: impl IntoOperand) -> Result<Tensor> {
        self.binary(Binary::Minimum, other.into_operand())
    }
}

/// PyTorch subtracts no truth values.
pub(super) fn refuse_bool(x: &Tensor, y: &Operand) -> Result<()> {
    let y = match y {
        Operand::Tensor(y) => y.dtype() == DType::Bool,
        Operand::Scalar(y) => matches!(y, Scalar::Bool(_)),
    };
    match (x.dtype() == DType::Bool, y) {
        (false, false) => Ok(()),
        (true, true) => Err(Error::dtype(
            "Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or `logical_xor()` operator instead.",
        )),
        _ => Err(Error::dtype(
            "Subtraction, the `-` operator, with a bool tensor is not supported. If you are trying to invert a mask, use the `~` or `logical_not()` operator instead.",
        )),
    }
}

fn refuse_zero_divisor(y: Other<'_>) -> Result<()> {
    let zero = match y {
        Other::Number(s) => s.to_f64() == 0.0,
        Other::Tensor(y) => y.eq(0)?.any()?.item()? != 0.0,
    };
    match zero {
        true => Err(Error::value("ZeroDivisionError")),
        false => Ok(()),
    }
}
