//! A [`Sequential`] in parts whose values are computed again in backward.

use pleach_core::autograd::{CheckpointOptions, checkpoint_with};
use pleach_core::{Error, Result, Tensor};

use crate::{Forward, Sequential};

/// Calls a [`Sequential`] in `segments` parts, of which all but the last keep only their input for
/// backward: see [`checkpoint`](super::checkpoint).
///
/// ```
/// use pleach::Tensor;
/// use pleach::nn::{Module, layers::{Linear, ReLU}, sequential};
/// use pleach::nn::utils::{CheckpointOptions, checkpoint_sequential};
/// let net = sequential![Linear::new(4, 8), ReLU::new(), Linear::new(8, 8), ReLU::new()];
/// let out = checkpoint_sequential(&net, 2, &Tensor::ones([3, 4]), CheckpointOptions::new())?;
/// out.sum()?.backward()?;
/// assert!(net.parameters().iter().all(|p| p.grad().is_some()));
/// # Ok::<(), pleach::Error>(())
/// ```
///
/// # Errors
/// If there are no segments or more than layers, or as the layers.
pub fn checkpoint_sequential(
    net: &Sequential,
    segments: usize,
    input: &Tensor,
    options: CheckpointOptions,
) -> Result<Tensor> {
    let size = net.len().checked_div(segments).unwrap_or(0);
    if size == 0 {
        return Err(Error::value(format!(
            "{} layers do not make {segments} segments",
            net.len()
        )));
    }
    let mut input = input.clone();
    let mut begin = 0;
    for _ in 1..segments {
        let end = begin + size;
        let part = net.slice(begin as i64..end as i64);
        input = checkpoint_with(options.clone(), move |x: &Tensor| part.call(x), &input)?;
        begin = end;
    }
    net.slice(begin as i64..).call(&input)
}
