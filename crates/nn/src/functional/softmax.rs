//! Relatives of the softmax.

use pleach_core::{Result, Tensor};

/// `exp(-x) / Σ exp(-x)` along a dimension. Any shape.
///
/// # Errors
/// If the dimension does not exist, or the dtype is not a float type.
///
/// ```
/// use pleach::tensor;
/// use pleach::nn::functional as F;
/// assert_eq!(F::softmin(&tensor![1.0, 1.0], 0)?.to_vec::<f32>()?, [0.5, 0.5]);
/// # Ok::<(), pleach::Error>(())
/// ```
pub fn softmin(input: &Tensor, dim: i64) -> Result<Tensor> {
    input.neg()?.softmax(dim)
}

/// A sample of a distribution given by logits, that gradients go through (Jang et al. 2016): the softmax
/// of `(logits + noise) / tau` along a dimension, where the noise is drawn from the Gumbel distribution.
/// With `hard` it is one for the largest and zero for the others, with the gradient of the soft one.
/// Any shape. PyTorch's defaults are `tau = 1`, `hard = false`, `dim = -1`.
///
/// # Errors
/// If the dimension does not exist, or the dtype is not a float type.
///
/// ```
/// use pleach::{manual_seed, tensor};
/// use pleach::nn::functional as F;
/// manual_seed(0);
/// let sample = F::gumbel_softmax(&tensor![[1.0, 2.0, 3.0]], 1.0, true, -1)?;
/// assert_eq!(sample.sum()?.item()?, 1.0);
/// # Ok::<(), pleach::Error>(())
/// ```
pub fn gumbel_softmax(logits: &Tensor, tau: f64, hard: bool, dim: i64) -> Result<Tensor> {
    let mut noise = Tensor::try_zeros_of(logits.shape(), logits.dtype())?;
    noise.exponential_(1.0)?;
    let noise = noise.log()?.neg()?;
    let soft = logits.add(&noise)?.div(tau)?.softmax(dim)?;
    if !hard {
        return Ok(soft);
    }
    let (_, largest) = soft.detach().max_dim(dim, true)?;
    let zeros = Tensor::try_zeros_of(logits.shape(), logits.dtype())?;
    let one_hot = zeros.scatter(dim, &largest, 1.0)?;
    one_hot.sub(soft.detach())?.add(&soft)
}
