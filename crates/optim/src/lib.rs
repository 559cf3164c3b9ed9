//! Optimizers: they hold handles to parameters, and change them by their gradients.
//!
//! ```
//! use pleach_core::{Parameter, tensor};
//! use pleach_optim::{Optimizer, SGD};
//!
//! let w = Parameter::new(tensor![1.0, 2.0]);
//! let mut optimizer = SGD::new([w.share()], 0.1).momentum(0.9);
//! w.tensor().sum()?.backward()?; // the gradient is 1
//! optimizer.step()?;
//! assert_eq!(w.data().to_vec::<f32>()?, [0.9, 1.9]);
//! optimizer.zero_grad();
//! assert!(w.grad().is_none());
//! # Ok::<(), pleach_core::Error>(())
//! ```

#![forbid(unsafe_code)]

mod coverage;
mod display;
mod fit;
mod optimizer;
mod sgd;
mod state;

pub use coverage::{Coverage, LeftParameter};
pub use optimizer::{Optimizer, check_groups};
pub use sgd::{SGD, SgdGroup, SgdOptions};
pub use state::{GroupState, OptimizerState, Options, StateValue};
