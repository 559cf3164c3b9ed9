//! The linear map.

use pleach_core::{Result, Tensor};

/// `input · weightᵀ + bias`.
///
/// Shapes: input `[*, in]`, weight `[out, in]`, bias `[out]`, result `[*, out]`.
///
/// # Errors
/// If the sizes or dtypes do not fit together.
///
/// ```
/// use pleach::tensor;
/// use pleach::nn::functional as F;
/// let y = F::linear(&tensor![1.0, 2.0], &tensor![[3.0, 4.0]], Some(&tensor![0.5]))?;
/// assert_eq!(y.to_vec::<f32>()?, [11.5]);
/// # Ok::<(), pleach::Error>(())
/// ```
pub fn linear(input: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    input.linear(weight, bias)
}
