//! `checkpoints/`: files to be read, refused or survived.

use std::collections::HashMap;
use std::path::Path;

use pleach::checkpoint::{Dict, Value, load};
use pleach::{DType, Tensor};
use serde_json::Value as Json;

use crate::support::data::{Family, cases, list, number, sizes, text};
use crate::support::report::Report;
use crate::support::value::{Eval, bug};

pub fn run() {
    let Some(family) = Family::open("checkpoints") else {
        return;
    };
    let mut report = Report::new("checkpoints");
    if let Some(index) = family.json("expected.json") {
        for case in cases(&index, "files") {
            let file = case["file"].as_str().unwrap_or("?");
            report.case(file, || check(&family.path(file), case));
        }
    }
    report.finish();
}

/// Whether `torch.load(weights_only=True)` refuses the file for a name of NumPy's arrays or numbers,
/// which pleach knows as values (`crates/checkpoint/tests/real_files.rs` compares what they hold).
fn is_of_numpy(case: &Json) -> bool {
    let refusal = case["torch"].as_str().unwrap_or_default();
    [
        "numpy.core.multiarray.",
        "numpy._core.multiarray.",
        "numpy.ndarray",
        "numpy.dtype",
    ]
    .iter()
    .any(|name| refusal.contains(&format!("Unsupported global: GLOBAL {name}")))
}

fn check(path: &Path, case: &Json) -> Eval<()> {
    let expect = text(&case["expect"])?;
    match (expect, load(path)) {
        ("refuse", Ok(_)) if is_of_numpy(case) => Ok(()),
        ("ok" | "either", Ok(value)) => match &case["tree"] {
            // Too large to write down: not crashing is all that is asked.
            Json::Null if expect == "either" => Ok(()),
            tree => {
                let mut comparison = Comparison {
                    // The safetensors library lists names in no order.
                    any_order: path.extension().is_some_and(|e| e == "safetensors"),
                    ..Default::default()
                };
                comparison.node("", &value, tree)?;
                metadata(&value, &case["metadata"])
            }
        },
        ("refuse", Ok(value)) => bug(format!("loaded as {value}, and should be refused")),
        ("ok", Err(error)) => bug(format!("refused: {error}")),
        ("refuse" | "either", Err(error)) => refusal(path, &error.to_string(), case),
        _ => bug(format!("unknown expectation {expect}")),
    }
}

/// An error says which file and, for a global, which name; for a module, what to do instead.
fn refusal(path: &Path, error: &str, case: &Json) -> Eval<()> {
    let Some(what) = error.strip_prefix(&format!("{}: ", path.display())) else {
        return bug(format!("does not start with the file: {error}"));
    };
    let torch = text(&case["torch"])?;
    let named = torch
        .split_once("GLOBAL ")
        .and_then(|(_, rest)| rest.split(' ').next());
    match named {
        Some(name) if !what.contains(&format!("{name}`")) => {
            return bug(format!("does not name {name}: {error}"));
        }
        Some(_) if !what.contains(", byte ") => {
            return bug(format!("does not say where: {error}"));
        }
        _ => {}
    }
    if text(&case["why"])?.contains("say to save state_dict") && !what.contains("state_dict()") {
        return bug(format!("does not advise to save state_dict(): {error}"));
    }
    Ok(())
}

fn metadata(value: &Value, expected: &Json) -> Eval<()> {
    let Some(expected) = expected.as_object() else {
        return Ok(());
    };
    let got = match value {
        Value::Dict(dict) => dict.attribute("__metadata__").cloned(),
        _ => None,
    };
    let got = got.unwrap_or_else(|| Dict::new().into());
    for (key, line) in expected {
        if got.get(key)?.as_str()? != text(line)? {
            return bug(format!("the metadata are {got}"));
        }
    }
    match got.as_dict()?.len() == expected.len() {
        true => Ok(()),
        false => bug(format!("the metadata are {got}")),
    }
}

/// The storages met so far: which memory here stands for which number there.
#[derive(Default)]
struct Comparison {
    any_order: bool,
    memory_of: HashMap<i64, usize>,
    number_of: HashMap<usize, i64>,
    /// Keeps the memory alive, so that no other gets its number.
    alive: Vec<Tensor>,
}

impl Comparison {
    fn node(&mut self, path: &str, value: &Value, expected: &Json) -> Eval<()> {
        let kind = text(&expected["t"])?;
        let v = &expected["v"];
        let same = match (kind, value) {
            ("tensor", Value::Tensor(tensor)) => {
                return self.tensor(path, tensor, tensor.requires_grad(), false, expected);
            }
            (
                "tensor",
                Value::Parameter {
                    data,
                    requires_grad,
                },
            ) => {
                return self.tensor(path, data, *requires_grad, true, expected);
            }
            ("dict" | "OrderedDict", Value::Dict(dict)) => {
                let items = list(&expected["items"])?;
                if dict.is_ordered() != (kind == "OrderedDict") || dict.len() != items.len() {
                    return bug(format!("{path}: got {value}"));
                }
                for (i, item) in items.iter().enumerate() {
                    let place = match self.any_order {
                        true => dict
                            .iter()
                            .position(|(key, _)| key.as_str().ok() == item[0]["v"].as_str()),
                        false => Some(i),
                    };
                    let Some((key, value)) = place.and_then(|place| dict.iter().nth(place)) else {
                        return bug(format!("{path}: no {}", item[0]));
                    };
                    self.node(&format!("{path} key"), key, &item[0])?;
                    self.node(&format!("{path}/{key}"), value, &item[1])?;
                }
                true
            }
            ("list", Value::List(items))
            | ("tuple", Value::Tuple(items))
            | ("set", Value::Set(items)) => {
                let expected = list(&expected["items"])?;
                if items.len() != expected.len() {
                    return bug(format!("{path}: got {value}"));
                }
                for (i, (item, expected)) in items.iter().zip(expected).enumerate() {
                    self.node(&format!("{path}/{i}"), item, expected)?;
                }
                true
            }
            ("size", Value::Size(got)) => {
                let expected = list(&expected["items"])?.iter();
                let expected: Option<Vec<u64>> = expected.map(|item| item["v"].as_u64()).collect();
                expected.is_some_and(|sizes| got.iter().map(|&n| n as u64).eq(sizes))
            }
            ("int", Value::Int(got)) => {
                // What JSON cannot hold is a text.
                let large = || v.as_str().and_then(|text| text.parse().ok());
                v.as_i64().map(i128::from).or_else(large) == Some(*got)
            }
            ("float", Value::Float(got)) => number(v)?.to_bits() == got.to_bits(),
            ("str", Value::Str(got)) => v.as_str() == Some(got),
            ("bool", Value::Bool(got)) => v.as_bool() == Some(*got),
            ("none", Value::None) => true,
            ("dtype", Value::DType(got)) => text(v)?.trim_start_matches("torch.") == got,
            ("device", Value::Device(got)) => v.as_str() == Some(got),
            _ => false,
        };
        match same {
            true => Ok(()),
            false => bug(format!("{path}: got {value}, expected {kind} {v}")),
        }
    }

    fn tensor(
        &mut self,
        path: &str,
        got: &Tensor,
        requires_grad: bool,
        parameter: bool,
        expected: &Json,
    ) -> Eval<()> {
        let dtype = got.dtype().to_string();
        if dtype.trim_start_matches("torch.") != text(&expected["dtype"])? {
            return bug(format!("{path}: got {dtype}"));
        }
        let flags = (Some(requires_grad), Some(parameter));
        if (
            expected["requires_grad"].as_bool(),
            expected["parameter"].as_bool(),
        ) != flags
        {
            return bug(format!("{path}: requires_grad and parameter are {flags:?}"));
        }
        if got.shape() != sizes(&expected["shape"])? || got.strides() != sizes(&expected["stride"])?
        {
            let (shape, strides) = (got.shape(), got.strides());
            return bug(format!("{path}: got shape {shape:?}, strides {strides:?}"));
        }
        let offset = expected["offset"].as_u64().map(|n| n as usize);
        let len = expected["storage_len"].as_u64().map(|n| n as usize);
        if (Some(got.storage_offset()), Some(got.storage_len())) != (offset, len) {
            let (offset, len) = (got.storage_offset(), got.storage_len());
            return bug(format!("{path}: got offset {offset} of {len}"));
        }
        self.sharing(path, got, expected["storage"].as_i64().unwrap_or(-1))?;
        let expected = list(&expected["values"])?;
        let same = match got.dtype() {
            DType::I64 => {
                let values: Vec<Option<i64>> = expected.iter().map(Json::as_i64).collect();
                got.to_vec::<i64>()?.into_iter().map(Some).eq(values)
            }
            DType::Bool => {
                let values: Vec<Option<bool>> = expected.iter().map(Json::as_bool).collect();
                got.to_vec::<bool>()?.into_iter().map(Some).eq(values)
            }
            _ => {
                let values: Vec<f64> = expected.iter().map(number).collect::<Eval<_>>()?;
                let same =
                    |(a, b): (&f64, &f64)| a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan());
                let got = got.to_vec_f64();
                got.len() == values.len() && got.iter().zip(&values).all(same)
            }
        };
        match same {
            true => Ok(()),
            false => bug(format!("{path}: got the values {got}")),
        }
    }

    /// Equal numbers share memory, others do not. (PyTorch gives no memory to empty tensors.)
    fn sharing(&mut self, path: &str, got: &Tensor, number: i64) -> Eval<()> {
        if number < 0 {
            return Ok(());
        }
        self.alive.push(got.clone());
        let memory = got.storage_id();
        let known = *self.memory_of.entry(number).or_insert(memory) == memory;
        let back = *self.number_of.entry(memory).or_insert(number) == number;
        match known && back {
            true => Ok(()),
            false => bug(format!(
                "{path}: does not share the memory it should, or shares other"
            )),
        }
    }
}
