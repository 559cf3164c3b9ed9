//! [`Storage`]: a tensor's memory, typed at run time and shared between views.

use std::sync::Arc;

use half::{bf16, f16};
use pleach_kernels::Buffer;

use crate::DType;

/// Defines [`Storage`], and what it says of its memory whatever the type.
macro_rules! storage {
    ($($variant:ident $t:ty),*) => {
        /// A shared buffer of one of the element types.
        #[derive(Clone)]
        #[doc(hidden)]
        #[allow(missing_docs)]
        pub enum Storage {
            $($variant(Arc<Buffer<$t>>)),*
        }

        impl Storage {
            pub(crate) fn dtype(&self) -> DType {
                match self { $(Storage::$variant(_) => DType::$variant),* }
            }

            /// Whether nothing else holds the memory.
            pub(crate) fn is_unshared(&mut self) -> bool {
                match self { $(Storage::$variant(b) => Arc::get_mut(b).is_some()),* }
            }

            /// Where the memory is: equal for tensors that share it.
            pub(crate) fn address(&self) -> usize {
                match self { $(Storage::$variant(b) => Arc::as_ptr(b) as usize),* }
            }
        }
    };
}
storage!(F32 f32, F64 f64, F16 f16, BF16 bf16, I64 i64, I32 i32, I16 i16, I8 i8, U8 u8, Bool bool);
