//! [`ParameterDict`]: parameters by name.

use std::ops::Index;

use pleach_core::{ErrorKind, Parameter, Result};

use super::{check_name, insert_named, map_named};
use crate::display::{TypeText, entries};
use crate::field::{Field, Memo, Visitor, VisitorMut};
use crate::or_panic::or_panic;
use crate::{Member, MemberMut, Module, Node};

/// Parameters by name, in the order of insertion. (PyTorch sorts the names when it is built from
/// a plain `dict`.) For parameters by position, a `Vec<Parameter>` field is a `ParameterList`.
///
/// ```
/// use pleach_core::{Parameter, Tensor};
/// use pleach_nn::{Module, ParameterDict};
/// let mut scales = ParameterDict::new();
/// scales.insert("left", Parameter::new(Tensor::ones([2, 3])))?;
/// assert_eq!(scales["left"].shape(), [2, 3]);
/// assert_eq!(
///     scales.to_string(),
///     "ParameterDict(  (left): Parameter containing: [torch.FloatTensor of size 2x3])"
/// );
/// # Ok::<(), pleach_core::Error>(())
/// ```
pub struct ParameterDict {
    node: Node,
    parameters: Vec<(String, Parameter)>,
}

impl ParameterDict {
    /// An empty dictionary.
    pub fn new() -> Self {
        ParameterDict {
            node: Node::new(),
            parameters: Vec::new(),
        }
    }

    /// Sets the parameter of a name, and returns the old one, whose place it takes; a new name
    /// goes to the end.
    ///
    /// # Errors
    /// If the name is empty or contains a dot.
    pub fn insert(
        &mut self,
        name: impl Into<String>,
        parameter: Parameter,
    ) -> Result<Option<Parameter>> {
        let name = name.into();
        check_name("parameter", &name)?;
        Ok(insert_named(&mut self.parameters, name, parameter))
    }

    /// Takes the parameter of a name out; the others keep their order.
    pub fn remove(&mut self, name: &str) -> Option<Parameter> {
        let position = self.parameters.iter().position(|p| p.0 == name)?;
        Some(self.parameters.remove(position).1)
    }

    /// The parameter of a name.
    ///
    /// # Errors
    /// If there is none.
    pub fn get(&self, name: &str) -> Result<&Parameter> {
        let found = self.parameters.iter().find(|p| p.0 == name);
        found.map(|p| &p.1).ok_or_else(|| {
            ErrorKind::Name(format!("'ParameterDict' object has no attribute '{name}'")).into()
        })
    }

    /// Whether there is a parameter of this name.
    pub fn contains_key(&self, name: &str) -> bool {
        self.parameters.iter().any(|p| p.0 == name)
    }

    /// The number of parameters.
    pub fn len(&self) -> usize {
        self.parameters.len()
    }

    /// Whether there are no parameters.
    pub fn is_empty(&self) -> bool {
        self.parameters.is_empty()
    }

    /// The names in order.
    pub fn keys(&self) -> impl DoubleEndedIterator<Item = &str> + ExactSizeIterator {
        self.parameters.iter().map(|p| p.0.as_str())
    }

    /// The names and parameters in order: PyTorch's `items()`.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&str, &Parameter)> + ExactSizeIterator {
        self.parameters.iter().map(|p| (p.0.as_str(), &p.1))
    }

    /// Another handle to the same dictionary and the same parameters. Parameters that are later
    /// added to or taken from one of the two are not seen by the other.
    pub fn share(&self) -> ParameterDict {
        self.share_field()
    }

    /// A copy with parameters of its own; what is shared inside stays shared inside the copy.
    pub fn deep_copy(&self) -> ParameterDict {
        self.copy_field(&mut Memo::default())
    }
}

container!(ParameterDict, parameters, map_named);

impl Module for ParameterDict {
    fn visit<'a>(&'a self, v: Visitor<'_, 'a>) {
        for (name, parameter) in &self.parameters {
            v(name, Member::Parameter(parameter));
        }
    }
    fn visit_mut<'a>(&'a mut self, v: VisitorMut<'_, 'a>) {
        for (name, parameter) in &mut self.parameters {
            v(name, MemberMut::Parameter(parameter));
        }
    }
    fn type_name(&self) -> &'static str {
        "ParameterDict"
    }
    fn node(&self) -> Option<&Node> {
        Some(&self.node)
    }
    fn extra_repr(&self) -> String {
        entries(self, TypeText::TensorClass)
    }
}

/// # Panics
/// If there is no such parameter; see [`ParameterDict::get`].
impl Index<&str> for ParameterDict {
    type Output = Parameter;
    #[track_caller]
    fn index(&self, name: &str) -> &Parameter {
        or_panic(self.get(name))
    }
}
