//! Whether operations are recorded, traced, profiled or watched for NaN, on this thread.

use std::cell::Cell;

/// What happens to operations beside being computed.
#[derive(Copy, Clone)]
pub(crate) struct Mode {
    /// Whether they are recorded for backward.
    pub grad: bool,
    /// Whether they are listed in a [`Graph`](super::trace::Graph).
    pub tracing: bool,
    /// Whether they are timed for a [`Profile`](super::profiler::Profile).
    pub profiling: bool,
    /// Whether gradients that are no numbers are errors.
    pub anomaly: bool,
}

impl Mode {
    /// They are only computed.
    pub const QUIET: Mode = Mode {
        grad: false,
        tracing: false,
        profiling: false,
        anomaly: false,
    };

    /// Whether somebody wants to know in which module's call they run.
    #[inline]
    pub fn is_watched(self) -> bool {
        self.tracing | self.profiling | self.anomaly
    }
}

thread_local! {
    static MODE: Cell<Mode> = const { Cell::new(Mode { grad: true, ..Mode::QUIET }) };
}

/// The mode of this thread.
#[inline]
pub(crate) fn mode() -> Mode {
    MODE.get()
}

/// Whether operations on this thread are recorded now.
pub fn is_grad_enabled() -> bool {
    MODE.get().grad
}

/// Runs `f` in a mode; the old one comes back also when `f` panics.
#[inline]
pub(crate) fn with_mode<R>(mode: Mode, f: impl FnOnce() -> R) -> R {
    struct Restore(Mode);
    impl Drop for Restore {
        fn drop(&mut self) {
            MODE.set(self.0);
        }
    }
    let _restore = Restore(MODE.replace(mode));
    f()
}

/// Runs `f` with recording on or off.
pub(crate) fn with_grad_mode<R>(grad: bool, f: impl FnOnce() -> R) -> R {
    with_mode(Mode { grad, ..mode() }, f)
}

/// Runs `f` without recording: `with torch.no_grad():`.
///
/// ```
/// use pleach::{no_grad, tensor};
/// let x = tensor![1.0].requires_grad_(true)?;
/// let y = no_grad(|| &x * 2.0);
/// assert!(!y.requires_grad());
/// # Ok::<(), pleach::Error>(())
/// ```
pub fn no_grad<R>(f: impl FnOnce() -> R) -> R {
    with_grad_mode(false, f)
}

/// Runs `f` with recording, inside a [`no_grad`]: `with torch.enable_grad():`.
pub fn enable_grad<R>(f: impl FnOnce() -> R) -> R {
    with_grad_mode(true, f)
}
