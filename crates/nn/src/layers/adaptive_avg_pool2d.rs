//! [`AdaptiveAvgPool2d`].

use pleach_core::{Result, Tensor};

use crate::functional::{self, OutputSize};
use crate::{Forward, Module, Node};

/// The mean of windows chosen so that the output has a given size:
/// [`functional::adaptive_avg_pool2d`].
///
/// Shapes: input `[N, C, H, W]` or `[C, H, W]`, output the same with `H` and `W` replaced by
/// `output_size`; `None` keeps a size.
///
/// ```
/// use pleach_core::tensor;
/// use pleach_nn::{Forward, layers::AdaptiveAvgPool2d};
///
/// let x = tensor![[[1., 2., 6.]]];
/// assert_eq!(AdaptiveAvgPool2d::new(1).call(&x)?.to_vec::<f32>()?, [3.]);
/// let pool = AdaptiveAvgPool2d::new((None, 2));
/// assert_eq!(pool.call(&x)?.to_vec::<f32>()?, [1.5, 4.]);
/// assert_eq!(pool.to_string(), "AdaptiveAvgPool2d(output_size=(None, 2))");
/// # Ok::<(), pleach_core::Error>(())
/// ```
#[derive(Module)]
#[module(extra_repr)]
pub struct AdaptiveAvgPool2d {
    node: Node,
    /// Height and width of the output.
    #[module(skip)]
    pub output_size: OutputSize,
}

impl AdaptiveAvgPool2d {
    /// A pooling to this size: `1`, `(7, 7)`, `(None, 7)`.
    pub fn new(output_size: impl Into<OutputSize>) -> Self {
        AdaptiveAvgPool2d {
            node: Node::new(),
            output_size: output_size.into(),
        }
    }

    fn extra_repr(&self) -> String {
        format!("output_size={}", self.output_size)
    }
}

impl Forward for AdaptiveAvgPool2d {
    fn forward(&self, input: &Tensor) -> Result<Tensor> {
        functional::adaptive_avg_pool2d(input, self.output_size)
    }
}
