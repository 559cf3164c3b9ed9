//! The functions of f32 that are calls: the standard library's, libm's, and those of [`double`].

use super::{MulAdd, double};

/// A row is a name and what it calls.
macro_rules! calls {
    ($($name:ident = $f:expr;)*) => {$(
        #[inline(always)]
        pub(crate) fn $name<M: MulAdd>(x: f32) -> f32 {
            $f(x)
        }
    )*};
    (pairs $($name:ident = $f:expr;)*) => {$(
        #[inline(always)]
        pub(crate) fn $name<M: MulAdd>(x: f32, y: f32) -> f32 {
            $f(x, y)
        }
    )*};
    (double $($name:ident;)*) => {$(
        #[inline(always)]
        pub(crate) fn $name<M: MulAdd>(x: f32) -> f32 {
            double::$name::<M>(f64::from(x)) as f32
        }
    )*};
}

calls! {
    exp2 = f32::exp2;
    log2 = f32::log2;
    log10 = f32::log10;
    sin = f32::sin;
    cos = f32::cos;
    tan = f32::tan;
    asin = f32::asin;
    acos = f32::acos;
    atan = f32::atan;
    sinh = f32::sinh;
    cosh = f32::cosh;
    asinh = libm::asinhf;
    acosh = libm::acoshf;
    atanh = libm::atanhf;
    erfc = libm::erfcf;
}

calls! { pairs
    atan2 = f32::atan2;
    hypot = f32::hypot;
    powf = f32::powf;
    ldexp = |x, y| double::ldexp::<M>(f64::from(x), f64::from(y)) as f32;
}

calls! { double
    erfinv;
    lgamma;
    digamma;
    trigamma;
    tetragamma;
}
