//! Lists and tuples of members: each is a child of its own, as PyTorch's `ModuleList` and
//! `ParameterList` are.

use crate::display::{TypeText, entries};
use crate::duplication::Duplication;
use crate::module::{Field, Visitor, VisitorMut};
use crate::{Member, MemberMut, Module, Node};

/// `$visit` and `$visit_mut` show the elements under their positions.
macro_rules! list {
    (
        [$($generics:tt)*] $list:ty, $name:expr,
        ($self:ident, $v:ident) $visit:expr; $visit_mut:expr; $how:ident => $duplicate:expr
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
                entries(self, TypeText::DType)
            }
            fn collapses(&self) -> bool {
                true
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
            fn list_name() -> Option<&'static str> {
                $name.map(|_| "ModuleList")
            }
        }
    };
}

macro_rules! homogeneous {
    ([$($generics:tt)*] $list:ty, $self:ident, $how:ident => $duplicate:expr) => {
        list!(
            [F: Field, $($generics)*] $list, F::list_name(),
            ($self, v) for (i, item) in $self.iter().enumerate() {
                item.visit_field(&i.to_string(), v);
            };
            for (i, item) in $self.iter_mut().enumerate() {
                item.visit_field_mut(&i.to_string(), v);
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

/// A tuple of plain values is no member; if one of its elements is, it is a list of those.
macro_rules! tuple {
    ($($ty:ident $i:tt),*) => {
        list!(
            [$($ty: Field),*] ($($ty,)*), common_name(&[$($ty::list_name()),*]),
            (self, v) { $(self.$i.visit_field(stringify!($i), v);)* };
            { $(self.$i.visit_field_mut(stringify!($i), v);)* };
            how => ($(self.$i.duplicate(how),)*)
        );
    };
}
tuple!(A 0);
tuple!(A 0, B 1);
tuple!(A 0, B 1, C 2);
tuple!(A 0, B 1, C 2, D 3);
tuple!(A 0, B 1, C 2, D 3, E 4);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);
