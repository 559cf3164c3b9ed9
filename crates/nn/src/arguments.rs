//! [`Arguments`] and [`Output`]: what modules are given and return.

use std::collections::BTreeMap;
use std::slice;

use pleach_core::{Error, Result, Tensor};
use smallvec::SmallVec;

/// The tensors among arguments or in an output.
pub type Tensors<'a> = SmallVec<[&'a Tensor; 4]>;

/// What a module's `forward` is given: tensors, which hooks see and may replace, and what is no
/// tensor.
///
/// A `&Tensor`, a `&[Tensor]`, a number, a truth value or a string, an `Option` or a tuple of
/// those. A type of one's own, such as a state or a mask, implements it for its reference.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no argument of a module",
    note = "arguments are `&'a Tensor`, `&'a [Tensor]`, `&'a str`, `usize`, `i64`, `f32`, `f64`, `bool`, and `Option`s and tuples of those",
    note = "a struct of your own implements `Arguments` for its reference"
)]
pub trait Arguments<'a>: Copy {
    /// The same arguments of another lifetime.
    type At<'b>: Arguments<'b>;

    /// Adds its tensors, in order.
    fn tensors(self, all: &mut Tensors<'a>);

    /// The same with other tensors, taken from the front.
    ///
    /// # Errors
    /// If there are fewer than [`Arguments::tensors`] has added.
    fn with_tensors<'b>(self, new: &mut &'b [Tensor]) -> Result<Self::At<'b>>
    where
        'a: 'b;

    /// Without it, `At<'b>` would have to be bound by `'a: 'b`, which `ForwardMany` cannot say.
    #[doc(hidden)]
    fn none<'b>() -> Option<Self::At<'b>> {
        None
    }
}

fn too_few() -> Error {
    Error::value("a hook returned fewer tensors than it was given")
}

impl<'a> Arguments<'a> for &'a Tensor {
    type At<'b> = &'b Tensor;
    #[inline]
    fn tensors(self, all: &mut Tensors<'a>) {
        all.push(self);
    }
    fn with_tensors<'b>(self, new: &mut &'b [Tensor]) -> Result<&'b Tensor>
    where
        'a: 'b,
    {
        let (first, rest) = new.split_first().ok_or_else(too_few)?;
        *new = rest;
        Ok(first)
    }
}

impl<'a> Arguments<'a> for &'a [Tensor] {
    type At<'b> = &'b [Tensor];
    fn tensors(self, all: &mut Tensors<'a>) {
        all.extend(self);
    }
    fn with_tensors<'b>(self, new: &mut &'b [Tensor]) -> Result<&'b [Tensor]>
    where
        'a: 'b,
    {
        let (first, rest) = new.split_at_checked(self.len()).ok_or_else(too_few)?;
        *new = rest;
        Ok(first)
    }
}

impl<'a, A: Arguments<'a>> Arguments<'a> for Option<A> {
    type At<'b> = Option<A::At<'b>>;
    fn tensors(self, all: &mut Tensors<'a>) {
        if let Some(argument) = self {
            argument.tensors(all);
        }
    }
    fn with_tensors<'b>(self, new: &mut &'b [Tensor]) -> Result<Self::At<'b>>
    where
        'a: 'b,
    {
        self.map(|argument| argument.with_tensors(new)).transpose()
    }
}

/// What a module's `forward` returns: tensors, which hooks see and may replace, and what is no
/// tensor.
///
/// A [`Tensor`], a number or a truth value, a `Vec`, an `Option`, an array, a tuple or a `BTreeMap`
/// of those (the heads of a detector by name). A struct of one's own implements it itself.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no output of a module",
    note = "outputs are `Tensor`s, numbers, and tuples, arrays, `Vec`s, `Option`s and `BTreeMap`s of those; not a `Result`, which `forward` wraps around them",
    note = "a struct of your own implements `Output`"
)]
pub trait Output: Sized {
    /// Adds its tensors, in order.
    fn returned<'a>(&'a self, all: &mut Tensors<'a>);

    /// Replaces its tensors, by as many, in the same order.
    ///
    /// # Errors
    /// If there are fewer than [`Output::returned`] has added.
    fn set_returned(&mut self, new: &mut slice::Iter<'_, Tensor>) -> Result<()>;
}

impl Output for Tensor {
    #[inline]
    fn returned<'a>(&'a self, all: &mut Tensors<'a>) {
        all.push(self);
    }
    fn set_returned(&mut self, new: &mut slice::Iter<'_, Tensor>) -> Result<()> {
        *self = new.next().ok_or_else(too_few)?.clone();
        Ok(())
    }
}

/// Outputs that hold others.
macro_rules! holders {
    ($([$($generics:tt)*] $ty:ty),* $(,)?) => {$(
        impl<O: Output, $($generics)*> Output for $ty {
            fn returned<'a>(&'a self, all: &mut Tensors<'a>) {
                self.iter().for_each(|output| output.returned(all));
            }
            fn set_returned(&mut self, new: &mut slice::Iter<'_, Tensor>) -> Result<()> {
                self.iter_mut().try_for_each(|output| output.set_returned(new))
            }
        }
    )*};
}
holders!([] Option<O>, [] Vec<O>, [const N: usize] [O; N]);

/// Outputs by name, in the order of the names.
impl<K: Ord, O: Output> Output for BTreeMap<K, O> {
    fn returned<'a>(&'a self, all: &mut Tensors<'a>) {
        self.values().for_each(|output| output.returned(all));
    }
    fn set_returned(&mut self, new: &mut slice::Iter<'_, Tensor>) -> Result<()> {
        self.values_mut()
            .try_for_each(|output| output.set_returned(new))
    }
}

macro_rules! tuples {
    ($($($name:ident $field:tt),*;)*) => {$(
        impl<'a, $($name: Arguments<'a>),*> Arguments<'a> for ($($name,)*) {
            type At<'b> = ($($name::At<'b>,)*);
            fn tensors(self, all: &mut Tensors<'a>) {
                $(self.$field.tensors(all);)*
            }
            fn with_tensors<'b>(self, new: &mut &'b [Tensor]) -> Result<Self::At<'b>>
            where
                'a: 'b,
            {
                Ok(($(self.$field.with_tensors(new)?,)*))
            }
        }
        impl<$($name: Output),*> Output for ($($name,)*) {
            fn returned<'a>(&'a self, all: &mut Tensors<'a>) {
                $(self.$field.returned(all);)*
            }
            fn set_returned(&mut self, new: &mut slice::Iter<'_, Tensor>) -> Result<()> {
                $(self.$field.set_returned(new)?;)*
                Ok(())
            }
        }
    )*};
}
tuples! {
    A 0, B 1;
    A 0, B 1, C 2;
    A 0, B 1, C 2, D 3;
    A 0, B 1, C 2, D 3, E 4;
    A 0, B 1, C 2, D 3, E 4, F 5;
    A 0, B 1, C 2, D 3, E 4, F 5, G 6;
    A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7;
}

/// What holds no tensor and passes as it is.
macro_rules! plain {
    ($($ty:ty),*) => {$(
        impl<'a> Arguments<'a> for $ty {
            type At<'b> = $ty;
            fn tensors(self, _: &mut Tensors<'a>) {}
            fn with_tensors<'b>(self, _: &mut &'b [Tensor]) -> Result<$ty>
            where
                'a: 'b,
            {
                Ok(self)
            }
        }
        plain!(@output $ty);
    )*};
    (@output $ty:ty) => {
        impl Output for $ty {
            fn returned<'a>(&'a self, _: &mut Tensors<'a>) {}
            fn set_returned(&mut self, _: &mut slice::Iter<'_, Tensor>) -> Result<()> {
                Ok(())
            }
        }
    };
}
plain!((), bool, usize, i64, f32, f64);
plain!(@output &'static str);

impl<'a> Arguments<'a> for &'a str {
    type At<'b> = &'b str;
    fn tensors(self, _: &mut Tensors<'a>) {}
    fn with_tensors<'b>(self, _: &mut &'b [Tensor]) -> Result<&'b str>
    where
        'a: 'b,
    {
        Ok(self)
    }
}

/// The tensors of arguments.
pub(crate) fn tensors_of<'a>(arguments: impl Arguments<'a>) -> Tensors<'a> {
    let mut all = Tensors::new();
    arguments.tensors(&mut all);
    all
}
