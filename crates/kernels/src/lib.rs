//! The numeric loops under pleach: slices in, slices out.
//!
//! This crate knows no tensor. Every public function is safe: it checks the lengths it is given
//! (a mismatch is a bug in the caller and panics) and hides whatever `unsafe` it needs.
//!
//! Results never depend on the number of threads: work is split by shape alone, and no float is
//! reduced across threads except over chunks fixed by the shape and combined in order.

pub mod buffer;

pub use buffer::{Buffer, Plain};
