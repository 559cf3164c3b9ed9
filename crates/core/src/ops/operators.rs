//! `+ - * / -x` and `+= -= *= /=`. They panic where the method of the same name returns an error,
//! with the caller's place, as `ndarray`'s do.
//!
//! Numbers are f64 or i64 only: with one float and one integer type the compiler knows what
//! `(&x * 2.0).sum()` means.

use std::ops::{Add, AddAssign, Div, DivAssign, Mul, MulAssign, Neg, Sub, SubAssign};

use crate::error::done;
use crate::{Data, Tensor};

macro_rules! operators {
    ($($Op:ident $op:ident $Assign:ident $assign:ident $method:ident $in_place:ident;)*) => {$(
        /// # Panics
        /// Where the method of this name returns an error.
        impl $Op<&Tensor> for &Tensor {
            type Output = Tensor;
            #[track_caller]
            fn $op(self, other: &Tensor) -> Tensor { done(Tensor::$method(self, other)) }
        }
        /// # Panics
        /// Where the method of this name returns an error.
        impl $Op<Tensor> for &Tensor {
            type Output = Tensor;
            #[track_caller]
            fn $op(self, other: Tensor) -> Tensor { done(Tensor::$method(self, &other)) }
        }
        /// # Panics
        /// Where the method of this name returns an error.
        impl $Op<&Tensor> for Tensor {
            type Output = Tensor;
            #[track_caller]
            fn $op(self, other: &Tensor) -> Tensor { done(Tensor::$method(&self, other)) }
        }
        /// # Panics
        /// Where the method of this name returns an error.
        impl $Op<Tensor> for Tensor {
            type Output = Tensor;
            #[track_caller]
            fn $op(self, other: Tensor) -> Tensor { done(Tensor::$method(&self, &other)) }
        }
        /// # Panics
        /// Where the method of this name returns an error.
        impl $Assign<&Tensor> for Tensor {
            #[track_caller]
            fn $assign(&mut self, other: &Tensor) { done(self.$in_place(other)); }
        }
        /// # Panics
        /// Where the method of this name returns an error.
        impl $Assign<&Tensor> for Data {
            #[track_caller]
            fn $assign(&mut self, other: &Tensor) { done(self.$in_place(other)); }
        }
        scalar_operators!($Op $op $Assign $assign $method $in_place: f64, i64);
    )*};
}

macro_rules! scalar_operators {
    ($Op:ident $op:ident $Assign:ident $assign:ident $method:ident $in_place:ident: $($t:ty),*) => {$(
        /// # Panics
        /// Where the method of this name returns an error.
        impl $Op<$t> for &Tensor {
            type Output = Tensor;
            #[track_caller]
            fn $op(self, other: $t) -> Tensor { done(Tensor::$method(self, other)) }
        }
        /// # Panics
        /// Where the method of this name returns an error.
        impl $Op<$t> for Tensor {
            type Output = Tensor;
            #[track_caller]
            fn $op(self, other: $t) -> Tensor { done(Tensor::$method(&self, other)) }
        }
        /// # Panics
        /// Where the method of this name returns an error.
        impl $Assign<$t> for Tensor {
            #[track_caller]
            fn $assign(&mut self, other: $t) { done(self.$in_place(other)); }
        }
        /// # Panics
        /// Where the method of this name returns an error.
        impl $Assign<$t> for Data {
            #[track_caller]
            fn $assign(&mut self, other: $t) { done(self.$in_place(other)); }
        }
    )*};
}

operators! {
    Add add AddAssign add_assign add add_;
    Sub sub SubAssign sub_assign sub sub_;
    Mul mul MulAssign mul_assign mul mul_;
    Div div DivAssign div_assign div div_;
}

macro_rules! scalar_first {
    ($($t:ty),*) => {$(
        /// # Panics
        /// Where the method of this name returns an error.
        impl Add<&Tensor> for $t {
            type Output = Tensor;
            #[track_caller]
            fn add(self, other: &Tensor) -> Tensor { done(Tensor::add(other, self)) }
        }
        /// # Panics
        /// Where the method of this name returns an error.
        impl Sub<&Tensor> for $t {
            type Output = Tensor;
            #[track_caller]
            fn sub(self, other: &Tensor) -> Tensor { done(Tensor::rsub(other, self)) }
        }
        /// # Panics
        /// Where the method of this name returns an error.
        impl Mul<&Tensor> for $t {
            type Output = Tensor;
            #[track_caller]
            fn mul(self, other: &Tensor) -> Tensor { done(Tensor::mul(other, self)) }
        }
        /// # Panics
        /// Where the method of this name returns an error.
        impl Div<&Tensor> for $t {
            type Output = Tensor;
            #[track_caller]
            fn div(self, other: &Tensor) -> Tensor { done(Tensor::rdiv(other, self)) }
        }
    )*};
}
scalar_first!(f64, i64);

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
