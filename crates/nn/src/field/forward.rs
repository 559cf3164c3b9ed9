//! `Box<dyn Forward>`: a field, and a place for any module that maps a tensor to a tensor.

use pleach_core::{Error, Result};

use crate::duplication::Duplication;
use crate::module::{Field, Place, Visitor, VisitorMut};
use crate::{Forward, Member, MemberMut, Module, NewModule};

impl Field for Box<dyn Forward> {
    fn visit_field<'a>(&'a self, name: &str, v: Visitor<'_, 'a>) {
        v(name, Member::Child(&**self));
    }
    fn visit_field_mut<'a>(&'a mut self, name: &str, v: VisitorMut<'_, 'a>) {
        v(name, MemberMut::Child(self.into()));
    }
    fn duplicate(&self, how: &mut Duplication) -> Self {
        (**self).duplicate_forward(how)
    }
}

impl Place for Box<dyn Forward> {
    fn module(&self) -> &dyn Module {
        &**self
    }
    fn module_mut(&mut self) -> &mut dyn Module {
        &mut **self
    }
    fn into_module(self: Box<Self>) -> Box<dyn Module> {
        *self
    }
    fn put(&mut self, new: NewModule) -> Result<Box<dyn Module>> {
        match new.into_given::<Self>() {
            Ok(new) => Ok(std::mem::replace(self, new) as Box<dyn Module>),
            Err(new) => Err(Error::value(format!(
                "a place of type Box<dyn Forward> cannot hold a Box<dyn Module>: give it the {} itself",
                new.rust_name()
            ))),
        }
    }
}

impl<M: Forward> From<M> for NewModule {
    fn from(module: M) -> Self {
        NewModule::from(Box::new(module) as Box<dyn Forward>)
    }
}

impl From<Box<dyn Forward>> for NewModule {
    fn from(module: Box<dyn Forward>) -> Self {
        NewModule(Box::new(module))
    }
}
