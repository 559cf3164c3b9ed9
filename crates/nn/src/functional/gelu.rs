//! The Gaussian error linear unit.

use std::fmt;
use std::str::FromStr;

use pleach_core::autograd::apply;
use pleach_core::{ElementWise, Error, Result, Tensor};
use pleach_kernels::Function;

use super::by_name::by_name;

/// How [`gelu`] computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Approximate {
    /// Exactly, with the error function.
    #[default]
    None,
    /// With a hyperbolic tangent.
    Tanh,
}

/// PyTorch's string: `none` or `tanh`.
impl fmt::Display for Approximate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Approximate::None => "none",
            Approximate::Tanh => "tanh",
        })
    }
}

/// Parses PyTorch's strings.
impl FromStr for Approximate {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        by_name(&[Approximate::None, Approximate::Tanh], text)
            .ok_or_else(|| Error::value("approximate argument must be either none or tanh."))
    }
}

/// `x Φ(x)` with the normal distribution's Φ, or `x/2 (1 + tanh(√(2/π) (x + 0.044715 x³)))`. Any
/// shape. PyTorch's default is [`Approximate::None`].
///
/// # Errors
/// If the dtype does not compute.
///
/// ```
/// use pleach_core::tensor;
/// use pleach_nn::functional::{self as F, Approximate};
/// let y = F::gelu(&tensor![0.0, 1.0], Approximate::None)?;
/// assert_eq!(y.to_vec::<f32>()?, [0.0, 0.8413447]);
/// # Ok::<(), pleach_core::Error>(())
/// ```
pub fn gelu(input: &Tensor, approximate: Approximate) -> Result<Tensor> {
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
