//! Covariances and correlations.

use crate::{DType, Error, Result, Tensor};

/// # Statistics
impl Tensor {
    /// The covariances of variables (the rows) over observations (the columns), divided by the sum of
    /// the weights less `correction`; of one variable its variance, as a number. `fweights` say how often each
    /// observation counts, `aweights` how much. PyTorch's defaults are `correction = 1` and no weights.
    ///
    /// ```
    /// let x = pleach::tensor![[0., 1., 2.], [2., 1., 0.]];
    /// assert_eq!(x.cov(1, None, None)?.to_vec::<f32>()?, [1., -1., -1., 1.]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the tensor has more than two dimensions or is bool, or the weights are not one number of the right type for each
    /// observation, are negative, or sum to zero.
    pub fn cov(
        &self,
        correction: i64,
        fweights: Option<&Tensor>,
        aweights: Option<&Tensor>,
    ) -> Result<Tensor> {
        if self.rank() > 2 {
            return Err(Error::shape(format!(
                "cov(): expected input to have two or fewer dimensions but got an input with {} dimensions",
                self.rank()
            )));
        }
        if self.dtype() == DType::Bool {
            return Err(Error::dtype("cov(): bool dtype is not supported for input"));
        }
        let x = match self.rank() {
            2 => self.clone(),
            _ => self.reshape([1, self.numel()])?,
        };
        let count = x.shape()[1];
        for (name, weights) in [("fweights", fweights), ("aweights", aweights)] {
            weights.map_or(Ok(()), |w| check_weights(name, w, count))?;
        }
        let weights = match (fweights, aweights) {
            (Some(f), Some(a)) => Some(f.mul(a)?),
            (f, a) => f.or(a).cloned(),
        };
        let weighted = |x: &Tensor| match &weights {
            Some(w) => x.mul(w),
            None => Ok(x.clone()),
        };
        let total = match &weights {
            Some(w) => w.sum()?,
            None => Tensor::scalar(count as i64),
        };
        if weights.is_some() && total.item()? == 0.0 {
            return Err(Error::value(
                "cov(): weights sum to zero, can't be normalized",
            ));
        }
        let mean = weighted(&x)?.sum_dim(1, true)?.div(&total)?;
        let mut freedom = match (&weights, aweights) {
            (Some(w), Some(a)) if correction != 0 => {
                let squares = w.mul(a)?.sum()?.mul(correction)?;
                total.sub(&squares.div(&total)?)?
            }
            _ => total.sub(correction)?,
        };
        if freedom.item()? <= 0.0 {
            log::warn!(
                "cov(): degrees of freedom is <= 0. Correction should be strictly less than the number of observations."
            );
            freedom = freedom.try_zeros_like()?;
        }
        let x = x.sub(&mean)?;
        let products = x.matmul(&weighted(&x)?.t()?)?;
        Ok(products.div(&freedom)?.squeeze())
    }

    /// Pearson's correlations of variables (the rows) over observations (the columns).
    ///
    /// ```
    /// let x = pleach::tensor![[0., 1., 2.], [4., 2., 0.]];
    /// assert_eq!(x.corrcoef()?.to_vec::<f32>()?, [1., -1., -1., 1.]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the tensor has more than two dimensions or is bool.
    pub fn corrcoef(&self) -> Result<Tensor> {
        if self.rank() > 2 {
            return Err(Error::shape(format!(
                "corrcoef(): expected input to have two or fewer dimensions but got an input with {} dimensions",
                self.rank()
            )));
        }
        let covariances = self.cov(1, None, None)?;
        if covariances.rank() == 0 {
            return covariances.div(&covariances);
        }
        let deviations = covariances.diagonal(0)?.sqrt()?;
        let rows = covariances.div(&deviations.unsqueeze(1)?)?;
        rows.div(&deviations)?.clamp(-1.0, 1.0)
    }
}

fn check_weights(name: &str, weights: &Tensor, count: usize) -> Result<()> {
    if weights.rank() > 1 {
        return Err(Error::shape(format!(
            "cov(): expected {name} to have one or fewer dimensions but got {name} with {} dimensions",
            weights.rank()
        )));
    }
    let (fits, kind) = match name {
        "fweights" => (weights.dtype().category() == 1, "integral"),
        _ => (weights.dtype().is_float(), "floating point"),
    };
    if !fits {
        return Err(Error::dtype(format!(
            "cov(): expected {name} to have {kind} dtype but got {name} with {} dtype",
            weights.dtype().torch_name()
        )));
    }
    if weights.numel() != count {
        return Err(Error::shape(format!(
            "cov(): expected {name} to have the same numel as there are observations in the input but got {} != {count}",
            weights.numel()
        )));
    }
    if count > 0 && weights.detach().lt(0.0)?.any()?.item()? != 0.0 {
        return Err(Error::value(format!("cov(): {name} cannot be negative")));
    }
    Ok(())
}
