//! Threads that read batches in the background.

use std::any::Any;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{Builder, JoinHandle};

use pleach_core::{Error, Generator, Result};

use super::source::Source;
use super::worker_info::{WorkerInfo, set_worker_info};

/// No pass has more workers, and none is more batches ahead, whatever was asked for.
pub(super) const MOST: usize = 1 << 16;

/// The batches that several threads read, in order. The calling thread hands out the tasks in turn,
/// so many ahead of the batches that were taken; a worker that has no more leaves the round.
pub(super) struct Workers<'a, S: Source> {
    source: Arc<S>,
    tasks: Box<dyn Iterator<Item = S::Task> + Send + 'a>,
    /// Those that have had a task.
    workers: Vec<Worker<S>>,
    num_workers: usize,
    base_seed: u64,
    /// Whose turn it is.
    turn: usize,
    /// Who reads the batches that were asked for, in order.
    asked: VecDeque<usize>,
}

struct Worker<S: Source> {
    /// Where tasks go and batches come from, until there are no more.
    channels: Option<Channels<S>>,
    thread: Option<JoinHandle<()>>,
    failed: Option<String>,
}

type Channels<S> = (
    Sender<<S as Source>::Task>,
    Receiver<Option<Result<<S as Source>::Batch>>>,
);

impl<'a, S: Source> Workers<'a, S> {
    pub fn start(
        source: Arc<S>,
        tasks: Box<dyn Iterator<Item = S::Task> + Send + 'a>,
        num_workers: usize,
        ahead: usize,
        base_seed: u64,
    ) -> Self {
        let mut pass = Workers {
            source,
            tasks,
            workers: Vec::new(),
            num_workers,
            base_seed,
            turn: 0,
            asked: VecDeque::new(),
        };
        let ahead = num_workers.saturating_mul(ahead).min(MOST.max(num_workers));
        while pass.asked.len() < ahead && pass.ask() {}
        pass
    }

    /// Hands out a task, if there is one, and a worker for it.
    fn ask(&mut self) -> bool {
        let Some(task) = self.tasks.next() else {
            return false;
        };
        for _ in 0..self.num_workers {
            let number = self.turn;
            self.turn = (number + 1) % self.num_workers;
            if number == self.workers.len() {
                let worker = Worker::start(self.source.clone(), self.info(number));
                self.workers.push(worker);
            }
            if let Some((tasks, _)) = &self.workers[number].channels {
                // A worker that is gone is reported when its batch is asked for.
                let _ = tasks.send(task);
                self.asked.push_back(number);
                return true;
            }
        }
        false
    }

    fn info(&self, id: usize) -> WorkerInfo {
        WorkerInfo {
            id,
            num_workers: self.num_workers,
            seed: self.base_seed.wrapping_add(id as u64),
        }
    }
}

impl<S: Source> Iterator for Workers<'_, S> {
    type Item = Result<S::Batch>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let number = self.asked.pop_front()?;
            let worker = &mut self.workers[number];
            let Some((_, batches)) = &worker.channels else {
                // A task that came after its end.
                continue;
            };
            let batch = match batches.recv() {
                Ok(Some(batch)) => Some(batch),
                Ok(None) => {
                    worker.channels = None;
                    None
                }
                Err(_) => {
                    if S::ENDS_WITH_ITS_READER {
                        worker.channels = None;
                    }
                    let what = worker.failure();
                    Some(Err(Error::other(format!(
                        "worker {number} of the data loader panicked: {what}"
                    ))))
                }
            };
            self.ask();
            if batch.is_some() {
                return batch;
            }
        }
    }
}

impl<S: Source> Worker<S> {
    fn start(source: Arc<S>, info: WorkerInfo) -> Self {
        let (to_worker, tasks) = channel::<S::Task>();
        let (results, from_worker) = channel();
        let work = move || {
            set_worker_info(info);
            Generator::seeded(info.seed).scope(|| {
                let mut reader = source.reader();
                // Nobody sends or receives when the pass was left early.
                while let Ok(task) = tasks.recv() {
                    if results.send(reader(task)).is_err() {
                        break;
                    }
                }
            });
        };
        let thread = Builder::new().name(format!("data-{}", info.id)).spawn(work);
        let (thread, failed) = match thread {
            Ok(thread) => (Some(thread), None),
            Err(e) => (None, Some(format!("the thread did not start: {e}"))),
        };
        Worker {
            channels: Some((to_worker, from_worker)),
            thread,
            failed,
        }
    }

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
impl<S: Source> Drop for Workers<'_, S> {
    fn drop(&mut self) {
        for worker in &mut self.workers {
            worker.channels = None;
        }
        for worker in &mut self.workers {
            // A panic there was reported by `next`, or concerns batches that nobody wanted.
            let _ = worker.thread.take().map(JoinHandle::join);
        }
    }
}
