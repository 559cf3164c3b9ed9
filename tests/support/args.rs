//! Arguments of a call, matched to a Python signature.

use pleach::{DType, Tensor};

use super::value::{Eval, EvalError, Value, bug};

/// Positional and keyword arguments, as written.
#[derive(Debug, Default, Clone)]
pub struct Args {
    pub positional: Vec<Value>,
    pub keyword: Vec<(String, Value)>,
}

impl Args {
    /// Matches the arguments to the names of a signature, in order. `*name` at the end takes all
    /// positional arguments that are left (or one sequence), as `view(*shape)` does; names after
    /// a lone `*` are given by keyword only.
    pub fn bind(self, function: &str, names: &[&str]) -> Eval<Bound> {
        let mut values: Vec<(String, Value)> = Vec::new();
        let mut positional = self.positional.into_iter();
        for &name in names {
            if name == "*" {
                break;
            }
            if let Some(name) = name.strip_prefix('*') {
                let rest: Vec<Value> = positional.by_ref().collect();
                let rest = match rest.as_slice() {
                    [] => continue,
                    [one] if one.is_sequence() => one.clone(),
                    _ => Value::Tuple(rest),
                };
                values.push((name.to_string(), rest));
                continue;
            }
            if let Some(value) = positional.next() {
                values.push((name.to_string(), value));
            }
        }
        if let Some(extra) = positional.next() {
            return bug(format!(
                "{function}: one positional argument too many: {extra:?}"
            ));
        }
        for (name, value) in self.keyword {
            if !names.iter().any(|n| n.trim_start_matches('*') == name) {
                return Err(EvalError::Unknown(format!("{function}({name}=)")));
            }
            if values.iter().any(|(n, _)| *n == name) {
                return bug(format!("{function}: {name} is given twice"));
            }
            values.push((name, value));
        }
        Ok(Bound {
            function: function.to_string(),
            values,
        })
    }

    /// No arguments at all.
    pub fn none(self, function: &str) -> Eval<()> {
        self.bind(function, &[]).map(drop)
    }
}

/// Arguments by name. An argument that was not given, or given as `None`, counts as absent for the
/// `opt_` readers.
#[derive(Debug)]
pub struct Bound {
    function: String,
    values: Vec<(String, Value)>,
}

impl Bound {
    /// The argument as given, `None` included.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.values.iter().find(|(n, _)| n == name).map(|(_, v)| v)
    }

    /// The argument, unless it is absent or `None`.
    pub fn opt(&self, name: &str) -> Option<&Value> {
        self.get(name).filter(|v| !matches!(v, Value::None))
    }

    pub fn need(&self, name: &str) -> Eval<&Value> {
        match self.get(name) {
            Some(value) => Ok(value),
            None => bug(format!("{}: argument {name} is missing", self.function)),
        }
    }

    pub fn tensor(&self, name: &str) -> Eval<Tensor> {
        self.need(name)?.as_tensor()
    }
    pub fn opt_tensor(&self, name: &str) -> Eval<Option<Tensor>> {
        self.opt(name).map(Value::as_tensor).transpose()
    }
    pub fn i64(&self, name: &str) -> Eval<i64> {
        self.need(name)?.as_i64()
    }
    pub fn opt_i64(&self, name: &str) -> Eval<Option<i64>> {
        self.opt(name).map(Value::as_i64).transpose()
    }
    pub fn usize(&self, name: &str) -> Eval<usize> {
        self.need(name)?.as_usize()
    }
    pub fn opt_usize(&self, name: &str) -> Eval<Option<usize>> {
        self.opt(name).map(Value::as_usize).transpose()
    }
    pub fn f64(&self, name: &str) -> Eval<f64> {
        self.need(name)?.as_f64()
    }
    pub fn opt_f64(&self, name: &str) -> Eval<Option<f64>> {
        self.opt(name).map(Value::as_f64).transpose()
    }
    pub fn bool_or(&self, name: &str, default: bool) -> Eval<bool> {
        self.opt(name).map_or(Ok(default), Value::as_bool)
    }
    pub fn str_or<'a>(&'a self, name: &str, default: &'a str) -> Eval<&'a str> {
        self.opt(name).map_or(Ok(default), Value::as_str)
    }
    pub fn ints(&self, name: &str) -> Eval<Vec<i64>> {
        self.need(name)?.as_ints()
    }
    /// Sizes for a new tensor.
    pub fn shape(&self, name: &str) -> Eval<Vec<usize>> {
        match self.get(name) {
            None => Ok(Vec::new()),
            Some(value) if value.is_sequence() => {
                value.items()?.iter().map(Value::as_usize).collect()
            }
            Some(value) => Ok(vec![value.as_usize()?]),
        }
    }
    pub fn tensors(&self, name: &str) -> Eval<Vec<Tensor>> {
        self.need(name)?
            .items()?
            .iter()
            .map(Value::as_tensor)
            .collect()
    }
    pub fn opt_dtype(&self, name: &str) -> Eval<Option<DType>> {
        match self.opt(name) {
            None => Ok(None),
            Some(Value::DType(dtype)) => Ok(Some(*dtype)),
            Some(other) => bug(format!("{}: {other:?} is no dtype", self.function)),
        }
    }

    /// An argument that pleach has no twin for: fine as long as it says what happens anyway.
    pub fn only(&self, name: &str, usual: impl Fn(&Value) -> bool) -> Eval<()> {
        match self.opt(name) {
            Some(value) if !usual(value) => {
                Err(EvalError::Unknown(format!("{}({name}=)", self.function)))
            }
            _ => Ok(()),
        }
    }
    pub fn only_false(&self, name: &str) -> Eval<()> {
        self.only(name, |v| matches!(v, Value::Bool(false)))
    }
}
