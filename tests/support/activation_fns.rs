//! Activations: functions of `torch.nn.functional` and classes of `torch.nn`.

use pleach::Scalar;
use pleach::nn::functional as F;
use pleach::nn::layers::{
    GELU, GLU, LogSoftmax, PReLU, RReLU, Sigmoid, Softmax, Softmax2d, Softmin, Tanh,
};

use super::module_object::ModuleHandle;
use super::nn_fns::one;
use super::value::{Builtin, Value};

/// A softmax along a dimension, in a dtype.
macro_rules! along {
    ($name:ident) => {
        |a| {
            let a = a.bind(stringify!($name), &["input", "dim", "_stacklevel", "dtype"])?;
            let input = a.tensor("input")?;
            let input = match a.opt_dtype("dtype")? {
                Some(dtype) => input.to_dtype(dtype)?,
                None => input,
            };
            one(F::$name(&input, a.i64("dim")?)?)
        }
    };
}

pub fn function(name: &str) -> Option<Builtin> {
    Some(match name {
        "sigmoid" => |a| {
            one(F::sigmoid(
                &a.bind("sigmoid", &["input"])?.tensor("input")?,
            )?)
        },
        "tanh" => |a| one(F::tanh(&a.bind("tanh", &["input"])?.tensor("input")?)?),
        "softmax" => along!(softmax),
        "softmin" => along!(softmin),
        "log_softmax" => along!(log_softmax),
        "glu" => |a| {
            let a = a.bind("glu", &["input", "dim"])?;
            one(F::glu(
                &a.tensor("input")?,
                a.opt_i64("dim")?.unwrap_or(-1),
            )?)
        },
        "prelu" => |a| {
            let a = a.bind("prelu", &["input", "weight"])?;
            one(F::prelu(&a.tensor("input")?, &a.tensor("weight")?)?)
        },
        "rrelu" => |a| {
            let a = a.bind("rrelu", &["input", "lower", "upper", "training", "inplace"])?;
            one(F::rrelu(
                &a.tensor("input")?,
                a.opt_f64("lower")?.unwrap_or(1.0 / 8.0),
                a.opt_f64("upper")?.unwrap_or(1.0 / 3.0),
                a.bool_or("training", false)?,
            )?)
        },
        "gumbel_softmax" => |a| {
            let a = a.bind("gumbel_softmax", &["logits", "tau", "hard", "eps", "dim"])?;
            one(F::gumbel_softmax(
                &a.tensor("logits")?,
                a.opt_f64("tau")?.unwrap_or(1.0),
                a.bool_or("hard", false)?,
                a.opt_i64("dim")?.unwrap_or(-1),
            )?)
        },
        _ => return None,
    })
}

/// A layer along a dimension.
macro_rules! layer_along {
    ($class:ident) => {
        |a| {
            let dim = a.bind(stringify!($class), &["dim"])?.opt_i64("dim")?;
            ModuleHandle::layer($class::new(dim))
        }
    };
}

pub fn class(name: &str) -> Option<Builtin> {
    Some(match name {
        "Sigmoid" => |a| {
            a.none("Sigmoid")?;
            ModuleHandle::layer(Sigmoid::new())
        },
        "Tanh" => |a| {
            a.none("Tanh")?;
            ModuleHandle::layer(Tanh::new())
        },
        "Softmax" => layer_along!(Softmax),
        "Softmin" => layer_along!(Softmin),
        "LogSoftmax" => layer_along!(LogSoftmax),
        "Softmax2d" => |a| {
            a.none("Softmax2d")?;
            ModuleHandle::layer(Softmax2d::new())
        },
        "GELU" => |a| {
            let a = a.bind("GELU", &["approximate"])?;
            let layer = GELU::builder().approximate(a.str_or("approximate", "none")?);
            ModuleHandle::layer(layer.build()?)
        },
        "GLU" => |a| {
            let dim = a.bind("GLU", &["dim"])?.opt_i64("dim")?;
            ModuleHandle::layer(GLU::new(dim.unwrap_or(-1)))
        },
        "PReLU" => |a| {
            let a = a.bind("PReLU", &["num_parameters", "init", "device", "dtype"])?;
            let mut layer = PReLU::builder()
                .num_parameters(a.opt_usize("num_parameters")?.unwrap_or(1))
                .init(a.opt_f64("init")?.unwrap_or(0.25));
            if let Some(dtype) = a.opt_dtype("dtype")? {
                layer = layer.dtype(dtype);
            }
            ModuleHandle::layer(layer.build()?)
        },
        "RReLU" => |a| {
            let a = a.bind("RReLU", &["lower", "upper", "inplace"])?;
            let bound = |name, default: f64| match a.opt(name) {
                Some(value) => Value::as_scalar(value),
                None => Ok(Scalar::from(default)),
            };
            let layer = RReLU::builder()
                .lower(bound("lower", 1.0 / 8.0)?)
                .upper(bound("upper", 1.0 / 3.0)?)
                .inplace(a.bool_or("inplace", false)?);
            ModuleHandle::layer(layer.build()?)
        },
        _ => return None,
    })
}
