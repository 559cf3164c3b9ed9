//! Functions of `torch.*`: products, stacks, grids and creation; and those that are methods of their
//! first argument.

use pleach::{DType, Tensor};

use super::args::{Args, Bound};
use super::shape_methods;
use super::value::{Builtin, Eval, Value, bug};

fn one(tensor: Tensor) -> Eval {
    Ok(Value::tensor(tensor))
}

fn many(tensors: Vec<Tensor>) -> Eval {
    let tensors = tensors.into_iter().map(Value::tensor);
    Ok(Value::Tuple(tensors.collect()))
}

/// A function that is a method of its first argument.
macro_rules! method {
    ($name:literal, $first:literal) => {
        |mut a: Args| {
            let receiver = match a.keyword.iter().position(|(n, _)| n == $first) {
                Some(at) => a.keyword.remove(at).1,
                None if a.positional.is_empty() => return bug(concat!($name, " of nothing")),
                None => a.positional.remove(0),
            };
            match shape_methods::find($name) {
                Some(method) => method(&receiver, a),
                None => bug(concat!("no method ", $name)),
            }
        }
    };
}

/// A function of a sequence of tensors.
macro_rules! of_list {
    ($function:ident) => {
        |a| {
            let a = a.bind(stringify!($function), &["tensors"])?;
            one(Tensor::$function(a.tensors("tensors")?)?)
        }
    };
}

/// A function of tensors, spread out or as one sequence.
macro_rules! of_spread {
    ($function:ident, $wrap:ident) => {
        |a| {
            $wrap(Tensor::$function(spread(
                a.bind(stringify!($function), &["*tensors"])?,
            )?)?)
        }
    };
}

/// At least so many dimensions, of one tensor or several.
macro_rules! at_least {
    ($method:ident) => {
        |a| match &a.positional[..] {
            [x] if x.is_tensor() => one(x.as_tensor()?.$method()?),
            _ => {
                let tensors = spread(a.bind(stringify!($method), &["*tensors"])?)?;
                let all: pleach::Result<_> = tensors.iter().map(Tensor::$method).collect();
                many(all?)
            }
        }
    };
}

fn spread(a: Bound) -> Eval<Vec<Tensor>> {
    match a.get("tensors") {
        None => Ok(Vec::new()),
        Some(one) if one.is_tensor() => Ok(vec![one.as_tensor()?]),
        Some(_) => a.tensors("tensors"),
    }
}

/// The positions of a triangle.
macro_rules! triangle {
    ($function:ident) => {
        |a| {
            let names = ["row", "col", "offset", "*", "dtype"];
            let a = a.bind(stringify!($function), &names)?;
            let offset = a.opt_i64("offset")?.unwrap_or(0);
            let at = Tensor::$function(a.usize("row")?, a.usize("col")?, offset)?;
            one(at.to_dtype(a.opt_dtype("dtype")?.unwrap_or(DType::I64))?)
        }
    };
}

pub fn find(name: &str) -> Option<Builtin> {
    Some(match name {
        "addbmm" => method!("addbmm", "input"),
        "addmm" => method!("addmm", "input"),
        "addmv" => method!("addmv", "input"),
        "addr" => method!("addr", "input"),
        "baddbmm" => method!("baddbmm", "input"),
        "inner" => method!("inner", "input"),
        "outer" => method!("outer", "input"),
        "vdot" => method!("vdot", "input"),
        "kron" => method!("kron", "input"),
        "trace" => method!("trace", "input"),
        "cross" => method!("cross", "input"),
        "linalg.cross" => |a| {
            let a = a.bind("linalg.cross", &["input", "other", "*", "dim"])?;
            let dim = a.opt_i64("dim")?.unwrap_or(-1);
            one(a.tensor("input")?.cross(&a.tensor("other")?, dim)?)
        },
        "tensordot" => |a| {
            let a = a.bind("tensordot", &["a", "b", "dims"])?;
            let (x, y) = (a.tensor("a")?, a.tensor("b")?);
            match a.opt("dims") {
                None => one(x.tensordot(&y, 2)?),
                Some(dims) if !dims.is_sequence() => one(x.tensordot(&y, dims.as_usize()?)?),
                Some(dims) => match &dims.items()?[..] {
                    [own, others] => one(x.tensordot(&y, (own.as_ints()?, others.as_ints()?))?),
                    _ => bug("tensordot: dims of two tensors"),
                },
            }
        },
        "diag" => method!("diag", "input"),
        "diagflat" => method!("diagflat", "input"),
        "diag_embed" => method!("diag_embed", "input"),
        "diagonal" => method!("diagonal", "input"),
        "diagonal_scatter" => method!("diagonal_scatter", "input"),
        "select_scatter" => method!("select_scatter", "input"),
        "slice_scatter" => method!("slice_scatter", "input"),
        "broadcast_to" => method!("broadcast_to", "input"),
        "ravel" => method!("ravel", "input"),
        "movedim" => method!("movedim", "input"),
        "moveaxis" => method!("moveaxis", "input"),
        "swapaxes" => method!("swapaxes", "input"),
        "rot90" => method!("rot90", "input"),
        "fliplr" => method!("fliplr", "input"),
        "flipud" => method!("flipud", "input"),
        "tile" => method!("tile", "input"),
        "repeat_interleave" => method!("repeat_interleave", "input"),
        "hsplit" => method!("hsplit", "input"),
        "vsplit" => method!("vsplit", "input"),
        "dsplit" => method!("dsplit", "input"),
        "split_with_sizes" => method!("split_with_sizes", "input"),
        "tensor_split" => method!("tensor_split", "input"),
        "diff" => method!("diff", "input"),
        "gradient" => method!("gradient", "input"),
        "trapezoid" => method!("trapezoid", "y"),
        "trapz" => method!("trapz", "y"),
        "cumulative_trapezoid" => method!("cumulative_trapezoid", "y"),
        "cdist" => |a| {
            let a = a.bind("cdist", &["x1", "x2", "p", "compute_mode"])?;
            let usual = "use_mm_for_euclid_dist_if_necessary";
            let (p, mode) = (a.opt_f64("p")?, a.str_or("compute_mode", usual)?);
            one(a
                .tensor("x1")?
                .cdist(&a.tensor("x2")?, p.unwrap_or(2.0), mode)?)
        },
        "pdist" => |a| {
            let a = a.bind("pdist", &["input", "p"])?;
            one(a.tensor("input")?.pdist(a.opt_f64("p")?.unwrap_or(2.0))?)
        },
        "dist" => method!("dist", "input"),
        "atleast_1d" => at_least!(atleast_1d),
        "atleast_2d" => at_least!(atleast_2d),
        "atleast_3d" => at_least!(atleast_3d),
        "broadcast_tensors" => of_spread!(broadcast_tensors, many),
        "hstack" => of_list!(hstack),
        "vstack" => of_list!(vstack),
        "row_stack" => of_list!(row_stack),
        "dstack" => of_list!(dstack),
        "column_stack" => of_list!(column_stack),
        "block_diag" => of_spread!(block_diag, one),
        "cartesian_prod" => of_spread!(cartesian_prod, one),
        "meshgrid" => |a| {
            let a = a.bind("meshgrid", &["*tensors", "indexing"])?;
            let indexing = a.str_or("indexing", "ij")?.to_string();
            many(Tensor::meshgrid(spread(a)?, &indexing[..])?)
        },
        "combinations" => |a| {
            let a = a.bind("combinations", &["input", "r", "with_replacement"])?;
            let r = a.opt_usize("r")?.unwrap_or(2);
            let again = a.bool_or("with_replacement", false)?;
            one(a.tensor("input")?.combinations(r, again)?)
        },
        "tril_indices" => triangle!(tril_indices),
        "triu_indices" => triangle!(triu_indices),
        _ => return None,
    })
}
