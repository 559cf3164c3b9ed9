//! [`Member`]: what a module consists of.

use pleach_core::{Buffer, Parameter};

use crate::Module;

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
    Child(&'a mut dyn Module),
}
