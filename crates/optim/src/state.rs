//! What an optimizer has to remember, in PyTorch's layout.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use pleach_core::print::python_float;
use pleach_core::{Error, ParamId, Parameter, Result, Tensor};

/// An optimizer's state: PyTorch's `optimizer.state_dict()`.
///
/// Parameters are numbered across the groups, in order. It prints as PyTorch's.
///
/// ```
/// use pleach::{Parameter, tensor};
/// use pleach::optim::{Optimizer, SGD};
/// let p = Parameter::new(tensor![1.0, 2.0]);
/// let mut optimizer = SGD::builder([p.share()]).lr(0.1).momentum(0.9).build()?;
/// p.tensor().sum()?.backward()?;
/// optimizer.step()?;
/// let state = optimizer.state_dict();
/// assert_eq!(
///     state.to_string(),
///     "{'state': {0: {'momentum_buffer': tensor([1., 1.])}}, 'param_groups': [{'lr': 0.1, \
///      'momentum': 0.9, 'dampening': 0, 'weight_decay': 0, 'nesterov': False, 'maximize': False, \
///      'foreach': None, 'differentiable': False, 'fused': None, 'params': [0]}]}"
/// );
/// let mut resumed = SGD::new([p.share()]);
/// resumed.load_state_dict(&state)?;
/// assert_eq!(resumed.to_string(), optimizer.to_string());
/// # Ok::<(), pleach::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct OptimizerState {
    /// What belongs to a parameter, by its number.
    pub state: BTreeMap<usize, Options>,
    /// The groups in order.
    pub param_groups: Vec<GroupState>,
}

/// Named values, in order.
pub type Options = Vec<(String, StateValue)>;

/// A group of parameters in an [`OptimizerState`].
#[derive(Debug, Clone, Default)]
pub struct GroupState {
    /// Learning rate, momentum and the like.
    pub options: Options,
    /// The numbers of the parameters.
    pub params: Vec<usize>,
}

/// A value in an [`OptimizerState`].
#[derive(Debug, Clone)]
pub enum StateValue {
    /// Python's None.
    None,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number.
    Float(f64),
    /// A text, such as a group's name.
    Str(String),
    /// Several values in a list.
    List(Vec<StateValue>),
    /// Several values, such as Adam's two betas.
    Tuple(Vec<StateValue>),
    /// A tensor, such as a momentum buffer.
    Tensor(Tensor),
}

impl StateValue {
    /// The value as a number, if it is one, or a tensor of one.
    pub fn number(&self) -> Option<f64> {
        match self {
            StateValue::Float(value) => Some(*value),
            StateValue::Int(value) => Some(*value as f64),
            StateValue::Tensor(value) => value.item().ok(),
            _ => None,
        }
    }

    /// The texts of a list of texts.
    pub(crate) fn texts(&self) -> Option<Vec<String>> {
        let StateValue::List(values) = self else {
            return None;
        };
        let text = |value: &StateValue| match value {
            StateValue::Str(text) => Some(text.clone()),
            _ => None,
        };
        values.iter().map(text).collect()
    }
}

impl GroupState {
    /// The value of an option.
    pub fn get(&self, name: &str) -> Option<&StateValue> {
        self.options.iter().find(|o| o.0 == name).map(|o| &o.1)
    }

    /// The option as a number.
    ///
    /// # Errors
    /// If it is not there or not a number.
    pub fn number(&self, name: &str) -> Result<f64> {
        let value = self.get(name);
        let number = value.and_then(StateValue::number);
        number.ok_or_else(|| unusable(name, "a number", value))
    }

    /// The option as a truth value.
    ///
    /// # Errors
    /// If it is not there or not a truth value.
    pub fn flag(&self, name: &str) -> Result<bool> {
        match self.get(name) {
            Some(StateValue::Bool(value)) => Ok(*value),
            other => Err(unusable(name, "a truth value", other)),
        }
    }
}

/// The refusal of an option that is of another kind, or not there.
pub(crate) fn unusable(name: &str, wanted: &str, got: Option<&StateValue>) -> Error {
    Error::value(match got {
        Some(value) => {
            format!("loaded state dict has {value} for the option '{name}', which is {wanted}")
        }
        None => format!("loaded state dict contains a parameter group without '{name}'"),
    })
}

/// The number of each parameter: its first place across the groups.
fn numbers(groups: &[&[Parameter]]) -> HashMap<ParamId, usize> {
    let mut out = HashMap::new();
    let parameters = groups.iter().flat_map(|group| group.iter());
    for (number, parameter) in parameters.enumerate() {
        out.entry(parameter.id()).or_insert(number);
    }
    out
}

impl OptimizerState {
    /// The state of these groups. `options` gives a group's, `own` a parameter's.
    pub fn of(
        groups: &[&[Parameter]],
        options: impl Fn(usize) -> Options,
        own: impl Fn(&Parameter) -> Options,
    ) -> Self {
        let numbers = numbers(groups);
        let mut out = OptimizerState::default();
        for (group, parameters) in groups.iter().enumerate() {
            out.param_groups.push(GroupState {
                options: options(group),
                params: parameters.iter().map(|p| numbers[&p.id()]).collect(),
            });
            for parameter in *parameters {
                let own = own(parameter);
                if !own.is_empty() {
                    out.state.insert(numbers[&parameter.id()], own);
                }
            }
        }
        out
    }

    /// The parameter that each number stands for in these groups, and the number of its group.
    ///
    /// # Errors
    /// PyTorch's texts, if the groups or their sizes differ.
    pub fn parameters<'a>(
        &self,
        groups: &[&'a [Parameter]],
    ) -> Result<HashMap<usize, (usize, &'a Parameter)>> {
        if self.param_groups.len() != groups.len() {
            return Err(Error::value(
                "loaded state dict has a different number of parameter groups",
            ));
        }
        let mut out = HashMap::new();
        for (group, (saved, parameters)) in self.param_groups.iter().zip(groups).enumerate() {
            if saved.params.len() != parameters.len() {
                return Err(Error::value(
                    "loaded state dict contains a parameter group that doesn't match the size of optimizer's group",
                ));
            }
            let places = parameters.iter().map(|parameter| (group, parameter));
            out.extend(saved.params.iter().copied().zip(places));
        }
        Ok(out)
    }
}

impl fmt::Display for StateValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StateValue::None => f.write_str("None"),
            StateValue::Bool(value) => f.write_str(if *value { "True" } else { "False" }),
            StateValue::Int(value) => write!(f, "{value}"),
            StateValue::Float(value) => f.write_str(&python_float(*value)),
            StateValue::Str(text) => write!(f, "'{}'", text.escape_debug()),
            StateValue::List(values) => write!(f, "[{}]", joined(values.iter())),
            StateValue::Tuple(values) => {
                let comma = if values.len() == 1 { "," } else { "" };
                write!(f, "({}{comma})", joined(values.iter()))
            }
            StateValue::Tensor(value) => write!(f, "{value}"),
        }
    }
}

fn joined(items: impl Iterator<Item = impl fmt::Display>) -> String {
    let items: Vec<String> = items.map(|item| item.to_string()).collect();
    items.join(", ")
}

fn entries(options: &Options) -> String {
    joined(
        options
            .iter()
            .map(|(name, value)| format!("'{name}': {value}")),
    )
}

impl fmt::Display for OptimizerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state.iter();
        let state = joined(state.map(|(number, own)| format!("{number}: {{{}}}", entries(own))));
        let groups = joined(self.param_groups.iter().map(|group| {
            let params = joined(group.params.iter());
            format!("{{{}, 'params': [{params}]}}", entries(&group.options))
        }));
        write!(f, "{{'state': {{{state}}}, 'param_groups': [{groups}]}}")
    }
}
