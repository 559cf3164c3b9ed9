//! [`Field`]: what a field of a module can be.

mod forward;
mod list;
mod parameter;
mod plain;

use pleach_core::Buffer;

use crate::duplication::Duplication;
use crate::module::{Field, Visitor, VisitorMut};
use crate::{Member, MemberMut, Module, Node, Setting};

macro_rules! handle {
    ($ty:ident, $list:literal) => {
        impl Field for $ty {
            fn visit_field<'a>(&'a self, name: &str, v: Visitor<'_, 'a>) {
                v(name, Member::$ty(self));
            }
            fn visit_field_mut<'a>(&'a mut self, name: &str, v: VisitorMut<'_, 'a>) {
                v(name, MemberMut::$ty(self));
            }
            fn duplicate(&self, how: &mut Duplication) -> Self {
                how.handle(self, self.id(), $ty::share, $ty::deep_copy)
            }
            fn list_name() -> Option<&'static str> {
                Some($list)
            }
        }
    };
}
handle!(Buffer, "BufferList");

impl Field for Node {
    fn visit_field<'a>(&'a self, _: &str, _: Visitor<'_, 'a>) {}
    fn visit_field_mut<'a>(&'a mut self, _: &str, _: VisitorMut<'_, 'a>) {}
    fn duplicate(&self, how: &mut Duplication) -> Self {
        how.handle(self, self.id(), Node::share, Node::deep_copy)
    }
    fn list_name() -> Option<&'static str> {
        None
    }
}

impl<T: Copy + Send + Sync + 'static> Field for Setting<T> {
    fn visit_field<'a>(&'a self, _: &str, _: Visitor<'_, 'a>) {}
    fn visit_field_mut<'a>(&'a mut self, _: &str, _: VisitorMut<'_, 'a>) {}
    fn duplicate(&self, how: &mut Duplication) -> Self {
        let copy = |setting: &Self| Setting::new(setting.get());
        how.handle(self, self.address(), Setting::share, copy)
    }
    fn list_name() -> Option<&'static str> {
        None
    }
}

impl<F: Field> Field for Option<F> {
    fn visit_field<'a>(&'a self, name: &str, v: Visitor<'_, 'a>) {
        if let Some(field) = self {
            field.visit_field(name, v);
        }
    }
    fn visit_field_mut<'a>(&'a mut self, name: &str, v: VisitorMut<'_, 'a>) {
        if let Some(field) = self {
            field.visit_field_mut(name, v);
        }
    }
    fn duplicate(&self, how: &mut Duplication) -> Self {
        self.as_ref().map(|field| field.duplicate(how))
    }
    fn list_name() -> Option<&'static str> {
        F::list_name()
    }
}

impl<F: Field> Field for Box<F> {
    fn visit_field<'a>(&'a self, name: &str, v: Visitor<'_, 'a>) {
        (**self).visit_field(name, v);
    }
    fn visit_field_mut<'a>(&'a mut self, name: &str, v: VisitorMut<'_, 'a>) {
        (**self).visit_field_mut(name, v);
    }
    fn duplicate(&self, how: &mut Duplication) -> Self {
        Box::new((**self).duplicate(how))
    }
    fn list_name() -> Option<&'static str> {
        F::list_name()
    }
}

impl Field for Box<dyn Module> {
    fn visit_field<'a>(&'a self, name: &str, v: Visitor<'_, 'a>) {
        v(name, Member::Child(&**self));
    }
    fn visit_field_mut<'a>(&'a mut self, name: &str, v: VisitorMut<'_, 'a>) {
        v(name, MemberMut::Child(self.into()));
    }
    fn duplicate(&self, how: &mut Duplication) -> Self {
        (**self).duplicate_module(how)
    }
}
