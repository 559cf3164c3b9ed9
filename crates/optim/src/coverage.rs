//! Whether an optimizer holds the parameters that a model has now.

use std::collections::HashSet;
use std::fmt;

use pleach_core::{Parameter, size_text};

/// How an optimizer's parameters compare with a model's: what [`Optimizer::coverage`] returns.
///
/// When a layer is replaced after the optimizer was built, the optimizer goes on stepping the old
/// layer's parameters, and nobody trains the new ones.
///
/// ```
/// use pleach::{Parameter, Tensor};
/// use pleach::optim::{Optimizer, SGD};
/// let (body, old_head) = (Parameter::new(Tensor::zeros([4])), Parameter::new(Tensor::zeros([2])));
/// let optimizer = SGD::new([body.share(), old_head]);
/// let head = Parameter::new(Tensor::zeros([3]));
/// let model = [("body".to_string(), body), ("head".to_string(), head)]; // model.named_parameters()
/// let coverage = optimizer.coverage(&model);
/// assert!(!coverage.is_complete());
/// assert_eq!(
///     coverage.to_string(),
///     "not in the model any more: parameter 1 of group 0, torch.Size([2])\n\
///      not held by the optimizer: head"
/// );
/// ```
///
/// [`Optimizer::coverage`]: crate::Optimizer::coverage
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Coverage {
    /// Parameters of the optimizer that the model does not have.
    pub left: Vec<LeftParameter>,
    /// Names of the model's parameters that require a gradient, but are in no group.
    pub not_held: Vec<String>,
}

/// A parameter that an optimizer holds and the model does not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftParameter {
    /// The number of its group.
    pub group: usize,
    /// Its place in the group.
    pub index: usize,
    /// Its shape.
    pub shape: Vec<usize>,
}

impl Coverage {
    pub(crate) fn of(groups: &[&[Parameter]], model: &[(String, Parameter)]) -> Self {
        let in_model: HashSet<_> = model.iter().map(|(_, p)| p.id()).collect();
        let held: HashSet<_> = groups
            .iter()
            .flat_map(|g| g.iter())
            .map(|p| p.id())
            .collect();
        let mut out = Coverage::default();
        for (group, parameters) in groups.iter().enumerate() {
            for (index, parameter) in parameters.iter().enumerate() {
                if !in_model.contains(&parameter.id()) {
                    let shape = parameter.shape();
                    out.left.push(LeftParameter {
                        group,
                        index,
                        shape,
                    });
                }
            }
        }
        let missing = model
            .iter()
            .filter(|(_, p)| p.requires_grad() && !held.contains(&p.id()));
        out.not_held = missing.map(|(name, _)| name.clone()).collect();
        out
    }

    /// Whether each side has all that the other has.
    pub fn is_complete(&self) -> bool {
        self.left.is_empty() && self.not_held.is_empty()
    }
}

impl fmt::Display for LeftParameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = size_text(&self.shape);
        write!(
            f,
            "parameter {} of group {}, {size}",
            self.index, self.group
        )
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let left: Vec<String> = self.left.iter().map(|p| p.to_string()).collect();
        let mut lines = Vec::new();
        if !left.is_empty() {
            lines.push(format!("not in the model any more: {}", left.join("; ")));
        }
        if !self.not_held.is_empty() {
            lines.push(format!(
                "not held by the optimizer: {}",
                self.not_held.join(", ")
            ));
        }
        if lines.is_empty() {
            lines.push("the optimizer holds the model's parameters".to_string());
        }
        f.write_str(&lines.join("\n"))
    }
}

/// Notices parameters that only the optimizer still holds: their layer is gone.
#[derive(Debug, Default)]
pub(crate) struct OrphanWatch {
    /// How many were reported.
    reported: usize,
}

impl OrphanWatch {
    /// Warns, through the `log` crate, when there are more orphans than at the last warning.
    pub fn check(&mut self, optimizer: &str, groups: &[&[Parameter]]) {
        let parameters = groups.iter().flat_map(|group| group.iter());
        let orphans = parameters.filter(|p| p.handles() == 1).count();
        if orphans > self.reported {
            log::warn!(
                "{optimizer} steps {orphans} parameter(s) that nothing else holds: was a layer \
                 replaced after the optimizer was built? Optimizer::coverage tells which"
            );
            self.reported = orphans;
        }
    }
}
