//! Functions of each element, comparisons, conversions and the like: methods of tensors, and functions of
//! `torch` that are a method of their first argument.

use pleach::{DType, Tensor};

use super::args::Args;
use super::operators::operand;
use super::value::{Builtin, Eval, EvalError, Method, Value};

fn one(tensor: Tensor) -> Eval {
    Ok(Value::tensor(tensor))
}

/// A method without arguments.
macro_rules! plain {
    ($method:ident) => {
        |x, a| {
            a.none(stringify!($method))?;
            one(x.as_tensor()?.$method()?)
        }
    };
}

/// A method whose only argument is a tensor or a number.
macro_rules! with_operand {
    ($method:ident) => {
        |x, a| {
            let a = a.bind(stringify!($method), &["other"])?;
            one(tensor_of(x)?.$method(operand(a.need("other")?)?)?)
        }
    };
}

/// A method whose only argument is a tensor.
macro_rules! with_tensor {
    ($method:ident) => {
        |x, a| {
            let a = a.bind(stringify!($method), &["other"])?;
            one(x.as_tensor()?.$method(&a.tensor("other")?)?)
        }
    };
}

/// A method that fills a shape with the receiver's dtype, or another one.
macro_rules! new {
    ($name:literal, $method:ident, $with_dtype:ident) => {
        |x, a| {
            let a = a.bind($name, &["*size", "*", "dtype"])?;
            let (x, shape) = (x.as_tensor()?, a.shape("size")?);
            one(match a.opt_dtype("dtype")? {
                None => x.$method(shape)?,
                Some(dtype) => Tensor::$with_dtype(shape, dtype)?,
            })
        }
    };
}

/// The receiver: of `torch.xlogy(2.0, x)` it is a number.
fn tensor_of(value: &Value) -> Eval<Tensor> {
    match value.is_tensor() {
        true => value.as_tensor(),
        false => Ok(Tensor::scalar(value.as_scalar()?)),
    }
}

pub fn method(name: &str) -> Option<Method<Value>> {
    Some(match name {
        "acos" | "arccos" => plain!(acos),
        "acosh" | "arccosh" => plain!(acosh),
        "asin" | "arcsin" => plain!(asin),
        "asinh" | "arcsinh" => plain!(asinh),
        "atan" | "arctan" => plain!(atan),
        "atanh" | "arctanh" => plain!(atanh),
        "cosh" => plain!(cosh),
        "sinh" => plain!(sinh),
        "tan" => plain!(tan),
        "deg2rad" => plain!(deg2rad),
        "rad2deg" => plain!(rad2deg),
        "digamma" => plain!(digamma),
        "lgamma" => plain!(lgamma),
        "erfc" => plain!(erfc),
        "erfinv" => plain!(erfinv),
        "exp2" => plain!(exp2),
        "log2" => plain!(log2),
        "log10" => plain!(log10),
        "frac" => plain!(frac),
        "isinf" => plain!(isinf),
        "isneginf" => plain!(isneginf),
        "isposinf" => plain!(isposinf),
        "positive" => plain!(positive),
        "sgn" => plain!(sgn),
        "signbit" => plain!(signbit),
        "sinc" => plain!(sinc),
        "bool" => plain!(bool),
        "byte" => plain!(byte),
        "char" => plain!(char),
        "short" => plain!(short),
        "int" => plain!(int),
        "bfloat16" => plain!(bfloat16),
        "frexp" => |x, a| {
            a.none("frexp")?;
            let (mantissa, exponent) = x.as_tensor()?.frexp()?;
            Ok(Value::Tuple(vec![
                Value::tensor(mantissa),
                Value::tensor(exponent),
            ]))
        },
        "round" => |x, a| {
            let a = a.bind("round", &["*", "decimals"])?;
            one(match a.opt_i64("decimals")? {
                None => x.as_tensor()?.round()?,
                Some(decimals) => x.as_tensor()?.round_decimals(decimals)?,
            })
        },
        "logit" => |x, a| {
            let eps = a.bind("logit", &["eps"])?.opt_f64("eps")?;
            one(x.as_tensor()?.logit(eps)?)
        },
        "nan_to_num" => |x, a| {
            let a = a.bind("nan_to_num", &["nan", "posinf", "neginf"])?;
            let nan = a.opt_f64("nan")?.unwrap_or(0.0);
            let (posinf, neginf) = (a.opt_f64("posinf")?, a.opt_f64("neginf")?);
            one(x.as_tensor()?.nan_to_num(nan, posinf, neginf)?)
        },
        "fill" => |x, a| {
            let a = a.bind("fill", &["value"])?;
            one(x.as_tensor()?.fill(operand(a.need("value")?)?)?)
        },
        "eq" => with_operand!(eq),
        "ne" | "not_equal" => with_operand!(ne),
        "lt" | "less" => with_operand!(lt),
        "le" | "less_equal" => with_operand!(le),
        "gt" | "greater" => with_operand!(gt),
        "ge" | "greater_equal" => with_operand!(ge),
        "true_divide" => with_operand!(div),
        "fmod" => with_operand!(fmod),
        "copysign" => with_operand!(copysign),
        "xlogy" => with_operand!(xlogy),
        "float_power" => with_operand!(float_power),
        "isin" => with_operand!(isin),
        "clamp_min" => |x, a| {
            let a = a.bind("clamp_min", &["min"])?;
            one(x.as_tensor()?.clamp_min(operand(a.need("min")?)?)?)
        },
        "clamp_max" => |x, a| {
            let a = a.bind("clamp_max", &["max"])?;
            one(x.as_tensor()?.clamp_max(operand(a.need("max")?)?)?)
        },
        "atan2" | "arctan2" => with_tensor!(atan2),
        "hypot" => with_tensor!(hypot),
        "ldexp" => with_tensor!(ldexp),
        "logaddexp" => with_tensor!(logaddexp),
        "logaddexp2" => with_tensor!(logaddexp2),
        "logical_and" => with_tensor!(logical_and),
        "logical_or" => with_tensor!(logical_or),
        "logical_xor" => with_tensor!(logical_xor),
        "fmax" => with_tensor!(fmax),
        "fmin" => with_tensor!(fmin),
        "heaviside" => with_tensor!(heaviside),
        "div" | "divide" => |x, a| {
            let a = a.bind("div", &["other", "*", "rounding_mode"])?;
            let (x, other) = (x.as_tensor()?, operand(a.need("other")?)?);
            one(match a.opt("rounding_mode") {
                None => x.div(other)?,
                Some(mode) => x.div_rounded(other, mode.as_str()?)?,
            })
        },
        "isclose" => |x, a| {
            let a = a.bind("isclose", &["other", "rtol", "atol", "equal_nan"])?;
            let (rtol, atol) = (a.opt_f64("rtol")?, a.opt_f64("atol")?);
            one(x.as_tensor()?.isclose(
                &a.tensor("other")?,
                rtol.unwrap_or(1e-5),
                atol.unwrap_or(1e-8),
                a.bool_or("equal_nan", false)?,
            )?)
        },
        "where" => |x, a| {
            let a = a.bind("where", &["condition", "other"])?;
            let (x, other) = (x.as_tensor()?, operand(a.need("other")?)?);
            one(Tensor::where_cond(&a.tensor("condition")?, x, other)?)
        },
        "lerp" => |x, a| {
            let a = a.bind("lerp", &["end", "weight"])?;
            let weight = operand(a.need("weight")?)?;
            one(x.as_tensor()?.lerp(&a.tensor("end")?, weight)?)
        },
        "addcmul" => |x, a| {
            let a = a.bind("addcmul", &["tensor1", "tensor2", "*", "value"])?;
            let value = a.opt("value").map_or(Ok(1.into()), Value::as_scalar)?;
            one(x
                .as_tensor()?
                .addcmul(&a.tensor("tensor1")?, &a.tensor("tensor2")?, value)?)
        },
        "addcdiv" => |x, a| {
            let a = a.bind("addcdiv", &["tensor1", "tensor2", "*", "value"])?;
            let value = a.opt("value").map_or(Ok(1.into()), Value::as_scalar)?;
            one(x
                .as_tensor()?
                .addcdiv(&a.tensor("tensor1")?, &a.tensor("tensor2")?, value)?)
        },
        "softmax" | "log_softmax" => {
            let log = name == "log_softmax";
            return Some(match log {
                true => |x, a| along(x, a, Tensor::log_softmax),
                false => |x, a| along(x, a, Tensor::softmax),
            });
        }
        "new_zeros" => new!("new_zeros", try_new_zeros, try_zeros_of),
        "new_ones" => new!("new_ones", try_new_ones, try_ones_of),
        "new_full" => |x, a| {
            let a = a.bind("new_full", &["size", "fill_value", "*", "dtype"])?;
            let (x, shape) = (x.as_tensor()?, a.shape("size")?);
            let value = a.need("fill_value")?.as_scalar()?;
            one(match a.opt_dtype("dtype")? {
                None => x.try_new_full(shape, value)?,
                Some(dtype) => Tensor::try_full_of(shape, value, dtype)?,
            })
        },
        _ => return None,
    })
}

/// A softmax along a dimension, in a dtype.
fn along(x: &Value, a: Args, f: fn(&Tensor, i64) -> pleach::Result<Tensor>) -> Eval {
    let a = a.bind("softmax", &["dim", "dtype"])?;
    let x = x.as_tensor()?;
    let x = match a.opt_dtype("dtype")? {
        Some(dtype) => x.to_dtype(dtype)?,
        None => x,
    };
    one(f(&x, a.i64("dim")?)?)
}

/// A call that makes its first argument a method's receiver.
macro_rules! of_first {
    ($($name:literal)*) => {
        pub fn function(name: &str) -> Option<Builtin> {
            Some(match name {
                $($name => |mut a: Args| {
                    let receiver = match a.keyword.iter().position(|(n, _)| n == "input") {
                        Some(at) => a.keyword.remove(at).1,
                        None if a.positional.is_empty() => {
                            return super::value::bug(concat!($name, " of nothing"));
                        }
                        None => a.positional.remove(0),
                    };
                    match super::tensor_methods::find($name) {
                        Some(method) => method(&receiver, a),
                        None => super::value::unknown(concat!("Tensor.", $name)),
                    }
                },)*
                _ => return creation(name),
            })
        }
    };
}
of_first! {
    "acos" "acosh" "asin" "asinh" "atan" "atanh" "cosh" "sinh" "tan" "deg2rad" "rad2deg"
    "digamma" "lgamma" "erfc" "erfinv" "exp2" "log2" "log10" "frac" "isinf" "isneginf" "isposinf"
    "positive" "sgn" "signbit" "sinc" "frexp" "round" "logit" "nan_to_num" "fill" "eq" "ne" "lt"
    "le" "gt" "ge" "true_divide" "fmod" "copysign" "xlogy" "float_power" "clamp_min" "clamp_max"
    "atan2" "hypot" "ldexp" "logaddexp" "logaddexp2" "logical_and" "logical_or" "logical_xor"
    "fmax" "fmin" "heaviside" "div" "isclose" "log_softmax" "softmax"
}

fn creation(name: &str) -> Option<Builtin> {
    Some(match name {
        "rsub" => |a| {
            let a = a.bind("rsub", &["input", "other", "*", "alpha"])?;
            let (x, other) = (a.tensor("input")?, operand(a.need("other")?)?);
            let x = match a.opt("alpha") {
                Some(alpha) => x.mul(alpha.as_scalar()?)?,
                None => x,
            };
            one(x.rsub(other)?)
        },
        "isin" => |a| {
            let names = ["elements", "test_elements", "*", "assume_unique", "invert"];
            let a = a.bind("isin", &names)?;
            let hits = tensor_of(a.need("elements")?)?.isin(operand(a.need("test_elements")?)?)?;
            one(match a.bool_or("invert", false)? {
                true => hits.logical_not()?,
                false => hits,
            })
        },
        "zeros_like" | "ones_like" => {
            return Some(match name {
                "zeros_like" => |a| like(a, "zeros_like", 0.into()),
                _ => |a| like(a, "ones_like", 1.into()),
            });
        }
        "full_like" => |a| {
            let a = a.bind("full_like", &["input", "fill_value", "*", "dtype"])?;
            let (x, value) = (a.tensor("input")?, a.need("fill_value")?.as_scalar()?);
            one(match a.opt_dtype("dtype")? {
                None => x.try_full_like(value)?,
                Some(dtype) => x.to_dtype(dtype)?.try_full_like(value)?,
            })
        },
        "linspace" => |a| {
            let a = a.bind("linspace", &["start", "end", "steps", "*", "dtype"])?;
            let (start, end) = (number(a.need("start")?)?, number(a.need("end")?)?);
            let dtype = a.opt_dtype("dtype")?.unwrap_or(DType::F32);
            one(Tensor::try_linspace_of(
                start,
                end,
                a.usize("steps")?,
                dtype,
            )?)
        },
        "logspace" => |a| {
            let a = a.bind("logspace", &["start", "end", "steps", "base", "*", "dtype"])?;
            let (start, end) = (number(a.need("start")?)?, number(a.need("end")?)?);
            let base = a.opt_f64("base")?.unwrap_or(10.0);
            let dtype = a.opt_dtype("dtype")?.unwrap_or(DType::F32);
            one(Tensor::try_logspace_of(
                start,
                end,
                a.usize("steps")?,
                base,
                dtype,
            )?)
        },
        "where" => |a| {
            let a = a.bind("where", &["condition", "input", "other"])?;
            let condition = a.tensor("condition")?;
            if a.get("input").is_none() {
                let places = condition.where_true()?.into_iter().map(Value::tensor);
                return Ok(Value::Tuple(places.collect()));
            }
            let (x, y) = (operand(a.need("input")?)?, operand(a.need("other")?)?);
            one(Tensor::where_cond(&condition, x, y)?)
        },
        _ => return None,
    })
}

/// A number, or a 0-d tensor's.
fn number(value: &Value) -> Eval<pleach::Scalar> {
    match value.is_tensor() {
        false => value.as_scalar(),
        true => {
            let t = value.as_tensor()?;
            if t.rank() > 0 {
                return Err(EvalError::TypedOut("a tensor as a number".into()));
            }
            Ok(match t.dtype().is_float() {
                true => t.item()?.into(),
                false => t.item_i64()?.into(),
            })
        }
    }
}

fn like(a: Args, name: &str, value: pleach::Scalar) -> Eval {
    let a = a.bind(name, &["input", "*", "dtype"])?;
    let x = a.tensor("input")?;
    one(match a.opt_dtype("dtype")? {
        None => x.try_full_like(value)?,
        Some(dtype) => x.to_dtype(dtype)?.try_full_like(value)?,
    })
}
