//! What a recorded operation keeps for its backward, and how backward reads it.

use std::sync::Arc;

use smallvec::SmallVec;

use super::mode::mode;
use crate::tensor::{History, Node, Value};
use crate::{DType, Error, Result, Tensor};

/// Which inputs need a gradient, a bit for each; the last stands for all from there on.
#[derive(Copy, Clone, Debug)]
pub(super) struct Needs(pub u64);

impl Needs {
    pub fn of(self, input: usize) -> bool {
        self.0 & 1 << input.min(63) != 0
    }
}

/// A call that is being recorded, for [`Operation::saves`](super::Operation::saves).
#[derive(Copy, Clone)]
pub struct Call<'a> {
    pub(super) needs: Needs,
    pub(super) inputs: &'a [Option<&'a Tensor>],
}

impl Call<'_> {
    /// Whether an input's gradient may be asked for.
    pub fn needs(self, input: usize) -> bool {
        self.needs.of(input)
    }

    /// Whether an optional input was given.
    pub fn given(self, input: usize) -> bool {
        self.inputs.get(input).is_some_and(Option::is_some)
    }
}

/// What is kept for backward: inputs and outputs by their place.
#[derive(Copy, Clone, Debug)]
pub struct Saves {
    pub(super) inputs: u64,
    pub(super) outputs: u64,
    pub(super) once: bool,
}

impl Saves {
    /// Nothing: the graph can be walked any number of times.
    pub const NONE: Saves = Saves {
        inputs: 0,
        outputs: 0,
        once: false,
    };

    /// No tensor, but the graph can be walked once only, as PyTorch's, which keeps something here.
    pub const ONCE: Saves = Saves {
        once: true,
        ..Saves::NONE
    };

    /// An input too, one of the first 64.
    pub const fn input(self, i: usize) -> Self {
        assert!(i < 64);
        Saves {
            inputs: self.inputs | 1 << i,
            ..self
        }
    }

    /// An input too, if the condition holds.
    pub const fn input_if(self, yes: bool, i: usize) -> Self {
        if yes { self.input(i) } else { self }
    }

    /// An output too, one of the first 64.
    pub const fn output(self, i: usize) -> Self {
        assert!(i < 64);
        Saves {
            outputs: self.outputs | 1 << i,
            ..self
        }
    }

    /// An output too, if the condition holds.
    pub const fn output_if(self, yes: bool, i: usize) -> Self {
        if yes { self.output(i) } else { self }
    }
}

/// Tensors that an operation keeps for its backward beside inputs and outputs.
pub struct Own {
    pub(super) needs: Needs,
    pub(super) values: SmallVec<[Tensor; 2]>,
}

impl Own {
    pub(super) fn new(needs: Needs) -> Self {
        Own {
            needs,
            values: SmallVec::new(),
        }
    }

    /// Whether backward may come.
    pub fn wanted(&self) -> bool {
        self.needs.0 != 0
    }

    /// Keeps a tensor, if backward may come.
    pub fn keep(&mut self, tensor: Tensor) {
        if self.wanted() {
            self.values.push(tensor);
        }
    }
}

/// Where a kept value comes from.
#[derive(Copy, Clone, PartialEq, Eq)]
pub(super) enum Slot {
    Input(u8),
    Output(u8),
    Own(u8),
}

/// What a node kept.
#[derive(Default)]
pub(super) struct Kept {
    pub values: SmallVec<[(Slot, Arc<Value>); 2]>,
    pub once: bool,
}

/// What backward reads: the values that were declared. While backward is recorded itself, inputs and
/// outputs have their history.
pub struct Saved<'a> {
    pub(super) node: &'a Arc<Node>,
    pub(super) kept: &'a Kept,
    pub(super) recording: bool,
}

impl Saved<'_> {
    fn find(&self, slot: Slot) -> Option<&Arc<Value>> {
        let mut values = self.kept.values.iter();
        values.find(|(s, _)| *s == slot).map(|(_, value)| value)
    }

    fn get(&self, slot: Slot, history: impl FnOnce() -> History) -> Result<Tensor> {
        let value = self.find(slot).ok_or_else(|| {
            Error::autograd(format!(
                "'{}' reads a value in backward that it did not keep",
                self.node.name()
            ))
        })?;
        let history = match self.recording {
            true => history(),
            false => History::None,
        };
        Ok(Tensor::from_value(value.clone(), history))
    }

    /// An input.
    ///
    /// # Errors
    /// If it was not kept.
    pub fn input(&self, i: usize) -> Result<Tensor> {
        self.get(Slot::Input(i as u8), || self.node.inputs[i].history.clone())
    }

    /// An input, if it was given and kept.
    pub fn optional(&self, i: usize) -> Option<Tensor> {
        self.input(i).ok()
    }

    /// An output.
    ///
    /// # Errors
    /// If it was not kept.
    pub fn output(&self, i: usize) -> Result<Tensor> {
        self.get(Slot::Output(i as u8), || History::Op {
            node: self.node.clone(),
            output: i as u32,
        })
    }

    /// A tensor of [`Own`], by the order in which they were kept. A float one is a function of the
    /// inputs whose derivative nobody knows: a second derivative that needs it is an error.
    ///
    /// # Errors
    /// If it was not kept.
    pub fn own(&self, i: usize) -> Result<Tensor> {
        let tensor = self.get(Slot::Own(i as u8), || History::Blocked(self.node.name()))?;
        Ok(match tensor.dtype().is_float() {
            true => tensor,
            false => tensor.detach(),
        })
    }

    /// A float tensor of [`Own`] that is a constant, or whose derivative the reader accounts for.
    ///
    /// # Errors
    /// If it was not kept.
    pub fn own_constant(&self, i: usize) -> Result<Tensor> {
        Ok(self.own(i)?.detach())
    }

    /// Whether backward is recorded itself, for a second derivative.
    pub fn recording(&self) -> bool {
        self.recording
    }

    /// Whether somebody sees what backward runs: because it is recorded itself, traced or profiled.
    /// Else it may compute with kernels.
    pub(crate) fn is_watched(&self) -> bool {
        self.recording || mode().is_watched()
    }

    /// The shape of an input, kept or not.
    pub fn shape(&self, i: usize) -> &[usize] {
        &self.node.inputs[i].shape
    }

    /// The dtype of an input, kept or not.
    pub fn dtype(&self, i: usize) -> DType {
        self.node.inputs[i].dtype
    }

    /// The number of inputs, absent ones included.
    pub fn inputs(&self) -> usize {
        self.node.inputs.len()
    }

    /// Whether the input's gradient is asked for.
    pub fn needs(&self, i: usize) -> bool {
        let edge = self.node.inputs.get(i);
        edge.is_some_and(|edge| !matches!(edge.history, History::None))
    }

    /// The gradient of an input, if it is asked for.
    ///
    /// # Errors
    /// As `f`.
    pub fn grad(&self, i: usize, f: impl FnOnce() -> Result<Tensor>) -> Result<Option<Tensor>> {
        self.needs(i).then(f).transpose()
    }
}
