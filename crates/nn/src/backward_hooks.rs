//! What calls the backward hooks of a module: steps of the graph around its inputs and outputs.

use std::sync::{Arc, Mutex, PoisonError};

use pleach_core::autograd::{GradOf, GradsOf, Many, Operation, Own, Saved, apply, is_grad_enabled};
use pleach_core::{DType, Error, Result, Tensor};

use crate::Module;
use crate::hooks::{Changed, check_count};
use crate::module::{BackwardHook, BackwardPreHook, Grads, Hooks};

/// A call whose gradients the module's hooks want to see.
pub(crate) struct Crossing(Arc<Shared>);

struct Shared {
    /// An alias of the module.
    module: Box<dyn Module>,
    before: Vec<Arc<BackwardPreHook>>,
    after: Vec<Arc<BackwardHook>>,
    inputs: usize,
    /// Whether a gradient comes to an input, which then calls the hooks.
    reaches_inputs: bool,
    /// The gradients of the outputs, until those of the inputs are there.
    grad_outputs: Mutex<Option<Grads>>,
}

impl Shared {
    fn set_grad_outputs(&self, grads: Option<Grads>) -> Option<Grads> {
        // The gradients are only ever replaced whole.
        let slot = self.grad_outputs.lock();
        std::mem::replace(&mut *slot.unwrap_or_else(PoisonError::into_inner), grads)
    }

    /// What the hooks make of the gradients of the inputs.
    fn run_after(&self, mut inputs: Grads, outputs: &Grads) -> Result<Grads> {
        for hook in &self.after {
            if let Some(new) = hook(&*self.module, &inputs, outputs)? {
                check_count(&*self.module, new.len(), inputs.len())?;
                inputs = new;
            }
        }
        Ok(inputs)
    }
}

impl Crossing {
    /// Begins a call, if there are hooks to run: what stands for the inputs in it.
    pub fn begin(
        module: &dyn Module,
        hooks: &Hooks,
        inputs: &[&Tensor],
    ) -> Result<Option<(Crossing, Changed)>> {
        let (before, after) = (hooks.backward_before.current(), hooks.backward.current());
        if (before.is_empty() && after.is_empty()) || !is_grad_enabled() {
            return Ok(None);
        }
        let crossing = Crossing(Arc::new(Shared {
            module: module.share_module(),
            before,
            after,
            inputs: inputs.len(),
            reaches_inputs: inputs.iter().any(|t| t.requires_grad()),
            grad_outputs: Mutex::new(None),
        }));
        let inputs = crossing.pass(Side::Inputs, inputs)?;
        Ok(Some((crossing, inputs)))
    }

    /// Ends it: what stands for the outputs.
    pub fn end(&self, outputs: &[&Tensor]) -> Result<Changed> {
        self.pass(Side::Outputs, outputs)
    }

    /// The tensors on the other side of a boundary.
    fn pass(&self, side: Side, tensors: &[&Tensor]) -> Result<Changed> {
        let places = (0..tensors.len()).filter(|&i| tensors[i].requires_grad());
        let places: Vec<usize> = places.collect();
        if places.is_empty() {
            return Ok(None);
        }
        let through: Many = places.iter().map(|&i| tensors[i]).collect();
        let boundary = Boundary {
            shared: self.0.clone(),
            side,
            zeros: tensors
                .iter()
                .map(|t| (t.shape().into(), t.dtype()))
                .collect(),
            places: places.clone(),
        };
        let mut all: Vec<Tensor> = tensors.iter().map(|t| (*t).clone()).collect();
        for (place, new) in places.into_iter().zip(apply(boundary, through)?) {
            all[place] = new;
        }
        Ok(Some(all))
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Side {
    Inputs,
    Outputs,
}

/// Leaves tensors as they are; its gradient is what the hooks make of it.
#[derive(Clone)]
struct Boundary {
    shared: Arc<Shared>,
    side: Side,
    /// What the tensors that the module is given, or returns, are like: where there is no gradient
    /// the hooks see zeros, as in PyTorch.
    zeros: Vec<(Vec<usize>, DType)>,
    /// Which of them have a gradient.
    places: Vec<usize>,
}

impl Operation for Boundary {
    type Inputs<'a> = Many<'a>;
    type Outputs = Vec<Tensor>;

    fn name(&self) -> &'static str {
        "module_boundary"
    }
    fn grad_name(&self) -> &'static str {
        "BackwardHookFunctionBackward"
    }
    fn forward(&self, inputs: Many<'_>, _: &mut Own) -> Result<Vec<Tensor>> {
        Ok(inputs.iter().map(|t| t.detach()).collect())
    }
    fn backward(&self, _: &Saved<'_>, grads: GradOf<'_, Self>) -> Result<GradsOf<Self>> {
        let shared = &*self.shared;
        let mut all: Grads = vec![None; self.zeros.len()];
        for (&place, grad) in self.places.iter().zip(grads) {
            all[place] = grad.clone();
        }
        for (grad, (shape, dtype)) in all.iter_mut().zip(&self.zeros) {
            if grad.is_none() {
                *grad = Some(Tensor::try_zeros_of(&shape[..], *dtype)?);
            }
        }
        let all = match self.side {
            Side::Inputs => match shared.set_grad_outputs(None) {
                Some(outputs) => shared.run_after(all, &outputs)?,
                // The gradient did not come through the outputs.
                None => all,
            },
            Side::Outputs => {
                for hook in &shared.before {
                    if let Some(new) = hook(&*shared.module, &all)? {
                        check_count(&*shared.module, new.len(), all.len())?;
                        all = new;
                    }
                }
                if shared.reaches_inputs {
                    shared.set_grad_outputs(Some(all.clone()));
                } else {
                    let inputs = shared.run_after(vec![None; shared.inputs], &all)?;
                    if inputs.iter().any(Option::is_some) {
                        return Err(Error::autograd(
                            "Backward hook for Modules where no input requires gradient should always return None or None for all gradients.",
                        ));
                    }
                }
                all
            }
        };
        Ok(self.places.iter().map(|&i| all[i].clone()).collect())
    }
}
