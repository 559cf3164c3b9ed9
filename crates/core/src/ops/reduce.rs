//! Sums, means, variances, products and truth: over all elements, or over some dimensions.

use pleach_kernels::Buffer;
use smallvec::smallvec;

use super::elementwise::zip;
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
        let out = match plan.x.dtype() {
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
                    product_of_others::<T>(plan.x.as_slice()?, plan.outer, plan.n, plan.inner)?
                });
                let others = others.reshape(&shape)?;
                Ok(smallvec![Some(spread(g, &kept, &shape)?.mul(&others)?)])
            })
        }))
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
            let mut out = Buffer::<T>::try_from_slice(x.as_slice()?)?;
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
