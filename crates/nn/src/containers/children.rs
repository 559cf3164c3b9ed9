//! [`Children`]: what every container holds.

use std::ops::RangeBounds;

use pleach_core::{ErrorKind, Parameter, Result};

use super::position::{Position, insert_position, slice_range};
use crate::module::{Field, Visitor, VisitorMut};
use crate::{Duplication, Forward, Module};

/// Named values in order. As a field it is no child of its own: its values are its owner's members,
/// under their own names.
pub struct Children<T>(Vec<(String, T)>);

/// How a value is seen from outside: what is boxed, without its box.
pub trait Value: Field {
    type Target: ?Sized;
    /// What it is called in errors.
    const KIND: &'static str;
    fn target(&self) -> &Self::Target;
    fn target_mut(&mut self) -> &mut Self::Target;
}

macro_rules! value {
    ($ty:ty, $target:ty, $kind:literal, $self:ident => $value:expr) => {
        impl Value for $ty {
            type Target = $target;
            const KIND: &'static str = $kind;
            fn target(&$self) -> &$target {
                &$value
            }
            fn target_mut(&mut $self) -> &mut $target {
                &mut $value
            }
        }
    };
}
value!(Box<dyn Module>, dyn Module, "module", self => **self);
value!(Box<dyn Forward>, dyn Forward, "module", self => **self);
value!(Parameter, Parameter, "parameter", self => *self);

impl<T> Default for Children<T> {
    fn default() -> Self {
        Children(Vec::new())
    }
}

impl<T: Value> Children<T> {
    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn position(&self, name: &str) -> Option<usize> {
        // Most names are positions.
        let at = name.parse().ok();
        at.filter(|&i: &usize| self.0.get(i).is_some_and(|c| c.0 == name))
            .or_else(|| self.0.iter().position(|c| c.0 == name))
    }

    fn find(&self, at: impl Position) -> Result<usize> {
        at.find(self.len(), &|name| self.position(name))
    }

    pub fn get(&self, at: impl Position) -> Result<&T::Target> {
        Ok(self.0[self.find(at)?].1.target())
    }

    pub fn get_mut(&mut self, at: impl Position) -> Result<&mut T::Target> {
        let at = self.find(at)?;
        Ok(self.0[at].1.target_mut())
    }

    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&str, &T::Target)> + ExactSizeIterator {
        self.0.iter().map(|c| (c.0.as_str(), c.1.target()))
    }

    pub fn iter_mut(
        &mut self,
    ) -> impl DoubleEndedIterator<Item = (&str, &mut T::Target)> + ExactSizeIterator {
        self.0.iter_mut().map(|c| (c.0.as_str(), c.1.target_mut()))
    }

    /// Adds a value at the end, named by its position; if that name is taken, by the next number
    /// that is free.
    pub fn push(&mut self, value: T) {
        let free = |name: &String| self.position(name).is_none();
        let mut names = (self.len()..).map(|i| i.to_string());
        let name = names.find(free).expect("numbers do not end");
        self.0.push((name, value));
    }

    /// Adds a value at the end under a new name.
    pub fn push_named(&mut self, name: String, value: T) -> Result<()> {
        check_name(T::KIND, &name)?;
        if self.position(&name).is_some() {
            return Err(ErrorKind::Name(format!("attribute '{name}' already exists")).into());
        }
        self.0.push((name, value));
        Ok(())
    }

    /// Sets the value of a name, and returns the old one, whose place it takes.
    pub fn insert_named(&mut self, name: String, value: T) -> Result<Option<T>> {
        check_name(T::KIND, &name)?;
        Ok(match self.position(&name) {
            Some(at) => Some(std::mem::replace(&mut self.0[at].1, value)),
            None => {
                self.0.push((name, value));
                None
            }
        })
    }

    pub fn remove_named(&mut self, name: &str) -> Option<T> {
        Some(self.0.remove(self.position(name)?).1)
    }

    /// Puts a value before the one at `index`; all are then named by their positions.
    pub fn insert(&mut self, index: i64, value: T) -> Result<()> {
        let index = insert_position(index, self.len())?;
        self.0.insert(index, (String::new(), value));
        self.renumber();
        Ok(())
    }

    /// Replaces a value, whose name stays.
    pub fn set(&mut self, at: impl Position, value: T) -> Result<T> {
        let at = self.find(at)?;
        Ok(std::mem::replace(&mut self.0[at].1, value))
    }

    /// Takes a value out; the others are then named by their positions.
    pub fn remove(&mut self, at: impl Position) -> Result<T> {
        let (_, value) = self.0.remove(self.find(at)?);
        self.renumber();
        Ok(value)
    }

    /// Names all by their positions.
    pub fn renumber(&mut self) {
        for (i, (name, _)) in self.0.iter_mut().enumerate() {
            *name = i.to_string();
        }
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Aliases of some of the values, under their names.
    pub fn slice(&self, range: impl RangeBounds<i64>) -> Self {
        let children = &self.0[slice_range(range, self.len())];
        Children(duplicate(children, &mut Duplication::alias()))
    }
}

fn duplicate<T: Field>(children: &[(String, T)], how: &mut Duplication) -> Vec<(String, T)> {
    let children = children.iter();
    children
        .map(|(name, value)| (name.clone(), value.duplicate(how)))
        .collect()
}

impl<T: Field> Field for Children<T> {
    fn visit_field<'a>(&'a self, _: &str, v: Visitor<'_, 'a>) {
        for (name, value) in &self.0 {
            value.visit_field(name, v);
        }
    }
    fn visit_field_mut<'a>(&'a mut self, _: &str, v: VisitorMut<'_, 'a>) {
        for (name, value) in &mut self.0 {
            value.visit_field_mut(name, v);
        }
    }
    fn duplicate(&self, how: &mut Duplication) -> Self {
        Children(duplicate(&self.0, how))
    }
}

/// What PyTorch allows as the name of a member of this kind (`"module"`, `"parameter"`).
fn check_name(kind: &str, name: &str) -> Result<()> {
    let refusal = if name.is_empty() {
        format!("{kind} name can't be empty string \"\"")
    } else if name.contains('.') {
        format!("{kind} name can't contain \".\", got: {name}")
    } else {
        return Ok(());
    };
    Err(ErrorKind::Name(refusal).into())
}
