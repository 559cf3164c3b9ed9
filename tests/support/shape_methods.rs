//! Methods of tensors: products, shapes, diagonals, parts, differences and distances.

use pleach::{Scalar, Spacing, Tensor};

use super::args::Bound;
use super::operators::operand;
use super::value::{Eval, EvalError, Method, Value, bug, unknown};

fn one(tensor: Tensor) -> Eval {
    Ok(Value::tensor(tensor))
}

fn many(tensors: Vec<Tensor>) -> Eval {
    let tensors = tensors.into_iter().map(Value::tensor);
    Ok(Value::Tuple(tensors.collect()))
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

/// A method whose only argument is a tensor.
macro_rules! with_tensor {
    ($method:ident, $name:literal) => {
        |x, a| {
            let other = a.bind(stringify!($method), &[$name])?.tensor($name)?;
            one(x.as_tensor()?.$method(&other)?)
        }
    };
}

/// A product of two tensors that is added.
macro_rules! added {
    ($method:ident, $a:literal, $b:literal) => {
        |x, a| {
            let a = a.bind(stringify!($method), &[$a, $b, "*", "beta", "alpha"])?;
            let [beta, alpha] = ["beta", "alpha"].map(|name| factor(&a, name));
            let x = x.as_tensor()?;
            one(x.$method(&a.tensor($a)?, &a.tensor($b)?, beta?, alpha?)?)
        }
    };
}

/// A method whose only arguments are sections or the positions of cuts.
macro_rules! split {
    ($method:ident) => {
        |x, a| {
            let a = a.bind(stringify!($method), &["indices_or_sections"])?;
            let (x, at) = (x.as_tensor()?, a.need("indices_or_sections")?);
            many(match at.is_sequence() {
                true => x.$method(&at.as_ints()?[..])?,
                false => x.$method(at.as_usize()?)?,
            })
        }
    };
}

/// Dimensions moved to other places.
macro_rules! moved {
    ($method:ident) => {
        |x, a| {
            let a = a.bind(stringify!($method), &["source", "destination"])?;
            let (from, to) = (a.ints("source")?, a.ints("destination")?);
            one(x.as_tensor()?.$method(from, to)?)
        }
    };
}

/// Two dimensions swapped.
macro_rules! swapped {
    ($method:ident, $a:literal, $b:literal) => {
        |x, a| {
            let a = a.bind(stringify!($method), &[$a, $b])?;
            one(x.as_tensor()?.$method(a.i64($a)?, a.i64($b)?)?)
        }
    };
}

fn factor(a: &Bound, name: &str) -> Eval<Scalar> {
    a.opt(name).map_or(Ok(Scalar::Int(1)), Value::as_scalar)
}

/// The offset and the two dimensions of a diagonal.
fn diagonal(a: &Bound, dims: [i64; 2]) -> Eval<[i64; 3]> {
    let number = |name: &str, default| -> Eval<i64> { Ok(a.opt_i64(name)?.unwrap_or(default)) };
    Ok([
        number("offset", 0)?,
        number("dim1", dims[0])?,
        number("dim2", dims[1])?,
    ])
}

pub fn find(name: &str) -> Option<Method<Value>> {
    Some(match name {
        "addbmm" => added!(addbmm, "batch1", "batch2"),
        "addmm" => added!(addmm, "mat1", "mat2"),
        "addmv" => added!(addmv, "mat", "vec"),
        "addr" => added!(addr, "vec1", "vec2"),
        "baddbmm" => added!(baddbmm, "batch1", "batch2"),
        "inner" => with_tensor!(inner, "other"),
        "outer" => with_tensor!(outer, "vec2"),
        "vdot" => with_tensor!(vdot, "other"),
        "kron" => with_tensor!(kron, "other"),
        "trace" => plain!(trace),
        "cross" => |x, a| {
            let a = a.bind("cross", &["other", "dim"])?;
            let other = a.tensor("other")?;
            one(x.as_tensor()?.cross(&other, a.opt_i64("dim")?)?)
        },
        "diag" => |x, a| {
            let a = a.bind("diag", &["diagonal"])?;
            one(x.as_tensor()?.diag(a.opt_i64("diagonal")?.unwrap_or(0))?)
        },
        "diagflat" => |x, a| {
            let a = a.bind("diagflat", &["offset"])?;
            one(x.as_tensor()?.diagflat(a.opt_i64("offset")?.unwrap_or(0))?)
        },
        "diag_embed" => |x, a| {
            let a = a.bind("diag_embed", &["offset", "dim1", "dim2"])?;
            let [offset, dim1, dim2] = diagonal(&a, [-2, -1])?;
            one(x.as_tensor()?.diag_embed(offset, dim1, dim2)?)
        },
        "diagonal" => |x, a| {
            let a = a.bind("diagonal", &["offset", "dim1", "dim2"])?;
            let [offset, dim1, dim2] = diagonal(&a, [0, 1])?;
            one(x.as_tensor()?.diagonal_dim(offset, dim1, dim2)?)
        },
        "diagonal_scatter" => |x, a| {
            let a = a.bind("diagonal_scatter", &["src", "offset", "dim1", "dim2"])?;
            let [offset, dim1, dim2] = diagonal(&a, [0, 1])?;
            let source = a.tensor("src")?;
            one(x
                .as_tensor()?
                .diagonal_scatter(&source, offset, dim1, dim2)?)
        },
        "select_scatter" => |x, a| {
            let a = a.bind("select_scatter", &["src", "dim", "index"])?;
            let (dim, index) = (a.i64("dim")?, a.i64("index")?);
            one(x
                .as_tensor()?
                .select_scatter(&a.tensor("src")?, dim, index)?)
        },
        "slice_scatter" => |x, a| {
            let a = a.bind("slice_scatter", &["src", "dim", "start", "end", "step"])?;
            let (dim, step) = (a.opt_i64("dim")?.unwrap_or(0), a.opt_i64("step")?);
            one(x.as_tensor()?.slice_scatter(
                &a.tensor("src")?,
                dim,
                a.opt_i64("start")?,
                a.opt_i64("end")?,
                step.unwrap_or(1),
            )?)
        },
        "broadcast_to" => |x, a| {
            let a = a.bind("broadcast_to", &["*size"])?;
            // -1 is that of `expand`.
            one(match a.ints("size")? {
                sizes if sizes.contains(&-1) => x.as_tensor()?.expand(sizes)?,
                _ => x.as_tensor()?.broadcast_to(&a.shape("size")?)?,
            })
        },
        "expand_as" => with_tensor!(expand_as, "other"),
        "reshape_as" => with_tensor!(reshape_as, "other"),
        "view_as" => with_tensor!(view_as, "other"),
        "ravel" => plain!(ravel),
        "movedim" => moved!(movedim),
        "moveaxis" => moved!(moveaxis),
        "swapaxes" => swapped!(swapaxes, "axis0", "axis1"),
        "swapdims" => swapped!(swapdims, "dim0", "dim1"),
        "rot90" => |x, a| {
            let a = a.bind("rot90", &["k", "dims"])?;
            let dims = a.opt("dims").map_or(Ok(vec![0, 1]), Value::as_ints)?;
            one(x.as_tensor()?.rot90(a.opt_i64("k")?.unwrap_or(1), dims)?)
        },
        "fliplr" => plain!(fliplr),
        "flipud" => plain!(flipud),
        "tile" => |x, a| {
            let a = a.bind("tile", &["*dims"])?;
            one(x.as_tensor()?.tile(a.ints("dims")?)?)
        },
        "repeat_interleave" => |x, a| {
            let a = a.bind("repeat_interleave", &["repeats", "dim", "output_size"])?;
            let (dim, size) = (a.opt_i64("dim")?, a.opt_usize("output_size")?);
            match a.opt("repeats") {
                Some(repeats) => {
                    one(x
                        .as_tensor()?
                        .repeat_interleave(operand(repeats)?, dim, size)?)
                }
                None => one(x.as_tensor()?.repeat_positions(size)?),
            }
        },
        "sum_to_size" => |x, a| {
            let a = a.bind("sum_to_size", &["*size"])?;
            one(x.as_tensor()?.sum_to_size(a.ints("size")?)?)
        },
        "unfold" => |x, a| {
            let a = a.bind("unfold", &["dimension", "size", "step"])?;
            let (size, step) = (a.usize("size")?, a.usize("step")?);
            one(x.as_tensor()?.unfold(a.i64("dimension")?, size, step)?)
        },
        "hsplit" => split!(hsplit),
        "vsplit" => split!(vsplit),
        "dsplit" => split!(dsplit),
        "split_with_sizes" => |x, a| {
            let a = a.bind("split_with_sizes", &["split_sizes", "dim"])?;
            let dim = a.opt_i64("dim")?.unwrap_or(0);
            many(
                x.as_tensor()?
                    .split_with_sizes(&a.shape("split_sizes")?, dim)?,
            )
        },
        "tensor_split" => |x, a| {
            let given = ["indices", "sections", "tensor_indices_or_sections"];
            let name = a.keyword.iter().find(|(n, _)| given.contains(&n.as_str()));
            let name = name.map_or("indices_or_sections".to_string(), |(n, _)| n.clone());
            let a = a.bind("tensor_split", &[&name, "dim"])?;
            let (x, dim) = (x.as_tensor()?, a.opt_i64("dim")?.unwrap_or(0));
            many(match a.need(&name)? {
                at if at.is_tensor() => x.tensor_split(&at.as_tensor()?, dim)?,
                at if at.is_sequence() => x.tensor_split(&at.as_ints()?[..], dim)?,
                at => x.tensor_split(at.as_usize()?, dim)?,
            })
        },
        "diff" => |x, a| {
            let a = a.bind("diff", &["n", "dim", "prepend", "append"])?;
            let (prepend, append) = (a.opt_tensor("prepend")?, a.opt_tensor("append")?);
            let (n, dim) = (a.opt_usize("n")?.unwrap_or(1), a.opt_i64("dim")?);
            let dim = dim.unwrap_or(-1);
            one(x
                .as_tensor()?
                .diff(n, dim, prepend.as_ref(), append.as_ref())?)
        },
        "gradient" => |x, a| {
            let a = a.bind("gradient", &["*", "spacing", "dim", "edge_order"])?;
            let dims = a.opt("dim").map_or(Ok(Vec::new()), Value::as_ints)?;
            let order = a.opt_usize("edge_order")?.unwrap_or(1);
            many(x.as_tensor()?.gradient(spacing(&a)?, dims, order)?)
        },
        "trapezoid" | "trapz" => |x, a| {
            let (x, steps, dim) = samples(x, a)?;
            one(x.trapezoid(steps, dim)?)
        },
        "cumulative_trapezoid" => |x, a| {
            let (x, steps, dim) = samples(x, a)?;
            one(x.cumulative_trapezoid(steps, dim)?)
        },
        "dist" => |x, a| {
            let a = a.bind("dist", &["other", "p"])?;
            let p = a.opt_f64("p")?.unwrap_or(2.0);
            one(x.as_tensor()?.dist(&a.tensor("other")?, p)?)
        },
        "new_zeros" => |x, a| {
            let a = a.bind("new_zeros", &["*size", "*", "dtype"])?;
            let dtype = a.opt_dtype("dtype")?.unwrap_or(x.as_tensor()?.dtype());
            one(Tensor::try_zeros_of(a.shape("size")?, dtype)?)
        },
        "new_ones" => |x, a| {
            let a = a.bind("new_ones", &["*size", "*", "dtype"])?;
            let dtype = a.opt_dtype("dtype")?.unwrap_or(x.as_tensor()?.dtype());
            one(Tensor::try_ones_of(a.shape("size")?, dtype)?)
        },
        "new_full" => |x, a| {
            let a = a.bind("new_full", &["size", "fill_value", "*", "dtype"])?;
            let dtype = a.opt_dtype("dtype")?.unwrap_or(x.as_tensor()?.dtype());
            let value = a.need("fill_value")?.as_scalar()?;
            one(Tensor::try_full_of(a.shape("size")?, value, dtype)?)
        },
        _ => return None,
    })
}

/// How far samples lie apart.
fn spacing(a: &Bound) -> Eval<Spacing> {
    Ok(match a.opt("spacing") {
        None => Spacing::One(1.0),
        Some(one) if one.is_tensor() => Spacing::One(one.as_tensor()?.item()?),
        Some(one) if !one.is_sequence() => Spacing::One(one.as_f64()?),
        Some(all) => match &all.items()?[..] {
            items if items.iter().any(Value::is_tensor) => {
                Spacing::At(items.iter().map(Value::as_tensor).collect::<Eval<_>>()?)
            }
            items => Spacing::Each(items.iter().map(Value::as_f64).collect::<Eval<_>>()?),
        },
    })
}

/// Samples, their distance or coordinates, and the dimension.
fn samples(y: &Value, a: super::args::Args) -> Eval<(Tensor, pleach::Operand, i64)> {
    let a = a.bind("trapezoid", &["x", "*", "dx", "dim"])?;
    let steps = match (a.opt("x"), a.opt("dx")) {
        (Some(_), Some(_)) => return bug("trapezoid: x and dx"),
        (Some(x), _) if !x.is_tensor() => return unknown("trapezoid(x=number)"),
        (Some(steps), _) | (_, Some(steps)) => operand(steps)?,
        (None, None) => pleach::Operand::Scalar(Scalar::Float(1.0)),
    };
    let dim = a.opt_i64("dim")?.unwrap_or(-1);
    Ok::<_, EvalError>((y.as_tensor()?, steps, dim))
}
