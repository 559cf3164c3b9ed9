//! Optimizers of `torch.optim`.

use std::cell::RefCell;
use std::rc::Rc;

use pleach::Parameter;
use pleach::optim::{
    Adam, AdamGroup, AdamW, AdamWGroup, GroupState, Optimizer, OptimizerState, Options, SGD,
    SgdGroup, StateValue,
};

use super::args::Args;
use super::value::{Builtin, Dict, Eval, EvalError, Value, bug, unknown};

/// An optimizer that Python code holds.
#[derive(Clone)]
pub struct OptimizerHandle(Rc<RefCell<dyn Optimizer>>);

impl OptimizerHandle {
    pub fn step(&self) -> Eval<()> {
        Ok(self.0.borrow_mut().step()?)
    }
    pub fn zero_grad(&self) {
        self.0.borrow().zero_grad();
    }
    pub fn state_dict(&self) -> OptimizerState {
        self.0.borrow().state_dict()
    }
    pub fn repr(&self) -> String {
        self.0.borrow().to_string()
    }
}

/// A class of optimizers: the names of its arguments in PyTorch, of which those after the star are
/// about how PyTorch computes.
macro_rules! class {
    ($optimizer:ident, $group:ident, $args:ident, [$($option:ident: $read:ident),*]) => {{
        const NAMES: &[&str] = &["params", $(stringify!($option)),*];
        let a = $args.bind(stringify!($optimizer), NAMES)?;
        let mut groups = Vec::new();
        for (members, options) in groups_of(a.need("params")?)? {
            let a = options.bind(stringify!($optimizer), NAMES)?;
            let mut group = $group::new(members);
            $(if let Some(value) = a.opt(stringify!($option)) {
                group = group.$option($read(value)?);
            })*
            groups.push(group);
        }
        let mut builder = $optimizer::with_groups(groups);
        $(if let Some(value) = a.opt(stringify!($option)) {
            builder = builder.$option($read(value)?);
        })*
        let optimizer = Rc::new(RefCell::new(builder.build()?));
        Ok(Value::Optimizer(OptimizerHandle(optimizer)))
    }};
}

fn number(value: &Value) -> Eval<f64> {
    value.as_f64()
}

fn flag(value: &Value) -> Eval<bool> {
    value.as_bool()
}

fn pair(value: &Value) -> Eval<(f64, f64)> {
    match &value.items()?[..] {
        [a, b] => Ok((a.as_f64()?, b.as_f64()?)),
        other => bug(format!("{other:?} as two numbers")),
    }
}

/// Classes and functions by their names in `torch`.
pub fn find(name: &str) -> Option<Builtin> {
    Some(match name {
        "optim.SGD" => |a| {
            class!(SGD, SgdGroup, a, [
                lr: number, momentum: number, dampening: number, weight_decay: number,
                nesterov: flag, maximize: flag
            ])
        },
        "optim.Adam" => |a| {
            class!(Adam, AdamGroup, a, [
                lr: number, betas: pair, eps: number, weight_decay: number, amsgrad: flag,
                maximize: flag
            ])
        },
        "optim.AdamW" => |a| {
            class!(AdamW, AdamWGroup, a, [
                lr: number, betas: pair, eps: number, weight_decay: number, amsgrad: flag,
                maximize: flag
            ])
        },
        _ => return None,
    })
}

/// The groups of a list of parameters, or of dictionaries with options of their own.
fn groups_of(params: &Value) -> Eval<Vec<(Vec<Parameter>, Args)>> {
    let items = super::builtins::iterate(params)?;
    if !items.iter().any(|item| matches!(item, Value::Dict(_))) {
        return Ok(vec![(parameters(&items)?, Args::default())]);
    }
    let groups = items.into_iter().map(|item| {
        let Value::Dict(dict) = &item else {
            return bug("parameters beside groups");
        };
        let mut options = Args::default();
        let mut members = Vec::new();
        for (name, value) in &dict.borrow().items {
            match name.as_str() {
                "params" => members = parameters(&super::builtins::iterate(value)?)?,
                _ => options.keyword.push((name.clone(), value.clone())),
            }
        }
        Ok((members, options))
    });
    groups.collect()
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
            Ok(state_value(&optimizer.state_dict()))
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
