//! [`AvgPool2d`].

use pleach_core::{Result, Tensor};

use crate::functional::{self, IntoStride, Pair};
use crate::{Forward, Module, Node};

/// The mean of each window of an image: [`functional::avg_pool2d`].
///
/// Shapes: input `[N, C, H, W]` or `[C, H, W]`, output `[N, C, H', W']` or the same without N,
/// where `H' = (H + 2·padding - kernel_size) / stride + 1`.
///
/// ```
/// use pleach_core::tensor;
/// use pleach_nn::{Forward, layers::AvgPool2d};
///
/// let pool = AvgPool2d::new(2);
/// let x = tensor![[[1., 2., 5., 6.], [3., 4., 0., 1.]]];
/// assert_eq!(pool.call(&x)?.to_vec::<f32>()?, [2.5, 3.]);
/// assert_eq!(pool.to_string(), "AvgPool2d(kernel_size=2, stride=2, padding=0)");
/// # Ok::<(), pleach_core::Error>(())
/// ```
#[derive(Module)]
#[module(extra_repr)]
pub struct AvgPool2d {
    node: Node,
    /// Size of a window.
    #[module(skip)]
    pub kernel_size: Pair,
    /// Step between windows.
    #[module(skip)]
    pub stride: Pair,
    /// Zeros on each side of the image.
    #[module(skip)]
    pub padding: Pair,
    /// Whether the output size is rounded up.
    pub ceil_mode: bool,
    /// Whether padding counts in the divisor.
    pub count_include_pad: bool,
    /// What to divide by instead of the window's size.
    pub divisor_override: Option<i64>,
}

impl AvgPool2d {
    /// A pooling whose windows lie side by side.
    pub fn new(kernel_size: impl Into<Pair>) -> Self {
        Self::builder(kernel_size).build()
    }

    /// A pooling with options.
    pub fn builder(kernel_size: impl Into<Pair>) -> AvgPool2dBuilder {
        let kernel_size = kernel_size.into();
        AvgPool2dBuilder(AvgPool2d {
            node: Node::new(),
            kernel_size,
            stride: kernel_size,
            padding: Pair::One(0),
            ceil_mode: false,
            count_include_pad: true,
            divisor_override: None,
        })
    }

    fn extra_repr(&self) -> String {
        format!(
            "kernel_size={}, stride={}, padding={}",
            self.kernel_size, self.stride, self.padding
        )
    }
}

impl Forward for AvgPool2d {
    fn forward(&self, input: &Tensor) -> Result<Tensor> {
        functional::avg_pool2d(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
            self.divisor_override,
        )
    }
}

/// Options of an [`AvgPool2d`].
#[must_use]
pub struct AvgPool2dBuilder(AvgPool2d);

impl AvgPool2dBuilder {
    /// Step between windows (the kernel size by default).
    pub fn stride(mut self, stride: impl IntoStride) -> Self {
        self.0.stride = stride.into_stride().unwrap_or(self.0.kernel_size);
        self
    }

    /// Zeros on each side of the image (0 by default), at most half of a window.
    pub fn padding(mut self, padding: impl Into<Pair>) -> Self {
        self.0.padding = padding.into();
        self
    }

    /// Whether the output size is rounded up (no, by default).
    pub fn ceil_mode(mut self, ceil_mode: bool) -> Self {
        self.0.ceil_mode = ceil_mode;
        self
    }

    /// Whether padding counts in the divisor (yes, by default).
    pub fn count_include_pad(mut self, count: bool) -> Self {
        self.0.count_include_pad = count;
        self
    }

    /// Divides by this number instead of the window's size.
    pub fn divisor_override(mut self, divisor: impl Into<Option<i64>>) -> Self {
        self.0.divisor_override = divisor.into();
        self
    }

    /// Builds the layer. As in PyTorch, the sizes are checked by `forward`.
    pub fn build(self) -> AvgPool2d {
        self.0
    }
}
