//! `nn/`: layers, losses and operations, with gradients; `module_db/` and `op_db/`, PyTorch's own
//! test databases, in the same layout.
//!
//! A case may say more than the recorded ones do (`tests/interop/compare_operations.py` does):
//! `tolerances` maps the name of a tensor to its own `[rtol, atol]`, and with `raises` PyTorch
//! refuses the call, so that pleach has to return an error. `initial` is a seed: the module that is
//! built under it has the values `init.NAME` (`tests/interop/own_cases.py`).

use std::collections::HashMap;

use pleach::random::manual_seed;
use pleach::{DType, Tensor, autograd};
use serde_json::Value as Json;

use crate::support::args::Args;
use crate::support::ast;
use crate::support::compare::{self, Tolerance};
use crate::support::data::{Family, Tensors, cases, keywords, numbers, text, texts};
use crate::support::eval::{Scope, call, find};
use crate::support::module_object::{self, ModuleHandle};
use crate::support::report::Report;
use crate::support::value::{Eval, EvalError, Value, bug, dtype, unknown};

/// Runs a family of this layout: `nn`, `module_db`, `op_db`, or a table of `tests/interop/own`.
pub fn run(name: &'static str) {
    let Some(family) = Family::open(name) else {
        return;
    };
    let mut report = Report::new(name);
    let Some(index) = family.json("index.json") else {
        return report.finish();
    };
    let mut groups: HashMap<&str, Option<Tensors>> = HashMap::new();
    for case in cases(&index, "cases") {
        let id = case["id"].as_str().unwrap_or("a case without id");
        let Some(group) = case["group"].as_str() else {
            report.case(id, || bug("no group"));
            continue;
        };
        let tensors = groups
            .entry(group)
            .or_insert_with(|| family.tensors(&format!("{group}.safetensors")));
        if let Some(tensors) = tensors {
            let file = CaseFile {
                id,
                tensors,
                tolerances: &case["tolerances"],
            };
            report.case(id, || run_case(case, &file, &index["tolerance"]));
        }
    }
    report.finish();
}

/// The tensors of one case.
struct CaseFile<'a> {
    id: &'a str,
    tensors: &'a Tensors,
    /// Tolerances of single tensors.
    tolerances: &'a Json,
}

impl CaseFile<'_> {
    fn need(&self, name: &str) -> Eval<Tensor> {
        self.tensors.need(&format!("{}/{name}", self.id)).cloned()
    }
    fn get(&self, name: &str) -> Option<Tensor> {
        self.tensors.get(&format!("{}/{name}", self.id)).cloned()
    }

    /// Compares with the tensor of a name, by its own tolerance if it has one.
    fn check(&self, what: &str, got: &Tensor, name: &str, usual: Tolerance) -> Eval<()> {
        let tolerance = match &self.tolerances[name] {
            Json::Null => usual,
            own => match numbers(own)?[..] {
                [rtol, atol] => Tolerance { rtol, atol },
                _ => return bug(format!("the tolerance of {name}: {own}")),
            },
        };
        compare::tensors(what, got, &self.need(name)?, tolerance)
    }
}

fn run_case(case: &Json, file: &CaseFile, tolerances: &Json) -> Eval<()> {
    let dtype_name = text(&case["dtype"])?;
    let Some(dtype) = dtype(dtype_name) else {
        return unknown(dtype_name);
    };
    let tolerance = match (
        &tolerances[dtype_name]["rtol"],
        &tolerances[dtype_name]["atol"],
    ) {
        (Json::Number(r), Json::Number(a)) => Tolerance {
            rtol: r.as_f64().unwrap_or(0.0),
            atol: a.as_f64().unwrap_or(0.0),
        },
        _ => return bug(format!("no tolerance for {dtype_name}")),
    };
    let grads = texts(&case["grads"])?;
    let run = forward(case, file, dtype, &grads);
    if case["raises"] == true {
        return match run {
            Ok(_) => bug("a value, where PyTorch raises"),
            Err(EvalError::Raised(_)) => Ok(()),
            Err(other) => Err(other),
        };
    }
    let Run {
        inputs,
        module,
        outputs,
    } = run?;
    check_outputs(&texts(&case["outputs"])?, &outputs, file, tolerance)?;
    backward(&texts(&case["outputs"])?, &outputs, file)?;
    check_grads(&grads, &inputs, module.as_ref(), file, tolerance)?;
    match &module {
        Some(module) => check_buffers(&texts(&case["buffers"])?, module, file, tolerance),
        None => Ok(()),
    }
}

/// What a case's code left behind.
struct Run<'a> {
    inputs: Vec<(&'a str, Tensor)>,
    module: Option<ModuleHandle>,
    outputs: Vec<Tensor>,
}

fn forward<'a>(case: &'a Json, file: &CaseFile, dtype: DType, grads: &[&str]) -> Eval<Run<'a>> {
    let statements = ast::statements(&case["ast"]).or_else(bug)?;
    let scope = Scope::default();
    let mut inputs = Vec::new();
    for name in texts(&case["inputs"])? {
        let mut input = file.need(&format!("in.{name}"))?;
        if grads.contains(&name) {
            input = input.requires_grad_(true)?;
        }
        inputs.push((name, input.clone()));
        scope.set(name, Value::tensor(input));
    }
    let seed = case["seed"]
        .as_i64()
        .ok_or(EvalError::Bug("no seed".into()))?;
    let module = match text(&case["kind"])? {
        "op" => None,
        "module" | "loss" => Some(prepare_module(case, file, dtype)?),
        other => return unknown(format!("cases of kind {other}")),
    };
    if let Some(module) = &module {
        scope.set("m", Value::Module(module.clone()));
    }
    manual_seed(seed);
    let outputs = scope.run(&statements)?.flatten_tensors()?;
    Ok(Run {
        inputs,
        module,
        outputs,
    })
}

/// Builds the module, sets its values, and runs the earlier forwards.
fn prepare_module(case: &Json, file: &CaseFile, dtype: DType) -> Eval<ModuleHandle> {
    let path = format!("torch.nn.{}", text(&case["class"])?);
    if find(&path).is_none() {
        return unknown(text(&case["class"])?);
    }
    let mut args = Args {
        positional: Vec::new(),
        keyword: keywords(&case["kwargs"]),
    };
    for name in texts(&case["tensor_kwargs"])? {
        let tensor = file.need(&format!("kw.{name}"))?;
        args.keyword.push((name.to_string(), Value::tensor(tensor)));
    }
    if let Some(seed) = case["initial"].as_i64() {
        manual_seed(seed);
    }
    let Value::Module(module) = call(&Value::Path(path), args)? else {
        return bug("the class made no module");
    };
    if case["initial"].is_i64() {
        check_initial(&module, file)?;
    }
    module_object::to_dtype(&module, dtype)?;
    let parameters = texts(&case["params"])?;
    let own = module.parameters();
    let own: Vec<&str> = own.iter().map(|(name, _)| name.as_str()).collect();
    compare::equal("parameter names", &own, &parameters)?;
    for (name, parameter) in module.parameters() {
        let value = file.need(&format!("param.{name}"))?;
        compare::equal(
            &format!("shape of {name}"),
            &parameter.shape()[..],
            value.shape(),
        )?;
        parameter.set_data(value)?;
    }
    let buffers = texts(&case["buffers"])?;
    let own = module.buffers();
    let own: Vec<&str> = own.iter().map(|(name, _)| name.as_str()).collect();
    compare::equal("buffer names", &own, &buffers)?;
    for (name, buffer) in module.buffers() {
        let value = file.need(&format!("buf.{name}"))?;
        compare::equal(
            &format!("shape of {name}"),
            &buffer.shape()[..],
            value.shape(),
        )?;
        buffer.set(value);
    }
    module_object::train(&module, true);
    for k in 0..case["warmup"].as_u64().unwrap_or(0) {
        let input = Value::tensor(file.need(&format!("warm.{k}"))?);
        module_object::call(
            &module,
            Args {
                positional: vec![input],
                keyword: Vec::new(),
            },
        )?;
    }
    match text(&case["mode"])? {
        "train" => {}
        "eval" => module_object::train(&module, false),
        other => return bug(format!("mode {other}")),
    }
    Ok(module)
}

/// The values that the constructor drew, bit for bit.
fn check_initial(module: &ModuleHandle, file: &CaseFile) -> Eval<()> {
    let parameters = module.parameters().into_iter();
    let values = parameters.map(|(name, p)| (name, p.tensor().detach()));
    let buffers = module.buffers().into_iter().map(|(n, b)| (n, b.tensor()));
    for (name, value) in values.chain(buffers) {
        let what = format!("initial {name}");
        let wanted = file.need(&format!("init.{name}"))?;
        compare::tensors(&what, &value, &wanted, Tolerance::EXACT)?;
    }
    Ok(())
}

fn check_outputs(
    names: &[&str],
    outputs: &[Tensor],
    file: &CaseFile,
    tolerance: Tolerance,
) -> Eval<()> {
    compare::equal("number of outputs", &outputs.len(), &names.len())?;
    for (name, output) in names.iter().zip(outputs) {
        file.check(name, output, &format!("out.{name}"), tolerance)?;
    }
    Ok(())
}

/// Passes the file's output gradients to `backward`. What has none must not need one.
fn backward(names: &[&str], outputs: &[Tensor], file: &CaseFile) -> Eval<()> {
    let mut with_grad = Vec::new();
    for (name, output) in names.iter().zip(outputs) {
        match file.get(&format!("gout.{name}")) {
            Some(grad) => with_grad.push((output, grad)),
            None if output.requires_grad() => {
                return bug(format!("{name} requires a gradient, PyTorch's does not"));
            }
            None => {}
        }
    }
    if with_grad.is_empty() {
        return Ok(());
    }
    let outputs: Vec<&Tensor> = with_grad.iter().map(|(o, _)| *o).collect();
    let grads: Vec<Option<&Tensor>> = with_grad.iter().map(|(_, g)| Some(g)).collect();
    Ok(autograd::backward(
        &outputs,
        &grads,
        autograd::Options::ONCE,
    )?)
}

fn check_grads(
    names: &[&str],
    inputs: &[(&str, Tensor)],
    module: Option<&ModuleHandle>,
    file: &CaseFile,
    tolerance: Tolerance,
) -> Eval<()> {
    let mut all: Vec<(String, Option<Tensor>)> = Vec::new();
    for (name, input) in inputs {
        all.push((name.to_string(), input.grad()));
    }
    for (name, parameter) in module.map(ModuleHandle::parameters).unwrap_or_default() {
        all.push((name, parameter.grad()));
    }
    let mut checked = 0;
    for (name, grad) in &all {
        match (grad, names.contains(&name.as_str())) {
            (Some(grad), true) => {
                let what = format!("gradient of {name}");
                file.check(&what, grad, &format!("grad.{name}"), tolerance)?;
                checked += 1;
            }
            (None, true) => return bug(format!("no gradient of {name}")),
            (Some(_), false) => return bug(format!("{name} has a gradient, PyTorch's has none")),
            (None, false) => {}
        }
    }
    compare::equal("number of gradients", &checked, &names.len())
}

fn check_buffers(
    names: &[&str],
    module: &ModuleHandle,
    file: &CaseFile,
    tolerance: Tolerance,
) -> Eval<()> {
    let buffers = module.buffers();
    for name in names {
        let Some((_, buffer)) = buffers.iter().find(|(n, _)| n == name) else {
            return bug(format!("no buffer {name}"));
        };
        file.check(
            &format!("{name} afterwards"),
            &buffer.tensor(),
            &format!("bufafter.{name}"),
            tolerance,
        )?;
    }
    Ok(())
}
