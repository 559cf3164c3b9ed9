//! Negative log-likelihood under normal distributions.

use std::f64::consts::PI;

use pleach_core::{Error, Result, Tensor, no_grad};

use super::Reduction;
use super::loss_options::loss_options;
use crate::arguments::{Arguments, Tensors};
use crate::setters::{given, setters};

/// The variance in [`gaussian_nll_loss`]: a number, or a tensor.
#[derive(Debug, Clone, Copy)]
pub enum Variance<'a> {
    /// One for all elements.
    Number(f64),
    /// One for each element, or for each sample: the input's shape, or without its last dimension, or
    /// with one dimension of size 1.
    Tensor(&'a Tensor),
}

impl From<f64> for Variance<'_> {
    fn from(number: f64) -> Self {
        Variance::Number(number)
    }
}

impl<'a> From<&'a Tensor> for Variance<'a> {
    fn from(tensor: &'a Tensor) -> Self {
        Variance::Tensor(tensor)
    }
}

impl<'a> Arguments<'a> for Variance<'a> {
    type At<'b> = Variance<'b>;
    fn tensors(self, all: &mut Tensors<'a>) {
        if let Variance::Tensor(tensor) = self {
            tensor.tensors(all);
        }
    }
    fn with_tensors<'b>(self, new: &mut &'b [Tensor]) -> Result<Variance<'b>>
    where
        'a: 'b,
    {
        match self {
            Variance::Number(number) => Ok(Variance::Number(number)),
            Variance::Tensor(tensor) => tensor.with_tensors(new).map(Variance::Tensor),
        }
    }
}

/// `(ln v + (input - target)² / v) / 2` with `v = max(var, eps)`, reduced. `full` adds `ln(2π) / 2`.
/// The bound is no part of the gradient.
///
/// Shapes: input and target the same, or broadcast together; `var` a number, the input's shape, or
/// that without its last dimension or with one dimension of size 1; the result is 0-d, or of the
/// input's shape without reduction.
///
/// # Errors
/// If shapes do not fit, a variance is negative, or a string is unknown.
///
/// ```
/// use pleach::tensor;
/// use pleach::nn::functional as F;
/// let (x, y) = (tensor![[1.0, 3.0]], tensor![[1.0, 1.0]]);
/// let loss = F::gaussian_nll_loss(&x, &y, 1.0, Default::default())?;
/// assert_eq!(loss.item()?, 1.0);
/// let loss = F::gaussian_nll_loss(&x, &y, &tensor![1.0], Default::default())?; // of the sample
/// assert_eq!(loss.item()?, 1.0);
/// # Ok::<(), pleach::Error>(())
/// ```
pub fn gaussian_nll_loss<'a>(
    input: &Tensor,
    target: &Tensor,
    var: impl Into<Variance<'a>>,
    options: GaussianNllLossOptions<'_>,
) -> Result<Tensor> {
    let negative = || Error::value("var has negative entry/entries");
    let var = match var.into() {
        Variance::Number(number) if number < 0.0 => return Err(negative()),
        Variance::Number(number) => input.try_ones_like()?.mul(number)?,
        Variance::Tensor(var) if var.detach().lt(0)?.any()?.item()? != 0.0 => {
            return Err(negative());
        }
        Variance::Tensor(var) => fitting(var, input)?,
    };
    // PyTorch has other words for it here than elsewhere.
    let reduction: Reduction = options.reduction.map_err(|e| {
        let text = e.kind().to_string();
        Error::value(text.replace(" a valid value for reduction", " valid"))
    })?;
    let mut var = var.copy()?;
    no_grad(|| var.clamp_(options.eps, None).map(drop))?;
    let squares = input.sub(target)?.pow(2)?;
    let mut loss = var.log()?.add(&squares.div(&var)?)?.mul(0.5)?;
    if options.full {
        loss = loss.add(0.5 * (2.0 * PI).ln())?;
    }
    reduction.of(&loss)
}

/// The variance with the dimensions of the input.
fn fitting(var: &Tensor, input: &Tensor) -> Result<Tensor> {
    let (v, x) = (var.shape(), input.shape());
    if v == x {
        return Ok(var.clone());
    }
    if x.split_last().is_some_and(|(_, lead)| lead == v) {
        return var.unsqueeze(-1);
    }
    let different = v.iter().zip(x).filter(|(v, x)| v != x).map(|(v, _)| v);
    match v.len() == x.len() && different.sum::<usize>() == 1 {
        true => Ok(var.clone()),
        false => Err(Error::value("var is of incorrect size")),
    }
}

loss_options! {
    /// What [`gaussian_nll_loss`] takes beside its tensors.
    GaussianNllLossOptions<'a> {
        weights {}
        values {
            /// Whether the constant part is added (no, by default).
            full: bool = false;
            /// The least variance (1e-6 by default).
            eps: f64 = 1e-6;
        }
    }
}
