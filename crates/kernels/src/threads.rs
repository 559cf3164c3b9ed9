//! The threads that kernels run on: one small pool for the whole process.
//!
//! [`parallel_for`] hands out task numbers. Each participant (the caller is one) owns a fixed
//! share of them and, when done, helps with the shares of the others, so a worker that is slow to
//! wake up delays nobody. Idle workers spin for a moment, since kernels come in quick succession,
//! and then park. A call from inside a task, or while another thread uses the pool, runs all its
//! tasks on the caller.

mod count;
mod pool;
mod sync;

use std::marker::PhantomData;
use std::ptr::NonNull;
use std::sync::Arc;

use once_cell::sync::OnceCell;

pub use count::{num_threads, set_num_threads};
use pool::{IN_TASK, Pool};

/// The threads that a [`parallel_for`] from here would have: 1 inside a task.
pub(crate) fn parallelism() -> usize {
    if IN_TASK.get() { 1 } else { num_threads() }
}

/// Runs `f(0)`, `f(1)`, .. `f(tasks - 1)`, each exactly once, on the threads of the pool, and
/// returns when all are done.
///
/// # Panics
/// With the panic of a task, after the other tasks have ended.
///
/// ```
/// use std::sync::atomic::{AtomicUsize, Ordering};
/// let sum = AtomicUsize::new(0);
/// pleach_kernels::parallel_for(10, |i| {
///     sum.fetch_add(i, Ordering::Relaxed);
/// });
/// assert_eq!(sum.into_inner(), 45);
/// ```
pub fn parallel_for(tasks: usize, f: impl Fn(usize) + Sync) {
    run_tasks(tasks, &f);
}

/// [`parallel_for`], compiled once for all closures.
fn run_tasks(tasks: usize, f: &(dyn Fn(usize) + Sync)) {
    let threads = num_threads().min(tasks);
    if threads > 1 && !IN_TASK.get() {
        // Without a pool (the system refuses threads) the caller does the work.
        if let Ok(pool) = POOL.get_or_try_init(Pool::start)
            && pool.run(threads, tasks, f)
        {
            return;
        }
    }
    for task in 0..tasks {
        f(task);
    }
}

/// Cuts `out` into pieces of `chunk` elements (the last may be shorter) and runs
/// `f(index of the piece, piece)` for each, on the threads of the pool.
///
/// ```
/// let mut out = [0; 5];
/// pleach_kernels::for_each_chunk_mut(&mut out, 2, |i, piece| piece.fill(i));
/// assert_eq!(out, [0, 0, 1, 1, 2]);
/// ```
///
/// # Panics
/// If `chunk` is 0.
pub fn for_each_chunk_mut<T: Send>(
    out: &mut [T],
    chunk: usize,
    f: impl Fn(usize, &mut [T]) + Sync,
) {
    each_chunk(out, chunk, &f);
}

/// [`for_each_chunk_mut`], compiled once for all closures.
fn each_chunk<T: Send>(out: &mut [T], chunk: usize, f: &(dyn Fn(usize, &mut [T]) + Sync)) {
    assert!(chunk > 0, "for_each_chunk_mut: a chunk of 0 elements");
    let len = out.len();
    if len <= chunk {
        if len > 0 {
            f(0, out);
        }
        return;
    }
    let tasks = len.div_ceil(chunk);
    let out = Disjoint::new(out);
    parallel_for(tasks, |i| {
        let start = i * chunk;
        // SAFETY: each task has a piece of its own.
        f(i, unsafe { out.slice(start, chunk.min(len - start)) });
    });
}

/// A mutable slice that several tasks write to, each in its own part.
pub(crate) struct Disjoint<'a, T> {
    ptr: NonNull<T>,
    len: usize,
    borrow: PhantomData<&'a mut [T]>,
}

// SAFETY: it gives out `&mut [T]` only through `slice`, whose caller keeps the parts disjoint.
unsafe impl<T: Send> Sync for Disjoint<'_, T> {}

impl<'a, T> Disjoint<'a, T> {
    pub(crate) fn new(slice: &'a mut [T]) -> Self {
        Disjoint {
            len: slice.len(),
            ptr: NonNull::from(slice).cast(),
            borrow: PhantomData,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// A pointer to element `start`.
    pub(crate) fn at(&self, start: usize) -> *mut T {
        assert!(start <= self.len);
        // SAFETY: within the slice, or one past its end.
        unsafe { self.ptr.as_ptr().add(start) }
    }

    /// The part of `len` elements from `start`.
    ///
    /// # Safety
    /// No two parts that live at the same time overlap.
    #[allow(clippy::mut_from_ref)]
    pub(crate) unsafe fn slice(&self, start: usize, len: usize) -> &mut [T] {
        assert!(start <= self.len && len <= self.len - start);
        // SAFETY: in bounds by the assertion, unaliased by this function's contract.
        unsafe { std::slice::from_raw_parts_mut(self.ptr.as_ptr().add(start), len) }
    }
}

static POOL: OnceCell<Arc<Pool>> = OnceCell::new();

/// Runs `f` with 1, 2, 3 and 5 threads and returns the results.
#[cfg(test)]
pub(crate) fn with_thread_counts<R>(mut f: impl FnMut() -> R) -> [R; 4] {
    static ONE_AT_A_TIME: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(|e| e.into_inner());
    let before = num_threads();
    let results = [1, 2, 3, 5].map(|n| {
        set_num_threads(n);
        f()
    });
    set_num_threads(before);
    results
}

#[cfg(test)]
mod tests {
    use std::panic::catch_unwind;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;

    #[test]
    fn every_task_runs_exactly_once() {
        for tasks in [0, 1, 2, 3, 7, 100, 1000] {
            with_thread_counts(|| {
                let counts: Vec<AtomicUsize> = (0..tasks).map(|_| AtomicUsize::new(0)).collect();
                parallel_for(tasks, |i| {
                    counts[i].fetch_add(1, Ordering::Relaxed);
                });
                assert!(counts.iter().all(|c| c.load(Ordering::Relaxed) == 1));
            });
        }
    }

    #[test]
    fn many_short_jobs_in_a_row_all_end() {
        with_thread_counts(|| {
            for round in 0..2000 {
                let mut out = [0usize; 9];
                for_each_chunk_mut(&mut out, 2, |i, piece| piece.fill(i + round));
                assert!(out.iter().enumerate().all(|(i, v)| *v == i / 2 + round));
                if round % 500 == 0 {
                    std::thread::sleep(Duration::from_millis(1));
                }
            }
        });
    }

    #[test]
    fn nested_and_concurrent_calls_run_on_their_callers() {
        let total = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        parallel_for(5, |_| {
                            parallel_for(3, |_| {
                                total.fetch_add(1, Ordering::Relaxed);
                            });
                        });
                    }
                });
            }
        });
        assert_eq!(total.into_inner(), 4 * 50 * 15);
    }

    #[test]
    fn a_panic_reaches_the_caller_and_leaves_the_pool_usable() {
        with_thread_counts(|| {
            for bad in [0, 5, 15] {
                let caught = catch_unwind(|| {
                    parallel_for(16, |i| assert!(i != bad, "task {i} fails"));
                });
                let payload = caught.expect_err("the panic is passed on");
                let text = payload
                    .downcast_ref::<String>()
                    .expect("a formatted message");
                assert!(text.contains("fails"));
                let count = AtomicUsize::new(0);
                parallel_for(16, |_| {
                    count.fetch_add(1, Ordering::Relaxed);
                });
                assert_eq!(count.into_inner(), 16);
            }
        });
    }
}
