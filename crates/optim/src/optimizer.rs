//! What every optimizer does.

use std::collections::HashSet;

use pleach_core::{Error, Parameter, Result};

use crate::{Coverage, OptimizerState};

/// An algorithm that changes parameters by their gradients.
pub trait Optimizer {
    /// Changes every parameter that has a gradient. The others are left alone: no weight decay,
    /// no momentum.
    ///
    /// If parameters are found that nothing but the optimizer holds, because their layer was
    /// replaced, that is warned of once, through the `log` crate; [`Optimizer::coverage`] finds out
    /// in every case.
    ///
    /// # Errors
    /// If an option is outside its domain, the groups are unusable (see [`check_groups`]), or a
    /// parameter's shape or dtype is no longer that of its gradient or state, because its data was
    /// replaced in between; nothing is changed then.
    fn step(&mut self) -> Result<()>;

    /// The parameters of each group.
    fn parameters(&self) -> Vec<&[Parameter]>;

    /// Options and momenta, to be saved.
    fn state_dict(&self) -> OptimizerState;

    /// Takes over saved options and momenta, which are converted to the parameters' dtypes.
    /// Entries of parameters that no group names, and of other optimizers, are ignored, as in
    /// PyTorch.
    ///
    /// # Errors
    /// If groups, their sizes, or shapes differ, or an option is missing; nothing is changed then.
    fn load_state_dict(&mut self, state: &OptimizerState) -> Result<()>;

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
