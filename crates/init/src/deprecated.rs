//! The names that PyTorch deprecated: without underscore.

use pleach_core::{Error, Result, Scalar, Target};

use crate::{FanMode, Nonlinearity};

/// Writes the old name of a function: it warns, through `log`, and calls the new one.
macro_rules! old_name {
    ($old:ident, $new:ident, <$($generic:ident),*>($($arg:ident: $ty:ty),*) $(where $($bound:tt)*)?) => {
        #[doc = concat!("[`", stringify!($new), "`](crate::", stringify!($new), ") under its old name.")]
        ///
        /// # Errors
        #[doc = concat!("As [`", stringify!($new), "`](crate::", stringify!($new), ").")]
        #[deprecated(note = "PyTorch has renamed it: its name ends with an underscore now")]
        pub fn $old<$($generic),*>($($arg: $ty),*) -> Result<T>
        where
            T: Target,
            $($($bound)*)?
        {
            log::warn!(
                "`nn.init.{0}` is now deprecated in favor of `nn.init.{1}`.",
                stringify!($old),
                stringify!($new)
            );
            crate::$new($($arg),*)
        }
    };
}

old_name!(uniform, uniform_, <T>(target: T, a: f64, b: f64));
old_name!(normal, normal_, <T>(target: T, mean: f64, std: f64));
old_name!(constant, constant_, <T, V>(target: T, value: V) where V: Into<Scalar>);
old_name!(eye, eye_, <T>(target: T));
old_name!(dirac, dirac_, <T>(target: T, groups: usize));
old_name!(xavier_uniform, xavier_uniform_, <T>(target: T, gain: f64));
old_name!(xavier_normal, xavier_normal_, <T>(target: T, gain: f64));
old_name!(
    kaiming_uniform,
    kaiming_uniform_,
    <T, M, N>(target: T, a: f64, mode: M, nonlinearity: N)
    where M: TryInto<FanMode>, N: TryInto<Nonlinearity>, Error: From<M::Error> + From<N::Error>
);
old_name!(
    kaiming_normal,
    kaiming_normal_,
    <T, M, N>(target: T, a: f64, mode: M, nonlinearity: N)
    where M: TryInto<FanMode>, N: TryInto<Nonlinearity>, Error: From<M::Error> + From<N::Error>
);
old_name!(orthogonal, orthogonal_, <T>(target: T, gain: f64));
old_name!(sparse, sparse_, <T>(target: T, sparsity: f64, std: f64));
