//! Sliding windows as columns, and columns summed to images.

use pleach_core::{Result, Tensor};

use super::Size;
use crate::setters::setters;

/// The sliding windows of a batch of images, each as a column. The kernel's size alone will do as
/// options.
///
/// Shapes: input `[N, C, H, W]` or `[C, H, W]`, result `[N, C * kh * kw, L]` or `[C * kh * kw, L]`
/// with L windows in row-major order.
///
/// # Errors
/// If the input has other dimensions, a size is 0, or no window fits.
///
/// ```
/// use pleach::Tensor;
/// use pleach::nn::functional::{self as F, UnfoldOptions};
/// let x = Tensor::arange(9).view([1, 1, 3, 3])?.float()?;
/// let columns = F::unfold(&x, 2)?;
/// assert_eq!(columns.shape(), [1, 4, 4]);
/// assert_eq!(columns.index((0, 3))?.to_vec::<f32>()?, [4.0, 5.0, 7.0, 8.0]);
/// assert_eq!(F::unfold(&x, UnfoldOptions::new((1, 2)).stride(2))?.shape(), [1, 2, 2]);
/// # Ok::<(), pleach::Error>(())
/// ```
pub fn unfold(input: &Tensor, options: impl Into<UnfoldOptions>) -> Result<Tensor> {
    let o = options.into();
    let [kernel, dilation] = [o.kernel_size, o.dilation].map(Size::array);
    input.im2col(kernel, dilation, o.padding.array(), o.stride.array())
}

/// Images of `output_size` from the columns of sliding windows, of which each pixel is the sum: the
/// adjoint of [`unfold`]. The kernel's size alone will do as options.
///
/// Shapes: input `[N, C * kh * kw, L]` or `[C * kh * kw, L]` with L windows in row-major order, result
/// `[N, C, H, W]` or `[C, H, W]`.
///
/// # Errors
/// If the input has other dimensions or is no float, a size is 0, or there are more or fewer windows.
///
/// ```
/// use pleach::Tensor;
/// use pleach::nn::functional as F;
/// let columns = Tensor::ones([1, 4, 4]);
/// let image = F::fold(&columns, 3, 2)?;
/// assert_eq!(image.shape(), [1, 1, 3, 3]);
/// assert_eq!(image.to_vec::<f32>()?, [1., 2., 1., 2., 4., 2., 1., 2., 1.]);
/// # Ok::<(), pleach::Error>(())
/// ```
pub fn fold(
    input: &Tensor,
    output_size: impl Into<Size<2>>,
    options: impl Into<UnfoldOptions>,
) -> Result<Tensor> {
    let (o, size) = (options.into(), output_size.into().array());
    let [kernel, dilation] = [o.kernel_size, o.dilation].map(Size::array);
    input.col2im(size, kernel, dilation, o.padding.array(), o.stride.array())
}

/// What [`unfold`] and [`fold`] take: the size of the kernel, and dilation 1, no padding and stride 1,
/// or what is set.
#[derive(Debug, Clone, Copy)]
#[must_use]
pub struct UnfoldOptions {
    pub(crate) kernel_size: Size<2>,
    pub(crate) dilation: Size<2>,
    pub(crate) padding: Size<2>,
    pub(crate) stride: Size<2>,
}

impl UnfoldOptions {
    /// PyTorch's defaults.
    pub fn new(kernel_size: impl Into<Size<2>>) -> Self {
        UnfoldOptions {
            kernel_size: kernel_size.into(),
            dilation: 1.into(),
            padding: 0.into(),
            stride: 1.into(),
        }
    }

    unfold_setters!(|options| options);
}

impl<T: Into<Size<2>>> From<T> for UnfoldOptions {
    fn from(kernel_size: T) -> Self {
        Self::new(kernel_size)
    }
}

/// The setters of [`UnfoldOptions`], and of what holds them.
macro_rules! unfold_setters {
    (|$this:ident| $place:expr) => {
        setters! {
            |$this| $place;
            /// Step between the pixels of a window (1 by default).
            dilation: impl Into<Size<2>> = dilation.into();
            /// Zeros on each side of the image (0 by default).
            padding: impl Into<Size<2>> = padding.into();
            /// Step between windows (1 by default).
            stride: impl Into<Size<2>> = stride.into();
        }
    };
}
pub(crate) use unfold_setters;
