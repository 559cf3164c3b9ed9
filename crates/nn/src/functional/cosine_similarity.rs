//! The cosine of the angle between vectors.

use pleach_core::{Error, Result, Tensor, no_grad};

/// `x₁ · x₂ / (max(‖x₁‖, eps) max(‖x₂‖, eps))` along a dimension of two tensors that are broadcast
/// together. PyTorch's defaults are `dim = 1`, `eps = 1e-8`.
///
/// # Errors
/// If the shapes cannot be broadcast together, the dimension does not exist, or neither tensor is
/// of a float type.
///
/// ```
/// use pleach::tensor;
/// use pleach::nn::functional as F;
/// let y = F::cosine_similarity(&tensor![[3.0, 4.0]], &tensor![[6.0, 8.0], [4.0, -3.0]], 1, 1e-8)?;
/// assert!((y.to_vec::<f32>()?[0] - 1.0).abs() < 1e-6);
/// assert_eq!(y.to_vec::<f32>()?[1], 0.0);
/// # Ok::<(), pleach::Error>(())
/// ```
pub fn cosine_similarity(x1: &Tensor, x2: &Tensor, dim: i64, eps: f64) -> Result<Tensor> {
    // The product of the detached tensors has the common dtype and shape.
    let common = x1.detach().mul(x2.detach())?;
    if !common.dtype().is_float() {
        return Err(Error::dtype(format!(
            "expected common dtype to be floating point, yet common dtype is {}",
            common.dtype().torch_name()
        )));
    }
    let full = |x: &Tensor| match x.dtype().is_float() {
        true => x.broadcast_to(common.shape()),
        false => x.to_dtype(common.dtype())?.broadcast_to(common.shape()),
    };
    let unit = |x: Tensor| -> Result<Tensor> {
        let mut norm = x.norm_dim(2.0, dim, true)?;
        // The bound is no part of the graph: the gradient is that of the norm.
        no_grad(|| norm.clamp_(eps, None).map(drop))?;
        x.div(&norm)
    };
    unit(full(x1)?)?.mul(&unit(full(x2)?)?)?.sum_dim(dim, false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use pleach_core::autograd::gradcheck;

    #[test]
    fn gradients_are_right_also_when_broadcast() {
        let x = Tensor::from_slice(&[1.0f64, -2.0, 0.5, 3.0, 0.7, -0.2], [2, 3]).unwrap();
        let y = Tensor::from_slice(&[0.3f64, 1.1, -0.9], [3]).unwrap();
        gradcheck(|x| cosine_similarity(&x[0], &x[1], 1, 1e-8), &[x, y]).unwrap();
    }
}
