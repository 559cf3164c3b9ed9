//! Containers: [`Sequential`], [`ModuleList`], [`ModuleDict`] and [`ParameterDict`].

#[macro_use]
mod container;
mod module_dict;
mod module_list;
mod parameter_dict;
mod sequential;

pub use module_dict::ModuleDict;
pub use module_list::ModuleList;
pub use parameter_dict::ParameterDict;
pub use sequential::Sequential;

use std::ops::{Bound, Range, RangeBounds};

use pleach_core::{ErrorKind, Result};

/// What a container is indexed by: an integer, which counts from the end if it is negative, or
/// (in a [`Sequential`]) a name.
pub trait Position {
    /// The position among the children of these names.
    ///
    /// # Errors
    /// PyTorch's `index 1 is out of range`, or that there is no such name.
    fn find(&self, names: &[&str]) -> Result<usize>;
}

/// A position from the start; `None` if it is before it.
fn from_start(index: i64, len: usize) -> Option<usize> {
    usize::try_from(if index < 0 { index + len as i64 } else { index }).ok()
}

fn resolve(index: i64, len: usize) -> Result<usize> {
    let found = from_start(index, len).filter(|&i| i < len);
    found.ok_or_else(|| ErrorKind::PositionOutOfRange { index }.into())
}

macro_rules! position {
    ($($ty:ty),*) => {$(
        impl Position for $ty {
            fn find(&self, names: &[&str]) -> Result<usize> {
                resolve(i64::try_from(*self).unwrap_or(i64::MAX), names.len())
            }
        }
    )*};
}
position!(i32, i64, isize, u32, u64, usize);

impl Position for &str {
    fn find(&self, names: &[&str]) -> Result<usize> {
        let found = names.iter().position(|name| name == self);
        found.ok_or_else(|| ErrorKind::Name(format!("there is no child `{self}`")).into())
    }
}

/// The children that `f` makes of these.
fn map_list<T>(children: &[T], f: impl FnMut(&T) -> T) -> Vec<T> {
    children.iter().map(f).collect()
}

/// [`map_list`], each under its name.
fn map_named<T>(children: &[(String, T)], mut f: impl FnMut(&T) -> T) -> Vec<(String, T)> {
    map_list(children, |(name, t)| (name.clone(), f(t)))
}

/// Sets the value of a name, and returns the old one, whose place it takes.
fn insert_named<T>(all: &mut Vec<(String, T)>, name: String, value: T) -> Option<T> {
    match all.iter_mut().find(|one| one.0 == name) {
        Some((_, old)) => Some(std::mem::replace(old, value)),
        None => {
            all.push((name, value));
            None
        }
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

/// Python's slice: negative bounds count from the end, and both are cut to what there is.
fn slice_range(range: impl RangeBounds<i64>, len: usize) -> Range<usize> {
    let len = len as i64;
    let cut = |i: i64| (if i < 0 { i.saturating_add(len) } else { i }).clamp(0, len) as usize;
    let start = match range.start_bound() {
        Bound::Included(&i) => cut(i),
        Bound::Excluded(&i) => cut(i) + 1,
        Bound::Unbounded => 0,
    };
    let end = match range.end_bound() {
        // `..=-1` includes the last one.
        Bound::Included(&-1) | Bound::Unbounded => len as usize,
        Bound::Included(&i) => cut(i.saturating_add(1)),
        Bound::Excluded(&i) => cut(i),
    };
    start.min(end)..end
}

/// Where `insert` puts a child: `-len ..= len`.
fn insert_position(index: i64, len: usize) -> Result<usize> {
    let found = from_start(index, len).filter(|&i| i <= len);
    found.ok_or_else(|| ErrorKind::Index(format!("Index out of range: {index}")).into())
}
