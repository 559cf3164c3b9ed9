//! The backward walk.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use smallvec::SmallVec;

use super::node::{Edge, Node, lock};
use super::{History, Leaf, with_grad_mode};
use crate::{Error, Result, Tensor};

/// The gradients that [`grad`] returns, one for each input.
pub type Grads = Vec<Tensor>;

/// Gradients on their way to a node, one slot for each of its outputs.
struct Pending {
    node: Arc<Node>,
    grads: SmallVec<[Option<Tensor>; 1]>,
}

/// A walk from some outputs to the leaves. Nodes are taken by falling id: an input's id is
/// always smaller than that of the node that uses it, so this order is topological.
#[derive(Default)]
struct Walk {
    nodes: BTreeMap<u64, Pending>,
    leaves: BTreeMap<u64, (Arc<Leaf>, Tensor)>,
    /// Gradients asked for by [`grad`]: of leaves (output `None`) and of operations' outputs.
    captured: HashMap<(u64, Option<usize>), Option<Tensor>>,
}

fn add_to(slot: &mut Option<Tensor>, grad: Tensor) -> Result<()> {
    *slot = Some(match slot.take() {
        None => grad,
        Some(old) => old.add(&grad)?,
    });
    Ok(())
}

impl Walk {
    fn push(&mut self, edge: &Edge, grad: Tensor) -> Result<()> {
        match edge {
            Edge::None => Ok(()),
            Edge::Leaf(leaf) => self.push_leaf(leaf, grad),
            Edge::Node(node, output) => self.push_node(node, *output, grad),
        }
    }

    fn push_leaf(&mut self, leaf: &Arc<Leaf>, grad: Tensor) -> Result<()> {
        let sum = match self.leaves.remove(&leaf.id) {
            None => grad,
            Some((_, old)) => old.add(&grad)?,
        };
        self.leaves.insert(leaf.id, (leaf.clone(), sum));
        Ok(())
    }

    fn push_node(&mut self, node: &Arc<Node>, output: usize, grad: Tensor) -> Result<()> {
        let pending = self.nodes.entry(node.id).or_insert_with(|| Pending {
            node: node.clone(),
            grads: SmallVec::from_elem(None, node.outputs),
        });
        add_to(&mut pending.grads[output], grad)
    }

    fn push_root(&mut self, output: &Tensor, index: usize, grad: Option<&Tensor>) -> Result<()> {
        if matches!(output.history(), History::None) {
            return Err(Error::autograd(format!(
                "element {index} of tensors does not require grad and does not have a grad_fn"
            )));
        }
        let grad = match grad {
            Some(grad) if grad.shape() != output.shape() => {
                return Err(Error::autograd(format!(
                    "Mismatch in shape: grad_output[{index}] has a shape of {} and output[{index}] has a shape of {}.",
                    crate::size_text(grad.shape()),
                    crate::size_text(output.shape())
                )));
            }
            Some(grad) => grad.detach().to_dtype(output.dtype())?,
            None if output.numel() != 1 => {
                return Err(Error::autograd(
                    "grad can be implicitly created only for scalar outputs",
                ));
            }
            None => output.ones_like(),
        };
        match output.history() {
            History::None => Ok(()),
            History::Leaf(leaf) => self.push_leaf(leaf, grad),
            History::Op { node, output } => self.push_node(node, *output, grad),
        }
    }

    fn run(&mut self, retain_graph: bool) -> Result<()> {
        while let Some((id, Pending { node, grads })) = self.nodes.pop_last() {
            for (output, grad) in grads.iter().enumerate() {
                if let Some(slot) = self.captured.get_mut(&(id, Some(output))) {
                    *slot = grad.clone();
                }
                for (kept, slot) in lock(&node.retained).iter_mut() {
                    if *kept == output
                        && let Some(grad) = grad
                    {
                        add_to(slot, grad.clone())?;
                    }
                }
            }
            let step = lock(&node.step).take().ok_or_else(freed)?;
            let input_grads = step.backward(&grads);
            if retain_graph || !step.has_saved() {
                *lock(&node.step) = Some(step);
            }
            for (edge, grad) in node.edges.iter().zip(input_grads?) {
                if let Some(grad) = grad {
                    self.push(edge, grad)?;
                }
            }
        }
        Ok(())
    }
}

fn freed() -> Error {
    Error::autograd(
        "Trying to backward through the graph a second time (or directly access saved tensors after they have already been freed). Saved intermediate values of the graph are freed when you call .backward() or autograd.grad(). Specify retain_graph=True if you need to backward through the graph a second time or if you need to access saved tensors after calling backward.",
    )
}

fn walk(
    outputs: &[&Tensor],
    grad_outputs: &[Option<&Tensor>],
    retain_graph: bool,
    mut walk: Walk,
) -> Result<Walk> {
    with_grad_mode(false, || {
        for (i, output) in outputs.iter().enumerate() {
            let grad = grad_outputs.get(i).copied().flatten();
            walk.push_root(output, i, grad)?;
        }
        walk.run(retain_graph)?;
        Ok(walk)
    })
}

/// Accumulates the gradients of `outputs` into the leaves that they depend on.
///
/// `grad_outputs` are the gradients of the outputs; `None` (or a missing one) stands for 1 and
/// needs an output with a single element.
///
/// # Errors
/// If an output has no history, a gradient has the wrong shape, or the graph was already freed by
/// an earlier walk without `retain_graph`.
pub fn backward(
    outputs: &[&Tensor],
    grad_outputs: &[Option<&Tensor>],
    retain_graph: bool,
) -> Result<()> {
    let walk = walk(outputs, grad_outputs, retain_graph, Walk::default())?;
    with_grad_mode(false, || {
        for (_, (leaf, grad)) in walk.leaves {
            leaf.accumulate(grad)?;
        }
        Ok(())
    })
}

/// The gradients of the sum of `outputs` with respect to `inputs`, without touching any `.grad`.
///
/// # Errors
/// As [`backward`], or if an input does not take part in the outputs.
///
/// ```
/// use pleach_core::{autograd, tensor};
/// let x = tensor![2.0, 3.0].requires_grad_(true)?;
/// let y = (&x * &x).sum()?;
/// let grads = autograd::grad(&[&y], &[&x])?;
/// assert_eq!(grads[0].to_vec::<f32>()?, [4.0, 6.0]);
/// assert!(x.grad().is_none());
/// # Ok::<(), pleach_core::Error>(())
/// ```
pub fn grad(outputs: &[&Tensor], inputs: &[&Tensor]) -> Result<Grads> {
    grad_allow_unused(outputs, inputs, &[], false)?
        .into_iter()
        .enumerate()
        .map(|(i, g)| {
            g.ok_or_else(|| {
                Error::autograd(format!(
                    "The differentiated Tensor at index {i} appears to not have been used in the graph. Set allow_unused=True if this is the desired behavior."
                ))
            })
        })
        .collect()
}

/// [`grad`] with gradients of the outputs, an option to keep the graph, and `None` for an input
/// that does not take part.
///
/// # Errors
/// As [`backward`], or if an input does not require a gradient.
pub fn grad_allow_unused(
    outputs: &[&Tensor],
    inputs: &[&Tensor],
    grad_outputs: &[Option<&Tensor>],
    retain_graph: bool,
) -> Result<Vec<Option<Tensor>>> {
    let mut start = Walk::default();
    for input in inputs {
        match input.history() {
            History::None => {
                return Err(Error::autograd(
                    "One of the differentiated Tensors does not require grad",
                ));
            }
            History::Leaf(_) => {}
            History::Op { node, output } => {
                start.captured.insert((node.id, Some(*output)), None);
            }
        }
    }
    let walk = walk(outputs, grad_outputs, retain_graph, start)?;
    Ok(inputs
        .iter()
        .map(|input| match input.history() {
            History::None => None,
            History::Leaf(leaf) => walk.leaves.get(&leaf.id).map(|(_, g)| g.clone()),
            History::Op { node, output } => {
                walk.captured.get(&(node.id, Some(*output))).cloned()?
            }
        })
        .collect())
}
