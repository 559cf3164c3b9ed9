//! The backward walk.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use smallvec::SmallVec;

use super::anomaly::check_nan;
use super::mode::{mode, with_grad_mode};
use super::module_call::Within;
use super::node::{lock, run_hooks};
use super::profiler;
use crate::tensor::{History, InputGrads, Leaf, Node};
use crate::{Error, Result, Tensor};

/// The gradients that [`grad`] returns, one for each input.
pub type Grads = Vec<Tensor>;

/// What a walk does beside computing gradients.
#[derive(Copy, Clone, Debug, Default)]
pub struct Options {
    /// Whether what operations kept stays for another walk.
    pub retain_graph: bool,
    /// Whether the walk is recorded itself, so that the gradients can be differentiated; the graph
    /// stays.
    pub create_graph: bool,
}

impl Options {
    /// The graph is freed, and the walk is not recorded.
    pub const ONCE: Options = Options {
        retain_graph: false,
        create_graph: false,
    };
    /// [`retain_graph`](Self::retain_graph).
    pub const RETAIN_GRAPH: Options = Options {
        retain_graph: true,
        create_graph: false,
    };
    /// [`create_graph`](Self::create_graph).
    pub const CREATE_GRAPH: Options = Options {
        retain_graph: true,
        create_graph: true,
    };
}

/// Gradients on their way to a node, one slot for each of its outputs.
struct Pending {
    node: Arc<Node>,
    grads: SmallVec<[Option<Tensor>; 1]>,
}

impl Pending {
    fn of(node: &Arc<Node>) -> Self {
        Pending {
            node: node.clone(),
            // Element by element, unless there is only one.
            grads: match node.outputs {
                1 => SmallVec::from_buf([None]),
                n => SmallVec::from_elem(None, n),
            },
        }
    }
}

/// The nodes that a walk still has to take. Nodes are taken by falling id: an input's id is always
/// smaller than that of the node that uses it, so this order is topological.
#[derive(Default)]
struct Queue {
    /// The next one, apart: most graphs are chains, in which it is the only one.
    next: Option<Pending>,
    /// The others; their ids are smaller.
    rest: BTreeMap<u64, Pending>,
}

impl Queue {
    /// The gradients that wait for a node.
    fn entry(&mut self, node: &Arc<Node>) -> &mut Pending {
        let first = match &self.next {
            Some(next) => next.node.id,
            None => self.rest.last_key_value().map_or(0, |(&id, _)| id),
        };
        if first > node.id || (first == node.id && self.next.is_none()) {
            return self
                .rest
                .entry(node.id)
                .or_insert_with(|| Pending::of(node));
        }
        if first < node.id
            && let Some(later) = self.next.take()
        {
            self.rest.insert(first, later);
        }
        self.next.get_or_insert_with(|| Pending::of(node))
    }

    fn pop(&mut self) -> Option<Pending> {
        let next = self.next.take();
        next.or_else(|| Some(self.rest.pop_last()?.1))
    }
}

/// The gradients of leaves, with an index once there are many.
#[derive(Default)]
struct LeafGrads {
    list: Vec<(Arc<Leaf>, Option<Tensor>)>,
    index: HashMap<u64, usize>,
}

/// From this many leaves on, an index pays.
const MANY_LEAVES: usize = 16;

impl LeafGrads {
    fn position(&self, id: u64) -> Option<usize> {
        if self.index.is_empty() {
            return self.list.iter().position(|(leaf, _)| leaf.id == id);
        }
        self.index.get(&id).copied()
    }

    fn add(&mut self, leaf: &Arc<Leaf>, grad: Tensor) -> Result<()> {
        if let Some(at) = self.position(leaf.id) {
            return add_to(&mut self.list[at].1, grad);
        }
        self.list.push((leaf.clone(), Some(grad)));
        let len = self.list.len();
        if len == MANY_LEAVES {
            let places = self.list.iter().enumerate();
            self.index = places.map(|(i, (leaf, _))| (leaf.id, i)).collect();
        } else if len > MANY_LEAVES {
            self.index.insert(leaf.id, len - 1);
        }
        Ok(())
    }

    fn get(&self, id: u64) -> Option<Tensor> {
        self.list[self.position(id)?].1.clone()
    }
}

/// A walk from some outputs to the leaves.
#[derive(Default)]
struct Walk {
    nodes: Queue,
    leaves: LeafGrads,
    /// Gradients asked for by [`grad`], of operations' outputs.
    captured: HashMap<(u64, u32), Option<Tensor>>,
    /// Whether the walk ends at what is captured.
    stop: bool,
    /// What becomes of the graph and of the walk.
    options: Options,
}

fn add_to(slot: &mut Option<Tensor>, grad: Tensor) -> Result<()> {
    *slot = Some(match slot.take() {
        None => grad,
        Some(old) => old.plus(grad)?,
    });
    Ok(())
}

impl Walk {
    fn push(&mut self, to: &History, grad: Tensor) -> Result<()> {
        match to {
            History::None => Ok(()),
            History::Blocked(name) => Err(Error::autograd(format!(
                "the derivative of '{name}' through what it keeps is not implemented"
            ))),
            History::Leaf(leaf) => self.leaves.add(leaf, grad),
            History::Op { node, output } => {
                if self.stop
                    && let Some(slot) = self.captured.get_mut(&(node.id, *output))
                {
                    return add_to(slot, grad);
                }
                add_to(&mut self.nodes.entry(node).grads[*output as usize], grad)
            }
        }
    }

    fn push_root(&mut self, output: &Tensor, index: usize, grad: Option<&Tensor>) -> Result<()> {
        if matches!(output.history(), History::None) {
            return Err(Error::autograd(format!(
                "element {index} of tensors does not require grad and does not have a grad_fn"
            ))
            .with_hint(
                "no parameter takes part in it: all are frozen, or it was computed inside `no_grad` or from a `.detach()`",
            ));
        }
        let grad = match grad {
            Some(grad) if grad.shape() != output.shape() => {
                return Err(Error::autograd(format!(
                    "Mismatch in shape: grad_output[{index}] has a shape of {} and output[{index}] has a shape of {}.",
                    crate::size_text(grad.shape()),
                    crate::size_text(output.shape())
                )));
            }
            Some(grad) if self.options.create_graph => grad.to_dtype(output.dtype())?,
            Some(grad) => grad.detach().to_dtype(output.dtype())?,
            None if output.numel() != 1 => {
                return Err(Error::autograd(
                    "grad can be implicitly created only for scalar outputs",
                )
                .with_hint("`.mean()?` or `.sum()?` makes one number of a tensor, `.backward_with(&gradient)` takes the gradient of each"));
            }
            None => output.try_ones_like()?,
        };
        self.push(output.history(), grad)
    }

    fn run(&mut self) -> Result<()> {
        let Options {
            retain_graph,
            create_graph,
        } = self.options;
        let watch = mode();
        while let Some(Pending { node, mut grads }) = self.nodes.pop() {
            for (output, grad) in (0..).zip(&mut grads) {
                node.show(output, grad)?;
                if !self.captured.is_empty()
                    && let Some(slot) = self.captured.get_mut(&(node.id, output))
                {
                    *slot = grad.clone();
                }
            }
            let step = lock(&node.step).take().ok_or_else(freed)?;
            let module = watch.is_watched().then(|| step.module().cloned()).flatten();
            let _within = watch.is_watched().then(|| Within::new(module.clone()));
            let _event = (watch.profiling).then(|| profiler::begin_backward(node.name(), &grads));
            let input_grads = step.backward(&node, &grads, create_graph);
            if retain_graph || create_graph || !step.has_saved() {
                *lock(&node.step) = Some(step);
            } else {
                drop(step);
            }
            // So that a sum may take over the memory of one of its terms.
            drop(grads);
            for (index, (input, grad)) in node.inputs.iter().zip(input_grads?).enumerate() {
                if let Some(grad) = grad
                    && !matches!(input.history, History::None)
                {
                    let grad = node.fitted(index, grad)?;
                    if watch.anomaly {
                        check_nan(&grad, node.name(), index, module.as_deref())?;
                    }
                    self.push(&input.history, grad)?;
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
    .with_hint("`loss.backward_retain_graph()` the first time, or `Options::RETAIN_GRAPH` in `autograd::backward`, keeps the graph; a loop computes a new loss each time")
}

fn walk(outputs: &[&Tensor], grad_outputs: &[Option<&Tensor>], mut walk: Walk) -> Result<Walk> {
    with_grad_mode(walk.options.create_graph, || {
        for (i, output) in outputs.iter().enumerate() {
            let grad = grad_outputs.get(i).copied().flatten();
            walk.push_root(output, i, grad)?;
        }
        walk.run()?;
        for (leaf, grad) in &mut walk.leaves.list {
            if let Some(hooks) = leaf.hooks.get() {
                run_hooks(hooks, grad)?;
            }
        }
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
    options: Options,
) -> Result<()> {
    let start = Walk {
        options,
        ..Walk::default()
    };
    let walk = walk(outputs, grad_outputs, start)?;
    with_grad_mode(options.create_graph, || {
        // Before any is added: a refused walk changes no gradient.
        for (leaf, grad) in &walk.leaves.list {
            grad.as_ref().map_or(Ok(()), |grad| leaf.check(grad))?;
        }
        for (leaf, grad) in walk.leaves.list {
            if let Some(grad) = grad {
                leaf.accumulate(grad)?;
            }
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
/// use pleach::{autograd, tensor};
/// let x = tensor![2.0, 3.0].requires_grad_(true)?;
/// let y = (&x * &x).sum()?;
/// let grads = autograd::grad(&[&y], &[&x])?;
/// assert_eq!(grads[0].to_vec::<f32>()?, [4.0, 6.0]);
/// assert!(x.grad().is_none());
/// # Ok::<(), pleach::Error>(())
/// ```
pub fn grad(outputs: &[&Tensor], inputs: &[&Tensor]) -> Result<Grads> {
    grad_allow_unused(outputs, inputs, &[], Options::ONCE)?
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
    options: Options,
) -> Result<Vec<Option<Tensor>>> {
    let mut start = Walk {
        options,
        ..Walk::default()
    };
    for input in inputs {
        match input.history() {
            History::None | History::Blocked(_) => {
                return Err(Error::autograd(
                    "One of the differentiated Tensors does not require grad",
                ));
            }
            History::Leaf(_) => {}
            History::Op { node, output } => {
                start.captured.insert((node.id, *output), None);
            }
        }
    }
    let walk = walk(outputs, grad_outputs, start)?;
    Ok(inputs
        .iter()
        .map(|input| match input.history() {
            History::None | History::Blocked(_) => None,
            History::Leaf(leaf) => walk.leaves.get(leaf.id),
            History::Op { node, output } => walk.captured.get(&(node.id, *output)).cloned()?,
        })
        .collect())
}

/// The gradients that arrive at some places of the graph: the walk does not go beyond them, runs no
/// hooks there, and accumulates nothing.
pub(super) fn grads_at<'a>(
    outputs: &[&Tensor],
    grad_outputs: &[Option<&Tensor>],
    places: impl Iterator<Item = &'a History> + Clone,
    options: Options,
) -> Result<InputGrads> {
    let captured = places.clone().filter_map(|place| match place {
        History::Op { node, output } => Some(((node.id, *output), None)),
        _ => None,
    });
    let mut walk = Walk {
        stop: true,
        options,
        captured: captured.collect(),
        ..Walk::default()
    };
    with_grad_mode(options.create_graph, || {
        for (i, output) in outputs.iter().enumerate() {
            if let Some(grad) = grad_outputs.get(i).copied().flatten() {
                walk.push_root(output, i, Some(grad))?;
            }
        }
        walk.run()
    })?;
    let grads = places.map(|place| match place {
        History::None | History::Blocked(_) => None,
        History::Leaf(leaf) => walk.leaves.get(leaf.id),
        History::Op { node, output } => walk.captured.get(&(node.id, *output)).cloned()?,
    });
    Ok(grads.collect())
}
