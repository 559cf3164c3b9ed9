//! What an index is made of: [`TensorIndex`], and everything that can be written for one.

use std::ops::{Range, RangeFrom, RangeFull, RangeInclusive, RangeTo, RangeToInclusive};

use crate::Tensor;
use crate::extent::signed;

/// One part of an index expression.
#[derive(Clone, Debug)]
pub enum TensorIndex {
    /// A position: the dimension goes away. Negative counts from the end.
    At(i64),
    /// A range with a step: Python's `start:end:step`.
    Slice {
        /// The first position; the beginning if `None`.
        start: Option<i64>,
        /// The position to stop before; the end if `None`.
        end: Option<i64>,
        /// The distance between positions, at least 1.
        step: i64,
    },
    /// A new dimension of size 1: Python's `None`.
    NewAxis,
    /// All dimensions that are not mentioned: Python's `...`.
    Ellipsis,
    /// Positions, or a mask if the tensor is bool.
    Tensor(Tensor),
}

impl TensorIndex {
    /// Whether it leaves what it indexes as it is: `:` or `...`.
    pub(crate) fn takes_all(&self) -> bool {
        matches!(
            self,
            TensorIndex::Ellipsis
                | TensorIndex::Slice {
                    start: None,
                    end: None,
                    step: 1
                }
        )
    }
}

/// A range with a step, as an index: Python's `start:end:step`.
///
/// ```
/// use pleach::{slice, Tensor};
/// let x = Tensor::arange(6);
/// assert_eq!(x.index(slice(1, None, 2))?.to_vec::<i64>()?, [1, 3, 5]);
/// # Ok::<(), pleach::Error>(())
/// ```
pub fn slice(start: impl Into<Option<i64>>, end: impl Into<Option<i64>>, step: i64) -> TensorIndex {
    TensorIndex::Slice {
        start: start.into(),
        end: end.into(),
        step,
    }
}

fn span(start: Option<i64>, end: Option<i64>) -> TensorIndex {
    slice(start, end, 1)
}

impl From<&Tensor> for TensorIndex {
    fn from(positions: &Tensor) -> Self {
        TensorIndex::Tensor(positions.clone())
    }
}
impl From<&[i64]> for TensorIndex {
    fn from(positions: &[i64]) -> Self {
        let n = positions.len();
        TensorIndex::Tensor(Tensor::from_buffer(
            pleach_kernels::Buffer::from_slice(positions),
            [n],
        ))
    }
}
impl<const N: usize> From<[i64; N]> for TensorIndex {
    fn from(positions: [i64; N]) -> Self {
        TensorIndex::from(&positions[..])
    }
}
impl From<Vec<i64>> for TensorIndex {
    fn from(positions: Vec<i64>) -> Self {
        TensorIndex::from(&positions[..])
    }
}
impl From<RangeFull> for TensorIndex {
    fn from(_: RangeFull) -> Self {
        span(None, None)
    }
}
macro_rules! from_integers {
    ($($t:ty: $signed:expr),*) => {$(
        impl From<$t> for TensorIndex {
            fn from(at: $t) -> Self { TensorIndex::At($signed(at)) }
        }
        impl From<Range<$t>> for TensorIndex {
            fn from(r: Range<$t>) -> Self { span(Some($signed(r.start)), Some($signed(r.end))) }
        }
        impl From<RangeFrom<$t>> for TensorIndex {
            fn from(r: RangeFrom<$t>) -> Self { span(Some($signed(r.start)), None) }
        }
        impl From<RangeTo<$t>> for TensorIndex {
            fn from(r: RangeTo<$t>) -> Self { span(None, Some($signed(r.end))) }
        }
        impl From<RangeInclusive<$t>> for TensorIndex {
            fn from(r: RangeInclusive<$t>) -> Self {
                span(Some($signed(*r.start())), after($signed(*r.end())))
            }
        }
        impl From<RangeToInclusive<$t>> for TensorIndex {
            fn from(r: RangeToInclusive<$t>) -> Self { span(None, after($signed(r.end))) }
        }
    )*};
}
from_integers!(i64: std::convert::identity, i32: i64::from, usize: signed);

/// The end of an inclusive range: `..=-1` reaches the last position.
fn after(last: i64) -> Option<i64> {
    last.checked_add(1).filter(|end| *end != 0)
}

/// What can be given as a whole index: one [`TensorIndex`], a tuple of up to six, or a list.
pub trait IntoIndex {
    /// The parts, in order.
    fn into_index(self) -> Vec<TensorIndex>;
}

impl<T: Into<TensorIndex>> IntoIndex for T {
    fn into_index(self) -> Vec<TensorIndex> {
        vec![self.into()]
    }
}
impl IntoIndex for &[TensorIndex] {
    fn into_index(self) -> Vec<TensorIndex> {
        self.to_vec()
    }
}
macro_rules! tuple_index {
    ($(($($name:ident),+))*) => {$(
        #[allow(non_snake_case)]
        impl<$($name: Into<TensorIndex>),+> IntoIndex for ($($name,)+) {
            fn into_index(self) -> Vec<TensorIndex> {
                let ($($name,)+) = self;
                vec![$($name.into()),+]
            }
        }
    )*};
}
tuple_index!((A)(A, B)(A, B, C)(A, B, C, D)(A, B, C, D, E)(
    A, B, C, D, E, F
));
