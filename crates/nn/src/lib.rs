//! The module tree, layers and losses of pleach.
//!
//! [`Module`] is the tree, [`Forward`] what a layer computes, [`layers`] the layers, [`losses`]
//! the losses, [`functional`] both as functions, [`Sequential`] and [`ModuleList`] the
//! containers.

#![forbid(unsafe_code)]

// The derive macro writes paths below `::pleach`.
extern crate self as pleach;

mod activations;
mod arguments;
mod backward_hooks;
mod call;
mod chain;
mod containers;
mod display;
mod duplication;
mod field;
mod forward;
pub mod functional;
mod fuse;
mod hooks;
pub mod layers;
mod listing;
pub mod losses;
mod module;
mod or_panic;
mod parametrized;
mod paths;
mod place;
mod scope;
mod setters;
mod setting;
mod state_dict;
mod summary;
pub mod utils;
mod walk;
mod wrapper;

pub use arguments::{Arguments, Output, Tensors};
pub use chain::Chain;
pub use containers::{
    IntoModule, ModuleDict, ModuleList, ParameterDict, ParameterList, Position, Sequential,
};
pub use duplication::Duplication;
pub use forward::{Addend, Forward, ForwardMany, Step};
pub use fuse::{fuse, fuse_conv_bn};
pub use hooks::HookResult;
pub use listing::Listing;
pub use module::{
    Added, ChildMut, Field, HasMode, Member, MemberMut, Module, ModuleExt, NewModule, Node,
    Visitor, VisitorMut, same,
};
pub use pleach_derive::Module;
pub use pleach_kernels::Activation;
pub use setting::Setting;
pub use state_dict::{IncompatibleKeys, LoadReport, ShapeMismatch, StateDict, Versions};
pub use summary::{Summary, SummaryColumn, SummaryRow, summary, summary_of};

/// What `#[derive(Module)]` expands to.
#[doc(hidden)]
pub mod __derive {
    pub use crate::module::{AsModule, HasMode};
    pub use crate::{Duplication, Field, Member, MemberMut, Module, Node};
}
