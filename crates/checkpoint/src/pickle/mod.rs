//! Pickles: the part of Python's object format that checkpoints use.
//!
//! [`machine`] runs a pickle's opcodes over its own stack. It makes [`node`]s: containers, numbers,
//! texts, and tensors that know which storage they are a view of. It calls nothing: the few
//! globals that it knows ([`globals`]) are names for such nodes. Then, when the tensors' data has
//! been read, [`tree`] makes a [`Value`](crate::Value) of the nodes. [`write`] is the way back.

mod cursor;
mod fault;
mod globals;
mod lines;
mod machine;
mod measure;
mod node;
mod numpy;
mod objects;
mod rebuild;
mod tree;
mod write;

pub(crate) use machine::{Pickled, run};
pub(crate) use node::{Item, Node, StorageRef};
pub(crate) use tree::{ScriptClasses, build};
pub(crate) use write::{MOST_DEPTH, Saved, too_deep, write};
