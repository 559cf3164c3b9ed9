//! Sliding windows as columns.

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
    input.im2col(o.kernel_size, o.dilation, o.padding, o.stride)
}

/// What [`unfold`] takes: the size of the kernel, and dilation 1, no padding and stride 1, or what
/// is set.
#[derive(Debug, Clone, Copy)]
#[must_use]
pub struct UnfoldOptions {
    kernel_size: [usize; 2],
    dilation: [usize; 2],
    padding: [usize; 2],
    stride: [usize; 2],
}

impl UnfoldOptions {
    /// PyTorch's defaults.
    pub fn new(kernel_size: impl Into<Size<2>>) -> Self {
        UnfoldOptions {
            kernel_size: kernel_size.into().array(),
            dilation: [1; 2],
            padding: [0; 2],
            stride: [1; 2],
        }
    }

    setters! {
        |options| options;
        /// Step between the pixels of a window (1 by default).
        dilation: impl Into<Size<2>> = dilation.into().array();
        /// Zeros on each side of the image (0 by default).
        padding: impl Into<Size<2>> = padding.into().array();
        /// Step between windows (1 by default).
        stride: impl Into<Size<2>> = stride.into().array();
    }
}

impl<T: Into<Size<2>>> From<T> for UnfoldOptions {
    fn from(kernel_size: T) -> Self {
        Self::new(kernel_size)
    }
}
