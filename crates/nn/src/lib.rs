//! The module tree, layers and losses of pleach.
//!
//! [`Module`] is the tree, [`Forward`] what a layer computes, [`layers`] the layers, [`losses`]
//! the losses, [`functional`] both as functions, [`Sequential`] and [`ModuleList`] the
//! containers.

#![forbid(unsafe_code)]

// The derive macro writes paths below `::pleach`.
extern crate self as pleach;

mod activations;
mod backward_hooks;
mod call;
mod chain;
mod containers;
mod display;
mod field;
mod forward;
pub mod functional;
mod fuse;
mod hooks;
pub mod layers;
pub mod losses;
mod member;
mod module;
mod node;
mod or_panic;
mod place;
mod scope;
mod setters;
mod setting;
mod state_dict;
mod summary;
mod walk;

pub use call::{Arguments, Output, Tensors};
pub use chain::Chain;
pub use containers::{ModuleDict, ModuleList, ParameterDict, Position, Sequential};
pub use forward::{Addend, Forward, ForwardMany, Step};
pub use fuse::{fuse, fuse_conv_bn};
pub use hooks::HookResult;
pub use member::{Member, MemberMut};
pub use module::{HasMode, Module, ModuleExt};
pub use node::{Node, same};
pub use pleach_derive::Module;
pub use pleach_kernels::Activation;
pub use setting::Setting;
pub use state_dict::{IncompatibleKeys, LoadReport, ShapeMismatch, StateDict, Versions};
pub use summary::{Summary, SummaryColumn, SummaryRow, summary, summary_of};
pub use walk::Listing;

/// What `#[derive(Module)]` expands to.
#[doc(hidden)]
pub mod __derive {
    pub use crate::display::fmt_module;
    pub use crate::field::{Field, Memo, PlainValue, Visitor, VisitorMut};
    pub use crate::module::{AsModule, HasMode};
    pub use crate::{Member, MemberMut, Module, Node};
}
