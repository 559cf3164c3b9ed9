//! [`ModuleDict`]: modules by name, without a forward of its own.

use std::ops::{Index, IndexMut};

use pleach_core::{ErrorKind, Result};

use super::children::Children;
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
#[derive(Module, Default)]
pub struct ModuleDict {
    node: Node,
    children: Children<Box<dyn Module>>,
}

by_name!(
    ModuleDict,
    Box<dyn Module>,
    dyn Module,
    "there is no module `{name}`"
);
