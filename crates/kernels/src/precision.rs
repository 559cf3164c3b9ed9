//! The setting that lets convolutions of `f32` be faster and a little less exact.

use std::sync::atomic::{AtomicBool, Ordering};

/// How exact kernels for `f32` must be. See [`set_float32_precision`].
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub enum Precision {
    /// Every product of the definition is computed as it stands.
    Highest,
    /// Algorithms that compute the same with fewer products, and round a little more, may be
    /// used: today Winograd's for convolutions with 3x3 kernels and stride 1. A value that is not
    /// finite spoils all results of its tile, not only those that the definition says.
    High,
}

static HIGH: AtomicBool = AtomicBool::new(false);

/// Sets how exact kernels for `f32` must be, for the whole process: [`Precision::Highest`] until
/// this is called.
///
/// The model is PyTorch's `torch.set_float32_matmul_precision`. Nothing is ever computed in fewer
/// bits than those of `f32`.
///
/// The largest error of 3x3 convolutions of two images against a computation in `f64`, in units of
/// the result's standard deviation, with uniformly random inputs and weights:
///
/// | channels, size | output, highest | high | gradient of the input, highest | high | of the weights, highest | high |
/// |---|---|---|---|---|---|---|
/// | 64, 56x56 | 2.4e-6 | 7.8e-6 | 2.6e-6 | 8.6e-6 | 1.4e-6 | 6.6e-6 |
/// | 128, 28x28 | 2.6e-6 | 1.1e-5 | 2.7e-6 | 1.2e-5 | 1.5e-6 | 5.1e-6 |
/// | 256, 14x14 | 2.4e-6 | 1.3e-5 | 2.2e-6 | 1.7e-5 | 2.6e-6 | as highest |
/// | 512, 14x14 | 2.1e-6 | 1.9e-5 | 2.1e-6 | 1.9e-5 | 2.5e-6 | as highest |
///
/// "As highest" are shapes for which [`Precision::High`] has no faster way.
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
