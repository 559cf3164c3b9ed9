//! [`ReLU`] and [`ReLU6`]: activations with PyTorch's `inplace` flag and nothing else.

use pleach_core::{Result, Tensor};

use super::MaxPool2d;
use crate::{Activation, Forward, Module, ModuleExt, Node, Step, functional};

/// A row: docs, layer, the function of the input, and its largest value.
macro_rules! relus {
    ($($(#[$doc:meta])* $name:ident, $forward:ident, $max:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Module)]
        #[module(extra_repr)]
        pub struct $name {
            node: Node,
            /// PyTorch's flag: printed, without effect, since tensors are values here.
            pub inplace: bool,
        }

        impl $name {
            /// The activation.
            pub fn new() -> Self {
                Self::with_inplace(false)
            }

            /// The activation that prints `inplace=True` or not.
            pub fn with_inplace(inplace: bool) -> Self {
                $name { node: Node::new(), inplace }
            }

            fn extra_repr(&self) -> String {
                match self.inplace {
                    true => "inplace=True".to_string(),
                    false => String::new(),
                }
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::new()
            }
        }

        impl Forward for $name {
            fn forward(&self, input: &Tensor) -> Result<Tensor> {
                functional::$forward(input)
            }

            fn forward_then(&self, input: &Tensor, steps: &[Step<'_>]) -> Result<(Tensor, usize)> {
                // The maximum of the positive parts is the positive part of the maximum.
                if self.activation() == Some(Activation::RELU)
                    && let Some(Step::Call(module)) = steps.first()
                    && let Some(pool) = module.downcast_ref::<MaxPool2d>()
                {
                    return Ok((pool.pool(input, true)?, 1));
                }
                Ok((self.forward(input)?, 0))
            }

            fn activation(&self) -> Option<Activation> {
                Some(Activation::Clamp { min: 0.0, max: $max })
            }
        }
    )*};
}

relus! {
    /// `max(x, 0)`, element by element. Any shape.
    ///
    /// ```
    /// use pleach_core::tensor;
    /// use pleach_nn::{Forward, layers::ReLU};
    /// let y = ReLU::new().call(&tensor![-1.0, 2.0])?;
    /// assert_eq!(y.to_vec::<f32>()?, [0.0, 2.0]);
    /// # Ok::<(), pleach_core::Error>(())
    /// ```
    ReLU, relu, f64::INFINITY;

    /// `min(max(x, 0), 6)`, element by element. Any shape.
    ///
    /// ```
    /// use pleach_core::tensor;
    /// use pleach_nn::{Forward, layers::ReLU6};
    /// let y = ReLU6::new().call(&tensor![-1.0, 2.0, 7.0])?;
    /// assert_eq!(y.to_vec::<f32>()?, [0.0, 2.0, 6.0]);
    /// # Ok::<(), pleach_core::Error>(())
    /// ```
    ReLU6, relu6, 6.0;
}
