//! Functions of `torch.*`.

use std::rc::Rc;

use pleach::random::Generator;
use pleach::{DType, Parameter, Tensor};

use super::args::{Args, Bound};
use super::elementwise_fns;
use super::operators::operand;
use super::shape_fns;
use super::tensor_methods;
use super::value::{Builtin, Eval, EvalError, Value, bug, unknown};

fn one(tensor: Tensor) -> Eval {
    Ok(Value::tensor(tensor))
}

/// The end of a creation function: `requires_grad=True` makes a leaf.
fn created(a: &Bound, tensor: Tensor) -> Eval {
    one(match a.bool_or("requires_grad", false)? {
        true => tensor.requires_grad_(true)?,
        false => tensor,
    })
}

/// A function that makes a tensor of a shape and a dtype.
macro_rules! creation {
    ($name:literal, |$shape:ident, $dtype:ident| $make:expr) => {
        |a| {
            let a = a.bind($name, &["*size", "*", "dtype", "requires_grad"])?;
            let ($shape, $dtype) = (
                a.shape("size")?,
                a.opt_dtype("dtype")?.unwrap_or(DType::F32),
            );
            created(&a, $make)
        }
    };
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
            match tensor_methods::find($name) {
                Some(method) => method(&receiver, a),
                None => unknown(concat!("Tensor.", $name)),
            }
        }
    };
}

pub fn find(name: &str) -> Option<Builtin> {
    elementwise_fns::function(name)
        .or_else(|| creation(name))
        .or_else(|| random(name))
        .or_else(|| operation(name))
        .or_else(|| super::index_fns::function(name))
        .or_else(|| shape_fns::find(name))
}

fn creation(name: &str) -> Option<Builtin> {
    Some(match name {
        "zeros" => creation!("zeros", |shape, dtype| Tensor::zeros_of(shape, dtype)),
        // Its values are never looked at before they are filled.
        "empty" => creation!("empty", |shape, dtype| Tensor::zeros_of(shape, dtype)),
        "ones" => creation!("ones", |shape, dtype| Tensor::ones_of(shape, dtype)),
        "rand" => creation!("rand", |shape, dtype| Tensor::rand_of(shape, dtype)?),
        "randn" => creation!("randn", |shape, dtype| Tensor::randn_of(shape, dtype)?),
        "full" => |a| {
            let a = a.bind(
                "full",
                &["size", "fill_value", "*", "dtype", "requires_grad"],
            )?;
            let (shape, value) = (a.shape("size")?, a.need("fill_value")?.as_scalar()?);
            let dtype = a.opt_dtype("dtype")?.unwrap_or(value.dtype());
            created(&a, Tensor::full_of(shape, value, dtype))
        },
        "tensor" => |a| {
            let a = a.bind("tensor", &["data", "*", "dtype", "requires_grad"])?;
            let data = a.need("data")?;
            created(&a, literal(data, a.opt_dtype("dtype")?)?)
        },
        "arange" => |a| {
            let end_by_name = a.keyword.iter().any(|(name, _)| name == "end");
            let names: &[&str] = match a.positional.len() {
                0 | 1 if !end_by_name => &["end", "start", "step", "dtype", "requires_grad"],
                _ => &["start", "end", "step", "*", "dtype", "requires_grad"],
            };
            let a = a.bind("arange", names)?;
            let bound = |name: &str, default: Option<i64>| match (a.opt(name), default) {
                (Some(v), _) => v.as_scalar(),
                (None, Some(d)) => Ok(d.into()),
                (None, None) => bug(format!("arange: no {name}")),
            };
            let (start, end) = (bound("start", Some(0))?, bound("end", None)?);
            let step = bound("step", Some(1))?;
            created(
                &a,
                match a.opt_dtype("dtype")? {
                    Some(dtype) => Tensor::arange_of(start, end, step, dtype)?,
                    None => Tensor::arange_step(start, end, step)?,
                },
            )
        },
        "eye" => |a| {
            let a = a.bind("eye", &["n", "m", "*", "dtype", "device", "requires_grad"])?;
            let n = a.usize("n")?;
            let t = match a.opt_usize("m")? {
                Some(m) => Tensor::try_eye_rect(n, m)?,
                None => Tensor::try_eye(n)?,
            };
            created(
                &a,
                match a.opt_dtype("dtype")? {
                    Some(dtype) => t.to_dtype(dtype)?,
                    None => t,
                },
            )
        },
        "nn.Parameter" => |a| {
            let a = a.bind("Parameter", &["data", "requires_grad"])?;
            let data = a.tensor("data")?;
            Ok(Value::Parameter(Rc::new(
                match a.bool_or("requires_grad", true)? {
                    true => Parameter::try_new(data)?,
                    false => Parameter::frozen(data),
                },
            )))
        },
        _ => return super::spatial::torch_function(name),
    })
}

fn random(name: &str) -> Option<Builtin> {
    Some(match name {
        "manual_seed" => |a| {
            seed(
                &Generator::current(),
                a.bind("manual_seed", &["seed"])?.need("seed")?.as_int()?,
            )?;
            Ok(Value::None)
        },
        "set_rng_state" => |a| {
            let state = a
                .bind("set_rng_state", &["new_state"])?
                .tensor("new_state")?;
            match Generator::current().set_state(&state.to_vec::<u8>()?) {
                Ok(()) => Ok(Value::None),
                Err(text) => Err(EvalError::Raised(text)),
            }
        },
        "randperm" => |a| one(Tensor::randperm(a.bind("randperm", &["n"])?.usize("n")?)),
        "randint" => |a| {
            let names: &[&str] = match a.positional.len() {
                2 => &["high", "size", "*", "low", "dtype"],
                _ => &["low", "high", "size", "*", "dtype"],
            };
            let a = a.bind("randint", names)?;
            let (low, high) = (a.opt_i64("low")?.unwrap_or(0), a.i64("high")?);
            let dtype = a.opt_dtype("dtype")?.unwrap_or(DType::I64);
            one(Tensor::randint_of(low, high, a.shape("size")?, dtype)?)
        },
        "rand_like" => |a| {
            one(a
                .bind("rand_like", &["input"])?
                .tensor("input")?
                .rand_like()?)
        },
        "randn_like" => |a| {
            one(a
                .bind("randn_like", &["input"])?
                .tensor("input")?
                .randn_like()?)
        },
        "normal" => |a| {
            if a.positional.iter().any(Value::is_tensor) {
                return unknown("torch.normal(Tensor)");
            }
            let a = a.bind("normal", &["mean", "std", "size"])?;
            one(Tensor::normal(
                a.f64("mean")?,
                a.f64("std")?,
                a.shape("size")?,
            )?)
        },
        "bernoulli" => |a| {
            let a = a.bind("bernoulli", &["input", "p"])?;
            let input = a.tensor("input")?;
            one(match a.opt_f64("p")? {
                Some(p) => {
                    let mut t = Tensor::zeros_of(input.shape(), input.dtype());
                    t.bernoulli_(p)?;
                    t
                }
                None => input.bernoulli()?,
            })
        },
        // NumPy's arrays are tensors here.
        "from_numpy" => |a| one(a.bind("from_numpy", &["array"])?.tensor("array")?),
        "no_grad" => |a| {
            a.none("no_grad")?;
            Ok(Value::NoGrad)
        },
        _ => return None,
    })
}

/// Seeds a generator with what Python calls an int, which may be too large.
pub fn seed(generator: &Generator, seed: i128) -> Eval<()> {
    match (i64::try_from(seed), u64::try_from(seed)) {
        (Ok(small), _) => generator.manual_seed(small),
        (_, Ok(large)) => generator.manual_seed(large),
        _ => {
            return Err(EvalError::TypedOut(format!(
                "the seed {seed} fits no integer type"
            )));
        }
    }
    Ok(())
}

fn operation(name: &str) -> Option<Builtin> {
    Some(match name {
        "cat" | "concat" => |a| {
            let a = a.bind("cat", &["tensors", "dim"])?;
            let tensors = a.tensors("tensors")?;
            let tensors: Vec<&Tensor> = tensors.iter().collect();
            one(Tensor::cat(&tensors, a.opt_i64("dim")?.unwrap_or(0))?)
        },
        "stack" => |a| {
            let a = a.bind("stack", &["tensors", "dim"])?;
            let tensors = a.tensors("tensors")?;
            let tensors: Vec<&Tensor> = tensors.iter().collect();
            one(Tensor::stack(&tensors, a.opt_i64("dim")?.unwrap_or(0))?)
        },
        "maximum" => |a| {
            let a = a.bind("maximum", &["input", "other"])?;
            one(a.tensor("input")?.maximum(&a.tensor("other")?)?)
        },
        "minimum" => |a| {
            let a = a.bind("minimum", &["input", "other"])?;
            one(a.tensor("input")?.minimum(&a.tensor("other")?)?)
        },
        "lerp" => |a| {
            let a = a.bind("lerp", &["input", "end", "weight"])?;
            one(a
                .tensor("input")?
                .lerp(&a.tensor("end")?, operand(a.need("weight")?)?)?)
        },
        "addcmul" => |a| {
            let a = a.bind("addcmul", &["input", "tensor1", "tensor2", "*", "value"])?;
            let value = a.opt_f64("value")?.unwrap_or(1.0);
            one(a
                .tensor("input")?
                .addcmul(&a.tensor("tensor1")?, &a.tensor("tensor2")?, value)?)
        },
        "addcdiv" => |a| {
            let a = a.bind("addcdiv", &["input", "tensor1", "tensor2", "*", "value"])?;
            let value = a.opt_f64("value")?.unwrap_or(1.0);
            one(a
                .tensor("input")?
                .addcdiv(&a.tensor("tensor1")?, &a.tensor("tensor2")?, value)?)
        },
        "einsum" => |a| match a.positional.split_first() {
            Some((equation, operands)) => {
                let operands = match operands {
                    [list] if list.is_sequence() => list.items()?,
                    spread => spread.to_vec(),
                };
                let tensors: Vec<Tensor> =
                    operands.iter().map(Value::as_tensor).collect::<Eval<_>>()?;
                let tensors: Vec<&Tensor> = tensors.iter().collect();
                one(pleach::einsum(equation.as_str()?, &tensors)?)
            }
            None => bug("einsum of nothing"),
        },
        "bmm" => method!("bmm", "input"),
        "mm" => method!("mm", "input"),
        "mv" => method!("mv", "input"),
        "dot" => method!("dot", "input"),
        "matmul" => method!("matmul", "input"),
        "sum" => method!("sum", "input"),
        "mean" => method!("mean", "input"),
        "max" => method!("max", "input"),
        "min" => method!("min", "input"),
        "abs" => method!("abs", "input"),
        "exp" => method!("exp", "input"),
        "log" => method!("log", "input"),
        "sqrt" => method!("sqrt", "input"),
        "rsqrt" => method!("rsqrt", "input"),
        "expm1" => method!("expm1", "input"),
        "log1p" => method!("log1p", "input"),
        "sin" => method!("sin", "input"),
        "cos" => method!("cos", "input"),
        "erf" => method!("erf", "input"),
        "sign" => method!("sign", "input"),
        "floor" => method!("floor", "input"),
        "ceil" => method!("ceil", "input"),
        "trunc" => method!("trunc", "input"),
        "reciprocal" => method!("reciprocal", "input"),
        "square" => method!("square", "input"),
        "masked_select" => method!("masked_select", "input"),
        "neg" => method!("neg", "input"),
        "tanh" => method!("tanh", "input"),
        "sigmoid" => method!("sigmoid", "input"),
        "relu" => method!("relu", "input"),
        "flatten" => method!("flatten", "input"),
        "autograd.grad" => |a| {
            let a = a.bind("autograd.grad", &["outputs", "inputs"])?;
            let tensors = |name: &str| match a.need(name)? {
                v if v.is_tensor() => Ok(vec![v.as_tensor()?]),
                _ => a.tensors(name),
            };
            let (outputs, inputs) = (tensors("outputs")?, tensors("inputs")?);
            let (outputs, inputs): (Vec<_>, Vec<_>) =
                (outputs.iter().collect(), inputs.iter().collect());
            let grads = pleach::autograd::grad(&outputs, &inputs)?;
            Ok(Value::Tuple(grads.into_iter().map(Value::tensor).collect()))
        },
        _ => return None,
    })
}

/// `torch.tensor(data)`: nested sequences of numbers; floats make f32, ints i64, bools bool.
pub fn literal(data: &Value, dtype: Option<DType>) -> Eval<Tensor> {
    let (mut shape, mut numbers) = (Vec::new(), Vec::new());
    collect(data, 0, &mut shape, &mut numbers)?;
    let own = numbers.iter().fold(None, |widest: Option<DType>, n| {
        let this = match n {
            Value::Bool(_) => DType::Bool,
            Value::Int(_) => DType::I64,
            _ => DType::F32,
        };
        Some(widest.map_or(this, |w| w.promote(this)))
    });
    let dtype = dtype.or(own).unwrap_or(DType::F32);
    // Ints stay exact; everything else goes by way of f64, as in Python.
    if !dtype.is_float()
        && numbers
            .iter()
            .all(|n| matches!(n, Value::Int(_) | Value::Bool(_)))
    {
        let ints: Vec<i64> = numbers.iter().map(Value::as_i64).collect::<Eval<_>>()?;
        return Ok(Tensor::from_vec(ints, shape)?.to_dtype(dtype)?);
    }
    let floats: Vec<f64> = numbers.iter().map(Value::as_f64).collect::<Eval<_>>()?;
    Ok(Tensor::from_vec(floats, shape)?.to_dtype(dtype)?)
}

fn collect(
    data: &Value,
    depth: usize,
    shape: &mut Vec<usize>,
    numbers: &mut Vec<Value>,
) -> Eval<()> {
    if !data.is_sequence() {
        if depth != shape.len() {
            return bug("a ragged tensor literal");
        }
        numbers.push(data.clone());
        return Ok(());
    }
    let items = data.items()?;
    match shape.get(depth) {
        None if numbers.is_empty() => shape.push(items.len()),
        Some(&size) if size == items.len() => {}
        _ => return bug("a ragged tensor literal"),
    }
    items
        .iter()
        .try_for_each(|item| collect(item, depth + 1, shape, numbers))
}
