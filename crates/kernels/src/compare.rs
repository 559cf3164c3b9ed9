//! [`Comparison`]: the comparisons of two numbers.

use crate::Plain;
use crate::elementwise::zip_piece;

/// A comparison of two numbers; a nan is not equal to anything, nor larger or smaller.
///
/// ```
/// use pleach_kernels::Comparison;
/// let mut out = [false; 3];
/// Comparison::Ge.piece::<i64>()(&[1, 2, 3], &[2, 2, 2], &mut out);
/// assert_eq!(out, [false, true, true]);
/// ```
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `x > y`.
    Gt,
    /// `x >= y`.
    Ge,
    /// `x < y`.
    Lt,
    /// `x <= y`.
    Le,
    /// `x == y`.
    Eq,
    /// `x != y`.
    Ne,
}

impl Comparison {
    /// The loop over a piece of two slices, for [`zip_pieces`](crate::elementwise::zip_pieces) and
    /// its like. It panics if the lengths differ.
    pub fn piece<T: Plain + PartialOrd>(self) -> fn(&[T], &[T], &mut [bool]) {
        match self {
            Comparison::Gt => |x, y, out| zip_piece(x, y, out, |x, y| x > y),
            Comparison::Ge => |x, y, out| zip_piece(x, y, out, |x, y| x >= y),
            Comparison::Lt => |x, y, out| zip_piece(x, y, out, |x, y| x < y),
            Comparison::Le => |x, y, out| zip_piece(x, y, out, |x, y| x <= y),
            Comparison::Eq => |x, y, out| zip_piece(x, y, out, |x, y| x == y),
            Comparison::Ne => |x, y, out| zip_piece(x, y, out, |x, y| x != y),
        }
    }
}
