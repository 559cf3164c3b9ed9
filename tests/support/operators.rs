//! Operators and indexing, of Python numbers and of tensors.

use pleach::{DType, Operand, Tensor, TensorIndex};

use super::module_object;
use super::value::{Eval, Value, bug, unknown};

/// A tensor or a number, as an operation takes it.
pub fn operand(value: &Value) -> Eval<Operand> {
    Ok(if value.is_tensor() {
        Operand::Tensor(value.as_tensor()?)
    } else {
        Operand::Scalar(value.as_scalar()?)
    })
}

pub fn unary(op: &str, x: &Value) -> Eval {
    match (op, x) {
        ("-", v) if v.is_tensor() => Ok(Value::tensor(v.as_tensor()?.neg()?)),
        ("-", Value::Int(text)) => Ok(Value::Int(match text.strip_prefix('-') {
            Some(positive) => positive.to_string(),
            None => format!("-{text}"),
        })),
        ("-", Value::Float(text)) => Ok(Value::Float(match text.strip_prefix('-') {
            Some(positive) => positive.to_string(),
            None => format!("-{text}"),
        })),
        ("not", Value::Bool(b)) => Ok(Value::Bool(!b)),
        ("~", v) if v.is_tensor() => Ok(Value::tensor(v.as_tensor()?.logical_not()?)),
        _ => bug(format!("unary {op} of {x:?}")),
    }
}

pub fn binary(op: &str, x: &Value, y: &Value) -> Eval {
    if x.is_tensor() {
        return tensor_binary(op, &x.as_tensor()?, y).map(Value::tensor);
    }
    if y.is_tensor() {
        return scalar_binary(op, x, &y.as_tensor()?).map(Value::tensor);
    }
    match (op, x, y) {
        ("+", Value::Str(a), Value::Str(b)) => Ok(Value::Str(format!("{a}{b}"))),
        ("+", Value::List(a), Value::List(b)) => {
            Ok(Value::list([&a.borrow()[..], &b.borrow()[..]].concat()))
        }
        ("+", Value::Tuple(a), Value::Tuple(b)) => Ok(Value::Tuple([&a[..], &b[..]].concat())),
        ("*", Value::List(a), Value::Int(_)) => {
            let items = a.borrow();
            Ok(Value::list(
                items
                    .iter()
                    .cycle()
                    .take(items.len() * y.as_usize()?)
                    .cloned()
                    .collect(),
            ))
        }
        (_, Value::Float(_), _) | (_, _, Value::Float(_)) => {
            float_binary(op, x.as_f64()?, y.as_f64()?)
        }
        _ => int_binary(op, x.as_int()?, y.as_int()?),
    }
}

fn int_binary(op: &str, x: i128, y: i128) -> Eval {
    let divisor = || {
        if y == 0 {
            bug("division by zero")
        } else {
            Ok(y)
        }
    };
    let result = match op {
        "+" => x.checked_add(y),
        "-" => x.checked_sub(y),
        "*" => x.checked_mul(y),
        // Python rounds down, and a remainder takes the divisor's sign.
        "//" => Some(x / divisor()? - i128::from(x % y != 0 && (x < 0) != (y < 0))),
        "%" => Some((x % divisor()? + y) % y),
        "**" if y >= 0 => x.checked_pow(y as u32),
        "/" | "**" => return float_binary(op, x as f64, y as f64),
        _ => return bug(format!("int {op} int")),
    };
    match result {
        Some(value) => Ok(Value::int(value)),
        None => bug(format!("{x} {op} {y} overflows the runner's ints")),
    }
}

fn float_binary(op: &str, x: f64, y: f64) -> Eval {
    Ok(Value::float(match op {
        "+" => x + y,
        "-" => x - y,
        "*" => x * y,
        "/" if y == 0.0 => return bug("division by zero"),
        "/" => x / y,
        "//" => (x / y).floor(),
        "**" => x.powf(y),
        _ => return bug(format!("float {op} float")),
    }))
}

fn tensor_binary(op: &str, x: &Tensor, y: &Value) -> Eval<Tensor> {
    if op == "@" {
        return Ok(x.matmul(&y.as_tensor()?)?);
    }
    let y = operand(y)?;
    Ok(match op {
        "+" => x.add(y)?,
        "-" => x.sub(y)?,
        "*" => x.mul(y)?,
        "/" => x.div(y)?,
        "//" => x.floor_divide(y)?,
        "%" => x.remainder(y)?,
        "**" => x.pow(y)?,
        "&" | "|" if x.dtype() != pleach::DType::Bool => {
            return unknown("Tensor.bitwise_and");
        }
        "&" => x.logical_and(&tensor_of(y)?)?,
        "|" => x.logical_or(&tensor_of(y)?)?,
        _ => return bug(format!("Tensor {op} ..")),
    })
}

fn tensor_of(operand: Operand) -> Eval<Tensor> {
    match operand {
        Operand::Tensor(t) => Ok(t),
        Operand::Scalar(s) => Ok(Tensor::scalar(s)),
    }
}

/// A number on the left of a tensor.
fn scalar_binary(op: &str, x: &Value, y: &Tensor) -> Eval<Tensor> {
    let number = x.as_scalar()?;
    // A 0-d tensor stands for the number where no method takes one: it does not promote either.
    let wide = || match number.dtype() {
        DType::F32 if y.dtype() == DType::F64 => Tensor::full_of((), number, DType::F64),
        dtype => Tensor::full_of((), number, dtype),
    };
    Ok(match op {
        "+" => y.add(number)?,
        "-" => y.rsub(number)?,
        "*" => y.mul(number)?,
        "/" => y.rdiv(number)?,
        "//" => wide().floor_divide(y)?,
        "%" => wide().remainder(y)?,
        "**" => y.rpow(number)?,
        _ => return bug(format!("{x:?} {op} Tensor")),
    })
}

pub fn compare(op: &str, x: &Value, y: &Value) -> Eval {
    if x.is_tensor() {
        let (t, o) = (x.as_tensor()?, operand(y)?);
        return Ok(Value::tensor(match op {
            ">" => t.gt(o)?,
            ">=" => t.ge(o)?,
            "<" => t.lt(o)?,
            "<=" => t.le(o)?,
            "==" => t.eq(o)?,
            "!=" => t.ne(o)?,
            _ => return bug(format!("Tensor {op} ..")),
        }));
    }
    if y.is_tensor() {
        let flipped = match op {
            ">" => "<",
            ">=" => "<=",
            "<" => ">",
            "<=" => ">=",
            same => same,
        };
        return compare(flipped, y, x);
    }
    if let (Value::Str(a), Value::Str(b)) = (x, y) {
        return match op {
            "==" => Ok(Value::Bool(a == b)),
            "!=" => Ok(Value::Bool(a != b)),
            _ => bug(format!("str {op} str")),
        };
    }
    let (a, b) = (x.as_f64()?, y.as_f64()?);
    Ok(Value::Bool(match op {
        ">" => a > b,
        ">=" => a >= b,
        "<" => a < b,
        "<=" => a <= b,
        "==" => a == b,
        "!=" => a != b,
        _ => return bug(format!("{x:?} {op} {y:?}")),
    }))
}

/// `target op= value`: tensors change in place and are returned, everything else is computed anew.
pub fn update(op: &str, target: &Value, value: &Value) -> Eval {
    if !target.is_tensor() {
        return binary(op, target, value);
    }
    let method = match op {
        "+" => "add_",
        "-" => "sub_",
        "*" => "mul_",
        "/" => "div_",
        "**" => "pow_",
        _ => return unknown(format!("Tensor {op}=")),
    };
    let args = super::args::Args {
        positional: vec![value.clone()],
        keyword: Vec::new(),
    };
    super::eval::call(&super::eval::method(target, method), args)
}

/// The parts of a tensor's index.
pub fn index_parts(by: &Value) -> Eval<Vec<TensorIndex>> {
    match by {
        Value::Tuple(parts) => parts.iter().map(index_part).collect(),
        one => Ok(vec![index_part(one)?]),
    }
}

fn index_part(by: &Value) -> Eval<TensorIndex> {
    Ok(match by {
        Value::Int(_) => TensorIndex::At(by.as_i64()?),
        Value::Slice(start, end, step) => TensorIndex::Slice {
            start: *start,
            end: *end,
            step: step.unwrap_or(1),
        },
        Value::None => TensorIndex::NewAxis,
        Value::Ellipsis => TensorIndex::Ellipsis,
        Value::Bool(_) => TensorIndex::Tensor(Tensor::scalar(by.as_scalar()?)),
        Value::List(items) if items.borrow().is_empty() => {
            TensorIndex::Tensor(Tensor::zeros_of([0], DType::I64))
        }
        Value::List(_) => TensorIndex::Tensor(super::torch_fns::literal(by, None)?),
        v if v.is_tensor() => TensorIndex::Tensor(v.as_tensor()?),
        other => return bug(format!("index {other:?}")),
    })
}

/// The key of a dictionary: a string, or (in an optimizer's state) a number.
fn key(by: &Value) -> Eval<String> {
    match by {
        Value::Int(number) => Ok(number.clone()),
        by => Ok(by.as_str()?.to_string()),
    }
}

pub fn get_item(of: &Value, by: &Value) -> Eval {
    match of {
        v if v.is_tensor() => {
            let parts = index_parts(by)?;
            Ok(Value::tensor(v.as_tensor()?.index(&parts[..])?))
        }
        Value::Dict(dict) => match dict.borrow().get(&key(by)?) {
            Some(value) => Ok(value.clone()),
            None => bug(format!("no key {by:?}")),
        },
        Value::Module(module) => module_object::get_item(module, by),
        Value::Data(data) => data.get(by),
        _ => {
            let items = of.items()?;
            let at = by.as_i64()?;
            let at = if at < 0 { at + items.len() as i64 } else { at };
            match items.get(at as usize) {
                Some(value) => Ok(value.clone()),
                None => bug(format!("index {at} of {} items", items.len())),
            }
        }
    }
}

pub fn set_item(of: &Value, by: &Value, value: &Value) -> Eval<()> {
    match of {
        Value::Dict(dict) => {
            dict.borrow_mut().set(&key(by)?, value.clone());
            Ok(())
        }
        Value::List(items) => {
            let at = by.as_usize()?;
            match items.borrow_mut().get_mut(at) {
                Some(slot) => {
                    *slot = value.clone();
                    Ok(())
                }
                None => bug(format!("no item {at} to set")),
            }
        }
        v if v.is_tensor() => {
            let (parts, value) = (index_parts(by)?, operand(value)?);
            super::tensor_in_place::index_put(v, &parts, value)
        }
        other => bug(format!("{other:?}[..] = ..")),
    }
}
