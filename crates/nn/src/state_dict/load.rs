//! Loading a state dict into a module, with PyTorch's rules and texts.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use pleach_core::{Error, ErrorKind, Result, Tensor, no_grad, size_text};

use super::save::{State, own_state};
use super::{IncompatibleKeys, LoadReport, ShapeMismatch, StateDict};
use crate::module::display_name;
use crate::parametrized::weight_norms;
use crate::walk::join;
use crate::{Member, Module};

struct Loading<'a> {
    dict: &'a StateDict,
    loaded: Vec<String>,
    keys: IncompatibleKeys,
    mismatches: Vec<ShapeMismatch>,
    /// Entries that a module refuses.
    refused: Vec<String>,
    /// What is wrong with entries that are there, in the model's order.
    lines: Vec<String>,
    failure: Option<Error>,
}

/// The dictionary with the names of today: `weight_norm` used to write `weight_g` and `weight_v`.
fn renamed<'a>(root: &dyn Module, dict: &'a StateDict) -> Cow<'a, StateDict> {
    let mut dict = Cow::Borrowed(dict);
    for (path, name) in weight_norms(root) {
        let key = |end: &str| join(&path, &format!("{name}_{end}"));
        if dict.contains_key(&key("g")) && dict.contains_key(&key("v")) {
            let dict = dict.to_mut();
            for (i, old) in ["g", "v"].into_iter().enumerate() {
                if let Some(tensor) = dict.remove(&key(old)) {
                    let new = format!("parametrizations.{name}.original{i}");
                    dict.insert(join(&path, &new), tensor);
                }
            }
        }
    }
    dict
}

fn run<'a>(root: &dyn Module, dict: &'a StateDict) -> Result<Loading<'a>> {
    let mut loading = Loading {
        dict,
        loaded: Vec::new(),
        keys: IncompatibleKeys::default(),
        mismatches: Vec::new(),
        refused: Vec::new(),
        lines: Vec::new(),
        failure: None,
    };
    let without_values = dict.uninitialized().iter().map(String::as_str);
    let keys = dict.keys().chain(without_values);
    loading.module(root, "", &keys.collect::<Vec<_>>());
    match loading.failure.take() {
        Some(error) => Err(error),
        None => Ok(loading),
    }
}

impl dyn Module {
    pub(crate) fn load_what_fits(&self, dict: &StateDict) -> Result<LoadReport> {
        let dict = renamed(self, dict);
        let done = run(self, &dict)?;
        Ok(LoadReport {
            loaded: done.loaded,
            missing_keys: done.keys.missing_keys,
            unexpected_keys: [done.keys.unexpected_keys, done.refused].concat(),
            mismatched: done.mismatches,
        })
    }

    pub(crate) fn load(&self, dict: &StateDict, strict: bool) -> Result<IncompatibleKeys> {
        let dict = renamed(self, dict);
        let Loading {
            keys, lines: wrong, ..
        } = run(self, &dict)?;
        let mut lines = Vec::new();
        if strict {
            let quoted = |names: &[String]| {
                let quoted: Vec<String> = names.iter().map(|n| format!("\"{n}\"")).collect();
                quoted.join(", ")
            };
            if !keys.missing_keys.is_empty() {
                let names = quoted(&keys.missing_keys);
                lines.push(format!("Missing key(s) in state_dict: {names}. "));
            }
            if !keys.unexpected_keys.is_empty() {
                let names = quoted(&keys.unexpected_keys);
                lines.push(format!("Unexpected key(s) in state_dict: {names}. "));
            }
        }
        lines.extend(wrong);
        if lines.is_empty() {
            return Ok(keys);
        }
        Err(Error::new(ErrorKind::Name(format!(
            "Error(s) in loading state_dict for {}:\n\t{}",
            display_name(self),
            lines.join("\n\t")
        ))))
    }
}

impl<'a> Loading<'a> {
    /// Loads a module and what is below it from `keys`: all keys that begin with its path.
    fn module(&mut self, module: &dyn Module, path: &str, keys: &[&'a str]) {
        self.refuse(module, path);
        let mut own = HashSet::new();
        own_state(module, &mut |name, state| {
            own.insert(name.to_string());
            self.entry(module, path, name, state);
        });
        let (mut children, mut below) = (Vec::new(), HashMap::new());
        module.members(&mut |name, member| {
            if let Member::Child(child) = member {
                children.push((name.to_string(), child));
                below.insert(name.to_string(), Vec::new());
            }
        });
        let start = join(path, "").len();
        for &key in keys {
            let name = &key[start..];
            let place = match name.split_once('.') {
                Some((child, _)) => below.get_mut(child),
                None if own.contains(name) || self.refused.iter().any(|r| r == key) => continue,
                None => None,
            };
            match place {
                Some(keys) => keys.push(key),
                None => self.keys.unexpected_keys.push(key.to_string()),
            }
        }
        for (name, child) in children {
            self.module(child, &join(path, &name), &below[&name]);
        }
    }

    /// Notes the entries that the module says are wrong.
    fn refuse(&mut self, module: &dyn Module, path: &str) {
        let saved = self.dict.versions().and_then(|v| v.get(path));
        let (dict, refused) = (self.dict, &mut self.refused);
        let mut found = |names: &[&str]| {
            let keys = names.iter().map(|name| join(path, name));
            let keys: Vec<String> = keys.filter(|key| dict.get(key).is_some()).collect();
            let quoted: Vec<String> = keys.iter().map(|key| format!("\"{key}\"")).collect();
            refused.extend(keys);
            (!quoted.is_empty()).then(|| quoted.join(" and "))
        };
        self.lines.extend(module.refused_entries(saved, &mut found));
    }

    /// Loads one parameter or buffer, or notes why not.
    fn entry(&mut self, module: &dyn Module, path: &str, name: &str, state: State) {
        let key = join(path, name);
        let Some(source) = self.dict.get(&key) else {
            if self.dict.uninitialized().contains(&key) {
                self.without_values(key, &state);
            } else if !self.forgiven(module, path, name) {
                self.keys.missing_keys.push(key);
            }
            return;
        };
        let shape = match &state {
            // It takes the shape that comes.
            _ if state.is_uninitialized() => source.shape().to_vec(),
            State::Parameter(p) => p.shape(),
            State::Buffer(b) => b.shape(),
        };
        // Files of the time before 0-d tensors have one element instead.
        let is_old_scalar = shape.is_empty() && source.shape() == [1];
        if source.shape() != shape && !is_old_scalar {
            self.lines.push(format!(
                "size mismatch for {key}: copying a param with shape {} from checkpoint, \
                 the shape in current model is {}.",
                size_text(source.shape()),
                size_text(&shape)
            ));
            self.mismatches.push(ShapeMismatch {
                name: key,
                in_model: shape,
                in_state_dict: source.shape().to_vec(),
            });
            return;
        }
        match write(&state, source, &shape) {
            Ok(()) => self.loaded.push(key),
            Err(error) => drop(self.failure.get_or_insert(error)),
        }
    }

    /// Loads what has no values.
    fn without_values(&mut self, key: String, state: &State) {
        match state.is_uninitialized() {
            true => self.loaded.push(key),
            false => drop(self.failure.get_or_insert_with(|| Error::value(
                "Can't access the shape of an uninitialized parameter or buffer. This error usually happens in `load_state_dict` when trying to load an uninitialized parameter into an initialized one. Call `forward` to initialize the parameters before accessing their attributes.",
            ))),
        }
    }

    /// Batch norms did not count their batches before version 2.
    fn forgiven(&self, module: &dyn Module, path: &str, name: &str) -> bool {
        let saved = self.dict.versions().and_then(|v| v.get(path));
        name == "num_batches_tracked" && module.version() >= 2 && saved.is_none_or(|v| v < 2)
    }
}

/// Copies the values, converted to the dtype that is there.
fn write(state: &State, source: &Tensor, shape: &[usize]) -> Result<()> {
    no_grad(|| {
        let source = source.detach().contiguous()?.reshape(shape)?;
        match state {
            State::Parameter(p) if p.is_uninitialized() => p.set_data(source.to_dtype(p.dtype())?),
            State::Parameter(p) => p.data().copy_(&source).map(drop),
            State::Buffer(b) => {
                b.set(source.to_dtype(b.dtype())?);
                Ok(())
            }
        }
    })
}
