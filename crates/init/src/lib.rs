//! The initialisers of `torch.nn.init`.
//!
//! Each takes a [`&Parameter`](pleach_core::Parameter), a
//! [`&mut Data`](pleach_core::Data) or a [`&mut Tensor`](pleach_core::Tensor), records no
//! gradient, draws from the current generator, and returns what it changed. For the same seed the
//! values are PyTorch's, bit for bit.
//!
//! ```
//! use pleach::{Parameter, Tensor, manual_seed};
//! use pleach::init as init;
//!
//! manual_seed(0);
//! let weight = Parameter::new(Tensor::zeros([8, 3, 3, 3]));
//! init::kaiming_normal_(&weight, 0.0, "fan_out", "relu")?;
//! init::normal_(&weight, 0.0, 0.02)?;
//! init::constant_(&mut weight.data(), 0.5)?;
//! assert_eq!(weight.data().to_vec::<f32>()?, vec![0.5; 216]);
//! # Ok::<(), pleach::Error>(())
//! ```

#![forbid(unsafe_code)]

mod constant;
mod deprecated;
mod fan;
mod gain;
mod kaiming;
mod orthogonal;
mod random;
mod sparse;
mod trunc_normal;
mod with;
mod xavier;

pub use constant::{constant_, dirac_, eye_, ones_, zeros_};
// By a glob, for to name them would be to use them.
pub use deprecated::*;
pub use fan::{FanMode, calculate_fan_in_and_fan_out};
pub use gain::{Nonlinearity, calculate_gain};
pub use kaiming::{kaiming_normal_, kaiming_uniform_};
pub use orthogonal::orthogonal_;
pub use random::{normal_, sample_, uniform_};
pub use sparse::sparse_;
pub use trunc_normal::trunc_normal_;
pub use with::{With, with};
pub use xavier::{xavier_normal_, xavier_uniform_};
