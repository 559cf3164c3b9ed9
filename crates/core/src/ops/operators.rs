//! `+ - * / -x` and `+= -= *= /=`. They panic where the method of the same name returns an error,
//! with the caller's place, as `ndarray`'s do.
//!
//! Numbers are f64 or i64 only: with one float and one integer type the compiler knows what
//! `(&x * 2.0).sum()` means.

use std::ops::{Add, AddAssign, Div, DivAssign, Mul, MulAssign, Neg, Sub, SubAssign};

use crate::error::done;
use crate::{Data, Tensor};

macro_rules! operator {
    ($Op:ident $op:ident $method:ident: $($Left:ty, $Right:ty;)*) => {$(
        /// # Panics
        /// Where the method of this name returns an error.
        impl $Op<$Right> for $Left {
            type Output = Tensor;
            #[track_caller]
            fn $op(self, other: $Right) -> Tensor { done(Tensor::$method(&self, other)) }
        }
    )*};
}

macro_rules! assignment {
    ($Assign:ident $assign:ident $in_place:ident: $($Left:ty, $Right:ty;)*) => {$(
        /// # Panics
        /// Where the method of this name returns an error.
        impl $Assign<$Right> for $Left {
            #[track_caller]
            fn $assign(&mut self, other: $Right) { done(self.$in_place(other)); }
        }
    )*};
}

macro_rules! number_first {
    ($Op:ident $op:ident $reversed:ident: $($t:ty),*) => {$(
        /// # Panics
        /// Where the method of this name returns an error.
        impl $Op<&Tensor> for $t {
            type Output = Tensor;
            #[track_caller]
            fn $op(self, other: &Tensor) -> Tensor { done(Tensor::$reversed(other, self)) }
        }
    )*};
}

macro_rules! operators {
    ($($Op:ident $op:ident $Assign:ident $assign:ident $reversed:ident $in_place:ident;)*) => {$(
        operator!($Op $op $op:
            &Tensor, &Tensor; &Tensor, Tensor; &Tensor, f64; &Tensor, i64;
            Tensor, &Tensor; Tensor, Tensor; Tensor, f64; Tensor, i64;);
        assignment!($Assign $assign $in_place:
            Tensor, &Tensor; Tensor, f64; Tensor, i64; Data, &Tensor; Data, f64; Data, i64;);
        number_first!($Op $op $reversed: f64, i64);
    )*};
}

operators! {
    Add add AddAssign add_assign add add_;
    Sub sub SubAssign sub_assign rsub sub_;
    Mul mul MulAssign mul_assign mul mul_;
    Div div DivAssign div_assign rdiv div_;
}

/// # Panics
/// Where the method of this name returns an error.
impl Neg for &Tensor {
    type Output = Tensor;
    #[track_caller]
    fn neg(self) -> Tensor {
        done(Tensor::neg(self))
    }
}

/// # Panics
/// Where the method of this name returns an error.
impl Neg for Tensor {
    type Output = Tensor;
    #[track_caller]
    fn neg(self) -> Tensor {
        done(Tensor::neg(&self))
    }
}
