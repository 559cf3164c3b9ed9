//! Threads that read batches in the background.

use std::any::Any;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::{Builder, JoinHandle};

use pleach_core::Generator;

use crate::{Error, Result};

/// The batches that several threads read, in order.
pub(super) struct Workers<B> {
    workers: Vec<Worker<B>>,
    /// The number of the next batch, and of all.
    next: usize,
    len: usize,
}

/// The positions of each batch that a worker reads.
pub(super) type Share = Box<dyn Iterator<Item = Vec<usize>> + Send>;

/// No worker is further ahead than so many batches, whatever was asked for.
const MOST_AHEAD: usize = 1 << 16;

/// Reads every so manieth batch.
struct Worker<B> {
    batches: Option<Receiver<Result<B>>>,
    thread: Option<JoinHandle<()>>,
    failed: Option<String>,
}

impl<B: Send + 'static> Workers<B> {
    /// Starts threads that read the batches of their shares of the `len` batches of a pass, each
    /// `ahead` batches at most before they are taken.
    pub fn start(
        shares: Vec<Share>,
        ahead: usize,
        len: usize,
        base_seed: u64,
        load: impl Fn(&[usize]) -> Result<B> + Send + Sync + 'static,
    ) -> Self {
        let load = Arc::new(load);
        let workers = shares.into_iter().enumerate().map(|(w, share)| {
            // The channel has room for all that it may hold from the start.
            let (sender, batches) = sync_channel(ahead.min(len).min(MOST_AHEAD));
            let load = load.clone();
            let generator = Generator::seeded(base_seed.wrapping_add(w as u64));
            let work = move || {
                generator.scope(|| {
                    for positions in share {
                        // The receiver is gone when the pass was left early.
                        if sender.send(load(&positions)).is_err() {
                            break;
                        }
                    }
                });
            };
            let thread = Builder::new().name(format!("data-{w}")).spawn(work);
            let (thread, failed) = match thread {
                Ok(thread) => (Some(thread), None),
                Err(e) => (None, Some(format!("the thread did not start: {e}"))),
            };
            Worker {
                batches: Some(batches),
                thread,
                failed,
            }
        });
        Workers {
            workers: workers.collect(),
            next: 0,
            len,
        }
    }
}

impl<B> Workers<B> {
    /// The next batch.
    pub fn next(&mut self) -> Option<Result<B>> {
        if self.next == self.len {
            return None;
        }
        let number = self.next % self.workers.len();
        self.next += 1;
        let worker = &mut self.workers[number];
        let batch = worker.batches.as_ref().and_then(|b| b.recv().ok());
        Some(batch.unwrap_or_else(|| {
            Err(Error::Worker {
                worker: number,
                what: worker.failure(),
            })
        }))
    }
}

impl<B> Worker<B> {
    /// Why the thread ended early.
    fn failure(&mut self) -> String {
        if let Some(Err(panic)) = self.thread.take().map(JoinHandle::join) {
            self.failed = Some(panic_text(&*panic));
        }
        self.failed.clone().unwrap_or_default()
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
        (Some(text), _) => text.to_string(),
        (_, Some(text)) => text.clone(),
        _ => "without a text".to_string(),
    }
}

/// Threads end at their next batch, and none outlives the pass.
impl<B> Drop for Workers<B> {
    fn drop(&mut self) {
        for worker in &mut self.workers {
            worker.batches = None;
        }
        for worker in &mut self.workers {
            // A panic there was reported by `next`, or concerns batches that nobody wanted.
            let _ = worker.thread.take().map(JoinHandle::join);
        }
    }
}
