//! What the dropout layers share: a probability, PyTorch's `inplace` flag, and their options.

/// Writes a dropout layer and its builder. `$forward` is its function of `(input, p, training)`.
macro_rules! dropout_layer {
    ($(#[$doc:meta])* $name:ident, $builder:ident, $forward:path) => {
        $(#[$doc])*
        #[derive(crate::Module)]
        #[module(extra_repr)]
        pub struct $name {
            node: crate::Node,
            p: crate::Setting<f64>,
            /// PyTorch's flag: printed, without effect, since tensors are values here.
            pub inplace: bool,
        }

        impl $name {
            /// A layer with a probability; PyTorch's default is 0.5.
            ///
            /// # Errors
            /// If `p` is not between 0 and 1.
            pub fn new(p: f64) -> pleach_core::Result<Self> {
                Self::builder().p(p).build()
            }

            /// A layer with options.
            pub fn builder() -> $builder {
                $builder { p: 0.5, inplace: false }
            }

            /// The probability of a zero.
            pub fn p(&self) -> f64 {
                self.p.get()
            }

            /// Changes [`p`](Self::p), for every alias. As in PyTorch, a value outside 0 to 1 is an
            /// error of `forward`.
            pub fn set_p(&self, p: f64) {
                self.p.set(p);
            }

            fn extra_repr(&self) -> String {
                format!(
                    "p={}, inplace={}",
                    pleach_core::print::python_float(self.p()),
                    super::default_init::bool_text(self.inplace)
                )
            }
        }

        impl Default for $name {
            fn default() -> Self {
                $name { node: crate::Node::new(), p: crate::Setting::new(0.5), inplace: false }
            }
        }

        impl crate::Forward for $name {
            fn forward(&self, input: &pleach_core::Tensor) -> pleach_core::Result<pleach_core::Tensor> {
                $forward(input, self.p(), self.node.is_training())
            }
        }

        #[doc = concat!("Options of a [`", stringify!($name), "`].")]
        #[derive(Debug, Clone)]
        #[must_use]
        pub struct $builder {
            p: f64,
            inplace: bool,
        }

        impl $builder {
            /// The probability of a zero (0.5 by default).
            pub fn p(mut self, p: f64) -> Self {
                self.p = p;
                self
            }

            /// PyTorch's flag (false by default): printed, without effect.
            pub fn inplace(mut self, inplace: bool) -> Self {
                self.inplace = inplace;
                self
            }

            /// Builds the layer.
            ///
            /// # Errors
            /// If `p` is not between 0 and 1.
            pub fn build(self) -> pleach_core::Result<$name> {
                crate::functional::check_probability(self.p)?;
                Ok($name {
                    node: crate::Node::new(),
                    p: crate::Setting::new(self.p),
                    inplace: self.inplace,
                })
            }
        }
    };
}
