//! Loops over one or two tensors, of any layout.

use pleach_kernels::elementwise::{self, ZipPiece};
use pleach_kernels::{Buffer, copy_strided, for_each_chunk_mut};
use smallvec::SmallVec;

use crate::autograd::{GradsOf, Operation, Own, Saved, apply};
use crate::shape::{Layout, Shape, broadcast_shapes, numel};
use crate::{Element, Result, Tensor};

/// `f` of every element.
pub(crate) fn map<T: Element, U: Element>(
    x: &Tensor,
    f: impl Fn(T) -> U + Sync + Copy,
) -> Result<Tensor> {
    map_pieces(x, &|x: &[T], out: &mut [U]| {
        elementwise::map_piece(x, out, f)
    })
}

/// [`map`], compiled once for all functions.
fn map_pieces<T: Element, U: Element>(
    x: &Tensor,
    piece: &(dyn Fn(&[T], &mut [U]) + Sync),
) -> Result<Tensor> {
    let x = x.detach().contiguous()?;
    let mut out = Buffer::<U>::try_new(x.numel())?;
    elementwise::map_pieces(x.as_slice::<T>()?, &mut out, piece);
    Ok(Tensor::from_buffer(out, x.shape()))
}

/// `f` of every pair of elements of two tensors that are broadcast together.
pub(crate) fn zip<T: Element, V: Element, U: Element>(
    x: &Tensor,
    y: &Tensor,
    f: impl Fn(T, V) -> U + Sync + Copy,
) -> Result<Tensor> {
    zip_pieces(x, y, &|x: &[T], y: &[V], out: &mut [U]| {
        elementwise::zip_piece(x, y, out, f);
    })
}

/// [`zip`], compiled once for all functions.
fn zip_pieces<T: Element, V: Element, U: Element>(
    x: &Tensor,
    y: &Tensor,
    piece: &ZipPiece<'_, T, V, U>,
) -> Result<Tensor> {
    let pairs = Pairs::new(x, y)?;
    let mut out = Buffer::<U>::try_new(pairs.count)?;
    let (xs, ys) = (x.base_slice::<T>()?, y.base_slice::<V>()?);
    match pairs.rows {
        None => elementwise::zip_pieces(&xs[..pairs.count], &ys[..pairs.count], &mut out, piece),
        Some(rows) => zip_rows(xs, ys, &mut out, &rows, piece),
    }
    Ok(Tensor::from_buffer(out, pairs.shape))
}

/// `f` of every element and one number, the function of a pair.
pub(crate) fn zip_number<T: Element, U: Element>(
    x: &Tensor,
    number: T,
    f: impl Fn(T, T) -> U + Sync + Copy,
) -> Result<Tensor> {
    zip_number_pieces(x, number, &|x: &[T], y: &[T], out: &mut [U]| {
        elementwise::zip_piece(x, y, out, f);
    })
}

/// [`zip_number`], compiled once for all functions.
fn zip_number_pieces<T: Element, U: Element>(
    x: &Tensor,
    number: T,
    piece: &ZipPiece<'_, T, T, U>,
) -> Result<Tensor> {
    let numbers = [number; PIECE];
    map_pieces(x, &|x: &[T], out: &mut [U]| {
        for (x, out) in x.chunks(PIECE).zip(out.chunks_mut(PIECE)) {
            piece(x, &numbers[..x.len()], out);
        }
    })
}

/// Elements that are brought together for a loop, where they do not lie together.
const PIECE: usize = 512;
/// From this length on, the rows of an operand are read where they lie.
const LONG_ROW: usize = 64;
/// Elements that one thread takes at least.
const TASK: usize = 1 << 14;

fn zip_rows<T: Element, V: Element, U: Element>(
    xs: &[T],
    ys: &[V],
    out: &mut [U],
    rows: &Rows,
    piece: &ZipPiece<'_, T, V, U>,
) {
    let each = (TASK / rows.length.max(1)).max(1);
    for_each_chunk_mut(out, each * rows.length.max(1), |task, out| {
        let mut at = rows.at(task * each);
        if rows.length >= LONG_ROW {
            long_rows(xs, ys, out, &mut at, piece);
        } else {
            short_rows(xs, ys, out, &mut at, piece);
        }
    });
}

/// Rows in pieces; what does not lie together is copied first.
fn long_rows<T: Element, V: Element, U: Element>(
    xs: &[T],
    ys: &[V],
    out: &mut [U],
    at: &mut RowAt<'_>,
    piece: &ZipPiece<'_, T, V, U>,
) {
    let (sx, sy) = at.rows.step;
    let (mut x_buffer, mut y_buffer) = ([T::default(); PIECE], [V::default(); PIECE]);
    for row in out.chunks_mut(at.rows.length) {
        let (mut ox, mut oy) = at.next_row();
        if (sx, sy) == (1, 1) {
            piece(&xs[ox..ox + row.len()], &ys[oy..oy + row.len()], row);
            continue;
        }
        for out in row.chunks_mut(PIECE) {
            let x = together(xs, ox, sx, &mut x_buffer[..out.len()]);
            let y = together(ys, oy, sy, &mut y_buffer[..out.len()]);
            piece(x, y, out);
            (ox, oy) = (ox + sx * out.len(), oy + sy * out.len());
        }
    }
}

/// `buffer.len()` elements from `start`, `step` apart.
fn together<'a, T: Copy>(
    values: &'a [T],
    start: usize,
    step: usize,
    buffer: &'a mut [T],
) -> &'a [T] {
    match step {
        1 => return &values[start..start + buffer.len()],
        0 => buffer.fill(values[start]),
        _ => {
            for (b, v) in buffer.iter_mut().zip(values[start..].iter().step_by(step)) {
                *b = *v;
            }
        }
    }
    buffer
}

/// Rows that are brought together, several in a piece.
fn short_rows<T: Element, V: Element, U: Element>(
    xs: &[T],
    ys: &[V],
    out: &mut [U],
    at: &mut RowAt<'_>,
    piece: &ZipPiece<'_, T, V, U>,
) {
    let (n, (sx, sy)) = (at.rows.length, at.rows.step);
    if n == 0 {
        return;
    }
    let (mut x_buffer, mut y_buffer) = ([T::default(); PIECE], [V::default(); PIECE]);
    for out in out.chunks_mut(PIECE / n * n) {
        let (x, y) = (&mut x_buffer[..out.len()], &mut y_buffer[..out.len()]);
        for (x, y) in x.chunks_exact_mut(n).zip(y.chunks_exact_mut(n)) {
            let (ox, oy) = at.next_row();
            for i in 0..n {
                x[i] = xs[ox + i * sx];
                y[i] = ys[oy + i * sy];
            }
        }
        piece(x, y, out);
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

/// The rows of two operands of one shape: where each begins in its operand's memory. Dimensions
/// that lie together in both are one, so that rows are as long as can be.
struct Rows {
    /// The elements of a row.
    length: usize,
    /// The strides of the operands along a row.
    step: (usize, usize),
    /// The other dimensions, from the outermost: size and strides.
    outer: SmallVec<[(usize, usize, usize); 6]>,
}

/// A position among [`Rows`].
struct RowAt<'a> {
    rows: &'a Rows,
    /// The indices of the outer dimensions.
    at: SmallVec<[usize; 6]>,
    offsets: (usize, usize),
}

impl Rows {
    fn new(shape: &[usize], x: &[usize], y: &[usize]) -> Rows {
        let mut dims: SmallVec<[(usize, usize, usize); 6]> = SmallVec::new();
        if shape.contains(&0) {
            // No element, so no row: the other sizes and strides may be of any size.
            return Rows {
                length: 0,
                step: (0, 0),
                outer: dims,
            };
        }
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
            outer: dims,
        }
    }

    /// Before the row of a number.
    fn at(&self, mut row: usize) -> RowAt<'_> {
        let mut at: SmallVec<[usize; 6]> = SmallVec::from_elem(0, self.outer.len());
        let mut offsets = (0, 0);
        for (at, &(size, sx, sy)) in at.iter_mut().zip(&self.outer).rev() {
            *at = row % size;
            row /= size;
            offsets.0 += *at * sx;
            offsets.1 += *at * sy;
        }
        RowAt {
            rows: self,
            at,
            offsets,
        }
    }
}

impl RowAt<'_> {
    /// The beginnings of the row, and on to the next one; the caller counts the rows.
    fn next_row(&mut self) -> (usize, usize) {
        let row = self.offsets;
        for d in (0..self.rows.outer.len()).rev() {
            let (size, sx, sy) = self.rows.outer[d];
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
        row
    }
}

/// Copies `values` into the elements of `out` that `view` selects.
pub(crate) fn write_view<T: Element>(out: &mut [T], view: &Layout, values: &Tensor) -> Result<()> {
    if view.numel() == 0 {
        return Ok(());
    }
    copy_strided(
        &view.shape,
        values.base_slice::<T>()?,
        &values.layout().broadcast(&view.shape).strides,
        &mut out[view.offset..],
        &view.strides,
    );
    Ok(())
}

impl Tensor {
    /// The same values row by row without gaps; the tensor itself if it already is so.
    pub fn contiguous(&self) -> Result<Tensor> {
        if self.is_contiguous() {
            return Ok(self.clone());
        }
        written_out(self, Layout::contiguous(self.shape_vec()))
    }

    /// The same values in memory of their own, without gaps, with the dimensions in the same order:
    /// PyTorch's `clone`. The order decides which random number an element gets.
    ///
    /// ```
    /// use pleach_core::Tensor;
    /// let x = Tensor::zeros([2, 3]).transpose(0, 1)?;
    /// assert_eq!(x.copy()?.strides(), [1, 3]);
    /// assert_eq!(x.contiguous()?.strides(), [2, 1]);
    /// # Ok::<(), pleach_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the memory cannot be had.
    pub fn copy(&self) -> Result<Tensor> {
        written_out(self, self.layout().dense())
    }
}

/// The same values in memory of their own, laid out without gaps as asked.
pub(super) fn written_out(x: &Tensor, layout: Layout) -> Result<Tensor> {
    apply(WrittenOut(layout), x)
}

/// What [`written_out`] does.
#[derive(Clone, Debug)]
pub struct WrittenOut(Layout);

impl Operation for WrittenOut {
    type Inputs<'a> = &'a Tensor;
    type Outputs = Tensor;

    fn name(&self) -> &'static str {
        "clone"
    }
    fn grad_name(&self) -> &'static str {
        "CloneBackward0"
    }
    fn forward(&self, x: &Tensor, _: &mut Own) -> Result<Tensor> {
        let out = dispatch_all!(x.dtype(), T => {
            let mut out = Buffer::<T>::try_new(x.numel())?;
            let (from, to) = (x.base_slice::<T>()?, &mut out[..]);
            copy_strided(x.shape(), from, &x.layout().strides, to, &self.0.strides);
            Tensor::from_buffer(out, x.shape())
        });
        Ok(out.with_layout(self.0.clone()))
    }
    fn backward(&self, _: &Saved<'_>, grad: &Tensor) -> Result<GradsOf<Self>> {
        Ok([Some(grad.clone())])
    }
}
