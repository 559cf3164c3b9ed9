//! Sizes along height and width, kept in the form they were given in.

use std::fmt;

/// A size for height and width: one number for both, or two.
///
/// The form is kept, since PyTorch prints some arguments as they were given.
///
/// ```
/// use pleach_nn::functional::Pair;
/// assert_eq!(Pair::from(3).to_string(), "3");
/// assert_eq!(Pair::from((3, 2)).to_string(), "(3, 2)");
/// assert_eq!(Pair::from(3).tuple(), (3, 3));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pair {
    /// The same for height and width.
    One(usize),
    /// Height and width.
    Two(usize, usize),
}

impl Pair {
    /// Height and width.
    pub fn tuple(self) -> (usize, usize) {
        match self {
            Pair::One(size) => (size, size),
            Pair::Two(h, w) => (h, w),
        }
    }
}

impl From<usize> for Pair {
    fn from(size: usize) -> Self {
        Pair::One(size)
    }
}

impl From<(usize, usize)> for Pair {
    fn from((h, w): (usize, usize)) -> Self {
        Pair::Two(h, w)
    }
}

impl From<[usize; 2]> for Pair {
    fn from([h, w]: [usize; 2]) -> Self {
        Pair::Two(h, w)
    }
}

impl fmt::Display for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Pair::One(size) => write!(f, "{size}"),
            Pair::Two(h, w) => write!(f, "({h}, {w})"),
        }
    }
}

/// What can be given as the stride of a pooling: a size, or `None` for the size of the window.
pub trait IntoStride {
    /// The stride, if one was given.
    fn into_stride(self) -> Option<Pair>;
}

impl IntoStride for Option<Pair> {
    fn into_stride(self) -> Option<Pair> {
        self
    }
}
impl<T: Into<Pair>> IntoStride for T {
    fn into_stride(self) -> Option<Pair> {
        Some(self.into())
    }
}

/// The size of an adaptive pooling's output; `None` keeps that size of the input.
///
/// ```
/// use pleach_nn::functional::OutputSize;
/// assert_eq!(OutputSize::from(7).to_string(), "7");
/// assert_eq!(OutputSize::from((None, 7)).to_string(), "(None, 7)");
/// assert_eq!(OutputSize::from((None, 7)).of((5, 5)), (5, 7));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputSize {
    /// The same for height and width.
    One(Option<usize>),
    /// Height and width.
    Two(Option<usize>, Option<usize>),
}

impl OutputSize {
    /// Height and width for an input of this size.
    pub fn of(self, (h, w): (usize, usize)) -> (usize, usize) {
        match self {
            OutputSize::One(size) => (size.unwrap_or(h), size.unwrap_or(w)),
            OutputSize::Two(a, b) => (a.unwrap_or(h), b.unwrap_or(w)),
        }
    }
}

impl From<usize> for OutputSize {
    fn from(size: usize) -> Self {
        OutputSize::One(Some(size))
    }
}
impl From<Option<usize>> for OutputSize {
    fn from(size: Option<usize>) -> Self {
        OutputSize::One(size)
    }
}
impl From<[usize; 2]> for OutputSize {
    fn from([h, w]: [usize; 2]) -> Self {
        (h, w).into()
    }
}
/// `(7, 7)`, `(None, 7)`, `(7, None)`.
impl<H: Into<Option<usize>>, W: Into<Option<usize>>> From<(H, W)> for OutputSize {
    fn from((h, w): (H, W)) -> Self {
        OutputSize::Two(h.into(), w.into())
    }
}

impl fmt::Display for OutputSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |size: &Option<usize>| size.map_or("None".to_string(), |s| s.to_string());
        match self {
            OutputSize::One(size) => f.write_str(&text(size)),
            OutputSize::Two(h, w) => write!(f, "({}, {})", text(h), text(w)),
        }
    }
}
