//! Softmax and its logarithm.

use pleach_kernels::{Buffer, softmax};
use smallvec::smallvec;

use crate::autograd::{Backward, record};
use crate::shape::resolve_dim;
use crate::{Result, Tensor};

/// A tensor seen as `[outer, n, inner]` around one dimension.
fn around(x: &Tensor, dim: i64) -> Result<(usize, usize, usize)> {
    let d = resolve_dim(dim, x.rank())?;
    let product = |s: &[usize]| s.iter().product::<usize>();
    Ok(match x.shape() {
        [] => (1, 1, 1),
        shape => (product(&shape[..d]), shape[d], product(&shape[d + 1..])),
    })
}

/// Defines a method of a row function: forward kernel and backward kernel.
macro_rules! row_function {
    ($(#[$doc:meta])* $name:ident, $grad:literal, $forward:path, $backward:path) => {
        impl Tensor {
            $(#[$doc])*
            ///
            /// # Errors
            /// If the dimension does not exist, or the dtype is not a float type.
            pub fn $name(&self, dim: i64) -> Result<Tensor> {
                let (outer, n, inner) = around(self, dim)?;
                let x = self.detach().contiguous()?;
                let kernel = match inner {
                    1 => concat!(stringify!($name), "_lastdim_kernel_impl"),
                    _ => concat!(stringify!($name), "_kernel_impl"),
                };
                let output = dispatch_float!(kernel, x.dtype(), T => {
                    let mut out = Buffer::<T>::try_new(x.numel())?;
                    $forward(x.as_slice()?, outer, n, inner, &mut out);
                    Tensor::from_buffer(out, x.shape())
                });
                Ok(record(output.clone(), &[self], |_| {
                    Backward::new($grad, move |grad: &Tensor| {
                        let grad = grad.contiguous()?;
                        Ok(smallvec![Some(dispatch_float!($grad, grad.dtype(), T => {
                            let mut out = Buffer::<T>::try_new(grad.numel())?;
                            $backward(output.as_slice()?, grad.as_slice()?, outer, n, inner, &mut out);
                            Tensor::from_buffer(out, grad.shape())
                        }))])
                    })
                }))
            }
        }
    };
}

row_function!(/** `exp(x) / Σ exp(x)` along a dimension. */
    softmax, "SoftmaxBackward0", softmax::softmax, softmax::softmax_backward);
row_function!(/** `x - ln(Σ exp(x))` along a dimension, without overflow. */
    log_softmax, "LogSoftmaxBackward0", softmax::log_softmax, softmax::log_softmax_backward);
