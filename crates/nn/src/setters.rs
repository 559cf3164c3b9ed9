//! [`setters!`]: the chained setters of options and builders.

use pleach_core::{Error, Result};

/// Chained setters. A row is the documentation, the name of setter, argument and field, the
/// argument's type, and what becomes the field's value; the first line says where the fields are.
/// So the setters of a function's options can be those of its layer's builder.
macro_rules! setters {
    (|$this:ident| $place:expr; $($(#[$doc:meta])* $name:ident: $ty:ty = $value:expr;)*) => {$(
        $(#[$doc])*
        pub fn $name(mut self, $name: $ty) -> Self {
            let $this = &mut self;
            $place.$name = $value;
            self
        }
    )*};
}
pub(crate) use setters;

/// An argument that may be of another type, or PyTorch's string.
pub(crate) fn given<T>(value: impl TryInto<T, Error: Into<Error>>) -> Result<T> {
    value.try_into().map_err(Into::into)
}
