//! `init/`: initialisers and generators, bit for bit.

use std::collections::{BTreeSet, HashMap};

use half::{bf16, f16};
use pleach::random::Generator;
use pleach::{DType, Element, Tensor, init};
use serde_json::{Map, Value as Json};
use sha2::{Digest, Sha256};

use crate::support::args::Args;
use crate::support::compare;
use crate::support::data::{
    Family, Tensors, cases, keywords, number, python, sizes, text, to_bytes,
};
use crate::support::eval::{call, find};
use crate::support::init_fns;
use crate::support::nn_classes::{self, ModuleHandle};
use crate::support::report::Report;
use crate::support::torch_fns::{random_range, seed};
use crate::support::value::{self, Eval, EvalError, Value, bug, unknown};

pub fn run() {
    let Some(family) = Family::open("init") else {
        return;
    };
    let mut report = Report::new("init");
    if let Some(index) = family.json("index.json") {
        for listed in cases(&index, "families") {
            run_family(&family, listed, &mut report);
        }
    }
    if let Some(file) = family.json("gains.json") {
        for case in cases(&file, "gains") {
            let id = format!("gains: {} {}", case["nonlinearity"], case["param"]);
            report.case(&id, || gain(case));
        }
        for case in cases(&file, "fans") {
            report.case(&format!("fans: {}", case["shape"]), || fans(case));
        }
    }
    if let Some(file) = family.json("errors.json") {
        for case in cases(&file, "entries") {
            let id = format!("errors: {}", case["call"]);
            report.case(&id, || super::init_errors::run(case));
        }
    }
    if let Some(file) = family.json("boxmuller_f32.json") {
        super::init_errors::box_muller(&file, &mut report);
    }
    report.finish();
}

fn run_family(family: &Family, listed: &Json, report: &mut Report) {
    let Some(name) = listed["json"].as_str() else {
        return report.case("index.json", || bug("a family without a file"));
    };
    let Some(file) = family.json(name) else {
        return;
    };
    let tensors = file["tensors"].as_str().and_then(|name| family.tensors(name));
    let all = cases(&file, "cases");
    if listed["cases"].as_u64() != Some(all.len() as u64) {
        report.case(name, || bug(format!("{} cases, index.json says {}", all.len(), listed["cases"])));
    }
    for case in all {
        let id = case["id"].as_str().unwrap_or("a case without id");
        report.case(id, || run_case(case, tensors.as_ref()));
    }
}

/// What the ops of a case share.
#[derive(Default)]
struct Run {
    generators: HashMap<String, Generator>,
    states: HashMap<String, Vec<u8>>,
    outputs: Vec<(String, Tensor)>,
}

fn run_case(case: &Json, tensors: Option<&Tensors>) -> Eval<()> {
    let mut run = Run::default();
    for op in cases(case, "ops") {
        match op["gen"].as_str() {
            None => run.op(op)?,
            Some(name) => match run.generators.get(name).cloned() {
                // `generator=` is the initialiser's own argument: not all that it draws comes
                // from there (sparse_).
                Some(generator) if is_initialiser(text(&op["op"])?) => {
                    run.initialise(op, Some(generator))?;
                }
                Some(generator) => generator.scope(|| run.op(op))?,
                None => return bug(format!("no generator {name}")),
            },
        }
    }
    let Some(expected) = case["outputs"].as_object() else {
        return bug("no outputs");
    };
    let wanted: BTreeSet<&str> = expected.keys().map(String::as_str).collect();
    let made: BTreeSet<&str> = run.outputs.iter().map(|(name, _)| name.as_str()).collect();
    compare::equal("names of the outputs", &made, &wanted)?;
    for (name, output) in &run.outputs {
        match &case["compare"]["outputs"][name]["atol_over_gain"] {
            Json::Null => bits(name, output, &expected[name], tensors)?,
            tolerance => {
                let gain = cases(case, "ops").iter().find(|op| op["out"] == name.as_str());
                let gain = gain.and_then(|op| op["gain"].as_f64()).unwrap_or(1.0);
                let tolerance = compare::Tolerance { rtol: 0.0, atol: number(tolerance)? * gain };
                let stored = stored(name, &expected[name], tensors)?;
                compare::tensors(name, output, stored, tolerance)?;
            }
        }
    }
    Ok(())
}

fn stored<'a>(name: &str, expected: &Json, tensors: Option<&'a Tensors>) -> Eval<&'a Tensor> {
    match (expected["key"].as_str(), tensors) {
        (Some(key), Some(tensors)) => tensors.need(key),
        _ => bug(format!("{name} is not stored")),
    }
}

/// Dtype, shape, the stored bits or those of both ends, and the hash of all bytes.
fn bits(name: &str, got: &Tensor, expected: &Json, tensors: Option<&Tensors>) -> Eval<()> {
    let wanted = text(&expected["dtype"])?;
    match value::dtype(wanted) {
        Some(dtype) => compare::equal(&format!("dtype of {name}"), &got.dtype(), &dtype)?,
        None => return unknown(wanted),
    }
    compare::equal(&format!("shape of {name}"), got.shape(), &sizes(&expected["shape"])?[..])?;
    let bytes = to_bytes(got)?;
    let size = got.dtype().size_of();
    let elements: Vec<String> = bytes.chunks_exact(size).map(hex).collect();
    if expected.get("key").is_some() {
        let stored = to_bytes(stored(name, expected, tensors)?)?;
        let stored: Vec<String> = stored.chunks_exact(size).map(hex).collect();
        same_bits(name, 0, &elements, &stored)?;
    }
    let ends = |key: &str| expected.get(key).map(crate::support::data::texts).transpose();
    if let Some(head) = ends("head_bits")? {
        same_bits(name, 0, &elements[..head.len().min(elements.len())], &head)?;
    }
    if let Some(tail) = ends("tail_bits")? {
        let start = elements.len().saturating_sub(tail.len());
        same_bits(name, start, &elements[start..], &tail)?;
    }
    let sum: String = Sha256::digest(&bytes).iter().map(|b| format!("{b:02x}")).collect();
    compare::equal(&format!("sha256 of {name}"), sum.as_str(), text(&expected["sha256"])?)
}

/// The bits of a little-endian element: `0x3f800000`.
pub fn hex(element: &[u8]) -> String {
    let digits: String = element.iter().rev().map(|b| format!("{b:02x}")).collect();
    format!("0x{digits}")
}

fn same_bits(name: &str, start: usize, got: &[String], expected: &[impl AsRef<str>]) -> Eval<()> {
    compare::equal(&format!("number of elements of {name}"), &got.len(), &expected.len())?;
    for (i, (g, e)) in got.iter().zip(expected).enumerate() {
        compare::equal(&format!("bits of {name}[{}]", start + i), g.as_str(), e.as_ref())?;
    }
    Ok(())
}

/// A json integer, also one above i64's range.
fn integer(json: &Json) -> Eval<i128> {
    match (json.as_i64(), json.as_u64()) {
        (Some(small), _) => Ok(small.into()),
        (_, Some(large)) => Ok(large.into()),
        _ => bug(format!("not an integer: {json}")),
    }
}

impl Run {
    fn out(&mut self, op: &Json, tensor: Tensor) -> Eval<()> {
        self.outputs.push((text(&op["out"])?.to_string(), tensor));
        Ok(())
    }

    fn out_value(&mut self, op: &Json, value: Value) -> Eval<()> {
        self.out(op, value.as_tensor()?)
    }

    fn op(&mut self, op: &Json) -> Eval<()> {
        let name = text(&op["op"])?;
        match name {
            "manual_seed" => seed(&Generator::current(), integer(&op["seed"])?),
            "new_generator" => {
                self.generators.insert(text(&op["name"])?.to_string(), Generator::new());
                Ok(())
            }
            "save_state" => {
                self.states.insert(text(&op["name"])?.to_string(), Generator::current().get_state());
                Ok(())
            }
            "restore_state" => match self.states.get(text(&op["name"])?) {
                Some(state) => Generator::current().set_state(state).map_err(EvalError::Raised),
                None => bug("no such state"),
            },
            "random_full64" => {
                let mut values = vec![0; integer(&op["n"])? as usize];
                Generator::current().fill_random_bits(&mut values);
                let n = values.len();
                self.out(op, Tensor::from_vec(values, [n])?)
            }
            "random_" => {
                let tensor = random(op, dtype_of(op)?)?;
                self.out(op, tensor)
            }
            "randint" | "randperm" => {
                let args = arguments(op, Vec::new(), &[])?;
                let value = torch(&format!("torch.{name}"), args)?;
                self.out_value(op, value)
            }
            "uniform_" | "normal_" | "bernoulli_" => {
                let target = destination(op)?;
                let renamed = [("a", "from"), ("b", "to")];
                let method = crate::support::eval::method(&target, name);
                let value = call(&method, arguments(op, Vec::new(), &renamed)?)?;
                self.out_value(op, value)
            }
            "bernoulli_tensor_p" => {
                let p: Vec<f64> = (0..elements(op)?).map(|i| (i % 11) as f64 / 10.0).collect();
                let p_type = value::dtype(text(&op["p_dtype"])?);
                let Some(p_type) = p_type else {
                    return unknown(&op["p_dtype"]);
                };
                let p = Tensor::from_vec(p, sizes(&op["shape"])?)?.to_dtype(p_type)?;
                let args = Args {
                    positional: vec![Value::tensor(p)],
                    keyword: Vec::new(),
                };
                let value = torch("torch.bernoulli", args)?;
                self.out_value(op, value)
            }
            "dropout" | "dropout1d" | "dropout2d" | "dropout3d" | "alpha_dropout"
            | "feature_alpha_dropout" => {
                let ramp: Vec<f64> =
                    (0..elements(op)?).map(|i| ((i % 37) as f64 - 18.0) / 8.0).collect();
                let input = Tensor::from_vec(ramp, sizes(&op["shape"])?)?.to_dtype(dtype_of(op)?)?;
                let mut args = arguments(op, vec![Value::tensor(input)], &[("train", "training")])?;
                if !args.keyword.iter().any(|(name, _)| name == "training") {
                    args.keyword.push(("training".into(), Value::Bool(true)));
                }
                let value = torch(&format!("torch.nn.functional.{name}"), args)?;
                self.out_value(op, value)
            }
            "module" | "reset_parameters" => {
                let module = module(text(&op["class"])?, &op["args"], &op["kwargs"], &op["dtype"])?;
                if name == "reset_parameters" {
                    nn_classes::call_method(&module, name, Args::default())?;
                }
                self.module(op, &module)
            }
            "sequential" => {
                let mut layers = Vec::new();
                for layer in cases(op, "modules") {
                    let class = text(&layer[0])?;
                    layers.push(Value::Module(module(class, &layer[1], &layer[2], &Json::Null)?));
                }
                let args = Args {
                    positional: layers,
                    keyword: Vec::new(),
                };
                match torch("torch.nn.Sequential", args)? {
                    Value::Module(net) => self.module(op, &net),
                    _ => bug("Sequential made no module"),
                }
            }
            "torchvision" => {
                let path = format!("torchvision.models.{}", text(&op["model"])?);
                let args = Args {
                    positional: Vec::new(),
                    keyword: keywords(&op["kwargs"]),
                };
                match torch(&path, args)? {
                    Value::Module(net) => self.module(op, &net),
                    _ => bug("the model is no module"),
                }
            }
            // Ops without a runner are known by the name of what PyTorch does there.
            "transformer_encoder" => unknown("torch.nn.TransformerEncoder"),
            "loader_order" => unknown("torch.utils.data.DataLoader"),
            "random_split" => unknown("torch.utils.data.random_split"),
            _ => self.initialise(op, None),
        }
    }

    /// A function of `torch.nn.init` on a new tensor.
    fn initialise(&mut self, op: &Json, generator: Option<Generator>) -> Eval<()> {
        let mut args = arguments(op, vec![destination(op)?], &[])?;
        if let Some(generator) = generator {
            args.keyword.push(("generator".into(), Value::Generator(generator)));
        }
        let value = torch(&format!("torch.nn.init.{}", text(&op["op"])?), args)?;
        self.out_value(op, value)
    }

    /// A module's parameters, then its buffers.
    fn module(&mut self, op: &Json, module: &ModuleHandle) -> Eval<()> {
        let out = text(&op["out"])?;
        for (name, parameter) in module.parameters() {
            self.outputs.push((format!("{out}.param:{name}"), parameter.data().detach()));
        }
        for (name, buffer) in module.buffers() {
            self.outputs.push((format!("{out}.buffer:{name}"), buffer.tensor()));
        }
        Ok(())
    }
}

/// Whether an op is a function of `torch.nn.init`, not a tensor's method of the same name.
fn is_initialiser(op: &str) -> bool {
    !["uniform_", "normal_"].contains(&op) && init_fns::find(op).is_some()
}

/// Calls a function by its full name.
fn torch(path: &str, args: Args) -> Eval {
    match find(path) {
        Some(function) => function(args),
        None => unknown(path),
    }
}

fn module(class: &str, args: &Json, kwargs: &Json, dtype: &Json) -> Eval<ModuleHandle> {
    let mut all = Args {
        positional: args.as_array().into_iter().flatten().map(python).collect(),
        keyword: keywords(kwargs),
    };
    if let Some(name) = dtype.as_str() {
        match value::dtype(name) {
            Some(dtype) => all.keyword.push(("dtype".into(), Value::DType(dtype))),
            None => return unknown(name),
        }
    }
    match torch(&format!("torch.nn.{class}"), all)? {
        Value::Module(module) => Ok(module),
        other => bug(format!("{class} made {other:?}")),
    }
}

/// An op's own arguments as keywords, some under another name.
fn arguments(op: &Json, positional: Vec<Value>, renamed: &[(&str, &str)]) -> Eval<Args> {
    const NOT_ARGUMENTS: [&str; 6] = ["op", "out", "gen", "layout", "dtype", "shape"];
    let empty = Map::new();
    let keyword = op
        .as_object()
        .unwrap_or(&empty)
        .iter()
        // Only randint takes its shape as an argument; elsewhere it is the tensor's.
        .filter(|(key, _)| !NOT_ARGUMENTS.contains(&key.as_str()) || (*key == "shape" && op["op"] == "randint"))
        .map(|(key, value)| {
            let key = if key == "shape" { "size" } else { key };
            let new = renamed.iter().find(|(old, _)| *old == key).map_or(key, |(_, new)| new);
            (new.to_string(), python(value))
        })
        .collect();
    Ok(Args { positional, keyword })
}

fn dtype_of(op: &Json) -> Eval<DType> {
    let name = op["dtype"].as_str().unwrap_or("f32");
    value::dtype(name).map_or_else(|| unknown(name), Ok)
}

fn elements(op: &Json) -> Eval<usize> {
    Ok(sizes(&op["shape"])?.iter().product())
}

/// A tensor of an op's shape and dtype, laid out as it says.
fn destination(op: &Json) -> Eval {
    let (shape, dtype) = (sizes(&op["shape"])?, dtype_of(op)?);
    let zeros = |shape: &[usize]| Tensor::zeros_of(shape, dtype);
    let rank = shape.len();
    let doubled = |d: usize| -> Eval<Tensor> {
        let mut larger = shape.clone();
        larger[d] *= 2;
        Ok(zeros(&larger).slice_dim(d as i64, None, None, 2)?)
    };
    let tensor = match op["layout"].as_str() {
        None => zeros(&shape),
        Some("t") => {
            let reversed: Vec<usize> = shape.iter().rev().copied().collect();
            zeros(&reversed).permute((0..rank as i64).rev().collect::<Vec<_>>())?
        }
        Some("permute_last_first") => match shape[..] {
            [a, b, c] => zeros(&[b, c, a]).permute([2, 0, 1])?,
            _ => return bug("permute_last_first of another rank"),
        },
        Some("channels_last") => match shape[..] {
            [n, c, h, w] => zeros(&[n, h, w, c]).permute([0, 3, 1, 2])?,
            _ => return bug("channels_last of another rank"),
        },
        Some("step2_last") if rank > 0 => doubled(rank - 1)?,
        Some("step2_first") if rank > 0 => doubled(0)?,
        Some("narrow_first") if rank > 0 => {
            let mut larger = shape.clone();
            larger[0] += 1;
            zeros(&larger).narrow(0, 1, shape[0])?
        }
        Some(other) => return bug(format!("layout {other}")),
    };
    compare::equal("shape of the destination", tensor.shape(), &shape[..])?;
    Ok(Value::tensor(tensor))
}

/// `empty(shape, dtype).random_()`, or with bounds.
fn random(op: &Json, dtype: DType) -> Eval<Tensor> {
    let shape = sizes(&op["shape"])?;
    let bounds = match (&op["from"], &op["to"]) {
        (Json::Null, Json::Null) => None,
        (from, to) => Some((integer(from)? as i64, integer(to)? as i64)),
    };
    fn fill<T: Element>(shape: &[usize], bounds: Option<(i64, i64)>) -> Eval<Tensor> {
        if let Some((from, to)) = bounds {
            return random_range::<T>(shape, from, to);
        }
        let mut values = vec![T::default(); shape.iter().product()];
        Generator::current().fill_random(&mut values);
        Ok(Tensor::from_vec(values, shape)?)
    }
    match dtype {
        DType::F32 => fill::<f32>(&shape, bounds),
        DType::F64 => fill::<f64>(&shape, bounds),
        DType::F16 => fill::<f16>(&shape, bounds),
        DType::BF16 => fill::<bf16>(&shape, bounds),
        DType::I64 => fill::<i64>(&shape, bounds),
        DType::I32 => fill::<i32>(&shape, bounds),
        DType::I16 => fill::<i16>(&shape, bounds),
        DType::I8 => fill::<i8>(&shape, bounds),
        DType::U8 => fill::<u8>(&shape, bounds),
        DType::Bool => fill::<bool>(&shape, bounds),
    }
}

fn gain(case: &Json) -> Eval<()> {
    let args = Args {
        positional: vec![python(&case["nonlinearity"]), python(&case["param"])],
        keyword: Vec::new(),
    };
    let got = torch("torch.nn.init.calculate_gain", args)?.as_f64()?;
    compare::equal("bits of the gain", hex(&got.to_le_bytes()).as_str(), text(&case["bits"])?)
}

fn fans(case: &Json) -> Eval<()> {
    let (fan_in, fan_out) = init::calculate_fan_in_and_fan_out(&sizes(&case["shape"])?)?;
    compare::equal("fan_in", &(fan_in as u64), &case["fan_in"].as_u64().unwrap_or(u64::MAX))?;
    compare::equal("fan_out", &(fan_out as u64), &case["fan_out"].as_u64().unwrap_or(u64::MAX))
}
