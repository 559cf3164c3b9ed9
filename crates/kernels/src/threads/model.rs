//! The pool's protocol, run by `loom` through the interleavings of its threads: `scripts/loom.sh`.
//!
//! The tasks write to cells that loom checks for races, so a model fails if a task runs twice or not
//! at all, if the caller returns before a task has ended (it then reads, or drops, what the task
//! writes), if a job is changed under a worker, and if a worker sleeps through the end (a
//! deadlock).

use loom::cell::UnsafeCell;
use loom::model::Builder;

use super::*;

/// One place for each task of a job.
struct Places(Vec<UnsafeCell<usize>>);

// SAFETY: loom checks the accesses.
unsafe impl Sync for Places {}

impl Places {
    fn new(tasks: usize) -> Self {
        Places((0..tasks).map(|_| UnsafeCell::new(0)).collect())
    }

    fn add(&self, task: usize, n: usize) {
        // SAFETY: loom checks that nobody else uses it.
        self.0[task].with_mut(|p| unsafe { *p += n });
    }

    fn check(&self, want: usize) {
        for place in &self.0 {
            // SAFETY: loom checks that nobody writes it.
            assert_eq!(place.with(|p| unsafe { *p }), want);
        }
    }
}

/// Runs one job for each number of tasks on a pool of `threads` threads, the caller included.
fn model(threads: usize, preemptions: usize, jobs: &'static [usize]) {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(move || {
        let pool = Arc::new(Pool::new(threads));
        let handles: Vec<_> = (1..threads)
            .map(|id| {
                let pool = Arc::clone(&pool);
                loom::thread::spawn(move || pool.work(id))
            })
            .collect();
        *lock(&pool.workers) = handles.iter().map(|h| h.thread().clone()).collect();
        for (round, &tasks) in jobs.iter().enumerate() {
            let places = Places::new(tasks);
            let done = pool.run(threads, tasks, &|task| places.add(task, round + 1));
            assert!(done, "nobody else uses the pool");
            places.check(round + 1);
        }
        // As for a job: only a worker that left its mark is woken.
        let before = pool.state.fetch_or(QUIT, Ordering::AcqRel);
        for handle in handles {
            if before & PARKED != 0 {
                handle.thread().unpark();
            }
            handle.join().expect("the worker ends well");
        }
    });
}

#[test]
fn two_jobs_on_two_threads() {
    model(2, 4, &[2, 3]);
}

#[test]
fn three_jobs_on_two_threads() {
    model(2, 2, &[2, 2, 2]);
}

#[test]
fn two_jobs_on_three_threads() {
    model(3, 1, &[2, 2]);
}

#[test]
fn a_second_caller_is_told_that_the_pool_is_busy() {
    loom::model(|| {
        let pool = Arc::new(Pool::new(1));
        let other = {
            let pool = Arc::clone(&pool);
            loom::thread::spawn(move || {
                let places = Places::new(1);
                if pool.run(1, 1, &|task| places.add(task, 1)) {
                    places.check(1);
                }
            })
        };
        let places = Places::new(2);
        if pool.run(1, 2, &|task| places.add(task, 1)) {
            places.check(1);
        }
        other.join().expect("the other caller ends well");
    });
}
