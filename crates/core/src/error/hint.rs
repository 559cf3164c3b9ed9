//! What to do about an error, in Rust's words.

use crate::DType;

/// A dtype as Rust writes it.
fn rust_name(dtype: DType) -> String {
    format!("{dtype:?}").to_lowercase()
}

/// The method that converts to a dtype.
fn method(dtype: DType) -> String {
    match dtype {
        DType::F32 => ".float()".to_string(),
        DType::F64 => ".double()".to_string(),
        DType::I64 => ".long()".to_string(),
        other => format!(".to_dtype(DType::{other:?})"),
    }
}

/// How a tensor becomes one of the dtype that is wanted, and where the other may come from.
pub(super) fn conversion(found: DType, wanted: DType) -> String {
    let (method, from, to) = (method(wanted), rust_name(found), rust_name(wanted));
    let because = match found {
        DType::F64 => "; `vec![0.5]` is f64 in Rust",
        DType::I32 => "; `vec![1]` is i32 in Rust",
        _ => "",
    };
    format!("`{method}` makes {to} of the {from} tensor{because}")
}

/// What becomes of a tensor whose dtype an operation does not take.
pub(super) fn of_unsupported(dtype: DType) -> String {
    let wanted = match dtype {
        DType::F32 | DType::F64 => DType::I64,
        _ => DType::F32,
    };
    conversion(dtype, wanted)
}

/// How two tensors get one dtype: f32 if one of them has it, or else a float, or else i64.
pub(super) fn common(a: DType, b: DType) -> String {
    let rank = |dtype: DType| (dtype == DType::F32, dtype.is_float(), dtype == DType::I64);
    match rank(a) >= rank(b) {
        true => conversion(b, a),
        false => conversion(a, b),
    }
}
