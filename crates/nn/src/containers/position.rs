//! [`Position`]: what a container is indexed by, and Python's rules for it.

use std::ops::{Bound, Range, RangeBounds};

use pleach_core::{ErrorKind, Result};

/// What a container is indexed by: an integer, which counts from the end if it is negative, or a
/// child's name.
pub trait Position {
    /// The position among `len` children; `named` knows the position of a name.
    ///
    /// # Errors
    /// PyTorch's `index 1 is out of range`, or that there is no such name.
    fn find(&self, len: usize, named: &dyn Fn(&str) -> Option<usize>) -> Result<usize>;
}

/// A position from the start; `None` if it is before it.
fn from_start(index: i64, len: usize) -> Option<usize> {
    usize::try_from(if index < 0 { index + len as i64 } else { index }).ok()
}

macro_rules! position {
    ($($ty:ty),*) => {$(
        impl Position for $ty {
            fn find(&self, len: usize, _: &dyn Fn(&str) -> Option<usize>) -> Result<usize> {
                let index = i64::try_from(*self).unwrap_or(i64::MAX);
                let found = from_start(index, len).filter(|&i| i < len);
                found.ok_or_else(|| ErrorKind::PositionOutOfRange { index }.into())
            }
        }
    )*};
}
position!(i32, i64, isize, u32, u64, usize);

impl Position for &str {
    fn find(&self, _: usize, named: &dyn Fn(&str) -> Option<usize>) -> Result<usize> {
        named(self).ok_or_else(|| ErrorKind::Name(format!("there is no child `{self}`")).into())
    }
}

/// Where `insert` puts a child: `-len ..= len`.
pub(super) fn insert_position(index: i64, len: usize) -> Result<usize> {
    let found = from_start(index, len).filter(|&i| i <= len);
    found.ok_or_else(|| ErrorKind::Index(format!("Index out of range: {index}")).into())
}

/// Python's slice: negative bounds count from the end, and both are cut to what there is.
pub(super) fn slice_range(range: impl RangeBounds<i64>, len: usize) -> Range<usize> {
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
