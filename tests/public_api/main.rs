//! Every public function: called by random programs, its gradients checked, its panics listed; and
//! the pages of layers.

#[path = "../../fuzz/api/mod.rs"]
mod api;
#[path = "../../crates/core/tests/common/mod.rs"]
mod common;
mod coverage;
mod gradients;
mod pages;
mod panics;
mod programs;
mod sources;
mod what_is_there;
