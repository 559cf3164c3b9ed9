//! Some elements of a tensor, as a view or by their positions: taken out, or put in. The gradient of
//! either is the other.

use std::sync::Arc;

use smallvec::{SmallVec, smallvec};

use super::elementwise::write_view;
use super::picks::{Picks, copy_or_zeros};
use crate::autograd::{Attributes, Call, GradsOf, Operation, Own, Rules, Saved, Saves, apply};
use crate::memory::collect;
use crate::shape::{Layout, Shape, numel};
use crate::{Result, Tensor};

/// Dimensions, or an order of them.
pub(super) type Axes = SmallVec<[usize; 6]>;

/// PyTorch's names of an operation and of its backward step.
pub(super) type Names = (&'static str, &'static str);

/// What a [`View`] shows.
#[derive(Clone, Debug)]
pub(super) enum Shows {
    /// All elements in another shape, under a layout that was found to fit.
    Reshaped(Layout),
    /// The dimensions in this order.
    Permuted(Axes),
    /// Dimensions of size 1 repeated to this shape.
    Expanded(Shape),
    /// One position of a dimension, without that dimension: the dimension, the position.
    Selected(usize, usize),
    /// Positions of a dimension: the dimension; start, end and step.
    Sliced(usize, [usize; 3]),
    /// The diagonal of two dimensions: its offset to the right, the dimensions, its length.
    Diagonal(i64, [usize; 2], usize),
    /// Windows along a dimension, each as a new last dimension: the dimension, size and step. A
    /// number has one position.
    Windows(usize, [usize; 2]),
    /// What a layout shows of a contiguous tensor.
    Placed(Layout),
}

/// The same memory under another layout.
#[derive(Clone, Debug)]
pub struct View {
    /// PyTorch's names, of the operation and of its backward step.
    pub(super) names: Names,
    /// Which layout.
    pub(super) shows: Shows,
}

impl View {
    /// What a layout shows of a contiguous tensor.
    pub(super) fn placed(layout: Layout) -> View {
        View {
            names: ("as_strided", "AsStridedBackward0"),
            shows: Shows::Placed(layout),
        }
    }

    /// The layout of the view of a tensor with a layout.
    pub(super) fn of(&self, from: &Layout) -> Layout {
        let mut layout = match &self.shows {
            Shows::Reshaped(to) | Shows::Placed(to) => to.clone(),
            Shows::Expanded(shape) => from.broadcast(shape),
            Shows::Permuted(order) => Layout {
                shape: order.iter().map(|&d| from.shape[d]).collect(),
                strides: order.iter().map(|&d| from.strides[d]).collect(),
                offset: from.offset,
            },
            _ => from.clone(),
        };
        match &self.shows {
            Shows::Reshaped(_) | Shows::Expanded(_) | Shows::Permuted(_) => {}
            Shows::Placed(_) => layout.offset += from.offset,
            &Shows::Selected(dim, index) => {
                layout.offset += index * layout.strides[dim];
                layout.shape.remove(dim);
                layout.strides.remove(dim);
            }
            &Shows::Sliced(dim, [start, end, step]) => {
                let count = (end - start).div_ceil(step);
                if count > 0 {
                    layout.offset += start * layout.strides[dim];
                }
                layout.shape[dim] = count;
                // A step that overflows is one beyond the only element.
                let stride = layout.strides[dim].checked_mul(step);
                layout.strides[dim] = stride.unwrap_or(layout.strides[dim]);
            }
            &Shows::Diagonal(offset, [rows, cols], length) => {
                if length > 0 {
                    let d = if offset >= 0 { cols } else { rows };
                    layout.offset += offset.unsigned_abs() as usize * layout.strides[d];
                }
                let stride = layout.strides[rows] + layout.strides[cols];
                for d in [rows.max(cols), rows.min(cols)] {
                    layout.shape.remove(d);
                    layout.strides.remove(d);
                }
                layout.shape.push(length);
                layout.strides.push(stride);
            }
            &Shows::Windows(dim, [size, step]) => {
                let stride = layout.strides.get(dim).copied().unwrap_or(1);
                if let (Some(n), Some(s)) = (layout.shape.get_mut(dim), layout.strides.get_mut(dim))
                {
                    *n = (*n - size) / step + 1;
                    // As above: no second window, no second stride.
                    *s = s.checked_mul(step).unwrap_or(*s);
                }
                layout.shape.push(size);
                layout.strides.push(stride);
            }
        }
        layout
    }
}

impl Operation for View {
    type Inputs<'a> = &'a Tensor;
    type Outputs = Tensor;
    const RULES: Rules = Rules::VIEW;

    fn name(&self) -> &'static str {
        self.names.0
    }
    fn grad_name(&self) -> &'static str {
        self.names.1
    }
    fn attributes(&self) -> Attributes {
        match &self.shows {
            Shows::Permuted(order) => vec![("dims", order[..].into())],
            Shows::Reshaped(Layout { shape, .. })
            | Shows::Placed(Layout { shape, .. })
            | Shows::Expanded(shape) => vec![("size", shape[..].into())],
            &Shows::Selected(dim, index) => vec![("dim", dim.into()), ("index", index.into())],
            &Shows::Sliced(dim, span) => {
                let numbers = [dim, span[0], span[1], span[2]].map(Into::into);
                let names = ["dim", "start", "end", "step"];
                names.into_iter().zip(numbers).collect()
            }
            &Shows::Diagonal(offset, [rows, cols], _) => vec![
                ("offset", offset.into()),
                ("dim1", rows.into()),
                ("dim2", cols.into()),
            ],
            &Shows::Windows(dim, [size, step]) => vec![
                ("dimension", dim.into()),
                ("size", size.into()),
                ("step", step.into()),
            ],
        }
    }
    fn forward(&self, x: &Tensor, _: &mut Own) -> Result<Tensor> {
        Ok(x.with_layout(self.of(x.layout())))
    }
    fn backward(&self, saved: &Saved<'_>, grad: &Tensor) -> Result<GradsOf<Self>> {
        let shape = saved.shape(0);
        Ok([Some(match &self.shows {
            Shows::Reshaped(_) => grad.reshape(shape)?,
            Shows::Permuted(order) => {
                let mut back: Axes = smallvec![0; order.len()];
                order.iter().enumerate().for_each(|(i, &d)| back[d] = i);
                let (names, shows) = (self.names, Shows::Permuted(back));
                apply(View { names, shows }, grad)?
            }
            Shows::Expanded(_) => grad.clone(),
            // Windows that overlap add up.
            &Shows::Windows(_, [size, step]) if step < size => {
                let places = Tensor::try_arange(numel(shape))?;
                let places =
                    places.with_layout(self.of(&Layout::contiguous(saved.shape(0).into())));
                let places = places.to_vec::<i64>()?.into_iter().map(|i| i as usize);
                let picks = Picks::elements(collect(places)?, shape.len(), grad.shape());
                placed(grad, Place::Picks(picks), shape)?
            }
            _ => placed(grad, Place::View(self.clone()), shape)?,
        })])
    }
}

/// What a user knows an operation as.
#[derive(Clone)]
pub(super) struct Called {
    /// PyTorch's names.
    pub names: Names,
    /// The options.
    pub options: Attributes,
}

/// An index, as PyTorch has it.
pub(super) const INDEX: Called = Called {
    names: ("index", "IndexBackward0"),
    options: Attributes::new(),
};

/// Its gradient.
pub(super) const INDEX_PUT: Called = Called {
    names: ("index_put", "IndexPutBackward0"),
    options: Attributes::new(),
};

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
        self.called.names.0
    }
    fn grad_name(&self) -> &'static str {
        self.called.names.1
    }
    fn attributes(&self) -> Attributes {
        self.called.options.clone()
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
        self.called.names.0
    }
    fn grad_name(&self) -> &'static str {
        self.called.names.1
    }
    fn attributes(&self) -> Attributes {
        self.called.options.clone()
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
            Place::Picks(picks) => Pick::apply(picks.clone(), INDEX, grad),
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
        called: INDEX_PUT,
    };
    apply(put, (None, values))
}
