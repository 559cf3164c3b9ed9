//! Reverse-mode differentiation: operations are recorded as they run and walked backwards.
//!
//! A tensor that needs a gradient holds a [`Node`]: PyTorch's `grad_fn`. The node knows where its
//! inputs came from and owns a [`GradFn`], which turns the gradient of the outputs into those of
//! the inputs. To add an operation, compute its result and [`record`] it:
//!
//! ```
//! use pleach_core::autograd::{self, Backward};
//! use pleach_core::{tensor, Result, Tensor};
//!
//! fn square(x: &Tensor) -> Result<Tensor> {
//!     let x = x.clone();
//!     let y = x.detach().mul(&x.detach())?;
//!     Ok(autograd::record(y, &[&x], |_| {
//!         let saved = x.detach();
//!         Backward::new("SquareBackward", move |g: &Tensor| {
//!             Ok([Some(g.mul(&saved)?.mul(2.0)?)].into_iter().collect())
//!         })
//!     }))
//! }
//!
//! let x = tensor![3.0].requires_grad_(true)?;
//! square(&x)?.sum()?.backward()?;
//! assert_eq!(x.grad().unwrap().to_vec::<f32>()?, [6.0]);
//! # Ok::<(), pleach_core::Error>(())
//! ```

mod alias;
mod apply;
mod engine;
mod gradcheck;
mod mode;
mod node;
mod operation;
mod saved;
mod signature;
mod tensor;
pub mod trace;

pub(crate) use alias::Alias;
pub use apply::apply;
pub use engine::{Grads, Options, backward, grad, grad_allow_unused};
pub use gradcheck::{gradcheck, gradgradcheck};
pub use mode::{enable_grad, is_grad_enabled, no_grad};
pub(crate) use mode::{mode, with_grad_mode};
pub use node::{Backward, GradFn, InputGrads, Node, record, record_many};
pub(crate) use node::{History, Leaf};
pub use operation::{
    AnyOperation, Attribute, Attributes, GradOf, GradsOf, Operation, Rules, Types,
};
pub use saved::{Call, Own, Saved, Saves};
pub use signature::{Input, Inputs, Many, Outputs};
pub(crate) use tensor::check_grad;
