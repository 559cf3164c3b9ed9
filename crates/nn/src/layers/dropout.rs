//! The table of dropouts: a row is a layer, its builder, its function and docs.

use pleach_core::print::python_float;
use pleach_core::{Result, Tensor};

use super::default_init::bool_text;
use crate::or_panic::or_panic;
use crate::setters::setters;
use crate::{Forward, Module, Node, Setting, functional};

/// A row: docs, layer, builder, and the function of `(input, p, training)`.
macro_rules! dropouts {
    ($($(#[$doc:meta])* $name:ident, $builder:ident, $forward:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Module)]
        #[module(extra_repr, debug)]
        pub struct $name {
            node: Node,
            p: Setting<f64>,
            /// PyTorch's flag: printed, without effect, since tensors are values here.
            pub inplace: bool,
        }

        impl $name {
            /// A layer with a probability; PyTorch's default is 0.5.
            ///
            /// # Panics
            /// If `p` is not between 0 and 1; see its builder's `build`.
            #[track_caller]
            pub fn new(p: f64) -> Self {
                or_panic(Self::builder().p(p).build())
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
                format!("p={}, inplace={}", python_float(self.p()), bool_text(self.inplace))
            }
        }

        impl Default for $name {
            fn default() -> Self {
                $name { node: Node::new(), p: Setting::new(0.5), inplace: false }
            }
        }

        impl Forward for $name {
            fn forward(&self, input: &Tensor) -> Result<Tensor> {
                functional::$forward(input, self.p(), self.node.is_training())
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
            setters! {
                |builder| builder;
                /// The probability of a zero (0.5 by default).
                p: f64 = p;
                /// PyTorch's flag (false by default): printed, without effect.
                inplace: bool = inplace;
            }

            /// Builds the layer.
            ///
            /// # Errors
            /// If `p` is not between 0 and 1.
            pub fn build(self) -> Result<$name> {
                functional::check_probability(self.p)?;
                Ok($name { node: Node::new(), p: Setting::new(self.p), inplace: self.inplace })
            }
        }
    )*};
}

dropouts! {
    /// In training mode, sets each element to zero with probability `p` and multiplies the others by
    /// `1 / (1 - p)`; in evaluation mode, returns the input. Any shape.
    ///
    /// Shapes: any, input and output the same. The probability is 0.5 by default. See
    /// [`functional::dropout`] for the random numbers.
    ///
    /// ```
    /// use pleach::{Tensor, manual_seed};
    /// use pleach::nn::{Forward, Module, layers::Dropout};
    ///
    /// let dropout = Dropout::new(0.5);
    /// manual_seed(0);
    /// let y = dropout.call(&Tensor::ones([4]))?;
    /// assert_eq!(y.to_vec::<f32>()?, [0.0, 0.0, 2.0, 0.0]);
    /// dropout.eval();
    /// let x = Tensor::ones([4]);
    /// assert!(dropout.call(&x)?.shares_memory_with(&x));
    /// # Ok::<(), pleach::Error>(())
    /// ```
    Dropout, DropoutBuilder, dropout;

    /// In training mode, sets whole channels of a 1-d signal to zero with probability `p` and
    /// multiplies the others by `1 / (1 - p)`; in evaluation mode, returns the input.
    ///
    /// Shapes: input and output `[N, C, L]` or `[C, L]`. The probability is 0.5 by default. See
    /// [`functional::dropout1d`] for the random numbers.
    ///
    /// ```
    /// use pleach::{Tensor, manual_seed};
    /// use pleach::nn::{Forward, Module, layers::Dropout1d};
    ///
    /// let dropout = Dropout1d::new(0.5);
    /// manual_seed(0);
    /// let y = dropout.call(&Tensor::ones([1, 3, 2]))?;
    /// assert_eq!(y.to_vec::<f32>()?, [0.0, 0.0, 0.0, 0.0, 2.0, 2.0]);
    /// dropout.eval();
    /// let x = Tensor::ones([1, 3, 2]);
    /// assert!(dropout.call(&x)?.shares_memory_with(&x));
    /// # Ok::<(), pleach::Error>(())
    /// ```
    Dropout1d, Dropout1dBuilder, dropout1d;

    /// In training mode, sets whole channels of a 2-d signal to zero with probability `p` and
    /// multiplies the others by `1 / (1 - p)`; in evaluation mode, returns the input.
    ///
    /// Shapes: input and output `[N, C, H, W]` or `[C, H, W]`. The probability is 0.5 by default. See
    /// [`functional::dropout2d`] for the random numbers.
    ///
    /// ```
    /// use pleach::{Tensor, manual_seed};
    /// use pleach::nn::{Forward, Module, layers::Dropout2d};
    ///
    /// let dropout = Dropout2d::new(0.5);
    /// manual_seed(0);
    /// let y = dropout.call(&Tensor::ones([1, 3, 1, 2]))?;
    /// assert_eq!(y.to_vec::<f32>()?, [0.0, 0.0, 0.0, 0.0, 2.0, 2.0]);
    /// dropout.eval();
    /// let x = Tensor::ones([1, 3, 1, 2]);
    /// assert!(dropout.call(&x)?.shares_memory_with(&x));
    /// # Ok::<(), pleach::Error>(())
    /// ```
    Dropout2d, Dropout2dBuilder, dropout2d;

    /// In training mode, sets whole channels of a 3-d signal to zero with probability `p` and
    /// multiplies the others by `1 / (1 - p)`; in evaluation mode, returns the input.
    ///
    /// Shapes: input and output `[N, C, D, H, W]` or `[C, D, H, W]`. The probability is 0.5 by default. See
    /// [`functional::dropout3d`] for the random numbers.
    ///
    /// ```
    /// use pleach::{Tensor, manual_seed};
    /// use pleach::nn::{Forward, Module, layers::Dropout3d};
    ///
    /// let dropout = Dropout3d::new(0.5);
    /// manual_seed(0);
    /// let y = dropout.call(&Tensor::ones([3, 1, 1, 2]))?;
    /// assert_eq!(y.to_vec::<f32>()?, [0.0, 0.0, 0.0, 0.0, 2.0, 2.0]);
    /// dropout.eval();
    /// let x = Tensor::ones([3, 1, 1, 2]);
    /// assert!(dropout.call(&x)?.shares_memory_with(&x));
    /// # Ok::<(), pleach::Error>(())
    /// ```
    Dropout3d, Dropout3dBuilder, dropout3d;

    /// In training mode, sets elements to SELU's lowest value with probability `p`, and scales and
    /// shifts all so that zero mean and unit variance stay; in evaluation mode, returns the input.
    ///
    /// Shapes: any, input and output the same. The probability is 0.5 by default. See
    /// [`functional::alpha_dropout`] for the random numbers.
    ///
    /// ```
    /// use pleach::{Tensor, manual_seed};
    /// use pleach::nn::{Forward, Module, layers::AlphaDropout};
    ///
    /// let dropout = AlphaDropout::new(0.5);
    /// manual_seed(0);
    /// let y = dropout.call(&Tensor::ones([4]))?;
    /// assert_eq!(y.to_vec::<f32>()?, [-0.77919394, -0.77919394, 1.6655989, -0.77919394]);
    /// dropout.eval();
    /// let x = Tensor::ones([4]);
    /// assert!(dropout.call(&x)?.shares_memory_with(&x));
    /// # Ok::<(), pleach::Error>(())
    /// ```
    AlphaDropout, AlphaDropoutBuilder, alpha_dropout;

    /// In training mode, sets whole channels to SELU's lowest value with probability `p`, and scales
    /// and shifts all so that zero mean and unit variance stay; in evaluation mode, returns the input.
    ///
    /// Shapes: input and output `[N, C, *]` or `[C, *]`. The probability is 0.5 by default. See
    /// [`functional::feature_alpha_dropout`] for the random numbers.
    ///
    /// ```
    /// use pleach::{Tensor, manual_seed};
    /// use pleach::nn::{Forward, Module, layers::FeatureAlphaDropout};
    ///
    /// let dropout = FeatureAlphaDropout::new(0.5);
    /// manual_seed(0);
    /// let y = dropout.call(&Tensor::ones([1, 3, 1]))?;
    /// assert_eq!(y.to_vec::<f32>()?, [-0.77919394, -0.77919394, 1.6655989]);
    /// dropout.eval();
    /// let x = Tensor::ones([1, 3, 1]);
    /// assert!(dropout.call(&x)?.shares_memory_with(&x));
    /// # Ok::<(), pleach::Error>(())
    /// ```
    FeatureAlphaDropout, FeatureAlphaDropoutBuilder, feature_alpha_dropout;
}
