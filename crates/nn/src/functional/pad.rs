//! Padding of any dimensions.

use pleach_core::{PadMode, Result, Tensor};

/// More elements around a tensor: PyTorch's `F.pad(input, pad, mode, value)`.
///
/// `pad` is `[before last, after last, before last but one, …]`; negative numbers cut. `value` is
/// what [`PadMode::Constant`] fills with. See [`Tensor::pad`].
///
/// # Errors
/// If there are more pads than dimensions, or a pad is too large for its mode.
///
/// ```
/// use pleach_core::{PadMode, tensor};
/// use pleach_nn::functional as F;
/// let x = tensor![[1.0, 2.0]];
/// let y = F::pad(&x, &[1, 0, 0, 1], PadMode::Constant, 9.0)?;
/// assert_eq!(y.shape(), [2, 3]);
/// assert_eq!(y.to_vec::<f32>()?, [9.0, 1.0, 2.0, 9.0, 9.0, 9.0]);
/// # Ok::<(), pleach_core::Error>(())
/// ```
pub fn pad(input: &Tensor, pad: &[i64], mode: PadMode, value: f64) -> Result<Tensor> {
    input.pad(pad, mode, value)
}
