//! The tensors of a model in a [`Value`], and advice on where in a checkpoint they are.

use std::collections::HashSet;

use pleach_core::Tensor;
use pleach_nn::StateDict;

use crate::{Dict, Error, Opaque, Result, Value};

/// A dict of tensors by their names. `value` is the dict, for advice.
pub(crate) fn tensors_of(value: &Value, dict: &Dict) -> Result<StateDict> {
    let mut out = StateDict::new();
    for (key, entry) in dict.iter() {
        let Value::Str(name) = key else {
            return Err(not_one(value, &format!("the key {key:?} is no text")));
        };
        match tensor(entry).map_err(|e| Error::Access(format!("'{name}': {e}")))? {
            Some(tensor) => drop(out.insert(name, tensor)),
            None => {
                let what = format!("{key:?} is {}", entry.type_name());
                return Err(not_one(value, &what));
            }
        }
    }
    Ok(out)
}

/// The tensor that a value is, in a type that tensors have.
fn tensor(value: &Value) -> Result<Option<Tensor>> {
    match value {
        Value::Tensor(tensor) | Value::Parameter { data: tensor, .. } => Ok(Some(tensor.clone())),
        Value::Unsigned(tensor) => Ok(Some(tensor.to_tensor()?)),
        _ => Ok(None),
    }
}

fn is_tensor(value: &Value) -> bool {
    matches!(
        value,
        Value::Tensor(_) | Value::Parameter { .. } | Value::Unsigned(_)
    )
}

/// The attributes in which a module of PyTorch keeps what it has.
const PARAMETERS: &str = "_parameters";
const BUFFERS: &str = "_buffers";
const MODULES: &str = "_modules";
const NOT_SAVED: &str = "_non_persistent_buffers_set";

/// What the `state_dict()` of an object would be, if it is a module; or the entries of one that is
/// a kind of dict.
pub(crate) fn state_dict(value: &Value, object: &Opaque) -> Result<StateDict> {
    let is_module = |object: &Opaque| {
        object.script().is_some()
            || (object.attribute(PARAMETERS).is_some() && object.attribute(MODULES).is_some())
    };
    if !is_module(object) {
        return match object.entries().is_empty() {
            false => tensors_of(value, object.entries()),
            true => Err(not_one(
                value,
                &format!("it is an object of {}", object.class()),
            )),
        };
    }
    let mut out = StateDict::new();
    collect(object, "", &mut out, &mut 0)?;
    Ok(out)
}

/// Adds the tensors of a module, then those of its children: parameters come before buffers.
fn collect(object: &Opaque, prefix: &str, out: &mut StateDict, steps: &mut usize) -> Result<()> {
    // A module that is shared may be met again and again.
    const MOST_MODULES: usize = 1_000_000;
    *steps += 1;
    if *steps > MOST_MODULES {
        return Err(Error::limit(
            "module",
            "modules within modules",
            MOST_MODULES,
        ));
    }
    let mut add = |name: &str, value: &Value| -> Result<()> {
        let full = format!("{prefix}{name}");
        match tensor(value).map_err(|e| Error::Access(format!("'{full}': {e}")))? {
            Some(tensor) => drop(out.insert(full, tensor)),
            None if value.is_none() => {}
            None => {
                let what = format!("'{full}' is {}, not a tensor", value.type_name());
                return Err(Error::Access(format!("not a state dict: {what}")));
            }
        }
        Ok(())
    };
    if let Some(script) = object.script() {
        for name in script.parameters.iter().chain(&script.buffers) {
            if let Some(value) = object.attribute(name) {
                add(name, value)?;
            }
        }
        for (key, value) in object.attributes().flat_map(Dict::iter) {
            if let (Value::Str(name), Value::Opaque(child)) = (key, value)
                && child.script().is_some()
            {
                collect(child, &format!("{prefix}{name}."), out, steps)?;
            }
        }
        return Ok(());
    }
    let dict_of = |name: &str| object.attribute(name).and_then(entries_of_dict);
    let skipped = object.attribute(NOT_SAVED);
    let skipped = skipped.and_then(|set| set.as_items().ok()).unwrap_or(&[]);
    let is_skipped = |name: &str| skipped.iter().any(|skip| skip.as_str().ok() == Some(name));
    for (own, persistent) in [(PARAMETERS, false), (BUFFERS, true)] {
        for (key, value) in dict_of(own).into_iter().flat_map(Dict::iter) {
            let name = key.as_str()?;
            if !(persistent && is_skipped(name)) {
                add(name, value)?;
            }
        }
    }
    for (key, value) in dict_of(MODULES).into_iter().flat_map(Dict::iter) {
        if let Value::Opaque(child) = value {
            collect(child, &format!("{prefix}{}.", key.as_str()?), out, steps)?;
        }
    }
    Ok(())
}

fn entries_of_dict(value: &Value) -> Option<&Dict> {
    match value {
        Value::Dict(dict) => Some(dict),
        Value::Opaque(object) => Some(object.entries()),
        _ => None,
    }
}

// ---- advice

/// How many paths an error names, and how many values are looked at for them.
const SHOWN: usize = 8;
const LOOKED_AT: usize = 200_000;

/// An error that says why a value is no state dict, and which of its entries may be one.
fn not_one(value: &Value, why: &str) -> Error {
    let mut search = Search {
        only_tensors: Vec::new(),
        some_tensors: Vec::new(),
        left: LOOKED_AT,
        met: HashSet::new(),
    };
    search.below(value, "");
    let found = match search.only_tensors.is_empty() {
        true => search.some_tensors,
        false => search.only_tensors,
    };
    let paths: Vec<String> = found.iter().take(SHOWN).map(|p| format!("'{p}'")).collect();
    let more = if found.len() > SHOWN { ", …" } else { "" };
    let advice = match (found.is_empty(), value) {
        (false, _) => format!(
            "a state dict may be one of the entries {}{more}",
            paths.join(", ")
        ),
        (true, Value::Dict(dict)) => crate::access::entries_of(dict),
        (true, _) => "none of its entries holds tensors".to_string(),
    };
    Error::Access(format!("not a state dict: {why}; {advice}"))
}

struct Search {
    /// Paths of dicts of tensors by names, and of modules.
    only_tensors: Vec<String>,
    /// Paths of dicts that have some tensors.
    some_tensors: Vec<String>,
    left: usize,
    /// Objects that were met, which may be shared.
    met: HashSet<usize>,
}

impl Search {
    /// Looks at the entries of a value, whose path is `path`.
    fn below(&mut self, value: &Value, path: &str) {
        let join = |key: &str| match path {
            "" => key.to_string(),
            _ => format!("{path}/{key}"),
        };
        let label = |key: &Value| match key {
            Value::Str(text) => join(text),
            other => join(&format!("{other:?}")),
        };
        match value {
            Value::Dict(dict) => {
                for (key, value) in dict.iter() {
                    self.look(value, label(key));
                }
            }
            Value::List(items) | Value::Tuple(items) => {
                for (i, item) in items.iter().enumerate() {
                    self.look(item, join(&i.to_string()));
                }
            }
            Value::Opaque(object) => {
                if !self.met.insert(object.id()) {
                    return;
                }
                let entries = object.attributes().chain([object.entries()]);
                for (key, value) in entries.flat_map(Dict::iter) {
                    self.look(value, label(key));
                }
                for (i, item) in object.items().iter().enumerate() {
                    self.look(item, join(&i.to_string()));
                }
            }
            _ => {}
        }
    }

    fn look(&mut self, value: &Value, path: String) {
        let Some(left) = self.left.checked_sub(1) else {
            return;
        };
        self.left = left;
        match value {
            Value::Dict(dict) => {
                let is_text = |key: &Value| matches!(key, Value::Str(_));
                let tensors = dict.iter().filter(|(_, v)| is_tensor(v)).count();
                let whole = tensors == dict.len() && dict.iter().all(|(key, _)| is_text(key));
                if tensors > 0 && whole {
                    return self.only_tensors.push(path);
                }
                if tensors > 0 {
                    self.some_tensors.push(path.clone());
                }
                // The state of an optimizer holds tensors, but no model.
                if dict.get("state").is_some() && dict.get("param_groups").is_some() {
                    return;
                }
            }
            Value::Opaque(object) if object.script().is_some() => {
                return self.only_tensors.push(path);
            }
            Value::Opaque(object) if object.attribute(PARAMETERS).is_some() => {
                return self.only_tensors.push(path);
            }
            _ => {}
        }
        self.below(value, &path);
    }
}
