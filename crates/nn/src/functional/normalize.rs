//! Vectors of length 1.

use pleach_core::{Dims, Result, Tensor};

/// `x / max(‖x‖ₚ, eps)` along a dimension, or over several. Any shape. PyTorch's defaults are `p = 2.0`, `dim = 1`,
/// `eps = 1e-12`.
///
/// # Errors
/// If a dimension does not exist, or the dtype is not a float type.
///
/// ```
/// use pleach::tensor;
/// use pleach::nn::functional as F;
/// let y = F::normalize(&tensor![[3.0, 4.0]], 2.0, 1, 1e-12)?;
/// assert_eq!(y.to_vec::<f32>()?, [0.6, 0.8]);
/// # Ok::<(), pleach::Error>(())
/// ```
pub fn normalize(input: &Tensor, p: f64, dim: impl Dims, eps: f64) -> Result<Tensor> {
    input.div(&input.norm_dim(p, dim, true)?.clamp(eps, None)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use pleach_core::autograd::gradcheck;

    #[test]
    fn gradients_are_right_for_several_norms() {
        let x = Tensor::from_slice(&[1.0f64, -2.0, 0.5, 3.0, 0.7, -0.2], [2, 3]).unwrap();
        for p in [1.0, 2.0, 3.0] {
            gradcheck(|x| normalize(&x[0], p, 1, 1e-12), std::slice::from_ref(&x)).unwrap();
            gradcheck(|x| normalize(&x[0], p, 0, 1e-12), &[x.t().unwrap()]).unwrap();
        }
        // A zero row stays zero.
        assert_eq!(
            normalize(&Tensor::zeros([1, 2]), 2.0, 1, 1e-12)
                .unwrap()
                .to_vec::<f32>()
                .unwrap(),
            [0.0; 2]
        );
    }
}
