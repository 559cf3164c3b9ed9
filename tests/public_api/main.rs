//! Every public function: called by random programs, its gradients checked, and its panics listed.

#[path = "../../fuzz/api/mod.rs"]
mod api;
#[path = "../../crates/core/tests/common/mod.rs"]
mod common;
mod coverage;
mod gradients;
mod panics;
mod programs;
mod sources;
mod what_is_there;
