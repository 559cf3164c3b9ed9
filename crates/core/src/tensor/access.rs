//! The elements of a [`Tensor`]: reading them as slices, arrays and numbers, and writing them in place.

use std::sync::Arc;

use ndarray::{ArrayViewD, ArrayViewMutD, IxDyn, ShapeBuilder};
use pleach_kernels::Buffer;

use super::{History, Tensor};
use crate::error::done;
use crate::memory::copied;
use crate::shape::Layout;
use crate::{DType, Element, Error, Result, Scalar};

/// # Access to the elements
impl Tensor {
    pub(super) fn buffer<T: Element>(&self) -> Result<&Arc<Buffer<T>>> {
        T::of_storage(&self.value.storage).ok_or_else(|| {
            Error::dtype(format!(
                "expected a tensor of type {}, got {}",
                T::DTYPE,
                self.dtype()
            ))
            .hint_conversion(self.dtype(), T::DTYPE)
        })
    }

    /// The elements as a slice, if they are contiguous.
    ///
    /// # Errors
    /// If `T` is not the tensor's dtype or the tensor is not contiguous (see
    /// [`Tensor::contiguous`]).
    pub fn as_slice<T: Element>(&self) -> Result<&[T]> {
        let buffer = self.buffer::<T>()?;
        if !self.is_contiguous() {
            return Err(Error::shape(format!(
                "a tensor of shape {:?} with strides {:?} is not contiguous",
                self.shape(),
                self.strides()
            ))
            .with_hint("`.contiguous()?` copies it into order; `.array::<T>()?` and `.to_vec::<T>()?` take it as it is"));
        }
        let start = self.value.layout.offset;
        Ok(if self.numel() == 0 {
            &[]
        } else {
            &buffer[start..start + self.numel()]
        })
    }

    /// The buffer from this tensor's first element on; strides apply to it.
    pub(crate) fn base_slice<T: Element>(&self) -> Result<&[T]> {
        let buffer = self.buffer::<T>()?;
        Ok(if self.numel() == 0 {
            &[]
        } else {
            &buffer[self.value.layout.offset..]
        })
    }

    /// The elements as an `ndarray` view, with this tensor's strides (0 where it is expanded).
    ///
    /// # Errors
    /// If `T` is not the tensor's dtype.
    ///
    /// ```
    /// use pleach::tensor;
    /// let x = tensor![[1., 2.], [3., 4.]];
    /// let view = x.array::<f32>()?;
    /// assert_eq!(view[[1, 0]], 3.0);
    /// assert_eq!(view.sum(), 10.0);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    pub fn array<T: Element>(&self) -> Result<ArrayViewD<'_, T>> {
        self.array_as(&self.value.layout)
    }

    /// The elements under another layout of the same buffer, as an `ndarray` view.
    pub(crate) fn array_as<T: Element>(&self, layout: &Layout) -> Result<ArrayViewD<'_, T>> {
        let buffer = self.buffer::<T>()?;
        if layout.numel() == 0 {
            // Of an empty array `ndarray` takes no strides that step beyond the data.
            return Ok(ArrayViewD::from_shape(IxDyn(&layout.shape), &[])?);
        }
        let shape = IxDyn(&layout.shape).strides(IxDyn(&layout.strides));
        Ok(ArrayViewD::from_shape(shape, &buffer[layout.offset..])?)
    }

    /// The elements in row-major order, whatever the layout.
    ///
    /// # Errors
    /// If `T` is not the tensor's dtype, or the memory cannot be had.
    pub fn to_vec<T: Element>(&self) -> Result<Vec<T>> {
        copied(self.detach().contiguous()?.as_slice::<T>()?)
    }

    /// The elements in row-major order, widened to f64 whatever the dtype.
    ///
    /// # Panics
    /// Where [`Tensor::try_to_vec_f64`] returns an error.
    #[track_caller]
    pub fn to_vec_f64(&self) -> Vec<f64> {
        done(self.try_to_vec_f64())
    }

    /// [`Tensor::to_vec_f64`] as a `Result`.
    ///
    /// # Errors
    /// If the memory cannot be had.
    pub fn try_to_vec_f64(&self) -> Result<Vec<f64>> {
        self.detach().double()?.to_vec()
    }

    /// The only element, as f64.
    ///
    /// # Errors
    /// If the tensor has not exactly one element.
    pub fn item(&self) -> Result<f64> {
        self.one_element()?;
        Ok(self.try_to_vec_f64()?[0])
    }

    /// The only element, as i64 (floats truncate): exact for every integer.
    ///
    /// # Errors
    /// If the tensor has not exactly one element.
    pub fn item_i64(&self) -> Result<i64> {
        self.one_element()?;
        dispatch_all!(self.dtype(), T => {
            Ok(self.to_vec::<T>()?[0].to_i64())
        })
    }

    /// The only element, of the dtype's kind.
    pub(crate) fn item_scalar(&self) -> Result<Scalar> {
        Ok(match self.dtype() {
            DType::Bool => Scalar::Bool(self.item_i64()? != 0),
            dtype if dtype.is_float() => Scalar::Float(self.item()?),
            _ => Scalar::Int(self.item_i64()?),
        })
    }

    fn one_element(&self) -> Result<()> {
        match self.numel() {
            1 => Ok(()),
            n => Err(Error::shape(format!(
                "a Tensor with {n} elements cannot be converted to Scalar"
            ))
            .with_hint("`.to_vec::<T>()?` reads all; `.mean()?` or `.sum()?` makes one of them")),
        }
    }

    /// The elements as a mutable slice: this tensor alone owns them afterwards, contiguous and
    /// without history.
    pub(crate) fn make_slice_mut<T: Element>(&mut self) -> Result<&mut [T]> {
        self.buffer::<T>()?;
        if !self.is_contiguous() {
            *self = self.detach().contiguous()?;
        }
        let n = self.numel();
        self.history = History::None;
        let inner = Arc::make_mut(&mut self.value);
        let start = inner.layout.offset;
        let buffer = T::of_storage_mut(&mut inner.storage).expect("the dtype was checked above");
        if n == 0 {
            return Ok(&mut []);
        }
        if Arc::get_mut(buffer).is_none() {
            // Shared: copy this tensor's part only.
            *buffer = Arc::new(Buffer::try_from_slice(&buffer[start..start + n])?);
            inner.layout = Layout::contiguous(inner.layout.shape.clone());
        }
        let start = inner.layout.offset;
        let buffer = Arc::get_mut(buffer).expect("the buffer was just made unique");
        Ok(&mut buffer[start..start + n])
    }

    /// Changes the values in place through an `ndarray` view, in row-major order. Memory that is
    /// shared is copied first.
    ///
    /// # Errors
    /// If `T` is not the tensor's dtype, or the tensor requires a gradient: such a change cannot
    /// be recorded.
    ///
    /// ```
    /// use pleach::tensor;
    /// let mut x = tensor![1.0, 2.0];
    /// x.update::<f32>(|mut x| x[[1]] = 7.0)?;
    /// assert_eq!(x.to_vec::<f32>()?, [1.0, 7.0]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    pub fn update<T: Element>(&mut self, f: impl FnOnce(ArrayViewMutD<'_, T>)) -> Result<()> {
        let shape = self.shape_vec();
        let slice = self.as_mut_slice::<T>()?;
        f(ArrayViewMutD::from_shape(IxDyn(&shape), slice)?);
        Ok(())
    }

    /// [`Tensor::update`] through a slice of the elements in row-major order.
    ///
    /// # Errors
    /// As [`Tensor::update`].
    ///
    /// ```
    /// use pleach::tensor;
    /// let mut x = tensor![[1.0, 2.0]];
    /// x.update_slice::<f32>(|x| x[1] = 7.0)?;
    /// assert_eq!(x.to_vec::<f32>()?, [1.0, 7.0]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    pub fn update_slice<T: Element>(&mut self, f: impl FnOnce(&mut [T])) -> Result<()> {
        f(self.as_mut_slice()?);
        Ok(())
    }

    /// The elements in row-major order, to be changed. Memory that is shared is copied first.
    ///
    /// # Errors
    /// As [`Tensor::update`].
    ///
    /// ```
    /// use pleach::tensor;
    /// let mut x = tensor![[1.0, 2.0]];
    /// x.as_mut_slice::<f32>()?[1] = 7.0;
    /// assert_eq!(x.to_vec::<f32>()?, [1.0, 7.0]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    pub fn as_mut_slice<T: Element>(&mut self) -> Result<&mut [T]> {
        if !matches!(self.history(), History::None) {
            return Err(Error::autograd(
                "update() on a Tensor that requires grad. Use detach() first.",
            )
            .with_hint("`let mut values = x.detach();` changes a copy, a parameter's `.update(..)` the parameter"));
        }
        self.make_slice_mut()
    }

    /// Replaces every element; `fill` gets the elements in **memory order** (smallest stride
    /// innermost). The layout keeps its order of dimensions.
    pub(crate) fn refill_in_memory_order<T: Element>(
        &mut self,
        fill: impl FnOnce(&mut [T]) -> Result<()>,
    ) -> Result<()> {
        if self.is_contiguous() {
            return fill(self.make_slice_mut::<T>()?);
        }
        self.buffer::<T>()?;
        let mut buffer = Buffer::<T>::try_new(self.numel())?;
        fill(&mut buffer)?;
        let layout = self.layout().dense();
        *self = Tensor::new(T::into_storage(Arc::new(buffer)), layout, History::None);
        Ok(())
    }
}
