//! Padding of any dimensions.

use pleach_core::{Error, PadMode, Result, Tensor};

use crate::setters::given;

/// More elements around a tensor: PyTorch's `F.pad(input, pad, mode, value)`.
///
/// `pad` is `[before last, after last, before last but one, …]`; negative numbers cut. `value` is
/// what `"constant"` ([`PadMode::Constant`]) fills with; the other modes are `"reflect"`, `"replicate"` and
/// `"circular"`. See [`Tensor::pad`].
///
/// # Errors
/// If there are more pads than dimensions, or a pad is too large for its mode, or a string is unknown.
///
/// ```
/// use pleach::tensor;
/// use pleach::nn::functional as F;
/// let x = tensor![[1.0, 2.0]];
/// let y = F::pad(&x, &[1, 0, 0, 1], "constant", 9.0)?;
/// assert_eq!(y.shape(), [2, 3]);
/// assert_eq!(y.to_vec::<f32>()?, [9.0, 1.0, 2.0, 9.0, 9.0, 9.0]);
/// # Ok::<(), pleach::Error>(())
/// ```
pub fn pad(
    input: &Tensor,
    pad: &[i64],
    mode: impl TryInto<PadMode, Error: Into<Error>>,
    value: f64,
) -> Result<Tensor> {
    input.pad(pad, given(mode)?, value)
}
