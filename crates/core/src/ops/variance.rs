//! Variance and standard deviation: over all elements, or over some dimensions.

use pleach_kernels::{Buffer, reduce};

use super::plan::{Kind, Over, Plan, kept};
use crate::autograd::{Own, Saved};
use crate::{DType, Dims, Error, Result, Tensor};

/// # Reductions: variances and standard deviations
impl Tensor {
    /// The variance of all elements: unbiased (divided by n - 1), so nan for a single one; exactly 0
    /// for equal ones.
    ///
    /// # Errors
    /// If the dtype is not a float type.
    pub fn var(&self) -> Result<Tensor> {
        self.spread_over(Kind::Var(1.0), Over::all(self))
    }

    /// The variance over some dimensions, divided by `n - correction`: 1 is unbiased, 0 biased.
    ///
    /// # Errors
    /// If a dimension does not exist or is given twice, or the dtype is not a float type.
    pub fn var_dim(&self, dims: impl Dims, correction: f64, keepdim: bool) -> Result<Tensor> {
        let over = Over::dims(self, dims, keepdim)?;
        self.spread_over(Kind::Var(correction), over)
    }

    /// The standard deviation of all elements: the root of [`Tensor::var`]. Its gradient where it is
    /// 0 is 0.
    ///
    /// ```
    /// let x = pleach::Tensor::full([7], 0.01).requires_grad_(true)?;
    /// x.std()?.backward()?;
    /// assert_eq!(x.grad().map(|g| g.to_vec::<f32>()).transpose()?, Some(vec![0.0; 7]));
    /// # Ok::<(), pleach::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the dtype is not a float type.
    pub fn std(&self) -> Result<Tensor> {
        self.spread_over(Kind::Std(1.0), Over::all(self))
    }

    /// The standard deviation over some dimensions: the root of [`Tensor::var_dim`].
    ///
    /// # Errors
    /// As [`Tensor::var_dim`].
    pub fn std_dim(&self, dims: impl Dims, correction: f64, keepdim: bool) -> Result<Tensor> {
        let over = Over::dims(self, dims, keepdim)?;
        self.spread_over(Kind::Std(correction), over)
    }

    /// [`Tensor::var`] and the mean.
    ///
    /// # Errors
    /// If the dtype is not a float type.
    pub fn var_mean(&self) -> Result<(Tensor, Tensor)> {
        self.refuse_spread("var_mean")?;
        Ok((self.var()?, self.mean()?))
    }

    /// [`Tensor::var_dim`] and the mean over the same dimensions.
    ///
    /// ```
    /// let x = pleach::tensor![[1., 3.], [2., 2.]];
    /// let (var, mean) = x.var_mean_dim(1, 0.0, false)?;
    /// assert_eq!(var.to_vec::<f32>()?, [1., 0.]);
    /// assert_eq!(mean.to_vec::<f32>()?, [2., 2.]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Tensor::var_dim`].
    pub fn var_mean_dim(
        &self,
        dims: impl Dims,
        correction: f64,
        keepdim: bool,
    ) -> Result<(Tensor, Tensor)> {
        self.refuse_spread("var_mean")?;
        let dims = &dims.into_dims()[..];
        let var = self.var_dim(dims, correction, keepdim)?;
        Ok((var, self.mean_dim(dims, keepdim)?))
    }

    /// [`Tensor::std`] and the mean.
    ///
    /// # Errors
    /// If the dtype is not a float type.
    pub fn std_mean(&self) -> Result<(Tensor, Tensor)> {
        self.refuse_spread("std_mean")?;
        Ok((self.std()?, self.mean()?))
    }

    /// [`Tensor::std_dim`] and the mean over the same dimensions.
    ///
    /// # Errors
    /// As [`Tensor::var_dim`].
    pub fn std_mean_dim(
        &self,
        dims: impl Dims,
        correction: f64,
        keepdim: bool,
    ) -> Result<(Tensor, Tensor)> {
        self.refuse_spread("std_mean")?;
        let dims = &dims.into_dims()[..];
        let std = self.std_dim(dims, correction, keepdim)?;
        Ok((std, self.mean_dim(dims, keepdim)?))
    }

    fn refuse_spread(&self, op: &str) -> Result<()> {
        match self.dtype().is_float() {
            true => Ok(()),
            false => Err(Error::dtype(format!(
                "{op} only support floating point and complex dtypes"
            ))
            .hint_conversion(self.dtype(), DType::F32)),
        }
    }

    fn spread_over(&self, kind: Kind, over: Over) -> Result<Tensor> {
        if !self.dtype().is_float() {
            return Err(
                Error::dtype("std and var only support floating point and complex dtypes")
                    .hint_conversion(self.dtype(), DType::F32),
            );
        }
        self.reduced(kind, over)
    }
}

/// `f` of the variance of each row. Keeps the means, with the reduced dimensions kept.
pub(super) fn variance(
    x: &Tensor,
    plan: &Plan,
    correction: f64,
    over: &Over,
    f: fn(f64) -> f64,
    own: &mut Own,
) -> Result<Tensor> {
    let (outer, n, inner) = (plan.outer, plan.n, plan.inner);
    let mut means = Buffer::<f64>::try_zeroed(outer * inner)?;
    let mut squares = Buffer::<f64>::try_zeroed(outer * inner)?;
    // Not positive if there are too few values.
    let divisor = (n as f64 - correction).max(0.0);
    let (mean, out) = dispatch_float!("var", plan.x.dtype(), T => {
        let values = plan.x.as_slice::<T>()?;
        reduce::moments_axis(values, outer, n, inner, &mut means, &mut squares);
        let mean = Buffer::<T>::try_from_exact_iter(means.iter().map(|m| *m as T))?;
        let out = squares.iter().map(|s| f(s / divisor) as T);
        let out = Buffer::<T>::try_from_exact_iter(out)?;
        (Tensor::from_buffer(mean, kept(x.shape(), &over.mask)), Tensor::from_buffer(out, &plan.shape))
    });
    // Distances from an infinity have no mean; its sum has.
    own.keep(if means.iter().all(|m| m.is_finite()) {
        mean
    } else {
        let plain = Plan::new(x, &over.mask, true)?.sum()?.div(n as f64)?;
        Tensor::where_cond(&mean.isfinite()?, &mean, &plain)?
    });
    Ok(out)
}

/// The gradient of the values, from that of the variances.
pub(super) fn gradient(
    saved: &Saved<'_>,
    grad: Tensor,
    correction: f64,
    over: &Over,
) -> Result<Tensor> {
    let (x, shape) = (saved.input(0)?, saved.shape(0));
    let mean = match saved.recording() {
        true => x.reduced(Kind::Mean, over.kept())?,
        false => saved.own(0)?,
    };
    let freedom = over.count(shape) as f64 - correction;
    if (!over.named || shape.is_empty()) && freedom <= 0.0 {
        // 0 / 0 at the mean, a number / 0 elsewhere.
        let slope = Tensor::where_cond(&x.eq(&mean)?, f64::NAN, f64::INFINITY)?;
        return grad.mul(&slope);
    }
    over.spread(&grad.mul(2.0 / freedom)?, shape)?
        .mul(&x.sub(&mean)?)
}
