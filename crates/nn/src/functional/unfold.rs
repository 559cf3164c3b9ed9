//! Sliding windows as columns.

use pleach_core::{Result, Tensor};

use super::Pair;

/// The sliding windows of a batch of images, each as a column. PyTorch's defaults are
/// `dilation = 1`, `padding = 0`, `stride = 1`.
///
/// Shapes: input `[N, C, H, W]` or `[C, H, W]`, result `[N, C * kh * kw, L]` or `[C * kh * kw, L]`
/// with L windows in row-major order.
///
/// # Errors
/// If the input has other dimensions, a size is 0, or no window fits.
///
/// ```
/// use pleach_core::Tensor;
/// use pleach_nn::functional as F;
/// let x = Tensor::arange(9).view([1, 1, 3, 3])?.float()?;
/// let columns = F::unfold(&x, 2, 1, 0, 1)?;
/// assert_eq!(columns.shape(), [1, 4, 4]);
/// assert_eq!(columns.index((0, 3))?.to_vec::<f32>()?, [4.0, 5.0, 7.0, 8.0]);
/// # Ok::<(), pleach_core::Error>(())
/// ```
pub fn unfold(
    input: &Tensor,
    kernel_size: impl Into<Pair>,
    dilation: impl Into<Pair>,
    padding: impl Into<Pair>,
    stride: impl Into<Pair>,
) -> Result<Tensor> {
    let pair = |p: Pair| <[usize; 2]>::from(p.tuple());
    input.im2col(
        pair(kernel_size.into()),
        pair(dilation.into()),
        pair(padding.into()),
        pair(stride.into()),
    )
}
