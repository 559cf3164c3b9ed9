//! [`Field`]: what a field of a module can be, and how it is shared and copied.

use std::any::Any;
use std::collections::HashMap;
use std::marker::PhantomData;

use pleach_core::{Buffer, BufferId, ParamId, Parameter, Tensor};

use crate::{Forward, Member, MemberMut, Module, Node, Setting};

/// The visitor that [`Field::visit_field`] takes.
pub type Visitor<'v, 'a> = &'v mut dyn FnMut(&str, Member<'a>);
/// The visitor that [`Field::visit_field_mut`] takes.
pub type VisitorMut<'v, 'a> = &'v mut dyn FnMut(&str, MemberMut<'a>);

/// A type that a module's field can have. `#[derive(Module)]` implements it for its struct.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a field of a module",
    label = "neither a member (parameter, buffer, module) nor a plain value",
    note = "if it is a module, write `#[derive(Module)]` above its definition",
    note = "if it is not, add `#[module(skip)]` above the field; its type must then be `Clone`"
)]
pub trait Field: Any + Send + Sync {
    /// Whether values of this type are members; a `Vec` of them is then a child.
    fn has_members() -> bool
    where
        Self: Sized,
    {
        false
    }

    /// The type name of a `Vec` of these.
    fn list_name() -> &'static str
    where
        Self: Sized,
    {
        "ModuleList"
    }

    /// Shows the members, the first under `name`.
    fn visit_field<'a>(&'a self, _name: &str, _v: Visitor<'_, 'a>)
    where
        Self: Sized,
    {
    }

    /// Shows the members, to be changed.
    fn visit_field_mut<'a>(&'a mut self, _name: &str, _v: VisitorMut<'_, 'a>)
    where
        Self: Sized,
    {
    }

    /// The node, if the field is one.
    fn field_node(&self) -> Option<&Node>
    where
        Self: Sized,
    {
        None
    }

    /// An alias: handles are shared, plain values cloned.
    fn share_field(&self) -> Self
    where
        Self: Sized;

    /// A copy whose handles are new ones; what is one handle here is one handle there.
    fn copy_field(&self, _memo: &mut Memo) -> Self
    where
        Self: Sized,
    {
        self.share_field()
    }
}

/// What a deep copy has copied already, by identity.
#[derive(Default)]
pub struct Memo {
    parameters: HashMap<ParamId, Parameter>,
    buffers: HashMap<BufferId, Buffer>,
    nodes: HashMap<u64, Node>,
    settings: HashMap<usize, Box<dyn Any>>,
}

impl Field for Parameter {
    fn has_members() -> bool {
        true
    }
    fn list_name() -> &'static str {
        "ParameterList"
    }
    fn visit_field<'a>(&'a self, name: &str, v: Visitor<'_, 'a>) {
        v(name, Member::Parameter(self));
    }
    fn visit_field_mut<'a>(&'a mut self, name: &str, v: VisitorMut<'_, 'a>) {
        v(name, MemberMut::Parameter(self));
    }
    fn share_field(&self) -> Self {
        self.share()
    }
    fn copy_field(&self, memo: &mut Memo) -> Self {
        let copy = memo.parameters.entry(self.id());
        copy.or_insert_with(|| self.deep_copy()).share()
    }
}

impl Field for Buffer {
    fn has_members() -> bool {
        true
    }
    fn list_name() -> &'static str {
        "BufferList"
    }
    fn visit_field<'a>(&'a self, name: &str, v: Visitor<'_, 'a>) {
        v(name, Member::Buffer(self));
    }
    fn visit_field_mut<'a>(&'a mut self, name: &str, v: VisitorMut<'_, 'a>) {
        v(name, MemberMut::Buffer(self));
    }
    fn share_field(&self) -> Self {
        self.share()
    }
    fn copy_field(&self, memo: &mut Memo) -> Self {
        let copy = memo.buffers.entry(self.id());
        copy.or_insert_with(|| self.deep_copy()).share()
    }
}

impl Field for Node {
    fn field_node(&self) -> Option<&Node> {
        Some(self)
    }
    fn share_field(&self) -> Self {
        self.share()
    }
    fn copy_field(&self, memo: &mut Memo) -> Self {
        let copy = memo.nodes.entry(self.id());
        copy.or_insert_with(|| self.deep_copy()).share()
    }
}

impl<T: Copy + Send + Sync + 'static> Field for Setting<T> {
    fn share_field(&self) -> Self {
        self.share()
    }
    fn copy_field(&self, memo: &mut Memo) -> Self {
        let copy = memo.settings.entry(self.address());
        let copy = copy.or_insert_with(|| Box::new(Setting::new(self.get())));
        match copy.downcast_ref::<Setting<T>>() {
            Some(copy) => copy.share(),
            None => unreachable!("an address holds one type while its setting lives"),
        }
    }
}

impl<F: Field> Field for Option<F> {
    fn has_members() -> bool {
        F::has_members()
    }
    fn list_name() -> &'static str {
        F::list_name()
    }
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
    fn share_field(&self) -> Self {
        self.as_ref().map(F::share_field)
    }
    fn copy_field(&self, memo: &mut Memo) -> Self {
        self.as_ref().map(|field| field.copy_field(memo))
    }
}

impl<F: Field> Field for Box<F> {
    fn has_members() -> bool {
        F::has_members()
    }
    fn list_name() -> &'static str {
        F::list_name()
    }
    fn visit_field<'a>(&'a self, name: &str, v: Visitor<'_, 'a>) {
        (**self).visit_field(name, v);
    }
    fn visit_field_mut<'a>(&'a mut self, name: &str, v: VisitorMut<'_, 'a>) {
        (**self).visit_field_mut(name, v);
    }
    fn field_node(&self) -> Option<&Node> {
        (**self).field_node()
    }
    fn share_field(&self) -> Self {
        Box::new((**self).share_field())
    }
    fn copy_field(&self, memo: &mut Memo) -> Self {
        Box::new((**self).copy_field(memo))
    }
}

impl Field for Box<dyn Module> {
    fn has_members() -> bool {
        true
    }
    fn visit_field<'a>(&'a self, name: &str, v: Visitor<'_, 'a>) {
        v(name, Member::Child((**self).as_module()));
    }
    fn visit_field_mut<'a>(&'a mut self, name: &str, v: VisitorMut<'_, 'a>) {
        v(name, MemberMut::Child((**self).as_module_mut()));
    }
    fn share_field(&self) -> Self {
        (**self).share_module()
    }
    fn copy_field(&self, memo: &mut Memo) -> Self {
        (**self).copy_module(memo)
    }
}

impl Field for Box<dyn Forward> {
    fn has_members() -> bool {
        true
    }
    fn visit_field<'a>(&'a self, name: &str, v: Visitor<'_, 'a>) {
        v(name, Member::Child((**self).as_module()));
    }
    fn visit_field_mut<'a>(&'a mut self, name: &str, v: VisitorMut<'_, 'a>) {
        v(name, MemberMut::Child((**self).as_module_mut()));
    }
    fn share_field(&self) -> Self {
        (**self).share_forward()
    }
    fn copy_field(&self, memo: &mut Memo) -> Self {
        (**self).copy_forward(memo)
    }
}

/// A `Vec` of members is a child of its own: a `ModuleList`, or a `ParameterList`.
macro_rules! list {
    ([$($generics:tt)*] $list:ty, $self:ident => $share:expr, $memo:ident => $copy:expr) => {
        impl<F: Field, $($generics)*> Module for $list {
            fn visit<'a>(&'a self, v: Visitor<'_, 'a>) {
                for (i, item) in self.iter().enumerate() {
                    item.visit_field(&i.to_string(), v);
                }
            }
            fn visit_mut<'a>(&'a mut self, v: VisitorMut<'_, 'a>) {
                for (i, item) in self.iter_mut().enumerate() {
                    item.visit_field_mut(&i.to_string(), v);
                }
            }
            fn type_name(&self) -> &'static str {
                F::list_name()
            }
            fn node(&self) -> Option<&Node> {
                None
            }
            fn extra_repr(&self) -> String {
                crate::display::entries(self, crate::display::TypeText::DType)
            }
            fn collapses(&self) -> bool {
                true
            }
        }

        impl<F: Field, $($generics)*> Field for $list {
            fn has_members() -> bool {
                F::has_members()
            }
            fn visit_field<'a>(&'a self, name: &str, v: Visitor<'_, 'a>) {
                if F::has_members() {
                    v(name, Member::Child(self));
                }
            }
            fn visit_field_mut<'a>(&'a mut self, name: &str, v: VisitorMut<'_, 'a>) {
                if F::has_members() {
                    v(name, MemberMut::Child(self));
                }
            }
            fn share_field(&$self) -> Self {
                $share
            }
            fn copy_field(&$self, $memo: &mut Memo) -> Self {
                $copy
            }
        }
    };
}
list!([] Vec<F>,
    self => self.iter().map(F::share_field).collect(),
    memo => self.iter().map(|item| item.copy_field(memo)).collect());
list!([const N: usize] [F; N],
    self => std::array::from_fn(|i| self[i].share_field()),
    memo => std::array::from_fn(|i| self[i].copy_field(memo)));

/// A value that holds no member: what a tuple may consist of.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot stand in a tuple that is a field of a module",
    note = "parameters and modules want a field, a `Vec` or a struct of their own; for others add `#[module(skip)]`"
)]
pub trait PlainValue: Field + Clone {}

macro_rules! plain_value {
    ($($ty:ty),* $(,)?) => {$(
        impl Field for $ty {
            fn share_field(&self) -> Self {
                self.clone()
            }
        }
        impl PlainValue for $ty {}
    )*};
}
plain_value!(
    bool,
    char,
    u8,
    u16,
    u32,
    u64,
    u128,
    usize,
    i8,
    i16,
    i32,
    i64,
    i128,
    isize,
    f32,
    f64,
    String,
    &'static str,
    Tensor,
    pleach_core::DType,
    pleach_core::Scalar,
    std::ops::Range<usize>,
    std::ops::Range<i64>,
    std::ops::Range<f64>,
    std::ops::RangeInclusive<usize>,
    std::ops::RangeInclusive<i64>,
    std::ops::RangeInclusive<f64>,
    std::time::Duration,
    std::path::PathBuf,
    fn(&Tensor) -> Tensor,
    fn(&Tensor) -> pleach_core::Result<Tensor>,
);

impl<T: Send + Sync + 'static> Field for PhantomData<T> {
    fn share_field(&self) -> Self {
        PhantomData
    }
}

impl<T: PlainValue> PlainValue for Option<T> {}
impl<T: PlainValue> PlainValue for Vec<T> {}
impl<T: PlainValue, const N: usize> PlainValue for [T; N] {}

macro_rules! tuple {
    ($($name:ident)*) => {
        impl<$($name: PlainValue),*> Field for ($($name,)*) {
            fn share_field(&self) -> Self {
                self.clone()
            }
        }
        impl<$($name: PlainValue),*> PlainValue for ($($name,)*) {}
    };
}
tuple!();
tuple!(A);
tuple!(A B);
tuple!(A B C);
tuple!(A B C D);
tuple!(A B C D E);
tuple!(A B C D E G);
