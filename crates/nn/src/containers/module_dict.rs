//! [`ModuleDict`]: modules by name, without a forward of its own.

use std::ops::{Index, IndexMut};

use pleach_core::{ErrorKind, Result};

use super::IntoModule;
use super::children::{Children, Value};
use crate::or_panic::or_panic;
use crate::{Forward, Module, Node};

/// Modules of any types by name, in the order of insertion.
///
/// It holds modules that can be called with one tensor; a `ModuleDict<dyn Module>` holds any
/// module.
///
/// ```
/// use pleach::Tensor;
/// use pleach::nn::{Forward, Module, ModuleDict, layers::{Linear, ReLU}};
/// let mut heads = ModuleDict::new();
/// heads.insert("cats", Linear::new(4, 2))?;
/// heads.insert("act", ReLU::new())?;
/// assert_eq!(
///     heads.to_string(),
///     "ModuleDict(\n  (cats): Linear(in_features=4, out_features=2, bias=True)\n  (act): ReLU()\n)"
/// );
/// assert_eq!(heads["cats"].call(&Tensor::ones([3, 4]))?.shape(), [3, 2]);
/// assert!(heads.insert("a.b", ReLU::new()).is_err());
/// # Ok::<(), pleach::Error>(())
/// ```
#[derive(Module)]
#[module(debug)]
pub struct ModuleDict<M: ?Sized = dyn Forward> {
    node: Node,
    children: Children<Box<M>>,
}

impl ModuleDict {
    /// An empty dictionary. (One of any modules is `ModuleDict::<dyn Module>::default()`.)
    pub fn new() -> Self {
        Self::default()
    }
}

impl<M: ?Sized> Default for ModuleDict<M> {
    fn default() -> Self {
        ModuleDict {
            node: Node::new(),
            children: Children::default(),
        }
    }
}

by_name!(
    ModuleDict[M],
    Box<M>,
    M,
    "there is no module `{name}`",
    impl IntoModule<M> => IntoModule::into_module
);
