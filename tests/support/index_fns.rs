//! Indexing by positions, scatters, order, running values and statistics: methods of tensors, and the functions of
//! `torch.*` that are methods of their first argument.

use pleach::{DType, Tensor, TensorIndex, slice};

use super::args::{Args, Bound};
use super::operators::operand;
use super::tensor_methods;
use super::value::{Builtin, Eval, Method, Value, bug, unknown};

fn one(tensor: Tensor) -> Eval {
    Ok(Value::tensor(tensor))
}

fn pair((a, b): (Tensor, Tensor)) -> Eval {
    Ok(Value::Tuple(vec![Value::tensor(a), Value::tensor(b)]))
}

/// A function that is a method of its first argument.
macro_rules! functions {
    ($name:expr; $($method:literal)*) => {
        Some(match $name {
            $($method => |mut a: Args| {
                let receiver = match a.keyword.iter().position(|(n, _)| n == "input") {
                    Some(at) => a.keyword.remove(at).1,
                    None if a.positional.is_empty() => return bug(concat!($method, " of nothing")),
                    None => a.positional.remove(0),
                };
                match tensor_methods::find($method) {
                    Some(method) => method(&receiver, a),
                    None => unknown(concat!("Tensor.", $method)),
                }
            },)*
            _ => return None,
        })
    };
}

pub fn function(name: &str) -> Option<Builtin> {
    functions!(name;
        "gather" "scatter" "scatter_add" "scatter_reduce" "index_select" "index_add" "index_fill" "index_copy"
        "index_put" "index_reduce" "masked_scatter" "take" "take_along_dim" "nonzero" "argwhere" "count_nonzero"
        "cumsum" "cumprod" "cummax" "cummin" "logcumsumexp" "aminmax" "kthvalue" "mode" "median" "nanmedian"
        "quantile" "nanquantile" "nansum" "nanmean" "histc" "histogram" "unique" "unique_consecutive"
        "bucketize" "searchsorted" "msort" "cov" "corrcoef" "var_mean" "std_mean" "sort" "argsort" "topk"
        "argmax" "argmin" "amax" "amin" "prod" "std" "var" "masked_fill")
}

pub fn method(name: &str) -> Option<Method<Value>> {
    placing(name)
        .or_else(|| running(name))
        .or_else(|| ordering(name))
        .or_else(|| statistics(name))
}

fn placing(name: &str) -> Option<Method<Value>> {
    Some(match name {
        "index_add" => |x, a| {
            let a = a.bind("index_add", &["dim", "index", "source", "*", "alpha"])?;
            let (x, dim) = (x.as_tensor()?, a.i64("dim")?);
            let (index, source) = (a.tensor("index")?, a.tensor("source")?);
            one(match a.opt("alpha") {
                None => x.index_add(dim, &index, &source)?,
                Some(alpha) => x.index_add_alpha(dim, &index, &source, alpha.as_scalar()?)?,
            })
        },
        "index_fill" => |x, a| {
            let a = a.bind("index_fill", &["dim", "index", "value"])?;
            let value = operand(a.need("value")?)?;
            one(x
                .as_tensor()?
                .index_fill(a.i64("dim")?, &a.tensor("index")?, value)?)
        },
        "index_copy" => |x, a| {
            let a = a.bind("index_copy", &["dim", "index", "source"])?;
            let (index, source) = (a.tensor("index")?, a.tensor("source")?);
            one(x.as_tensor()?.index_copy(a.i64("dim")?, &index, &source)?)
        },
        "index_put" => |x, a| {
            let a = a.bind("index_put", &["indices", "values", "accumulate"])?;
            let part = |v: &Value| match v {
                Value::None => Ok(slice(None, None, 1)),
                v => Ok(TensorIndex::Tensor(v.as_tensor()?)),
            };
            let indices = a.need("indices")?.items()?;
            let index = indices.iter().map(part).collect::<Eval<Vec<_>>>()?;
            let (x, values) = (x.as_tensor()?, a.tensor("values")?);
            one(match a.bool_or("accumulate", false)? {
                true => x.index_put_accumulate(&index[..], &values)?,
                false => x.index_put(&index[..], &values)?,
            })
        },
        "index_reduce" => |x, a| {
            let names = ["dim", "index", "source", "reduce", "*", "include_self"];
            let a = a.bind("index_reduce", &names)?;
            let (index, source) = (a.tensor("index")?, a.tensor("source")?);
            let with_self = a.bool_or("include_self", true)?;
            one(x.as_tensor()?.index_reduce(
                a.i64("dim")?,
                &index,
                &source,
                a.need("reduce")?.as_str()?,
                with_self,
            )?)
        },
        "scatter_reduce" => |x, a| {
            let names = ["dim", "index", "src", "reduce", "*", "include_self"];
            let a = a.bind("scatter_reduce", &names)?;
            let (index, source) = (a.tensor("index")?, a.tensor("src")?);
            let with_self = a.bool_or("include_self", true)?;
            one(x.as_tensor()?.scatter_reduce(
                a.i64("dim")?,
                &index,
                &source,
                a.need("reduce")?.as_str()?,
                with_self,
            )?)
        },
        "masked_scatter" => |x, a| {
            let a = a.bind("masked_scatter", &["mask", "source"])?;
            one(x
                .as_tensor()?
                .masked_scatter(&a.tensor("mask")?, &a.tensor("source")?)?)
        },
        "put" => |x, a| {
            let a = a.bind("put", &["index", "source", "accumulate"])?;
            let (index, source) = (a.tensor("index")?, a.tensor("source")?);
            one(x
                .as_tensor()?
                .put(&index, &source, a.bool_or("accumulate", false)?)?)
        },
        "take" => |x, a| {
            one(x
                .as_tensor()?
                .take(&a.bind("take", &["index"])?.tensor("index")?)?)
        },
        "take_along_dim" => |x, a| {
            let a = a.bind("take_along_dim", &["indices", "dim"])?;
            let (x, indices) = (x.as_tensor()?, a.tensor("indices")?);
            one(match a.opt_i64("dim")? {
                None => x.take_along_all(&indices)?,
                Some(dim) => x.take_along_dim(&indices, dim)?,
            })
        },
        "nonzero" => |x, a| {
            let a = a.bind("nonzero", &["*", "as_tuple"])?;
            match a.bool_or("as_tuple", false)? {
                false => one(x.as_tensor()?.nonzero()?),
                true => {
                    let all = x.as_tensor()?.nonzero_as_tuple()?.into_iter();
                    Ok(Value::Tuple(all.map(Value::tensor).collect()))
                }
            }
        },
        "argwhere" => |x, a| {
            a.none("argwhere")?;
            one(x.as_tensor()?.argwhere()?)
        },
        "count_nonzero" => |x, a| {
            let a = a.bind("count_nonzero", &["dim"])?;
            one(match a.opt("dim") {
                None => x.as_tensor()?.count_nonzero()?,
                Some(dims) => x.as_tensor()?.count_nonzero_dim(dims.as_ints()?)?,
            })
        },
        _ => return None,
    })
}

/// A running sum or product, of a dtype.
macro_rules! scan {
    ($method:ident) => {
        |x, a| {
            let a = a.bind(stringify!($method), &["dim", "*", "dtype"])?;
            let x = x.as_tensor()?;
            let x = match a.opt_dtype("dtype")? {
                Some(dtype) => x.to_dtype(dtype)?,
                None => x,
            };
            let out = x.$method(a.i64("dim")?)?;
            one(match a.opt_dtype("dtype")? {
                Some(dtype) => out.to_dtype(dtype)?,
                None => out,
            })
        }
    };
}

macro_rules! scan_extreme {
    ($method:ident) => {
        |x, a| {
            pair(
                x.as_tensor()?
                    .$method(a.bind(stringify!($method), &["dim"])?.i64("dim")?)?,
            )
        }
    };
}

fn running(name: &str) -> Option<Method<Value>> {
    Some(match name {
        "cumsum" => scan!(cumsum),
        "cumprod" => scan!(cumprod),
        "logcumsumexp" => scan!(logcumsumexp),
        "cummax" => scan_extreme!(cummax),
        "cummin" => scan_extreme!(cummin),
        _ => return None,
    })
}

macro_rules! median {
    ($all:ident, $dim:ident) => {
        |x, a| {
            let a = a.bind(stringify!($all), &["dim", "keepdim"])?;
            let x = x.as_tensor()?;
            match a.opt_i64("dim")? {
                None => one(x.$all()?),
                Some(dim) => pair(x.$dim(dim, a.bool_or("keepdim", false)?)?),
            }
        }
    };
}

macro_rules! quantile {
    ($all:ident, $dim:ident) => {
        |x, a| {
            let names = ["q", "dim", "keepdim", "*", "interpolation"];
            let a = a.bind(stringify!($all), &names)?;
            let interpolation = a.str_or("interpolation", "linear")?;
            let (x, q) = (x.as_tensor()?, operand(a.need("q")?)?);
            let keepdim = a.bool_or("keepdim", false)?;
            one(match a.opt_i64("dim")? {
                None if !keepdim && interpolation == "linear" => x.$all(q)?,
                dim => x.$dim(q, dim, keepdim, interpolation)?,
            })
        }
    };
}

fn ordering(name: &str) -> Option<Method<Value>> {
    Some(match name {
        "median" => median!(median, median_dim),
        "nanmedian" => median!(nanmedian, nanmedian_dim),
        "quantile" => quantile!(quantile, quantile_dim),
        "nanquantile" => quantile!(nanquantile, nanquantile_dim),
        "kthvalue" => |x, a| {
            let a = a.bind("kthvalue", &["k", "dim", "keepdim"])?;
            let (dim, keepdim) = (
                a.opt_i64("dim")?.unwrap_or(-1),
                a.bool_or("keepdim", false)?,
            );
            pair(x.as_tensor()?.kthvalue(a.usize("k")?, dim, keepdim)?)
        },
        "mode" => |x, a| {
            let a = a.bind("mode", &["dim", "keepdim"])?;
            let (dim, keepdim) = (
                a.opt_i64("dim")?.unwrap_or(-1),
                a.bool_or("keepdim", false)?,
            );
            pair(x.as_tensor()?.mode(dim, keepdim)?)
        },
        "msort" => |x, a| {
            a.none("msort")?;
            one(x.as_tensor()?.msort()?)
        },
        "aminmax" => |x, a| {
            let a = a.bind("aminmax", &["*", "dim", "keepdim"])?;
            let x = x.as_tensor()?;
            pair(match a.opt_i64("dim")? {
                None => x.aminmax()?,
                Some(dim) => x.aminmax_dim(dim, a.bool_or("keepdim", false)?)?,
            })
        },
        "unique" => |x, a| {
            let names = ["sorted", "return_inverse", "return_counts", "dim"];
            let a = a.bind("unique", &names)?;
            let x = x.as_tensor()?;
            unique(
                &a,
                match a.opt_i64("dim")? {
                    None => x.unique()?,
                    Some(dim) => x.unique_dim(dim)?,
                },
            )
        },
        "unique_consecutive" => |x, a| {
            let names = ["return_inverse", "return_counts", "dim"];
            let a = a.bind("unique_consecutive", &names)?;
            let x = x.as_tensor()?;
            unique(
                &a,
                match a.opt_i64("dim")? {
                    None => x.unique_consecutive()?,
                    Some(dim) => x.unique_consecutive_dim(dim)?,
                },
            )
        },
        "bucketize" => |x, a| {
            let a = a.bind("bucketize", &["boundaries", "*", "out_int32", "right"])?;
            let boundaries = a.tensor("boundaries")?;
            found(
                &a,
                x.as_tensor()?
                    .bucketize(&boundaries, a.bool_or("right", false)?)?,
            )
        },
        "searchsorted" => |x, a| {
            let names = ["input", "*", "out_int32", "right", "side", "sorter"];
            let a = a.bind("searchsorted", &names)?;
            let right = a.bool_or("right", false)? || a.str_or("side", "left")? == "right";
            let (values, sorter) = (operand(a.need("input")?)?, a.opt_tensor("sorter")?);
            found(
                &a,
                x.as_tensor()?
                    .searchsorted(values, right, sorter.as_ref())?,
            )
        },
        _ => return None,
    })
}

/// What `unique` was asked to return.
fn unique(a: &Bound, unique: pleach::Unique) -> Eval {
    let mut all = vec![Value::tensor(unique.values)];
    for (name, t) in [
        ("return_inverse", unique.inverse),
        ("return_counts", unique.counts),
    ] {
        if a.bool_or(name, false)? {
            all.push(Value::tensor(t));
        }
    }
    match all.len() {
        1 => Ok(all.remove(0)),
        _ => Ok(Value::Tuple(all)),
    }
}

/// Positions, as i32 if that was asked for.
fn found(a: &Bound, positions: Tensor) -> Eval {
    one(match a.bool_or("out_int32", false)? {
        true => positions.to_dtype(DType::I32)?,
        false => positions,
    })
}

/// A reduction of all elements or over some dimensions.
macro_rules! reduction {
    ($all:ident, $some:ident) => {
        |x, a| {
            let a = a.bind(stringify!($all), &["dim", "keepdim", "*", "dtype"])?;
            let mut x = x.as_tensor()?;
            if let Some(dtype) = a.opt_dtype("dtype")? {
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

/// `var_mean` and `std_mean`.
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
            if ["dim", "unbiased", "keepdim", "correction"]
                .iter()
                .all(|n| a.get(n).is_none())
            {
                return pair(x.$all()?);
            }
            let correction = match a.opt_f64("correction")? {
                Some(c) => c,
                None => f64::from(u8::from(a.bool_or("unbiased", true)?)),
            };
            let dims = a.opt("dim").map_or(Ok(Vec::new()), Value::as_ints)?;
            pair(x.$some(dims, correction, a.bool_or("keepdim", false)?)?)
        }
    };
}

fn statistics(name: &str) -> Option<Method<Value>> {
    Some(match name {
        "nansum" => reduction!(nansum, nansum_dim),
        "nanmean" => reduction!(nanmean, nanmean_dim),
        "var_mean" => spread!(var_mean, var_mean_dim),
        "std_mean" => spread!(std_mean, std_mean_dim),
        "histc" => |x, a| {
            let a = a.bind("histc", &["bins", "min", "max"])?;
            let (min, max) = (a.opt_f64("min")?, a.opt_f64("max")?);
            let bins = a.opt_usize("bins")?.unwrap_or(100);
            one(x
                .as_tensor()?
                .histc(bins, min.unwrap_or(0.0), max.unwrap_or(0.0))?)
        },
        "histogram" => |x, a| {
            let a = a.bind("histogram", &["bins", "*", "range", "weight", "density"])?;
            let (x, weight) = (x.as_tensor()?, a.opt_tensor("weight")?);
            let density = a.bool_or("density", false)?;
            let range = match a.opt("range") {
                None => None,
                Some(range) => match &range.items()?[..] {
                    [low, high] => Some((low.as_f64()?, high.as_f64()?)),
                    _ => return bug("a range is two numbers"),
                },
            };
            pair(match a.need("bins")? {
                edges if edges.is_tensor() => {
                    x.histogram_edges(&edges.as_tensor()?, weight.as_ref(), density)?
                }
                bins => x.histogram(bins.as_usize()?, range, weight.as_ref(), density)?,
            })
        },
        "cov" => |x, a| {
            let a = a.bind("cov", &["*", "correction", "fweights", "aweights"])?;
            let (f, w) = (a.opt_tensor("fweights")?, a.opt_tensor("aweights")?);
            let correction = a.opt_i64("correction")?.unwrap_or(1);
            one(x.as_tensor()?.cov(correction, f.as_ref(), w.as_ref())?)
        },
        "corrcoef" => |x, a| {
            a.none("corrcoef")?;
            one(x.as_tensor()?.corrcoef()?)
        },
        _ => return None,
    })
}
