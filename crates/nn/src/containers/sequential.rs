//! [`Sequential`]: layers one after another.

use std::ops::{Index, IndexMut, RangeBounds};

use pleach_core::{ErrorKind, Result, Tensor};

use super::{Position, check_name, insert_position, map_named, slice_range};
use crate::field::{Field, Memo, Visitor, VisitorMut};
use crate::forward::Step;
use crate::or_panic::or_panic;
use crate::{Forward, Module, Node, chain};

/// Modules that run one after another: each gets what the one before it returned.
///
/// Children are named by their positions unless they are appended under a name. `append` adds one
/// and gives the container back; `push`, `insert`, `set`, `remove` change it in place.
///
/// ```
/// # extern crate pleach_nn as pleach;
/// use pleach::{Forward, Module, Sequential, sequential};
/// use pleach_core::{Result, Tensor, tensor};
///
/// #[derive(Module)]
/// struct Add(f64);
/// impl Forward for Add {
///     fn forward(&self, input: &Tensor) -> Result<Tensor> {
///         input.add(self.0)
///     }
/// }
///
/// let mut net = sequential![Add(1.0), Add(2.0), Add(4.0)];
/// assert_eq!(net.call(&tensor![0.0])?.item()?, 7.0);
/// net.set(-1, Add(10.0))?;
/// assert_eq!(net.slice(1..).call(&tensor![0.0])?.item()?, 12.0);
/// assert_eq!(net.get(3).unwrap_err().to_string(), "index 3 is out of range");
/// # Ok::<(), pleach_core::Error>(())
/// ```
pub struct Sequential {
    node: Node,
    children: Vec<(String, Box<dyn Forward>)>,
}

impl Sequential {
    /// An empty container; called, it returns its input.
    pub fn new() -> Self {
        Self::with_node(Node::new())
    }

    /// An empty container that prints under another name, as PyTorch's subclasses of
    /// `Sequential` do.
    pub fn named(name: impl Into<String>) -> Self {
        Self::with_node(Node::named(name))
    }

    fn with_node(node: Node) -> Self {
        Sequential {
            node,
            children: Vec::new(),
        }
    }

    /// Adds a module at the end, and returns the container.
    #[must_use = "append returns the container; push changes it in place"]
    pub fn append(mut self, module: impl Into<Box<dyn Forward>>) -> Self {
        self.push(module);
        self
    }

    /// Adds a module at the end under a name of its own, and returns the container.
    ///
    /// # Panics
    /// If the name is empty, contains a dot or is taken; see [`Sequential::push_named`].
    #[must_use = "append_named returns the container; push_named changes it in place"]
    #[track_caller]
    pub fn append_named(
        mut self,
        name: impl Into<String>,
        module: impl Into<Box<dyn Forward>>,
    ) -> Self {
        or_panic(self.push_named(name, module));
        self
    }

    /// Adds a module at the end, named by its position. (If that name is taken, as after
    /// [`Sequential::slice`], by the next number that is free.)
    pub fn push(&mut self, module: impl Into<Box<dyn Forward>>) {
        let mut number = self.len();
        while self.children.iter().any(|c| c.0 == number.to_string()) {
            number += 1;
        }
        self.children.push((number.to_string(), module.into()));
    }

    /// Adds a module at the end under a name of its own.
    ///
    /// # Errors
    /// If the name is empty, contains a dot or is taken.
    pub fn push_named(
        &mut self,
        name: impl Into<String>,
        module: impl Into<Box<dyn Forward>>,
    ) -> Result<()> {
        let name = name.into();
        check_name("module", &name)?;
        if self.children.iter().any(|c| c.0 == name) {
            return Err(ErrorKind::Name(format!("attribute '{name}' already exists")).into());
        }
        self.children.push((name, module.into()));
        Ok(())
    }

    /// Puts a module before the one at `index` (negative counts from the end); all children are
    /// then named by their positions.
    ///
    /// # Errors
    /// If `index` is not within `-len ..= len`.
    pub fn insert(&mut self, index: i64, module: impl Into<Box<dyn Forward>>) -> Result<()> {
        let index = insert_position(index, self.len())?;
        self.children.insert(index, (String::new(), module.into()));
        self.renumber();
        Ok(())
    }

    /// Replaces the module at a position, which keeps its name, and returns the old one.
    ///
    /// # Errors
    /// If there is no such position.
    pub fn set(
        &mut self,
        index: impl Position,
        module: impl Into<Box<dyn Forward>>,
    ) -> Result<Box<dyn Forward>> {
        let index = self.find(index)?;
        Ok(std::mem::replace(
            &mut self.children[index].1,
            module.into(),
        ))
    }

    /// Takes a module out; the others are then named by their positions.
    ///
    /// # Errors
    /// If there is no such position.
    pub fn remove(&mut self, index: impl Position) -> Result<Box<dyn Forward>> {
        let index = self.find(index)?;
        let (_, module) = self.children.remove(index);
        self.renumber();
        Ok(module)
    }

    /// Takes the last module out.
    pub fn pop(&mut self) -> Option<Box<dyn Forward>> {
        self.remove(-1).ok()
    }

    fn renumber(&mut self) {
        for (i, (name, _)) in self.children.iter_mut().enumerate() {
            *name = i.to_string();
        }
    }

    fn find(&self, index: impl Position) -> Result<usize> {
        let names: Vec<&str> = self.children.iter().map(|c| c.0.as_str()).collect();
        index.find(&names)
    }

    /// The module at a position (negative counts from the end) or of a name.
    ///
    /// # Errors
    /// If there is none: `index 1 is out of range`.
    pub fn get(&self, index: impl Position) -> Result<&dyn Forward> {
        Ok(&*self.children[self.find(index)?].1)
    }

    /// [`Sequential::get`], to be changed.
    ///
    /// # Errors
    /// If there is none.
    pub fn get_mut(&mut self, index: impl Position) -> Result<&mut dyn Forward> {
        let index = self.find(index)?;
        Ok(&mut *self.children[index].1)
    }

    /// The number of children; one that appears twice counts twice.
    pub fn len(&self) -> usize {
        self.children.len()
    }

    /// Whether there are no children.
    pub fn is_empty(&self) -> bool {
        self.children.is_empty()
    }

    /// The children in order; one that appears twice comes twice.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &dyn Forward> + ExactSizeIterator {
        self.children.iter().map(|c| &*c.1)
    }

    /// A new container over the *same* modules, which keep their names: PyTorch's `net[1:]`.
    /// Negative bounds count from the end; bounds beyond it are cut.
    pub fn slice(&self, range: impl RangeBounds<i64>) -> Sequential {
        let children = &self.children[slice_range(range, self.len())];
        Sequential {
            node: Node::new(),
            children: map_named(children, Field::share_field),
        }
    }

    /// Another handle to the same container and the same modules. Children that are later added
    /// to or taken from one of the two are not seen by the other.
    pub fn share(&self) -> Sequential {
        self.share_field()
    }

    /// A copy with parameters of its own; what is shared inside stays shared inside the copy.
    pub fn deep_copy(&self) -> Sequential {
        self.copy_field(&mut Memo::default())
    }
}

container!(Sequential, children, map_named);

impl Module for Sequential {
    fn visit<'a>(&'a self, v: Visitor<'_, 'a>) {
        for (name, child) in &self.children {
            child.visit_field(name, v);
        }
    }
    fn visit_mut<'a>(&'a mut self, v: VisitorMut<'_, 'a>) {
        for (name, child) in &mut self.children {
            child.visit_field_mut(name, v);
        }
    }
    fn type_name(&self) -> &'static str {
        "Sequential"
    }
    fn node(&self) -> Option<&Node> {
        Some(&self.node)
    }
}

impl Forward for Sequential {
    fn forward(&self, input: &Tensor) -> Result<Tensor> {
        Ok(self.forward_then(input, &[])?.0)
    }

    fn forward_then(&self, input: &Tensor, steps: &[Step<'_>]) -> Result<(Tensor, usize)> {
        chain::run(input, self.iter().map(Step::Call), steps)
    }
}

impl<M: Into<Box<dyn Forward>>> FromIterator<M> for Sequential {
    fn from_iter<I: IntoIterator<Item = M>>(modules: I) -> Self {
        let mut out = Self::new();
        out.extend(modules);
        out
    }
}

impl<M: Into<Box<dyn Forward>>> Extend<M> for Sequential {
    fn extend<I: IntoIterator<Item = M>>(&mut self, modules: I) {
        for module in modules {
            self.push(module);
        }
    }
}

/// # Panics
/// If there is no such child; see [`Sequential::get`].
impl<P: Position> Index<P> for Sequential {
    type Output = dyn Forward;
    #[track_caller]
    fn index(&self, index: P) -> &dyn Forward {
        or_panic(self.get(index))
    }
}

/// # Panics
/// If there is no such child; see [`Sequential::get_mut`].
impl<P: Position> IndexMut<P> for Sequential {
    #[track_caller]
    fn index_mut(&mut self, index: P) -> &mut dyn Forward {
        or_panic(self.get_mut(index))
    }
}

/// A [`Sequential`] of these modules: `sequential![a, b]`, or with names
/// `sequential!["conv" => a, "relu" => b]`.
#[macro_export]
macro_rules! sequential {
    ($($name:expr => $module:expr),+ $(,)?) => {
        $crate::Sequential::new()$(.append_named($name, $module))+
    };
    ($($module:expr),* $(,)?) => {
        $crate::Sequential::new()$(.append($module))*
    };
}
