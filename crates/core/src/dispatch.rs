//! Run-time dispatch over dtypes: the body is compiled once for each type, named `T` in it.

/// The body for each of these types, and what becomes of other dtypes.
macro_rules! dispatch {
    ($dtype:expr, $T:ident => $body:expr; $($variant:ident $t:ty),*; $($others:tt)*) => {
        match $dtype {
            $($crate::DType::$variant => {
                type $T = $t;
                $body
            })*
            $($others)*
        }
    };
}

/// Over every dtype.
macro_rules! dispatch_all {
    ($dtype:expr, $T:ident => $body:expr) => {
        dispatch!($dtype, $T => $body;
            F32 f32, F64 f64, F16 half::f16, BF16 half::bf16,
            I64 i64, I32 i32, I16 i16, I8 i8, U8 u8, Bool bool;)
    };
}

/// Over the dtypes that arithmetic is compiled for (smaller integers are computed as i64 before they
/// get here); the others are an error that names the operation.
macro_rules! dispatch_number {
    ($op:expr, $dtype:expr, $T:ident => $body:expr) => {
        dispatch!($dtype, $T => $body; F32 f32, F64 f64, I64 i64;
            other => return Err($crate::Error::not_implemented($op, other)),)
    };
}

/// Over f32 and f64; the others are an error that names the operation.
macro_rules! dispatch_float {
    ($op:expr, $dtype:expr, $T:ident => $body:expr) => {
        dispatch!($dtype, $T => $body; F32 f32, F64 f64;
            other => return Err($crate::Error::not_implemented($op, other)),)
    };
}
