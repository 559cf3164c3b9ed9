//! What reductions share: how the reduced dimensions are brought together.

use pleach_kernels::{Buffer, reduce};
use smallvec::{SmallVec, smallvec};

use crate::number::Number;
use crate::shape::Shape;
use crate::{DType, Element, Error, Result, Tensor};

/// A reduction over some dimensions, seen as `[outer, n, inner]`: the middle is reduced.
pub(super) struct Plan {
    /// The input, arranged so that the reduced dimensions lie together; contiguous, no history.
    /// Small integers are i64 here.
    pub x: Tensor,
    /// The input's dtype.
    pub dtype: DType,
    pub outer: usize,
    pub n: usize,
    pub inner: usize,
    /// The shape of the result, with the reduced dimensions as 1.
    pub kept: Shape,
    /// The shape of the result without them.
    pub dropped: Shape,
}

impl Plan {
    pub fn new(x: &Tensor, mask: &[bool]) -> Result<Plan> {
        let shape = x.shape();
        let kept: Shape = shape
            .iter()
            .zip(mask)
            .map(|(&s, &m)| if m { 1 } else { s })
            .collect();
        let dropped: Shape = shape
            .iter()
            .zip(mask)
            .filter(|(_, m)| !**m)
            .map(|(&s, _)| s)
            .collect();
        let first = mask.iter().position(|m| *m);
        let last = mask.iter().rposition(|m| *m);
        let together = match (first, last) {
            (Some(a), Some(b)) => mask[a..=b].iter().all(|m| *m),
            _ => true,
        };
        let (x, outer, n, inner) = if together {
            let (a, b) = match (first, last) {
                (Some(a), Some(b)) => (a, b + 1),
                // Nothing is reduced: every element is its own row.
                _ => (shape.len(), shape.len()),
            };
            let product = |s: &[usize]| s.iter().product::<usize>();
            (
                x.detach().contiguous()?,
                product(&shape[..a]),
                product(&shape[a..b]),
                product(&shape[b..]),
            )
        } else {
            let mut order: SmallVec<[i64; 6]> = SmallVec::new();
            order.extend((0..shape.len()).filter(|&d| !mask[d]).map(|d| d as i64));
            order.extend((0..shape.len()).filter(|&d| mask[d]).map(|d| d as i64));
            let outer = dropped.iter().product();
            let n = shape
                .iter()
                .zip(mask)
                .filter(|(_, m)| **m)
                .map(|(&s, _)| s)
                .product();
            (x.detach().permute(&order[..])?.contiguous()?, outer, n, 1)
        };
        let dtype = x.dtype();
        Ok(Plan {
            x: if dtype.is_small_int() { x.long()? } else { x },
            dtype,
            outer,
            n,
            inner,
            kept,
            dropped,
        })
    }

    pub fn shape(&self, keepdim: bool) -> &Shape {
        if keepdim { &self.kept } else { &self.dropped }
    }

    /// Folds each row from `init`.
    pub fn fold<T: Element, A: Element>(
        &self,
        keepdim: bool,
        init: A,
        f: impl Fn(A, T) -> A + Sync + Copy,
    ) -> Result<Tensor> {
        let mut out = Buffer::<A>::try_new(self.outer * self.inner)?;
        let x = self.x.as_slice::<T>()?;
        reduce::fold_axis(x, self.outer, self.n, self.inner, &mut out, init, f);
        Ok(Tensor::from_buffer(out, self.shape(keepdim)))
    }

    pub fn sum(&self, keepdim: bool) -> Result<Tensor> {
        match self.x.dtype() {
            DType::Bool => self.fold::<bool, i64>(keepdim, 0, |a, v| a + v as i64),
            DType::F32 | DType::F64 => {
                dispatch_float!("sum", self.x.dtype(), T => {
                    let mut out = Buffer::<T>::try_new(self.outer * self.inner)?;
                    let x = self.x.as_slice::<T>()?;
                    reduce::sum_axis(x, self.outer, self.n, self.inner, &mut out);
                    Ok(Tensor::from_buffer(out, self.shape(keepdim)))
                })
            }
            dtype => dispatch_number!("sum", dtype, T => {
                self.fold::<T, i64>(keepdim, 0, |a, v| a.wrapping_add(v.to_i64()))
            }),
        }
    }

    /// An error where a row to be searched is empty.
    pub fn refuse_empty(&self, op: &str, dim: Option<usize>) -> Result<()> {
        if self.n > 0 || self.outer * self.inner == 0 {
            return Ok(());
        }
        Err(Error::index(match dim {
            Some(d) => format!("{op}(): Expected reduction dim {d} to have non-zero size."),
            None => format!(
                "{op}(): Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim with the 'dim' argument."
            ),
        }))
    }

    /// The extreme value of each row and its first position; a nan is the most extreme.
    pub fn extreme(&self, max: bool, keepdim: bool) -> Result<(Tensor, Tensor)> {
        let rows = self.outer * self.inner;
        let mut positions = Buffer::<i64>::try_new(rows)?;
        let shape = self.shape(keepdim);
        let (outer, n, inner) = (self.outer, self.n, self.inner);
        let values = if self.x.dtype() == DType::Bool {
            let mut values = Buffer::<bool>::try_new(rows)?;
            let x = self.x.as_slice::<bool>()?;
            reduce::arg_extreme_axis(x, outer, n, inner, &mut values, &mut positions, |c, b| {
                if max { c & !b } else { b & !c }
            });
            Tensor::from_buffer(values, shape)
        } else {
            dispatch_number!(if max { "max" } else { "min" }, self.x.dtype(), T => {
                let mut values = Buffer::<T>::try_new(rows)?;
                let x = self.x.as_slice::<T>()?;
                reduce::arg_extreme_axis(x, outer, n, inner, &mut values, &mut positions, |c: T, b: T| {
                    !b.is_nan() && (c.is_nan() || if max { c > b } else { c < b })
                });
                Tensor::from_buffer(values, shape)
            })
        };
        let values = values.to_dtype(self.dtype)?;
        Ok((values, Tensor::from_buffer(positions, shape)))
    }
}

/// A gradient (or value) of a reduced shape, broadcast over the reduced dimensions again.
pub(super) fn spread(g: &Tensor, kept: &Shape, shape: &Shape) -> Result<Tensor> {
    g.reshape(kept)?.expand(shape)
}

/// All dimensions of a tensor.
pub(super) fn all_of(x: &Tensor) -> SmallVec<[bool; 6]> {
    smallvec![true; x.rank()]
}
