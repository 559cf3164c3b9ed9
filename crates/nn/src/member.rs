//! [`Member`]: what a module consists of.

use std::ops::{Deref, DerefMut};

use pleach_core::{Buffer, Error, ErrorKind, Parameter, Result};

use crate::{Forward, Module};

/// One registered member of a module, as [`Module::visit`] shows it.
pub enum Member<'a> {
    /// A parameter of the module itself.
    Parameter(&'a Parameter),
    /// A buffer of the module itself.
    Buffer(&'a Buffer),
    /// A child module.
    Child(&'a dyn Module),
    /// A name registered without a value, PyTorch's `register_module("downsample", None)`: only
    /// printing shows it.
    Absent,
}

/// One registered member of a module, as [`Module::visit_mut`] shows it.
pub enum MemberMut<'a> {
    /// A parameter of the module itself.
    Parameter(&'a mut Parameter),
    /// A buffer of the module itself.
    Buffer(&'a mut Buffer),
    /// A child module.
    Child(ChildMut<'a>),
}

/// A child module in its place, where another one can be put: made by `into()` from a `&mut` to a
/// module, a `Box<dyn Module>` or a `Box<dyn Forward>`.
pub struct ChildMut<'a>(Place<'a>);

enum Place<'a> {
    /// Of the module's own type.
    Typed(&'a mut dyn Module),
    Module(&'a mut Box<dyn Module>),
    Forward(&'a mut Box<dyn Forward>),
}

impl<'a> ChildMut<'a> {
    /// The module for as long as its parent is borrowed.
    pub fn into_module(self) -> &'a mut dyn Module {
        match self.0 {
            Place::Typed(module) => module,
            Place::Module(module) => &mut **module,
            Place::Forward(module) => &mut **module,
        }
    }

    /// Puts another module in this place, and returns the old one.
    ///
    /// # Errors
    /// If the place cannot hold it.
    pub fn replace(self, new: impl Into<NewModule>) -> Result<Box<dyn Module>> {
        let new = new.into();
        let given = new.module().rust_name();
        let refused = |text| Error::new(ErrorKind::Value(text));
        match (self.0, new.0) {
            (Place::Typed(old), new) => {
                let wanted = old.rust_name();
                let text = || format!("a place of type {wanted} cannot hold a {given}");
                old.replace_with(new.into_module())
                    .ok_or_else(|| refused(text()))
            }
            (Place::Module(old), new) => Ok(std::mem::replace(old, new.into_module())),
            (Place::Forward(old), New::Forward(new)) => {
                Ok(std::mem::replace(old, new) as Box<dyn Module>)
            }
            (Place::Forward(_), New::Module(_)) => Err(refused(format!(
                "a place of type Box<dyn Forward> cannot hold a Box<dyn Module>: give it the {given} itself"
            ))),
        }
    }
}

impl Deref for ChildMut<'_> {
    type Target = dyn Module;
    fn deref(&self) -> &dyn Module {
        match &self.0 {
            Place::Typed(module) => &**module,
            Place::Module(module) => &***module,
            Place::Forward(module) => &***module,
        }
    }
}

impl DerefMut for ChildMut<'_> {
    fn deref_mut(&mut self) -> &mut dyn Module {
        match &mut self.0 {
            Place::Typed(module) => &mut **module,
            Place::Module(module) => &mut ***module,
            Place::Forward(module) => &mut ***module,
        }
    }
}

impl<'a, M: Module> From<&'a mut M> for ChildMut<'a> {
    fn from(module: &'a mut M) -> Self {
        ChildMut(Place::Typed(module))
    }
}

impl<'a> From<&'a mut Box<dyn Module>> for ChildMut<'a> {
    fn from(module: &'a mut Box<dyn Module>) -> Self {
        ChildMut(Place::Module(module))
    }
}

impl<'a> From<&'a mut Box<dyn Forward>> for ChildMut<'a> {
    fn from(module: &'a mut Box<dyn Forward>) -> Self {
        ChildMut(Place::Forward(module))
    }
}

/// What [`ModuleExt::set_module`](crate::ModuleExt::set_module) takes: a module with a
/// [`Forward`], a `Box<dyn Forward>`, or any module as a `Box<dyn Module>`.
pub struct NewModule(New);

enum New {
    Forward(Box<dyn Forward>),
    Module(Box<dyn Module>),
}

impl NewModule {
    fn module(&self) -> &dyn Module {
        match &self.0 {
            New::Forward(module) => &**module,
            New::Module(module) => &**module,
        }
    }
}

impl New {
    fn into_module(self) -> Box<dyn Module> {
        match self {
            New::Forward(module) => module,
            New::Module(module) => module,
        }
    }
}

impl<M: Forward> From<M> for NewModule {
    fn from(module: M) -> Self {
        NewModule(New::Forward(Box::new(module)))
    }
}

impl From<Box<dyn Forward>> for NewModule {
    fn from(module: Box<dyn Forward>) -> Self {
        NewModule(New::Forward(module))
    }
}

impl From<Box<dyn Module>> for NewModule {
    fn from(module: Box<dyn Module>) -> Self {
        NewModule(New::Module(module))
    }
}
