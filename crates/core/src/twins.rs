//! Constructors that read best without a `?`, each with a twin that returns its error.

/// Defines functions (and, behind a receiver's name, methods) that make a tensor, and panic where
/// their twin `try_…` returns an error.
macro_rules! twins {
    ($($(#[$doc:meta])* $name:ident, $twin:ident ($($arg:ident: $ty:ty),*) => $make:expr;)*) => {
        impl $crate::Tensor {$(
            $(#[$doc])*
            ///
            /// # Panics
            #[doc = concat!("Where [`Tensor::", stringify!($twin), "`](crate::Tensor::", stringify!($twin), ") returns an error.")]
            #[track_caller]
            pub fn $name($($arg: $ty),*) -> $crate::Tensor {
                $crate::error::done(Self::$twin($($arg),*))
            }

            #[doc = concat!("[`Tensor::", stringify!($name), "`](crate::Tensor::", stringify!($name), ") as a `Result`.")]
            ///
            /// # Errors
            /// If the number of elements overflows, the memory cannot be had, or the dtype cannot
            /// hold a value.
            pub fn $twin($($arg: $ty),*) -> $crate::Result<$crate::Tensor> {
                $make
            }
        )*}
    };
    ($receiver:ident: $($(#[$doc:meta])* $name:ident, $twin:ident ($($arg:ident: $ty:ty),*) => $make:expr;)*) => {
        impl $crate::Tensor {$(
            $(#[$doc])*
            ///
            /// # Panics
            #[doc = concat!("Where [`Tensor::", stringify!($twin), "`](crate::Tensor::", stringify!($twin), ") returns an error.")]
            #[track_caller]
            pub fn $name(&self, $($arg: $ty),*) -> $crate::Tensor {
                $crate::error::done(self.$twin($($arg),*))
            }

            #[doc = concat!("[`Tensor::", stringify!($name), "`](crate::Tensor::", stringify!($name), ") as a `Result`.")]
            ///
            /// # Errors
            /// If the memory cannot be had or the dtype cannot hold a value.
            pub fn $twin(&self, $($arg: $ty),*) -> $crate::Result<$crate::Tensor> {
                let $receiver = self;
                $make
            }
        )*}
    };
}
