//! [`BatchNorm2d`].

use pleach_core::{Buffer, DType, Error, Parameter, Result, Tensor};

use super::batch_norm_state;
use crate::{Forward, Module, Node, Setting};

/// Batch normalisation of images: each channel is brought to mean 0 and variance 1 over batch and
/// pixels, then scaled and shifted:
///
/// ```text
/// y = (x - mean) / sqrt(var + eps) · weight + bias
/// ```
///
/// Shapes: input and output `[N, num_features, H, W]`.
///
/// In training mode, mean and (biased) variance are the batch's, and the running statistics are
/// moved towards them, the variance towards the unbiased one:
/// `running = (1 - momentum) · running + momentum · batch`. With a momentum of `None`, they are the
/// average over all batches so far. In evaluation mode the running statistics are used, if there
/// are any.
///
/// ```
/// use pleach_core::{Tensor, tensor};
/// use pleach_nn::{Forward, Module, layers::BatchNorm2d};
///
/// let norm = BatchNorm2d::builder(1).eps(1e-12).build()?;
/// let x = tensor![1.0, 5.0].reshape([2, 1, 1, 1])?;
/// assert_eq!(norm.call(&x)?.to_vec::<f32>()?, [-1.0, 1.0]);
/// let (mean, var) = (norm.running_mean.as_ref().unwrap(), norm.running_var.as_ref().unwrap());
/// assert_eq!(mean.tensor().to_vec::<f32>()?, [0.3]); // 0.9 · 0 + 0.1 · 3
/// assert_eq!(var.tensor().to_vec::<f32>()?, [1.7]); // 0.9 · 1 + 0.1 · 8
/// norm.eval();
/// assert_eq!(norm.call(&Tensor::full([1, 1, 1, 1], 0.3))?.item()?, 0.0);
/// # Ok::<(), pleach_core::Error>(())
/// ```
#[derive(Module)]
#[module(extra_repr, version = 2)]
pub struct BatchNorm2d {
    node: Node,
    /// Channels of the input.
    pub num_features: usize,
    eps: Setting<f64>,
    momentum: Setting<Option<f64>>,
    /// The scale, `[num_features]`.
    pub weight: Option<Parameter>,
    /// The shift, `[num_features]`.
    pub bias: Option<Parameter>,
    /// The running mean, `[num_features]`.
    pub running_mean: Option<Buffer>,
    /// The running variance, `[num_features]`.
    pub running_var: Option<Buffer>,
    /// How many batches were seen in training mode; i64, 0-d.
    pub num_batches_tracked: Option<Buffer>,
    /// Whether it was folded into the layer before it, and returns its input.
    folded: bool,
}

batch_norm_state::batch_norm! {
    BatchNorm2d, BatchNorm2dBuilder,
    |input| match input.rank() {
        4 => Ok(()),
        rank => Err(Error::value(format!("expected 4D input (got {rank}D input)"))),
    }
}
