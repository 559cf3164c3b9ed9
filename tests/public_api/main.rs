//! Every public function: called by random programs, and its panics listed.

#[path = "../../fuzz/api/mod.rs"]
mod api;
mod coverage;
mod panics;
mod programs;
mod sources;
mod what_is_there;
