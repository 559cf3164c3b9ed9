//! How many threads kernels use.

use std::sync::atomic::{AtomicUsize, Ordering};

use once_cell::sync::OnceCell;

/// The most threads that the pool can have, the caller included.
pub(super) const MAX_THREADS: usize = 256;

/// The chosen number of threads; 0 until it is first asked for.
static NUM_THREADS: AtomicUsize = AtomicUsize::new(0);

pub(super) fn available_cores() -> usize {
    static CORES: OnceCell<usize> = OnceCell::new();
    *CORES.get_or_init(|| std::thread::available_parallelism().map_or(1, usize::from))
}

/// The number of threads that kernels use, the calling thread included: what
/// [`set_num_threads`] said, else the environment variable `PLEACH_NUM_THREADS`, else the number
/// of cores. It never changes a result.
pub fn num_threads() -> usize {
    match NUM_THREADS.load(Ordering::Relaxed) {
        0 => {
            let n = std::env::var("PLEACH_NUM_THREADS")
                .ok()
                .and_then(|v| v.trim().parse().ok())
                .filter(|n| *n > 0)
                .unwrap_or_else(available_cores)
                .min(MAX_THREADS);
            // A concurrent `set_num_threads` wins.
            match NUM_THREADS.compare_exchange(0, n, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => n,
                Err(set) => set,
            }
        }
        n => n,
    }
}

/// Sets the number of threads that kernels use, the calling thread included (at least 1, at most
/// 256; other values are clamped).
pub fn set_num_threads(n: usize) {
    NUM_THREADS.store(n.clamp(1, MAX_THREADS), Ordering::Relaxed);
}
