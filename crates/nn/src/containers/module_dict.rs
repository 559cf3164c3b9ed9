//! [`ModuleDict`]: modules by name, without a forward of its own.

use std::ops::{Index, IndexMut};

use pleach_core::{ErrorKind, Result};

use super::{check_name, insert_named, map_named};
use crate::field::{Field, Memo, Visitor, VisitorMut};
use crate::or_panic::or_panic;
use crate::{Module, Node};

/// Modules of any types by name, in the order of insertion.
///
/// ```
/// use pleach_nn::{Module, ModuleDict, layers::{Linear, ReLU}};
/// let mut heads = ModuleDict::new();
/// heads.insert("cats", Linear::new(4, 2))?;
/// heads.insert("act", ReLU::new())?;
/// assert_eq!(
///     heads.to_string(),
///     "ModuleDict(\n  (cats): Linear(in_features=4, out_features=2, bias=True)\n  (act): ReLU()\n)"
/// );
/// assert_eq!(heads["act"].type_name(), "ReLU");
/// assert!(heads.insert("a.b", ReLU::new()).is_err());
/// # Ok::<(), pleach_core::Error>(())
/// ```
pub struct ModuleDict {
    node: Node,
    children: Vec<(String, Box<dyn Module>)>,
}

impl ModuleDict {
    /// An empty dictionary.
    pub fn new() -> Self {
        ModuleDict {
            node: Node::new(),
            children: Vec::new(),
        }
    }

    /// Sets the module of a name, and returns the old one, whose place it takes; a new name goes
    /// to the end.
    ///
    /// # Errors
    /// If the name is empty or contains a dot.
    pub fn insert(
        &mut self,
        name: impl Into<String>,
        module: impl Into<Box<dyn Module>>,
    ) -> Result<Option<Box<dyn Module>>> {
        let name = name.into();
        check_name("module", &name)?;
        Ok(insert_named(&mut self.children, name, module.into()))
    }

    /// Takes the module of a name out; the others keep their order.
    pub fn remove(&mut self, name: &str) -> Option<Box<dyn Module>> {
        let position = self.children.iter().position(|c| c.0 == name)?;
        Some(self.children.remove(position).1)
    }

    /// Takes all modules out.
    pub fn clear(&mut self) {
        self.children.clear();
    }

    /// The module of a name.
    ///
    /// # Errors
    /// If there is none.
    pub fn get(&self, name: &str) -> Result<&dyn Module> {
        let found = self.children.iter().find(|c| c.0 == name);
        found.map(|c| &*c.1).ok_or_else(|| no_such(name))
    }

    /// [`ModuleDict::get`], to be changed.
    ///
    /// # Errors
    /// If there is none.
    pub fn get_mut(&mut self, name: &str) -> Result<&mut dyn Module> {
        let found = self.children.iter_mut().find(|c| c.0 == name);
        found.map(|c| &mut *c.1).ok_or_else(|| no_such(name))
    }

    /// Whether there is a module of this name.
    pub fn contains_key(&self, name: &str) -> bool {
        self.children.iter().any(|c| c.0 == name)
    }

    /// The number of modules.
    pub fn len(&self) -> usize {
        self.children.len()
    }

    /// Whether there are no modules.
    pub fn is_empty(&self) -> bool {
        self.children.is_empty()
    }

    /// The names in order.
    pub fn keys(&self) -> impl DoubleEndedIterator<Item = &str> + ExactSizeIterator {
        self.children.iter().map(|c| c.0.as_str())
    }

    /// The modules in order.
    pub fn values(&self) -> impl DoubleEndedIterator<Item = &dyn Module> + ExactSizeIterator {
        self.children.iter().map(|c| &*c.1)
    }

    /// The names and modules in order: PyTorch's `items()`.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&str, &dyn Module)> + ExactSizeIterator {
        self.children.iter().map(|c| (c.0.as_str(), &*c.1))
    }

    /// [`ModuleDict::iter`], with modules to be changed.
    pub fn iter_mut(
        &mut self,
    ) -> impl DoubleEndedIterator<Item = (&str, &mut dyn Module)> + ExactSizeIterator {
        self.children.iter_mut().map(|c| (c.0.as_str(), &mut *c.1))
    }

    /// Another handle to the same dictionary and the same modules. Children that are later added
    /// to or taken from one of the two are not seen by the other.
    pub fn share(&self) -> ModuleDict {
        self.share_field()
    }

    /// A copy with parameters of its own; what is shared inside stays shared inside the copy.
    pub fn deep_copy(&self) -> ModuleDict {
        self.copy_field(&mut Memo::default())
    }
}

fn no_such(name: &str) -> pleach_core::Error {
    ErrorKind::Name(format!("there is no module `{name}`")).into()
}

container!(ModuleDict, children, map_named);

impl Module for ModuleDict {
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
        "ModuleDict"
    }
    fn node(&self) -> Option<&Node> {
        Some(&self.node)
    }
}

/// # Panics
/// If there is no such module; see [`ModuleDict::get`].
impl Index<&str> for ModuleDict {
    type Output = dyn Module;
    #[track_caller]
    fn index(&self, name: &str) -> &dyn Module {
        or_panic(self.get(name))
    }
}

/// # Panics
/// If there is no such module; see [`ModuleDict::get_mut`].
impl IndexMut<&str> for ModuleDict {
    #[track_caller]
    fn index_mut(&mut self, name: &str) -> &mut dyn Module {
        or_panic(self.get_mut(name))
    }
}
