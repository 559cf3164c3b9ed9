//! Optimizers: they hold handles to parameters, and change them by their gradients.
//!
//! ```
//! use pleach::{Parameter, tensor};
//! use pleach::optim::{Optimizer, SGD};
//!
//! let w = Parameter::new(tensor![1.0, 2.0]);
//! let mut optimizer = SGD::builder([w.share()]).lr(0.1).momentum(0.9).build()?;
//! w.tensor().sum()?.backward()?; // the gradient is 1
//! optimizer.step()?;
//! assert_eq!(w.data().to_vec::<f32>()?, [0.9, 1.9]);
//! optimizer.zero_grad();
//! assert!(w.grad().is_none());
//! # Ok::<(), pleach::Error>(())
//! ```

#![forbid(unsafe_code)]

mod adam;
mod coverage;
mod fit;
mod group;
mod optimizer;
mod optimizer_rule;
mod parameter_state;
mod rule;
mod rule_optimizer;
mod sgd;
mod state;

pub use adam::{Adam, AdamGroup, AdamOptions, AdamW, AdamWGroup, AdamWOptions};
pub use coverage::{Coverage, LeftParameter};
pub use group::{Group, Member};
pub use optimizer::{Optimizer, check_groups};
#[doc(hidden)]
pub use pleach_core::Result;
pub use pleach_kernels::Float;
#[doc(hidden)]
pub use rule::option_of;
pub use rule::{OptionValue, Rule, RuleOptions, Step, not_negative};
pub use rule_optimizer::{RuleOptimizer, RuleOptimizerBuilder};
pub use sgd::{SGD, SgdGroup, SgdOptions};
pub use state::{GroupState, OptimizerState, Options, StateValue};
