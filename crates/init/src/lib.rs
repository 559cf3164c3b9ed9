//! (first lines)

#![forbid(unsafe_code)]
