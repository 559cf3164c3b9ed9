//! [`ModuleList`]: modules in a list, without a forward of its own.

use std::ops::{Index, IndexMut, RangeBounds};

use pleach_core::Result;

use super::Position;
use super::children::Children;
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
#[derive(Module, Default)]
#[module(collapses)]
pub struct ModuleList {
    node: Node,
    children: Children<Box<dyn Module>>,
}

by_position!(ModuleList, Module);

impl ModuleList {
    /// A new list over the *same* modules, numbered from 0. Negative bounds count from the end;
    /// bounds beyond it are cut.
    pub fn slice(&self, range: impl RangeBounds<i64>) -> ModuleList {
        let mut children = self.children.slice(range);
        children.renumber();
        ModuleList {
            node: Node::new(),
            children,
        }
    }
}
