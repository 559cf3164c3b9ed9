//! Indexing: `x[...]` in one form for integers, ranges, index tensors, lists and masks.

use std::sync::Arc;

use pleach_kernels::gather::{gather_rows, scatter_rows};
use pleach_kernels::{Buffer, coordinates, count_true, true_places};
use smallvec::{SmallVec, smallvec};

use super::elementwise::write_view;
use super::tensor_index::{IntoIndex, TensorIndex, slice};
use super::view::{Names, View, position};
use crate::autograd::{Alias, Attributes, Call, GradsOf, Operation, Own, Saved, Saves, apply};
use crate::extent::checked_numel;
use crate::memory::collect;
use crate::shape::{Layout, Shape, broadcast_shapes, contiguous_strides, numel};
use crate::{DType, Element, Error, ErrorKind, Operand, Result, Tensor};

/// A tensor after the parts of an index that are views, and the index tensors left to apply.
struct Prepared {
    view: Tensor,
    /// For each dimension of `view`, the positions that index it.
    positions: Vec<Option<Tensor>>,
}

/// The positions of the true elements of a mask, one tensor for each of its dimensions.
fn nonzero(mask: &Tensor) -> Result<Vec<Tensor>> {
    let strides = contiguous_strides(mask.shape());
    let mask = mask.contiguous()?;
    let truths = mask.as_slice::<bool>()?;
    let mut places = Buffer::try_new(count_true(truths))?;
    true_places(truths, &mut places);
    let along = |dim| {
        let mut at = Buffer::try_new(places.len())?;
        coordinates(&places, dim, &mut at);
        Ok(Tensor::from_buffer(at, [places.len()]))
    };
    let sizes = mask.shape().iter().copied();
    sizes.zip(strides).map(along).collect()
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
    let mut dim = 0; // of `view`
    let mut from = 0; // of `x`, for messages
    for part in parts {
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
                from += 1;
            }
            TensorIndex::Slice { start, end, step } => {
                if (start, end, step) != (None, None, 1) {
                    view = view.slice_dim(dim as i64, start, end, step)?;
                }
                positions.push(None);
                dim += 1;
                from += 1;
            }
            TensorIndex::NewAxis => {
                view = view.unsqueeze(dim as i64)?;
                positions.push(None);
                dim += 1;
            }
            TensorIndex::Ellipsis => {
                let rest = x.rank() - used;
                positions.extend(std::iter::repeat_n(None, rest));
                dim += rest;
                from += rest;
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
                    dim += 1;
                    continue;
                }
                positions.extend(nonzero(&mask)?.into_iter().map(Some));
                dim += mask.rank();
                from += mask.rank();
            }
            TensorIndex::Tensor(at) => {
                if !matches!(at.dtype(), DType::I64 | DType::I32) {
                    return Err(Error::index(
                        "tensors used as indices must be long, int, byte or bool tensors",
                    ));
                }
                positions.push(Some(at.detach().long()?));
                dim += 1;
                from += 1;
            }
        }
    }
    positions.resize(view.rank(), None);
    Ok(Prepared { view, positions })
}

/// How index tensors pick rows: from a tensor whose indexed dimensions were moved to the front.
pub(super) struct Picks {
    /// The order that moves the indexed dimensions to the front.
    order: SmallVec<[i64; 6]>,
    /// For each picked row, its number among the rows (the indexed dimensions flattened). What is
    /// outside of them is zero; only rows of one element may be.
    rows: Vec<usize>,
    /// The shape that the index tensors have together.
    picked: Shape,
    /// The dimensions that are not indexed.
    rest: Shape,
    /// Where the picked dimensions stand in the result.
    at: usize,
}

impl Picks {
    fn new(view: &Tensor, positions: &[Option<Tensor>]) -> Result<Picks> {
        let indexed: Vec<usize> = (0..positions.len())
            .filter(|&d| positions[d].is_some())
            .collect();
        let others: Vec<usize> = (0..positions.len())
            .filter(|&d| positions[d].is_none())
            .collect();
        let mut picked = Shape::new();
        for at in positions.iter().flatten() {
            picked = broadcast_shapes(&picked, at.shape()).map_err(|_| {
                let shapes: Vec<String> = positions
                    .iter()
                    .flatten()
                    .map(|p| format!("{:?}", p.shape()))
                    .collect();
                Error::index(format!(
                    "shape mismatch: indexing tensors could not be broadcast together with shapes {}",
                    shapes.join(", ")
                ))
            })?;
        }
        let mut rows = collect(std::iter::repeat_n(0usize, numel(&picked)))?;
        for &d in &indexed {
            let size = view.shape()[d];
            let Some(at) = &positions[d] else { continue };
            let at = at.broadcast_to(&picked)?.to_vec::<i64>()?;
            for (row, index) in rows.iter_mut().zip(at) {
                *row = *row * size + position(index, d, size)?;
            }
        }
        let adjacent = indexed.windows(2).all(|w| w[1] == w[0] + 1);
        let at = match indexed.first() {
            Some(&first) if adjacent => first,
            _ => 0,
        };
        Ok(Picks {
            order: indexed.iter().chain(&others).map(|&d| d as i64).collect(),
            rows,
            picked,
            rest: others.iter().map(|&d| view.shape()[d]).collect(),
            at,
        })
    }

    /// Elements of a contiguous tensor of `rank` dimensions, by their places in it.
    pub fn elements(rows: Vec<usize>, rank: usize, picked: &[usize]) -> Arc<Picks> {
        Arc::new(Picks {
            order: (0..rank as i64).collect(),
            rows,
            picked: Shape::from_slice(picked),
            rest: Shape::new(),
            at: 0,
        })
    }

    /// The shape `[picked, rest]`.
    fn front(&self) -> Shape {
        self.picked.iter().chain(&self.rest).copied().collect()
    }

    /// The result's shape, and the order of dimensions that leads to it from [`Self::front`].
    fn result(&self) -> (Shape, SmallVec<[i64; 6]>) {
        let (p, r) = (self.picked.len(), self.rest.len());
        let order: SmallVec<[usize; 6]> = (p..p + self.at)
            .chain(0..p)
            .chain(p + self.at..p + r)
            .collect();
        let front = self.front();
        (
            order.iter().map(|&d| front[d]).collect(),
            order.iter().map(|&d| d as i64).collect(),
        )
    }

    fn gather(&self, view: &Tensor) -> Result<Tensor> {
        let source = view.permute(&self.order[..])?.contiguous()?;
        let (width, front) = (numel(&self.rest), self.front());
        let out = dispatch_all!(view.dtype(), T => {
            let from = source.as_slice::<T>()?;
            let mut out = Buffer::<T>::try_new(checked_numel(&front)?)?;
            gather_rows(from, &self.rows, width, &mut out);
            Tensor::from_buffer(out, front)
        });
        out.permute(&self.result().1[..])
    }

    /// `target`, or zeros, of a shape, with `values` (which broadcast to the result's shape) put in,
    /// or added.
    fn scatter(
        &self,
        target: Option<&Tensor>,
        shape: &[usize],
        values: &Tensor,
        add: bool,
    ) -> Result<Tensor> {
        let (result, order) = self.result();
        let values = values
            .broadcast_to(&result)?
            .permute(&inverse(&order)[..])?;
        let values = values.contiguous()?;
        let target = target.map(|t| t.permute(&self.order[..])).transpose()?;
        let front: Shape = self.order.iter().map(|&d| shape[d as usize]).collect();
        let width = numel(&self.rest);
        let out = dispatch_all!(values.dtype(), T => {
            let from = values.as_slice::<T>()?;
            let mut out = copy_or_zeros::<T>(target.as_ref(), &front)?;
            match add {
                true => scatter_rows(from, &self.rows, width, &mut out, |to, v| *to = plus(*to, v)),
                false => scatter_rows(from, &self.rows, width, &mut out, |to, v| *to = v),
            }
            Tensor::from_buffer(out, front)
        });
        out.permute(&inverse(&self.order)[..])
    }
}

/// The elements of a tensor of a shape, or zeros.
fn copy_or_zeros<T: Element>(target: Option<&Tensor>, shape: &[usize]) -> Result<Buffer<T>> {
    Ok(match target {
        Some(t) => Buffer::try_from_slice(t.contiguous()?.as_slice()?)?,
        None => Buffer::try_zeroed(numel(shape))?,
    })
}

/// What a user knows an operation as: its names, and its options.
pub(super) type Called = (Names, Attributes);

const INDEX: Names = ("index", "IndexBackward0");

/// Elements of a tensor by their positions.
#[derive(Clone)]
pub struct Pick {
    /// The positions.
    picks: Arc<Picks>,
    /// What the user knows it as.
    called: Called,
}

impl Pick {
    pub(super) fn apply(picks: Arc<Picks>, called: Called, x: &Tensor) -> Result<Tensor> {
        apply(Pick { picks, called }, x)
    }
}

impl Operation for Pick {
    type Inputs<'a> = &'a Tensor;
    type Outputs = Tensor;

    fn name(&self) -> &'static str {
        self.called.0.0
    }
    fn grad_name(&self) -> &'static str {
        self.called.0.1
    }
    fn attributes(&self) -> Attributes {
        self.called.1.clone()
    }
    fn forward(&self, x: &Tensor, _: &mut Own) -> Result<Tensor> {
        self.picks.gather(x)
    }
    fn saves(&self, _: Call<'_>) -> Saves {
        Saves::ONCE
    }
    fn backward(&self, saved: &Saved<'_>, grad: &Tensor) -> Result<GradsOf<Self>> {
        let place = Place::Picks(self.picks.clone());
        Ok([Some(placed(grad, place, saved.shape(0))?)])
    }
}

/// Some elements of a tensor.
#[derive(Clone)]
pub(super) enum Place {
    /// Those of a view.
    View(View),
    /// Those at positions.
    Picks(Arc<Picks>),
}

/// A tensor with values put at a place of it.
#[derive(Clone)]
pub struct Put {
    /// The place.
    pub(super) place: Place,
    /// The shape of the tensor, zeros if none is given.
    pub(super) shape: Shape,
    /// Whether values are added at positions; in a view they never are.
    pub(super) add: bool,
    /// What the user knows it as.
    pub(super) called: Called,
}

impl Operation for Put {
    type Inputs<'a> = (Option<&'a Tensor>, &'a Tensor);
    type Outputs = Tensor;

    fn name(&self) -> &'static str {
        self.called.0.0
    }
    fn grad_name(&self) -> &'static str {
        self.called.0.1
    }
    fn attributes(&self) -> Attributes {
        self.called.1.clone()
    }
    fn forward(&self, (target, values): Self::Inputs<'_>, _: &mut Own) -> Result<Tensor> {
        match &self.place {
            Place::Picks(picks) => picks.scatter(target, &self.shape, values, self.add),
            Place::View(view) => dispatch_all!(values.dtype(), T => {
                let mut out = copy_or_zeros::<T>(target, &self.shape)?;
                let layout = view.of(&Layout::contiguous(self.shape.clone()));
                write_view(&mut out, &layout, values)?;
                Ok(Tensor::from_buffer(out, &self.shape))
            }),
        }
    }
    fn saves(&self, _: Call<'_>) -> Saves {
        match self.place {
            Place::View(_) => Saves::NONE,
            Place::Picks(_) => Saves::ONCE,
        }
    }
    fn backward(&self, saved: &Saved<'_>, grad: &Tensor) -> Result<GradsOf<Self>> {
        let target = saved.grad(0, || match self.add {
            true => Ok(grad.clone()),
            false => {
                let shape = match &self.place {
                    Place::View(_) => Shape::new(),
                    Place::Picks(picks) => picks.result().0,
                };
                let hole = Tensor::try_zeros_of(&shape, grad.dtype())?;
                apply(self.clone(), (Some(grad), &hole))
            }
        })?;
        let values = saved.grad(1, || match &self.place {
            Place::View(view) => apply(view.clone(), &grad.contiguous()?),
            Place::Picks(picks) => Pick::apply(picks.clone(), (INDEX, Attributes::new()), grad),
        })?;
        Ok([target, values])
    }
}

/// Zeros of a shape but for these values at a place; those of one position are added up.
pub(super) fn placed(values: &Tensor, place: Place, shape: &[usize]) -> Result<Tensor> {
    let put = Put {
        place,
        shape: Shape::from_slice(shape),
        add: true,
        called: (("index_put", "IndexPutBackward0"), Attributes::new()),
    };
    apply(put, (None, values))
}

/// The sum of two elements of any dtype; integers wrap, bools are or'ed.
fn plus<T: Element>(a: T, b: T) -> T {
    if T::DTYPE.is_float() {
        T::from_f64(a.to_f64() + b.to_f64())
    } else {
        T::from_i64(a.to_i64().wrapping_add(b.to_i64()))
    }
}

fn inverse(order: &[i64]) -> SmallVec<[i64; 6]> {
    let mut back: SmallVec<[i64; 6]> = smallvec![0; order.len()];
    for (i, &d) in order.iter().enumerate() {
        back[d as usize] = i as i64;
    }
    back
}

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
    /// use pleach_core::{slice, tensor, Tensor, TensorIndex};
    /// let x = Tensor::arange(24).view([2, 3, 4])?;
    /// assert_eq!(x.index(0)?.shape(), [3, 4]);                               // x[0]
    /// assert_eq!(x.index((.., 1.., slice(None, None, 2)))?.shape(), [2, 2, 2]); // x[:, 1:, ::2]
    /// assert_eq!(x.index((TensorIndex::Ellipsis, -1))?.shape(), [2, 3]);     // x[..., -1]
    /// assert_eq!(x.index(((..), &tensor![2, 0]))?.shape(), [2, 2, 4]);       // x[:, [2, 0]]
    /// assert_eq!(x.index(&x.gt(20)?)?.to_vec::<i64>()?, [21, 22, 23]);       // x[x > 20]
    /// # Ok::<(), pleach_core::Error>(())
    /// ```
    pub fn index(&self, index: impl IntoIndex) -> Result<Tensor> {
        self.index_called((INDEX, Attributes::new()), index.into_index())
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
            called: (names, vec![("accumulate", accumulate.into())]),
        };
        apply(put, (Some(self), &values))
    }

    /// The rows of a dimension at these positions (i64, 1-d).
    ///
    /// # Errors
    /// If a position does not exist, or `positions` is not a vector of integers.
    pub fn index_select(&self, dim: i64, positions: &Tensor) -> Result<Tensor> {
        if !matches!(positions.dtype(), DType::I64 | DType::I32) {
            return Err(Error::dtype(
                "index_select(): Expected dtype int32 or int64 for index",
            ));
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
        let names = ("index_select", "IndexSelectBackward0");
        self.index_called((names, vec![("dim", d.into())]), parts)
    }

    /// The elements where the mask is true, as a vector.
    ///
    /// # Errors
    /// If the mask is not bool, or the shapes cannot be broadcast together.
    pub fn masked_select(&self, mask: &Tensor) -> Result<Tensor> {
        if mask.dtype() != DType::Bool {
            return Err(Error::dtype(
                "masked_select: expected BoolTensor for mask".to_string(),
            ));
        }
        let shape = broadcast_shapes(self.shape(), mask.shape())?;
        let mask = mask.broadcast_to(&shape)?;
        self.broadcast_to(&shape)?.index(&mask)
    }
}
