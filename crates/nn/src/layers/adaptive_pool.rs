//! [`AdaptiveAvgPool`] and [`AdaptiveMaxPool`], each for one, two and three dimensions.

use pleach_core::{Result, Tensor};

use crate::call::call_one;
use crate::functional::{OutputSize, adaptive_avg_pool, adaptive_max_pool, two};
use crate::{Forward, Module, Node};

/// A row: docs, layer, its types by dimension, and the function of input and output size.
macro_rules! adaptive_pools {
    ($($(#[$doc:meta])* $name:ident: $one:ident, $two:ident, $three:ident = |$input:ident, $size:ident| $pooled:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Module)]
        #[module(name = Self::NAMES[D - 1], extra_repr, debug)]
        pub struct $name<const D: usize> {
            node: Node,
            /// The sizes of the output.
            #[module(skip)]
            pub output_size: OutputSize<D>,
        }

        #[doc = concat!("[`", stringify!($name), "`] of sequences, `[N, C, L]` or `[C, L]`.")]
        pub type $one = $name<1>;
        #[doc = concat!("[`", stringify!($name), "`] of images, `[N, C, H, W]` or `[C, H, W]`.")]
        pub type $two = $name<2>;
        #[doc = concat!("[`", stringify!($name), "`] of volumes, `[N, C, D, H, W]` or `[C, D, H, W]`.")]
        pub type $three = $name<3>;

        impl<const D: usize> $name<D> {
            const NAMES: [&str; 3] = [stringify!($one), stringify!($two), stringify!($three)];

            /// A pooling to this size: `1`, `(7, 7)`, `(None, 7)`.
            pub fn new(output_size: impl Into<OutputSize<D>>) -> Self {
                const { assert!(0 < D && D <= 3, "one, two or three dimensions") };
                $name { node: Node::new(), output_size: output_size.into() }
            }

            fn extra_repr(&self) -> String {
                format!("output_size={}", self.output_size)
            }
        }

        impl<const D: usize> Forward for $name<D> {
            fn forward(&self, $input: &Tensor) -> Result<Tensor> {
                let $size = self.output_size;
                $pooled
            }
        }
    )*};
}

adaptive_pools! {
    /// The mean of windows chosen so that the output has a given size, over one, two or three
    /// dimensions: [`functional::adaptive_avg_pool2d`](crate::functional::adaptive_avg_pool2d) for two.
    ///
    /// Shapes: input `[N, C, *]` or `[C, *]`, output the same with the last sizes replaced by
    /// `output_size`; `None` keeps a size.
    ///
    /// ```
    /// use pleach::tensor;
    /// use pleach::nn::{Forward, layers::AdaptiveAvgPool2d};
    ///
    /// let x = tensor![[[1., 2., 6.]]];
    /// assert_eq!(AdaptiveAvgPool2d::new(1).call(&x)?.to_vec::<f32>()?, [3.]);
    /// let pool = AdaptiveAvgPool2d::new((None, 2));
    /// assert_eq!(pool.call(&x)?.to_vec::<f32>()?, [1.5, 4.]);
    /// assert_eq!(pool.to_string(), "AdaptiveAvgPool2d(output_size=(None, 2))");
    /// # Ok::<(), pleach::Error>(())
    /// ```
    AdaptiveAvgPool: AdaptiveAvgPool1d, AdaptiveAvgPool2d, AdaptiveAvgPool3d
        = |input, size| adaptive_avg_pool(input, size);

    /// The maximum of windows chosen so that the output has a given size, over one, two or three
    /// dimensions: [`functional::adaptive_max_pool2d`](crate::functional::adaptive_max_pool2d) for two.
    ///
    /// Shapes: input `[N, C, *]` or `[C, *]`, output the same with the last sizes replaced by
    /// `output_size`; `None` keeps a size.
    ///
    /// ```
    /// use pleach::tensor;
    /// use pleach::nn::{Forward, layers::AdaptiveMaxPool1d};
    ///
    /// let pool = AdaptiveMaxPool1d::new(2);
    /// let x = tensor![[1., 7., 6., 8.]];
    /// assert_eq!(pool.call(&x)?.to_vec::<f32>()?, [7., 8.]);
    /// assert_eq!(pool.call_with_indices(&x)?.1.to_vec::<i64>()?, [1, 3]);
    /// assert_eq!(pool.to_string(), "AdaptiveMaxPool1d(output_size=2)");
    /// # Ok::<(), pleach::Error>(())
    /// ```
    AdaptiveMaxPool: AdaptiveMaxPool1d, AdaptiveMaxPool2d, AdaptiveMaxPool3d
        = |input, size| Ok(adaptive_max_pool(input, size, false)?.swap_remove(0));
}

impl<const D: usize> AdaptiveMaxPool<D> {
    /// The maxima and where they were, PyTorch's `return_indices=True`: see
    /// [`functional::adaptive_max_pool2d_with_indices`](crate::functional::adaptive_max_pool2d_with_indices).
    /// Hooks run as in [`Forward::call`], and see both outputs.
    ///
    /// # Errors
    /// As [`functional::adaptive_max_pool2d`](crate::functional::adaptive_max_pool2d).
    pub fn call_with_indices(&self, input: &Tensor) -> Result<(Tensor, Tensor)> {
        call_one(self, input, |input| {
            two(adaptive_max_pool(input, self.output_size, true)?)
        })
    }
}
