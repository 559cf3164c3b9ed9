//! Loops over one or two tensors, of any layout.

use ndarray::{ArrayViewMutD, IxDyn};
use pleach_kernels::{Buffer, elementwise};
use smallvec::SmallVec;

use crate::autograd::{self, Backward};
use crate::shape::{Layout, Shape, broadcast_shapes, numel};
use crate::{Element, Result, Tensor};

/// `f` of every element.
pub(crate) fn map<T: Element, U: Element>(
    x: &Tensor,
    f: impl Fn(T) -> U + Sync + Copy,
) -> Result<Tensor> {
    let x = x.detach().contiguous()?;
    let mut out = Buffer::<U>::new(x.numel());
    elementwise::map(x.as_slice::<T>()?, &mut out, f);
    Ok(Tensor::from_buffer(out, x.shape()))
}

/// `f` of every pair of elements of two tensors that are broadcast together.
pub(crate) fn zip<T: Element, V: Element, U: Element>(
    x: &Tensor,
    y: &Tensor,
    f: impl Fn(T, V) -> U + Sync + Copy,
) -> Result<Tensor> {
    let pairs = Pairs::new(x, y)?;
    let mut out = Buffer::<U>::new(pairs.count);
    let (xs, ys) = (x.base_slice::<T>()?, y.base_slice::<V>()?);
    match pairs.rows {
        None => elementwise::zip(&xs[..pairs.count], &ys[..pairs.count], &mut out, f),
        Some(rows) => zip_rows(xs, ys, &mut out, rows, f),
    }
    Ok(Tensor::from_buffer(out, pairs.shape))
}

fn zip_rows<T: Element, V: Element, U: Element>(
    xs: &[T],
    ys: &[V],
    out: &mut [U],
    rows: Rows,
    f: impl Fn(T, V) -> U + Sync + Copy,
) {
    let (n, sx, sy) = (rows.length, rows.step.0, rows.step.1);
    for (row, (ox, oy)) in out.chunks_mut(n.max(1)).zip(rows) {
        if (sx, sy) == (1, 1) && n >= LONG_ROW {
            elementwise::zip(&xs[ox..ox + n], &ys[oy..oy + n], row, f);
            continue;
        }
        for (i, o) in row.iter_mut().enumerate() {
            *o = f(xs[ox + i * sx], ys[oy + i * sy]);
        }
    }
}

/// How the elements of two tensors meet. What does not depend on the element type is here, so that
/// it is compiled once.
struct Pairs {
    shape: Shape,
    count: usize,
    /// `None` if both are contiguous and of one shape.
    rows: Option<Rows>,
}

impl Pairs {
    fn new(x: &Tensor, y: &Tensor) -> Result<Pairs> {
        if x.shape() == y.shape() && x.is_contiguous() && y.is_contiguous() {
            return Ok(Pairs {
                count: x.numel(),
                shape: x.shape_vec(),
                rows: None,
            });
        }
        let shape = broadcast_shapes(x.shape(), y.shape())?;
        let rows = Rows::new(
            &shape,
            &x.layout().broadcast(&shape).strides,
            &y.layout().broadcast(&shape).strides,
        );
        Ok(Pairs {
            count: numel(&shape),
            shape,
            rows: Some(rows),
        })
    }
}

/// From this length on a row is worth a vectorised loop.
const LONG_ROW: usize = 16;

/// The rows of two operands of one shape: where each begins in its operand's memory. Dimensions
/// that lie together in both are one, so that rows are as long as can be.
struct Rows {
    /// The elements of a row.
    length: usize,
    /// The strides of the operands along a row.
    step: (usize, usize),
    /// The other dimensions, from the outermost: size and strides.
    outer: SmallVec<[(usize, usize, usize); 6]>,
    /// The position in them.
    at: SmallVec<[usize; 6]>,
    offsets: (usize, usize),
}

impl Rows {
    fn new(shape: &[usize], x: &[usize], y: &[usize]) -> Rows {
        let mut dims: SmallVec<[(usize, usize, usize); 6]> = SmallVec::new();
        for ((&size, &sx), &sy) in shape.iter().zip(x).zip(y).filter(|((n, _), _)| **n != 1) {
            match dims.last_mut() {
                Some(last) if last.1 == size * sx && last.2 == size * sy => {
                    *last = (last.0 * size, sx, sy);
                }
                _ => dims.push((size, sx, sy)),
            }
        }
        let (length, sx, sy) = dims.pop().unwrap_or((1, 0, 0));
        Rows {
            length,
            step: (sx, sy),
            at: SmallVec::from_elem(0, dims.len()),
            outer: dims,
            offsets: (0, 0),
        }
    }
}

impl Iterator for Rows {
    type Item = (usize, usize);

    /// The next row's beginnings; the caller counts the rows.
    fn next(&mut self) -> Option<(usize, usize)> {
        let row = self.offsets;
        for d in (0..self.outer.len()).rev() {
            let (size, sx, sy) = self.outer[d];
            self.at[d] += 1;
            self.offsets.0 += sx;
            self.offsets.1 += sy;
            if self.at[d] < size {
                break;
            }
            self.at[d] = 0;
            self.offsets.0 -= size * sx;
            self.offsets.1 -= size * sy;
        }
        Some(row)
    }
}

/// A tensor of `shape` that is zero but for the elements that `view`, a layout over it, selects:
/// those are `values`.
pub(crate) fn embed(values: &Tensor, shape: &[usize], view: &Layout) -> Result<Tensor> {
    dispatch_all!(values.dtype(), T => {
        let mut out = Buffer::<T>::zeroed(numel(shape));
        write_view(&mut out, view, values)?;
        Ok(Tensor::from_buffer(out, shape))
    })
}

/// Copies `values` into the elements of `out` that `view` selects.
pub(crate) fn write_view<T: Element>(out: &mut [T], view: &Layout, values: &Tensor) -> Result<()> {
    use ndarray::ShapeBuilder;
    if view.numel() == 0 {
        return Ok(());
    }
    let shape = IxDyn(&view.shape).strides(IxDyn(&view.strides));
    let mut target = ArrayViewMutD::from_shape(shape, &mut out[view.offset..])?;
    target.assign(&values.array_as::<T>(&values.layout().broadcast(&view.shape))?);
    Ok(())
}

impl Tensor {
    /// The same values row by row without gaps; the tensor itself if it already is so.
    pub fn contiguous(&self) -> Result<Tensor> {
        if self.is_contiguous() {
            return Ok(self.clone());
        }
        self.copy()
    }

    /// The same values in memory of their own.
    pub fn copy(&self) -> Result<Tensor> {
        let out = dispatch_all!(self.dtype(), T => {
            let mut out = Buffer::<T>::new(self.numel());
            let mut view = ArrayViewMutD::from_shape(IxDyn(self.shape()), &mut out)?;
            view.assign(&self.array::<T>()?);
            Tensor::from_buffer(out, self.shape())
        });
        Ok(autograd::record(out, &[self], |_| {
            Backward::stateless("CloneBackward0", |g: &Tensor| {
                Ok(smallvec::smallvec![Some(g.clone())])
            })
        }))
    }
}
