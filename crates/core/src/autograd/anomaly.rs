//! [`detect_anomaly`]: which operation's gradient is not a number.

use super::ModuleCall;
use super::mode::{Mode, mode, with_mode};
use crate::{DType, Error, Result, Tensor};

/// Runs `f` so that a gradient with a NaN is an error where it arises in backward, with PyTorch's
/// text: `with torch.autograd.detect_anomaly():`. The error also names the module in whose call the
/// operation ran forward, if that was in `f` too. Infinities are no errors, as in PyTorch.
///
/// Every gradient is looked through, so this is for finding an error, not for training.
///
/// ```
/// use pleach::{autograd::detect_anomaly, tensor};
/// let x = tensor![0.0].requires_grad_(true)?;
/// let error = detect_anomaly(|| x.sqrt()?.mul(0.0)?.sum()?.backward()).unwrap_err();
/// assert_eq!(error.to_string(), "Function 'SqrtBackward0' returned nan values in its 0th output.");
/// # Ok::<(), pleach::Error>(())
/// ```
pub fn detect_anomaly<R>(f: impl FnOnce() -> R) -> R {
    let watching = Mode {
        anomaly: true,
        ..mode()
    };
    with_mode(watching, f)
}

/// Refuses a gradient with a NaN, which the step of this name returned.
#[cold]
pub(super) fn check_nan(
    grad: &Tensor,
    name: &str,
    index: usize,
    module: Option<&ModuleCall>,
) -> Result<()> {
    let has_nan = || match grad.dtype() {
        DType::F16 | DType::BF16 => grad.float()?.isnan()?.any()?.item(),
        _ => grad.isnan()?.any()?.item(),
    };
    if with_mode(Mode::QUIET, has_nan)? == 0.0 {
        return Ok(());
    }
    let error = Error::autograd(format!(
        "Function '{name}' returned nan values in its {index}th output."
    ));
    Err(match module {
        // No module has this identity: the path stays.
        Some(call) => error
            .tag(u64::MAX, call.type_name())
            .with_path(call.path().to_string()),
        None => error,
    })
}
