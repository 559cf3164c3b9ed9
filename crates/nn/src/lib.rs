//! The module tree, layers and losses of pleach.

#![forbid(unsafe_code)]

// The derive macro writes paths below `::pleach`.
extern crate self as pleach;

pub mod functional;
pub mod layers;
pub mod losses;
