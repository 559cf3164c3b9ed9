//! The operations, as methods of [`Tensor`](crate::Tensor): one subject a file.

mod arithmetic;
mod compare;
mod elementwise;
mod gather;
mod index;
mod inplace;
mod join;
mod matmul;
mod operand;
mod operators;
mod random;
mod reduce;
mod select;
mod softmax;
mod unary;
mod view;

pub use inplace::Target;
pub use index::{IntoIndex, TensorIndex, slice};
pub use operand::{Dims, Operand};
