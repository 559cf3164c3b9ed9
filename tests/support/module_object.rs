//! Modules as Python objects: calls, methods, attributes, items.

use std::cell::RefCell;
use std::rc::Rc;

use pleach::nn::layers::{BatchNorm2d, Conv2d, Linear};
use pleach::nn::{Forward, Listing, Member, Module, ModuleExt, ModuleList, Sequential, StateDict};
use pleach::{Buffer, DType, Parameter};

use super::args::Args;
use super::utils_fns;
use super::value::{Dict, Eval, EvalError, Value, bug, unknown};

/// What a class makes: a layer, a module that is only part of the tree, or one whose call is its
/// own affair (a loss).
enum Held {
    Layer(Box<dyn Forward>),
    Tree(Box<dyn Module>),
}

/// How a module is called that takes something else than one tensor.
pub type Caller = fn(&dyn Module, Args) -> Eval;

/// A module that Python code holds. Clones are one Python object.
#[derive(Clone)]
pub struct ModuleHandle {
    held: Rc<RefCell<Held>>,
    caller: Option<Caller>,
}

impl ModuleHandle {
    fn new(held: Held, caller: Option<Caller>) -> Self {
        ModuleHandle {
            held: Rc::new(RefCell::new(held)),
            caller,
        }
    }

    pub fn layer(layer: impl Forward) -> Eval {
        Ok(Value::Module(Self::new(Held::Layer(Box::new(layer)), None)))
    }

    pub fn tree(module: impl Module) -> Eval {
        Ok(Value::Module(Self::new(Held::Tree(Box::new(module)), None)))
    }

    /// A layer that also takes more than one tensor.
    pub fn layer_with_caller(layer: impl Forward, caller: Caller) -> Eval {
        let held = Held::Layer(Box::new(layer));
        Ok(Value::Module(Self::new(held, Some(caller))))
    }

    pub fn with_caller(module: impl Module, caller: Caller) -> Eval {
        let held = Held::Tree(Box::new(module));
        Ok(Value::Module(Self::new(held, Some(caller))))
    }

    /// Reads the module.
    pub fn read<R>(&self, f: impl FnOnce(&dyn Module) -> R) -> R {
        match &*self.held.borrow() {
            Held::Layer(layer) => f(layer.as_module()),
            Held::Tree(module) => f(module.as_module()),
        }
    }

    /// Changes the module's structure, as `apply` may.
    pub fn change<R>(&self, f: impl FnOnce(&mut dyn Module) -> R) -> R {
        match &mut *self.held.borrow_mut() {
            Held::Layer(layer) => f(layer.as_module_mut()),
            Held::Tree(module) => f(module.as_module_mut()),
        }
    }

    pub fn parameters(&self) -> Vec<(String, Parameter)> {
        self.read(|m| m.named_parameters())
    }

    pub fn buffers(&self) -> Vec<(String, Buffer)> {
        self.read(|m| m.named_buffers())
    }

    /// An alias, to be put into a container.
    pub fn share_layer(&self) -> Eval<Box<dyn Forward>> {
        match &*self.held.borrow() {
            Held::Layer(layer) => Ok(layer.share_forward()),
            Held::Tree(_) => bug("this module has no forward"),
        }
    }

    pub fn share_module(&self) -> Box<dyn Module> {
        match &*self.held.borrow() {
            Held::Layer(layer) => layer.share_module(),
            Held::Tree(module) => module.share_module(),
        }
    }
}

pub fn to_dtype(module: &ModuleHandle, dtype: DType) -> Eval<()> {
    Ok(module.read(|m| m.to_dtype(dtype))?)
}

pub fn train(module: &ModuleHandle, on: bool) {
    module.read(|m| m.set_training(on));
}

/// `module(..)`.
pub fn call(module: &ModuleHandle, args: Args) -> Eval {
    if let Some(caller) = module.caller {
        return module.read(|m| caller(m, args));
    }
    let input = args.bind("forward", &["input"])?.tensor("input")?;
    match &*module.held.borrow() {
        Held::Layer(layer) => Ok(Value::tensor(layer.call(&input)?)),
        Held::Tree(module) => bug(format!("{} has no forward", module.type_name())),
    }
}

pub fn call_method(module: &ModuleHandle, name: &str, args: Args) -> Eval {
    let this = || Ok(Value::Module(module.clone()));
    match name {
        "parameters" => {
            args.none("parameters")?;
            Ok(Value::list(
                module
                    .parameters()
                    .into_iter()
                    .map(|(_, p)| Value::Parameter(Rc::new(p)))
                    .collect(),
            ))
        }
        "state_dict" => {
            args.none("state_dict")?;
            Ok(Value::dict(dict_of(&module.read(|m| m.state_dict()))))
        }
        "load_state_dict" => {
            let a = args.bind("load_state_dict", &["state_dict", "strict"])?;
            let Value::Dict(dict) = a.need("state_dict")? else {
                return bug("load_state_dict of no dictionary");
            };
            let state = state_dict(&dict.borrow(), module)?;
            let keys = module.read(|m| {
                m.load_state_dict(&state, a.bool_or("strict", true)?)
                    .map_err(EvalError::from)
            })?;
            Ok(Value::Str(keys.to_string()))
        }
        "train" => {
            train(
                module,
                args.bind("train", &["mode"])?.bool_or("mode", true)?,
            );
            this()
        }
        "eval" => {
            args.none("eval")?;
            train(module, false);
            this()
        }
        "double" | "float" | "half" => {
            args.none(name)?;
            to_dtype(
                module,
                super::value::dtype(name).expect("three names of dtypes"),
            )?;
            this()
        }
        "requires_grad_" => {
            let on = args
                .bind("requires_grad_", &["requires_grad"])?
                .bool_or("requires_grad", true)?;
            module.read(|m| m.requires_grad_(on));
            this()
        }
        "zero_grad" => {
            args.none("zero_grad")?;
            module.read(|m| m.zero_grad());
            Ok(Value::None)
        }
        "reset_parameters" => {
            args.none("reset_parameters")?;
            module.read(|m| {
                if let Some(layer) = m.downcast_ref::<Linear>() {
                    Ok(layer.reset_parameters()?)
                } else if let Some(layer) = m.downcast_ref::<Conv2d>() {
                    Ok(layer.reset_parameters()?)
                } else if let Some(layer) = m.downcast_ref::<BatchNorm2d>() {
                    Ok(layer.reset_parameters()?)
                } else {
                    unknown(format!("{}.reset_parameters", m.type_name()))
                }
            })?;
            Ok(Value::None)
        }
        "get_submodule" => {
            let a = args.bind("get_submodule", &["target"])?;
            let path = a.need("target")?.as_str()?;
            module.read(|m| Ok(held(m.get_module(path)?)))
        }
        "get_parameter" => {
            let a = args.bind("get_parameter", &["target"])?;
            let path = a.need("target")?.as_str()?;
            let found = module.read(|m| m.get_parameter(path))?;
            Ok(Value::Parameter(Rc::new(found)))
        }
        _ => module
            .read(|m| super::loss_classes::method(m, name, args))
            .unwrap_or_else(|| unknown(format!("Module.{name}"))),
    }
}

/// A module found in a tree, as an object of its own.
fn held(module: &dyn Module) -> Value {
    Value::Module(ModuleHandle::new(Held::Tree(module.share_module()), None))
}

fn held_layer(layer: &dyn Forward) -> Value {
    Value::Module(ModuleHandle::new(Held::Layer(layer.share_forward()), None))
}

/// A state dict as the Python dictionary that code changes.
pub fn dict_of(state: &StateDict) -> Dict {
    let entries = state.iter();
    Dict {
        items: entries
            .map(|(k, t)| (k.to_string(), Value::tensor(t.clone())))
            .collect(),
        is_state_dict: true,
    }
}

/// A Python dictionary as a state dict for a module. One that is no longer what `state_dict()`
/// gave has no metadata.
fn state_dict(dict: &Dict, module: &ModuleHandle) -> Eval<StateDict> {
    let mut state = StateDict::new();
    for (name, value) in &dict.items {
        if !value.is_tensor() {
            return Err(EvalError::TypedOut(format!(
                "a {} in a state dict",
                value.kind()
            )));
        }
        state.insert(name.clone(), value.as_tensor()?);
    }
    if dict.is_state_dict {
        state.set_versions(module.read(|m| m.state_dict().versions().cloned()));
    }
    Ok(state)
}

/// A parameter, buffer or child by its name; anything else is left to methods.
pub fn attribute(module: &ModuleHandle, name: &str) -> Eval {
    const METHODS: [&str; 15] = [
        "parameters",
        "state_dict",
        "load_state_dict",
        "train",
        "eval",
        "double",
        "float",
        "half",
        "requires_grad_",
        "zero_grad",
        "get_submodule",
        "get_parameter",
        "reset_parameters",
        "log_prob",
        "predict",
    ];
    let found = module.read(|m| member(m, name));
    match found {
        Some(value) => Ok(value),
        None if METHODS.contains(&name) => {
            Ok(super::eval::method(&Value::Module(module.clone()), name))
        }
        None => unknown(format!("Module.{name}")),
    }
}

/// A parameter, buffer or child of the module itself, or the field of a computed parameter.
fn member(m: &dyn Module, name: &str) -> Option<Value> {
    fn of<T>(all: Vec<(String, T)>, name: &str) -> Option<T> {
        all.into_iter()
            .find(|(n, _)| n == name)
            .map(|(_, value)| value)
    }
    let own = Listing {
        recurse: false,
        ..Listing::with_duplicates()
    };
    if let Some(p) = of(m.named_parameters_with(own), name) {
        return Some(Value::Parameter(Rc::new(p)));
    }
    if let Some(b) = of(m.named_buffers_with(own), name) {
        return Some(Value::tensor(b.tensor()));
    }
    if let Some(child) = of(m.named_children(), name) {
        return Some(held(child));
    }
    if let Some(p) = utils_fns::field(m, name) {
        // Computed now, not when the value is used.
        return Some(Value::tensor(p.tensor()));
    }
    let mut absent = false;
    m.visit(&mut |n, member| absent |= n == name && matches!(member, Member::Absent));
    absent.then_some(Value::None)
}

pub fn set_attribute(module: &ModuleHandle, name: &str, value: &Value) -> Eval<()> {
    match module.read(|m| utils_fns::field(m, name)) {
        Some(field) if field.computed().is_some() => Ok(field.set_data(value.as_tensor()?)?),
        _ => unknown(format!("Module.{name} = ..")),
    }
}

/// The modules of a container, in order.
pub fn iterate(module: &ModuleHandle) -> Eval<Vec<Value>> {
    module.read(|m| {
        if let Some(net) = m.downcast_ref::<Sequential>() {
            Ok(net.iter().map(held_layer).collect())
        } else if let Some(list) = m.downcast_ref::<ModuleList<dyn Module>>() {
            Ok(list.iter().map(held).collect())
        } else {
            bug(format!("{} is no container", m.type_name()))
        }
    })
}

pub fn get_item(module: &ModuleHandle, by: &Value) -> Eval {
    module.read(|m| {
        if let Some(net) = m.downcast_ref::<Sequential>() {
            if let Value::Slice(start, end, None | Some(1)) = by {
                let end = end.unwrap_or(net.len() as i64);
                return ModuleHandle::layer(net.slice(start.unwrap_or(0)..end));
            }
            Ok(held_layer(net.get(by.as_i64()?)?))
        } else if let Some(list) = m.downcast_ref::<ModuleList<dyn Module>>() {
            Ok(held(list.get(by.as_i64()?)?))
        } else {
            Ok(held(m.get_module(&by.as_i64()?.to_string())?))
        }
    })
}
