//! What an operation takes and gives: [`Inputs`], [`Outputs`].

use std::borrow::BorrowMut;

use smallvec::SmallVec;

use crate::Tensor;
use crate::tensor::InputGrads;

/// One of the inputs: `&Tensor`, or `Option<&Tensor>`.
pub trait Input<'a>: Copy + 'a {
    #[doc(hidden)]
    fn get(self) -> Option<&'a Tensor>;
    #[doc(hidden)]
    fn of(tensor: Option<&'a Tensor>) -> Self;
}
impl<'a> Input<'a> for &'a Tensor {
    fn get(self) -> Option<&'a Tensor> {
        Some(self)
    }
    fn of(tensor: Option<&'a Tensor>) -> Self {
        tensor.expect("apply passes on what it was given")
    }
}
impl<'a> Input<'a> for Option<&'a Tensor> {
    fn get(self) -> Option<&'a Tensor> {
        self
    }
    fn of(tensor: Option<&'a Tensor>) -> Self {
        tensor
    }
}

/// The inputs of an operation.
pub trait Inputs<'a>: Sized + 'a {
    /// One gradient for each.
    type Grads: BorrowMut<[Option<Tensor>]>;
    #[doc(hidden)]
    type List: AsRef<[Option<&'a Tensor>]>;
    #[doc(hidden)]
    fn list(&self) -> Self::List;
    #[doc(hidden)]
    fn of(list: &[Option<&'a Tensor>]) -> Self;
}
impl<'a> Inputs<'a> for &'a Tensor {
    type Grads = [Option<Tensor>; 1];
    type List = [Option<&'a Tensor>; 1];
    #[inline(always)]
    fn list(&self) -> Self::List {
        [Some(*self)]
    }
    fn of(list: &[Option<&'a Tensor>]) -> Self {
        Input::of(list[0])
    }
}
macro_rules! tuple_inputs {
    ($($n:literal: $($t:ident $i:tt),*;)*) => {$(
        impl<'a, $($t: Input<'a>),*> Inputs<'a> for ($($t,)*) {
            type Grads = [Option<Tensor>; $n];
            type List = [Option<&'a Tensor>; $n];
            #[inline(always)]
            fn list(&self) -> Self::List { [$(self.$i.get()),*] }
            fn of(list: &[Option<&'a Tensor>]) -> Self { ($($t::of(list[$i]),)*) }
        }
    )*};
}
tuple_inputs! {
    2: A 0, B 1;
    3: A 0, B 1, C 2;
    4: A 0, B 1, C 2, D 3;
    5: A 0, B 1, C 2, D 3, E 4;
    6: A 0, B 1, C 2, D 3, E 4, F 5;
    7: A 0, B 1, C 2, D 3, E 4, F 5, G 6;
    8: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7;
}

/// Any number of inputs.
pub type Many<'a> = SmallVec<[&'a Tensor; 6]>;

impl<'a> Inputs<'a> for Many<'a> {
    type Grads = InputGrads;
    type List = SmallVec<[Option<&'a Tensor>; 6]>;
    fn list(&self) -> Self::List {
        self.iter().map(|t| Some(*t)).collect()
    }
    fn of(list: &[Option<&'a Tensor>]) -> Self {
        list.iter().map(|t| Input::of(*t)).collect()
    }
}

/// The outputs of an operation.
pub trait Outputs {
    /// Their gradients.
    type Grad<'g>;
    #[doc(hidden)]
    fn each<R>(&mut self, f: impl FnOnce(&mut [&mut Tensor]) -> R) -> R;
    #[doc(hidden)]
    fn grad(grads: &[Option<Tensor>]) -> Option<Self::Grad<'_>>;
}
impl Outputs for Tensor {
    type Grad<'g> = &'g Tensor;
    #[inline(always)]
    fn each<R>(&mut self, f: impl FnOnce(&mut [&mut Tensor]) -> R) -> R {
        f(&mut [self])
    }
    fn grad(grads: &[Option<Tensor>]) -> Option<&Tensor> {
        grads.first()?.as_ref()
    }
}
macro_rules! tuple_outputs {
    ($($n:literal: $($t:ident $i:tt),*;)*) => {$(
        impl Outputs for ($($t,)*) {
            type Grad<'g> = [Option<&'g Tensor>; $n];
            fn each<R>(&mut self, f: impl FnOnce(&mut [&mut Tensor]) -> R) -> R {
                f(&mut [$(&mut self.$i),*])
            }
            fn grad(grads: &[Option<Tensor>]) -> Option<[Option<&Tensor>; $n]> {
                Some([$(grads[$i].as_ref()),*])
            }
        }
    )*};
}
tuple_outputs! {
    2: Tensor 0, Tensor 1;
    3: Tensor 0, Tensor 1, Tensor 2;
    4: Tensor 0, Tensor 1, Tensor 2, Tensor 3;
}
impl Outputs for Vec<Tensor> {
    type Grad<'g> = &'g [Option<Tensor>];
    fn each<R>(&mut self, f: impl FnOnce(&mut [&mut Tensor]) -> R) -> R {
        f(&mut self.iter_mut().collect::<SmallVec<[&mut Tensor; 4]>>())
    }
    fn grad(grads: &[Option<Tensor>]) -> Option<&[Option<Tensor>]> {
        Some(grads)
    }
}
