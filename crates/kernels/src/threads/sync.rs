//! What the pool is built from: the standard library's atomics, locks and threads, or `loom`'s.

pub(super) use imp::*;

#[cfg(not(loom))]
mod imp {
    use std::any::Any;
    use std::cell::UnsafeCell;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::time::{Duration, Instant};

    pub(in super::super) use std::hint::spin_loop;
    pub(in super::super) use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
    pub(in super::super) use std::sync::{Mutex, MutexGuard};
    pub(in super::super) use std::thread::{Thread, park, yield_now};

    use super::super::count::{available_cores, num_threads};

    /// How long an idle worker spins before it parks.
    const SPIN: Duration = Duration::from_micros(100);

    /// Looks again and again for a moment.
    pub(in super::super) fn spin_for<R>(look: impl Fn() -> Option<R>) -> Option<R> {
        // More threads than cores: spinning would take time from those that have work.
        if num_threads() > available_cores() {
            return look();
        }
        let start = Instant::now();
        while start.elapsed() < SPIN {
            for _ in 0..32 {
                if let Some(found) = look() {
                    return Some(found);
                }
                spin_loop();
            }
        }
        None
    }

    /// Runs `f`; its panic is an error.
    pub(in super::super) fn catch(f: impl FnMut()) -> Result<(), Box<dyn Any + Send>> {
        catch_unwind(AssertUnwindSafe(f))
    }

    /// A value that is written by one thread while no other reads it.
    pub(in super::super) struct Shared<T>(UnsafeCell<T>);

    impl<T: Copy> Shared<T> {
        pub(in super::super) fn new(value: T) -> Self {
            Shared(UnsafeCell::new(value))
        }

        /// # Safety
        /// Nobody writes it now.
        pub(in super::super) unsafe fn get(&self) -> T {
            // SAFETY: this function's contract.
            unsafe { *self.0.get() }
        }

        /// # Safety
        /// Nobody reads or writes it now.
        pub(in super::super) unsafe fn set(&self, value: T) {
            // SAFETY: this function's contract.
            unsafe { *self.0.get() = value };
        }
    }
}

#[cfg(loom)]
mod imp {
    use std::any::Any;

    use loom::cell::UnsafeCell;

    pub(in super::super) use loom::hint::spin_loop;
    pub(in super::super) use loom::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
    pub(in super::super) use loom::sync::{Mutex, MutexGuard};
    pub(in super::super) use loom::thread::{Thread, park, yield_now};

    /// A model has no time: the worker looks once.
    pub(in super::super) fn spin_for<R>(look: impl Fn() -> Option<R>) -> Option<R> {
        look()
    }

    /// Loom reports with panics, which must not be caught.
    pub(in super::super) fn catch(mut f: impl FnMut()) -> Result<(), Box<dyn Any + Send>> {
        f();
        Ok(())
    }

    /// As the other one, with every access checked.
    pub(in super::super) struct Shared<T>(UnsafeCell<T>);

    impl<T: Copy> Shared<T> {
        pub(in super::super) fn new(value: T) -> Self {
            Shared(UnsafeCell::new(value))
        }

        /// # Safety
        /// Nobody writes it now, which loom checks.
        pub(in super::super) unsafe fn get(&self) -> T {
            // SAFETY: this function's contract.
            self.0.with(|p| unsafe { *p })
        }

        /// # Safety
        /// Nobody reads or writes it now, which loom checks.
        pub(in super::super) unsafe fn set(&self, value: T) {
            // SAFETY: this function's contract.
            self.0.with_mut(|p| unsafe { *p = value });
        }
    }
}
