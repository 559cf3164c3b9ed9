//! What reductions share: how the reduced dimensions are brought together.

use pleach_kernels::{Buffer, Number, reduce};
use smallvec::{SmallVec, smallvec};

use super::operand::dim_mask;
use crate::autograd::Attributes;
use crate::shape::Shape;
use crate::{DType, Dims, Element, Error, Result, Tensor};

/// What a reduction makes of its elements.
#[derive(Copy, Clone, Debug, PartialEq)]
pub(super) enum Kind {
    /// Their sum.
    Sum,
    /// The sum of those that are no nan.
    NanSum,
    /// Their mean.
    Mean,
    /// Their product.
    Prod,
    /// The largest of all.
    Max,
    /// The smallest of all.
    Min,
    /// The largest over some dimensions.
    Amax,
    /// The smallest over some dimensions.
    Amin,
    /// The logarithm of the sum of their exponentials.
    LogSumExp,
    /// Their norm of this order.
    Norm(f64),
    /// Their variance with this correction.
    Var(f64),
    /// Their standard deviation with this correction.
    Std(f64),
}

/// The dimensions that a reduction takes together.
#[derive(Clone, Debug)]
pub(super) struct Over {
    /// For each dimension, whether it is reduced.
    pub mask: SmallVec<[bool; 6]>,
    /// Whether the reduced dimensions stay, with size 1.
    pub keepdim: bool,
    /// Whether the caller named dimensions.
    pub named: bool,
}

impl Over {
    /// All dimensions of a tensor.
    pub fn all(x: &Tensor) -> Over {
        Over {
            mask: smallvec![true; x.rank()],
            keepdim: false,
            named: false,
        }
    }

    pub fn dims(x: &Tensor, dims: impl Dims, keepdim: bool) -> Result<Over> {
        Ok(Over {
            mask: dim_mask(dims, x.rank())?,
            keepdim,
            named: true,
        })
    }

    /// The same with the reduced dimensions kept.
    pub fn kept(&self) -> Over {
        Over {
            keepdim: true,
            ..self.clone()
        }
    }

    /// The reduced dimensions.
    pub fn list(&self) -> SmallVec<[i64; 6]> {
        let all = (0..).zip(&self.mask);
        all.filter(|(_, m)| **m).map(|(d, _)| d).collect()
    }

    /// The elements of a tensor of a shape that make one.
    pub fn count(&self, shape: &[usize]) -> usize {
        let all = shape.iter().zip(&self.mask);
        all.filter(|(_, m)| **m).map(|(n, _)| n).product()
    }

    /// A gradient (or value) of the reduced shape, broadcast over the reduced dimensions again.
    pub fn spread(&self, t: &Tensor, shape: &[usize]) -> Result<Tensor> {
        t.reshape(&kept(shape, &self.mask))?.expand(shape)
    }

    pub fn attributes(&self) -> Attributes {
        let dims = self.list();
        vec![("dim", dims[..].into()), ("keepdim", self.keepdim.into())]
    }
}

/// A shape with the reduced dimensions as 1.
pub(super) fn kept(shape: &[usize], mask: &[bool]) -> Shape {
    let all = shape.iter().zip(mask);
    all.map(|(&n, &m)| if m { 1 } else { n }).collect()
}

/// A reduction over some dimensions, seen as `[outer, n, inner]`: the middle is reduced.
pub(super) struct Plan {
    /// The input, arranged so that the reduced dimensions lie together; contiguous, no history.
    /// Small integers are i64 here, half floats f32.
    pub x: Tensor,
    /// The input's dtype.
    pub dtype: DType,
    pub outer: usize,
    pub n: usize,
    pub inner: usize,
    /// The shape of the result.
    pub shape: Shape,
}

impl Plan {
    pub fn new(x: &Tensor, mask: &[bool], keepdim: bool) -> Result<Plan> {
        let (mut outer, mut n, mut inner, mut shape) = (1, 1, 1, Shape::new());
        let (mut behind, mut apart) = (false, false);
        for (i, (&size, &reduced)) in x.shape().iter().zip(mask).enumerate() {
            if reduced {
                apart |= behind;
                n *= size;
            } else if i > 0 && (behind || mask[i - 1]) {
                behind = true;
                inner *= size;
            } else {
                outer *= size;
            }
            if keepdim || !reduced {
                shape.push(if reduced { 1 } else { size });
            }
        }
        let mut x = x.detach();
        if apart {
            let dims = |reduced| (0..mask.len()).filter(move |&d| mask[d] == reduced);
            let order = dims(false).chain(dims(true)).map(|d| d as i64);
            x = x.permute(&order.collect::<SmallVec<[i64; 6]>>()[..])?;
            (outer, inner) = (outer * inner, 1);
        }
        let dtype = x.dtype();
        if dtype.is_small_int() || dtype.is_half() {
            x = x.to_dtype(dtype.comparable())?;
        }
        Ok(Plan {
            x: x.contiguous()?,
            dtype,
            outer,
            n,
            inner,
            shape,
        })
    }

    /// Folds each row from `init`.
    pub fn fold<T: Element, A: Element>(
        &self,
        init: A,
        f: impl Fn(A, T) -> A + Sync + Copy,
    ) -> Result<Tensor> {
        let mut out = Buffer::<A>::try_new(self.outer * self.inner)?;
        let x = self.x.as_slice::<T>()?;
        reduce::fold_axis(x, self.outer, self.n, self.inner, &mut out, init, f);
        Ok(Tensor::from_buffer(out, &self.shape[..]))
    }

    pub fn sum(&self) -> Result<Tensor> {
        match self.x.dtype() {
            DType::Bool => self.fold::<bool, i64>(0, |a, v| a + v as i64),
            DType::I64 => self.fold::<i64, i64>(0, i64::wrapping_add),
            dtype => dispatch_float!("sum", dtype, T => {
                let mut out = Buffer::<T>::try_new(self.outer * self.inner)?;
                let x = self.x.as_slice::<T>()?;
                reduce::sum_axis(x, self.outer, self.n, self.inner, &mut out);
                Ok(Tensor::from_buffer(out, &self.shape[..]))
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
    pub fn extreme(&self, max: bool) -> Result<(Tensor, Tensor)> {
        match self.x.dtype() {
            DType::Bool => self.best(|c: bool, b| if max { c & !b } else { b & !c }),
            dtype => dispatch_number!(if max { "max" } else { "min" }, dtype, T => {
                self.best(|c: T, b| {
                    !b.is_nan() && (c.is_nan() || if max { c > b } else { c < b })
                })
            }),
        }
    }

    /// The first element of each row that none is better than, and its position.
    fn best<T: Element>(
        &self,
        better: impl Fn(T, T) -> bool + Sync + Copy,
    ) -> Result<(Tensor, Tensor)> {
        let (outer, n, inner, shape) = (self.outer, self.n, self.inner, &self.shape[..]);
        let mut values = Buffer::<T>::try_new(outer * inner)?;
        let mut at = Buffer::<i64>::try_new(outer * inner)?;
        let x = self.x.as_slice::<T>()?;
        reduce::arg_extreme_axis(x, outer, n, inner, &mut values, &mut at, better);
        let values = Tensor::from_buffer(values, shape).to_dtype(self.dtype)?;
        Ok((values, Tensor::from_buffer(at, shape)))
    }
}

/// The gradient of an extreme value: the elements equal to it share it, along `dims` (none: all);
/// the others get 0, also of a gradient that is not finite.
pub(super) fn shared_by_hits(
    g: &Tensor,
    x: &Tensor,
    value: &Tensor,
    dims: &[i64],
) -> Result<Tensor> {
    // A nan equals nothing, but is the extreme.
    let hit = x.eq(value)?.logical_or(&x.isnan()?)?;
    let count = hit.to_dtype(g.dtype())?.sum_dim(dims, true)?;
    Tensor::where_cond(&hit, g.div(&count)?, 0.0)
}
