//! One runner for each folder of golden data.

pub mod nn;
