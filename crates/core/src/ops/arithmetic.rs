//! Arithmetic of two operands, broadcast together and promoted to one dtype.
//!
//! What takes `impl Into<Operand>` hands over to a method that does not: the loops are compiled
//! here, once, not for every kind of argument in every crate that calls.

use smallvec::smallvec;

use super::elementwise::{map, zip, zip_number};
use super::operand::{Operand, result_type};
use crate::autograd::{Backward, record};
use crate::number::Number;
use crate::{DType, Element, Error, Result, Scalar, Tensor};

/// The two operands in one dtype; a number stays a number, wrapped round if need be.
fn promoted(x: &Tensor, y: &Operand, dtype: DType) -> Result<(Tensor, Operand)> {
    let y = match y {
        Operand::Tensor(y) => Operand::Tensor(y.to_dtype(dtype)?),
        Operand::Scalar(s) => Operand::Scalar(s.wrapped(dtype)),
    };
    Ok((x.to_dtype(dtype)?, y))
}

/// Runs an operation of small integers in i64: wrapping back gives the same numbers, and fewer
/// loops are compiled.
fn in_i64(
    x: &Tensor,
    y: &Operand,
    dtype: DType,
    f: impl FnOnce(&Tensor, &Operand) -> Result<Tensor>,
) -> Result<Tensor> {
    let (x, y) = promoted(x, y, dtype)?;
    let (x, y) = promoted(&x, &y, DType::I64)?;
    f(&x, &y)?.to_dtype(dtype)
}

/// `f` of two operands of type `T`, without history.
fn apply<T: Element, U: Element>(
    x: &Tensor,
    y: &Operand,
    f: impl Fn(T, T) -> U + Sync + Copy,
) -> Result<Tensor> {
    match y {
        Operand::Tensor(y) => zip(x, y, f),
        Operand::Scalar(s) => zip_number(x, s.wrapping_to::<T>(), f),
    }
}

/// Sums a gradient back to the shape of an operand that was broadcast.
pub(crate) fn unbroadcast(grad: Tensor, shape: &[usize]) -> Result<Tensor> {
    grad.sum_to(shape)
}

/// The tensors among two operands, as the inputs of a node.
fn inputs<'a>(x: &'a Tensor, y: &'a Operand) -> smallvec::SmallVec<[&'a Tensor; 2]> {
    match y {
        Operand::Tensor(y) => smallvec![x, y],
        Operand::Scalar(_) => smallvec![x],
    }
}

fn shape_of(y: &Operand) -> crate::Shape {
    match y {
        Operand::Tensor(y) => y.shape_vec(),
        Operand::Scalar(_) => crate::Shape::new(),
    }
}

/// A value that backward needs, without its history.
fn saved(y: &Operand) -> Operand {
    match y {
        Operand::Tensor(y) => Operand::Tensor(y.detach()),
        Operand::Scalar(s) => Operand::Scalar(*s),
    }
}

impl Tensor {
    /// `self + other`, broadcast and promoted (bool: logical or).
    ///
    /// ```
    /// use pleach_core::tensor;
    /// let x = tensor![[1., 2.], [3., 4.]];
    /// assert_eq!(x.add(&tensor![10., 20.])?.to_vec::<f32>()?, [11., 22., 13., 24.]);
    /// # Ok::<(), pleach_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the shapes cannot be broadcast together.
    pub fn add(&self, other: impl Into<Operand>) -> Result<Tensor> {
        self.add_operand(other.into())
    }

    fn add_operand(&self, other: Operand) -> Result<Tensor> {
        let dtype = result_type(self, &other);
        if dtype.is_small_int() {
            return in_i64(self, &other, dtype, |x, y| x.add(y));
        }
        let (x, y) = promoted(self, &other, dtype)?;
        let out = match x.dtype() {
            DType::Bool => apply::<bool, bool>(&x, &y, |a, b| a | b)?,
            dtype => dispatch_number!("add", dtype, T => apply::<T, T>(&x, &y, T::add)?),
        };
        let (xs, ys) = (x.shape_vec(), shape_of(&y));
        Ok(record(out, &inputs(&x, &y), |needs| {
            let (nx, ny) = (needs[0], needs.get(1) == Some(&true));
            Backward::stateless("AddBackward0", move |g: &Tensor| {
                Ok(smallvec![
                    nx.then(|| unbroadcast(g.clone(), &xs)).transpose()?,
                    ny.then(|| unbroadcast(g.clone(), &ys)).transpose()?,
                ])
            })
        }))
    }

    /// `self - other`, broadcast and promoted.
    ///
    /// # Errors
    /// If the shapes cannot be broadcast together, or either is bool.
    pub fn sub(&self, other: impl Into<Operand>) -> Result<Tensor> {
        self.sub_operand(other.into())
    }

    fn sub_operand(&self, other: Operand) -> Result<Tensor> {
        refuse_bool(self, &other)?;
        let dtype = result_type(self, &other);
        if dtype.is_small_int() {
            return in_i64(self, &other, dtype, |x, y| x.sub(y));
        }
        let (x, y) = promoted(self, &other, dtype)?;
        let out = dispatch_number!("sub", x.dtype(), T => apply::<T, T>(&x, &y, T::sub)?);
        let (xs, ys) = (x.shape_vec(), shape_of(&y));
        Ok(record(out, &inputs(&x, &y), |needs| {
            let (nx, ny) = (needs[0], needs.get(1) == Some(&true));
            Backward::stateless("SubBackward0", move |g: &Tensor| {
                Ok(smallvec![
                    nx.then(|| unbroadcast(g.clone(), &xs)).transpose()?,
                    ny.then(|| unbroadcast(g.neg()?, &ys)).transpose()?,
                ])
            })
        }))
    }

    /// `value - self` for a number: what `1.0 - &x` computes.
    ///
    /// # Errors
    /// If either is bool.
    pub fn rsub(&self, value: impl Into<Scalar>) -> Result<Tensor> {
        self.rsub_scalar(value.into())
    }

    fn rsub_scalar(&self, value: Scalar) -> Result<Tensor> {
        let y = Operand::Scalar(value);
        refuse_bool(self, &y)?;
        let dtype = result_type(self, &y);
        if dtype.is_small_int() {
            return in_i64(self, &y, dtype, |x, _| x.rsub(value.wrapped(dtype)));
        }
        let (x, y) = promoted(self, &y, dtype)?;
        let out = dispatch_number!("rsub", x.dtype(), T => apply::<T, T>(&x, &y, |a, b| b.sub(a))?);
        Ok(record(out, &[&x], |_| {
            Backward::stateless("RsubBackward1", |g: &Tensor| Ok(smallvec![Some(g.neg()?)]))
        }))
    }

    /// `self * other`, broadcast and promoted (bool: logical and).
    ///
    /// # Errors
    /// If the shapes cannot be broadcast together.
    pub fn mul(&self, other: impl Into<Operand>) -> Result<Tensor> {
        self.mul_operand(other.into())
    }

    fn mul_operand(&self, other: Operand) -> Result<Tensor> {
        let dtype = result_type(self, &other);
        if dtype.is_small_int() {
            return in_i64(self, &other, dtype, |x, y| x.mul(y));
        }
        let (x, y) = promoted(self, &other, dtype)?;
        let out = match x.dtype() {
            DType::Bool => apply::<bool, bool>(&x, &y, |a, b| a & b)?,
            dtype => dispatch_number!("mul", dtype, T => apply::<T, T>(&x, &y, T::mul)?),
        };
        let (xs, ys) = (x.shape_vec(), shape_of(&y));
        Ok(record(out, &inputs(&x, &y), |needs| {
            let for_x = needs[0].then(|| saved(&y));
            let for_y = (needs.get(1) == Some(&true)).then(|| x.detach());
            Backward::new("MulBackward0", move |g: &Tensor| {
                let dx = for_x.as_ref().map(|y| unbroadcast(g.mul(y)?, &xs));
                let dy = for_y.as_ref().map(|x| unbroadcast(g.mul(x)?, &ys));
                Ok(smallvec![dx.transpose()?, dy.transpose()?])
            })
        }))
    }

    /// `self / other`, broadcast; integers are divided as f32.
    ///
    /// # Errors
    /// If the shapes cannot be broadcast together.
    pub fn div(&self, other: impl Into<Operand>) -> Result<Tensor> {
        self.div_operand(other.into())
    }

    fn div_operand(&self, other: Operand) -> Result<Tensor> {
        let dtype = float_type(result_type(self, &other));
        let (x, y) = promoted(self, &other, dtype)?;
        let out = dispatch_float!("div", dtype, T => apply::<T, T>(&x, &y, |a, b| a / b)?);
        let (xs, ys) = (x.shape_vec(), shape_of(&y));
        Ok(record(out, &inputs(&x, &y), |needs| {
            let needs_x = needs[0];
            let for_y = (needs.get(1) == Some(&true)).then(|| x.detach());
            let y = saved(&y);
            Backward::new("DivBackward0", move |g: &Tensor| {
                let dx = needs_x.then(|| unbroadcast(g.div(&y)?, &xs));
                // x / y / y, since y² may overflow where this does not.
                let dy = for_y
                    .as_ref()
                    .map(|x| unbroadcast(g.mul(&x.div(&y)?.div(&y)?)?.neg()?, &ys));
                Ok(smallvec![dx.transpose()?, dy.transpose()?])
            })
        }))
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
    pub fn floor_divide(&self, other: impl Into<Operand>) -> Result<Tensor> {
        self.floor_divide_operand(other.into())
    }

    fn floor_divide_operand(&self, other: Operand) -> Result<Tensor> {
        let dtype = result_type(self, &other);
        if dtype.is_small_int() {
            return in_i64(self, &other, dtype, |x, y| x.floor_divide(y));
        }
        let (x, y) = promoted(&self.detach(), &other, dtype)?;
        refuse_zero_divisor(&x, &y)?;
        Ok(dispatch_number!("div_floor_cpu", x.dtype(), T => apply::<T, T>(&x, &y, T::floor_div)?))
    }

    /// The remainder with the divisor's sign: Python's `%`.
    ///
    /// # Errors
    /// If the shapes cannot be broadcast together, or an integer is divided by zero.
    pub fn remainder(&self, other: impl Into<Operand>) -> Result<Tensor> {
        self.remainder_operand(other.into())
    }

    fn remainder_operand(&self, other: Operand) -> Result<Tensor> {
        let dtype = result_type(self, &other);
        if dtype.is_small_int() {
            return in_i64(self, &other, dtype, |x, y| x.remainder(y));
        }
        let (x, y) = promoted(self, &other, dtype)?;
        refuse_zero_divisor(&x, &y)?;
        let out =
            dispatch_number!("remainder_cpu", x.dtype(), T => apply::<T, T>(&x, &y, T::remainder)?);
        let (xs, ys) = (x.shape_vec(), shape_of(&y));
        Ok(record(out, &inputs(&x, &y), |needs| {
            let needs_x = needs[0];
            // x mod y = x - y floor(x / y), so dy = -floor(x / y).
            let for_y = (needs.get(1) == Some(&true)).then(|| (x.detach(), saved(&y)));
            Backward::new("RemainderBackward0", move |g: &Tensor| {
                let dy = for_y
                    .as_ref()
                    .map(|(x, y)| unbroadcast(g.mul(&x.floor_divide(y)?)?.neg()?, &ys));
                let dx = needs_x.then(|| unbroadcast(g.clone(), &xs));
                Ok(smallvec![dx.transpose()?, dy.transpose()?])
            })
        }))
    }

    /// `self` to the power of `other`.
    ///
    /// # Errors
    /// If the shapes cannot be broadcast together, or an integer is raised to a negative number or
    /// to one that its dtype cannot hold.
    pub fn pow(&self, other: impl Into<Operand>) -> Result<Tensor> {
        self.pow_operand(other.into())
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
        if dtype.is_small_int() {
            return in_i64(self, &other, dtype, |x, y| x.pow(y));
        }
        let (x, y) = promoted(self, &other, dtype)?;
        let out = match (&y, x.dtype()) {
            (Operand::Scalar(s), DType::F32) => pow_number::<f32>(&x, s.to_f64())?,
            (Operand::Scalar(s), DType::F64) => pow_number::<f64>(&x, s.to_f64())?,
            // Truth to the power of truth: all true, or as it was.
            (Operand::Scalar(s), DType::Bool) => match s.wrapping_to::<bool>() {
                true => x.detach(),
                false => x.try_ones_like()?,
            },
            (_, dtype) => {
                dispatch_number!("pow", dtype, T => apply::<T, T>(&x, &y, <T as Number>::pow)?)
            }
        };
        match &y {
            Operand::Scalar(e) => {
                let exponent = e.to_f64();
                Ok(record(out, &[&x], |_| {
                    let x = x.detach();
                    Backward::new("PowBackward0", move |g: &Tensor| {
                        // x ** 0 is constant, also at 0 where 0 * x ** -1 would be nan.
                        Ok(smallvec![Some(if exponent == 0.0 {
                            g.try_zeros_like()?
                        } else {
                            g.mul(&x.pow(exponent - 1.0)?.mul(exponent)?)?
                        })])
                    })
                }))
            }
            Operand::Tensor(y) => {
                let (xs, ys) = (x.shape_vec(), y.shape_vec());
                let power = out.detach();
                Ok(record(out, &[&x, y], |needs| {
                    let (x, y) = (x.detach(), y.detach());
                    let (needs_x, needs_y) = (needs[0], needs[1]);
                    Backward::new("PowBackward1", move |g: &Tensor| {
                        let dx = needs_x.then(|| {
                            let dx = g.mul(&y.mul(&x.pow(&y.sub(1.0)?)?)?)?;
                            unbroadcast(Tensor::where_cond(&y.eq(0.0)?, 0.0, &dx)?, &xs)
                        });
                        let dy = needs_y.then(|| {
                            // 0 ** y is constant for y >= 0, where ln(0) would spoil it.
                            let slope = power.mul(&x.log()?)?;
                            let flat = x.eq(0.0)?.mul(&y.ge(0.0)?)?;
                            let slope = Tensor::where_cond(&flat, 0.0, &slope)?;
                            unbroadcast(g.mul(&slope)?, &ys)
                        });
                        Ok(smallvec![dx.transpose()?, dy.transpose()?])
                    })
                }))
            }
        }
    }

    /// A number to the power of each element: Python's `2 ** x`.
    ///
    /// # Errors
    /// If the dtype does not compute.
    ///
    /// ```
    /// let x = pleach_core::tensor![3., -1.];
    /// assert_eq!(x.rpow(2.0)?.to_vec::<f32>()?, [8., 0.5]);
    /// # Ok::<(), pleach_core::Error>(())
    /// ```
    pub fn rpow(&self, base: impl Into<Scalar>) -> Result<Tensor> {
        self.rpow_scalar(base.into())
    }

    fn rpow_scalar(&self, base: Scalar) -> Result<Tensor> {
        let dtype = result_type(self, &Operand::Scalar(base));
        if dtype.is_small_int() {
            return self.long()?.rpow(base.wrapped(dtype))?.to_dtype(dtype);
        }
        let x = self.to_dtype(dtype)?;
        let out = dispatch_number!("pow", x.dtype(), T => {
            zip_number(&x, base.wrapping_to::<T>(), |e: T, b: T| <T as Number>::pow(b, e))?
        });
        let power = out.detach();
        Ok(record(out, &[&x], |_| {
            let x = x.detach();
            let base = base.to_f64();
            Backward::new("PowBackward2", move |g: &Tensor| {
                let slope = power.mul(base.ln())?;
                // 0 ** x is constant for x >= 0, where ln(0) would spoil it.
                let slope = if base == 0.0 {
                    slope.masked_fill(&x.ge(0.0)?, 0.0)?
                } else {
                    slope
                };
                Ok(smallvec![Some(g.mul(&slope)?)])
            })
        }))
    }

    /// The larger of each pair; nan if either is. Equal ones share the gradient.
    ///
    /// # Errors
    /// If the shapes cannot be broadcast together.
    pub fn maximum(&self, other: impl Into<Operand>) -> Result<Tensor> {
        self.extreme(other.into(), true)
    }

    /// The smaller of each pair; nan if either is. Equal ones share the gradient.
    ///
    /// # Errors
    /// If the shapes cannot be broadcast together.
    pub fn minimum(&self, other: impl Into<Operand>) -> Result<Tensor> {
        self.extreme(other.into(), false)
    }

    fn extreme(&self, other: Operand, max: bool) -> Result<Tensor> {
        let dtype = result_type(self, &other);
        if dtype.is_small_int() {
            return in_i64(self, &other, dtype, |x, y| x.extreme(y.clone(), max));
        }
        let (x, y) = promoted(self, &other, dtype)?;
        let out = match (x.dtype(), max) {
            (DType::Bool, true) => apply::<bool, bool>(&x, &y, |a, b| a | b)?,
            (DType::Bool, false) => apply::<bool, bool>(&x, &y, |a, b| a & b)?,
            (dtype, true) => {
                dispatch_number!("maximum", dtype, T => apply::<T, T>(&x, &y, T::larger)?)
            }
            (dtype, false) => {
                dispatch_number!("minimum", dtype, T => apply::<T, T>(&x, &y, T::smaller)?)
            }
        };
        let name = if max {
            "MaximumBackward0"
        } else {
            "MinimumBackward0"
        };
        let y = y.to_tensor(x.dtype())?;
        let (xs, ys) = (x.shape_vec(), y.shape_vec());
        Ok(record(out, &[&x, &y], |needs| {
            let (x, y) = (x.detach(), y.detach());
            let (needs_x, needs_y) = (needs[0], needs[1]);
            Backward::new(name, move |g: &Tensor| {
                // The loser gets nothing. A nan does not lose, nor does what stands beside it.
                let share = Tensor::where_cond(&x.eq(&y)?, g.div(2.0)?, g)?;
                let (x_less, x_more) = (x.lt(&y)?, x.gt(&y)?);
                let (x_loses, y_loses) = if max {
                    (x_less, x_more)
                } else {
                    (x_more, x_less)
                };
                let dx = needs_x.then(|| unbroadcast(share.masked_fill(&x_loses, 0.0)?, &xs));
                let dy = needs_y.then(|| unbroadcast(share.masked_fill(&y_loses, 0.0)?, &ys));
                Ok(smallvec![dx.transpose()?, dy.transpose()?])
            })
        }))
    }

    /// `self + value * a * b`; an integer dtype takes the whole part of the value.
    ///
    /// # Errors
    /// If the shapes cannot be broadcast together, or the dtype cannot hold the value.
    pub fn addcmul(&self, a: &Tensor, b: &Tensor, value: impl Into<Scalar>) -> Result<Tensor> {
        self.add_scaled_product(a, b, value.into())
    }

    fn add_scaled_product(&self, a: &Tensor, b: &Tensor, value: Scalar) -> Result<Tensor> {
        let of_product = result_type(a, &Operand::Tensor(b.clone()));
        let dtype = self.dtype().promote(of_product);
        if dtype == DType::Bool {
            return Err(Error::not_implemented("addcmul_cpu_out", dtype));
        }
        // Scaling by one would only cost a pass.
        if value.to_f64() == 1.0 {
            return self.add(&a.mul(b)?);
        }
        let value = factor(dtype, value)?;
        self.add(&a.to_dtype(dtype)?.mul(value)?.mul(b)?)
    }

    /// `self + value * a / b`.
    ///
    /// # Errors
    /// If the shapes cannot be broadcast together, integers are divided by integers, or the dtype
    /// cannot hold the value.
    pub fn addcdiv(&self, a: &Tensor, b: &Tensor, value: impl Into<Scalar>) -> Result<Tensor> {
        self.add_scaled_quotient(a, b, value.into())
    }

    fn add_scaled_quotient(&self, a: &Tensor, b: &Tensor, value: Scalar) -> Result<Tensor> {
        if !a.dtype().is_float() && !b.dtype().is_float() {
            return Err(Error::dtype(INTEGER_ADDCDIV));
        }
        let dtype = (self.dtype()).promote(result_type(a, &Operand::Tensor(b.clone())));
        let value = factor(dtype, value)?;
        // Scaling by one would only cost a pass.
        if value.to_f64() == 1.0 {
            return self.add(&a.div(b)?);
        }
        self.add(&a.to_dtype(dtype)?.mul(value)?.div(b)?)
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

const INTEGER_ADDCDIV: &str = "Integer division with addcdiv is no longer supported, and in a future  release addcdiv will perform a true division of tensor1 and tensor2. The historic addcdiv behavior can be implemented as (input + value * torch.trunc(tensor1 / tensor2)).to(input.dtype) for integer inputs and as (input + value * tensor1 / tensor2) for float inputs. The future addcdiv behavior is just the latter implementation: (input + value * tensor1 / tensor2), for all dtypes.";

/// A number that the elements of a dtype are multiplied by, as the dtype holds it.
fn factor(dtype: DType, value: Scalar) -> Result<Scalar> {
    match dtype {
        DType::F64 => Ok(value),
        dtype if dtype.is_float() => value.to::<f32>().map(|_| value),
        dtype => dispatch_all!(dtype, T => value.to::<T>().map(|v| Scalar::Int(v.to_i64()))),
    }
}

/// f32 for what is not a float type.
pub(crate) fn float_type(dtype: DType) -> DType {
    if dtype.is_float() { dtype } else { DType::F32 }
}

fn refuse_zero_divisor(x: &Tensor, y: &Operand) -> Result<()> {
    if x.dtype().is_float() {
        return Ok(());
    }
    let zero = match y {
        Operand::Scalar(s) => s.to_f64() == 0.0,
        Operand::Tensor(y) => y.eq(0)?.any()?.item()? != 0.0,
    };
    if zero {
        return Err(Error::value("ZeroDivisionError"));
    }
    Ok(())
}

/// A float to a fixed power; small whole powers by multiplication, as PyTorch does.
fn pow_number<T: Element + num_traits::Float>(x: &Tensor, exponent: f64) -> Result<Tensor> {
    match exponent {
        0.0 => map(x, |_: T| T::one()),
        1.0 => map(x, |a: T| a),
        2.0 => map(x, |a: T| a * a),
        3.0 => map(x, |a: T| a * a * a),
        0.5 => map(x, |a: T| a.sqrt()),
        -0.5 => map(x, |a: T| T::one() / a.sqrt()),
        -1.0 => map(x, |a: T| T::one() / a),
        -2.0 => map(x, |a: T| T::one() / (a * a)),
        _ => {
            let e = T::from_f64(exponent);
            map(x, move |a: T| a.powf(e))
        }
    }
}
