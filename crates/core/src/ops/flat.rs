//! Elements by their places in row-major order: `take` and `put`, and those under a mask.

use super::nonzero::places;
use super::picks::{Picks, position};
use super::place::{Called, Names, Pick, Place, Put};
use crate::autograd::apply;
use crate::memory::collect;
use crate::shape::{broadcast_shapes, resolve_dim};
use crate::{DType, Error, Result, Tensor};

/// The places that an index names; negative ones count from the end.
fn flat_places(index: &Tensor, count: usize) -> Result<Vec<usize>> {
    let index = index.detach().contiguous()?;
    let mut places = collect(std::iter::repeat_n(0usize, index.numel()))?;
    for (place, &at) in places.iter_mut().zip(index.as_slice::<i64>()?) {
        *place = position(at, 0, count).map_err(|_| {
            Error::index(format!(
                "out of range: tried to access index {at} on a tensor of {count} elements."
            ))
        })?;
    }
    Ok(places)
}

fn check_long(op: &str, index: &Tensor) -> Result<()> {
    match index.dtype() {
        DType::I64 => Ok(()),
        other => Err(Error::dtype(format!(
            "{op}(): Expected a long tensor for index, but got {}",
            other.torch_name()
        ))
        .hint_conversion(other, DType::I64)),
    }
}

/// # Elements by their places in row-major order
impl Tensor {
    /// The elements at these places in row-major order; negative ones count from the end. The result has
    /// the index's shape.
    ///
    /// ```
    /// use pleach::tensor;
    /// let x = tensor![[1., 2.], [3., 4.]];
    /// assert_eq!(x.take(&tensor![0, -1])?.to_vec::<f32>()?, [1., 4.]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the index is not i64 or points outside.
    pub fn take(&self, index: &Tensor) -> Result<Tensor> {
        check_long("take", index)?;
        if self.numel() == 0 && index.numel() > 0 {
            return Err(Error::index("take(): tried to take from an empty tensor"));
        }
        let places = flat_places(index, self.numel())?;
        let picks = Picks::elements(places, self.rank(), index.shape());
        let called = Called {
            names: ("take", "TakeBackward0"),
            options: Vec::new(),
        };
        Pick::apply(picks, called, self)
    }

    /// This tensor with the elements at these places in row-major order replaced by those of `source`,
    /// or, with `accumulate`, those added.
    ///
    /// # Errors
    /// If the index is not i64 or points outside, or the source has another dtype or number of elements.
    pub fn put(&self, index: &Tensor, source: &Tensor, accumulate: bool) -> Result<Tensor> {
        check_long("put_", index)?;
        if self.dtype() != source.dtype() {
            return Err(Error::dtype(format!(
                "put_(): self and source expected to have the same dtype, but got self.dtype = {} and source.dtype = {}",
                self.dtype().torch_name(),
                source.dtype().torch_name()
            ))
            .hint_conversion(source.dtype(), self.dtype()));
        }
        if source.numel() != index.numel() {
            return Err(Error::index(format!(
                "put_(): Expected source and index to have the same number of elements, but got source.numel() = {}, index.numel() = {}",
                source.numel(),
                index.numel()
            )));
        }
        if self.numel() == 0 && index.numel() > 0 {
            return Err(Error::index(
                "put_(): Tried to put elements into an empty tensor",
            ));
        }
        let places = flat_places(index, self.numel())?;
        let values = source.reshape(index.shape())?;
        self.put_at(("put", "PutBackward0"), places, &values, accumulate)
    }

    /// This tensor with values at places, of which there is one for each.
    fn put_at(
        &self,
        names: Names,
        places: Vec<usize>,
        values: &Tensor,
        add: bool,
    ) -> Result<Tensor> {
        let put = Put {
            place: Place::Picks(Picks::elements(places, self.rank(), values.shape())),
            shape: self.shape_vec(),
            add,
            called: Called {
                names,
                options: vec![("accumulate", add.into())],
            },
        };
        apply(put, (Some(self), values))
    }

    /// This tensor with the elements under the mask replaced by those of `source`, one after the other
    /// in row-major order. Tensor and mask are broadcast together; the source may have more elements
    /// than are needed.
    ///
    /// ```
    /// use pleach::tensor;
    /// let x = tensor![1., 2., 3.];
    /// let y = x.masked_scatter(&tensor![true, false, true], &tensor![7., 8., 9.])?;
    /// assert_eq!(y.to_vec::<f32>()?, [7., 2., 8.]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the mask is not bool, the shapes cannot be broadcast together, or the source has another dtype or too
    /// few elements.
    pub fn masked_scatter(&self, mask: &Tensor, source: &Tensor) -> Result<Tensor> {
        if mask.dtype() != DType::Bool {
            return Err(Error::dtype(format!(
                "masked_scatter_ only supports boolean masks, but got mask with dtype {}",
                mask.dtype().torch_name()
            ))
            .hint_conversion(mask.dtype(), DType::Bool));
        }
        if self.dtype() != source.dtype() {
            return Err(Error::dtype(format!(
                "masked_scatter: expected self and source to have same dtypes but got{} and {}",
                self.dtype().torch_name(),
                source.dtype().torch_name()
            ))
            .hint_conversion(source.dtype(), self.dtype()));
        }
        let shape = broadcast_shapes(mask.shape(), self.shape())?;
        let (x, mask) = (self.broadcast_to(&shape)?, mask.broadcast_to(&shape)?);
        let places = places(&mask)?.to_vec();
        if source.numel() < places.len() {
            return Err(Error::shape(
                "Number of elements of source < number of ones in mask",
            ));
        }
        let values = source.reshape([-1i64])?.narrow(0, 0, places.len())?;
        x.put_at(
            ("masked_scatter", "MaskedScatterBackward0"),
            places,
            &values,
            false,
        )
    }

    /// The elements at these places in row-major order, as a vector: PyTorch's `take_along_dim` without
    /// a dimension.
    ///
    /// # Errors
    /// If the index is not i64 or points outside.
    pub fn take_along_all(&self, indices: &Tensor) -> Result<Tensor> {
        check_along(indices)?;
        let flat = self.reshape([-1i64])?;
        flat.gather(0, &indices.reshape([-1i64])?)
    }

    /// [`Tensor::gather`] with tensor and index broadcast together in the other dimensions; an index beyond
    /// the end, or before the start, goes round.
    ///
    /// ```
    /// use pleach::tensor;
    /// let x = tensor![[3., 1.], [2., 4.]];
    /// assert_eq!(x.take_along_dim(&tensor![[0]], 1)?.to_vec::<f32>()?, [3., 2.]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the index is not i64 or has another number of dimensions, or the shapes cannot be broadcast
    /// together.
    pub fn take_along_dim(&self, indices: &Tensor, dim: i64) -> Result<Tensor> {
        check_along(indices)?;
        if indices.rank() != self.rank() {
            return Err(Error::shape(format!(
                "torch.take_along_dim(): input and indices should have the same number of dimensions, but got {} dimensions for input, and {} dimensions for indices",
                self.rank(),
                indices.rank()
            )));
        }
        let d = resolve_dim(dim, self.rank())?;
        if self.rank() == 0 {
            return Err(Error::index(format!(
                "Dimension specified as {dim} but tensor has no dimensions"
            )));
        }
        let without = |t: &Tensor| {
            let mut shape = t.shape_vec();
            shape[d] = 1;
            shape
        };
        let mut shape = broadcast_shapes(&without(self), &without(indices))?;
        shape[d] = self.shape()[d];
        let x = self.broadcast_to(&shape)?;
        shape[d] = indices.shape()[d];
        let indices = indices.detach().broadcast_to(&shape)?;
        // An index into nothing stays what it is, and is refused.
        let indices = match self.shape()[d] {
            0 => indices,
            n => indices.remainder(n as i64)?,
        };
        x.gather(dim, &indices)
    }
}

fn check_along(indices: &Tensor) -> Result<()> {
    match indices.dtype() {
        DType::I64 => Ok(()),
        other => Err(Error::dtype(format!(
            "torch.take_along_dim(): dtype of indices should be Long but got {}",
            other.torch_name()
        ))
        .hint_conversion(other, DType::I64)),
    }
}
