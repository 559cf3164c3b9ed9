//! Lists and tuples of members: each is a child of its own, as PyTorch's `ModuleList` and
//! `ParameterList` are. A list of pairs whose first half is a string is a `ModuleDict` or a
//! `ParameterDict`: the strings are the names, unless they are empty or have dots.

use std::any::{Any, TypeId};

use crate::display::{TypeText, entries};
use crate::duplication::Duplication;
use crate::module::{Field, Visitor, VisitorMut};
use crate::{Member, MemberMut, Module, Node};

/// `$visit` and `$visit_mut` show the elements under their positions.
macro_rules! list {
    (
        [$($generics:tt)*] $list:ty, $name:expr,
        ($self:ident, $v:ident) $visit:expr; $visit_mut:expr; $how:ident => $duplicate:expr
        $(; $($more:tt)*)?
    ) => {
        impl<$($generics)*> Module for $list {
            fn visit<'a>(&'a $self, $v: Visitor<'_, 'a>) {
                $visit
            }
            fn visit_mut<'a>(&'a mut $self, $v: VisitorMut<'_, 'a>) {
                $visit_mut
            }
            fn type_name(&self) -> &'static str {
                $name.unwrap_or("ModuleList")
            }
            fn node(&self) -> Option<&Node> {
                None
            }
            fn extra_repr(&self) -> String {
                entries(self, match is_dict(Module::type_name(self)) {
                    true => TypeText::TensorClass,
                    false => TypeText::DType,
                })
            }
            fn collapses(&self) -> bool {
                !is_dict(Module::type_name(self))
            }
        }

        impl<$($generics)*> Field for $list {
            fn visit_field<'a>(&'a self, name: &str, v: Visitor<'_, 'a>) {
                if Self::list_name().is_some() {
                    v(name, Member::Child(self));
                }
            }
            fn visit_field_mut<'a>(&'a mut self, name: &str, v: VisitorMut<'_, 'a>) {
                if Self::list_name().is_some() {
                    v(name, MemberMut::Child(self.into()));
                }
            }
            fn duplicate(&$self, $how: &mut Duplication) -> Self {
                $duplicate
            }
            list!(@rest $name $(; $($more)*)?);
        }
    };
    (@rest $name:expr) => {
        fn list_name() -> Option<&'static str> {
            $name.map(|_| "ModuleList")
        }
    };
    (@rest $name:expr; $($own:tt)*) => {
        $($own)*
    };
}

fn is_dict(name: &str) -> bool {
    matches!(name, "ModuleDict" | "ParameterDict")
}

macro_rules! homogeneous {
    ([$($generics:tt)*] $list:ty, $self:ident, $how:ident => $duplicate:expr) => {
        list!(
            [F: Field, $($generics)*] $list, F::list_name(),
            ($self, v) for (i, item) in $self.iter().enumerate() {
                item.visit_item(i, v);
            };
            for (i, item) in $self.iter_mut().enumerate() {
                item.visit_item_mut(i, v);
            };
            $how => $duplicate
        );
    };
}
homogeneous!([] Vec<F>, self, how => self.iter().map(|item| item.duplicate(how)).collect());
homogeneous!([const N: usize] [F; N], self,
    how => std::array::from_fn(|i| self[i].duplicate(how)));

/// The name that all these lists have, if they have one; else that of modules.
fn common_name(names: &[Option<&'static str>]) -> Option<&'static str> {
    let mut names = names.iter().copied().flatten();
    let first = names.next()?;
    Some(match names.all(|name| name == first) {
        true => first,
        false => "ModuleList",
    })
}

/// The name in the first half of a pair.
fn name_of(first: &dyn Any) -> Option<&str> {
    let name = match first.downcast_ref::<String>() {
        Some(name) => name.as_str(),
        None => *first.downcast_ref::<&'static str>()?,
    };
    Some(name).filter(|name| !name.is_empty() && !name.contains('.'))
}

/// A tuple of plain values is no member; if one of its elements is, it is a list of those.
macro_rules! tuple {
    ($($ty:ident $i:tt),* $(; $($more:tt)*)?) => {
        list!(
            [$($ty: Field),*] ($($ty,)*), common_name(&[$($ty::list_name()),*]),
            (self, v) { $(self.$i.visit_field(stringify!($i), v);)* };
            { $(self.$i.visit_field_mut(stringify!($i), v);)* };
            how => ($(self.$i.duplicate(how),)*)
            $(; $($more)*)?
        );
    };
}
tuple!(A 0);
tuple!(A 0, B 1;
    fn visit_item<'a>(&'a self, position: usize, v: Visitor<'_, 'a>) {
        match name_of(&self.0) {
            Some(name) => self.1.visit_field(name, v),
            None => self.visit_field(&position.to_string(), v),
        }
    }
    fn visit_item_mut<'a>(&'a mut self, position: usize, v: VisitorMut<'_, 'a>) {
        match name_of(&self.0) {
            Some(name) => self.1.visit_field_mut(name, v),
            None => self.visit_field_mut(&position.to_string(), v),
        }
    }
    fn list_name() -> Option<&'static str> {
        let is_name = [TypeId::of::<String>(), TypeId::of::<&str>()].contains(&TypeId::of::<A>());
        match common_name(&[A::list_name(), B::list_name()])? {
            "ParameterList" if is_name => Some("ParameterDict"),
            _ if is_name => Some("ModuleDict"),
            _ => Some("ModuleList"),
        }
    }
);
tuple!(A 0, B 1, C 2);
tuple!(A 0, B 1, C 2, D 3);
tuple!(A 0, B 1, C 2, D 3, E 4);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);
