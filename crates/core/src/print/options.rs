//! [`PrintOptions`]: what can be set about the text of tensors.

use std::cell::Cell;
use std::sync::{PoisonError, RwLock};

/// How tensors print: PyTorch's `torch.set_printoptions`.
///
/// The options are a value, set as a whole. `..PrintOptions::default()` leaves the rest at
/// PyTorch's defaults; `..print_options()` keeps what is set now. (PyTorch's function keeps the
/// other options too, but puts `sci_mode` back to automatic whenever it is not named.)
///
/// ```
/// use pleach::print::{PrintOptions, with_print_options};
/// use pleach::tensor;
/// let x = tensor![0.123456, 2.0];
/// assert_eq!(x.to_string(), "tensor([0.1235, 2.0000])");
/// let short = with_print_options(PrintOptions::short(), || x.to_string());
/// assert_eq!(short, "tensor([0.12, 2.00])");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PrintOptions {
    /// Decimals of a float (default 4); above 65534 they are cut to it.
    pub precision: usize,
    /// A tensor with more elements than this is summarised (default 1000).
    pub threshold: usize,
    /// How many elements a summarised dimension shows at each end (default 3).
    pub edgeitems: usize,
    /// Columns of a line (default 80).
    pub linewidth: usize,
    /// Scientific form always (`true`), never (`false`), or where the values ask for it (`None`,
    /// the default).
    pub sci_mode: Option<bool>,
}

impl PrintOptions {
    const DEFAULT: PrintOptions = PrintOptions {
        precision: 4,
        threshold: 1000,
        edgeitems: 3,
        linewidth: 80,
        sci_mode: None,
    };

    /// The profile `short`: two decimals, two elements at each end.
    pub const fn short() -> Self {
        PrintOptions {
            precision: 2,
            edgeitems: 2,
            ..Self::DEFAULT
        }
    }

    /// The profile `full`: never summarised.
    pub const fn full() -> Self {
        PrintOptions {
            threshold: usize::MAX,
            ..Self::DEFAULT
        }
    }
}

/// The profile `default`.
impl Default for PrintOptions {
    fn default() -> Self {
        Self::DEFAULT
    }
}

static EVERYWHERE: RwLock<PrintOptions> = RwLock::new(PrintOptions::DEFAULT);

thread_local! {
    static HERE: Cell<Option<PrintOptions>> = const { Cell::new(None) };
}

/// Sets how tensors print from now on, on every thread, as PyTorch's `torch.set_printoptions`
/// does. Inside a [`with_print_options`] the scope's own options stay in force until it ends.
///
/// ```
/// use pleach::print::{PrintOptions, print_options, set_print_options};
/// set_print_options(PrintOptions { precision: 2, ..PrintOptions::default() });
/// assert_eq!(pleach::tensor![0.125].to_string(), "tensor([0.12])");
/// set_print_options(PrintOptions { linewidth: 120, ..print_options() });
/// assert_eq!(print_options().precision, 2);
/// ```
pub fn set_print_options(options: PrintOptions) {
    // The value is replaced whole, so a poisoned lock still guards a valid one.
    *EVERYWHERE.write().unwrap_or_else(PoisonError::into_inner) = options;
}

/// The options that this thread prints with: PyTorch's `torch.get_printoptions`.
pub fn print_options() -> PrintOptions {
    HERE.get()
        .unwrap_or_else(|| *EVERYWHERE.read().unwrap_or_else(PoisonError::into_inner))
}

/// Runs `f` with other options on this thread only: `with torch._tensor_str.printoptions(...)`.
/// The old ones come back also when `f` panics; scopes nest.
pub fn with_print_options<R>(options: PrintOptions, f: impl FnOnce() -> R) -> R {
    struct Restore(Option<PrintOptions>);
    impl Drop for Restore {
        fn drop(&mut self) {
            HERE.set(self.0);
        }
    }
    let _restore = Restore(HERE.replace(Some(options)));
    f()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_nest_and_end_also_by_a_panic() {
        let wide = PrintOptions {
            linewidth: 120,
            ..PrintOptions::default()
        };
        with_print_options(wide, || {
            with_print_options(PrintOptions::short(), || {
                assert_eq!(print_options(), PrintOptions::short());
            });
            assert_eq!(print_options(), wide);
            let caught = std::panic::catch_unwind(|| {
                with_print_options(PrintOptions::full(), || panic!("inside"));
            });
            assert!(caught.is_err());
            assert_eq!(print_options(), wide);
        });
    }

    #[test]
    fn a_scope_is_seen_by_its_own_thread_only() {
        with_print_options(PrintOptions::short(), || {
            let elsewhere = std::thread::spawn(|| HERE.get()).join();
            assert!(matches!(elsewhere, Ok(None)));
        });
    }

    #[test]
    fn the_profiles_are_pytorchs() {
        let default = PrintOptions::default();
        assert_eq!(
            (default.precision, default.threshold, default.edgeitems),
            (4, 1000, 3)
        );
        assert_eq!((default.linewidth, default.sci_mode), (80, None));
        let short = PrintOptions::short();
        assert_eq!(
            (short.precision, short.threshold, short.edgeitems),
            (2, 1000, 2)
        );
        let full = PrintOptions::full();
        assert_eq!(
            (full.precision, full.threshold, full.edgeitems),
            (4, usize::MAX, 3)
        );
    }
}
