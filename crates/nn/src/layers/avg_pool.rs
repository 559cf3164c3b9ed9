//! [`AvgPool`]: [`AvgPool1d`], [`AvgPool2d`], [`AvgPool3d`].

use pleach_core::print::python_tuple;
use pleach_core::{Result, Tensor};

use crate::functional::{AvgPoolOptions, Size, avg_pool, avg_pool_setters};
use crate::setters::setters;
use crate::{Forward, Module, Node};

/// [`AvgPool`] of sequences, `[N, C, L]` or `[C, L]`.
pub type AvgPool1d = AvgPool<1>;
/// [`AvgPool`] of images, `[N, C, H, W]` or `[C, H, W]`.
pub type AvgPool2d = AvgPool<2>;
/// [`AvgPool`] of volumes, `[N, C, D, H, W]` or `[C, D, H, W]`.
pub type AvgPool3d = AvgPool<3>;

const NAMES: [&str; 3] = ["AvgPool1d", "AvgPool2d", "AvgPool3d"];

/// The mean of each window, over one, two or three dimensions:
/// [`functional::avg_pool2d`](crate::functional::avg_pool2d) for two.
///
/// Shapes: input `[N, C, *]` or `[C, *]`, output the same, where each size becomes
/// `(size + 2·padding - kernel_size) / stride + 1`.
///
/// ```
/// use pleach::tensor;
/// use pleach::nn::{Forward, layers::AvgPool2d};
///
/// let pool = AvgPool2d::new(2);
/// let x = tensor![[[1., 2., 5., 6.], [3., 4., 0., 1.]]];
/// assert_eq!(pool.call(&x)?.to_vec::<f32>()?, [2.5, 3.]);
/// assert_eq!(pool.to_string(), "AvgPool2d(kernel_size=2, stride=2, padding=0)");
/// # Ok::<(), pleach::Error>(())
/// ```
#[derive(Module)]
#[module(name = NAMES[D - 1], extra_repr, debug)]
pub struct AvgPool<const D: usize> {
    node: Node,
    /// Size of a window.
    #[module(skip)]
    pub kernel_size: Size<D>,
    /// Step between windows.
    #[module(skip)]
    pub stride: Size<D>,
    /// Zeros on each side.
    #[module(skip)]
    pub padding: Size<D>,
    /// Whether the output size is rounded up.
    pub ceil_mode: bool,
    /// Whether padding counts in the divisor.
    pub count_include_pad: bool,
    /// What to divide by instead of the window's size.
    pub divisor_override: Option<i64>,
}

impl<const D: usize> AvgPool<D> {
    /// A pooling whose windows lie side by side.
    pub fn new(kernel_size: impl Into<Size<D>>) -> Self {
        Self::builder(kernel_size).unchecked()
    }

    /// A pooling with options.
    pub fn builder(kernel_size: impl Into<Size<D>>) -> AvgPoolBuilder<D> {
        AvgPoolBuilder(AvgPoolOptions::new(kernel_size))
    }

    fn extra_repr(&self) -> String {
        // PyTorch makes tuples of the sizes of a sequence.
        let text = |size: Size<D>| match D {
            1 => python_tuple(&size.array()),
            _ => size.to_string(),
        };
        let [kernel, stride, padding] = [self.kernel_size, self.stride, self.padding].map(text);
        format!("kernel_size={kernel}, stride={stride}, padding={padding}")
    }
}

impl<const D: usize> Forward for AvgPool<D> {
    fn forward(&self, input: &Tensor) -> Result<Tensor> {
        let options = AvgPoolOptions {
            kernel_size: self.kernel_size,
            stride: self.stride,
            padding: self.padding,
            ceil_mode: self.ceil_mode,
            count_include_pad: self.count_include_pad,
            divisor_override: self.divisor_override,
        };
        avg_pool(input, options)
    }
}

/// Options of an [`AvgPool`].
#[derive(Debug, Clone)]
#[must_use]
pub struct AvgPoolBuilder<const D: usize>(AvgPoolOptions<D>);

impl<const D: usize> AvgPoolBuilder<D> {
    avg_pool_setters!(|builder| builder.0);

    /// Builds the layer. As in PyTorch, the sizes are checked by `forward`.
    ///
    /// # Errors
    /// None.
    pub fn build(self) -> Result<AvgPool<D>> {
        Ok(self.unchecked())
    }

    fn unchecked(self) -> AvgPool<D> {
        let o = self.0;
        AvgPool {
            node: Node::new(),
            kernel_size: o.kernel_size,
            stride: o.stride,
            padding: o.padding,
            ceil_mode: o.ceil_mode,
            count_include_pad: o.count_include_pad,
            divisor_override: o.divisor_override,
        }
    }
}
