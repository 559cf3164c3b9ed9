//! [`Picks`]: elements of a tensor by their positions.

use std::sync::Arc;

use pleach_kernels::gather::{gather_rows, scatter_rows};
use pleach_kernels::{Buffer, Number};
use smallvec::{SmallVec, smallvec};

use crate::extent::checked_numel;
use crate::memory::collect;
use crate::shape::{Shape, broadcast_shapes, numel};
use crate::{Element, Error, ErrorKind, Result, Tensor};

/// How [`Tensor::scatter_reduce`] brings values together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reduce {
    /// Their sum.
    Sum,
    /// Their product.
    Prod,
    /// Their mean; of integers rounded down.
    Mean,
    /// The largest; nan if there is one.
    Amax,
    /// The smallest; nan if there is one.
    Amin,
}

words! {
    Reduce { Sum = "sum", Prod = "prod", Mean = "mean", Amax = "amax", Amin = "amin" },
    |text| format!("reduce argument must be either sum, prod, mean, amax or amin, got {text}")
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
    pub fn new(view: &Tensor, positions: &[Option<Tensor>]) -> Result<Picks> {
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
    pub fn result(&self) -> (Shape, SmallVec<[i64; 6]>) {
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

    pub fn gather(&self, view: &Tensor) -> Result<Tensor> {
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
    pub fn scatter(
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

    /// A tensor of this shape with `values` (of the result's shape) reduced into it, the sum for a
    /// mean. Without `include_self` what was there does not count.
    pub fn reduce(
        &self,
        target: &Tensor,
        values: &Tensor,
        reduce: Reduce,
        include_self: bool,
    ) -> Result<Tensor> {
        let values = values
            .permute(&inverse(&self.result().1)[..])?
            .contiguous()?;
        let target = target.permute(&self.order[..])?;
        let (front, width) = (target.shape_vec(), numel(&self.rest));
        let out = dispatch_number!("scatter_reduce", values.dtype(), T => {
            let from = values.as_slice::<T>()?;
            let mut out = copy_or_zeros::<T>(Some(&target), &front)?;
            let (rows, to) = (&self.rows, &mut out);
            if !include_self {
                match reduce {
                    Reduce::Sum | Reduce::Mean => {
                        scatter_rows(from, rows, width, to, |to, _| *to = T::ZERO);
                    }
                    Reduce::Prod => scatter_rows(from, rows, width, to, |to, _| *to = T::ONE),
                    // One of the values.
                    Reduce::Amax | Reduce::Amin => {
                        scatter_rows(from, rows, width, to, |to, v| *to = v);
                    }
                }
            }
            match reduce {
                Reduce::Sum | Reduce::Mean => {
                    scatter_rows(from, rows, width, to, |to, v| *to = Number::add(*to, v));
                }
                Reduce::Prod => {
                    scatter_rows(from, rows, width, to, |to, v| *to = Number::mul(*to, v));
                }
                Reduce::Amax => scatter_rows(from, rows, width, to, |to, v| *to = v.larger(*to)),
                Reduce::Amin => scatter_rows(from, rows, width, to, |to, v| *to = v.smaller(*to)),
            }
            Tensor::from_buffer(out, front)
        });
        out.permute(&inverse(&self.order)[..])
    }
}

/// The elements of a tensor of a shape, or zeros.
pub(super) fn copy_or_zeros<T: Element>(
    target: Option<&Tensor>,
    shape: &[usize],
) -> Result<Buffer<T>> {
    Ok(match target {
        Some(t) => Buffer::try_from_slice(t.contiguous()?.as_slice()?)?,
        None => Buffer::try_zeroed(numel(shape))?,
    })
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

/// A position of a dimension that may count from the end.
pub(super) fn position(index: i64, dim: usize, size: usize) -> Result<usize> {
    let from_end = if index < 0 { size as i64 } else { 0 };
    match usize::try_from(index + from_end) {
        Ok(at) if at < size => Ok(at),
        _ => Err(ErrorKind::IndexOutOfBounds { index, dim, size }.into()),
    }
}
