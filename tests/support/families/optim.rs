//! `optim/`: trajectories of optimizers, clipping, schedulers; `optim_db/`: PyTorch's own test
//! database of optimizers.

use std::rc::Rc;

use pleach::nn::layers::Linear;
use pleach::nn::utils::{self, ClipGradNorm};
use pleach::nn::{Forward, Module};
use pleach::optim::{OptimizerState, StateValue};
use pleach::{DType, Parameter, Tensor};
use serde_json::Value as Json;

use crate::support::args::Args;
use crate::support::compare::{self, Tolerance};
use crate::support::data::{Family, cases, keywords, list, number, numbers, text};
use crate::support::eval::{call, find};
use crate::support::nn_fns;
use crate::support::report::Report;
use crate::support::value::{Dict, Eval, EvalError, Value, bug, dtype, unknown};

/// Runs a family of this layout: `optim`, or `optim_db`, which has trajectories only.
pub fn run(name: &'static str) {
    let Some(family) = Family::open(name) else {
        return;
    };
    let mut report = Report::new(name);
    if let Some(file) = family.json("optim.json") {
        for (i, case) in cases(&file, "trajectories").iter().enumerate() {
            let name = case["optimizer"].as_str().unwrap_or("?");
            let id = format!(
                "trajectories[{i}] {name} {} {}",
                case["kwargs"], case["dtype"]
            );
            report.case(&id, || trajectory(case, &file));
        }
        for (i, case) in cases(&file, "clip").iter().enumerate() {
            report.case(&format!("clip[{i}]"), || clip(case));
        }
        for (i, case) in cases(&file, "schedulers").iter().enumerate() {
            let id = format!("schedulers[{i}] {}", case["code"]);
            report.case(&id, || {
                let callee = &case["ast"][0]["expr"]["call"]["attr"];
                needs(&format!("torch.optim.lr_scheduler.{}", text(callee)?))
            });
        }
    }
    report.finish();
}

/// For cases whose runner is not written yet: out of scope while the name is unknown, a failure
/// from then on.
fn needs(path: &str) -> Eval<()> {
    match find(path) {
        None => unknown(path),
        Some(_) => bug(format!("{path} exists, but its cases have no runner yet")),
    }
}

/// The net of the file: Linear, tanh, Linear, with the file's starting values.
struct Net {
    first: Linear,
    second: Linear,
    dtype: DType,
}

impl Net {
    fn new(file: &Json, dtype: DType) -> Eval<Self> {
        let dim = |name: &str| {
            let dim = file["dims"][name].as_u64();
            dim.map_or_else(|| bug(format!("no dimension {name}")), |d| Ok(d as usize))
        };
        let net = Net {
            first: Linear::new(dim("I")?, dim("H")?),
            second: Linear::new(dim("H")?, dim("O")?),
            dtype,
        };
        for (name, parameter) in ["w1", "b1", "w2", "b2"].into_iter().zip(net.parameters()) {
            let values = numbers(&file["init"][name])?;
            let shape = parameter.shape();
            parameter.set_data(Tensor::from_vec(values, shape)?.to_dtype(dtype)?)?;
        }
        Ok(net)
    }

    fn parameters(&self) -> Vec<Parameter> {
        let layers = [self.first.parameters(), self.second.parameters()];
        layers.into_iter().flatten().collect()
    }

    /// The loss of one batch.
    fn loss(&self, x: &[f64], y: &[f64], batch: usize) -> Eval<Tensor> {
        let rows = |values: &[f64]| -> Eval<Tensor> {
            let columns = values.len() / batch.max(1);
            Ok(Tensor::from_slice(values, [batch, columns])?.to_dtype(self.dtype)?)
        };
        let hidden = self.first.call(&rows(x)?)?.tanh()?;
        let output = self.second.call(&hidden)?;
        let Some(mse_loss) = nn_fns::find("mse_loss") else {
            return unknown("torch.nn.functional.mse_loss");
        };
        let args = Args {
            positional: vec![Value::tensor(output), Value::tensor(rows(y)?)],
            keyword: Vec::new(),
        };
        mse_loss(args)?.as_tensor()
    }
}

/// A parameter group as Python's dictionary.
fn group(parameters: &[Parameter], options: &Json) -> Value {
    let handles = parameters
        .iter()
        .map(|p| Value::Parameter(Rc::new(p.share())))
        .collect();
    let mut dict = Dict::default();
    dict.set("params", Value::list(handles));
    for (name, value) in keywords(options) {
        dict.set(&name, value);
    }
    Value::dict(dict)
}

/// Parameters and losses of every step; the state afterwards, the groups' options and the text.
fn trajectory(case: &Json, file: &Json) -> Eval<()> {
    const KNOWN: [&str; 11] = [
        "optimizer",
        "kwargs",
        "group2",
        "dtype",
        "frozen_first_bias",
        "steps",
        "state_after",
        "param_groups",
        "repr",
        "clip",
        "clip_arg",
    ];
    for key in case.as_object().into_iter().flat_map(|o| o.keys()) {
        if !KNOWN.contains(&key.as_str()) {
            return bug(format!("the runner does not know {key:?}"));
        }
    }
    let path = format!("torch.optim.{}", text(&case["optimizer"])?);
    let Some(dtype) = dtype(text(&case["dtype"])?) else {
        return unknown(text(&case["dtype"])?);
    };
    // The note of the file: f32 to 1e-4, f64 to 1e-9.
    let tolerance = match dtype {
        DType::F64 => Tolerance {
            rtol: 1e-9,
            atol: 1e-12,
        },
        _ => Tolerance {
            rtol: 1e-4,
            atol: 1e-6,
        },
    };
    if find(&path).is_none() {
        return unknown(path);
    }
    let net = Net::new(file, dtype)?;
    let parameters = net.parameters();
    if case["frozen_first_bias"].as_bool().unwrap_or(false) {
        parameters[1].set_requires_grad(false)?;
    }
    let groups = vec![
        group(&parameters[..2], &Json::Null),
        group(&parameters[2..], &case["group2"]),
    ];
    let args = Args {
        positional: vec![Value::list(groups)],
        keyword: keywords(&case["kwargs"]),
    };
    let Value::Optimizer(optimizer) = call(&Value::Path(path), args)? else {
        return bug("the class made no optimizer");
    };
    let batch = file["batch"]
        .as_u64()
        .ok_or(EvalError::Bug("no batch".into()))? as usize;
    let (xs, ys) = (list(&file["x"])?, list(&file["y"])?);
    for (t, expected) in list(&case["steps"])?.iter().enumerate() {
        let (Some(x), Some(y)) = (xs.get(t), ys.get(t)) else {
            return bug(format!("no batch {t}"));
        };
        optimizer.zero_grad();
        let loss = net.loss(&numbers(x)?, &numbers(y)?, batch)?;
        let what = format!("loss at step {t}");
        compare::numbers(
            &what,
            &[loss.item()?],
            &[number(&expected["loss"])?],
            tolerance,
        )?;
        loss.backward()?;
        if let Some(clip) = case["clip"].as_str() {
            let total = clip_by(clip, &parameters, number(&case["clip_arg"])?)?;
            if let (Some(total), false) = (total, expected["total_norm"].is_null()) {
                let what = format!("norm at step {t}");
                compare::numbers(
                    &what,
                    &[total],
                    &[number(&expected["total_norm"])?],
                    tolerance,
                )?;
            }
        }
        optimizer.step()?;
        compare_step(t, &parameters, list(&expected["params"])?, tolerance)?;
    }
    let state = optimizer.state_dict();
    check_state(parameters.len(), &case["state_after"], &state, tolerance)?;
    let groups = list(&case["param_groups"])?;
    compare::equal("number of groups", &state.param_groups.len(), &groups.len())?;
    for (i, (got, expected)) in state.param_groups.iter().zip(groups).enumerate() {
        let names = expected.as_object().into_iter().flat_map(|o| o.keys());
        let names: Vec<&str> = names.map(String::as_str).collect();
        let own = got.options.iter().map(|(name, _)| name.as_str());
        let own = sorted(own.chain(["params"]));
        compare::equal(&format!("the options of group {i}"), &own, &names)?;
        for (name, got) in &got.options {
            check_option(&format!("group {i}: {name}"), got, &expected[name])?;
        }
    }
    compare::equal("repr", &optimizer.repr().as_str(), &text(&case["repr"])?)
}

/// Clips as the text of a trajectory says; the norm before.
fn clip_by(how: &str, parameters: &[Parameter], arg: f64) -> Eval<Option<f64>> {
    let norm_type = match how {
        "clip_grad_value_" => {
            utils::clip_grad_value_(parameters, arg)?;
            return Ok(None);
        }
        "clip_grad_norm_" | "clip_big" => 2.0,
        "clip_grad_norm_inf" => f64::INFINITY,
        "clip_grad_norm_1" => 1.0,
        other => return unknown(other),
    };
    let options = ClipGradNorm::new(arg).norm_type(norm_type);
    Ok(Some(utils::clip_grad_norm_(parameters, options)?.item()?))
}

/// Gradients before and after `clip_grad_norm_`, in f64.
fn clip(case: &Json) -> Eval<()> {
    let exact = Tolerance {
        rtol: 1e-9,
        atol: 1e-12,
    };
    let parameters = list(&case["grads"])?.iter().map(|grad| {
        let grad = numbers(grad)?;
        let size = grad.len();
        let grad = Tensor::from_vec(grad, [size])?;
        let parameter = Parameter::new(grad.try_zeros_like()?);
        parameter.set_grad(Some(grad))?;
        Ok(parameter)
    });
    let parameters = parameters.collect::<Eval<Vec<_>>>()?;
    let options =
        ClipGradNorm::new(number(&case["max_norm"])?).norm_type(number(&case["norm_type"])?);
    let total = utils::clip_grad_norm_(&parameters, options)?.item()?;
    compare::numbers("norm", &[total], &[number(&case["total_norm"])?], exact)?;
    for (i, (p, after)) in parameters.iter().zip(list(&case["after"])?).enumerate() {
        let Some(grad) = p.grad() else {
            return bug(format!("gradient {i} is gone"));
        };
        compare::numbers(
            &format!("gradient {i}"),
            &grad.to_vec_f64(),
            &numbers(after)?,
            exact,
        )?;
    }
    Ok(())
}

fn compare_step(
    t: usize,
    parameters: &[Parameter],
    expected: &[Json],
    tolerance: Tolerance,
) -> Eval<()> {
    compare::equal("number of parameters", &parameters.len(), &expected.len())?;
    for (i, (p, e)) in parameters.iter().zip(expected).enumerate() {
        let what = format!("parameter {i} after step {t}");
        compare::numbers(&what, &p.data().to_vec_f64(), &numbers(e)?, tolerance)?;
    }
    Ok(())
}

/// The optimizer's state of each parameter, which PyTorch numbers across groups.
fn check_state(
    parameters: usize,
    expected: &Json,
    state: &OptimizerState,
    tolerance: Tolerance,
) -> Eval<()> {
    for i in 0..parameters {
        let expected = &expected[i.to_string()];
        let nothing = Vec::new();
        let got = state.state.get(&i).unwrap_or(&nothing);
        // PyTorch keeps a name with None where there was nothing to keep.
        let wanted = expected
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(_, v)| !v.is_null());
        let wanted: Vec<&str> = wanted.map(|(name, _)| name.as_str()).collect();
        let names = sorted(got.iter().map(|(name, _)| name.as_str()));
        compare::equal(&format!("state of parameter {i}"), &names, &wanted)?;
        for (name, value) in got {
            let what = format!("{name} of parameter {i}");
            let StateValue::Tensor(tensor) = value else {
                return bug(format!("{what} is {value}"));
            };
            let expected = match &expected[name] {
                values @ Json::Array(_) => numbers(values)?,
                value => vec![number(value)?],
            };
            compare::numbers(&what, &tensor.to_vec_f64(), &expected, tolerance)?;
        }
    }
    Ok(())
}

/// The order of a dictionary is lost when JSON is read.
fn sorted<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut names: Vec<&str> = names.collect();
    names.sort_unstable();
    names
}

fn check_option(what: &str, got: &StateValue, expected: &Json) -> Eval<()> {
    let expected = match expected {
        Json::Null => "None".to_string(),
        Json::Bool(true) => "True".to_string(),
        Json::Bool(false) => "False".to_string(),
        Json::Array(_) => {
            let StateValue::Tuple(got) = got else {
                return bug(format!("{what} is {got}"));
            };
            let got: Option<Vec<f64>> = got.iter().map(StateValue::number).collect();
            return compare::equal(what, &got, &Some(numbers(expected)?));
        }
        expected => return compare::equal(what, &got.number(), &Some(number(expected)?)),
    };
    compare::equal(what, &got.to_string(), &expected)
}
