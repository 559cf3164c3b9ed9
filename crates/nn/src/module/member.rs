//! What a child can be replaced by.

use std::any::Any;
use std::ops::{Deref, DerefMut};

use pleach_core::{Error, Result};

use super::{ChildMut, Module, NewModule, Place};

impl<T: Module> Place for T {
    fn module(&self) -> &dyn Module {
        self
    }
    fn module_mut(&mut self) -> &mut dyn Module {
        self
    }
    fn into_module(self: Box<Self>) -> Box<dyn Module> {
        self
    }
    fn put(&mut self, new: NewModule) -> Result<Box<dyn Module>> {
        let (new, wanted) = (new.into_module(), self.rust_name());
        let text = format!("a place of type {wanted} cannot hold a {}", new.rust_name());
        match (new as Box<dyn Any>).downcast::<T>() {
            Ok(new) => Ok(Box::new(std::mem::replace(self, *new))),
            Err(_) => Err(Error::value(text)),
        }
    }
}

impl Place for Box<dyn Module> {
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
        Ok(std::mem::replace(self, new.into_module()))
    }
}

impl<'a> ChildMut<'a> {
    /// The module for as long as its parent is borrowed.
    pub fn into_module(self) -> &'a mut dyn Module {
        self.0.module_mut()
    }

    /// Puts another module in this place, and returns the old one.
    ///
    /// # Errors
    /// If the place cannot hold it.
    pub fn replace(self, new: impl Into<NewModule>) -> Result<Box<dyn Module>> {
        self.0.put(new.into())
    }
}

impl Deref for ChildMut<'_> {
    type Target = dyn Module;
    fn deref(&self) -> &dyn Module {
        self.0.module()
    }
}

impl DerefMut for ChildMut<'_> {
    fn deref_mut(&mut self) -> &mut dyn Module {
        self.0.module_mut()
    }
}

impl<'a, P: Place> From<&'a mut P> for ChildMut<'a> {
    fn from(place: &'a mut P) -> Self {
        ChildMut(place)
    }
}

impl NewModule {
    fn into_module(self) -> Box<dyn Module> {
        self.0.into_module()
    }

    /// The module in the box that it came in.
    ///
    /// # Errors
    /// The module, if that box was another one.
    pub(crate) fn into_given<B: Place>(self) -> std::result::Result<B, Box<dyn Module>> {
        let given: &dyn Any = &*self.0;
        match given.is::<B>() {
            false => Err(self.into_module()),
            true => {
                let given = (self.0 as Box<dyn Any>).downcast();
                Ok(*given.expect("the type was just checked"))
            }
        }
    }
}

impl From<Box<dyn Module>> for NewModule {
    fn from(module: Box<dyn Module>) -> Self {
        NewModule(Box::new(module))
    }
}
