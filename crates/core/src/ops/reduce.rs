//! Reductions: over all elements, or over some dimensions.

use pleach_kernels::{Buffer, reduce};
use smallvec::{SmallVec, smallvec};

use super::elementwise::zip;
use super::operand::dim_mask;
use crate::autograd::{Backward, GradFn, InputGrads, record, record_many};
use crate::number::Number;
use crate::shape::{Shape, resolve_dim};
use crate::{DType, Dims, Element, Error, Result, Scalar, Tensor};

/// A reduction over some dimensions, seen as `[outer, n, inner]`: the middle is reduced.
struct Plan {
    /// The input, arranged so that the reduced dimensions lie together; contiguous, no history.
    x: Tensor,
    outer: usize,
    n: usize,
    inner: usize,
    /// The shape of the result, with the reduced dimensions as 1.
    kept: Shape,
    /// The shape of the result without them.
    dropped: Shape,
}

impl Plan {
    fn new(x: &Tensor, mask: &[bool]) -> Result<Plan> {
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
        Ok(Plan {
            x,
            outer,
            n,
            inner,
            kept,
            dropped,
        })
    }

    fn shape(&self, keepdim: bool) -> &Shape {
        if keepdim { &self.kept } else { &self.dropped }
    }

    /// Folds each row from `init`.
    fn fold<T: Element, A: Element>(
        &self,
        keepdim: bool,
        init: A,
        f: impl Fn(A, T) -> A + Sync + Copy,
    ) -> Result<Tensor> {
        let mut out = Buffer::<A>::new(self.outer * self.inner);
        let x = self.x.as_slice::<T>()?;
        reduce::fold_axis(x, self.outer, self.n, self.inner, &mut out, init, f);
        Ok(Tensor::from_buffer(out, self.shape(keepdim)))
    }

    fn sum(&self, keepdim: bool) -> Result<Tensor> {
        match self.x.dtype() {
            DType::Bool => self.fold::<bool, i64>(keepdim, 0, |a, v| a + v as i64),
            DType::F32 | DType::F64 => {
                dispatch_float!("sum", self.x.dtype(), T => {
                    let mut out = Buffer::<T>::new(self.outer * self.inner);
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
    fn refuse_empty(&self, op: &str, dim: Option<usize>) -> Result<()> {
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
    fn extreme(&self, max: bool, keepdim: bool) -> Result<(Tensor, Tensor)> {
        let rows = self.outer * self.inner;
        let mut positions = Buffer::<i64>::new(rows);
        let shape = self.shape(keepdim);
        let (outer, n, inner) = (self.outer, self.n, self.inner);
        let values = if self.x.dtype() == DType::Bool {
            let mut values = Buffer::<bool>::new(rows);
            let x = self.x.as_slice::<bool>()?;
            reduce::arg_extreme_axis(x, outer, n, inner, &mut values, &mut positions, |c, b| {
                if max { c & !b } else { b & !c }
            });
            Tensor::from_buffer(values, shape)
        } else {
            dispatch_number!(if max { "max" } else { "min" }, self.x.dtype(), T => {
                let mut values = Buffer::<T>::new(rows);
                let x = self.x.as_slice::<T>()?;
                reduce::arg_extreme_axis(x, outer, n, inner, &mut values, &mut positions, |c: T, b: T| {
                    !b.is_nan() && (c.is_nan() || if max { c > b } else { c < b })
                });
                Tensor::from_buffer(values, shape)
            })
        };
        Ok((values, Tensor::from_buffer(positions, shape)))
    }
}

/// A gradient (or value) of a reduced shape, broadcast over the reduced dimensions again.
fn spread(g: &Tensor, kept: &Shape, shape: &Shape) -> Result<Tensor> {
    g.reshape(kept)?.expand(shape)
}

/// All dimensions of a tensor.
fn all_of(x: &Tensor) -> SmallVec<[bool; 6]> {
    smallvec![true; x.rank()]
}

/// The backward step of `max(dim)` and its relatives: the gradient goes to one element of a row.
struct PickBackward {
    name: &'static str,
    dim: i64,
    shape: Shape,
    kept: Shape,
    positions: Tensor,
}

impl GradFn for PickBackward {
    fn name(&self) -> &'static str {
        self.name
    }
    fn backward(&self, grads: &[Option<Tensor>]) -> Result<InputGrads> {
        let Some(Some(g)) = grads.first() else {
            return Ok(InputGrads::new());
        };
        if self.shape.is_empty() {
            return Ok(smallvec![Some(g.clone())]);
        }
        let zeros = Tensor::zeros_of(&self.shape, g.dtype());
        let g = g.reshape(&self.kept)?;
        let positions = self.positions.reshape(&self.kept)?;
        Ok(smallvec![Some(zeros.scatter_add(self.dim, &positions, &g)?)])
    }
}

impl Tensor {
    /// The sum of all elements; integers and bools sum as i64.
    ///
    /// ```
    /// assert_eq!(pleach_core::tensor![[1., 2.], [3., 4.]].sum()?.item()?, 10.0);
    /// # Ok::<(), pleach_core::Error>(())
    /// ```
    pub fn sum(&self) -> Result<Tensor> {
        self.sum_over(&all_of(self), false, "SumBackward0")
    }

    /// The sum over some dimensions.
    ///
    /// # Errors
    /// If a dimension does not exist or is given twice.
    pub fn sum_dim(&self, dims: impl Dims, keepdim: bool) -> Result<Tensor> {
        self.sum_over(&dim_mask(dims, self.rank())?, keepdim, "SumBackward1")
    }

    fn sum_over(&self, mask: &[bool], keepdim: bool, name: &'static str) -> Result<Tensor> {
        let plan = Plan::new(self, mask)?;
        let out = plan.sum(keepdim)?;
        let shape = self.shape_vec();
        Ok(record(out, &[self], |_| {
            let kept = plan.kept.clone();
            Backward::stateless(name, move |g: &Tensor| {
                Ok(smallvec![Some(spread(g, &kept, &shape)?)])
            })
        }))
    }

    /// The mean of all elements.
    ///
    /// # Errors
    /// If the dtype is not a float type.
    pub fn mean(&self) -> Result<Tensor> {
        self.mean_over(&all_of(self), false, "MeanBackward0")
    }

    /// The mean over some dimensions.
    ///
    /// # Errors
    /// If a dimension does not exist or is given twice, or the dtype is not a float type.
    pub fn mean_dim(&self, dims: impl Dims, keepdim: bool) -> Result<Tensor> {
        self.mean_over(&dim_mask(dims, self.rank())?, keepdim, "MeanBackward1")
    }

    fn mean_over(&self, mask: &[bool], keepdim: bool, name: &'static str) -> Result<Tensor> {
        if !self.dtype().is_float() {
            return Err(Error::dtype(format!(
                "mean(): could not infer output dtype. Input dtype must be either a floating point or complex dtype. Got: {}",
                self.dtype().torch_name()
            )));
        }
        let plan = Plan::new(self, mask)?;
        let n = plan.n as f64;
        let out = plan.sum(keepdim)?.div(n)?;
        let shape = self.shape_vec();
        Ok(record(out, &[self], |_| {
            let kept = plan.kept.clone();
            Backward::stateless(name, move |g: &Tensor| {
                Ok(smallvec![Some(spread(&g.div(n)?, &kept, &shape)?)])
            })
        }))
    }

    /// The variance of all elements: unbiased (divided by n - 1), so nan for a single one.
    ///
    /// # Errors
    /// If the dtype is not a float type.
    pub fn var(&self) -> Result<Tensor> {
        self.var_over(&all_of(self), 1.0, false)
    }

    /// The variance over some dimensions, divided by `n - correction`: 1 is unbiased, 0 biased.
    ///
    /// # Errors
    /// If a dimension does not exist or is given twice, or the dtype is not a float type.
    pub fn var_dim(&self, dims: impl Dims, correction: f64, keepdim: bool) -> Result<Tensor> {
        self.var_over(&dim_mask(dims, self.rank())?, correction, keepdim)
    }

    fn var_over(&self, mask: &[bool], correction: f64, keepdim: bool) -> Result<Tensor> {
        if !self.dtype().is_float() {
            return Err(Error::dtype(
                "std and var only support floating point and complex dtypes",
            ));
        }
        let plan = Plan::new(self, mask)?;
        let freedom = (plan.n as f64 - correction).max(0.0);
        let mean = plan.sum(true)?.div(plan.n as f64)?;
        let centred = self.detach().sub(&mean)?;
        let out = Plan::new(&centred.mul(&centred)?, mask)?
            .sum(keepdim)?
            .div(freedom)?;
        let shape = self.shape_vec();
        Ok(record(out, &[self], |_| {
            let kept = plan.kept.clone();
            Backward::new("VarBackward0", move |g: &Tensor| {
                let g = spread(&g.mul(2.0 / freedom)?, &kept, &shape)?;
                Ok(smallvec![Some(g.mul(&centred)?)])
            })
        }))
    }

    /// The standard deviation of all elements: the root of [`Tensor::var`].
    ///
    /// # Errors
    /// If the dtype is not a float type.
    pub fn std(&self) -> Result<Tensor> {
        root_of_variance(self.var()?)
    }

    /// The standard deviation over some dimensions: the root of [`Tensor::var_dim`].
    ///
    /// # Errors
    /// As [`Tensor::var_dim`].
    pub fn std_dim(&self, dims: impl Dims, correction: f64, keepdim: bool) -> Result<Tensor> {
        root_of_variance(self.var_dim(dims, correction, keepdim)?)
    }

    /// The product of all elements; integers multiply as i64.
    ///
    /// # Errors
    /// If the dtype does not compute.
    pub fn prod(&self) -> Result<Tensor> {
        let flat = self.reshape([-1i64])?;
        flat.prod_over(0, false, "ProdBackward0")
    }

    /// The product along a dimension.
    ///
    /// # Errors
    /// If the dimension does not exist.
    pub fn prod_dim(&self, dim: i64, keepdim: bool) -> Result<Tensor> {
        self.prod_over(dim, keepdim, "ProdBackward1")
    }

    fn prod_over(&self, dim: i64, keepdim: bool, name: &'static str) -> Result<Tensor> {
        let mask = dim_mask(dim, self.rank())?;
        let plan = Plan::new(self, &mask)?;
        let out = match self.dtype() {
            DType::Bool => plan.fold::<bool, i64>(keepdim, 1, |a, v| a * v as i64)?,
            DType::F32 => plan.fold::<f32, f32>(keepdim, 1.0, |a, v| a * v)?,
            DType::F64 => plan.fold::<f64, f64>(keepdim, 1.0, |a, v| a * v)?,
            dtype => dispatch_number!("prod", dtype, T => {
                plan.fold::<T, i64>(keepdim, 1, |a, v| a.wrapping_mul(v.to_i64()))?
            }),
        };
        let shape = self.shape_vec();
        Ok(record(out, &[self], |_| {
            let kept = plan.kept.clone();
            Backward::new(name, move |g: &Tensor| {
                let others = dispatch_float!("prod", plan.x.dtype(), T => {
                    product_of_others::<T>(plan.x.as_slice()?, plan.outer, plan.n, plan.inner)
                });
                let others = others.reshape(&shape)?;
                Ok(smallvec![Some(spread(g, &kept, &shape)?.mul(&others)?)])
            })
        }))
    }

    /// The largest element; nan if there is one. Equal ones share the gradient.
    ///
    /// # Errors
    /// If there are no elements.
    pub fn max(&self) -> Result<Tensor> {
        self.extreme_over("max", true, &all_of(self), false, "MaxBackward1")
    }

    /// The smallest element; nan if there is one. Equal ones share the gradient.
    ///
    /// # Errors
    /// If there are no elements.
    pub fn min(&self) -> Result<Tensor> {
        self.extreme_over("min", false, &all_of(self), false, "MinBackward1")
    }

    /// The largest element over some dimensions. Equal ones share the gradient.
    ///
    /// # Errors
    /// If a dimension does not exist, or there is nothing to choose from.
    pub fn amax(&self, dims: impl Dims, keepdim: bool) -> Result<Tensor> {
        let mask = dim_mask(dims, self.rank())?;
        self.extreme_over("amax", true, &mask, keepdim, "AmaxBackward0")
    }

    /// The smallest element over some dimensions. Equal ones share the gradient.
    ///
    /// # Errors
    /// If a dimension does not exist, or there is nothing to choose from.
    pub fn amin(&self, dims: impl Dims, keepdim: bool) -> Result<Tensor> {
        let mask = dim_mask(dims, self.rank())?;
        self.extreme_over("amin", false, &mask, keepdim, "AminBackward0")
    }

    fn extreme_over(
        &self,
        op: &str,
        max: bool,
        mask: &[bool],
        keepdim: bool,
        name: &'static str,
    ) -> Result<Tensor> {
        let plan = Plan::new(self, mask)?;
        plan.refuse_empty(op, None)?;
        let out = plan.extreme(max, keepdim)?.0;
        let shape = self.shape_vec();
        let (x, value) = (self.detach(), out.detach());
        Ok(record(out, &[self], |_| {
            let kept = plan.kept.clone();
            Backward::new(name, move |g: &Tensor| {
                let value = spread(&value, &kept, &shape)?;
                // A nan equals nothing, but is the extreme.
                let hit = x.eq(&value)?.logical_or(&x.isnan()?)?.to_dtype(g.dtype())?;
                let mut count = hit.clone();
                for d in 0..shape.len() {
                    if kept[d] == 1 {
                        count = count.sum_dim(d as i64, true)?;
                    }
                }
                let g = spread(g, &kept, &shape)?;
                Ok(smallvec![Some(g.mul(&hit)?.div(&count)?)])
            })
        }))
    }

    /// The largest element along a dimension and its first position. The gradient goes to that
    /// position alone.
    ///
    /// # Errors
    /// If the dimension does not exist or is empty.
    pub fn max_dim(&self, dim: i64, keepdim: bool) -> Result<(Tensor, Tensor)> {
        self.extreme_dim("max", true, dim, keepdim, "MaxBackward0")
    }

    /// The smallest element along a dimension and its first position. The gradient goes to that
    /// position alone.
    ///
    /// # Errors
    /// If the dimension does not exist or is empty.
    pub fn min_dim(&self, dim: i64, keepdim: bool) -> Result<(Tensor, Tensor)> {
        self.extreme_dim("min", false, dim, keepdim, "MinBackward0")
    }

    fn extreme_dim(
        &self,
        op: &str,
        max: bool,
        dim: i64,
        keepdim: bool,
        name: &'static str,
    ) -> Result<(Tensor, Tensor)> {
        let d = resolve_dim(dim, self.rank())?;
        let plan = Plan::new(self, &dim_mask(dim, self.rank())?)?;
        plan.refuse_empty(op, Some(d))?;
        let (values, positions) = plan.extreme(max, keepdim)?;
        Ok(self.picked(name, d, values, positions, plan.kept))
    }

    /// Records an operation that picks one element of each row of dimension `dim`.
    pub(crate) fn picked(
        &self,
        name: &'static str,
        dim: usize,
        values: Tensor,
        positions: Tensor,
        kept: Shape,
    ) -> (Tensor, Tensor) {
        let saved = positions.clone();
        let mut outputs = record_many(vec![values, positions], &[self], |_| PickBackward {
            name,
            dim: dim as i64,
            shape: self.shape_vec(),
            kept,
            positions: saved,
        })
        .into_iter();
        let (Some(values), Some(positions)) = (outputs.next(), outputs.next()) else {
            unreachable!("record_many returns as many outputs as it is given")
        };
        (values, positions)
    }

    /// The first position of the largest element, in row-major order.
    ///
    /// # Errors
    /// If there are no elements.
    pub fn argmax(&self) -> Result<Tensor> {
        self.arg_extreme("argmax", true, None, false)
    }

    /// The first position of the smallest element, in row-major order.
    ///
    /// # Errors
    /// If there are no elements.
    pub fn argmin(&self) -> Result<Tensor> {
        self.arg_extreme("argmin", false, None, false)
    }

    /// The first position of the largest element along a dimension.
    ///
    /// # Errors
    /// If the dimension does not exist or is empty.
    pub fn argmax_dim(&self, dim: i64, keepdim: bool) -> Result<Tensor> {
        self.arg_extreme("argmax", true, Some(dim), keepdim)
    }

    /// The first position of the smallest element along a dimension.
    ///
    /// # Errors
    /// If the dimension does not exist or is empty.
    pub fn argmin_dim(&self, dim: i64, keepdim: bool) -> Result<Tensor> {
        self.arg_extreme("argmin", false, Some(dim), keepdim)
    }

    fn arg_extreme(
        &self,
        op: &str,
        max: bool,
        dim: Option<i64>,
        keepdim: bool,
    ) -> Result<Tensor> {
        let (mask, d) = match dim {
            None => (all_of(self), None),
            Some(dim) => (
                dim_mask(dim, self.rank())?,
                Some(resolve_dim(dim, self.rank())?),
            ),
        };
        let plan = Plan::new(self, &mask)?;
        if plan.n == 0 && d.is_none() {
            return Err(Error::index(format!(
                "{op}(): Expected reduction dim to be specified for input.numel() == 0."
            )));
        }
        plan.refuse_empty(op, d)?;
        Ok(plan.extreme(max, keepdim)?.1)
    }

    /// Whether every element is non-zero.
    pub fn all(&self) -> Result<Tensor> {
        self.truth(&all_of(self), false, true)
    }

    /// Whether any element is non-zero.
    pub fn any(&self) -> Result<Tensor> {
        self.truth(&all_of(self), false, false)
    }

    /// Whether every element along some dimensions is non-zero.
    ///
    /// # Errors
    /// If a dimension does not exist.
    pub fn all_dim(&self, dims: impl Dims, keepdim: bool) -> Result<Tensor> {
        self.truth(&dim_mask(dims, self.rank())?, keepdim, true)
    }

    /// Whether any element along some dimensions is non-zero.
    ///
    /// # Errors
    /// If a dimension does not exist.
    pub fn any_dim(&self, dims: impl Dims, keepdim: bool) -> Result<Tensor> {
        self.truth(&dim_mask(dims, self.rank())?, keepdim, false)
    }

    fn truth(&self, mask: &[bool], keepdim: bool, all: bool) -> Result<Tensor> {
        let plan = Plan::new(&self.detach().to_dtype(DType::Bool)?, mask)?;
        plan.fold::<bool, bool>(keepdim, all, move |a, v| if all { a & v } else { a | v })
    }

    /// `ln(Σ exp(x))` over some dimensions, without overflow.
    ///
    /// # Errors
    /// If a dimension does not exist, or the dtype is not a float type.
    pub fn logsumexp(&self, dims: impl Dims, keepdim: bool) -> Result<Tensor> {
        let mask = dim_mask(dims, self.rank())?;
        let plan = Plan::new(self, &mask)?;
        let x = self.detach();
        // The largest element, or 0 where that is infinite, so that inf - inf does not arise.
        let top = if plan.n == 0 {
            Tensor::zeros_of(&plan.kept, self.dtype())
        } else {
            let top = plan.extreme(true, true)?.0;
            Tensor::where_cond(&top.isfinite()?, &top, 0.0)?
        };
        let sum = Plan::new(&x.sub(&top)?.exp()?, &mask)?.sum(true)?;
        let out = sum.log()?.add(&top)?.reshape(plan.shape(keepdim))?;
        let shape = self.shape_vec();
        Ok(record(out.clone(), &[self], |_| {
            let kept = plan.kept.clone();
            Backward::new("LogsumexpBackward0", move |g: &Tensor| {
                let share = x.sub(&spread(&out, &kept, &shape)?)?.exp()?;
                Ok(smallvec![Some(spread(g, &kept, &shape)?.mul(&share)?)])
            })
        }))
    }

    /// The Euclidean norm of all elements; its gradient at 0 is 0.
    ///
    /// # Errors
    /// If the dtype is not a float type.
    pub fn norm(&self) -> Result<Tensor> {
        self.norm_over(2.0, &all_of(self), false)
    }

    /// The p-norm `(Σ |x|^p)^(1/p)` over some dimensions; p may be 0 (count), infinite (largest)
    /// or negative infinite (smallest). No dimensions means all.
    ///
    /// # Errors
    /// If a dimension does not exist, or the dtype is not a float type.
    pub fn norm_dim(&self, p: f64, dims: impl Dims, keepdim: bool) -> Result<Tensor> {
        self.norm_over(p, &dim_mask(dims, self.rank())?, keepdim)
    }

    fn norm_over(&self, p: f64, mask: &[bool], keepdim: bool) -> Result<Tensor> {
        if !self.dtype().is_float() {
            return Err(Error::dtype(format!(
                "linalg.vector_norm: Expected a floating point or complex tensor as input. Got {}",
                self.dtype().torch_name()
            )));
        }
        let plan = Plan::new(self, mask)?;
        let x = self.detach();
        let total = |t: &Tensor| Plan::new(t, mask)?.sum(keepdim);
        let size = x.abs()?;
        let out = if p == 2.0 {
            total(&x.mul(&x)?)?.sqrt()?
        } else if p == 1.0 {
            total(&size)?
        } else if p == 0.0 {
            total(&x.ne(0.0)?.to_dtype(x.dtype())?)?
        } else if p.is_infinite() {
            let plan = Plan::new(&size, mask)?;
            plan.refuse_empty("linalg.vector_norm", None)?;
            plan.extreme(p > 0.0, keepdim)?.0
        } else {
            total(&size.pow(p)?)?.pow(1.0 / p)?
        };
        let shape = self.shape_vec();
        let norm = out.clone();
        Ok(record(out, &[self], |_| {
            let kept = plan.kept.clone();
            Backward::new("LinalgVectorNormBackward0", move |g: &Tensor| {
                let g = spread(g, &kept, &shape)?;
                let norm = spread(&norm, &kept, &shape)?;
                let slope = if p == 2.0 {
                    x.div(&norm)?
                } else if p == 1.0 {
                    x.sign()?
                } else if p == 0.0 {
                    x.zeros_like()
                } else if p.is_infinite() {
                    let hit = size.eq(&norm)?.to_dtype(x.dtype())?;
                    let mut count = hit.clone();
                    for d in (0..shape.len()).filter(|d| kept[*d] == 1) {
                        count = count.sum_dim(d as i64, true)?;
                    }
                    x.sign()?.mul(&hit)?.div(&count)?
                } else {
                    x.sign()?
                        .mul(&size.pow(p - 1.0)?)?
                        .div(&norm.pow(p - 1.0)?)?
                };
                let slope = slope.masked_fill(&norm.eq(0.0)?, 0.0)?;
                Ok(smallvec![Some(g.mul(&slope)?)])
            })
        }))
    }

    /// Running sums along a dimension; integers and bools sum as i64.
    ///
    /// # Errors
    /// If the dimension does not exist.
    pub fn cumsum(&self, dim: i64) -> Result<Tensor> {
        let plan = Plan::new(self, &dim_mask(dim, self.rank())?)?;
        let x = if self.dtype().is_float() {
            plan.x.clone()
        } else {
            plan.x.to_dtype(DType::I64)?
        };
        let out = dispatch_number!("cumsum", x.dtype(), T => {
            let mut out = Buffer::<T>::from_slice(x.as_slice()?);
            let row = plan.inner;
            for block in out.chunks_mut((plan.n * row).max(1)) {
                for i in row..block.len() {
                    block[i] = block[i].add(block[i - row]);
                }
            }
            Tensor::from_buffer(out, self.shape())
        });
        Ok(record(out, &[self], |_| {
            Backward::stateless("CumsumBackward0", move |g: &Tensor| {
                Ok(smallvec![Some(g.flip(dim)?.cumsum(dim)?.flip(dim)?)])
            })
        }))
    }
}

/// The square root of a variance, under the name that PyTorch prints. Its gradient where the
/// deviation is 0 is 0.
fn root_of_variance(variance: Tensor) -> Result<Tensor> {
    let root = variance.detach().sqrt()?;
    Ok(record(root.clone(), &[&variance], |_| {
        Backward::new("StdBackward0", move |g: &Tensor| {
            Ok(smallvec![Some(dispatch_float!("std", g.dtype(), T => {
                zip(g, &root, |g: T, r: T| if r == 0.0 { 0.0 } else { g / (r + r) })?
            }))])
        })
    }))
}

/// For each element the product of the others in its row: right also where some are zero.
fn product_of_others<T: Number>(x: &[T], outer: usize, n: usize, inner: usize) -> Tensor {
    let mut out = Buffer::<T>::full(x.len(), Scalar::Int(1).to());
    for o in 0..outer {
        for i in 0..inner {
            let at = |k: usize| (o * n + k) * inner + i;
            let mut before = T::ONE;
            for k in 0..n {
                out[at(k)] = before;
                before = before.mul(x[at(k)]);
            }
            let mut after = T::ONE;
            for k in (0..n).rev() {
                out[at(k)] = out[at(k)].mul(after);
                after = after.mul(x[at(k)]);
            }
        }
    }
    Tensor::from_buffer(out, [x.len()])
}
