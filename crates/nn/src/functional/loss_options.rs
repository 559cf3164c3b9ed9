//! [`LossOptions`], and the macro of the options of other losses.

use pleach_core::{Error, Result, Tensor};

use super::Reduction;
use crate::setters::{given, setters};

/// The options of a loss: a row for each weight of type `Option<&Tensor>` and for each value with its
/// default, and the reduction, which all have.
macro_rules! loss_options {
    (
        $(#[$doc:meta])*
        $name:ident<$life:lifetime> {
            weights { $($(#[$weight_doc:meta])* $weight:ident;)* }
            values { $($(#[$value_doc:meta])* $value:ident: $ty:ty = $default:expr;)* }
        }
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone)]
        #[must_use]
        pub struct $name<$life> {
            $(pub(super) $weight: Option<&$life Tensor>,)*
            $(pub(super) $value: $ty,)*
            pub(super) reduction: Result<Reduction>,
            of: std::marker::PhantomData<&$life ()>,
        }

        impl<$life> $name<$life> {
            /// PyTorch's defaults.
            pub fn new() -> Self {
                $name {
                    $($weight: None,)*
                    $($value: $default,)*
                    reduction: Ok(Reduction::Mean),
                    of: std::marker::PhantomData,
                }
            }

            $(
                $(#[$weight_doc])*
                pub fn $weight(mut self, $weight: impl Into<Option<&$life Tensor>>) -> Self {
                    self.$weight = $weight.into();
                    self
                }
            )*

            $(
                $(#[$value_doc])*
                pub fn $value(mut self, $value: $ty) -> Self {
                    self.$value = $value;
                    self
                }
            )*

            setters! {
                |options| options;
                /// How the losses of single elements become one: `"mean"` (the default), `"sum"` or
                /// `"none"`, or a [`Reduction`].
                reduction: impl TryInto<Reduction, Error: Into<Error>> = given(reduction);
            }
        }

        impl Default for $name<'_> {
            fn default() -> Self {
                Self::new()
            }
        }
    };
}
pub(super) use loss_options;

loss_options! {
    /// What a loss of elements and targets takes beside its tensors. A reduction alone converts to it:
    /// `F::mse_loss(&x, &y, "sum")`.
    LossOptions<'a> {
        weights {
            /// What each loss is multiplied by.
            weight;
        }
        values {}
    }
}

impl From<Reduction> for LossOptions<'_> {
    fn from(reduction: Reduction) -> Self {
        Self::new().reduction(reduction)
    }
}

impl From<&str> for LossOptions<'_> {
    fn from(reduction: &str) -> Self {
        Self::new().reduction(reduction)
    }
}
