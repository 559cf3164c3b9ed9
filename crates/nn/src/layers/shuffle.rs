//! [`PixelShuffle`], [`PixelUnshuffle`] and [`ChannelShuffle`].

use pleach_core::{Result, Tensor};

use crate::functional::{channel_shuffle, pixel_shuffle, pixel_unshuffle};
use crate::{Forward, Module, Node};

/// A row: docs, layer, what it takes, and its function.
macro_rules! shuffles {
    ($($(#[$doc:meta])* $name:ident, $(#[$field_doc:meta])* $field:ident = $function:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Module)]
        #[module(extra_repr, debug)]
        pub struct $name {
            node: Node,
            $(#[$field_doc])*
            pub $field: usize,
        }

        impl $name {
            /// A layer, whose argument `forward` checks.
            pub fn new($field: usize) -> Self {
                $name { node: Node::new(), $field }
            }

            fn extra_repr(&self) -> String {
                format!("{}={}", stringify!($field), self.$field)
            }
        }

        impl Forward for $name {
            fn forward(&self, input: &Tensor) -> Result<Tensor> {
                $function(input, self.$field)
            }
        }
    )*};
}

shuffles! {
    /// Images that are larger by a factor `r`: the `r²` channels of each pixel become the pixels of an
    /// `r × r` square (W. Shi and others, 2016).
    ///
    /// Shapes: input `[*, C · r², H, W]`, output `[*, C, H · r, W · r]`.
    ///
    /// ```
    /// use pleach::tensor;
    /// use pleach::nn::{Forward, layers::PixelShuffle};
    /// let larger = PixelShuffle::new(2);
    /// let x = tensor![[[1., 5.]], [[2., 6.]], [[3., 7.]], [[4., 8.]]];
    /// let y = larger.call(&x)?;
    /// assert_eq!(y.shape(), [1, 2, 4]);
    /// assert_eq!(y.to_vec::<f32>()?, [1., 2., 5., 6., 3., 4., 7., 8.]);
    /// assert_eq!(larger.to_string(), "PixelShuffle(upscale_factor=2)");
    /// # Ok::<(), pleach::Error>(())
    /// ```
    PixelShuffle,
    /// What height and width are multiplied by.
    upscale_factor = pixel_shuffle;

    /// Images that are smaller by a factor `r`, whose pixels become channels: the inverse of
    /// [`PixelShuffle`].
    ///
    /// Shapes: input `[*, C, H · r, W · r]`, output `[*, C · r², H, W]`.
    ///
    /// ```
    /// use pleach::Tensor;
    /// use pleach::nn::{Forward, layers::PixelUnshuffle};
    /// let x = Tensor::arange(4).view([1, 2, 2])?;
    /// let y = PixelUnshuffle::new(2).call(&x)?;
    /// assert_eq!(y.shape(), [4, 1, 1]);
    /// assert_eq!(y.to_vec::<i64>()?, [0, 1, 2, 3]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    PixelUnshuffle,
    /// What height and width are divided by.
    downscale_factor = pixel_unshuffle;

    /// Channels in groups, of which each gives one in turn.
    ///
    /// Shapes: input and output `[N, C, *]`.
    ///
    /// ```
    /// use pleach::Tensor;
    /// use pleach::nn::{Forward, layers::ChannelShuffle};
    /// let x = Tensor::arange(4).view([1, 4, 1, 1])?;
    /// assert_eq!(ChannelShuffle::new(2).call(&x)?.to_vec::<i64>()?, [0, 2, 1, 3]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    ChannelShuffle,
    /// The number of groups.
    groups = channel_shuffle;
}
