//! The threads that kernels run on: one small pool for the whole process.
//!
//! [`parallel_for`] hands out task numbers. Each participant (the caller is one) owns a fixed
//! share of them and, when done, helps with the shares of the others, so a worker that is slow to
//! wake up delays nobody. Idle workers spin for a moment, since kernels come in quick succession,
//! and then park. A call from inside a task, or while another thread uses the pool, runs all its
//! tasks on the caller.

use std::any::Any;
use std::cell::{Cell, UnsafeCell};
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, TryLockError};
use std::thread::Thread;
use std::time::{Duration, Instant};

use once_cell::sync::OnceCell;

/// The most threads that the pool can have, the caller included.
const MAX_THREADS: usize = 256;
/// How long an idle worker spins before it parks.
const SPIN: Duration = Duration::from_micros(80);

/// The chosen number of threads; 0 until it is first asked for.
static NUM_THREADS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// Whether this thread is inside a task (always true for workers).
    static IN_TASK: Cell<bool> = const { Cell::new(false) };
}

fn available_cores() -> usize {
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

/// The threads that a [`parallel_for`] from here would have: 1 inside a task.
pub(crate) fn parallelism() -> usize {
    if IN_TASK.get() { 1 } else { num_threads() }
}

/// Sets the number of threads that kernels use, the calling thread included (at least 1, at most
/// 256; other values are clamped).
pub fn set_num_threads(n: usize) {
    NUM_THREADS.store(n.clamp(1, MAX_THREADS), Ordering::Relaxed);
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

/// What the participants work on. `f` points at the caller's closure, whose lifetime is erased.
#[derive(Copy, Clone)]
struct Job {
    f: *const (dyn Fn(usize) + Sync),
    tasks: usize,
    participants: usize,
}

impl Job {
    /// The first task of participant `p`'s share; the share ends where the next one starts.
    fn start_of(&self, p: usize) -> usize {
        let (each, extra) = (
            self.tasks / self.participants,
            self.tasks % self.participants,
        );
        p * each + p.min(extra)
    }
}

/// One participant's place, on cache lines of its own.
#[repr(align(128))]
struct Slot {
    /// The next task of this share.
    next: AtomicUsize,
    /// Whether the worker is parked, or about to be.
    asleep: AtomicBool,
}

/// `Pool::state` holds the number of the job, whether it may be entered, and by how many workers
/// it has been.
const ENTERED: u64 = 0xffff;
const OPEN: u64 = 1 << 16;
const EPOCH: u32 = 17;

struct Pool {
    state: AtomicU64,
    /// Written by the holder of `workers` while the job is closed and empty, else only read, by
    /// those who have entered.
    job: UnsafeCell<Job>,
    slots: [Slot; MAX_THREADS],
    panic: Mutex<Option<Box<dyn Any + Send>>>,
    /// Whoever holds this may start a job.
    workers: Mutex<Vec<Thread>>,
}

// SAFETY: the job is the only field that is not `Sync`; its comment says why it has no races, and
// the closure it points at is `Sync`.
unsafe impl Sync for Pool {}
// SAFETY: as above.
unsafe impl Send for Pool {}

static POOL: OnceCell<Arc<Pool>> = OnceCell::new();

impl Pool {
    /// A pool with as many workers as can be had; an error if that is none.
    fn start() -> std::io::Result<Arc<Pool>> {
        let pool = Arc::new(Pool {
            state: AtomicU64::new(0),
            job: UnsafeCell::new(Job {
                f: std::ptr::from_ref(&|_| {}),
                tasks: 0,
                participants: 1,
            }),
            slots: [const {
                Slot {
                    next: AtomicUsize::new(0),
                    asleep: AtomicBool::new(false),
                }
            }; MAX_THREADS],
            panic: Mutex::new(None),
            workers: Mutex::new(Vec::new()),
        });
        pool.spawn_worker(&mut lock(&pool.workers))?;
        Ok(pool)
    }

    fn spawn_worker(self: &Arc<Self>, workers: &mut Vec<Thread>) -> std::io::Result<()> {
        let id = workers.len() + 1;
        let pool = Arc::clone(self);
        let handle = std::thread::Builder::new()
            .name(format!("pleach-{id}"))
            .spawn(move || pool.work(id))?;
        workers.push(handle.thread().clone());
        Ok(())
    }

    /// Runs a job, unless the pool is busy: then nothing is done and the answer is false.
    fn run(self: &Arc<Self>, threads: usize, tasks: usize, f: &(dyn Fn(usize) + Sync)) -> bool {
        let mut workers = match self.workers.try_lock() {
            Ok(workers) => workers,
            Err(TryLockError::Poisoned(e)) => e.into_inner(),
            Err(TryLockError::WouldBlock) => return false,
        };
        while workers.len() + 1 < threads && self.spawn_worker(&mut workers).is_ok() {}
        let job = Job {
            // SAFETY: only the lifetime changes; nobody calls it after this function has returned.
            f: unsafe {
                std::mem::transmute::<&(dyn Fn(usize) + Sync), &(dyn Fn(usize) + Sync)>(f)
            },
            tasks,
            participants: threads.min(workers.len() + 1),
        };
        for p in 0..job.participants {
            self.slots[p].next.store(job.start_of(p), Ordering::Relaxed);
        }
        // SAFETY: we hold `workers`, and the previous job was closed and left by all.
        unsafe { *self.job.get() = job };
        let epoch = (self.state.load(Ordering::Relaxed) >> EPOCH) + 1;
        self.state.store((epoch << EPOCH) | OPEN, Ordering::SeqCst);
        for (worker, slot) in workers.iter().zip(&self.slots[1..job.participants]) {
            // The worker sets `asleep` before its last look at the state: one of us sees the other.
            if slot.asleep.load(Ordering::SeqCst) && slot.asleep.swap(false, Ordering::SeqCst) {
                worker.unpark();
            }
        }

        IN_TASK.set(true);
        self.take_part(&job, 0);
        IN_TASK.set(false);

        // All tasks are taken. Those still running belong to workers that have entered.
        self.state.fetch_and(!OPEN, Ordering::AcqRel);
        let mut spins = 0u32;
        while self.state.load(Ordering::Acquire) & ENTERED != 0 {
            spins += 1;
            if spins < 1000 {
                std::hint::spin_loop();
            } else {
                std::thread::yield_now();
            }
        }
        let panic = lock(&self.panic).take();
        drop(workers);
        if let Some(payload) = panic {
            resume_unwind(payload);
        }
        true
    }

    /// Runs the tasks of share `p`, then what is left of the others.
    fn take_part(&self, job: &Job, p: usize) {
        for offset in 0..job.participants {
            let share = (p + offset) % job.participants;
            let end = job.start_of(share + 1);
            // A panic ends one task; the loop goes on with the next.
            while let Err(payload) = catch_unwind(AssertUnwindSafe(|| {
                loop {
                    let task = self.slots[share].next.fetch_add(1, Ordering::Relaxed);
                    if task >= end {
                        break;
                    }
                    // SAFETY: the caller waits for all who entered, so its closure lives.
                    unsafe { (*job.f)(task) };
                }
            })) {
                lock(&self.panic).get_or_insert(payload);
            }
        }
    }

    /// The life of worker `id`.
    fn work(&self, id: usize) {
        IN_TASK.set(true);
        let mut last = 0;
        loop {
            let state = self.wait(id, last);
            last = state >> EPOCH;
            let mut seen = state;
            let entered = loop {
                if seen & OPEN == 0 || seen >> EPOCH != last {
                    break false;
                }
                match self.state.compare_exchange_weak(
                    seen,
                    seen + 1,
                    Ordering::Acquire,
                    Ordering::Relaxed,
                ) {
                    Ok(_) => break true,
                    Err(now) => seen = now,
                }
            };
            if entered {
                // SAFETY: the job is not written while somebody is in it.
                let job = unsafe { *self.job.get() };
                if id < job.participants {
                    self.take_part(&job, id);
                }
                self.state.fetch_sub(1, Ordering::Release);
            }
        }
    }

    /// Waits for an open job that is not job number `last`.
    fn wait(&self, id: usize, last: u64) -> u64 {
        let fresh = |order| {
            let state = self.state.load(order);
            (state & OPEN != 0 && state >> EPOCH != last).then_some(state)
        };
        // More threads than cores: spinning would take time from those that have work.
        if num_threads() <= available_cores() {
            let start = Instant::now();
            while start.elapsed() < SPIN {
                for _ in 0..32 {
                    if let Some(state) = fresh(Ordering::Acquire) {
                        return state;
                    }
                    std::hint::spin_loop();
                }
            }
        }
        let asleep = &self.slots[id].asleep;
        loop {
            asleep.store(true, Ordering::SeqCst);
            if let Some(state) = fresh(Ordering::SeqCst) {
                asleep.store(false, Ordering::SeqCst);
                return state;
            }
            std::thread::park();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What these mutexes hold stays valid whatever panics.
    mutex.lock().unwrap_or_else(|e| e.into_inner())
}

/// Runs `f` with 1, 2, 3 and 5 threads and returns the results.
#[cfg(test)]
pub(crate) fn with_thread_counts<R>(mut f: impl FnMut() -> R) -> [R; 4] {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _guard = lock(&ONE_AT_A_TIME);
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
