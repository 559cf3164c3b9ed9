//! Plain values: fields that are no members.

use std::marker::PhantomData;

use pleach_core::{Result, Tensor};

use crate::duplication::Duplication;
use crate::module::{Field, Visitor, VisitorMut};

macro_rules! plain {
    (@one [$($generics:tt)*] $ty:ty) => {
        impl<$($generics)*> Field for $ty {
            fn visit_field<'a>(&'a self, _: &str, _: Visitor<'_, 'a>) {}
            fn visit_field_mut<'a>(&'a mut self, _: &str, _: VisitorMut<'_, 'a>) {}
            fn duplicate(&self, _: &mut Duplication) -> Self {
                self.clone()
            }
            fn list_name() -> Option<&'static str> {
                None
            }
        }
    };
    ($($ty:ty),* $(,)?) => {
        $(plain!(@one [] $ty);)*
    };
}
plain!(
    (),
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
    fn(&Tensor) -> Result<Tensor>,
);
plain!(@one [T: Send + Sync + 'static] PhantomData<T>);
