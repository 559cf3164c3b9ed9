//! [`Source`]: what the batches of a pass are made of.

use pleach_core::Result;

/// What batches are made of.
pub(super) trait Source: Send + Sync + 'static {
    /// What says which elements a batch has.
    type Task: Send + 'static;
    type Batch: Send + 'static;
    /// Whether there are no more batches from a thread that panicked.
    const ENDS_WITH_ITS_READER: bool;

    /// What reads the batches of one thread, until there are no more.
    fn reader(&self) -> Reader<'_, Self::Task, Self::Batch>;
}

pub(super) type Reader<'a, T, B> = Box<dyn FnMut(T) -> Option<Result<B>> + Send + 'a>;
