//! A parameter as a field: itself, or what its value is computed of.

use pleach_core::{Computed, Parameter};

use crate::duplication::Duplication;
use crate::module::{Field, Visitor, VisitorMut};
use crate::parametrized::slot_of;
use crate::{Member, MemberMut};

impl Field for Parameter {
    fn visit_field<'a>(&'a self, name: &str, v: Visitor<'_, 'a>) {
        match slot_of(self) {
            Some(slot) if slot.is_live() => slot.visit(v),
            _ => v(name, Member::Parameter(self)),
        }
    }
    fn visit_field_mut<'a>(&'a mut self, name: &str, v: VisitorMut<'_, 'a>) {
        v(name, MemberMut::Parameter(self));
    }
    fn duplicate(&self, how: &mut Duplication) -> Self {
        if how.is_alias() {
            return self.alias();
        }
        let copy = how.handle(self, self.id(), Parameter::share, Parameter::deep_copy);
        let Some(place) = self.place() else {
            return copy;
        };
        let slot = slot_of(self).filter(|slot| slot.is_live());
        how.once(place, Parameter::alias, |how| {
            if let Some(slot) = slot {
                copy.set_computed(Box::new(slot.duplicate(how)));
            }
            copy
        })
    }
    fn list_name() -> Option<&'static str> {
        Some("ParameterList")
    }
}
