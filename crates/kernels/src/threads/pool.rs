//! [`Pool`]: the workers, and how jobs reach them.
//!
//! Written over [`super::sync`], so that `loom` can run it through all interleavings.

use std::any::Any;
use std::cell::Cell;
use std::sync::{Arc, TryLockError};

use super::sync::{self, AtomicU64, AtomicUsize, Mutex, MutexGuard, Ordering, Shared};

thread_local! {
    /// Whether this thread is inside a task (always true for workers).
    pub(super) static IN_TASK: Cell<bool> = const { Cell::new(false) };
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
}

/// `Pool::state` holds the number of the job, whether workers may be parked, whether the job may be
/// entered, and by how many workers it has been. All that the threads must agree on is in this one word.
const ENTERED: u64 = 0xffff;
const OPEN: u64 = 1 << 16;
const PARKED: u64 = 1 << 17;
const EPOCH: u32 = 18;
/// Ends the workers, which only a model does.
const QUIT: u64 = 1 << 63;

fn quits(state: u64) -> bool {
    cfg!(loom) && state & QUIT != 0
}

pub(super) struct Pool {
    state: AtomicU64,
    /// Written by the holder of `workers` while the job is closed and empty, else only read, by
    /// those who have entered.
    job: Shared<Job>,
    slots: Box<[Slot]>,
    panic: Mutex<Option<Box<dyn Any + Send>>>,
    /// Whoever holds this may start a job.
    workers: Mutex<Vec<sync::Thread>>,
}

// SAFETY: the job is the only field that is not `Sync`; its comment says why it has no races, and
// the closure it points at is `Sync`.
unsafe impl Sync for Pool {}
// SAFETY: as above.
unsafe impl Send for Pool {}

impl Pool {
    /// A pool without workers, for at most `threads` threads.
    fn new(threads: usize) -> Pool {
        let slot = || Slot {
            next: AtomicUsize::new(0),
        };
        Pool {
            state: AtomicU64::new(0),
            job: Shared::new(Job {
                f: std::ptr::from_ref(&|_| {}),
                tasks: 0,
                participants: 1,
            }),
            slots: (0..threads).map(|_| slot()).collect(),
            panic: Mutex::new(None),
            workers: Mutex::new(Vec::new()),
        }
    }

    /// A pool with a first worker; an error if there can be none.
    #[cfg(not(loom))]
    pub(super) fn start() -> std::io::Result<Arc<Pool>> {
        let pool = Arc::new(Pool::new(super::count::MAX_THREADS));
        pool.spawn_worker(&mut lock(&pool.workers))?;
        Ok(pool)
    }

    #[cfg(not(loom))]
    fn spawn_worker(self: &Arc<Self>, workers: &mut Vec<sync::Thread>) -> std::io::Result<()> {
        let id = workers.len() + 1;
        let pool = Arc::clone(self);
        let handle = std::thread::Builder::new()
            .name(format!("pleach-{id}"))
            .spawn(move || pool.work(id))?;
        workers.push(handle.thread().clone());
        Ok(())
    }

    /// The model brings its own workers.
    #[cfg(loom)]
    fn spawn_worker(self: &Arc<Self>, _: &mut Vec<sync::Thread>) -> std::io::Result<()> {
        Err(std::io::Error::other("no more workers"))
    }

    /// Runs a job, unless the pool is busy: then nothing is done and the answer is false.
    pub(super) fn run(
        self: &Arc<Self>,
        threads: usize,
        tasks: usize,
        f: &(dyn Fn(usize) + Sync),
    ) -> bool {
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
        unsafe { self.job.set(job) };
        let epoch = (self.state.load(Ordering::Relaxed) >> EPOCH) + 1;
        // Workers beyond this job's stay parked, so the mark stays as well.
        let all = job.participants > workers.len();
        let open = (epoch << EPOCH) | OPEN;
        let before = match all {
            true => self.state.swap(open, Ordering::AcqRel),
            false => self.state.swap(open | PARKED, Ordering::AcqRel),
        };
        if before & PARKED != 0 {
            for worker in &workers[..job.participants - 1] {
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
                sync::spin_loop();
            } else {
                sync::yield_now();
            }
        }
        let panic = lock(&self.panic).take();
        drop(workers);
        if let Some(payload) = panic {
            std::panic::resume_unwind(payload);
        }
        true
    }

    /// Runs the tasks of share `p`, then what is left of the others.
    fn take_part(&self, job: &Job, p: usize) {
        for offset in 0..job.participants {
            let share = (p + offset) % job.participants;
            let end = job.start_of(share + 1);
            // A panic ends one task; the loop goes on with the next.
            while let Err(payload) = sync::catch(|| {
                loop {
                    let task = self.slots[share].next.fetch_add(1, Ordering::Relaxed);
                    if task >= end {
                        break;
                    }
                    // SAFETY: the caller waits for all who entered, so its closure lives.
                    unsafe { (*job.f)(task) };
                }
            }) {
                lock(&self.panic).get_or_insert(payload);
            }
        }
    }

    /// The life of worker `id`.
    fn work(&self, id: usize) {
        IN_TASK.set(true);
        let mut last = 0;
        loop {
            let state = self.wait(last);
            if quits(state) {
                return;
            }
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
                let job = unsafe { self.job.get() };
                if id < job.participants {
                    self.take_part(&job, id);
                }
                self.state.fetch_sub(1, Ordering::Release);
            }
        }
    }

    /// Waits for an open job that is not job number `last`.
    fn wait(&self, last: u64) -> u64 {
        let fresh = |state: u64| {
            (state & OPEN != 0 && state >> EPOCH != last || quits(state)).then_some(state)
        };
        if let Some(state) = sync::spin_for(|| fresh(self.state.load(Ordering::Acquire))) {
            return state;
        }
        loop {
            let state = self.state.load(Ordering::Acquire);
            if let Some(state) = fresh(state) {
                return state;
            }
            let parked = state | PARKED;
            let (success, failure) = (Ordering::AcqRel, Ordering::Relaxed);
            // If the state has changed since, it is looked at again. If not, whoever changes it next
            // sees the mark.
            if (self.state.compare_exchange(state, parked, success, failure)).is_ok() {
                sync::park();
            }
        }
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What these mutexes hold stays valid whatever panics.
    mutex.lock().unwrap_or_else(|e| e.into_inner())
}

#[cfg(all(test, loom))]
#[path = "model.rs"]
mod model;
