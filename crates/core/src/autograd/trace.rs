//! [`trace`]: the operations that some code runs, as a [`Graph`].

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use super::mode::{Mode, mode, with_mode};
use super::module_call::{ModuleCall, current_call};
use super::operation::{AnyOperation, Attributes};
use crate::shape::Shape;
use crate::tensor::ValueId;
use crate::{DType, Result, Tensor};

/// A value in a [`Graph`].
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
pub struct ValueNumber(pub usize);

/// An operation that was run.
pub struct TracedOperation {
    operation: Box<dyn AnyOperation>,
    inputs: Vec<Option<ValueNumber>>,
    outputs: Vec<ValueNumber>,
    multiply_adds: u64,
    module: Option<Arc<ModuleCall>>,
}

impl TracedOperation {
    /// The operation's name.
    pub fn name(&self) -> &'static str {
        self.operation.name()
    }

    /// Its options by name.
    pub fn attributes(&self) -> Attributes {
        self.operation.attributes()
    }

    /// The operation, if it is of this type: what an exporter matches on.
    pub fn operation<O: 'static>(&self) -> Option<&O> {
        self.operation.as_any().downcast_ref()
    }

    /// The inputs; `None` where an optional one was not given.
    pub fn inputs(&self) -> &[Option<ValueNumber>] {
        &self.inputs
    }

    /// The outputs.
    pub fn outputs(&self) -> &[ValueNumber] {
        &self.outputs
    }

    /// The products that it sums, as [`Operation::multiply_adds`](super::Operation::multiply_adds) says.
    pub fn multiply_adds(&self) -> u64 {
        self.multiply_adds
    }

    /// The innermost module that was being called; for a backward step's, the one of its forward.
    pub fn module(&self) -> Option<&Arc<ModuleCall>> {
        self.module.as_ref()
    }
}

/// A module that was called.
pub struct TracedCall {
    module: Arc<ModuleCall>,
    inputs: Vec<ValueNumber>,
    outputs: Vec<ValueNumber>,
}

impl TracedCall {
    /// Which one, and from where.
    pub fn module(&self) -> &Arc<ModuleCall> {
        &self.module
    }

    /// What it was given.
    pub fn inputs(&self) -> &[ValueNumber] {
        &self.inputs
    }

    /// What it returned; nothing if it failed.
    pub fn outputs(&self) -> &[ValueNumber] {
        &self.outputs
    }
}

/// The operations that some code ran, in order, and the values between them.
#[derive(Default)]
pub struct Graph {
    operations: Vec<TracedOperation>,
    calls: Vec<TracedCall>,
    values: Vec<(Shape, DType)>,
    constants: Vec<(ValueNumber, Tensor)>,
    numbers: HashMap<usize, ValueNumber>,
    /// They keep addresses from being used twice while the graph is made.
    ids: Vec<ValueId>,
}

thread_local! {
    static GRAPH: RefCell<Graph> = RefCell::default();
}

impl Graph {
    fn number(&mut self, t: &Tensor, made: bool) -> ValueNumber {
        let id = t.value_id();
        if !made && let Some(n) = self.numbers.get(&id.address()) {
            return *n;
        }
        let n = ValueNumber(self.values.len());
        self.values.push((t.shape_vec(), t.dtype()));
        self.numbers.insert(id.address(), n);
        self.ids.push(id);
        if !made {
            self.constants.push((n, t.detach()));
        }
        n
    }

    /// The operations, in the order in which they ran.
    pub fn operations(&self) -> &[TracedOperation] {
        &self.operations
    }

    /// The calls of modules, in the order in which they began; one that is called twice has two.
    pub fn calls(&self) -> &[TracedCall] {
        &self.calls
    }

    /// The values that no operation made: inputs, parameters, constants.
    pub fn constants(&self) -> &[(ValueNumber, Tensor)] {
        &self.constants
    }

    /// The shape and the dtype of a value; `None` if its number is that of another graph, and larger than
    /// all of this one.
    pub fn value(&self, value: ValueNumber) -> Option<(&[usize], DType)> {
        let (shape, dtype) = self.values.get(value.0)?;
        Some((shape, *dtype))
    }

    /// The shape of a value.
    ///
    /// # Panics
    /// Where [`Graph::value`] has none.
    pub fn shape(&self, value: ValueNumber) -> &[usize] {
        &self.values[value.0].0
    }

    /// The dtype of a value.
    ///
    /// # Panics
    /// Where [`Graph::value`] has none.
    pub fn dtype(&self, value: ValueNumber) -> DType {
        self.values[value.0].1
    }

    /// The number of a tensor's value, if the graph has it.
    pub fn number_of(&self, t: &Tensor) -> Option<ValueNumber> {
        self.numbers.get(&t.value_id().address()).copied()
    }
}

/// Lists what `f` runs on this thread.
///
/// ```
/// use pleach::{autograd::trace, tensor};
/// let x = tensor![1.0, 2.0];
/// let (y, graph) = trace::trace(|| x.exp()?.mul(&x))?;
/// let names: Vec<_> = graph.operations().iter().map(|o| o.name()).collect();
/// assert_eq!(names, ["exp", "mul"]);
/// assert_eq!(graph.operations()[1].inputs()[1], graph.number_of(&x));
/// assert_eq!(graph.operations()[1].outputs()[0], graph.number_of(&y).unwrap());
/// # Ok::<(), pleach::Error>(())
/// ```
///
/// Operations know the module in whose call they ran; so a graph also lists the calls of modules.
///
/// # Errors
/// As `f`.
pub fn trace<R>(f: impl FnOnce() -> Result<R>) -> Result<(R, Graph)> {
    let outer = GRAPH.with(RefCell::take);
    let tracing = Mode {
        tracing: true,
        ..mode()
    };
    let result = with_mode(tracing, f);
    let graph = GRAPH.with(|g| g.replace(outer));
    Ok((result?, graph))
}

pub(super) fn add(
    operation: Box<dyn AnyOperation>,
    inputs: &[Option<&Tensor>],
    outputs: &[&mut Tensor],
) {
    GRAPH.with_borrow_mut(|g| {
        let given: Vec<_> = inputs
            .iter()
            .map(|t| t.map_or(&[][..], Tensor::shape))
            .collect();
        let made: Vec<_> = outputs.iter().map(|t| t.shape()).collect();
        let inputs = inputs.iter().map(|t| t.map(|t| g.number(t, false)));
        let inputs = inputs.collect();
        let outputs = outputs.iter().map(|t| g.number(t, true)).collect();
        let multiply_adds = operation.multiply_adds(&given, &made);
        g.operations.push(TracedOperation {
            operation,
            inputs,
            outputs,
            multiply_adds,
            module: current_call(),
        });
    });
}

/// Notes that a module is called, and returns the place of that call.
pub(super) fn begin_call(module: &Arc<ModuleCall>, inputs: &[&Tensor]) -> usize {
    GRAPH.with_borrow_mut(|g| {
        let inputs = inputs.iter().map(|t| g.number(t, false)).collect();
        g.calls.push(TracedCall {
            module: module.clone(),
            inputs,
            outputs: Vec::new(),
        });
        g.calls.len() - 1
    })
}

/// Notes what the call at that place returns.
pub(super) fn end_call(place: usize, outputs: &[&Tensor]) {
    GRAPH.with_borrow_mut(|g| {
        let outputs = outputs.iter().map(|t| g.number(t, false)).collect();
        if let Some(call) = g.calls.get_mut(place) {
            call.outputs = outputs;
        }
    });
}

/// Whether operations on this thread are traced now: a layer that has a faster way outside
/// [`apply`](super::apply) leaves it then.
#[inline]
pub fn is_tracing() -> bool {
    mode().tracing
}

impl fmt::Display for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = |n: &ValueNumber| format!("%{}: {:?}", n.0, self.shape(*n));
        for operation in &self.operations {
            let outputs: Vec<_> = operation.outputs.iter().map(of).collect();
            let inputs = operation.inputs.iter();
            let inputs: Vec<_> = inputs.map(|n| n.as_ref().map_or("-".into(), of)).collect();
            let (outputs, inputs) = (outputs.join(", "), inputs.join(", "));
            write!(f, "{outputs} = {}({inputs})", operation.name())?;
            for (name, value) in operation.attributes() {
                write!(f, " {name}={value:?}")?;
            }
            if let Some(module) = &operation.module {
                write!(f, " # {module}")?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}
