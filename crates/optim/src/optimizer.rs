//! What every optimizer does.

use std::collections::HashSet;
use std::fmt::Display;

use pleach_core::{Error, Parameter, Result};

use crate::{Coverage, OptimizerState, StateValue};

/// An algorithm that changes parameters by their gradients.
///
/// The optimizers of this crate are [`RuleOptimizer`](crate::RuleOptimizer)s, and so is one of your
/// own whose steps are of one parameter each; one that looks at all of them implements this trait.
/// An optimizer prints as PyTorch's.
pub trait Optimizer: Display {
    /// Changes every parameter that has a gradient. The others are left alone: no weight decay,
    /// no momentum.
    ///
    /// If parameters are found that nothing but the optimizer holds, because their layer was
    /// replaced, that is warned of once, through the `log` crate; [`Optimizer::coverage`] finds out
    /// in every case. A parameter whose dtype was changed goes on with its state converted.
    ///
    /// # Errors
    /// If a parameter's shape is no longer that of its gradient or state, because its data was
    /// replaced in between; nothing is changed then.
    fn step(&mut self) -> Result<()>;

    /// The parameters of each group.
    fn parameters(&self) -> Vec<&[Parameter]>;

    /// An option of a group, by its name in PyTorch.
    ///
    /// # Errors
    /// If there is no such group or option.
    fn option(&self, group: usize, name: &str) -> Result<StateValue>;

    /// Sets an option of a group. One that the optimizer does not know is kept, and saved with the
    /// others, as in PyTorch.
    ///
    /// # Errors
    /// If there is no such group, or the value is outside the option's domain.
    fn set_option(&mut self, group: usize, name: &str, value: StateValue) -> Result<()>;

    /// Options and momenta, to be saved.
    fn state_dict(&self) -> OptimizerState;

    /// Takes over saved options and momenta, which are converted to the parameters' dtypes.
    /// Entries of parameters that no group names are ignored, as in PyTorch.
    ///
    /// # Errors
    /// If groups, their sizes, or shapes differ, or an option is missing; nothing is changed then.
    fn load_state_dict(&mut self, state: &OptimizerState) -> Result<()>;

    /// The learning rate of a group.
    ///
    /// # Errors
    /// If there is no such group.
    fn lr(&self, group: usize) -> Result<f64> {
        number(&self.option(group, "lr")?)
    }

    /// Sets the learning rate of a group.
    ///
    /// # Errors
    /// If there is no such group, or the rate is below 0 or no number.
    fn set_lr(&mut self, group: usize, lr: f64) -> Result<()> {
        self.set_option(group, "lr", StateValue::Float(lr))
    }

    /// Sets the learning rate of every group.
    ///
    /// # Errors
    /// If the rate is below 0 or no number.
    fn set_lr_of_all(&mut self, lr: f64) -> Result<()> {
        (0..self.parameters().len()).try_for_each(|group| self.set_lr(group, lr))
    }

    /// The learning rate that a schedule of a group starts from: its option `initial_lr`, or the
    /// learning rate while there is none.
    ///
    /// # Errors
    /// If there is no such group.
    fn initial_lr(&self, group: usize) -> Result<f64> {
        match self.option(group, "initial_lr") {
            Ok(initial) => number(&initial),
            Err(_) => self.lr(group),
        }
    }

    /// Compares the optimizer's parameters with those that a model has now, its
    /// `named_parameters()`.
    fn coverage(&self, model: &[(String, Parameter)]) -> Coverage {
        Coverage::of(&self.parameters(), model)
    }

    /// Forgets the gradients of all parameters.
    fn zero_grad(&self) {
        for group in self.parameters() {
            group.iter().for_each(Parameter::zero_grad);
        }
    }
}

fn number(value: &StateValue) -> Result<f64> {
    let found = value.number();
    found.ok_or_else(|| Error::value(format!("a learning rate is a number, not {value}")))
}

/// Checks the groups of parameters that an optimizer is given.
///
/// # Errors
/// If there is no parameter at all, or one is in two groups. One that is twice in the same group
/// only warns, through the `log` crate: it is stepped twice.
pub fn check_groups(groups: &[&[Parameter]]) -> Result<()> {
    if groups.is_empty() {
        return Err(Error::value("optimizer got an empty parameter list"));
    }
    if groups.len() == 1 && groups[0].is_empty() {
        return Err(Error::value("optimizer got an empty parameter list"));
    }
    let mut earlier = HashSet::new();
    for group in groups {
        let own: HashSet<_> = group.iter().map(Parameter::id).collect();
        if own.len() < group.len() {
            log::warn!(
                "optimizer contains a parameter group with duplicate parameters; in future, this will cause an error"
            );
        }
        if !own.is_disjoint(&earlier) {
            return Err(Error::value(
                "some parameters appear in more than one parameter group",
            ));
        }
        earlier.extend(own);
    }
    Ok(())
}
