//! Every public function: called by random programs, and its panics listed.

#[path = "../../fuzz/api/mod.rs"]
mod api;
mod coverage;
mod programs;
mod sources;
