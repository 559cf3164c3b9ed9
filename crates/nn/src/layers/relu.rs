//! [`ReLU`] and [`ReLU6`]: activations with PyTorch's `inplace` flag and nothing else.

use pleach_core::{Result, Tensor};

use super::MaxPool;
use crate::setters::setters;
use crate::{Activation, Forward, Module, Node, Step, functional};

/// The pooling of the input's positive part, if the module is a maximum pooling. What wraps one has a
/// `forward` of its own.
fn pooled(module: &dyn Forward, input: &Tensor) -> Option<Result<Tensor>> {
    fn of<const D: usize>(module: &dyn Forward, input: &Tensor) -> Option<Result<Tensor>> {
        let pool = module.as_any().downcast_ref::<MaxPool<D>>()?;
        Some(pool.pool(input, true))
    }
    of::<2>(module, input)
        .or_else(|| of::<1>(module, input))
        .or_else(|| of::<3>(module, input))
}

/// A row: docs, layer, its builder, the function of the input, and its largest value.
macro_rules! relus {
    ($($(#[$doc:meta])* $name:ident, $builder:ident, $forward:ident, $max:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Module)]
        #[module(extra_repr, debug)]
        pub struct $name {
            node: Node,
            /// PyTorch's flag: printed, without effect, since tensors are values here.
            pub inplace: bool,
        }

        impl $name {
            /// The activation.
            pub fn new() -> Self {
                $name { node: Node::new(), inplace: false }
            }

            /// The activation with options.
            pub fn builder() -> $builder {
                $builder { inplace: false }
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
                    && let Some(output) = pooled(*module, input)
                {
                    return Ok((output?, 1));
                }
                Ok((self.forward(input)?, 0))
            }

            fn activation(&self) -> Option<Activation> {
                Some(Activation::Clamp { min: 0.0, max: $max })
            }
        }

        #[doc = concat!("Options of a [`", stringify!($name), "`].")]
        #[derive(Debug, Clone)]
        #[must_use]
        pub struct $builder {
            inplace: bool,
        }

        impl $builder {
            setters! {
                |builder| builder;
                /// PyTorch's flag (false by default): printed, without effect.
                inplace: bool = inplace;
            }

            /// Builds the activation.
            ///
            /// # Errors
            /// None.
            pub fn build(self) -> Result<$name> {
                Ok($name { node: Node::new(), inplace: self.inplace })
            }
        }
    )*};
}

relus! {
    /// `max(x, 0)`, element by element. Any shape.
    ///
    /// ```
    /// use pleach::tensor;
    /// use pleach::nn::{Forward, layers::ReLU};
    /// let y = ReLU::new().call(&tensor![-1.0, 2.0])?;
    /// assert_eq!(y.to_vec::<f32>()?, [0.0, 2.0]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    ReLU, ReLUBuilder, relu, f64::INFINITY;

    /// `min(max(x, 0), 6)`, element by element. Any shape.
    ///
    /// ```
    /// use pleach::tensor;
    /// use pleach::nn::{Forward, layers::ReLU6};
    /// let y = ReLU6::new().call(&tensor![-1.0, 2.0, 7.0])?;
    /// assert_eq!(y.to_vec::<f32>()?, [0.0, 2.0, 6.0]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    ReLU6, ReLU6Builder, relu6, 6.0;
}
