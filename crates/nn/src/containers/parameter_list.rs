//! [`ParameterList`]: parameters in a list.

use std::ops::{Index, IndexMut, RangeBounds};

use pleach_core::{Parameter, Result};

use super::Position;
use super::children::{Children, Value};
use crate::display::{TypeText, entries};
use crate::or_panic::or_panic;
use crate::{Module, Node};

/// Parameters in a list, named by their positions. (A plain `Vec<Parameter>` field is one in the tree
/// too; this one has hooks, `share()` and PyTorch's indexing.)
///
/// ```
/// use pleach::{Parameter, Tensor};
/// use pleach::nn::{Module, ParameterList};
/// let mut list: ParameterList = (1..3).map(|n| Parameter::new(Tensor::ones([n]))).collect();
/// list.push(Parameter::new(Tensor::zeros([2, 3])));
/// assert_eq!(list[-1].shape(), [2, 3]);
/// assert_eq!(list.slice(1..).len(), 2);
/// assert_eq!(list.named_parameters()[1].0, "1");
/// assert_eq!(
///     list.slice(..1).to_string(),
///     "ParameterList(  (0): Parameter containing: [torch.float32 of size 1])"
/// );
/// # Ok::<(), pleach::Error>(())
/// ```
#[derive(Module, Default)]
#[module(extra_repr, debug)]
pub struct ParameterList {
    node: Node,
    children: Children<Parameter>,
}

impl ParameterList {
    /// An empty list.
    pub fn new() -> Self {
        Self::default()
    }

    /// A new list of the *same* parameters, numbered from 0. Negative bounds count from the end;
    /// bounds beyond it are cut.
    pub fn slice(&self, range: impl RangeBounds<i64>) -> Self {
        let mut children = self.children.slice(range);
        children.renumber();
        ParameterList {
            node: Node::new(),
            children,
        }
    }

    fn extra_repr(&self) -> String {
        entries(self, TypeText::DType)
    }
}

by_position!(ParameterList, Parameter, Parameter, (Into<Parameter>) => Into::into);
