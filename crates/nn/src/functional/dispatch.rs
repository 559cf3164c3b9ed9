//! Run-time dispatch over the dtypes that compute in floats, what a kernel writes, and the
//! refusal of tensors of another dtype.

use pleach_core::{DType, Element, Error, Result, Tensor, checked_numel};
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

/// Returns the error of a shape with this text, unless something holds.
macro_rules! ensure {
    ($holds:expr, $($text:tt)+) => {
        if !$holds {
            return Err(pleach_core::Error::shape(format!($($text)+)));
        }
    };
}

/// A tensor of these sizes, whose elements `fill` writes.
pub(crate) fn filled<T: Element>(sizes: &[usize], fill: impl FnOnce(&mut [T])) -> Result<Tensor> {
    let mut out = Buffer::try_new(checked_numel(sizes)?)?;
    fill(&mut out);
    Ok(Tensor::from_buffer(out, sizes))
}

/// A half float as the f32 that it computes as.
pub(super) fn widened(t: &Tensor) -> Result<Tensor> {
    match t.dtype() {
        DType::F16 | DType::BF16 => t.float(),
        _ => Ok(t.clone()),
    }
}

/// What to do about an input of `rank` dimensions if those up to `unbatched` are all there.
pub(crate) fn hint_batch(error: Error, rank: usize, unbatched: usize) -> Error {
    match rank == unbatched {
        true => error.with_hint("`.unsqueeze(0)?` adds the missing dimension of size 1 in front"),
        false => error,
    }
}

/// PyTorch's refusal of a tensor that has not the input's dtype.
pub(super) fn check_dtype(t: &Tensor, dtype: DType) -> Result<()> {
    match t.dtype() {
        found if found == dtype => Ok(()),
        found => Err(Error::dtype(format!(
            "expected scalar type {} but found {}",
            dtype.torch_name(),
            found.torch_name()
        ))
        .hint_common(found, dtype)),
    }
}
