//! Sizes along one, two or three dimensions, kept in the form they were given in.

use std::fmt;
use std::ops::Index;

use pleach_core::Window;
use pleach_core::print::{PythonRepr, python_tuple};

/// A size along each of `D` dimensions: one number for all, or one each.
///
/// The form is kept, since PyTorch prints some arguments as they were given.
///
/// ```
/// use pleach::nn::functional::Size;
/// let (both, each) = (Size::<2>::from(3), Size::from((3, 2)));
/// assert_eq!((both.to_string(), each.to_string()), ("3".into(), "(3, 2)".into()));
/// assert_eq!((both[1], each[1]), (3, 2));
/// assert_eq!(both.array(), [3, 3]);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size<const D: usize> {
    each: [usize; D],
    single: bool,
}

impl<const D: usize> Size<D> {
    /// The size along each dimension.
    pub fn array(self) -> [usize; D] {
        self.each
    }
}

impl<const D: usize> Index<usize> for Size<D> {
    type Output = usize;
    fn index(&self, dim: usize) -> &usize {
        &self.each[dim]
    }
}

/// The size of an adaptive pooling's output along each of `D` dimensions: one for all, or one each;
/// `None` keeps that of the input.
///
/// ```
/// use pleach::nn::functional::OutputSize;
/// assert_eq!(OutputSize::<2>::from(7).to_string(), "7");
/// assert_eq!(OutputSize::from((None, 7)).to_string(), "(None, 7)");
/// assert_eq!(OutputSize::from((None, 7)).of([5, 5]), [5, 7]);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutputSize<const D: usize> {
    each: [Option<usize>; D],
    single: bool,
}

impl<const D: usize> OutputSize<D> {
    /// The output's size for an input of this size.
    pub fn of(self, input: [usize; D]) -> [usize; D] {
        std::array::from_fn(|d| self.each[d].unwrap_or(input[d]))
    }

    /// Whether it was given as one number.
    pub(super) fn is_single(self) -> bool {
        self.single
    }

    /// The same along the rows of images of one row.
    pub(super) fn of_rows(self) -> OutputSize<2> {
        [Some(1), self.each[0]].into()
    }
}

impl<const D: usize> From<Option<usize>> for OutputSize<D> {
    fn from(size: Option<usize>) -> Self {
        OutputSize {
            each: [size; D],
            single: true,
        }
    }
}
impl<const D: usize> From<[Option<usize>; D]> for OutputSize<D> {
    fn from(each: [Option<usize>; D]) -> Self {
        OutputSize {
            each,
            single: false,
        }
    }
}
/// `(7, 7)`, `(None, 7)`, `(7, None)`.
impl<A: Into<Option<usize>>, B: Into<Option<usize>>> From<(A, B)> for OutputSize<2> {
    fn from((a, b): (A, B)) -> Self {
        [a.into(), b.into()].into()
    }
}
impl<A, B, C> From<(A, B, C)> for OutputSize<3>
where
    A: Into<Option<usize>>,
    B: Into<Option<usize>>,
    C: Into<Option<usize>>,
{
    fn from((a, b, c): (A, B, C)) -> Self {
        [a.into(), b.into(), c.into()].into()
    }
}

impl From<(usize, usize)> for Size<2> {
    fn from((a, b): (usize, usize)) -> Self {
        [a, b].into()
    }
}
impl From<(usize, usize, usize)> for Size<3> {
    fn from((a, b, c): (usize, usize, usize)) -> Self {
        [a, b, c].into()
    }
}

macro_rules! numbers_and_text {
    ($($name:ident, |$size:ident| $element:expr;)*) => {$(
        impl<const D: usize> From<usize> for $name<D> {
            fn from($size: usize) -> Self {
                $name { each: [$element; D], single: true }
            }
        }
        impl<const D: usize> From<[usize; D]> for $name<D> {
            fn from(each: [usize; D]) -> Self {
                $name { each: each.map(|$size| $element), single: false }
            }
        }
        impl<const D: usize> fmt::Display for $name<D> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&match self.single {
                    true => self.each[0].python_repr(),
                    false => python_tuple(&self.each),
                })
            }
        }
    )*};
}
numbers_and_text! {
    Size, |size| size;
    OutputSize, |size| Some(size);
}

/// The windows along each dimension.
pub(crate) fn windows<const D: usize>(
    kernel: [usize; D],
    stride: [usize; D],
    padding: [usize; D],
    dilation: [usize; D],
) -> [Window; D] {
    std::array::from_fn(|d| Window {
        kernel: kernel[d],
        stride: stride[d],
        padding: padding[d],
        dilation: dilation[d],
    })
}

/// `4 x 4`.
pub(super) fn by_x(sizes: &[impl ToString]) -> String {
    let sizes: Vec<_> = sizes.iter().map(ToString::to_string).collect();
    sizes.join(" x ")
}

/// What a padding layer adds before and after each of `D` dimensions: one number for all, or two for
/// each, the last dimension first: `[left, right, top, bottom]`. Negative numbers cut.
///
/// ```
/// use pleach::nn::functional::Pads;
/// assert_eq!(Pads::<2>::from(1).into_vec(), [1, 1, 1, 1]);
/// assert_eq!(Pads::<2>::from([1, 0, 2, -1]).into_vec(), [1, 0, 2, -1]);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pads<const D: usize>(Vec<i64>);

impl<const D: usize> Pads<D> {
    /// As [`Tensor::pad`](pleach_core::Tensor::pad) takes them.
    pub fn into_vec(self) -> Vec<i64> {
        self.0
    }
}

impl<const D: usize> From<i64> for Pads<D> {
    fn from(all: i64) -> Self {
        const { assert!(0 < D && D <= 3, "one, two or three dimensions") };
        Pads(vec![all; 2 * D])
    }
}

macro_rules! pads_from {
    ($($d:literal: [i64; $n:literal];)*) => {$(
        impl From<[i64; $n]> for Pads<$d> {
            fn from(each: [i64; $n]) -> Self {
                Pads(each.into())
            }
        }
    )*};
}
pads_from! {
    1: [i64; 2];
    2: [i64; 4];
    3: [i64; 6];
}
