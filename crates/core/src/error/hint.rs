//! What to do about an error, in Rust's words.

use std::borrow::Cow;

use super::{Error, ErrorKind};
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
fn conversion(found: DType, wanted: DType) -> String {
    let (method, from, to) = (method(wanted), rust_name(found), rust_name(wanted));
    let because = match found {
        DType::F64 => "; `vec![0.5]` is f64 in Rust",
        DType::I32 => "; `vec![1]` is i32 in Rust",
        _ => "",
    };
    format!("`{method}` makes {to} of the {from} tensor{because}")
}

/// What a kind of error says by itself.
pub(super) fn of_kind(kind: &ErrorKind) -> Option<Cow<'static, str>> {
    let ErrorKind::NotImplementedFor { dtype, .. } = kind else {
        return None;
    };
    let wanted = match dtype {
        DType::F32 | DType::F64 => DType::I64,
        _ => DType::F32,
    };
    Some(conversion(*dtype, wanted).into())
}

impl Error {
    /// What to do about it, if that can be told. `Display` shows it after the text, on a line of
    /// its own.
    ///
    /// ```
    /// use pleach::Tensor;
    /// let classes = Tensor::from_vec(vec![0, 2], [2])?;
    /// let error = classes.softmax(0).unwrap_err();
    /// assert_eq!(error.hint(), Some("`.float()` makes f32 of the i32 tensor; `vec![1]` is i32 in Rust"));
    /// assert_eq!(error.kind().to_string(), "\"softmax_lastdim_kernel_impl\" not implemented for 'Int'");
    /// assert!(error.to_string().ends_with("\nhint: `.float()` makes f32 of the i32 tensor; `vec![1]` is i32 in Rust"));
    /// # Ok::<(), pleach::Error>(())
    /// ```
    pub fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// Says what to do about it.
    ///
    /// ```
    /// use pleach::Error;
    /// let error = Error::shape("the grid must be square").with_hint("`.pad(..)` fills it up");
    /// assert_eq!(error.to_string(), "the grid must be square\nhint: `.pad(..)` fills it up");
    /// ```
    pub fn with_hint(mut self, hint: impl Into<Cow<'static, str>>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Says how a tensor becomes one of the dtype that is wanted.
    #[doc(hidden)]
    pub fn hint_conversion(self, found: DType, wanted: DType) -> Self {
        self.with_hint(conversion(found, wanted))
    }

    /// Says how two tensors get one dtype: f32 if one of them has it, or else a float, or else i64.
    #[doc(hidden)]
    pub fn hint_common(self, a: DType, b: DType) -> Self {
        let rank = |dtype: DType| (dtype == DType::F32, dtype.is_float(), dtype == DType::I64);
        match rank(a) >= rank(b) {
            true => self.hint_conversion(b, a),
            false => self.hint_conversion(a, b),
        }
    }
}
