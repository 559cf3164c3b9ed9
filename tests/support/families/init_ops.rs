//! The ops of `init/` (init/README.md lists them).

use std::collections::HashMap;

use pleach::data::{DataLoader, Items, random_split};
use pleach::random::Generator;
use pleach::{DType, Tensor};
use serde_json::{Map, Value as Json};

use crate::support::args::Args;
use crate::support::compare;
use crate::support::data::{cases, keywords, list, numbers, python, sizes, text};
use crate::support::eval::{call, find, method};
use crate::support::init_fns;
use crate::support::module_object::{self, ModuleHandle};
use crate::support::torch_fns::seed;
use crate::support::value::{self, Eval, EvalError, Value, bug, unknown};

/// What the ops of a case share.
#[derive(Default)]
pub struct Run {
    generators: HashMap<String, Generator>,
    states: HashMap<String, Vec<u8>>,
    pub outputs: Vec<(String, Tensor)>,
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

    /// Runs an op on the generator that it names, or on the current one.
    pub fn op(&mut self, op: &Json) -> Eval<()> {
        let Some(name) = op["gen"].as_str() else {
            return self.op_here(op);
        };
        match self.generators.get(name).cloned() {
            // `generator=` is the initialiser's own argument: not all that it draws comes from
            // there (sparse_).
            Some(generator) if is_initialiser(text(&op["op"])?) => {
                self.initialise(op, Some(generator))
            }
            // So is a loader's, which reads elsewhere what it draws on the current one.
            Some(_) if op["op"] == "loader_order" => self.op_here(op),
            Some(generator) => generator.scope(|| self.op_here(op)),
            None => bug(format!("no generator {name}")),
        }
    }

    fn op_here(&mut self, op: &Json) -> Eval<()> {
        let name = text(&op["op"])?;
        match name {
            "manual_seed" => seed(&Generator::current(), integer(&op["seed"])?),
            "new_generator" => {
                self.generators
                    .insert(text(&op["name"])?.to_string(), Generator::new());
                Ok(())
            }
            "save_state" => {
                self.states.insert(
                    text(&op["name"])?.to_string(),
                    Generator::current().get_state(),
                );
                Ok(())
            }
            "restore_state" => match self.states.get(text(&op["name"])?) {
                Some(state) => Generator::current()
                    .set_state(state)
                    .map_err(EvalError::Raised),
                None => bug("no such state"),
            },
            "random_full64" => {
                let mut values = vec![0; integer(&op["n"])? as usize];
                Generator::current().fill_random_bits(&mut values);
                let n = values.len();
                self.out(op, Tensor::from_vec(values, [n])?)
            }
            "randint" | "randperm" => {
                let args = arguments(op, Vec::new(), &[])?;
                let value = torch(&format!("torch.{name}"), args)?;
                self.out_value(op, value)
            }
            "uniform_" | "normal_" | "bernoulli_" | "random_" => {
                let target = destination(op)?;
                let renamed = [("a", "from"), ("b", "to")];
                let method = method(&target, name);
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
            "dropout"
            | "dropout1d"
            | "dropout2d"
            | "dropout3d"
            | "alpha_dropout"
            | "feature_alpha_dropout" => {
                let ramp: Vec<f64> = (0..elements(op)?)
                    .map(|i| ((i % 37) as f64 - 18.0) / 8.0)
                    .collect();
                let input =
                    Tensor::from_vec(ramp, sizes(&op["shape"])?)?.to_dtype(dtype_of(op)?)?;
                let mut args = arguments(op, vec![Value::tensor(input)], &[("train", "training")])?;
                if !args.keyword.iter().any(|(name, _)| name == "training") {
                    args.keyword.push(("training".into(), Value::Bool(true)));
                }
                let value = torch(&format!("torch.nn.functional.{name}"), args)?;
                self.out_value(op, value)
            }
            "module" | "reset_parameters" => {
                let module = module(
                    text(&op["class"])?,
                    &op["args"],
                    &op["kwargs"],
                    &op["dtype"],
                )?;
                if name == "reset_parameters" {
                    module_object::call_method(&module, name, Args::default())?;
                }
                self.module(op, &module)
            }
            "sequential" => {
                let mut layers = Vec::new();
                for layer in cases(op, "modules") {
                    let class = text(&layer[0])?;
                    layers.push(Value::Module(module(
                        class,
                        &layer[1],
                        &layer[2],
                        &Json::Null,
                    )?));
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
            "loader_order" => self.loader_order(op),
            "random_split" => self.random_split(op),
            _ => self.initialise(op, None),
        }
    }

    /// The order of the elements of `range(n)` in each pass of a loader.
    fn loader_order(&mut self, op: &Json) -> Eval<()> {
        let count = |key: &str| Ok::<_, EvalError>(integer(&op[key])? as usize);
        let mut loader = DataLoader::builder(range(count("n")?))
            .batch_size(count("batch_size")?)
            .shuffle(true);
        if let Some(name) = op["gen"].as_str() {
            match self.generators.get(name) {
                Some(generator) => loader = loader.generator(generator.clone()),
                None => return bug(format!("no generator {name}")),
            }
        }
        let loader = loader.build()?;
        for epoch in 0..count("epochs")? {
            let batches = loader.iter().collect::<pleach::Result<Vec<_>>>()?;
            let order = Tensor::cat(&batches.iter().collect::<Vec<_>>(), 0)?;
            let out = format!("{}.epoch{epoch}", text(&op["out"])?);
            self.outputs.push((out, order));
        }
        Ok(())
    }

    /// The indices of each part of `range(n)`.
    fn random_split(&mut self, op: &Json) -> Eval<()> {
        let lengths = list(&op["lengths"])?;
        let elements = range(integer(&op["n"])? as usize);
        let parts = match lengths.iter().all(Json::is_u64) {
            true => random_split(elements, &sizes(&op["lengths"])?),
            false => random_split(elements, &numbers(&op["lengths"])?),
        };
        for (i, part) in parts?.iter().enumerate() {
            let indices: Vec<i64> = part.indices().iter().map(|&i| i as i64).collect();
            let indices = Tensor::from_slice(&indices, [indices.len()])?;
            let out = format!("{}.part{i}", text(&op["out"])?);
            self.outputs.push((out, indices));
        }
        Ok(())
    }

    /// A function of `torch.nn.init` on a new tensor.
    fn initialise(&mut self, op: &Json, generator: Option<Generator>) -> Eval<()> {
        let mut args = arguments(op, vec![destination(op)?], &[])?;
        if let Some(generator) = generator {
            args.keyword
                .push(("generator".into(), Value::Generator(generator)));
        }
        let value = torch(&format!("torch.nn.init.{}", text(&op["op"])?), args)?;
        self.out_value(op, value)
    }

    /// A module's parameters, then its buffers.
    fn module(&mut self, op: &Json, module: &ModuleHandle) -> Eval<()> {
        let out = text(&op["out"])?;
        for (name, parameter) in module.parameters() {
            self.outputs
                .push((format!("{out}.param:{name}"), parameter.data().detach()));
        }
        for (name, buffer) in module.buffers() {
            self.outputs
                .push((format!("{out}.buffer:{name}"), buffer.tensor()));
        }
        Ok(())
    }
}

/// Whether an op is a function of `torch.nn.init`, not a tensor's method of the same name.
fn is_initialiser(op: &str) -> bool {
    !["uniform_", "normal_", "uniform"].contains(&op) && init_fns::find(op).is_some()
}

fn range(n: usize) -> Items<i64> {
    (0..n as i64).collect()
}

/// Calls a function by its full name.
pub fn torch(path: &str, args: Args) -> Eval {
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
        .filter(|(key, _)| {
            !NOT_ARGUMENTS.contains(&key.as_str()) || (*key == "shape" && op["op"] == "randint")
        })
        .map(|(key, value)| {
            let key = if key == "shape" { "size" } else { key };
            let new = renamed
                .iter()
                .find(|(old, _)| *old == key)
                .map_or(key, |(_, new)| new);
            (new.to_string(), python(value))
        })
        .collect();
    Ok(Args {
        positional,
        keyword,
    })
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
