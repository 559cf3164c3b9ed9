//! Loops over one or two tensors, of any layout.

use ndarray::{ArrayViewMutD, IxDyn, Zip};
use pleach_kernels::{Buffer, elementwise};

use crate::autograd::{self, Backward};
use crate::shape::{Layout, broadcast_shapes, numel};
use crate::{Element, Result, Tensor};

/// `f` of every element.
pub(crate) fn map<T: Element, U: Element>(
    x: &Tensor,
    f: impl Fn(T) -> U + Sync + Copy,
) -> Result<Tensor> {
    let mut out = Buffer::<U>::new(x.numel());
    if x.is_contiguous() {
        elementwise::map(x.as_slice::<T>()?, &mut out, f);
    } else {
        let mut view = ArrayViewMutD::from_shape(IxDyn(x.shape()), &mut out)?;
        Zip::from(&mut view)
            .and(&x.array::<T>()?)
            .for_each(|o, &v| *o = f(v));
    }
    Ok(Tensor::from_buffer(out, x.shape()))
}

/// `f` of every pair of elements of two tensors that are broadcast together.
pub(crate) fn zip<T: Element, V: Element, U: Element>(
    x: &Tensor,
    y: &Tensor,
    f: impl Fn(T, V) -> U + Sync + Copy,
) -> Result<Tensor> {
    let shape = broadcast_shapes(x.shape(), y.shape())?;
    let mut out = Buffer::<U>::new(numel(&shape));
    if x.shape() == y.shape() && x.is_contiguous() && y.is_contiguous() {
        elementwise::zip(x.as_slice::<T>()?, y.as_slice::<V>()?, &mut out, f);
    } else if y.numel() == 1 && x.is_contiguous() && x.numel() == out.len() {
        let b = y.base_slice::<V>()?[0];
        elementwise::map(x.as_slice::<T>()?, &mut out, move |a| f(a, b));
    } else if x.numel() == 1 && y.is_contiguous() && y.numel() == out.len() {
        let a = x.base_slice::<T>()?[0];
        elementwise::map(y.as_slice::<V>()?, &mut out, move |b| f(a, b));
    } else {
        let mut view = ArrayViewMutD::from_shape(IxDyn(&shape), &mut out)?;
        let x_view = x.array_as::<T>(&x.layout().broadcast(&shape))?;
        let y_view = y.array_as::<V>(&y.layout().broadcast(&shape))?;
        Zip::from(&mut view)
            .and(&x_view)
            .and(&y_view)
            .for_each(|o, &a, &b| *o = f(a, b));
    }
    Ok(Tensor::from_buffer(out, shape))
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
