//! [`RuleOptimizer`]: everything of an optimizer but its [`Rule`].

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use pleach_core::{DType, Element, Error, ParamId, Parameter, Result, Tensor};
use pleach_kernels::Float;
use smallvec::SmallVec;

use crate::coverage::OrphanWatch;
use crate::fit::Place;
use crate::parameter_state::ParameterState;
use crate::state::unusable;
use crate::{
    Group, GroupState, Member, Optimizer, OptimizerState, Options, Rule, StateValue, Step,
    check_groups,
};

/// An optimizer by a [`Rule`]: [`SGD`](crate::SGD), [`Adam`](crate::Adam),
/// [`AdamW`](crate::AdamW), and those of other crates.
#[derive(Debug)]
pub struct RuleOptimizer<R> {
    defaults: Defaults<R>,
    groups: Vec<HeldGroup<R>>,
    state: HashMap<ParamId, ParameterState>,
    orphans: OrphanWatch,
}

/// The options of groups that do not set them, and which of them were set.
#[derive(Debug, Default)]
struct Defaults<R> {
    options: R,
    set: Vec<&'static str>,
}

/// What PyTorch calls the names of a group's parameters.
const PARAM_NAMES: &str = "param_names";

#[derive(Debug)]
struct HeldGroup<R> {
    parameters: Vec<Parameter>,
    names: Option<Vec<String>>,
    options: R,
    /// The options that were set: PyTorch's defaults have a whole 0, which is shown until then.
    set: Vec<&'static str>,
    /// What a group holds beside: what PyTorch's have, and what was loaded.
    others: Options,
}

impl<R: Rule> HeldGroup<R> {
    fn new(group: Group<R>, defaults: &Defaults<R>) -> Self {
        let fixed = R::FIXED.iter();
        let options = group.resolved(&defaults.options);
        let set = [&defaults.set[..], &group.own].concat();
        let (names, parameters): (Vec<_>, Vec<_>) = group
            .members
            .into_iter()
            .map(|m| (m.name, m.parameter))
            .unzip();
        HeldGroup {
            parameters,
            names: names.into_iter().collect(),
            options,
            set,
            others: fixed
                .map(|(name, value)| (name.to_string(), value.clone()))
                .collect(),
        }
    }

    /// Every option, in PyTorch's order.
    fn list(&self) -> Options {
        let names = self.names.iter().map(|names| {
            let names = names.iter().cloned().map(StateValue::Str).collect();
            (PARAM_NAMES.to_string(), StateValue::List(names))
        });
        let own = self.options.list().into_iter().map(|(name, value)| {
            let value = match value {
                StateValue::Float(0.0) if !self.set.contains(&name) => StateValue::Int(0),
                value => value,
            };
            (name.to_string(), value)
        });
        names
            .chain(own)
            .chain(self.others.iter().cloned())
            .collect()
    }
}

/// What a [`RuleOptimizer`] is built of. Options that are set here are those of all groups that do
/// not set them themselves.
#[derive(Debug)]
#[must_use]
pub struct RuleOptimizerBuilder<R> {
    defaults: Defaults<R>,
    groups: Vec<Group<R>>,
}

impl<R: Rule> RuleOptimizerBuilder<R> {
    /// Adds a group.
    pub fn group(mut self, group: Group<R>) -> Self {
        self.groups.push(group);
        self
    }

    /// Sets all options.
    pub fn options(mut self, options: R) -> Self {
        let usual = R::default().list();
        let set = options.list().into_iter().zip(usual);
        let set = set.filter(|(value, usual)| value.1.to_string() != usual.1.to_string());
        self.defaults = Defaults {
            set: set.map(|(value, _)| value.0).collect(),
            options,
        };
        self
    }

    /// Sets one option.
    pub(crate) fn with(mut self, name: &'static str, set: impl FnOnce(&mut R)) -> Self {
        set(&mut self.defaults.options);
        self.defaults.set.push(name);
        self
    }

    /// Builds the optimizer.
    ///
    /// # Errors
    /// If an option is outside its domain, or the groups are unusable (see [`check_groups`]).
    pub fn build(self) -> Result<RuleOptimizer<R>> {
        let defaults = self.defaults;
        defaults.options.check()?;
        let groups = self.groups.into_iter();
        let optimizer = RuleOptimizer {
            groups: groups
                .map(|group| HeldGroup::new(group, &defaults))
                .collect(),
            defaults,
            state: HashMap::new(),
            orphans: OrphanWatch::default(),
        };
        optimizer
            .groups
            .iter()
            .try_for_each(|group| group.options.check())?;
        check_groups(&optimizer.parameters())?;
        Ok(optimizer)
    }
}

impl<R: Rule> RuleOptimizer<R> {
    /// An optimizer of one group of parameters, with the default options.
    ///
    /// # Panics
    /// If there is no parameter; see [`RuleOptimizerBuilder::build`].
    #[track_caller]
    pub fn new(parameters: impl IntoIterator<Item = impl Into<Member>>) -> Self {
        match Self::builder(parameters).build() {
            Ok(optimizer) => optimizer,
            Err(e) => panic!("{e}"),
        }
    }

    /// An optimizer with options, of one group of parameters and those that are added.
    pub fn builder(
        parameters: impl IntoIterator<Item = impl Into<Member>>,
    ) -> RuleOptimizerBuilder<R> {
        Self::with_groups([Group::new(parameters)])
    }

    /// An optimizer with options, of these groups.
    pub fn with_groups(groups: impl IntoIterator<Item = Group<R>>) -> RuleOptimizerBuilder<R> {
        RuleOptimizerBuilder {
            defaults: Defaults::default(),
            groups: groups.into_iter().collect(),
        }
    }

    /// Adds a group, as for layers that are unfrozen later.
    ///
    /// # Errors
    /// If one of its options is outside its domain, or one of its parameters is in a group already;
    /// nothing is changed then.
    pub fn add_group(&mut self, group: Group<R>) -> Result<()> {
        let group = HeldGroup::new(group, &self.defaults);
        group.options.check()?;
        let mut parameters = self.parameters();
        parameters.push(&group.parameters);
        check_groups(&parameters)?;
        self.groups.push(group);
        Ok(())
    }

    /// The options of a group, by its number.
    ///
    /// # Errors
    /// If there is no such group.
    pub fn options(&self, group: usize) -> Result<&R> {
        Ok(&self.held(group)?.options)
    }

    /// A tensor of a parameter's state, by its name in PyTorch, once a step made it.
    pub fn state(&self, parameter: &Parameter, name: &str) -> Option<&Tensor> {
        self.state.get(&parameter.id())?.tensor(name)
    }

    fn held(&self, group: usize) -> Result<&HeldGroup<R>> {
        self.groups.get(group).ok_or_else(|| no_group(group))
    }

    fn held_mut(&mut self, group: usize) -> Result<&mut HeldGroup<R>> {
        self.groups.get_mut(group).ok_or_else(|| no_group(group))
    }

    /// Checks that each parameter that has a gradient can be stepped.
    fn check_step(&self) -> Result<()> {
        for (number, group) in self.groups.iter().enumerate() {
            let names = group.options.state();
            for (index, parameter) in group.parameters.iter().enumerate() {
                let Some(grad) = parameter.grad() else {
                    continue;
                };
                let place = Place {
                    optimizer: R::NAME,
                    group: number,
                    index,
                    name: group.names.as_ref().map(|names| &*names[index]),
                };
                place.check_gradient(parameter, &grad)?;
                if !matches!(grad.dtype(), DType::F32 | DType::F64) {
                    return Err(Error::not_implemented(R::NAME, grad.dtype()));
                }
                if let Some(state) = self.state.get(&parameter.id()) {
                    for (name, tensor) in names.iter().filter_map(|n| Some((n, state.tensor(n)?))) {
                        place.check_shape(parameter, name, tensor)?;
                    }
                }
            }
        }
        Ok(())
    }
}

fn no_group(group: usize) -> Error {
    Error::index(format!("there is no parameter group {group}"))
}

impl<R: Rule> Optimizer for RuleOptimizer<R> {
    fn step(&mut self) -> Result<()> {
        let groups: SmallVec<[&[Parameter]; 4]> = self
            .groups
            .iter()
            .map(|g| g.parameters.as_slice())
            .collect();
        self.orphans.check(R::NAME, &groups);
        // Everything is checked before anything is changed.
        self.check_step()?;
        for group in &self.groups {
            for parameter in &group.parameters {
                let Some(grad) = parameter.grad() else {
                    continue;
                };
                match grad.dtype() {
                    DType::F64 => step::<R, f64>(&group.options, parameter, &grad, &mut self.state),
                    _ => step::<R, f32>(&group.options, parameter, &grad, &mut self.state),
                }?;
            }
        }
        Ok(())
    }

    fn parameters(&self) -> Vec<&[Parameter]> {
        self.groups
            .iter()
            .map(|g| g.parameters.as_slice())
            .collect()
    }

    fn option(&self, group: usize, name: &str) -> Result<StateValue> {
        let found = self
            .held(group)?
            .list()
            .into_iter()
            .find(|option| option.0 == name);
        match found {
            Some((_, value)) => Ok(value),
            None => Err(no_option(name)),
        }
    }

    fn set_option(&mut self, group: usize, name: &str, value: StateValue) -> Result<()> {
        let held = self.held_mut(group)?;
        let mut options = held.options.clone();
        if options.set(name, &value)? {
            options.check()?;
            let own = options.list().into_iter().map(|(own, _)| own);
            held.set.extend(own.filter(|own| *own == name));
            held.options = options;
            return Ok(());
        }
        let names = value
            .texts()
            .filter(|names| names.len() == held.parameters.len());
        if name == PARAM_NAMES && names.is_some() {
            held.names = names;
            return Ok(());
        }
        match held.others.iter_mut().find(|option| option.0 == name) {
            Some((_, old)) => *old = value,
            None => held.others.push((name.to_string(), value)),
        }
        Ok(())
    }

    fn state_dict(&self) -> OptimizerState {
        let own = |parameter: &Parameter| {
            let state = self.state.get(&parameter.id());
            state.map_or_else(Vec::new, |state| state.saved(R::COUNTS))
        };
        OptimizerState::of(&self.parameters(), |group| self.groups[group].list(), own)
    }

    fn load_state_dict(&mut self, saved: &OptimizerState) -> Result<()> {
        let numbered = saved.parameters(&self.parameters())?;
        let loaded = saved.param_groups.iter().map(Loaded::<R>::of);
        let loaded: Vec<_> = loaded.collect::<Result<_>>()?;
        let mut state = HashMap::new();
        for (number, own) in &saved.state {
            let Some(&(group, parameter)) = numbered.get(number) else {
                continue;
            };
            let names = loaded[group].options.state();
            let own = ParameterState::loaded(names, R::COUNTS, *number, own, parameter)?;
            state.insert(parameter.id(), own);
        }
        self.state = state;
        for (held, loaded) in self.groups.iter_mut().zip(loaded) {
            if let Some(names) = loaded.names {
                held.names = Some(names);
            }
            (held.options, held.set, held.others) = (loaded.options, loaded.set, loaded.others);
        }
        Ok(())
    }
}

fn no_option(name: &str) -> Error {
    Error::value(format!("a parameter group has no option '{name}'"))
}

/// A group's options as saved, and what else was saved with them.
struct Loaded<R> {
    names: Option<Vec<String>>,
    options: R,
    set: Vec<&'static str>,
    others: Options,
}

impl<R: Rule> Loaded<R> {
    /// A truth value that a file does not have, because PyTorch's version had no such option, is
    /// off.
    fn of(saved: &GroupState) -> Result<Self> {
        let mut options = R::default();
        let mut set = Vec::new();
        let list = options.list();
        for (name, usual) in &list {
            match saved.get(name) {
                Some(value) => {
                    options.set(name, value)?;
                    set.extend((!matches!(value, StateValue::Int(_))).then_some(*name));
                }
                None if matches!(usual, StateValue::Bool(_)) => {}
                None => return Err(unusable(name, "", None)),
            }
        }
        options.check()?;
        let is_own = |name: &str| list.iter().any(|(own, _)| *own == name);
        let names = saved.get(PARAM_NAMES).and_then(|value| value.texts());
        // Names for all parameters are taken over; anything else of that name is kept as it is.
        let names = names.filter(|names| names.len() == saved.params.len());
        let is_taken = |name: &str| is_own(name) || (name == PARAM_NAMES && names.is_some());
        let others = saved.options.iter().filter(|(name, _)| !is_taken(name));
        let mut others: Options = others.cloned().collect();
        for (name, value) in R::FIXED {
            if saved.get(name).is_none() {
                others.push((name.to_string(), value.clone()));
            }
        }
        Ok(Loaded {
            names,
            options,
            set,
            others,
        })
    }
}

/// One parameter's step, in one pass over parameter, gradient and state.
fn step<R: Rule, T: Element + Float>(
    rule: &R,
    parameter: &Parameter,
    grad: &Tensor,
    states: &mut HashMap<ParamId, ParameterState>,
) -> Result<()> {
    let dense = match grad.is_contiguous() {
        true => Cow::Borrowed(grad),
        false => Cow::Owned(grad.contiguous()?),
    };
    let grad = dense.as_slice::<T>()?;
    let names = rule.state();
    let mut stateless = ParameterState::default();
    let state = match names.is_empty() && !R::COUNTS {
        true => &mut stateless,
        false => states.entry(parameter.id()).or_default(),
    };
    let is_first = state.prepare(names, parameter, T::DTYPE)?;
    let count = state.count;
    let mut slices = state.slices::<T>(names.len())?;
    parameter.update_slice::<T>(|values| {
        rule.step(Step {
            parameter: values,
            grad,
            state: &mut slices,
            count,
            is_first,
        });
    })
}

/// PyTorch's text: the name, then each group's options, which are sorted by name.
impl<R: Rule> fmt::Display for RuleOptimizer<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (", R::NAME)?;
        for (i, group) in self.groups.iter().enumerate() {
            write!(f, "\nParameter Group {i}\n")?;
            let mut options = group.list();
            options.sort_by(|a, b| a.0.cmp(&b.0));
            for (option, value) in options {
                writeln!(f, "    {option}: {value}")?;
            }
        }
        write!(f, ")")
    }
}
