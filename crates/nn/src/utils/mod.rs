//! `torch.nn.utils`: gradients clipped, parameters as one vector, layers folded together, layers made
//! without initial values, parameters that are computed of others ([`parametrize`], [`parametrizations`],
//! [`prune`]); and `torch.utils.checkpoint`.

mod checkpoint;
mod clip_grad;
mod convert_parameters;
pub mod parametrizations;
pub mod parametrize;
pub mod prune;

pub use checkpoint::checkpoint_sequential;
pub use clip_grad::{
    ClipGradNorm, clip_grad_norm_, clip_grad_value_, clip_grads_with_norm_, get_total_norm,
};
pub use convert_parameters::{parameters_to_vector, vector_to_parameters};
pub use pleach_core::autograd::{CheckpointOptions, checkpoint, checkpoint_with};
pub use pleach_core::skip_init;

pub use crate::fuse::{fuse_conv_bn as fuse_conv_bn_eval, fuse_linear_bn as fuse_linear_bn_eval};
