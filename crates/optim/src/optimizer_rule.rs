//! [`optimizer!`]: an optimizer of this crate, of one list of options.

/// Writes the struct of options, the types of optimizer and group, and the setters of both.
macro_rules! optimizer {
    (
        $(#[$doc:meta])*
        $optimizer:ident, $group:ident, $options:ident {
            $($(#[$field_doc:meta])* $field:ident: $ty:ty = $default:expr,)*
        }
    ) => {
        $(#[$doc])*
        pub type $optimizer = $crate::RuleOptimizer<$options>;

        #[doc = concat!("Parameters with options of their own, for [`", stringify!($optimizer), "`].")]
        pub type $group = $crate::Group<$options>;

        $crate::optimizer_options! {
            #[doc = concat!("The options of [`", stringify!($optimizer), "`].")]
            pub struct $options {
                $($(#[$field_doc])* $field: $ty = $default,)*
            }
        }

        impl $crate::RuleOptimizerBuilder<$options> {
            $(
                $(#[$field_doc])*
                pub fn $field(self, $field: $ty) -> Self {
                    self.with(stringify!($field), |options| options.$field = $field)
                }
            )*
        }

        impl $crate::Group<$options> {
            $(
                $(#[$field_doc])*
                pub fn $field(self, $field: $ty) -> Self {
                    self.with(stringify!($field), |options| options.$field = $field)
                }
            )*
        }
    };
}
pub(crate) use optimizer;
