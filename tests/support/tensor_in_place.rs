//! Methods that change a tensor, a parameter or its `.data` in place.

use pleach::{Operand, TensorIndex, no_grad};

use super::operators::operand;
use super::value::{Eval, Method, Value, bug, unknown};

/// An in-place method of whatever holds the values; the result is the receiver.
macro_rules! in_place {
    ($x:expr, $method:ident($($arg:expr),*)) => {{
        match $x {
            Value::Tensor(t) => drop(t.borrow_mut().$method($($arg),*)?),
            Value::TensorData(t) => no_grad(|| t.borrow_mut().$method($($arg),*).map(drop))?,
            Value::Parameter(p) => drop(p.$method($($arg),*)?),
            Value::ParameterData(p) => drop(p.data().$method($($arg),*)?),
            other => return bug(format!("{}: {other:?} is no tensor", stringify!($method))),
        }
        Ok($x.clone())
    }};
}

macro_rules! in_place_other {
    ($method:ident) => {
        |x, a| {
            let a = a.bind(stringify!($method), &["other"])?;
            let other: Operand = operand(a.need("other")?)?;
            in_place!(x, $method(other.clone()))
        }
    };
}

macro_rules! in_place_plain {
    ($method:ident) => {
        |x, a| {
            a.none(stringify!($method))?;
            in_place!(x, $method())
        }
    };
}

pub fn find(name: &str) -> Option<Method<Value>> {
    Some(match name {
        "abs_" => in_place_plain!(abs_),
        "exp_" => in_place_plain!(exp_),
        "log_" => in_place_plain!(log_),
        "sqrt_" => in_place_plain!(sqrt_),
        "rsqrt_" => in_place_plain!(rsqrt_),
        "reciprocal_" => in_place_plain!(reciprocal_),
        "tanh_" => in_place_plain!(tanh_),
        "sigmoid_" => in_place_plain!(sigmoid_),
        "floor_" => in_place_plain!(floor_),
        "round_" => in_place_plain!(round_),
        "remainder_" => in_place_other!(remainder_),
        "acos_" => in_place_plain!(acos_),
        "acosh_" => in_place_plain!(acosh_),
        "asin_" => in_place_plain!(asin_),
        "asinh_" => in_place_plain!(asinh_),
        "atan_" => in_place_plain!(atan_),
        "atanh_" => in_place_plain!(atanh_),
        "ceil_" => in_place_plain!(ceil_),
        "cos_" => in_place_plain!(cos_),
        "cosh_" => in_place_plain!(cosh_),
        "deg2rad_" => in_place_plain!(deg2rad_),
        "digamma_" => in_place_plain!(digamma_),
        "erf_" => in_place_plain!(erf_),
        "erfc_" => in_place_plain!(erfc_),
        "erfinv_" => in_place_plain!(erfinv_),
        "exp2_" => in_place_plain!(exp2_),
        "expm1_" => in_place_plain!(expm1_),
        "frac_" => in_place_plain!(frac_),
        "lgamma_" => in_place_plain!(lgamma_),
        "log10_" => in_place_plain!(log10_),
        "log1p_" => in_place_plain!(log1p_),
        "log2_" => in_place_plain!(log2_),
        "rad2deg_" => in_place_plain!(rad2deg_),
        "sgn_" => in_place_plain!(sgn_),
        "sign_" => in_place_plain!(sign_),
        "sin_" => in_place_plain!(sin_),
        "sinc_" => in_place_plain!(sinc_),
        "sinh_" => in_place_plain!(sinh_),
        "square_" => in_place_plain!(square_),
        "tan_" => in_place_plain!(tan_),
        "trunc_" => in_place_plain!(trunc_),
        "copysign_" => in_place_other!(copysign_),
        "floor_divide_" => in_place_other!(floor_divide_),
        "fmod_" => in_place_other!(fmod_),
        "xlogy_" => in_place_other!(xlogy_),
        "atan2_" => |x, a| {
            let y = a.bind("atan2_", &["other"])?.tensor("other")?;
            in_place!(x, atan2_(&y))
        },
        "hypot_" => |x, a| {
            let y = a.bind("hypot_", &["other"])?.tensor("other")?;
            in_place!(x, hypot_(&y))
        },
        "heaviside_" => |x, a| {
            let y = a.bind("heaviside_", &["values"])?.tensor("values")?;
            in_place!(x, heaviside_(&y))
        },
        "ldexp_" => |x, a| {
            let y = a.bind("ldexp_", &["other"])?.tensor("other")?;
            in_place!(x, ldexp_(&y))
        },
        "tril_" => |x, a| {
            let diagonal = a.bind("tril_", &["diagonal"])?.opt_i64("diagonal")?;
            in_place!(x, tril_(diagonal.unwrap_or(0)))
        },
        "triu_" => |x, a| {
            let diagonal = a.bind("triu_", &["diagonal"])?.opt_i64("diagonal")?;
            in_place!(x, triu_(diagonal.unwrap_or(0)))
        },
        "logit_" => |x, a| {
            let eps = a.bind("logit_", &["eps"])?.opt_f64("eps")?;
            in_place!(x, logit_(eps))
        },
        "nan_to_num_" => |x, a| {
            let a = a.bind("nan_to_num_", &["nan", "posinf", "neginf"])?;
            let nan = a.opt_f64("nan")?.unwrap_or(0.0);
            let (high, low) = (a.opt_f64("posinf")?, a.opt_f64("neginf")?);
            in_place!(x, nan_to_num_(nan, high, low))
        },
        "clamp_min_" => |x, a| {
            let a = a.bind("clamp_min_", &["min"])?;
            let min = operand(a.need("min")?)?;
            in_place!(x, clamp_min_(min.clone()))
        },
        "clamp_max_" => |x, a| {
            let a = a.bind("clamp_max_", &["max"])?;
            let max = operand(a.need("max")?)?;
            in_place!(x, clamp_max_(max.clone()))
        },
        "add_" => in_place_other!(add_),
        "sub_" => in_place_other!(sub_),
        "mul_" => in_place_other!(mul_),
        "div_" => in_place_other!(div_),
        "pow_" => in_place_other!(pow_),
        "neg_" => |x, a| {
            a.none("neg_")?;
            in_place!(x, neg_())
        },
        "zero_" => |x, a| {
            a.none("zero_")?;
            in_place!(x, zero_())
        },
        "relu_" => |x, a| {
            a.none("relu_")?;
            in_place!(x, relu_())
        },
        "fill_" => |x, a| {
            let value = a.bind("fill_", &["value"])?.need("value")?.as_scalar()?;
            in_place!(x, fill_(value))
        },
        "copy_" => |x, a| {
            let source = a.bind("copy_", &["src"])?.tensor("src")?;
            in_place!(x, copy_(&source))
        },
        "clamp_" => |x, a| {
            let a = a.bind("clamp_", &["min", "max"])?;
            let bound = |name| a.opt(name).map(operand).transpose();
            match (bound("min")?, bound("max")?) {
                (Some(min), Some(max)) => in_place!(x, clamp_(min.clone(), max.clone())),
                (Some(min), None) => in_place!(x, clamp_(min.clone(), None)),
                (None, Some(max)) => in_place!(x, clamp_(None, max.clone())),
                (None, None) => in_place!(x, clamp_(None, None)),
            }
        },
        "uniform_" => |x, a| {
            let a = a.bind("uniform_", &["from", "to"])?;
            let (from, to) = (
                a.opt_f64("from")?.unwrap_or(0.0),
                a.opt_f64("to")?.unwrap_or(1.0),
            );
            in_place!(x, uniform_(from, to))
        },
        "normal_" => |x, a| {
            let a = a.bind("normal_", &["mean", "std"])?;
            let (mean, std) = (
                a.opt_f64("mean")?.unwrap_or(0.0),
                a.opt_f64("std")?.unwrap_or(1.0),
            );
            in_place!(x, normal_(mean, std))
        },
        "bernoulli_" => |x, a| {
            let a = a.bind("bernoulli_", &["p"])?;
            let p: Operand = match a.opt("p") {
                Some(p) => operand(p)?,
                None => 0.5.into(),
            };
            in_place!(x, bernoulli_(&p))
        },
        "exponential_" => |x, a| {
            let rate = a.bind("exponential_", &["lambd"])?.opt_f64("lambd")?;
            in_place!(x, exponential_(rate.unwrap_or(1.0)))
        },
        "random_" => |x, a| {
            let names: &[&str] = match a.positional.len() {
                1 => &["to"],
                _ => &["from", "to"],
            };
            let a = a.bind("random_", names)?;
            match (a.opt_i64("from")?, a.opt_i64("to")?) {
                (None, None) => in_place!(x, random_()),
                (from, Some(to)) => in_place!(x, random_range_(from.unwrap_or(0), to)),
                (Some(_), None) => unknown("Tensor.random_(from, None)"),
            }
        },
        "requires_grad_" => |x, a| {
            let on = a
                .bind("requires_grad_", &["requires_grad"])?
                .bool_or("requires_grad", true)?;
            set_requires_grad(x, on)?;
            Ok(x.clone())
        },
        "__setitem__" => |x, a| {
            let a = a.bind("__setitem__", &["index", "value"])?;
            super::operators::set_item(x, a.need("index")?, a.need("value")?)?;
            Ok(Value::None)
        },
        _ => return None,
    })
}

/// `x[index] = value`.
pub fn index_put(x: &Value, parts: &[TensorIndex], value: Operand) -> Eval<()> {
    let result: Eval = in_place!(x, index_put_(parts, value.clone()));
    result.map(drop)
}

pub fn set_requires_grad(x: &Value, on: bool) -> Eval<()> {
    match x {
        Value::Tensor(t) => {
            let changed = t.borrow().clone().requires_grad_(on)?;
            *t.borrow_mut() = changed;
            Ok(())
        }
        Value::Parameter(p) => Ok(p.set_requires_grad(on)?),
        other => bug(format!("requires_grad of {other:?}")),
    }
}
