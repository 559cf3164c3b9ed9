//! [`ReLU`] and [`ReLU6`]: activations with PyTorch's `inplace` flag and nothing else.

use pleach_core::{Result, Tensor};

use crate::{Forward, Module, Node, functional};

/// A row: docs, layer, and the function of the input.
macro_rules! relus {
    ($($(#[$doc:meta])* $name:ident, $forward:ident;)*) => {$(
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
    ReLU, relu;

    /// `min(max(x, 0), 6)`, element by element. Any shape.
    ///
    /// ```
    /// use pleach_core::tensor;
    /// use pleach_nn::{Forward, layers::ReLU6};
    /// let y = ReLU6::new().call(&tensor![-1.0, 2.0, 7.0])?;
    /// assert_eq!(y.to_vec::<f32>()?, [0.0, 2.0, 6.0]);
    /// # Ok::<(), pleach_core::Error>(())
    /// ```
    ReLU6, relu6;
}
