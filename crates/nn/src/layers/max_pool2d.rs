//! [`MaxPool2d`].

use pleach_core::{Result, Tensor};

use super::default_init::bool_text;
use crate::functional::{IntoStride, Pair, Sliding, sliding};
use crate::{Forward, Module, Node};

/// The maximum of each window of an image: [`functional::max_pool2d`](crate::functional::max_pool2d).
///
/// Shapes: input `[N, C, H, W]` or `[C, H, W]`, output `[N, C, H', W']` or the same without N,
/// where `H' = (H + 2·padding - dilation·(kernel_size - 1) - 1) / stride + 1`.
///
/// ```
/// use pleach_core::tensor;
/// use pleach_nn::{Forward, layers::MaxPool2d};
///
/// let pool = MaxPool2d::new(2);
/// let x = tensor![[[1., 2., 5., 6.], [3., 4., 0., 1.]]];
/// assert_eq!(pool.call(&x)?.to_vec::<f32>()?, [4., 6.]);
/// assert_eq!(
///     MaxPool2d::builder((3, 2)).padding(1).build().to_string(),
///     "MaxPool2d(kernel_size=(3, 2), stride=(3, 2), padding=1, dilation=1, ceil_mode=False)"
/// );
/// # Ok::<(), pleach_core::Error>(())
/// ```
#[derive(Module)]
#[module(extra_repr)]
pub struct MaxPool2d {
    node: Node,
    /// Size of a window.
    #[module(skip)]
    pub kernel_size: Pair,
    /// Step between windows.
    #[module(skip)]
    pub stride: Pair,
    /// Minus infinities on each side of the image.
    #[module(skip)]
    pub padding: Pair,
    /// Step between the pixels of a window.
    #[module(skip)]
    pub dilation: Pair,
    /// Whether the output size is rounded up.
    pub ceil_mode: bool,
}

impl MaxPool2d {
    /// A pooling whose windows lie side by side.
    pub fn new(kernel_size: impl Into<Pair>) -> Self {
        Self::builder(kernel_size).build()
    }

    /// A pooling with options.
    pub fn builder(kernel_size: impl Into<Pair>) -> MaxPool2dBuilder {
        let kernel_size = kernel_size.into();
        MaxPool2dBuilder(MaxPool2d {
            node: Node::new(),
            kernel_size,
            stride: kernel_size,
            padding: Pair::One(0),
            dilation: Pair::One(1),
            ceil_mode: false,
        })
    }

    /// The maxima and where they were, PyTorch's `return_indices=True`: see
    /// [`functional::max_pool2d_with_indices`](crate::functional::max_pool2d_with_indices).
    ///
    /// # Errors
    /// As [`functional::max_pool2d`](crate::functional::max_pool2d).
    pub fn forward_with_indices(&self, input: &Tensor) -> Result<(Tensor, Tensor)> {
        self.window().maximum_with_indices(input)
    }

    /// The maxima, of the input's positive part if `relu`, in one pass.
    pub(crate) fn pool(&self, input: &Tensor, relu: bool) -> Result<Tensor> {
        self.window().maximum(input, relu)
    }

    fn window(&self) -> Sliding {
        sliding(
            self.kernel_size,
            self.stride,
            self.padding,
            self.dilation,
            self.ceil_mode,
        )
    }

    fn extra_repr(&self) -> String {
        format!(
            "kernel_size={}, stride={}, padding={}, dilation={}, ceil_mode={}",
            self.kernel_size,
            self.stride,
            self.padding,
            self.dilation,
            bool_text(self.ceil_mode)
        )
    }
}

impl Forward for MaxPool2d {
    fn forward(&self, input: &Tensor) -> Result<Tensor> {
        self.pool(input, false)
    }
}

/// Options of a [`MaxPool2d`].
#[must_use]
pub struct MaxPool2dBuilder(MaxPool2d);

impl MaxPool2dBuilder {
    /// Step between windows (the kernel size by default).
    pub fn stride(mut self, stride: impl IntoStride) -> Self {
        self.0.stride = stride.into_stride().unwrap_or(self.0.kernel_size);
        self
    }

    /// Minus infinities on each side of the image (0 by default), at most half of a window.
    pub fn padding(mut self, padding: impl Into<Pair>) -> Self {
        self.0.padding = padding.into();
        self
    }

    /// Step between the pixels of a window (1 by default).
    pub fn dilation(mut self, dilation: impl Into<Pair>) -> Self {
        self.0.dilation = dilation.into();
        self
    }

    /// Whether the output size is rounded up (no, by default).
    pub fn ceil_mode(mut self, ceil_mode: bool) -> Self {
        self.0.ceil_mode = ceil_mode;
        self
    }

    /// Builds the layer. As in PyTorch, the sizes are checked by `forward`.
    pub fn build(self) -> MaxPool2d {
        self.0
    }
}
