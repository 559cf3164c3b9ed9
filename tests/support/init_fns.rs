//! Functions of `torch.nn.init`.

use pleach::{Result as PleachResult, Target, init};

use super::args::Bound;
use super::value::{Builtin, Eval, Value, bug};

/// Applies an initialiser to whatever holds the values, with `generator=` if one is given, and
/// returns it as Python does.
macro_rules! apply {
    ($bound:expr, |$target:ident| $call:expr) => {{
        let value = $bound.need("tensor")?;
        macro_rules! run {
            ($holder:expr) => {
                // A match, so that what is borrowed lives to its end.
                match $holder {
                    holder => match $bound.opt("generator") {
                        Some(Value::Generator(generator)) => {
                            let $target = init::with(generator, holder);
                            done($call)?
                        }
                        _ => {
                            let $target = holder;
                            done($call)?
                        }
                    },
                }
            };
        }
        match value {
            Value::Tensor(t) | Value::TensorData(t) => run!(&mut *t.borrow_mut()),
            Value::Parameter(p) => run!(&**p),
            Value::ParameterData(p) => run!(&mut p.data()),
            other => return bug(format!("init of {other:?}")),
        }
        Ok(value.clone())
    }};
}

fn done<T: Target>(result: PleachResult<T>) -> Eval<()> {
    result?;
    Ok(())
}

fn or(a: &Bound, name: &str, default: f64) -> Eval<f64> {
    Ok(a.opt_f64(name)?.unwrap_or(default))
}

pub fn find(name: &str) -> Option<Builtin> {
    Some(match name {
        "calculate_gain" => |a| {
            let a = a.bind("calculate_gain", &["nonlinearity", "param"])?;
            let param = match a.opt("param") {
                Some(v @ (Value::Int(_) | Value::Float(_))) => Some(v.as_f64()?),
                None => None,
                Some(other) => {
                    return Err(super::value::EvalError::TypedOut(format!(
                        "the slope {other:?}"
                    )));
                }
            };
            Ok(Value::float(init::calculate_gain(
                a.need("nonlinearity")?.as_str()?,
                param,
            )?))
        },
        "uniform_" => |a| {
            let a = a.bind("uniform_", &["tensor", "a", "b", "generator"])?;
            let (low, high) = (or(&a, "a", 0.0)?, or(&a, "b", 1.0)?);
            apply!(a, |t| init::uniform_(t, low, high))
        },
        "normal_" => |a| {
            let a = a.bind("normal_", &["tensor", "mean", "std", "generator"])?;
            let (mean, std) = (or(&a, "mean", 0.0)?, or(&a, "std", 1.0)?);
            apply!(a, |t| init::normal_(t, mean, std))
        },
        "constant_" => |a| {
            let a = a.bind("constant_", &["tensor", "val"])?;
            let value = a.need("val")?.as_scalar()?;
            apply!(a, |t| init::constant_(t, value))
        },
        "ones_" => |a| {
            let a = a.bind("ones_", &["tensor"])?;
            apply!(a, |t| init::ones_(t))
        },
        "zeros_" => |a| {
            let a = a.bind("zeros_", &["tensor"])?;
            apply!(a, |t| init::zeros_(t))
        },
        "eye_" => |a| {
            let a = a.bind("eye_", &["tensor"])?;
            apply!(a, |t| init::eye_(t))
        },
        "dirac_" => |a| {
            let a = a.bind("dirac_", &["tensor", "groups"])?;
            let groups = a.opt_usize("groups")?.unwrap_or(1);
            apply!(a, |t| init::dirac_(t, groups))
        },
        "xavier_uniform_" => |a| {
            let a = a.bind("xavier_uniform_", &["tensor", "gain", "generator"])?;
            let gain = or(&a, "gain", 1.0)?;
            apply!(a, |t| init::xavier_uniform_(t, gain))
        },
        "xavier_normal_" => |a| {
            let a = a.bind("xavier_normal_", &["tensor", "gain", "generator"])?;
            let gain = or(&a, "gain", 1.0)?;
            apply!(a, |t| init::xavier_normal_(t, gain))
        },
        "kaiming_uniform_" => |a| {
            let a = a.bind(
                "kaiming_uniform_",
                &["tensor", "a", "mode", "nonlinearity", "generator"],
            )?;
            let (slope, mode) = (or(&a, "a", 0.0)?, a.str_or("mode", "fan_in")?);
            let nonlinearity = a.str_or("nonlinearity", "leaky_relu")?;
            apply!(a, |t| init::kaiming_uniform_(t, slope, mode, nonlinearity))
        },
        "kaiming_normal_" => |a| {
            let a = a.bind(
                "kaiming_normal_",
                &["tensor", "a", "mode", "nonlinearity", "generator"],
            )?;
            let (slope, mode) = (or(&a, "a", 0.0)?, a.str_or("mode", "fan_in")?);
            let nonlinearity = a.str_or("nonlinearity", "leaky_relu")?;
            apply!(a, |t| init::kaiming_normal_(t, slope, mode, nonlinearity))
        },
        "trunc_normal_" => |a| {
            let a = a.bind(
                "trunc_normal_",
                &["tensor", "mean", "std", "a", "b", "generator"],
            )?;
            let (mean, std) = (or(&a, "mean", 0.0)?, or(&a, "std", 1.0)?);
            let (low, high) = (or(&a, "a", -2.0)?, or(&a, "b", 2.0)?);
            apply!(a, |t| init::trunc_normal_(t, mean, std, low, high))
        },
        "orthogonal_" => |a| {
            let a = a.bind("orthogonal_", &["tensor", "gain", "generator"])?;
            let gain = or(&a, "gain", 1.0)?;
            apply!(a, |t| init::orthogonal_(t, gain))
        },
        // The name PyTorch deprecated.
        "uniform" => |a| {
            let a = a.bind("uniform", &["tensor", "a", "b", "generator"])?;
            let (low, high) = (or(&a, "a", 0.0)?, or(&a, "b", 1.0)?);
            apply!(a, |t| {
                #[allow(deprecated)]
                init::uniform(t, low, high)
            })
        },
        "sparse_" => |a| {
            let a = a.bind("sparse_", &["tensor", "sparsity", "std", "generator"])?;
            let (sparsity, std) = (a.f64("sparsity")?, or(&a, "std", 0.01)?);
            apply!(a, |t| init::sparse_(t, sparsity, std))
        },
        _ => return None,
    })
}
