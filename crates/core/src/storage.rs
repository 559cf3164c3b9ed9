//! [`Storage`]: a tensor's memory, typed at run time and shared between views.

use std::sync::Arc;

use half::{bf16, f16};
use pleach_kernels::Buffer;

use crate::DType;

/// A shared buffer of one of the element types.
#[derive(Clone)]
#[doc(hidden)]
#[allow(missing_docs)]
pub enum Storage {
    F32(Arc<Buffer<f32>>),
    F64(Arc<Buffer<f64>>),
    F16(Arc<Buffer<f16>>),
    BF16(Arc<Buffer<bf16>>),
    I64(Arc<Buffer<i64>>),
    I32(Arc<Buffer<i32>>),
    I16(Arc<Buffer<i16>>),
    I8(Arc<Buffer<i8>>),
    U8(Arc<Buffer<u8>>),
    Bool(Arc<Buffer<bool>>),
}

/// The body with `$buffer` as the variant's, whatever its type.
macro_rules! each_buffer {
    ($storage:expr, $buffer:ident => $body:expr) => {
        match $storage {
            Storage::F32($buffer) => $body,
            Storage::F64($buffer) => $body,
            Storage::F16($buffer) => $body,
            Storage::BF16($buffer) => $body,
            Storage::I64($buffer) => $body,
            Storage::I32($buffer) => $body,
            Storage::I16($buffer) => $body,
            Storage::I8($buffer) => $body,
            Storage::U8($buffer) => $body,
            Storage::Bool($buffer) => $body,
        }
    };
}

impl Storage {
    pub(crate) fn dtype(&self) -> DType {
        match self {
            Storage::F32(_) => DType::F32,
            Storage::F64(_) => DType::F64,
            Storage::F16(_) => DType::F16,
            Storage::BF16(_) => DType::BF16,
            Storage::I64(_) => DType::I64,
            Storage::I32(_) => DType::I32,
            Storage::I16(_) => DType::I16,
            Storage::I8(_) => DType::I8,
            Storage::U8(_) => DType::U8,
            Storage::Bool(_) => DType::Bool,
        }
    }

    /// Whether nothing else holds the memory.
    pub(crate) fn is_unshared(&mut self) -> bool {
        each_buffer!(self, buffer => Arc::get_mut(buffer).is_some())
    }

    /// Where the memory is: equal for tensors that share it.
    pub(crate) fn address(&self) -> usize {
        each_buffer!(self, buffer => Arc::as_ptr(buffer) as usize)
    }
}
