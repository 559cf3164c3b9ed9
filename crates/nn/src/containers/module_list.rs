//! [`ModuleList`]: modules in a list, without a forward of its own.

use std::ops::{Index, IndexMut, RangeBounds};

use pleach_core::Result;

use super::{Position, insert_position, map_list, slice_range};
use crate::field::{Field, Memo, Visitor, VisitorMut};
use crate::or_panic::or_panic;
use crate::{Module, Node};

/// Modules of any types, named by their positions. (For modules of one type, a plain `Vec<Block>`
/// field is a `ModuleList` in the tree, and keeps their type.)
///
/// In print, equal neighbours are one line.
///
/// ```
/// use pleach_nn::{Module, ModuleList, Sequential};
/// let list: ModuleList = (0..3).map(|_| Sequential::new()).collect();
/// assert_eq!(list.to_string(), "ModuleList(\n  (0-2): 3 x Sequential()\n)");
/// assert_eq!(list[-1].type_name(), "Sequential");
/// ```
pub struct ModuleList {
    node: Node,
    children: Vec<Box<dyn Module>>,
}

impl ModuleList {
    /// An empty list.
    pub fn new() -> Self {
        ModuleList {
            node: Node::new(),
            children: Vec::new(),
        }
    }

    /// Adds a module at the end, and returns the list.
    #[must_use = "append returns the list; push changes it in place"]
    pub fn append(mut self, module: impl Into<Box<dyn Module>>) -> Self {
        self.push(module);
        self
    }

    /// Adds a module at the end.
    pub fn push(&mut self, module: impl Into<Box<dyn Module>>) {
        self.children.push(module.into());
    }

    /// Puts a module before the one at `index` (negative counts from the end).
    ///
    /// # Errors
    /// If `index` is not within `-len ..= len`.
    pub fn insert(&mut self, index: i64, module: impl Into<Box<dyn Module>>) -> Result<()> {
        let index = insert_position(index, self.len())?;
        self.children.insert(index, module.into());
        Ok(())
    }

    /// Replaces the module at a position, and returns the old one.
    ///
    /// # Errors
    /// If there is no such position.
    pub fn set(
        &mut self,
        index: impl Position,
        module: impl Into<Box<dyn Module>>,
    ) -> Result<Box<dyn Module>> {
        let index = self.find(index)?;
        Ok(std::mem::replace(&mut self.children[index], module.into()))
    }

    /// Takes a module out.
    ///
    /// # Errors
    /// If there is no such position.
    pub fn remove(&mut self, index: impl Position) -> Result<Box<dyn Module>> {
        let index = self.find(index)?;
        Ok(self.children.remove(index))
    }

    /// Takes the last module out.
    pub fn pop(&mut self) -> Option<Box<dyn Module>> {
        self.children.pop()
    }

    fn find(&self, index: impl Position) -> Result<usize> {
        let names: Vec<String> = (0..self.len()).map(|i| i.to_string()).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        index.find(&names)
    }

    /// The module at a position; negative counts from the end.
    ///
    /// # Errors
    /// If there is none: `index 1 is out of range`.
    pub fn get(&self, index: impl Position) -> Result<&dyn Module> {
        Ok(&*self.children[self.find(index)?])
    }

    /// [`ModuleList::get`], to be changed.
    ///
    /// # Errors
    /// If there is none.
    pub fn get_mut(&mut self, index: impl Position) -> Result<&mut dyn Module> {
        let index = self.find(index)?;
        Ok(&mut *self.children[index])
    }

    /// The number of children.
    pub fn len(&self) -> usize {
        self.children.len()
    }

    /// Whether there are no children.
    pub fn is_empty(&self) -> bool {
        self.children.is_empty()
    }

    /// The children in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &dyn Module> + ExactSizeIterator {
        self.children.iter().map(|c| &**c)
    }

    /// The children in order, to be changed.
    pub fn iter_mut(
        &mut self,
    ) -> impl DoubleEndedIterator<Item = &mut dyn Module> + ExactSizeIterator {
        self.children.iter_mut().map(|c| &mut **c)
    }

    /// A new list over the *same* modules, numbered from 0.
    pub fn slice(&self, range: impl RangeBounds<i64>) -> ModuleList {
        let children = &self.children[slice_range(range, self.len())];
        children.iter().map(Field::share_field).collect()
    }

    /// Another handle to the same list and the same modules. Children that are later added to or
    /// taken from one of the two are not seen by the other.
    pub fn share(&self) -> ModuleList {
        self.share_field()
    }

    /// A copy with parameters of its own; what is shared inside stays shared inside the copy.
    pub fn deep_copy(&self) -> ModuleList {
        self.copy_field(&mut Memo::default())
    }
}

container!(ModuleList, children, map_list);

impl Module for ModuleList {
    fn visit<'a>(&'a self, v: Visitor<'_, 'a>) {
        self.children.visit(v);
    }
    fn visit_mut<'a>(&'a mut self, v: VisitorMut<'_, 'a>) {
        self.children.visit_mut(v);
    }
    fn type_name(&self) -> &'static str {
        "ModuleList"
    }
    fn node(&self) -> Option<&Node> {
        Some(&self.node)
    }
    fn collapses(&self) -> bool {
        true
    }
}

impl<M: Into<Box<dyn Module>>> FromIterator<M> for ModuleList {
    fn from_iter<I: IntoIterator<Item = M>>(modules: I) -> Self {
        ModuleList {
            node: Node::new(),
            children: modules.into_iter().map(Into::into).collect(),
        }
    }
}

impl<M: Into<Box<dyn Module>>> Extend<M> for ModuleList {
    fn extend<I: IntoIterator<Item = M>>(&mut self, modules: I) {
        self.children.extend(modules.into_iter().map(Into::into));
    }
}

/// # Panics
/// If there is no such child; see [`ModuleList::get`].
impl<P: Position> Index<P> for ModuleList {
    type Output = dyn Module;
    #[track_caller]
    fn index(&self, index: P) -> &dyn Module {
        or_panic(self.get(index))
    }
}

/// # Panics
/// If there is no such child; see [`ModuleList::get_mut`].
impl<P: Position> IndexMut<P> for ModuleList {
    #[track_caller]
    fn index_mut(&mut self, index: P) -> &mut dyn Module {
        or_panic(self.get_mut(index))
    }
}
