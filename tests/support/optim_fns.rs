//! Optimizers of `torch.optim`.

use std::cell::RefCell;
use std::rc::Rc;

use pleach::Parameter;
use pleach::optim::{GroupState, Optimizer, OptimizerState, Options, SGD, SgdGroup, StateValue};

use super::args::{Args, Bound};
use super::value::{Builtin, Dict, Eval, EvalError, Value, bug, unknown};

/// An optimizer that Python code holds.
#[derive(Clone)]
pub struct OptimizerHandle(Rc<RefCell<SGD>>);

impl OptimizerHandle {
    pub fn step(&self) -> Eval<()> {
        Ok(self.0.borrow_mut().step()?)
    }
    pub fn zero_grad(&self) {
        self.0.borrow().zero_grad();
    }
    /// The state of a parameter: names and tensors, as PyTorch's `state` has them.
    pub fn state(&self, parameter: &Parameter) -> Vec<(&'static str, pleach::Tensor)> {
        let optimizer = self.0.borrow();
        let buffer = optimizer.momentum_buffer(parameter).cloned();
        buffer.into_iter().map(|b| ("momentum_buffer", b)).collect()
    }
    /// The options of a group by their names in PyTorch.
    pub fn options(&self, group: usize) -> Vec<(&'static str, Value)> {
        let o = self.0.borrow().options(group);
        vec![
            ("lr", Value::float(o.lr)),
            ("momentum", Value::float(o.momentum)),
            ("dampening", Value::float(o.dampening)),
            ("weight_decay", Value::float(o.weight_decay)),
            ("nesterov", Value::Bool(o.nesterov)),
            ("maximize", Value::Bool(o.maximize)),
        ]
    }
}

const SGD_NAMES: [&str; 7] = [
    "params",
    "lr",
    "momentum",
    "dampening",
    "weight_decay",
    "nesterov",
    "maximize",
];

/// Classes and functions by their names in `torch`.
pub fn find(name: &str) -> Option<Builtin> {
    Some(match name {
        "optim.SGD" => |a| {
            let a = a.bind("SGD", &SGD_NAMES)?;
            let groups = groups(a.need("params")?)?;
            let mut sgd = SGD::with_groups(groups, a.opt_f64("lr")?.unwrap_or(1e-3));
            macro_rules! set {
                ($($name:ident $read:ident),*) => {$(
                    if let Some(value) = a.opt(stringify!($name)) {
                        sgd = sgd.$name(value.$read()?);
                    }
                )*};
            }
            set!(momentum as_f64, dampening as_f64, weight_decay as_f64, nesterov as_bool, maximize as_bool);
            Ok(Value::Optimizer(OptimizerHandle(Rc::new(RefCell::new(
                sgd.build()?,
            )))))
        },
        _ => return None,
    })
}

/// A list of parameters, or of dictionaries with options of their own.
fn groups(params: &Value) -> Eval<Vec<SgdGroup>> {
    let items = super::builtins::iterate(params)?;
    if !items.iter().any(|item| matches!(item, Value::Dict(_))) {
        return Ok(vec![SgdGroup::new(parameters(&items)?)]);
    }
    items
        .into_iter()
        .map(|item| {
            let Value::Dict(dict) = &item else {
                return bug("parameters beside groups");
            };
            let options = Args {
                positional: Vec::new(),
                keyword: dict.borrow().items.clone(),
            };
            group(&options.bind("SGD", &SGD_NAMES)?)
        })
        .collect()
}

fn group(a: &Bound) -> Eval<SgdGroup> {
    let mut group = SgdGroup::new(parameters(&super::builtins::iterate(a.need("params")?)?)?);
    macro_rules! set {
        ($($name:ident $read:ident),*) => {$(
            if let Some(value) = a.opt(stringify!($name)) {
                group = group.$name(value.$read()?);
            }
        )*};
    }
    set!(lr as_f64, momentum as_f64, dampening as_f64, weight_decay as_f64, nesterov as_bool, maximize as_bool);
    Ok(group)
}

/// Optimizers take parameters; a leaf tensor of Python is written as one here. One object is one
/// parameter, however often it is named.
fn parameters(items: &[Value]) -> Eval<Vec<Parameter>> {
    thread_local! {
        static TWINS: RefCell<Vec<(super::value::TensorVar, Parameter)>> = const { RefCell::new(Vec::new()) };
    }
    items
        .iter()
        .map(|item| match item {
            Value::Parameter(p) => Ok(p.share()),
            Value::Tensor(t) if t.borrow().is_leaf() => TWINS.with_borrow_mut(|twins| {
                if let Some((_, twin)) = twins.iter().find(|(known, _)| Rc::ptr_eq(known, t)) {
                    return Ok(twin.share());
                }
                let data = t.borrow().detach();
                let twin = match t.borrow().requires_grad() {
                    true => Parameter::try_new(data)?,
                    false => Parameter::frozen(data),
                };
                twins.push((t.clone(), twin.share()));
                Ok(twin)
            }),
            other => Err(EvalError::TypedOut(format!("{other:?} as a parameter"))),
        })
        .collect()
}

pub fn call_method(optimizer: &OptimizerHandle, name: &str, args: Args) -> Eval {
    match name {
        "step" => {
            args.none("step")?;
            optimizer.step()?;
            Ok(Value::None)
        }
        "zero_grad" => {
            args.none("zero_grad")?;
            optimizer.zero_grad();
            Ok(Value::None)
        }
        "state_dict" => {
            args.none("state_dict")?;
            Ok(state_value(&optimizer.0.borrow().state_dict()))
        }
        "load_state_dict" => {
            let a = args.bind("load_state_dict", &["state_dict"])?;
            let state = state_of(a.need("state_dict")?)?;
            optimizer.0.borrow_mut().load_state_dict(&state)?;
            Ok(Value::None)
        }
        _ => unknown(format!("Optimizer.{name}")),
    }
}

fn dict(items: impl IntoIterator<Item = (String, Value)>) -> Value {
    Value::dict(Dict {
        items: items.into_iter().collect(),
        is_state_dict: false,
    })
}

/// An optimizer's state as the Python dictionary that code changes.
fn state_value(state: &OptimizerState) -> Value {
    fn value(v: &StateValue) -> Value {
        match v {
            StateValue::None => Value::None,
            StateValue::Bool(v) => Value::Bool(*v),
            StateValue::Int(v) => Value::int(*v),
            StateValue::Float(v) => Value::float(*v),
            StateValue::Str(text) => Value::str(text),
            StateValue::List(values) => Value::list(values.iter().map(value).collect()),
            StateValue::Tuple(values) => Value::Tuple(values.iter().map(value).collect()),
            StateValue::Tensor(v) => Value::tensor(v.clone()),
        }
    }
    let options = |options: &Options| -> Vec<(String, Value)> {
        let options = options.iter();
        options.map(|(name, v)| (name.clone(), value(v))).collect()
    };
    let own = state.state.iter();
    let own = own.map(|(number, own)| (number.to_string(), dict(options(own))));
    let groups = state.param_groups.iter().map(|group| {
        let mut items = options(&group.options);
        let params = group.params.iter().map(|&p| Value::int(p as i64));
        items.push(("params".to_string(), Value::list(params.collect())));
        dict(items)
    });
    dict([
        ("state".to_string(), dict(own)),
        ("param_groups".to_string(), Value::list(groups.collect())),
    ])
}

/// The state that such a dictionary holds.
fn state_of(state: &Value) -> Eval<OptimizerState> {
    fn value(v: &Value) -> Eval<StateValue> {
        Ok(match v {
            Value::None => StateValue::None,
            Value::Bool(v) => StateValue::Bool(*v),
            Value::Int(_) => StateValue::Int(v.as_i64()?),
            Value::Float(_) => StateValue::Float(v.as_f64()?),
            Value::Tuple(values) => {
                StateValue::Tuple(values.iter().map(value).collect::<Eval<_>>()?)
            }
            v => StateValue::Tensor(v.as_tensor()?),
        })
    }
    fn items(v: &Value) -> Eval<Vec<(String, Value)>> {
        match v {
            Value::Dict(dict) => Ok(dict.borrow().items.clone()),
            other => bug(format!("{other:?} is no dictionary")),
        }
    }
    let part = |name| super::operators::get_item(state, &Value::str(name));
    let mut out = OptimizerState::default();
    for (number, own) in items(&part("state")?)? {
        let number = number
            .parse()
            .map_err(|_| EvalError::Bug(format!("parameter {number}")))?;
        let own = items(&own)?.into_iter();
        let own = own.map(|(n, v)| Ok((n, value(&v)?))).collect::<Eval<_>>()?;
        out.state.insert(number, own);
    }
    for group in part("param_groups")?.items()? {
        let mut saved = GroupState::default();
        for (name, v) in items(&group)? {
            if name == "params" {
                saved.params = v
                    .items()?
                    .iter()
                    .map(Value::as_usize)
                    .collect::<Eval<_>>()?;
            } else {
                saved.options.push((name, value(&v)?));
            }
        }
        out.param_groups.push(saved);
    }
    Ok(out)
}

pub fn attribute(optimizer: &OptimizerHandle, name: &str) -> Eval {
    match name {
        "step" | "zero_grad" | "state_dict" | "load_state_dict" => Ok(super::eval::method(
            &Value::Optimizer(optimizer.clone()),
            name,
        )),
        _ => unknown(format!("Optimizer.{name}")),
    }
}
