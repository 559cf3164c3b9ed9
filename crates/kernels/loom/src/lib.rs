//! The kernels' pool of threads over loom's atomics; `threads/model.rs` has the tests.
#![cfg(all(test, loom))]

#[path = "../../src/threads/pool.rs"]
mod pool;
#[path = "../../src/threads/sync.rs"]
mod sync;
