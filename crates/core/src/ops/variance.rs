//! Variance and standard deviation: over all elements, or over some dimensions.

use pleach_kernels::{Buffer, reduce};
use smallvec::smallvec;

use super::operand::dim_mask;
use super::plan::{Plan, all_of, spread};
use crate::autograd::{Backward, record};
use crate::shape::Shape;
use crate::{Dims, Error, Result, Tensor};

impl Tensor {
    /// The variance of all elements: unbiased (divided by n - 1), so nan for a single one; exactly 0
    /// for equal ones.
    ///
    /// # Errors
    /// If the dtype is not a float type.
    pub fn var(&self) -> Result<Tensor> {
        Spread::new(self, &all_of(self), 1.0, false, true)?.var(self)
    }

    /// The variance over some dimensions, divided by `n - correction`: 1 is unbiased, 0 biased.
    ///
    /// # Errors
    /// If a dimension does not exist or is given twice, or the dtype is not a float type.
    pub fn var_dim(&self, dims: impl Dims, correction: f64, keepdim: bool) -> Result<Tensor> {
        let mask = dim_mask(dims, self.rank())?;
        Spread::new(self, &mask, correction, keepdim, false)?.var(self)
    }

    /// The standard deviation of all elements: the root of [`Tensor::var`]. Its gradient where it is
    /// 0 is 0.
    ///
    /// ```
    /// let x = pleach_core::Tensor::full([7], 0.01).requires_grad_(true)?;
    /// x.std()?.backward()?;
    /// assert_eq!(x.grad().map(|g| g.to_vec::<f32>()).transpose()?, Some(vec![0.0; 7]));
    /// # Ok::<(), pleach_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the dtype is not a float type.
    pub fn std(&self) -> Result<Tensor> {
        Spread::new(self, &all_of(self), 1.0, false, true)?.std(self)
    }

    /// The standard deviation over some dimensions: the root of [`Tensor::var_dim`].
    ///
    /// # Errors
    /// As [`Tensor::var_dim`].
    pub fn std_dim(&self, dims: impl Dims, correction: f64, keepdim: bool) -> Result<Tensor> {
        let mask = dim_mask(dims, self.rank())?;
        Spread::new(self, &mask, correction, keepdim, false)?.std(self)
    }
}

/// How far the values of each row lie from their mean.
struct Spread {
    /// The variances in f64.
    variance: Buffer<f64>,
    shape: Shape,
    slope: Slope,
}

/// The derivative of a variance.
struct Slope {
    x: Tensor,
    /// The mean of each row, with the reduced dimensions kept.
    mean: Tensor,
    /// What the sum of squares is divided by; not positive if there are too few values.
    freedom: f64,
    /// Whether all elements were asked for, without naming dimensions.
    whole: bool,
}

impl Spread {
    fn new(x: &Tensor, mask: &[bool], correction: f64, keepdim: bool, whole: bool) -> Result<Self> {
        if !x.dtype().is_float() {
            return Err(Error::dtype(
                "std and var only support floating point and complex dtypes",
            ));
        }
        let plan = Plan::new(x, mask)?;
        let rows = plan.outer * plan.inner;
        let mut means = Buffer::<f64>::try_zeroed(rows)?;
        let mut squares = Buffer::<f64>::try_zeroed(rows)?;
        let mean = dispatch_float!("var", x.dtype(), T => {
            let values = plan.x.as_slice::<T>()?;
            let (outer, n, inner) = (plan.outer, plan.n, plan.inner);
            reduce::moments_axis(values, outer, n, inner, &mut means, &mut squares);
            let means = means.iter().map(|m| *m as T);
            Tensor::from_buffer(Buffer::<T>::try_from_exact_iter(means)?, &plan.kept)
        });
        // Distances from an infinity have no mean; its sum has.
        let mean = if means.iter().all(|m| m.is_finite()) {
            mean
        } else {
            let plain = plan.sum(true)?.div(plan.n as f64)?;
            Tensor::where_cond(&mean.isfinite()?, &mean, &plain)?
        };
        let freedom = plan.n as f64 - correction;
        let divisor = freedom.max(0.0);
        squares.iter_mut().for_each(|s| *s /= divisor);
        Ok(Spread {
            variance: squares,
            shape: plan.shape(keepdim).clone(),
            slope: Slope {
                x: x.detach(),
                mean,
                freedom,
                whole: whole || x.rank() == 0,
            },
        })
    }

    /// `f` of every variance, in the dtype of `x`.
    fn each(&self, x: &Tensor, f: impl Fn(f64) -> f64) -> Result<Tensor> {
        Ok(dispatch_float!("var", x.dtype(), T => {
            let values = self.variance.iter().map(|v| f(*v) as T);
            Tensor::from_buffer(Buffer::<T>::try_from_exact_iter(values)?, &self.shape)
        }))
    }

    fn var(self, x: &Tensor) -> Result<Tensor> {
        let out = self.each(x, |v| v)?;
        Ok(record(out, &[x], |_| {
            Backward::new("VarBackward0", move |g: &Tensor| {
                Ok(smallvec![Some(self.slope.times(g)?)])
            })
        }))
    }

    fn std(self, x: &Tensor) -> Result<Tensor> {
        let root = self.each(x, f64::sqrt)?;
        Ok(record(root.clone(), &[x], |_| {
            Backward::new("StdBackward0", move |g: &Tensor| {
                let g = g.div(&root.mul(2.0)?)?;
                let g = g.masked_fill(&root.eq(0.0)?, 0.0)?;
                Ok(smallvec![Some(self.slope.times(&g)?)])
            })
        }))
    }
}

impl Slope {
    /// The gradient of the values, from that of the variances.
    fn times(&self, g: &Tensor) -> Result<Tensor> {
        let (kept, shape) = (self.mean.shape_vec(), self.x.shape_vec());
        if self.whole && self.freedom <= 0.0 {
            // 0 / 0 at the mean, a number / 0 elsewhere.
            let at_mean = self.x.eq(&self.mean)?;
            let slope = Tensor::where_cond(&at_mean, f64::NAN, f64::INFINITY)?;
            return g.mul(&slope);
        }
        let g = spread(&g.mul(2.0 / self.freedom)?, &kept, &shape)?;
        g.mul(&self.x.sub(&self.mean)?)
    }
}
