//! What the activations with PyTorch's `inplace` flag and nothing else share.

/// Writes an activation layer. `$forward` is its function of the input.
macro_rules! inplace_activation {
    ($(#[$doc:meta])* $name:ident, $forward:path) => {
        $(#[$doc])*
        #[derive(crate::Module)]
        #[module(extra_repr)]
        pub struct $name {
            node: crate::Node,
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
                $name { node: crate::Node::new(), inplace }
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

        impl crate::Forward for $name {
            fn forward(&self, input: &pleach_core::Tensor) -> pleach_core::Result<pleach_core::Tensor> {
                $forward(input)
            }
        }
    };
}
