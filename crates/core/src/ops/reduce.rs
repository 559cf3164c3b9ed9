//! Sums, means, products and truth: over all elements, or over some dimensions.

use pleach_kernels::{Buffer, reduce};
use smallvec::smallvec;

use super::operand::dim_mask;
use super::plan::{Plan, all_of, spread};
use crate::autograd::{Backward, record};
use crate::number::Number;
use crate::{DType, Dims, Element, Error, Result, Tensor};

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
        let out = match plan.x.dtype() {
            DType::Bool => plan.fold::<bool, i64>(keepdim, 1, |a, v| a * v as i64)?,
            DType::F32 => plan.fold::<f32, f32>(keepdim, 1.0, |a, v| a * v)?,
            DType::F64 => plan.fold::<f64, f64>(keepdim, 1.0, |a, v| a * v)?,
            dtype => dispatch_number!("prod", dtype, T => {
                plan.fold::<T, i64>(keepdim, 1, |a, v| a.wrapping_mul(v.to_i64()))?
            }),
        };
        let shape = self.shape_vec();
        Ok(record(out.clone(), &[self], |_| {
            let kept = plan.kept.clone();
            Backward::new(name, move |g: &Tensor| {
                if plan.n == 1 {
                    // Nothing is multiplied.
                    return Ok(smallvec![Some(g.reshape(&shape)?)]);
                }
                let g = spread(g, &kept, &shape)?;
                let x = plan.x.reshape(&shape)?;
                let zeros = x.eq(0.0)?.sum_dim(dim, true)?;
                if zeros.sum()?.item_i64()? == 0 {
                    let product = spread(&out, &kept, &shape)?;
                    return Ok(smallvec![Some(g.mul(&product.div(&x)?)?)]);
                }
                let others = dispatch_float!("prod", plan.x.dtype(), T => {
                    product_of_others::<T>(plan.x.as_slice()?, plan.outer, plan.n, plan.inner)?
                });
                let dx = g.mul(&others.reshape(&shape)?)?;
                // Two zeros leave nothing, of whatever gradient.
                let flat = zeros.gt(1)?.broadcast_to(&shape)?;
                Ok(smallvec![Some(dx.masked_fill(&flat, 0.0)?)])
            })
        }))
    }

    /// Whether every element is non-zero: a bool, of a u8 tensor a u8.
    pub fn all(&self) -> Result<Tensor> {
        self.truth(&all_of(self), false, true)
    }

    /// Whether any element is non-zero: a bool, of a u8 tensor a u8.
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
        let out =
            plan.fold::<bool, bool>(keepdim, all, move |a, v| if all { a & v } else { a | v })?;
        match self.dtype() {
            DType::U8 => out.to_dtype(DType::U8),
            _ => Ok(out),
        }
    }

    /// Running sums along a dimension, kept in f64; integers and bools sum as i64.
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
        let (outer, n, inner) = (plan.outer, plan.n, plan.inner);
        let out = match x.dtype() {
            DType::F32 | DType::F64 => dispatch_float!("cumsum", x.dtype(), T => {
                let mut out = Buffer::<T>::try_new(x.numel())?;
                reduce::cumsum_axis(x.as_slice::<T>()?, outer, n, inner, &mut out);
                Tensor::from_buffer(out, self.shape())
            }),
            dtype => dispatch_number!("cumsum", dtype, T => {
                let mut out = Buffer::<T>::try_from_slice(x.as_slice()?)?;
                for block in out.chunks_mut((n * inner).max(1)) {
                    for i in inner..block.len() {
                        block[i] = block[i].add(block[i - inner]);
                    }
                }
                Tensor::from_buffer(out, self.shape())
            }),
        };
        Ok(record(out, &[self], |_| {
            Backward::stateless("CumsumBackward0", move |g: &Tensor| {
                Ok(smallvec![Some(g.flip(dim)?.cumsum(dim)?.flip(dim)?)])
            })
        }))
    }
}

/// For each element the product of the others in its row: right also where some are zero.
fn product_of_others<T: Number>(x: &[T], outer: usize, n: usize, inner: usize) -> Result<Tensor> {
    let mut out = Buffer::<T>::try_full(x.len(), T::ONE)?;
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
    Ok(Tensor::from_buffer(out, [x.len()]))
}
