//! Between [`Value`]s and what a training program has: state dicts of models and optimizers.

use pleach_nn::{StateDict, Versions};
use pleach_optim::{GroupState, OptimizerState, Options, StateValue};

use crate::module;
use crate::{Dict, Error, Result, Value};

/// The attribute of an ordered dict in which PyTorch keeps the versions of a model's modules.
const METADATA: &str = "_metadata";
const VERSION: &str = "version";

impl From<&StateDict> for Value {
    fn from(state: &StateDict) -> Self {
        let entries = state.iter();
        let entries = entries.map(|(name, tensor)| (Value::from(name), Value::from(tensor)));
        let mut dict = Dict::from_entries(entries.collect());
        dict.set_ordered(true);
        if let Some(versions) = state.versions() {
            let version = |version: u64| Value::from(Dict::new().with(VERSION, version));
            let versions = versions
                .iter()
                .map(|(path, v)| (Value::from(path), version(v)));
            let mut metadata = Dict::from_entries(versions.collect());
            metadata.set_ordered(true);
            dict.set_attribute(METADATA, metadata);
        }
        Value::Dict(dict)
    }
}

impl From<StateDict> for Value {
    fn from(state: StateDict) -> Self {
        Value::from(&state)
    }
}

impl Value {
    /// The model's state dict that this is: a dict of tensors by their names. Tensors of unsigned
    /// integers become wider signed ones.
    ///
    /// Of a whole module that [`Loader::opaque_objects`](crate::Loader::opaque_objects) has read,
    /// and of a TorchScript archive, it is what the module's `state_dict()` would be.
    ///
    /// # Errors
    /// If it is no dict, or has an entry that is no tensor, as a whole checkpoint has: the state
    /// dict is one of its entries then, see [`Value::at`]. The text names those that hold tensors.
    ///
    /// ```
    /// use pleach::checkpoint::{Dict, Value};
    /// use pleach::tensor;
    /// let state = Dict::new().with("weight", tensor![1.0]);
    /// let checkpoint = Value::from(Dict::new().with("epoch", 3).with("model", state));
    /// assert_eq!(checkpoint.get("model")?.state_dict()?["weight"].item()?, 1.0);
    /// let error = checkpoint.state_dict().unwrap_err().to_string();
    /// assert_eq!(
    ///     error,
    ///     "not a state dict: 'epoch' is an int; a state dict may be one of the entries 'model'"
    /// );
    /// # Ok::<(), pleach::checkpoint::Error>(())
    /// ```
    pub fn state_dict(&self) -> Result<StateDict> {
        let dict = match self {
            Value::Dict(dict) => dict,
            Value::Opaque(object) => return module::state_dict(self, object),
            _ => {
                let error = Error::Access(format!("expected a dict, got {}", self.type_name()));
                return Err(within("not a state dict", error));
            }
        };
        let mut out = module::tensors_of(self, dict)?;
        if let Some(Value::Dict(metadata)) = dict.attribute(METADATA) {
            let versions = metadata.iter().filter_map(|(path, module)| {
                let version = module.get(VERSION).ok()?.as_usize().ok()?;
                Some((path.as_str().ok()?.to_string(), version as u64))
            });
            out.set_versions(Some(versions.collect::<Versions>()));
        }
        Ok(out)
    }

    /// The optimizer's state dict that this is: PyTorch's `{'state': .., 'param_groups': ..}`.
    ///
    /// # Errors
    /// If it has not that form.
    pub fn optimizer_state(&self) -> Result<OptimizerState> {
        self.read_optimizer()
            .map_err(|e| within("not an optimizer's state dict", e))
    }

    fn read_optimizer(&self) -> Result<OptimizerState> {
        let mut out = OptimizerState::default();
        for (number, own) in self.get("state")?.as_dict()?.iter() {
            let number = number.as_usize()?;
            out.state.insert(number, options(own.as_dict()?, "")?);
        }
        for group in self.get("param_groups")?.as_items()? {
            let params = group.get("params")?.as_items()?.iter();
            out.param_groups.push(GroupState {
                params: params.map(Value::as_usize).collect::<Result<_>>()?,
                options: options(group.as_dict()?, "params")?,
            });
        }
        Ok(out)
    }
}

fn within(what: &str, error: Error) -> Error {
    Error::Access(format!("{what}: {error}"))
}

/// The entries of a dict but one.
fn options(dict: &Dict, without: &str) -> Result<Options> {
    let mut out = Options::new();
    for (name, value) in dict.iter() {
        let name = name.as_str()?;
        if name != without {
            let value = state_value(value)
                .map_err(|what| Error::Access(format!("the option '{name}' is {what}")))?;
            out.push((name.to_string(), value));
        }
    }
    Ok(out)
}

fn state_value(value: &Value) -> Result<StateValue, &'static str> {
    let items = |items: &[Value]| items.iter().map(state_value).collect::<Result<Vec<_>, _>>();
    Ok(match value {
        Value::None => StateValue::None,
        Value::Bool(value) => StateValue::Bool(*value),
        Value::Int(number) => match i64::try_from(*number) {
            Ok(number) => StateValue::Int(number),
            Err(_) => return Err("a whole number of more than 64 bits"),
        },
        Value::Float(value) => StateValue::Float(*value),
        Value::Str(text) => StateValue::Str(text.clone()),
        Value::List(values) => StateValue::List(items(values)?),
        Value::Tuple(values) => StateValue::Tuple(items(values)?),
        Value::Tensor(tensor) | Value::Parameter { data: tensor, .. } => {
            StateValue::Tensor(tensor.clone())
        }
        Value::Unsigned(_) => return Err("a tensor of unsigned integers, which tensors lack"),
        other => return Err(other.type_name()),
    })
}

impl From<&StateValue> for Value {
    fn from(value: &StateValue) -> Self {
        match value {
            StateValue::None => Value::None,
            StateValue::Bool(value) => Value::Bool(*value),
            StateValue::Int(value) => Value::Int((*value).into()),
            StateValue::Float(value) => Value::Float(*value),
            StateValue::Str(text) => Value::Str(text.clone()),
            StateValue::List(items) => Value::List(items.iter().map(Value::from).collect()),
            StateValue::Tuple(items) => Value::Tuple(items.iter().map(Value::from).collect()),
            StateValue::Tensor(tensor) => Value::Tensor(tensor.clone()),
        }
    }
}

fn dict_of(options: &Options) -> Dict {
    let entries = options.iter();
    let entries = entries.map(|(name, value)| (Value::from(name.as_str()), Value::from(value)));
    Dict::from_entries(entries.collect())
}

impl From<&OptimizerState> for Value {
    fn from(state: &OptimizerState) -> Self {
        let own = state.state.iter();
        let own = own.map(|(number, own)| (Value::from(*number), Value::Dict(dict_of(own))));
        let groups = state.param_groups.iter().map(|group| {
            let params: Vec<Value> = group.params.iter().map(|&n| Value::from(n)).collect();
            dict_of(&group.options).with("params", params)
        });
        let groups: Vec<Dict> = groups.collect();
        Value::Dict(
            Dict::new()
                .with("state", Dict::from_entries(own.collect()))
                .with("param_groups", groups),
        )
    }
}

impl From<OptimizerState> for Value {
    fn from(state: OptimizerState) -> Self {
        Value::from(&state)
    }
}
