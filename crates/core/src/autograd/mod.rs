//! Reverse-mode differentiation: operations are recorded as they run and walked backwards.
//!
//! What runs is an [`Operation`], a value; [`apply`] is the one place that runs it. A tensor that needs
//! a gradient holds a [`Node`], PyTorch's `grad_fn`: the operation, what it keeps, and where its inputs
//! came from. With [`Options::CREATE_GRAPH`] the walk is recorded itself, so that gradients have
//! gradients. [`trace`](mod@trace) lists what runs, [`profiler`] times it, and [`detect_anomaly`] finds
//! the operation whose gradient is not a number; all three know the [`ModuleCall`] it ran in.

mod alias;
mod anomaly;
mod apply;
mod by_parts;
mod checkpoint;
mod engine;
pub mod functional;
mod gradcheck;
mod mode;
mod module_call;
mod module_scope;
mod node;
mod operation;
pub mod profiler;
mod saved;
mod signature;
mod tensor;
pub mod trace;

pub(crate) use alias::Alias;
pub use anomaly::detect_anomaly;
pub use apply::apply;
pub use checkpoint::{CheckpointOptions, checkpoint, checkpoint_with};
pub use engine::{Grads, Options, backward, grad, grad_allow_unused};
pub use gradcheck::{gradcheck, gradgradcheck};
pub(crate) use mode::mode;
pub use mode::{enable_grad, is_grad_enabled, no_grad};
pub use module_call::{ModuleCall, current_call, is_watched};
pub use module_scope::ModuleScope;
pub use operation::{
    AnyOperation, Attribute, Attributes, GradOf, GradsOf, Operation, Rules, Types,
};
pub use saved::{Call, Own, Saved, Saves};
pub use signature::{Input, Inputs, Many, Outputs};
pub(crate) use tensor::check_grad;

pub use crate::tensor::{InputGrads, Node};
