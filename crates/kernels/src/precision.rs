//! The setting that lets convolutions of `f32` be faster and a little less exact.

use std::sync::atomic::{AtomicBool, Ordering};

/// How exact kernels for `f32` must be. See [`set_float32_precision`].
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub enum Precision {
    /// Every product of the definition is computed as it stands.
    Highest,
    /// Algorithms that compute the same with fewer products, and round a little more, may be
    /// used: today Winograd's for convolutions with 3x3 kernels and stride 1.
    High,
}

static HIGH: AtomicBool = AtomicBool::new(false);

/// Sets how exact kernels for `f32` must be, for the whole process: [`Precision::Highest`] until
/// this is called.
///
/// The model is PyTorch's `torch.set_float32_matmul_precision`. Nothing is ever computed in fewer
/// bits than those of `f32`.
///
/// ```
/// use pleach_kernels::{Precision, float32_precision, set_float32_precision};
/// assert_eq!(float32_precision(), Precision::Highest);
/// set_float32_precision(Precision::High);
/// assert_eq!(float32_precision(), Precision::High);
/// # set_float32_precision(Precision::Highest);
/// ```
pub fn set_float32_precision(precision: Precision) {
    HIGH.store(precision == Precision::High, Ordering::Relaxed);
}

/// What [`set_float32_precision`] last said.
pub fn float32_precision() -> Precision {
    if HIGH.load(Ordering::Relaxed) {
        Precision::High
    } else {
        Precision::Highest
    }
}
