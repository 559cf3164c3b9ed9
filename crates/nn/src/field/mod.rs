//! [`Field`]: what a field of a module can be.

mod forward;
mod list;
mod plain;

use std::any::Any;

use pleach_core::{Buffer, Parameter};

use crate::duplication::Duplication;
use crate::{Member, MemberMut, Module, Node, Setting};

/// The visitor that [`Field::visit_field`] and [`Module::visit`] take.
pub type Visitor<'v, 'a> = &'v mut dyn FnMut(&str, Member<'a>);
/// The visitor that [`Field::visit_field_mut`] and [`Module::visit_mut`] take.
pub type VisitorMut<'v, 'a> = &'v mut dyn FnMut(&str, MemberMut<'a>);

/// A type that a module's field can have; every module is one. `#[derive(Module)]` implements it
/// for its type.
///
/// By hand it is three methods. Those of a module's own fields do the work:
///
/// ```
/// use pleach_core::{Parameter, Result, Tensor, tensor};
/// use pleach_nn::layers::Linear;
/// use pleach_nn::{
///     Duplication, Field, Forward, Member, MemberMut, Module, Node, Visitor, VisitorMut, sequential,
/// };
///
/// struct Scaled {
///     node: Node,
///     scale: Parameter,
///     body: Linear,
/// }
///
/// impl Module for Scaled {
///     fn visit<'a>(&'a self, v: Visitor<'_, 'a>) {
///         self.scale.visit_field("scale", v);
///         self.body.visit_field("body", v);
///     }
///     fn visit_mut<'a>(&'a mut self, v: VisitorMut<'_, 'a>) {
///         self.scale.visit_field_mut("scale", v);
///         self.body.visit_field_mut("body", v);
///     }
///     fn type_name(&self) -> &'static str {
///         "Scaled"
///     }
///     fn node(&self) -> Option<&Node> {
///         Some(&self.node)
///     }
/// }
///
/// impl Field for Scaled {
///     fn visit_field<'a>(&'a self, name: &str, v: Visitor<'_, 'a>) {
///         v(name, Member::Child(self)); // as a child, under its field's name
///     }
///     fn visit_field_mut<'a>(&'a mut self, name: &str, v: VisitorMut<'_, 'a>) {
///         v(name, MemberMut::Child(self.into()));
///     }
///     fn duplicate(&self, how: &mut Duplication) -> Self {
///         Scaled {
///             node: self.node.duplicate(how),
///             scale: self.scale.duplicate(how),
///             body: self.body.duplicate(how),
///         }
///     }
/// }
///
/// impl Forward for Scaled {
///     fn forward(&self, input: &Tensor) -> Result<Tensor> {
///         self.body.call(input)?.mul(self.scale.tensor())
///     }
/// }
///
/// let scale = Parameter::new(tensor![2.0]);
/// let net = sequential![Scaled { node: Node::new(), scale, body: Linear::new(4, 3) }];
/// let names: Vec<String> = net.named_parameters().into_iter().map(|(name, _)| name).collect();
/// assert_eq!(names, ["0.scale", "0.body.weight", "0.body.bias"]);
/// assert_eq!(net.deep_copy().call(&Tensor::ones([2, 4]))?.shape(), [2, 3]);
/// # Ok::<(), pleach_core::Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a field of a module",
    label = "neither a member (parameter, buffer, module) nor a plain value",
    note = "if it is a module, write `#[derive(Module)]` above its definition",
    note = "if it is not, add `#[module(skip)]` above the field; its type must then be `Clone`"
)]
pub trait Field: Any + Send + Sync {
    /// Shows the field to `v` under `name`, if it is a member.
    fn visit_field<'a>(&'a self, name: &str, v: Visitor<'_, 'a>)
    where
        Self: Sized;

    /// Shows the field, to be changed or replaced.
    fn visit_field_mut<'a>(&'a mut self, name: &str, v: VisitorMut<'_, 'a>)
    where
        Self: Sized;

    /// An alias or a copy: made from those of all fields.
    fn duplicate(&self, how: &mut Duplication) -> Self
    where
        Self: Sized;

    /// What a list of these is called in the tree; `None` if values of this type are no members.
    fn list_name() -> Option<&'static str>
    where
        Self: Sized,
    {
        Some("ModuleList")
    }
}

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
handle!(Parameter, "ParameterList");
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
