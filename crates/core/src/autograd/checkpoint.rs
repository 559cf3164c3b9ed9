//! [`checkpoint`]: values that are computed again in backward instead of being kept.

use std::collections::HashSet;
use std::sync::Arc;

use super::engine::{Options, grads_at};
use super::mode::{enable_grad, is_grad_enabled};
use super::module_call::{ModuleCall, current_call, is_watched};
use super::node::{next_id, node_of};
use super::signature::Outputs;
use crate::shape::Shape;
use crate::tensor::{Edge, History, InputGrads, Node, Step};
use crate::{DType, Error, Generator, Result, Tensor, size_text};

/// Runs `function` on `inputs` without keeping what its operations need for backward; backward runs it
/// once more for that. Memory is saved for time: a model of many such parts keeps the inputs of each
/// part, and the values inside one part at a time.
///
/// `inputs` are a tensor, a tuple of tensors, or anything else that can be cloned. Gradients flow to
/// them, to parameters, and to all other tensors that the function uses. The second run sees the same
/// random numbers as the first one. It has to run the same operations; what the function does beside
/// (running statistics, counters) happens twice. Hooks of tensors inside see the second run.
///
/// This is PyTorch's `torch.utils.checkpoint.checkpoint(.., use_reentrant=False)`.
///
/// ```
/// use pleach::autograd::checkpoint;
/// use pleach::tensor;
///
/// let (x, w) = (tensor![2.0].requires_grad_(true)?, tensor![3.0].requires_grad_(true)?);
/// let y = checkpoint(|(x, w)| x.mul(w)?.mul(2.0), &(x.clone(), w.clone()))?;
/// y.backward()?;
/// assert_eq!((x.grad().unwrap().item()?, w.grad().unwrap().item()?), (6.0, 4.0));
/// # Ok::<(), pleach::Error>(())
/// ```
///
/// # Errors
/// What `function` returns. Backward returns that too, and an error if the second run differs from the
/// first in its operations or their shapes.
pub fn checkpoint<I: Clone + Send + Sync + 'static, O: Outputs>(
    function: impl Fn(&I) -> Result<O> + Send + Sync + 'static,
    inputs: &I,
) -> Result<O> {
    checkpoint_with(CheckpointOptions::new(), function, inputs)
}

/// Options of [`checkpoint_with`].
#[derive(Debug, Clone)]
#[must_use]
pub struct CheckpointOptions {
    preserve_rng_state: bool,
}

impl CheckpointOptions {
    /// PyTorch's defaults.
    pub fn new() -> Self {
        CheckpointOptions {
            preserve_rng_state: true,
        }
    }

    /// Whether the second run sees the random numbers of the first (yes, by default). Without it, what
    /// draws them computes other gradients than those of its output.
    pub fn preserve_rng_state(mut self, preserve_rng_state: bool) -> Self {
        self.preserve_rng_state = preserve_rng_state;
        self
    }
}

impl Default for CheckpointOptions {
    fn default() -> Self {
        Self::new()
    }
}

/// [`checkpoint`] with options.
///
/// # Errors
/// As [`checkpoint`].
pub fn checkpoint_with<I: Clone + Send + Sync + 'static, O: Outputs>(
    options: CheckpointOptions,
    function: impl Fn(&I) -> Result<O> + Send + Sync + 'static,
    inputs: &I,
) -> Result<O> {
    if !is_grad_enabled() {
        return function(inputs);
    }
    let random = (options.preserve_rng_state).then(|| Generator::current().get_state());
    let first = next_id();
    let mut outputs = function(inputs)?;
    let inputs = inputs.clone();
    let again = move || {
        let mut outputs = function(&inputs)?;
        Ok(outputs.each(|outputs| outputs.iter().map(|t| (**t).clone()).collect()))
    };
    outputs.each(|outputs| replace(outputs, first, random, Box::new(again)));
    Ok(outputs)
}

/// Makes the outputs those of one node, if they are any operation's after `first`.
fn replace(outputs: &mut [&mut Tensor], first: u64, random: Option<Vec<u8>>, again: Again) {
    let run = Run::of(outputs.iter().map(|t| &**t), first);
    if run.operations.is_empty() {
        return;
    }
    let mut places = Vec::new();
    for (i, output) in outputs.iter().enumerate() {
        if matches!(output.history(), History::Op { node, .. } if node.id > first) {
            places.push(i);
        }
    }
    let Run { edges, operations } = run;
    let made = places.iter().map(|&i| signature(outputs[i])).collect();
    let part = Part {
        again,
        random,
        made,
        operations,
        places: places.clone(),
        module: is_watched().then(current_call).flatten(),
    };
    let edges = edges.into_iter().collect();
    let node = node_of(edges, places.len(), "CheckpointBackward0", Box::new(part));
    for (output, &i) in (0..).zip(&places) {
        outputs[i].set_history(History::Op {
            node: node.clone(),
            output,
        });
    }
}

type Again = Box<dyn Fn() -> Result<Vec<Tensor>> + Send + Sync>;

/// Shape and dtype of a value.
type Signature = (Shape, DType);

fn signature(t: &Tensor) -> Signature {
    (t.shape_vec(), t.dtype())
}

/// What one run has recorded.
struct Run {
    /// Where its gradients go: what it has used from outside.
    edges: Vec<Edge>,
    /// Its operations with what they were given.
    operations: Vec<(&'static str, Vec<Signature>)>,
}

impl Run {
    /// The run that began at `first` and returned these outputs.
    fn of<'a>(outputs: impl Iterator<Item = &'a Tensor>, first: u64) -> Self {
        let (mut edges, mut seen) = (Vec::new(), HashSet::new());
        let mut nodes = Vec::<Arc<Node>>::new();
        let mut inside = |history: &History, nodes: &mut Vec<Arc<Node>>| match history {
            History::Op { node, .. } if node.id > first => {
                if seen.insert((node.id, u32::MAX)) {
                    nodes.push(node.clone());
                }
                true
            }
            History::Op { node, output } => !seen.insert((node.id, *output)),
            History::Leaf(leaf) => !seen.insert((leaf.id, 0)),
            History::None | History::Blocked(_) => true,
        };
        for output in outputs {
            // What is returned as it came is none of its results.
            if matches!(output.history(), History::Op { node, .. } if node.id > first) {
                inside(output.history(), &mut nodes);
            }
        }
        let mut next = 0;
        while let Some(node) = nodes.get(next).cloned() {
            next += 1;
            for Edge {
                history,
                shape,
                dtype,
            } in &node.inputs
            {
                if !inside(history, &mut nodes) {
                    edges.push(Edge {
                        history: history.clone(),
                        shape: shape.clone(),
                        dtype: *dtype,
                    });
                }
            }
        }
        let given = |node: &Arc<Node>| {
            let inputs = node.inputs.iter();
            inputs.map(|e| (e.shape.clone(), e.dtype)).collect()
        };
        let operations = nodes.iter().map(|node| (node.name, given(node)));
        Run {
            edges,
            operations: operations.collect(),
        }
    }
}

/// A part of a computation that backward runs again.
struct Part {
    again: Again,
    /// The generator's state before the first run.
    random: Option<Vec<u8>>,
    /// Which of the function's outputs are the node's, and what they are.
    places: Vec<usize>,
    made: Vec<Signature>,
    operations: Vec<(&'static str, Vec<Signature>)>,
    module: Option<Arc<ModuleCall>>,
}

impl Part {
    /// The outputs once more, with a graph.
    fn run(&self) -> Result<Vec<Tensor>> {
        let run = || enable_grad(&self.again);
        let all = match &self.random {
            None => run()?,
            Some(state) => {
                let generator = Generator::new();
                generator.set_state(state).map_err(Error::value)?;
                generator.scope(run)?
            }
        };
        let outputs = self.places.iter().map(|&i| all.get(i).cloned());
        outputs
            .collect::<Option<_>>()
            .ok_or_else(|| differs("other numbers of outputs", all.len(), self.places.len()))
    }

    fn check(&self, outputs: &[Tensor], run: &Run, edges: &[Edge]) -> Result<()> {
        let text = |(shape, dtype): &Signature| format!("{dtype} of {}", size_text(shape));
        for (i, (t, was)) in outputs.iter().zip(&self.made).enumerate() {
            if signature(t) != *was {
                let what = format!("another output {i}");
                return Err(differs(&what, text(&signature(t)), text(was)));
            }
        }
        let (now, then) = (run.operations.len(), self.operations.len());
        let mut both = run.operations.iter().zip(&self.operations);
        if let Some((new, old)) = both.find(|(new, old)| new != old) {
            let text = |(name, given): &(&str, Vec<Signature>)| {
                let given: Vec<String> = given.iter().map(text).collect();
                format!("{name}({})", given.join(", "))
            };
            return Err(differs("another operation", text(new), text(old)));
        }
        if now != then {
            return Err(differs("another number of operations", now, then));
        }
        let same = run.edges.len() == edges.len()
            && run
                .edges
                .iter()
                .zip(edges)
                .all(|(a, b)| match (&a.history, &b.history) {
                    (History::Leaf(a), History::Leaf(b)) => a.id == b.id,
                    (History::Op { node, output }, History::Op { node: n, output: o }) => {
                        node.id == n.id && output == o
                    }
                    _ => false,
                });
        match same {
            true => Ok(()),
            false => Err(differs("other tensors used", run.edges.len(), edges.len())),
        }
    }
}

fn differs(what: &str, now: impl std::fmt::Display, then: impl std::fmt::Display) -> Error {
    Error::autograd(format!(
        "checkpoint: Recomputed values have different metadata than during the forward pass: {what} ({now}, then {then})"
    ))
}

impl Step for Part {
    fn backward(
        &self,
        node: &Arc<Node>,
        grads: &[Option<Tensor>],
        recording: bool,
    ) -> Result<InputGrads> {
        let first = next_id();
        let outputs = self.run()?;
        self.check(&outputs, &Run::of(outputs.iter(), first), &node.inputs)?;
        let outputs: Vec<&Tensor> = outputs.iter().collect();
        let grads: Vec<Option<&Tensor>> = grads.iter().map(Option::as_ref).collect();
        let places = node.inputs.iter().map(|edge| &edge.history);
        let options = match recording {
            true => Options::CREATE_GRAPH,
            false => Options::ONCE,
        };
        grads_at(&outputs, &grads, places, options)
    }

    fn has_saved(&self) -> bool {
        true
    }

    fn module(&self) -> Option<&Arc<ModuleCall>> {
        self.module.as_ref()
    }
}
