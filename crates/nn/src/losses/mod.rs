//! The losses: one a file, named as in `torch.nn`.

mod cross_entropy;
mod loss;
mod mse;

pub use crate::functional::Reduction;
pub use cross_entropy::{CrossEntropyLoss, CrossEntropyLossBuilder};
pub use loss::Loss;
pub use mse::{MSELoss, MSELossBuilder};
