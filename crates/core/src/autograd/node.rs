//! What nodes and leaves of the graph do.

use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

use smallvec::SmallVec;

use crate::hooks::HookList;
use crate::shape::{Shape, broadcast_shapes};
use crate::tensor::{Edge, GradHook, History, Leaf, Node, Step, Watch};
use crate::{DType, Error, Result, Tensor};

/// Locks, ignoring poison: nothing that can panic runs while a graph lock is held.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|e| e.into_inner())
}

impl Leaf {
    pub fn new() -> Arc<Self> {
        Arc::new(Leaf {
            id: next_id(),
            grad: Mutex::new(None),
            changed: Mutex::new(None),
            hooks: OnceLock::new(),
        })
    }

    /// The values have another shape or dtype from now on.
    pub fn change(&self, shape: Shape, dtype: DType) {
        *lock(&self.changed) = Some((shape, dtype));
    }

    /// Refuses a gradient that does not fit the values that the leaf has now.
    pub fn check(&self, grad: &Tensor) -> Result<()> {
        match &*lock(&self.changed) {
            Some((shape, dtype)) if grad.shape() != &shape[..] || grad.dtype() != *dtype => {
                Err(Error::autograd(format!(
                    "Function AccumulateGrad returned an invalid gradient at index 0 - got {:?} but expected shape compatible with {:?}",
                    grad.shape(),
                    &shape[..]
                )))
            }
            _ => Ok(()),
        }
    }

    pub fn grad(&self) -> Option<Tensor> {
        lock(&self.grad).clone()
    }

    pub fn set_grad(&self, grad: Option<Tensor>) {
        // The old gradient is dropped after the lock is released.
        let _old = std::mem::replace(&mut *lock(&self.grad), grad);
    }

    /// Adds to the gradient.
    pub fn accumulate(&self, grad: Tensor) -> Result<()> {
        let mut slot = lock(&self.grad);
        match slot.take() {
            None => *slot = Some(grad),
            Some(old) => {
                // Another thread may read the gradient meanwhile.
                drop(slot);
                self.set_grad(Some(old.plus(grad)?));
            }
        }
        Ok(())
    }
}

pub(super) fn next_id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

impl Node {
    /// The name of the operation's backward step.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// A gradient that the backward step has returned, in its input's shape and dtype: summed over
    /// what was broadcast, and converted.
    pub(super) fn fitted(&self, index: usize, grad: Tensor) -> Result<Tensor> {
        let Edge { shape, dtype, .. } = &self.inputs[index];
        if grad.shape() == shape.as_slice() {
            return grad.to_dtype(*dtype);
        }
        let wide = broadcast_shapes(shape, grad.shape()).ok();
        if wide.is_none_or(|wide| wide.as_slice() != grad.shape()) {
            return Err(Error::autograd(format!(
                "Function {} returned an invalid gradient at index {index} - got {:?} but expected shape compatible with {:?}",
                self.name,
                grad.shape(),
                shape.as_slice()
            )));
        }
        grad.sum_to(shape)?.to_dtype(*dtype)
    }

    /// Whether it is a view, or a view of a view, of a leaf: such a tensor may not be changed in
    /// place while operations are recorded.
    pub(crate) fn is_view_of_leaf(&self) -> bool {
        let mut node = self;
        while node.view {
            match node.inputs.first().map(|input| &input.history) {
                Some(History::Leaf(_)) => return true,
                Some(History::Op { node: next, .. }) => node = next,
                _ => return false,
            }
        }
        false
    }

    /// Shows the sum of an output's gradients to its hooks, which may change it, and keeps it where
    /// that was asked for.
    pub(super) fn show(&self, output: u32, grad: &mut Option<Tensor>) -> Result<()> {
        let hooks = match lock(&self.watches).iter().find(|w| w.output == output) {
            Some(watch) => watch.hooks.clone(),
            None => return Ok(()),
        };
        run_hooks(&hooks, grad)?;
        let Some(grad) = grad else { return Ok(()) };
        let kept = self.watch(output, |w| w.retain.then(|| w.grad.take()));
        if let Some(old) = kept {
            let sum = match old {
                Some(old) => old.add(&*grad)?,
                None => grad.clone(),
            };
            self.watch(output, |w| w.grad = Some(sum));
        }
        Ok(())
    }

    pub(super) fn retained_grad(&self, output: u32) -> Option<Tensor> {
        let watches = lock(&self.watches);
        watches.iter().find(|w| w.output == output)?.grad.clone()
    }

    /// What is noted about who wants to see an output's gradient.
    pub(super) fn watch<R>(&self, output: u32, f: impl FnOnce(&mut Watch) -> R) -> R {
        let mut watches = lock(&self.watches);
        let known = watches.iter().position(|w| w.output == output);
        let at = known.unwrap_or_else(|| {
            watches.push(Watch {
                output,
                ..Watch::default()
            });
            watches.len() - 1
        });
        f(&mut watches[at])
    }
}

/// Shows a gradient to hooks; each sees what the one before it left.
pub(super) fn run_hooks(hooks: &HookList<GradHook>, grad: &mut Option<Tensor>) -> Result<()> {
    let Some(grad) = grad else { return Ok(()) };
    for hook in hooks.current() {
        let Some(new) = hook(grad)? else { continue };
        if new.shape() != grad.shape() {
            return Err(Error::autograd(format!(
                "a hook has changed the size of value: from {:?} to {:?}",
                grad.shape(),
                new.shape()
            )));
        }
        *grad = new.to_dtype(grad.dtype())?;
    }
    Ok(())
}

thread_local! {
    /// `Some` while a drop is in progress on this thread: what the nodes dropped so far came from.
    static DROPPING: RefCell<Option<Vec<History>>> = const { RefCell::new(None) };
}

/// A chain of nodes of any length is dropped with a constant stack: a node that dies while
/// another is being dropped leaves the nodes before it to that one's loop.
impl Drop for Node {
    fn drop(&mut self) {
        let outermost = DROPPING.try_with(|queue| {
            let mut queue = queue.borrow_mut();
            let outermost = queue.is_none();
            let histories = self.inputs.iter_mut().map(|edge| &mut edge.history);
            let nodes = histories.filter(|history| matches!(history, History::Op { .. }));
            let nodes = nodes.map(|history| std::mem::replace(history, History::None));
            queue.get_or_insert_default().extend(nodes);
            outermost
        });
        // Err: the thread is ending and its queue is gone; fields drop recursively.
        if outermost != Ok(true) {
            return;
        }
        // An operation may hold tensors that have a history.
        *self.step.get_mut().unwrap_or_else(|e| e.into_inner()) = None;
        let next = || {
            DROPPING.with(|queue| {
                let mut queue = queue.borrow_mut();
                let item = queue.as_mut().and_then(Vec::pop);
                if item.is_none() {
                    *queue = None;
                }
                item
            })
        };
        while let Some(history) = next() {
            drop(history);
        }
    }
}

/// The node of an operation that is being recorded.
pub(super) fn operation_node(
    inputs: &[Option<&Tensor>],
    outputs: usize,
    name: &'static str,
    view: bool,
    step: Box<dyn Step>,
) -> Arc<Node> {
    let input = |t: &Option<&Tensor>| match t {
        Some(t) => Edge {
            history: t.history().clone(),
            shape: t.shape_vec(),
            dtype: t.dtype(),
        },
        None => Edge {
            history: History::None,
            shape: Shape::new(),
            dtype: DType::F32,
        },
    };
    let inputs = inputs.iter().map(input).collect();
    Arc::new(node(inputs, outputs, name, view, step))
}

/// A node with these inputs.
pub(super) fn node_of(
    inputs: SmallVec<[Edge; 3]>,
    outputs: usize,
    name: &'static str,
    step: Box<dyn Step>,
) -> Arc<Node> {
    Arc::new(node(inputs, outputs, name, false, step))
}

fn node(
    inputs: SmallVec<[Edge; 3]>,
    outputs: usize,
    name: &'static str,
    view: bool,
    step: Box<dyn Step>,
) -> Node {
    Node {
        id: next_id(),
        name,
        view,
        outputs,
        inputs,
        step: Mutex::new(Some(step)),
        watches: Mutex::new(Vec::new()),
    }
}
