//! [`ModuleList`]: modules in a list, without a forward of its own.

use std::ops::{Index, IndexMut, RangeBounds};

use pleach_core::Result;

use super::children::{Children, Value};
use super::{IntoModule, Position};
use crate::or_panic::or_panic;
use crate::{Forward, Module, Node};

/// Modules of any types, named by their positions. (For modules of one type, a plain `Vec<Block>`
/// field is a `ModuleList` in the tree, and keeps their type.)
///
/// It holds modules that can be called with one tensor; a `ModuleList<dyn Module>` holds any
/// module. In print, equal neighbours are one line.
///
/// ```
/// use pleach::Tensor;
/// use pleach::nn::{Forward, Module, ModuleExt, ModuleList, layers::Linear};
/// let layers: ModuleList = (0..3).map(|_| Linear::new(4, 4)).collect();
/// assert_eq!(
///     layers.to_string(),
///     "ModuleList(\n  (0-2): 3 x Linear(in_features=4, out_features=4, bias=True)\n)"
/// );
/// let mut x = Tensor::ones([2, 4]);
/// for i in 0..layers.len() {
///     x = layers[i].call(&x)?;
/// }
/// let last: &Linear = layers[-1].downcast_ref().expect("it was made as one");
/// assert_eq!(last.out_features, 4);
///
/// let lists: ModuleList<dyn Module> = [layers].into_iter().collect(); // a list cannot be called
/// assert_eq!(lists[0].type_name(), "ModuleList");
/// # Ok::<(), pleach::Error>(())
/// ```
#[derive(Module)]
#[module(collapses, debug)]
pub struct ModuleList<M: ?Sized = dyn Forward> {
    node: Node,
    children: Children<Box<M>>,
}

impl ModuleList {
    /// An empty list. (One of any modules is `ModuleList::<dyn Module>::default()`.)
    pub fn new() -> Self {
        Self::default()
    }
}

impl<M: ?Sized> Default for ModuleList<M> {
    fn default() -> Self {
        ModuleList {
            node: Node::new(),
            children: Children::default(),
        }
    }
}

by_position!(ModuleList[M], Box<M>, M, (IntoModule<M>) => IntoModule::into_module);

impl<M: ?Sized> ModuleList<M>
where
    Box<M>: Value<Target = M>,
{
    /// A new list over the *same* modules, numbered from 0. Negative bounds count from the end;
    /// bounds beyond it are cut.
    pub fn slice(&self, range: impl RangeBounds<i64>) -> Self {
        let mut children = self.children.slice(range);
        children.renumber();
        ModuleList {
            node: Node::new(),
            children,
        }
    }
}
