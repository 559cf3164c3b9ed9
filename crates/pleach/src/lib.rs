//! Pleach: a neural-network framework whose heart is the module tree.

#![forbid(unsafe_code)]

pub use pleach_core::*;
pub use pleach_init as init;
pub use pleach_nn as nn;
pub use pleach_optim as optim;
