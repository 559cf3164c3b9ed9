//! [`MaxPool`]: [`MaxPool1d`], [`MaxPool2d`], [`MaxPool3d`].

use pleach_core::{Result, Tensor};

use super::default_init::bool_text;
use crate::call::call_one;
use crate::functional::{MaxPoolOptions, Size, max_pool, max_pool_setters, max_pool_with_indices};
use crate::setters::setters;
use crate::{Forward, Module, Node};

/// [`MaxPool`] of sequences, `[N, C, L]` or `[C, L]`.
pub type MaxPool1d = MaxPool<1>;
/// [`MaxPool`] of images, `[N, C, H, W]` or `[C, H, W]`.
pub type MaxPool2d = MaxPool<2>;
/// [`MaxPool`] of volumes, `[N, C, D, H, W]` or `[C, D, H, W]`.
pub type MaxPool3d = MaxPool<3>;

const NAMES: [&str; 3] = ["MaxPool1d", "MaxPool2d", "MaxPool3d"];

/// The maximum of each window, over one, two or three dimensions:
/// [`functional::max_pool2d`](crate::functional::max_pool2d) for two.
///
/// Shapes: input `[N, C, *]` or `[C, *]`, output the same, where each size becomes
/// `(size + 2·padding - dilation·(kernel_size - 1) - 1) / stride + 1`.
///
/// ```
/// use pleach::tensor;
/// use pleach::nn::{Forward, layers::MaxPool2d};
///
/// let pool = MaxPool2d::new(2);
/// let x = tensor![[[1., 2., 5., 6.], [3., 4., 0., 1.]]];
/// assert_eq!(pool.call(&x)?.to_vec::<f32>()?, [4., 6.]);
/// assert_eq!(
///     MaxPool2d::builder((3, 2)).padding(1).build()?.to_string(),
///     "MaxPool2d(kernel_size=(3, 2), stride=(3, 2), padding=1, dilation=1, ceil_mode=False)"
/// );
/// # Ok::<(), pleach::Error>(())
/// ```
#[derive(Module)]
#[module(name = NAMES[D - 1], extra_repr, debug)]
pub struct MaxPool<const D: usize> {
    node: Node,
    /// Size of a window.
    #[module(skip)]
    pub kernel_size: Size<D>,
    /// Step between windows.
    #[module(skip)]
    pub stride: Size<D>,
    /// Minus infinities on each side.
    #[module(skip)]
    pub padding: Size<D>,
    /// Step between the elements of a window.
    #[module(skip)]
    pub dilation: Size<D>,
    /// Whether the output size is rounded up.
    pub ceil_mode: bool,
}

impl<const D: usize> MaxPool<D> {
    /// A pooling whose windows lie side by side.
    pub fn new(kernel_size: impl Into<Size<D>>) -> Self {
        Self::builder(kernel_size).unchecked()
    }

    /// A pooling with options.
    pub fn builder(kernel_size: impl Into<Size<D>>) -> MaxPoolBuilder<D> {
        MaxPoolBuilder(MaxPoolOptions::new(kernel_size))
    }

    /// The maxima and where they were, PyTorch's `return_indices=True`: see
    /// [`functional::max_pool2d_with_indices`](crate::functional::max_pool2d_with_indices). Hooks run
    /// as in [`Forward::call`], and see both outputs.
    ///
    /// # Errors
    /// As [`functional::max_pool2d`](crate::functional::max_pool2d).
    pub fn call_with_indices(&self, input: &Tensor) -> Result<(Tensor, Tensor)> {
        call_one(self, input, |input| {
            max_pool_with_indices(input, self.options())
        })
    }

    /// The maxima, of the input's positive part if `relu`, in one pass.
    pub(crate) fn pool(&self, input: &Tensor, relu: bool) -> Result<Tensor> {
        max_pool(input, self.options(), relu)
    }

    fn options(&self) -> MaxPoolOptions<D> {
        MaxPoolOptions {
            kernel_size: self.kernel_size,
            stride: self.stride,
            padding: self.padding,
            dilation: self.dilation,
            ceil_mode: self.ceil_mode,
        }
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

impl<const D: usize> Forward for MaxPool<D> {
    fn forward(&self, input: &Tensor) -> Result<Tensor> {
        self.pool(input, false)
    }
}

/// Options of a [`MaxPool`].
#[derive(Debug, Clone)]
#[must_use]
pub struct MaxPoolBuilder<const D: usize>(MaxPoolOptions<D>);

impl<const D: usize> MaxPoolBuilder<D> {
    max_pool_setters!(|builder| builder.0);

    /// Builds the layer. As in PyTorch, the sizes are checked by `forward`.
    ///
    /// # Errors
    /// None.
    pub fn build(self) -> Result<MaxPool<D>> {
        Ok(self.unchecked())
    }

    fn unchecked(self) -> MaxPool<D> {
        let MaxPoolOptions {
            kernel_size,
            stride,
            padding,
            dilation,
            ceil_mode,
        } = self.0;
        let node = Node::new();
        MaxPool {
            node,
            kernel_size,
            stride,
            padding,
            dilation,
            ceil_mode,
        }
    }
}
