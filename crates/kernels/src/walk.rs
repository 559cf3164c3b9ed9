//! The rows of two layouts of one shape: where each begins in either slice.

use smallvec::SmallVec;

/// A dimension: its size, and the strides of the two layouts.
pub(crate) type Dim = (usize, usize, usize);

/// Some dimensions, from the outermost.
pub(crate) type Dims = SmallVec<[Dim; 6]>;

/// The dimensions that are longer than 1; those that lie together in both layouts are one. `None` if
/// there is no element, where the other sizes and the strides may be any.
///
/// # Panics
/// If there is not one stride for each size.
pub(crate) fn merged(shape: &[usize], a: &[usize], b: &[usize]) -> Option<Dims> {
    assert!(
        shape.len() == a.len() && shape.len() == b.len(),
        "{shape:?} has not strides {a:?} and {b:?}"
    );
    if shape.contains(&0) {
        return None;
    }
    let mut dims = Dims::new();
    let all = shape.iter().zip(a).zip(b);
    for ((&n, &a), &b) in all.filter(|((n, _), _)| **n != 1) {
        match dims.last_mut() {
            Some(last) if last.1 == n * a && last.2 == n * b => *last = (last.0 * n, a, b),
            _ => dims.push((n, a, b)),
        }
    }
    Some(dims)
}

/// A position among the indices of some dimensions.
pub(crate) struct Walk<'a> {
    dims: &'a [Dim],
    at: SmallVec<[usize; 6]>,
    offsets: (usize, usize),
}

impl<'a> Walk<'a> {
    /// Before the index of a number, in row-major order.
    #[inline]
    pub fn from(dims: &'a [Dim], mut index: usize) -> Walk<'a> {
        let mut at: SmallVec<[usize; 6]> = SmallVec::from_elem(0, dims.len());
        let mut offsets = (0, 0);
        for (at, &(size, a, b)) in at.iter_mut().zip(dims).rev() {
            *at = index % size;
            index /= size;
            offsets.0 += *at * a;
            offsets.1 += *at * b;
        }
        Walk { dims, at, offsets }
    }

    /// Where the index is in the two layouts, and on to the next one; the caller counts them.
    #[inline]
    pub fn next(&mut self) -> (usize, usize) {
        let here = self.offsets;
        for (at, &(size, a, b)) in self.at.iter_mut().zip(self.dims).rev() {
            *at += 1;
            self.offsets.0 += a;
            self.offsets.1 += b;
            if *at < size {
                break;
            }
            *at = 0;
            self.offsets.0 -= size * a;
            self.offsets.1 -= size * b;
        }
        here
    }
}
