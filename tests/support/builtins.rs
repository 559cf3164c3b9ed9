//! Python's own functions and containers.

use super::args::Args;
use super::module_object;
use super::value::{Builtin, Dict, Eval, Shared, Value, bug, unknown};

/// The full name of a function that Python has built in.
pub fn full_name(name: &str) -> Option<&'static str> {
    Some(match name {
        "list" => "builtins.list",
        "tuple" => "builtins.tuple",
        "slice" => "builtins.slice",
        "type" => "builtins.type",
        "reversed" => "builtins.reversed",
        "len" => "builtins.len",
        "range" => "builtins.range",
        "dict" => "builtins.dict",
        "OrderedDict" => "builtins.OrderedDict",
        _ => return None,
    })
}

pub fn find(path: &str) -> Option<Builtin> {
    Some(match path {
        "builtins.list" => |a| Ok(Value::list(one(a)?)),
        "builtins.tuple" => |a| Ok(Value::Tuple(one(a)?)),
        "builtins.reversed" => |a| Ok(Value::list(one(a)?.into_iter().rev().collect())),
        "builtins.len" => |a| Ok(Value::int(one(a)?.len() as i128)),
        "builtins.slice" => |a| {
            let part = |v: &Value| match v {
                Value::None => Ok(None),
                v => v.as_i64().map(Some),
            };
            match a.positional.as_slice() {
                [stop] => Ok(Value::Slice(None, part(stop)?, None)),
                [start, stop] => Ok(Value::Slice(part(start)?, part(stop)?, None)),
                [start, stop, step] => Ok(Value::Slice(part(start)?, part(stop)?, part(step)?)),
                other => bug(format!("slice{other:?}")),
            }
        },
        "builtins.range" => |a| {
            let ints: Vec<i64> = a
                .positional
                .iter()
                .map(Value::as_i64)
                .collect::<Eval<_>>()?;
            let range = match ints[..] {
                [stop] => 0..stop,
                [start, stop] => start..stop,
                _ => return unknown("range with a step"),
            };
            Ok(Value::list(range.map(Value::int).collect()))
        },
        "builtins.dict" | "builtins.OrderedDict" => |a| Ok(Value::dict(to_dict(a)?)),
        // `type(s)` is only ever called again, to make another dictionary.
        "builtins.type" => |a| match a.positional.as_slice() {
            [Value::Dict(_)] => Ok(Value::Path("builtins.OrderedDict".into())),
            other => bug(format!("type{other:?}")),
        },
        _ => return None,
    })
}

fn one(args: Args) -> Eval<Vec<Value>> {
    match args.positional.as_slice() {
        [] => Ok(Vec::new()),
        [value] => iterate(value),
        other => bug(format!("one argument expected, got {other:?}")),
    }
}

/// A dictionary from pairs, from another one, or from keyword arguments.
fn to_dict(args: Args) -> Eval<Dict> {
    let mut dict = Dict::default();
    match args.positional.as_slice() {
        [] => {}
        [Value::Dict(other)] => dict.items = other.borrow().items.clone(),
        [pairs] => {
            for pair in iterate(pairs)? {
                match pair.items()?.as_slice() {
                    [key, value] => dict.set(key.as_str()?, value.clone()),
                    other => return bug(format!("not a pair: {other:?}")),
                }
            }
        }
        other => return bug(format!("dict{other:?}")),
    }
    for (key, value) in args.keyword {
        dict.set(&key, value);
    }
    Ok(dict)
}

/// What `for` goes over.
pub fn iterate(value: &Value) -> Eval<Vec<Value>> {
    match value {
        Value::Dict(dict) => Ok(dict
            .borrow()
            .items
            .iter()
            .map(|(k, _)| Value::str(k))
            .collect()),
        Value::Module(module) => module_object::iterate(module),
        Value::Data(data) => data.iterate(),
        v if v.is_tensor() => Ok(v
            .as_tensor()?
            .unbind(0)?
            .into_iter()
            .map(Value::tensor)
            .collect()),
        other => other.items(),
    }
}

pub fn dict_method(dict: &Shared<Dict>, name: &str, args: Args) -> Eval {
    let key = || match args.positional.as_slice() {
        [key] => key.as_str(),
        other => bug(format!("dict.{name}{other:?}")),
    };
    match name {
        "items" => Ok(Value::list(
            dict.borrow()
                .items
                .iter()
                .map(|(k, v)| Value::Tuple(vec![Value::str(k), v.clone()]))
                .collect(),
        )),
        "keys" => iterate(&Value::Dict(dict.clone())).map(Value::list),
        "values" => Ok(Value::list(
            dict.borrow().items.iter().map(|(_, v)| v.clone()).collect(),
        )),
        "pop" => match dict.borrow_mut().remove(key()?) {
            Some(value) => Ok(value),
            None => bug(format!("pop: no key {}", key()?)),
        },
        "popitem" => match dict.borrow_mut().items.pop() {
            Some((k, v)) => Ok(Value::Tuple(vec![Value::Str(k), v])),
            None => bug("popitem of an empty dictionary"),
        },
        _ => unknown(format!("dict.{name}")),
    }
}
