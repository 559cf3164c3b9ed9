//! The kernels' pool of threads over loom's atomics; `threads/model.rs` has the tests.
#![cfg(all(test, loom))]

use std::cell::Cell;

#[path = "../../src/threads/pool.rs"]
mod pool;
#[path = "../../src/threads/sync.rs"]
mod sync;

thread_local! {
    static IN_TASK: Cell<bool> = const { Cell::new(false) };
}
