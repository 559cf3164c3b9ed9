//! The functions of f32 that are [`double`]'s: no loop of them is vectorised.

use super::{MulAdd, double};

/// Functions of one number.
macro_rules! calls {
    ($($name:ident)*) => {$(
        #[inline(always)]
        pub(crate) fn $name<M: MulAdd>(x: f32) -> f32 {
            double::$name::<M>(f64::from(x)) as f32
        }
    )*};
}

calls! { trigamma tetragamma }

/// `x 2^y`.
#[inline(always)]
pub(crate) fn ldexp<M: MulAdd>(x: f32, y: f32) -> f32 {
    double::ldexp::<M>(f64::from(x), f64::from(y)) as f32
}
