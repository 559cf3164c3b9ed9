//! [`words!`](crate::words): options that PyTorch gives as strings.

/// `Display`, `FromStr` and `TryFrom<&str>` of an enum by PyTorch's strings, the first of which is
/// the one that prints, and the refusal of others.
///
/// What takes such an option is an `impl TryInto<Option, Error: Into<Error>>`, so that the value
/// and the string will do.
#[doc(hidden)]
#[macro_export]
macro_rules! words {
    ($name:ident { $($variant:ident = $word:literal $(| $other:literal)*),* $(,)? }, |$text:ident| $refusal:expr) => {
        /// PyTorch's string.
        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(match self {
                    $($name::$variant => $word,)*
                })
            }
        }

        /// Parses PyTorch's strings.
        impl ::std::str::FromStr for $name {
            type Err = $crate::Error;
            fn from_str($text: &str) -> $crate::Result<Self> {
                match $text {
                    $($word $(| $other)* => Ok($name::$variant),)*
                    _ => Err($crate::Error::value($refusal)),
                }
            }
        }

        impl TryFrom<&str> for $name {
            type Error = $crate::Error;
            fn try_from(text: &str) -> $crate::Result<Self> {
                text.parse()
            }
        }
    };
}
