//! [`losses!`]: what the losses have in common, which is all but their options and their function.

/// A loss: docs, its name, its builder's, the type of its reduction, then weights (buffers), options
/// with their defaults, what building it refuses, and its function of two tensors ([`Loss`]) or more
/// ([`ForwardMany`](crate::ForwardMany)).
///
/// [`Loss`]: super::Loss
macro_rules! losses {
    ($(
        $(#[$doc:meta])*
        $name:ident, $builder:ident, $reduction:ident {
            weights { $($(#[$weight_doc:meta])* $weight:ident;)* }
            options { $($(#[$option_doc:meta])* $option:ident: $ty:ty = $default:expr;)* }
        }
        $(refuse |$checked:ident| $refusal:expr,)?
        |$this:ident, $($input:ident $(: $input_ty:ident)?),*| $forward:expr;
    )*) => {$(
        $(#[$doc])*
        #[derive(crate::Module)]
        #[module(debug)]
        pub struct $name {
            node: crate::Node,
            $($(#[$weight_doc])* pub $weight: Option<pleach_core::Buffer>,)*
            $($(#[$option_doc])* pub $option: $ty,)*
            /// How the losses of single elements become one.
            #[module(skip)]
            pub reduction: $reduction,
        }

        impl $name {
            /// The loss with PyTorch's defaults.
            pub fn new() -> Self {
                Self::builder().unchecked($reduction::Mean)
            }

            /// A loss with options.
            pub fn builder() -> $builder {
                $builder {
                    $($weight: None,)*
                    $($option: $default,)*
                    reduction: Ok($reduction::Mean),
                }
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::new()
            }
        }

        #[doc = concat!("Options of a [`", stringify!($name), "`].")]
        #[derive(Debug, Clone)]
        #[must_use]
        pub struct $builder {
            $($weight: Option<pleach_core::Tensor>,)*
            $($option: $ty,)*
            reduction: pleach_core::Result<$reduction>,
        }

        impl $builder {
            $(
                $(#[$weight_doc])*
                pub fn $weight(mut self, $weight: impl Into<pleach_core::Tensor>) -> Self {
                    self.$weight = Some($weight.into());
                    self
                }
            )*
            $(
                $(#[$option_doc])*
                pub fn $option(mut self, $option: $ty) -> Self {
                    self.$option = $option;
                    self
                }
            )*
            /// How the losses of single elements become one, by PyTorch's string or as a value;
            /// their mean by default.
            pub fn reduction(
                mut self,
                reduction: impl TryInto<$reduction, Error: Into<pleach_core::Error>>,
            ) -> Self {
                self.reduction = crate::setters::given(reduction);
                self
            }

            /// Builds the loss. What is not refused here, `forward` checks, as in PyTorch.
            ///
            /// # Errors
            /// If a string is unknown, or an option is not what the loss takes.
            pub fn build(self) -> pleach_core::Result<$name> {
                $({
                    let $checked = &self;
                    $refusal?;
                })?
                let reduction = self.reduction.clone()?;
                Ok(self.unchecked(reduction))
            }

            fn unchecked(self, reduction: $reduction) -> $name {
                $name {
                    node: crate::Node::new(),
                    $($weight: self.$weight.map(pleach_core::Buffer::new),)*
                    $($option: self.$option,)*
                    reduction,
                }
            }
        }

        losses!(@call $name |$this, $($input $(: $input_ty)?),*| $forward);
    )*};
    (@call $name:ident |$this:ident, $input:ident, $target:ident| $forward:expr) => {
        impl super::Loss for $name {
            fn forward(
                &self,
                $input: &pleach_core::Tensor,
                $target: &pleach_core::Tensor,
            ) -> pleach_core::Result<pleach_core::Tensor> {
                let $this = self;
                $forward
            }
        }
    };
    (@call $name:ident |$this:ident, $($input:ident),*| $forward:expr) => {
        impl crate::ForwardMany for $name {
            type Arguments<'a> = ($(losses!(@tensor 'a $input),)*);
            type Output = pleach_core::Tensor;
            fn forward(
                &self,
                ($($input,)*): Self::Arguments<'_>,
            ) -> pleach_core::Result<pleach_core::Tensor> {
                let $this = self;
                $forward
            }
        }
    };
    (@call $name:ident |$this:ident, $a:ident, $b:ident, $last:ident: $last_ty:ident| $forward:expr) => {
        impl crate::ForwardMany for $name {
            type Arguments<'a> = (&'a pleach_core::Tensor, &'a pleach_core::Tensor, $last_ty<'a>);
            type Output = pleach_core::Tensor;
            fn forward(
                &self,
                ($a, $b, $last): Self::Arguments<'_>,
            ) -> pleach_core::Result<pleach_core::Tensor> {
                let $this = self;
                $forward
            }
        }
    };
    (@tensor $life:lifetime $input:ident) => { &$life pleach_core::Tensor };
}
pub(super) use losses;

/// The tensor of a weight, if there is one.
pub(super) fn tensor(
    weight: &Option<pleach_core::Buffer>,
) -> pleach_core::Result<Option<pleach_core::Tensor>> {
    weight
        .as_ref()
        .map(pleach_core::Buffer::try_tensor)
        .transpose()
}
