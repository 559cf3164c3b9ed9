//! Loops over one or two tensors, of any layout: the kernels', with shapes and memory around them.

use pleach_kernels::elementwise::{self, ZipPiece};
use pleach_kernels::{Buffer, copy_strided, zip_strided};

use crate::autograd::{GradsOf, Operation, Own, Saved, apply};
use crate::shape::{Layout, broadcast_shapes, numel};
use crate::{Element, Result, Tensor};

/// What `write` makes of the elements in row-major order: a tensor of the same shape.
pub(crate) fn written<T: Element, U: Element>(
    x: &Tensor,
    write: impl FnOnce(&[T], &mut [U]),
) -> Result<Tensor> {
    let mut out = Buffer::<U>::try_new(x.numel())?;
    match x.is_contiguous() {
        true => write(x.as_slice::<T>()?, &mut out),
        false => write(x.detach().contiguous()?.as_slice::<T>()?, &mut out),
    }
    Ok(Tensor::from_buffer(out, x.shape()))
}

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
    written(x, |x, out| elementwise::map_pieces(x, out, piece))
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
pub(crate) fn zip_pieces<T: Element, V: Element, U: Element>(
    x: &Tensor,
    y: &Tensor,
    piece: &ZipPiece<'_, T, V, U>,
) -> Result<Tensor> {
    let (xs, ys) = (x.base_slice::<T>()?, y.base_slice::<V>()?);
    if x.shape() == y.shape() && x.is_contiguous() && y.is_contiguous() {
        let count = x.numel();
        let mut out = Buffer::<U>::try_new(count)?;
        elementwise::zip_pieces(&xs[..count], &ys[..count], &mut out, piece);
        return Ok(Tensor::from_buffer(out, x.shape()));
    }
    let shape = broadcast_shapes(x.shape(), y.shape())?;
    let (sx, sy) = (x.layout().broadcast(&shape), y.layout().broadcast(&shape));
    let mut out = Buffer::<U>::try_new(numel(&shape))?;
    zip_strided(
        &shape,
        (xs, &sx.strides),
        (ys, &sy.strides),
        &mut out,
        piece,
    );
    Ok(Tensor::from_buffer(out, shape))
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

/// # Copies
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
    /// use pleach::Tensor;
    /// let x = Tensor::zeros([2, 3]).transpose(0, 1)?;
    /// assert_eq!(x.copy()?.strides(), [1, 3]);
    /// assert_eq!(x.contiguous()?.strides(), [2, 1]);
    /// # Ok::<(), pleach::Error>(())
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
