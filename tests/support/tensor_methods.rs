//! Methods and attributes of tensors, parameters and their `.data`.

use std::rc::Rc;

use pleach::{DType, Tensor};

use super::args::Args;
use super::elementwise_fns;
use super::operators::operand;
use super::shape_methods;
use super::tensor_in_place::{self, set_requires_grad};
use super::value::{Eval, Method, Value, bug, unknown};

type TensorMethod = Method<Value>;

fn one(tensor: Tensor) -> Eval {
    Ok(Value::tensor(tensor))
}

fn pair((a, b): (Tensor, Tensor)) -> Eval {
    Ok(Value::Tuple(vec![Value::tensor(a), Value::tensor(b)]))
}

fn many(tensors: Vec<Tensor>) -> Eval {
    Ok(Value::Tuple(
        tensors.into_iter().map(Value::tensor).collect(),
    ))
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

/// A reduction over no, one or several dimensions.
macro_rules! reduction {
    ($all:ident, $some:ident) => {
        |x, a| {
            let a = a.bind(stringify!($all), &["dim", "keepdim", "dtype"])?;
            let mut x = x.as_tensor()?;
            if let Some(dtype) = a.opt_dtype("dtype")? {
                if stringify!($all) == "mean" && !dtype.is_float() {
                    return unknown("Tensor.mean(dtype=)");
                }
                x = x.to_dtype(dtype)?;
            }
            match a.opt("dim") {
                None if !a.bool_or("keepdim", false)? => one(x.$all()?),
                None => one(x.$some(Vec::new(), true)?),
                Some(dims) => one(x.$some(dims.as_ints()?, a.bool_or("keepdim", false)?)?),
            }
        }
    };
}

/// `var` and `std`.
macro_rules! spread {
    ($all:ident, $some:ident) => {
        |x, a| {
            // A bool alone is `unbiased`.
            let names: &[&str] = match a.positional.first() {
                Some(Value::Bool(_)) => &["unbiased"],
                _ => &["dim", "unbiased", "keepdim", "correction"],
            };
            let a = a.bind(stringify!($all), names)?;
            let x = x.as_tensor()?;
            let correction = match a.opt_f64("correction")? {
                Some(c) => c,
                None => a.bool_or("unbiased", true)? as u8 as f64,
            };
            if a.get("correction").is_none()
                && a.get("unbiased").is_none()
                && a.opt("dim").is_none()
            {
                return one(x.$all()?);
            }
            let dims = a.opt("dim").map_or(Ok(Vec::new()), Value::as_ints)?;
            one(x.$some(dims, correction, a.bool_or("keepdim", false)?)?)
        }
    };
}

/// `max` and `min`: of everything, along a dimension, or with another tensor.
macro_rules! extreme {
    ($all:ident, $dim:ident, $with:ident) => {
        |x, a| {
            let x = x.as_tensor()?;
            match a.positional.first() {
                Some(other) if other.is_tensor() => one(x.$with(operand(other)?)?),
                _ => {
                    let a = a.bind(stringify!($all), &["dim", "keepdim"])?;
                    match a.opt_i64("dim")? {
                        None => one(x.$all()?),
                        Some(dim) => pair(x.$dim(dim, a.bool_or("keepdim", false)?)?),
                    }
                }
            }
        }
    };
}

macro_rules! arg_extreme {
    ($all:ident, $dim:ident) => {
        |x, a| {
            let a = a.bind(stringify!($all), &["dim", "keepdim"])?;
            match a.opt_i64("dim")? {
                None => one(x.as_tensor()?.$all()?),
                Some(dim) => one(x.as_tensor()?.$dim(dim, a.bool_or("keepdim", false)?)?),
            }
        }
    };
}

/// A sum or a difference, whose second operand may have a factor.
macro_rules! with_alpha {
    ($plain:ident, $scaled:ident) => {
        |x, a| {
            let a = a.bind(stringify!($plain), &["other", "*", "alpha"])?;
            let (x, other) = (x.as_tensor()?, operand(a.need("other")?)?);
            one(match a.opt("alpha") {
                None => x.$plain(&other)?,
                Some(alpha) => x.$scaled(&other, alpha.as_scalar()?)?,
            })
        }
    };
}

/// A method whose only argument is a tensor or a number.
macro_rules! with_other {
    ($method:ident) => {
        |x, a| {
            let a = a.bind(stringify!($method), &["other"])?;
            one(x.as_tensor()?.$method(operand(a.need("other")?)?)?)
        }
    };
}

/// A method whose only argument is one dimension or diagonal.
macro_rules! with_int {
    ($method:ident, $name:literal, $default:expr) => {
        |x, a| {
            let a = a.bind(stringify!($method), &[$name])?;
            one(x
                .as_tensor()?
                .$method(a.opt_i64($name)?.unwrap_or($default))?)
        }
    };
}

/// A method that takes sizes or dimensions, spread out or as one sequence.
macro_rules! with_ints {
    ($method:ident, $name:literal) => {
        |x, a| {
            let a = a.bind(stringify!($method), &[concat!("*", $name)])?;
            one(x.as_tensor()?.$method(a.ints($name)?)?)
        }
    };
}

pub fn find(name: &str) -> Option<TensorMethod> {
    elementwise_fns::method(name)
        .or_else(|| shape_method(name))
        .or_else(|| math_method(name))
        .or_else(|| tensor_in_place::find(name))
        .or_else(|| super::index_fns::method(name))
        .or_else(|| shape_methods::find(name))
}

fn math_method(name: &str) -> Option<TensorMethod> {
    Some(match name {
        "abs" => plain!(abs),
        "neg" => plain!(neg),
        "exp" => plain!(exp),
        "log" => plain!(log),
        "log1p" => plain!(log1p),
        "sqrt" => plain!(sqrt),
        "rsqrt" => plain!(rsqrt),
        "expm1" => plain!(expm1),
        "sin" => plain!(sin),
        "cos" => plain!(cos),
        "tanh" => plain!(tanh),
        "erf" => plain!(erf),
        "sigmoid" => plain!(sigmoid),
        "relu" => plain!(relu),
        "sign" => plain!(sign),
        "floor" => plain!(floor),
        "ceil" => plain!(ceil),
        "trunc" => plain!(trunc),
        "reciprocal" => plain!(reciprocal),
        "square" => plain!(square),
        "isnan" => plain!(isnan),
        "isfinite" => plain!(isfinite),
        "logical_not" => plain!(logical_not),
        "add" => with_alpha!(add, add_alpha),
        "sub" => with_alpha!(sub, sub_alpha),
        "mul" => with_other!(mul),
        "pow" => with_other!(pow),
        "floor_divide" => with_other!(floor_divide),
        "remainder" => with_other!(remainder),
        "sum" => reduction!(sum, sum_dim),
        "mean" => reduction!(mean, mean_dim),
        "var" => spread!(var, var_dim),
        "std" => spread!(std, std_dim),
        "all" => reduction!(all, all_dim),
        "any" => reduction!(any, any_dim),
        "max" => extreme!(max, max_dim, maximum),
        "min" => extreme!(min, min_dim, minimum),
        "argmax" => arg_extreme!(argmax, argmax_dim),
        "argmin" => arg_extreme!(argmin, argmin_dim),
        "amax" => |x, a| {
            let a = a.bind("amax", &["dim", "keepdim"])?;
            let dims = a.opt("dim").map_or(Ok(Vec::new()), Value::as_ints)?;
            one(x.as_tensor()?.amax(dims, a.bool_or("keepdim", false)?)?)
        },
        "amin" => |x, a| {
            let a = a.bind("amin", &["dim", "keepdim"])?;
            let dims = a.opt("dim").map_or(Ok(Vec::new()), Value::as_ints)?;
            one(x.as_tensor()?.amin(dims, a.bool_or("keepdim", false)?)?)
        },
        "logsumexp" => |x, a| {
            let a = a.bind("logsumexp", &["dim", "keepdim"])?;
            one(x
                .as_tensor()?
                .logsumexp(a.ints("dim")?, a.bool_or("keepdim", false)?)?)
        },
        "prod" => |x, a| {
            let a = a.bind("prod", &["dim", "keepdim", "*", "dtype"])?;
            let mut x = x.as_tensor()?;
            if let Some(dtype) = a.opt_dtype("dtype")? {
                x = x.to_dtype(dtype)?;
            }
            match a.opt_i64("dim")? {
                None => one(x.prod()?),
                Some(dim) => one(x.prod_dim(dim, a.bool_or("keepdim", false)?)?),
            }
        },
        "norm" => |x, a| {
            let a = a.bind("norm", &["p", "dim", "keepdim"])?;
            let x = x.as_tensor()?;
            // The Frobenius norm is that of p = 2.
            let p = match a.opt("p") {
                None => 2.0,
                Some(Value::Str(name)) if name == "fro" => 2.0,
                Some(Value::Str(name)) => return unknown(format!("Tensor.norm({name:?})")),
                Some(p) => p.as_f64()?,
            };
            if p == 2.0 && a.opt("dim").is_none() {
                return one(x.norm()?);
            }
            let dims = a.opt("dim").map_or(Ok(Vec::new()), Value::as_ints)?;
            one(x.norm_dim(p, dims, a.bool_or("keepdim", false)?)?)
        },
        "clamp" => |x, a| {
            let a = a.bind("clamp", &["min", "max"])?;
            let bound = |name| a.opt(name).map(operand).transpose();
            let x = x.as_tensor()?;
            one(match (bound("min")?, bound("max")?) {
                (Some(min), Some(max)) => x.clamp(min, max)?,
                (Some(min), None) => x.clamp(min, None)?,
                (None, Some(max)) => x.clamp(None, max)?,
                (None, None) => x.clamp(None, None)?,
            })
        },
        "masked_fill" => |x, a| {
            let a = a.bind("masked_fill", &["mask", "value"])?;
            let value = operand(a.need("value")?)?;
            one(x.as_tensor()?.masked_fill(&a.tensor("mask")?, value)?)
        },
        "mm" => |x, a| {
            one(x
                .as_tensor()?
                .mm(&a.bind("mm", &["mat2"])?.tensor("mat2")?)?)
        },
        "mv" => |x, a| one(x.as_tensor()?.mv(&a.bind("mv", &["vec"])?.tensor("vec")?)?),
        "bmm" => |x, a| {
            one(x
                .as_tensor()?
                .bmm(&a.bind("bmm", &["mat2"])?.tensor("mat2")?)?)
        },
        "dot" => |x, a| {
            one(x
                .as_tensor()?
                .dot(&a.bind("dot", &["tensor"])?.tensor("tensor")?)?)
        },
        "matmul" => |x, a| {
            one(x
                .as_tensor()?
                .matmul(&a.bind("matmul", &["other"])?.tensor("other")?)?)
        },
        "item" => |x, a| {
            a.none("item")?;
            let x = x.as_tensor()?;
            Ok(match x.dtype() {
                DType::Bool => Value::Bool(x.item()? != 0.0),
                dtype if dtype.is_float() => Value::float(x.item()?),
                _ => Value::int(x.item_i64()?),
            })
        },
        "to" => |x, a| {
            let a = a.bind("to", &["dtype"])?;
            match a.opt_dtype("dtype")? {
                Some(dtype) => one(x.as_tensor()?.to_dtype(dtype)?),
                None => bug("`to` without a dtype"),
            }
        },
        "maximum" => |x, a| {
            let other = a.bind("maximum", &["other"])?.tensor("other")?;
            one(x.as_tensor()?.maximum(&other)?)
        },
        "minimum" => |x, a| {
            let other = a.bind("minimum", &["other"])?.tensor("other")?;
            one(x.as_tensor()?.minimum(&other)?)
        },
        "masked_select" => |x, a| {
            let mask = a.bind("masked_select", &["mask"])?.tensor("mask")?;
            one(x.as_tensor()?.masked_select(&mask)?)
        },
        "float" => plain!(float),
        "double" => plain!(double),
        "long" => plain!(long),
        "half" => |x, a| {
            a.none("half")?;
            one(x.as_tensor()?.to_dtype(DType::F16)?)
        },
        "detach" => |x, a| {
            a.none("detach")?;
            one(x.as_tensor()?.detach())
        },
        "clone" => plain!(copy),
        "backward" => backward,
        _ => return None,
    })
}

fn backward(x: &Value, a: Args) -> Eval {
    let a = a.bind("backward", &["gradient", "retain_graph", "create_graph"])?;
    a.only_false("create_graph")?;
    let retain = a.bool_or("retain_graph", false)?;
    let x = x.as_tensor()?;
    match a.opt_tensor("gradient")? {
        None if retain => x.backward_retain_graph()?,
        None => x.backward()?,
        Some(g) if retain => {
            pleach::autograd::backward(&[&x], &[Some(&g)], pleach::autograd::Options::RETAIN_GRAPH)?
        }
        Some(g) => x.backward_with(&g)?,
    }
    Ok(Value::None)
}

fn shape_method(name: &str) -> Option<TensorMethod> {
    Some(match name {
        "size" => |x, a| {
            let a = a.bind("size", &["dim"])?;
            let x = x.as_tensor()?;
            match a.opt_i64("dim")? {
                None => Ok(Value::Size(x.shape().to_vec())),
                Some(dim) => Ok(Value::int(x.size(dim)? as i128)),
            }
        },
        "numel" => |x, a| {
            a.none("numel")?;
            Ok(Value::int(x.as_tensor()?.numel() as i128))
        },
        "view" => with_ints!(view, "shape"),
        "reshape" => with_ints!(reshape, "shape"),
        "expand" => with_ints!(expand, "sizes"),
        "repeat" => with_ints!(repeat, "repeats"),
        "permute" => with_ints!(permute, "dims"),
        "flip" => with_ints!(flip, "dims"),
        "contiguous" => plain!(contiguous),
        "t" => plain!(t),
        "tril" => with_int!(tril, "diagonal", 0),
        "triu" => with_int!(triu, "diagonal", 0),
        "transpose" => |x, a| {
            let a = a.bind("transpose", &["dim0", "dim1"])?;
            one(x.as_tensor()?.transpose(a.i64("dim0")?, a.i64("dim1")?)?)
        },
        "unsqueeze" => |x, a| {
            one(x
                .as_tensor()?
                .unsqueeze(a.bind("unsqueeze", &["dim"])?.i64("dim")?)?)
        },
        "squeeze" => |x, a| {
            let a = a.bind("squeeze", &["dim"])?;
            match a.opt("dim") {
                None => one(x.as_tensor()?.squeeze()),
                Some(dims) => one(x.as_tensor()?.squeeze_dim(dims.as_ints()?)?),
            }
        },
        "flatten" => |x, a| {
            let a = a.bind("flatten", &["start_dim", "end_dim"])?;
            let (start, end) = (a.opt_i64("start_dim")?, a.opt_i64("end_dim")?);
            one(x
                .as_tensor()?
                .flatten(start.unwrap_or(0), end.unwrap_or(-1))?)
        },
        "unflatten" => |x, a| {
            let a = a.bind("unflatten", &["dim", "sizes"])?;
            one(x.as_tensor()?.unflatten(a.i64("dim")?, a.ints("sizes")?)?)
        },
        "roll" => |x, a| {
            let a = a.bind("roll", &["shifts", "dims"])?;
            let dims = a.opt("dims").map_or(Ok(Vec::new()), Value::as_ints)?;
            one(x.as_tensor()?.roll(a.ints("shifts")?, dims)?)
        },
        "narrow" => |x, a| {
            let a = a.bind("narrow", &["dim", "start", "length"])?;
            let (x, dim, length) = (x.as_tensor()?, a.i64("dim")?, a.usize("length")?);
            one(match a.need("start")? {
                start if start.is_tensor() => x.narrow(dim, &start.as_tensor()?, length)?,
                start => x.narrow(dim, start.as_i64()?, length)?,
            })
        },
        "select" => |x, a| {
            let a = a.bind("select", &["dim", "index"])?;
            one(x.as_tensor()?.select(a.i64("dim")?, a.i64("index")?)?)
        },
        "chunk" => |x, a| {
            let a = a.bind("chunk", &["chunks", "dim"])?;
            many(
                x.as_tensor()?
                    .chunk(a.usize("chunks")?, a.opt_i64("dim")?.unwrap_or(0))?,
            )
        },
        "split" => |x, a| {
            let a = a.bind("split", &["split_size", "dim"])?;
            let (x, dim) = (x.as_tensor()?, a.opt_i64("dim")?.unwrap_or(0));
            match a.need("split_size")? {
                sizes if sizes.is_sequence() => many(x.split(&a.shape("split_size")?, dim)?),
                size => many(x.split(size.as_usize()?, dim)?),
            }
        },
        "unbind" => |x, a| {
            let dim = a.bind("unbind", &["dim"])?.opt_i64("dim")?;
            many(x.as_tensor()?.unbind(dim.unwrap_or(0))?)
        },
        "sort" => |x, a| {
            // Sorting is always stable.
            let a = a.bind("sort", &["dim", "descending", "*", "stable"])?;
            let dim = a.opt_i64("dim")?.unwrap_or(-1);
            pair(x.as_tensor()?.sort(dim, a.bool_or("descending", false)?)?)
        },
        "argsort" => |x, a| {
            let a = a.bind("argsort", &["dim", "descending"])?;
            let dim = a.opt_i64("dim")?.unwrap_or(-1);
            one(x
                .as_tensor()?
                .argsort(dim, a.bool_or("descending", false)?)?)
        },
        "topk" => |x, a| {
            let a = a.bind("topk", &["k", "dim", "largest", "sorted"])?;
            let dim = a.opt_i64("dim")?.unwrap_or(-1);
            pair(
                x.as_tensor()?
                    .topk(a.usize("k")?, dim, a.bool_or("largest", true)?)?,
            )
        },
        "index_select" => |x, a| {
            let a = a.bind("index_select", &["dim", "index"])?;
            one(x
                .as_tensor()?
                .index_select(a.i64("dim")?, &a.tensor("index")?)?)
        },
        "gather" => |x, a| {
            let a = a.bind("gather", &["dim", "index"])?;
            one(x.as_tensor()?.gather(a.i64("dim")?, &a.tensor("index")?)?)
        },
        "scatter" => |x, a| {
            let a = a.bind("scatter", &["dim", "index", "src"])?;
            one(x.as_tensor()?.scatter(
                a.i64("dim")?,
                &a.tensor("index")?,
                operand(a.need("src")?)?,
            )?)
        },
        "scatter_add" => |x, a| {
            let a = a.bind("scatter_add", &["dim", "index", "src"])?;
            one(x.as_tensor()?.scatter_add(
                a.i64("dim")?,
                &a.tensor("index")?,
                &a.tensor("src")?,
            )?)
        },
        _ => return None,
    })
}

/// An attribute that is no method; `None` if there is none of this name.
pub fn attribute(x: &Value, name: &str) -> Eval<Option<Value>> {
    let optional = |t: Option<Tensor>| t.map_or(Value::None, Value::tensor);
    Ok(Some(match (name, x) {
        ("dtype", _) => Value::DType(x.as_tensor()?.dtype()),
        ("shape", _) => Value::Size(x.as_tensor()?.shape().to_vec()),
        ("ndim", _) => Value::int(x.as_tensor()?.rank() as i128),
        ("T", _) => {
            let t = x.as_tensor()?;
            let reversed: Vec<i64> = (0..t.rank() as i64).rev().collect();
            Value::tensor(t.permute(reversed)?)
        }
        ("requires_grad", Value::Parameter(p)) => Value::Bool(p.requires_grad()),
        ("requires_grad", _) => Value::Bool(x.as_tensor()?.requires_grad()),
        ("is_leaf", _) => Value::Bool(x.as_tensor()?.is_leaf()),
        ("grad", Value::Parameter(p)) => optional(p.grad()),
        ("grad", _) => optional(x.as_tensor()?.grad()),
        ("data", Value::Parameter(p)) => Value::ParameterData(Rc::clone(p)),
        ("data", Value::Tensor(t)) => Value::TensorData(t.clone()),
        _ => return Ok(None),
    }))
}

pub fn set_attribute(x: &Value, name: &str, value: &Value) -> Eval<()> {
    let tensor = || match value {
        Value::None => Ok(None),
        v => v.as_tensor().map(Some),
    };
    match (name, x) {
        ("requires_grad", _) => set_requires_grad(x, value.as_bool()?),
        ("grad", Value::Parameter(p)) => Ok(p.set_grad(tensor()?)?),
        ("grad", Value::Tensor(t)) => Ok(t.borrow().set_grad(tensor()?)?),
        ("data", Value::Parameter(p)) => Ok(p.set_data(value.as_tensor()?)?),
        // `x.data += 1` has changed the values already.
        ("data", Value::Tensor(_)) if matches!(value, Value::TensorData(_)) => Ok(()),
        _ => unknown(format!("Tensor.{name} = ..")),
    }
}
