//! [`ParameterDict`]: parameters by name.

use std::ops::{Index, IndexMut};

use pleach_core::{ErrorKind, Parameter, Result};

use super::children::{Children, Value};
use crate::display::{TypeText, entries};
use crate::or_panic::or_panic;
use crate::{Module, Node};

/// Parameters by name, in the order of insertion. (PyTorch sorts the names when it is built from
/// a plain `dict`.) For parameters by position there is
/// [`ParameterList`](crate::ParameterList).
///
/// ```
/// use pleach::{Parameter, Tensor};
/// use pleach::nn::{Module, ParameterDict};
/// let mut scales = ParameterDict::new();
/// scales.insert("left", Parameter::new(Tensor::ones([2, 3])))?;
/// assert_eq!(scales["left"].shape(), [2, 3]);
/// assert_eq!(
///     scales.to_string(),
///     "ParameterDict(  (left): Parameter containing: [torch.FloatTensor of size 2x3])"
/// );
/// # Ok::<(), pleach::Error>(())
/// ```
#[derive(Module, Default)]
#[module(extra_repr, debug)]
pub struct ParameterDict {
    node: Node,
    children: Children<Parameter>,
}

impl ParameterDict {
    /// An empty dictionary.
    pub fn new() -> Self {
        Self::default()
    }

    fn extra_repr(&self) -> String {
        entries(self, TypeText::TensorClass)
    }
}

by_name!(
    ParameterDict,
    Parameter,
    Parameter,
    "'ParameterDict' object has no attribute '{name}'",
    impl Into<Parameter> => Into::into
);
