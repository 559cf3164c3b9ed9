//! [`relu6`].

use pleach_core::autograd::apply;
use pleach_core::{DType, ElementWise, Error, Result, Tensor};
use pleach_kernels::Function;

/// `min(max(x, 0), 6)`; the gradient at 0 and at 6 is 0, nan stays nan. Any shape.
///
/// # Errors
/// If the dtype does not compute.
///
/// ```
/// use pleach::tensor;
/// use pleach::nn::functional as F;
/// assert_eq!(F::relu6(&tensor![-1.0, 2.0, 7.0])?.to_vec::<f32>()?, [0.0, 2.0, 6.0]);
/// # Ok::<(), pleach::Error>(())
/// ```
pub fn relu6(input: &Tensor) -> Result<Tensor> {
    match input.dtype() {
        DType::Bool => return Err(Error::dtype("Bool inputs not supported for hardtanh")),
        dtype if !dtype.is_float() => return input.clamp(0, 6),
        _ => {}
    }
    let relu6 = ElementWise {
        function: Function::Hardtanh {
            min_val: 0.0,
            max_val: 6.0,
        },
        name: "relu6",
        grad_name: "HardtanhBackward0",
    };
    apply(relu6, input)
}

#[cfg(test)]
mod tests {
    use super::*;
    use pleach_core::autograd::gradcheck;

    #[test]
    fn the_gradient_is_right_between_and_beyond_the_bounds() {
        let x = Tensor::from_slice(&[-3.0f64, -0.1, 0.2, 5.9, 6.1, 9.0], [2, 3]).unwrap();
        gradcheck(|x| relu6(&x[0]), std::slice::from_ref(&x)).unwrap();
        gradcheck(|x| relu6(&x[0]), &[x.t().unwrap()]).unwrap();
    }

    #[test]
    fn integers_stay_integers_and_truth_is_refused() {
        let x = pleach_core::tensor![1, -5, 7];
        assert_eq!(relu6(&x).unwrap().to_vec::<i64>().unwrap(), [1, 0, 6]);
        let error = relu6(&pleach_core::tensor![true]).unwrap_err();
        assert_eq!(error.to_string(), "Bool inputs not supported for hardtanh");
    }

    #[test]
    fn the_gradient_is_zero_at_the_bounds() {
        let x = pleach_core::tensor![0.0, 6.0, 3.0];
        let x = x.requires_grad_(true).unwrap();
        relu6(&x).unwrap().sum().unwrap().backward().unwrap();
        assert_eq!(x.grad().unwrap().to_vec::<f32>().unwrap(), [0.0, 0.0, 1.0]);
    }
}
