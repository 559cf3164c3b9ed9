//! Run-time dispatch over the dtypes that compute in floats, and what a kernel writes.

use pleach_core::{Element, Result, Tensor, checked_numel};
use pleach_kernels::Buffer;

/// Runs the body with `T` as f32 or f64; other dtypes are an error that names the operation.
macro_rules! dispatch_float {
    ($op:expr, $dtype:expr, $T:ident => $body:expr) => {
        match $dtype {
            pleach_core::DType::F32 => {
                type $T = f32;
                $body
            }
            pleach_core::DType::F64 => {
                type $T = f64;
                $body
            }
            dtype => {
                return Err(pleach_core::ErrorKind::NotImplementedFor { op: $op, dtype }.into());
            }
        }
    };
}

/// A tensor of these sizes, whose elements `fill` writes.
pub(crate) fn filled<T: Element>(sizes: &[usize], fill: impl FnOnce(&mut [T])) -> Result<Tensor> {
    let mut out = Buffer::try_new(checked_numel(sizes)?)?;
    fill(&mut out);
    Ok(Tensor::from_buffer(out, sizes))
}
