//! Tensor, autograd, parameters and random numbers of pleach.
//!
//! Start at [`Tensor`]; [`Parameter`] and [`Buffer`] are the handles that modules hold;
//! [`autograd`] records operations and walks them backwards; [`random::Generator`] is PyTorch's
//! CPU generator, bit for bit; [`mod@print`] is about PyTorch's text of tensors and Python values.

#![forbid(unsafe_code)]

#[macro_use]
mod dispatch;
#[macro_use]
mod twins;
#[macro_use]
mod words;

pub mod autograd;
mod buffer;
mod dtype;
mod element;
mod error;
mod extent;
mod hooks;
mod memory;
mod parameter;
pub mod print;
pub mod random;
mod scalar;
mod shape;
mod storage;
mod tensor;

mod ops;

pub use autograd::{enable_grad, is_grad_enabled, no_grad};
pub use buffer::{Buffer, BufferId};
pub use dtype::DType;
pub use element::Element;
pub use error::{Error, ErrorKind, Result};
pub use extent::{Window, checked_numel, product_of};
pub use hooks::{HookHandle, HookList};
pub use memory::check_room;
pub use ops::{
    Bound, CdistMode, Contracted, Dims, ElementWise, FloatPair, Glu, Indexing, Interpolation,
    IntoIndex, IntoOperand, Operand, PadMode, Reduce, Rounding, Spacing, SplitAt, SplitSizes,
    Start, Target, TensorIndex, Unique, einsum, skip_init, slice,
};
pub use parameter::{Computed, Data, ParamId, Parameter};
pub use pleach_kernels::{
    Precision, float32_precision, num_threads, set_float32_precision, set_num_threads,
};
pub use random::{Generator, manual_seed};
pub use scalar::Scalar;
pub use shape::{IntoShape, IntoSize, IntoSizes, Shape, size_text};
pub use tensor::{Tensor, ValueId};

/// What the [`tensor!`] macro expands to.
#[doc(hidden)]
pub mod __literal {
    pub use crate::tensor::{LiteralValues, TensorLiteral};
}
