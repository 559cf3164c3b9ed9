//! Shapes and strides: what is contiguous, what broadcasts to what, what can be viewed as what.

use smallvec::SmallVec;

use crate::extent::{checked_numel, signed};
use crate::{Error, ErrorKind, Result};

/// Sizes (or strides) of the dimensions, without a heap allocation up to six of them.
pub type Shape = SmallVec<[usize; 6]>;

/// What can be given as the shape of a new tensor: `[2, 3]`, a slice, a `Vec`, `()` for 0-d.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no shape",
    label = "a shape is wanted here: `[2, 3]`, a `&[usize]`, a `Vec<usize>`, or `()` for no dimensions",
    note = "sizes are `usize`: `[n as usize, 3]`"
)]
pub trait IntoShape {
    /// The sizes.
    fn into_shape(self) -> Shape;
}

impl IntoShape for () {
    fn into_shape(self) -> Shape {
        Shape::new()
    }
}
impl<const N: usize> IntoShape for [usize; N] {
    fn into_shape(self) -> Shape {
        Shape::from_slice(&self)
    }
}
impl IntoShape for &[usize] {
    fn into_shape(self) -> Shape {
        Shape::from_slice(self)
    }
}
impl IntoShape for Vec<usize> {
    fn into_shape(self) -> Shape {
        Shape::from_vec(self)
    }
}
impl IntoShape for Shape {
    fn into_shape(self) -> Shape {
        self
    }
}
impl IntoShape for &Shape {
    fn into_shape(self) -> Shape {
        Shape::from_slice(self)
    }
}

/// What can be given where a size may be -1 (`view`, `reshape`, `expand`): `[-1, 4]`, a shape, or a
/// tuple of several integer types, as `(x.shape()[0], -1)`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` are no sizes",
    label = "sizes are wanted here: `[2, -1]`, or `(n, -1)` where the integers are of several types",
    note = "sizes are `usize`, `i32` or `i64`"
)]
pub trait IntoSizes {
    /// The sizes, where -1 asks for what is left or what is there.
    fn into_sizes(self) -> SmallVec<[i64; 6]>;
}

/// One size, which may be -1: an `usize`, `i32` or `i64`.
pub trait IntoSize {
    /// The size.
    fn into_size(self) -> i64;
}

macro_rules! into_sizes {
    ($($t:ty: $signed:expr),*) => {$(
        impl<const N: usize> IntoSizes for [$t; N] {
            fn into_sizes(self) -> SmallVec<[i64; 6]> { self.into_iter().map($signed).collect() }
        }
        impl IntoSizes for &[$t] {
            fn into_sizes(self) -> SmallVec<[i64; 6]> { self.iter().copied().map($signed).collect() }
        }
        impl IntoSizes for Vec<$t> {
            fn into_sizes(self) -> SmallVec<[i64; 6]> { self.into_iter().map($signed).collect() }
        }
        impl IntoSizes for $t {
            fn into_sizes(self) -> SmallVec<[i64; 6]> { SmallVec::from_slice(&[self.into_size()]) }
        }
        impl IntoSize for $t {
            fn into_size(self) -> i64 { $signed(self) }
        }
    )*};
}
into_sizes!(i64: std::convert::identity, i32: i64::from, usize: signed);

macro_rules! sizes_of_several_types {
    ($($($size:ident $i:tt),*;)*) => {$(
        impl<$($size: IntoSize),*> IntoSizes for ($($size,)*) {
            fn into_sizes(self) -> SmallVec<[i64; 6]> {
                SmallVec::from_slice(&[$(self.$i.into_size()),*])
            }
        }
    )*};
}
sizes_of_several_types! {
    A 0;
    A 0, B 1;
    A 0, B 1, C 2;
    A 0, B 1, C 2, D 3;
    A 0, B 1, C 2, D 3, E 4;
    A 0, B 1, C 2, D 3, E 4, F 5;
}

impl IntoSizes for () {
    fn into_sizes(self) -> SmallVec<[i64; 6]> {
        SmallVec::new()
    }
}
impl IntoSizes for &Shape {
    fn into_sizes(self) -> SmallVec<[i64; 6]> {
        self.iter().copied().map(signed).collect()
    }
}

/// PyTorch's text of a size: `torch.Size([2, 3])`.
///
/// ```
/// assert_eq!(pleach::size_text(&[2, 3]), "torch.Size([2, 3])");
/// ```
pub fn size_text(shape: &[usize]) -> String {
    format!("torch.Size({shape:?})")
}

/// Number of elements of a tensor's own shape, which [`checked_numel`] has accepted.
pub(crate) fn numel(shape: &[usize]) -> usize {
    shape.iter().product()
}

/// Strides of a row-major tensor of this shape, which [`checked_numel`] has accepted.
#[inline]
pub(crate) fn contiguous_strides(shape: &[usize]) -> Shape {
    let mut strides = Shape::from_slice(shape);
    let mut step = 1;
    for size in strides.iter_mut().rev() {
        step *= std::mem::replace(size, step).max(1);
    }
    strides
}

/// Resolves a dimension that may count from the end. A 0-d tensor accepts 0 and -1, as PyTorch's.
pub(crate) fn resolve_dim(dim: i64, rank: usize) -> Result<usize> {
    let n = rank.max(1) as i64;
    if dim < -n || dim >= n {
        return Err(ErrorKind::DimOutOfRange { dim, rank }.into());
    }
    Ok(if dim < 0 { dim + n } else { dim } as usize)
}

/// The shape that two operands have together, one that a tensor can have.
pub(crate) fn broadcast_shapes(a: &[usize], b: &[usize]) -> Result<Shape> {
    let rank = a.len().max(b.len());
    let mut out = Shape::with_capacity(rank);
    for dim in 0..rank {
        let size = |s: &[usize]| match (dim + s.len()).checked_sub(rank) {
            Some(d) => s[d],
            None => 1,
        };
        let (x, y) = (size(a), size(b));
        out.push(match (x, y) {
            _ if x == y => x,
            (1, _) => y,
            (_, 1) => x,
            _ => return Err(ErrorKind::Broadcast { a: x, b: y, dim }.into()),
        });
    }
    checked_numel(&out)?;
    Ok(out)
}

/// Resolves a -1 and checks that the number of elements is kept.
pub(crate) fn infer_sizes(sizes: &[i64], numel: usize) -> Result<Shape> {
    let invalid = || -> Error {
        ErrorKind::InvalidShape {
            shape: sizes.to_vec(),
            numel,
        }
        .into()
    };
    let mut known: usize = 1;
    let mut unknown = None;
    for (i, &s) in sizes.iter().enumerate() {
        match s {
            -1 if unknown.is_some() => {
                return Err(Error::shape("only one dimension can be inferred"));
            }
            -1 => unknown = Some(i),
            0.. => known = known.checked_mul(s as usize).ok_or_else(invalid)?,
            _ => return Err(Error::shape(format!("invalid shape dimension {s}"))),
        }
    }
    let mut shape: Shape = sizes.iter().map(|&s| s.max(0) as usize).collect();
    match unknown {
        Some(_) if known == 0 && numel == 0 => {
            return Err(Error::shape(format!(
                "cannot reshape tensor of 0 elements into shape {sizes:?} because the unspecified dimension size -1 can be any value and is ambiguous"
            )));
        }
        Some(i) if known != 0 && numel.is_multiple_of(known) => shape[i] = numel / known,
        Some(_) => return Err(invalid()),
        None if known == numel => {}
        None => return Err(invalid()),
    }
    checked_numel(&shape)?;
    Ok(shape)
}

/// Where each element of a tensor lies in its buffer.
#[derive(Debug, PartialEq)]
pub(crate) struct Layout {
    pub shape: Shape,
    pub strides: Shape,
    pub offset: usize,
}

impl Clone for Layout {
    fn clone(&self) -> Self {
        // `SmallVec::clone` goes element by element.
        Layout {
            shape: Shape::from_slice(&self.shape),
            strides: Shape::from_slice(&self.strides),
            offset: self.offset,
        }
    }
}

impl Layout {
    #[inline]
    pub fn contiguous(shape: Shape) -> Self {
        let strides = contiguous_strides(&shape);
        Layout {
            shape,
            strides,
            offset: 0,
        }
    }

    pub fn numel(&self) -> usize {
        numel(&self.shape)
    }

    /// Row-major without gaps. Strides of dimensions of size 1 do not matter.
    pub fn is_contiguous(&self) -> bool {
        let mut step = 1;
        for (&size, &stride) in self.shape.iter().zip(&self.strides).rev() {
            if size == 0 {
                return true;
            }
            if size != 1 {
                if stride != step {
                    return false;
                }
                step *= size;
            }
        }
        true
    }

    /// The strides that show this layout under another shape of equally many elements, if there
    /// are any: PyTorch's rule for `view`.
    pub fn view_strides(&self, shape: &[usize]) -> Option<Shape> {
        if self.numel() == 0 {
            return Some(contiguous_strides(shape));
        }
        let mut strides: Shape = SmallVec::from_elem(1, shape.len());
        let mut d = shape.len();
        // The innermost stride of the group of old dimensions that is being divided up.
        let mut base = self.strides.last().copied().unwrap_or(1);
        let (mut group, mut taken) = (1, 1);
        for i in (0..self.shape.len()).rev() {
            group *= self.shape[i];
            let group_ends =
                i == 0 || (self.shape[i - 1] != 1 && self.strides[i - 1] != group * base);
            if group_ends {
                while d > 0 && (taken < group || shape[d - 1] == 1) {
                    strides[d - 1] = taken * base;
                    taken *= shape[d - 1];
                    d -= 1;
                }
                if taken != group {
                    return None;
                }
                if i > 0 {
                    base = self.strides[i - 1];
                    group = 1;
                    taken = 1;
                }
            }
        }
        // What is left of the new shape is ones only (a 0-d tensor viewed as [1, 1]).
        (0..d).all(|i| shape[i] == 1).then_some(strides)
    }

    /// This layout seen as a larger shape, which a tensor can have: stride 0 where a size 1 is repeated.
    pub fn broadcast(&self, shape: &[usize]) -> Layout {
        let lead = shape.len() - self.shape.len();
        let mut strides: Shape = SmallVec::from_elem(0, shape.len());
        for (i, (&size, &stride)) in self.shape.iter().zip(&self.strides).enumerate() {
            if size == shape[lead + i] {
                strides[lead + i] = stride;
            }
        }
        Layout {
            shape: Shape::from_slice(shape),
            strides,
            offset: self.offset,
        }
    }

    /// Dimensions from the largest stride to the smallest: the order in which memory is walked.
    pub fn memory_order(&self) -> SmallVec<[usize; 6]> {
        let mut order: SmallVec<[usize; 6]> = (0..self.shape.len()).collect();
        order.sort_by(|&a, &b| self.strides[b].cmp(&self.strides[a]));
        order
    }

    /// Whether several elements lie at one place of the memory, as in an expanded tensor.
    pub fn shares_elements(&self) -> bool {
        let mut dims = self.shape.iter().zip(&self.strides);
        dims.any(|(&size, &stride)| size > 1 && stride == 0)
    }

    /// The layout without gaps that has this one's shape and order of dimensions: PyTorch's
    /// `infer_dense_strides`. A dimension of stride 0 keeps its place.
    pub fn dense(&self) -> Self {
        let (sizes, strides) = (&self.shape, &self.strides);
        // Whether dimension `a` goes outside of `b`; `None` if nothing says so.
        let outside = |a: usize, b: usize| match (strides[a], strides[b]) {
            (0, _) | (_, 0) => None,
            (x, y) if x != y => Some(x > y),
            _ => (sizes[a] > sizes[b]).then_some(true),
        };
        // From the innermost dimension to the outermost.
        let mut order: SmallVec<[usize; 6]> = (0..sizes.len()).rev().collect();
        for i in 1..order.len() {
            let mut at = i;
            for before in (0..i).rev() {
                match outside(order[before], order[at]) {
                    Some(true) => {
                        order.swap(before, at);
                        at = before;
                    }
                    Some(false) => break,
                    None => {}
                }
            }
        }
        let mut layout = Self::contiguous(self.shape.clone());
        let mut step = 1;
        for d in order {
            layout.strides[d] = step;
            step *= layout.shape[d].max(1);
        }
        layout
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broadcasting_follows_pytorch() {
        let ok = |a: &[usize], b: &[usize]| broadcast_shapes(a, b).map(|s| s.to_vec());
        assert_eq!(ok(&[2, 1, 3], &[4, 1]).unwrap(), [2, 4, 3]);
        assert_eq!(ok(&[], &[0, 2]).unwrap(), [0, 2]);
        assert_eq!(ok(&[0], &[1]).unwrap(), [0]);
        assert!(ok(&[2], &[3]).is_err());
        assert!(ok(&[0], &[2]).is_err());
    }

    #[test]
    fn a_transposed_layout_can_only_be_viewed_where_dimensions_stay_apart() {
        let t = Layout {
            shape: Shape::from_slice(&[3, 2]),
            strides: Shape::from_slice(&[1, 3]),
            offset: 0,
        };
        assert_eq!(t.view_strides(&[6]), None);
        assert_eq!(t.view_strides(&[3, 1, 2]).unwrap().as_slice(), [1, 6, 3]);
        assert_eq!(
            t.view_strides(&[1, 3, 2, 1]).unwrap().as_slice(),
            [3, 1, 3, 3]
        );
        let scalar = Layout::contiguous(Shape::new());
        assert_eq!(scalar.view_strides(&[1, 1]).unwrap().as_slice(), [1, 1]);
    }

    #[test]
    fn one_unknown_size_is_inferred() {
        assert_eq!(infer_sizes(&[2, -1], 6).unwrap().as_slice(), [2, 3]);
        assert!(infer_sizes(&[4, -1], 6).is_err());
        assert!(infer_sizes(&[-1, -1], 6).is_err());
        assert!(infer_sizes(&[0, -1], 0).is_err());
        assert_eq!(infer_sizes(&[], 1).unwrap().as_slice(), [0usize; 0]);
    }
}
