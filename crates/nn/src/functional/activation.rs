//! Activation functions.

use pleach_core::{Result, Tensor};

/// `max(x, 0)`; the gradient at 0 is 0. Any shape.
///
/// # Errors
/// If the tensor is bool.
///
/// ```
/// use pleach::tensor;
/// use pleach::nn::functional as F;
/// assert_eq!(F::relu(&tensor![-1.0, 0.0, 2.0])?.to_vec::<f32>()?, [0.0, 0.0, 2.0]);
/// # Ok::<(), pleach::Error>(())
/// ```
pub fn relu(input: &Tensor) -> Result<Tensor> {
    input.relu()
}

/// `exp(x) / Σ exp(x)` along a dimension. Any shape.
///
/// # Errors
/// If the dimension does not exist.
///
/// ```
/// use pleach::tensor;
/// use pleach::nn::functional as F;
/// assert_eq!(F::softmax(&tensor![1.0, 1.0], 0)?.to_vec::<f32>()?, [0.5, 0.5]);
/// # Ok::<(), pleach::Error>(())
/// ```
pub fn softmax(input: &Tensor, dim: i64) -> Result<Tensor> {
    input.softmax(dim)
}

/// `x - ln Σ exp(x)` along a dimension. Any shape.
///
/// # Errors
/// If the dimension does not exist.
///
/// ```
/// use pleach::tensor;
/// use pleach::nn::functional as F;
/// let y = F::log_softmax(&tensor![1.0, 1.0], 0)?;
/// assert_eq!(y.to_vec::<f32>()?, [-0.6931472; 2]); // ln 0.5
/// # Ok::<(), pleach::Error>(())
/// ```
pub fn log_softmax(input: &Tensor, dim: i64) -> Result<Tensor> {
    input.log_softmax(dim)
}
