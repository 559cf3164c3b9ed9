//! The Gaussian error linear unit.

use pleach_core::autograd::apply;
use pleach_core::{ElementWise, Error, Result, Tensor, words};
use pleach_kernels::Function;

use crate::setters::given;

/// How [`gelu`] computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Approximate {
    /// Exactly, with the error function.
    #[default]
    None,
    /// With a hyperbolic tangent.
    Tanh,
}

words! {
    Approximate { None = "none", Tanh = "tanh" },
    |_text| "approximate argument must be either none or tanh."
}

/// `x Φ(x)` with the normal distribution's Φ, or `x/2 (1 + tanh(√(2/π) (x + 0.044715 x³)))`. Any
/// shape. PyTorch's default is `"none"`, [`Approximate::None`].
///
/// # Errors
/// If the dtype does not compute, or a string is unknown.
///
/// ```
/// use pleach::tensor;
/// use pleach::nn::functional as F;
/// let y = F::gelu(&tensor![0.0, 1.0], "none")?;
/// assert_eq!(y.to_vec::<f32>()?, [0.0, 0.8413447]);
/// # Ok::<(), pleach::Error>(())
/// ```
pub fn gelu(
    input: &Tensor,
    approximate: impl TryInto<Approximate, Error: Into<Error>>,
) -> Result<Tensor> {
    let approximate = given(approximate)?;
    if !input.dtype().is_float() {
        return Err(Error::not_implemented("GeluKernelImpl", input.dtype()));
    }
    let function = match approximate {
        Approximate::None => Function::Gelu,
        Approximate::Tanh => Function::GeluTanh,
    };
    let gelu = ElementWise {
        function,
        name: "gelu",
        grad_name: "GeluBackward0",
    };
    apply(gelu, input)
}

#[cfg(test)]
mod tests {
    use super::*;
    use pleach_core::autograd::gradcheck;

    #[test]
    fn gradients_are_right_for_both_forms() {
        let x = Tensor::from_slice(&[-3.0f64, -0.7, 0.0, 0.4, 2.0, 5.0], [2, 3]).unwrap();
        for form in [Approximate::None, Approximate::Tanh] {
            gradcheck(|x| gelu(&x[0], form), std::slice::from_ref(&x)).unwrap();
            gradcheck(|x| gelu(&x[0], form), &[x.t().unwrap()]).unwrap();
        }
    }

    #[test]
    fn strings_are_pytorchs() {
        assert_eq!("tanh".parse::<Approximate>().unwrap().to_string(), "tanh");
        assert!("exact".parse::<Approximate>().is_err());
    }
}
