//! The operations, as methods of [`Tensor`](crate::Tensor): one subject a file.

mod arithmetic;
mod compare;
mod einsum;
mod elementwise;
mod extreme;
mod gather;
mod index;
mod inplace;
mod join;
mod lerp;
mod linear;
mod matmul;
mod norm;
mod operand;
mod operators;
mod overwrite;
mod pad;
mod plan;
mod random;
mod reduce;
mod select;
mod softmax;
mod sort;
mod tensor_index;
mod unary;
mod unfold;
mod variance;
mod view;

pub use einsum::einsum;
pub use inplace::Target;
pub use join::SplitSizes;
pub use operand::{Dims, Operand};
pub use pad::PadMode;
pub use select::Bound;
pub use tensor_index::{IntoIndex, TensorIndex, slice};
pub use unary::apply_function;
