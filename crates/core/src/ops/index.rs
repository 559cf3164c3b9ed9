//! Indexing: `x[...]` in one form for integers, ranges, index tensors, lists and masks.

use std::sync::Arc;

use super::nonzero;
use super::picks::Picks;
use super::place::{Called, INDEX, Pick, Place, Put, View};
use super::tensor_index::{IntoIndex, TensorIndex, slice};
use crate::autograd::{Alias, apply};
use crate::memory::collect;
use crate::shape::broadcast_shapes;
use crate::{DType, Error, ErrorKind, IntoOperand, Operand, Result, Tensor};

/// A tensor after the parts of an index that are views, and the index tensors left to apply.
struct Prepared {
    view: Tensor,
    /// For each dimension of `view`, the positions that index it.
    positions: Vec<Option<Tensor>>,
}

fn prepare(x: &Tensor, parts: Vec<TensorIndex>) -> Result<Prepared> {
    // A byte tensor is a mask too, from the time before bool tensors; a 0-d tensor of other integers
    // is a position.
    let parts: Vec<TensorIndex> = parts
        .into_iter()
        .map(|part| match part {
            TensorIndex::Tensor(t) if t.dtype() == DType::U8 => {
                Ok(TensorIndex::Tensor(t.to_dtype(DType::Bool)?))
            }
            TensorIndex::Tensor(t)
                if t.rank() == 0 && !t.dtype().is_float() && t.dtype() != DType::Bool =>
            {
                t.item_i64().map(TensorIndex::At)
            }
            part => Ok(part),
        })
        .collect::<Result<_>>()?;
    let ellipses = parts
        .iter()
        .filter(|part| matches!(part, TensorIndex::Ellipsis))
        .count();
    if ellipses > 1 {
        return Err(Error::index(
            "an index can only have a single ellipsis ('...')",
        ));
    }
    let uses = |part: &TensorIndex| match part {
        TensorIndex::At(_) | TensorIndex::Slice { .. } => 1,
        TensorIndex::NewAxis | TensorIndex::Ellipsis => 0,
        TensorIndex::Tensor(t) if t.dtype() == DType::Bool => t.rank(),
        TensorIndex::Tensor(_) => 1,
    };
    let used: usize = parts.iter().map(uses).sum();
    if used > x.rank() {
        return Err(Error::index(format!(
            "too many indices for tensor of dimension {}",
            x.rank()
        )));
    }
    let mut view = x.clone();
    let mut positions = Vec::new();
    let mut next = 0; // dimension of `x`
    for part in parts {
        // The dimensions of `view` and, for messages, of `x`.
        let (dim, from) = (positions.len(), next);
        next += match &part {
            TensorIndex::Ellipsis => x.rank() - used,
            part => uses(part),
        };
        match part {
            TensorIndex::At(index) => {
                view = view.select(dim as i64, index).map_err(|e| match e.kind() {
                    // The dimension as the user counts them.
                    ErrorKind::IndexOutOfBounds { size, .. } => {
                        let (dim, size) = (from, *size);
                        ErrorKind::IndexOutOfBounds { index, dim, size }.into()
                    }
                    _ => e,
                })?;
            }
            TensorIndex::Slice { start, end, step } => {
                if (start, end, step) != (None, None, 1) {
                    view = view.slice_dim(dim as i64, start, end, step)?;
                }
                positions.push(None);
            }
            TensorIndex::NewAxis => {
                view = view.unsqueeze(dim as i64)?;
                positions.push(None);
            }
            TensorIndex::Ellipsis => {
                let rest = x.rank() - used;
                positions.extend(std::iter::repeat_n(None, rest));
            }
            TensorIndex::Tensor(mask) if mask.dtype() == DType::Bool => {
                for (k, &size) in mask.shape().iter().enumerate() {
                    if view.shape()[dim + k] != size {
                        return Err(Error::index(format!(
                            "The shape of the mask {:?} at index {k} does not match the shape of the indexed tensor {:?} at index {}",
                            mask.shape(),
                            x.shape(),
                            from + k
                        )));
                    }
                }
                if mask.rank() == 0 {
                    // A single truth value takes all or nothing, along a new dimension.
                    view = view.unsqueeze(dim as i64)?;
                    let hit = mask.item()? != 0.0;
                    positions.push(Some(Tensor::try_zeros_of([hit as usize], DType::I64)?));
                    continue;
                }
                positions.extend(nonzero::positions(&mask)?.into_iter().map(Some));
            }
            TensorIndex::Tensor(at) => {
                if !matches!(at.dtype(), DType::I64 | DType::I32) {
                    return Err(Error::index(
                        "tensors used as indices must be long, int, byte or bool tensors",
                    )
                    .hint_conversion(at.dtype(), DType::I64));
                }
                positions.push(Some(at.detach().long()?));
            }
        }
    }
    positions.resize(view.rank(), None);
    Ok(Prepared { view, positions })
}

/// # Indexing
impl Tensor {
    /// The elements that an index selects: `x[...]` of PyTorch.
    ///
    /// Integers, ranges and new axes give views; index tensors, lists and masks copy. A repeated
    /// position accumulates its gradient.
    ///
    /// # Errors
    /// If a position does not exist or there are more indices than dimensions.
    ///
    /// ```
    /// use pleach::{slice, tensor, Tensor, TensorIndex};
    /// let x = Tensor::arange(24).view([2, 3, 4])?;
    /// assert_eq!(x.index(0)?.shape(), [3, 4]);                               // x[0]
    /// assert_eq!(x.index((.., 1.., slice(None, None, 2)))?.shape(), [2, 2, 2]); // x[:, 1:, ::2]
    /// assert_eq!(x.index((TensorIndex::Ellipsis, -1))?.shape(), [2, 3]);     // x[..., -1]
    /// assert_eq!(x.index(((..), &tensor![2, 0]))?.shape(), [2, 2, 4]);       // x[:, [2, 0]]
    /// assert_eq!(x.index(&x.gt(20)?)?.to_vec::<i64>()?, [21, 22, 23]);       // x[x > 20]
    /// # Ok::<(), pleach::Error>(())
    /// ```
    pub fn index(&self, index: impl IntoIndex) -> Result<Tensor> {
        self.index_called(INDEX, index.into_index())
    }

    fn index_called(&self, called: Called, parts: Vec<TensorIndex>) -> Result<Tensor> {
        let is_alias = parts.iter().all(TensorIndex::takes_all);
        let Prepared { view, positions } = prepare(self, parts)?;
        if positions.iter().all(Option::is_none) {
            return match is_alias {
                true => apply(Alias, &view),
                false => Ok(view),
            };
        }
        let picks = Picks::new(&view, &positions)?;
        Pick::apply(Arc::new(picks), called, &view)
    }

    /// This tensor with the elements that an index selects replaced: what `x[index] = value` makes of
    /// it. Values are broadcast and converted to the tensor's dtype.
    ///
    /// ```
    /// use pleach::tensor;
    /// let x = tensor![[1., 2.], [3., 4.]];
    /// let y = x.index_put((&tensor![0, 1], &tensor![1, 0]), 9.0)?;
    /// assert_eq!(y.to_vec::<f32>()?, [1., 9., 9., 4.]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    ///
    /// # Errors
    /// If a position does not exist, there are more indices than dimensions, or the values do not fit.
    pub fn index_put(&self, index: impl IntoIndex, value: impl IntoOperand) -> Result<Tensor> {
        self.with_index(index.into_index(), &value.into_operand(), false)
    }

    /// [`Tensor::index_put`] that adds, once for each time an element is named: PyTorch's
    /// `index_put(.., accumulate=True)`.
    ///
    /// # Errors
    /// As [`Tensor::index_put`].
    pub fn index_put_accumulate(
        &self,
        index: impl IntoIndex,
        value: impl IntoOperand,
    ) -> Result<Tensor> {
        self.with_index(index.into_index(), &value.into_operand(), true)
    }

    /// This tensor with the elements that an index selects replaced: the value of `x[...] = v`.
    pub(crate) fn with_index(
        &self,
        parts: Vec<TensorIndex>,
        values: &Operand,
        accumulate: bool,
    ) -> Result<Tensor> {
        let number = match values {
            Operand::Scalar(number) => Some(*number),
            Operand::Tensor(_) => None,
        };
        let values = values.to_tensor(self.dtype())?;
        // What the index selects, as positions in a contiguous tensor of this shape.
        let n = self.numel();
        let all = Tensor::try_arange(n)?.reshape(self.shape())?;
        let Prepared { view, positions } = prepare(&all, parts)?;
        let plain = positions.iter().all(Option::is_none);
        if let (Some(number), false) = (number, plain) {
            // Index tensors take no number that becomes infinite, as a plain index does.
            dispatch_all!(self.dtype(), T => number.to::<T>().map(drop))?;
        }
        let target_shape = if plain {
            view.shape_vec()
        } else {
            Picks::new(&view, &positions)?.result().0
        };
        // Leading ones of the value do not count: x[0] = ones(1, 3) fits a row of 3.
        let extra = values.rank().saturating_sub(target_shape.len());
        let values = if extra > 0 && values.shape()[..extra].iter().all(|s| *s == 1) {
            values.reshape(&values.shape()[extra..])?
        } else {
            values
        };
        let too_big =
            broadcast_shapes(values.shape(), &target_shape).map_or(true, |s| s != target_shape);
        if too_big {
            return Err(Error::shape(format!(
                "shape mismatch: value tensor of shape {:?} cannot be broadcast to indexing result of shape {:?}",
                values.shape(),
                target_shape.as_slice()
            )));
        }
        let place = if plain && !accumulate {
            Place::View(View::placed(view.layout().clone()))
        } else {
            // Positions in the flat tensor, through the index itself.
            let at = match plain {
                true => view,
                false => Picks::new(&view, &positions)?.gather(&view)?,
            };
            let at = at.to_vec::<i64>()?.into_iter().map(|i| i as usize);
            Place::Picks(Picks::elements(collect(at)?, self.rank(), &target_shape))
        };
        let names = match plain {
            true => ("index_put", "CopySlices"),
            false => ("index_put", "IndexPutBackward0"),
        };
        let put = Put {
            place,
            shape: self.shape_vec(),
            add: accumulate,
            called: Called {
                names,
                options: vec![("accumulate", accumulate.into())],
            },
        };
        apply(put, (Some(self), &values))
    }

    /// The rows of a dimension at these positions (i64, 1-d).
    ///
    /// # Errors
    /// If a position does not exist, or `positions` is not a vector of integers.
    pub fn index_select(&self, dim: i64, positions: &Tensor) -> Result<Tensor> {
        if !matches!(positions.dtype(), DType::I64 | DType::I32) {
            return Err(
                Error::dtype("index_select(): Expected dtype int32 or int64 for index")
                    .hint_conversion(positions.dtype(), DType::I64),
            );
        }
        if positions.rank() > 1 {
            return Err(Error::index(
                "index_select(): Index is supposed to be a vector",
            ));
        }
        let d = crate::shape::resolve_dim(dim, self.rank())?;
        if self.rank() == 0 {
            if positions.numel() != 1 {
                return Err(Error::index(format!(
                    "index_select(): Index to scalar can have only 1 value, got {} value(s)",
                    positions.numel()
                )));
            }
            return self.reshape([1])?.index_select(0, positions)?.reshape(());
        }
        let mut parts = vec![slice(None, None, 1); d];
        parts.push(TensorIndex::Tensor(positions.reshape([-1i64])?));
        let called = Called {
            names: ("index_select", "IndexSelectBackward0"),
            options: vec![("dim", d.into())],
        };
        self.index_called(called, parts)
    }

    /// The elements where the mask is true, as a vector.
    ///
    /// # Errors
    /// If the mask is not bool, or the shapes cannot be broadcast together.
    pub fn masked_select(&self, mask: &Tensor) -> Result<Tensor> {
        if mask.dtype() != DType::Bool {
            return Err(Error::dtype("masked_select: expected BoolTensor for mask")
                .hint_conversion(mask.dtype(), DType::Bool));
        }
        let shape = broadcast_shapes(self.shape(), mask.shape())?;
        let mask = mask.broadcast_to(&shape)?;
        self.broadcast_to(&shape)?.index(&mask)
    }
}
