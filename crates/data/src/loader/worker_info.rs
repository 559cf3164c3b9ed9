//! [`worker_info`].

use std::cell::Cell;

/// What a worker of a loader knows of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct WorkerInfo {
    /// Its number, from 0 on.
    pub id: usize,
    /// How many there are.
    pub num_workers: usize,
    /// What its generator starts with: the pass's base seed plus `id`.
    pub seed: u64,
}

thread_local! {
    static CURRENT: Cell<Option<WorkerInfo>> = const { Cell::new(None) };
}

/// The worker that calls; `None` on any other thread. See
/// [`IterableDataset`](crate::IterableDataset) for its use.
pub fn worker_info() -> Option<WorkerInfo> {
    CURRENT.get()
}

/// Says which worker this thread is.
pub(super) fn set_worker_info(info: WorkerInfo) {
    CURRENT.set(Some(info));
}
