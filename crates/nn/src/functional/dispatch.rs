//! Run-time dispatch over the dtypes that compute in floats.

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
