//! Whether operations are recorded, on this thread.

use std::cell::Cell;

thread_local! {
    static GRAD_ENABLED: Cell<bool> = const { Cell::new(true) };
}

/// Whether operations on this thread are recorded now.
pub fn is_grad_enabled() -> bool {
    GRAD_ENABLED.get()
}

/// Runs `f` with recording on or off; the old state comes back also when `f` panics.
pub(crate) fn with_grad_mode<R>(enabled: bool, f: impl FnOnce() -> R) -> R {
    struct Restore(bool);
    impl Drop for Restore {
        fn drop(&mut self) {
            GRAD_ENABLED.set(self.0);
        }
    }
    let _restore = Restore(GRAD_ENABLED.replace(enabled));
    f()
}

/// Runs `f` without recording: `with torch.no_grad():`.
///
/// ```
/// use pleach_core::{no_grad, tensor};
/// let x = tensor![1.0].requires_grad_(true)?;
/// let y = no_grad(|| &x * 2.0);
/// assert!(!y.requires_grad());
/// # Ok::<(), pleach_core::Error>(())
/// ```
pub fn no_grad<R>(f: impl FnOnce() -> R) -> R {
    with_grad_mode(false, f)
}

/// Runs `f` with recording, inside a [`no_grad`]: `with torch.enable_grad():`.
pub fn enable_grad<R>(f: impl FnOnce() -> R) -> R {
    with_grad_mode(true, f)
}
