//! [`skip_init`]: parameters that are made without being filled.

use std::cell::Cell;

thread_local! {
    static SKIPPED: Cell<bool> = const { Cell::new(false) };
}

/// Whether fills of parameters are skipped on this thread.
pub(super) fn is_skipped() -> bool {
    SKIPPED.get()
}

/// Runs `make`, in which every function of `init` leaves parameters as they are and draws nothing:
/// PyTorch's `torch.nn.utils.skip_init`, for a layer whose values are set anyway. Their values are
/// of no meaning.
///
/// ```
/// use pleach::nn::{layers::Linear, utils::skip_init};
/// use pleach::{Generator, manual_seed};
/// manual_seed(0);
/// let before = Generator::current().get_state();
/// let linear = skip_init(|| Linear::new(5, 1));
/// assert_eq!(linear.weight.shape(), [1, 5]);
/// assert!(Generator::current().get_state() == before);
/// ```
pub fn skip_init<R>(make: impl FnOnce() -> R) -> R {
    struct Restore(bool);
    impl Drop for Restore {
        fn drop(&mut self) {
            SKIPPED.set(self.0);
        }
    }
    let _restore = Restore(SKIPPED.replace(true));
    make()
}
