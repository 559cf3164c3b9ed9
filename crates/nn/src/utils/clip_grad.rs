//! Gradients clipped before a step.

use pleach_core::print::python_float;
use pleach_core::{Error, Parameter, Result, Tensor, no_grad};

use crate::setters::setters;

/// How [`clip_grad_norm_`] clips; a number converts into one with that norm and PyTorch's defaults.
#[derive(Debug, Clone)]
#[must_use]
pub struct ClipGradNorm {
    max_norm: f64,
    norm_type: f64,
    error_if_nonfinite: bool,
}

impl ClipGradNorm {
    /// A largest norm, in PyTorch's way: the 2-norm, and no error.
    pub fn new(max_norm: f64) -> Self {
        ClipGradNorm {
            max_norm,
            norm_type: 2.0,
            error_if_nonfinite: false,
        }
    }

    setters! {
        |options| options;
        /// The p of the p-norm (2 by default); `f64::INFINITY` is the largest element.
        norm_type: f64 = norm_type;
        /// Whether a norm that is infinite or no number is an error (no, by default).
        error_if_nonfinite: bool = error_if_nonfinite;
    }
}

impl From<f64> for ClipGradNorm {
    fn from(max_norm: f64) -> Self {
        ClipGradNorm::new(max_norm)
    }
}

/// Scales all gradients so that their common norm, as if they were one vector, is at most `max_norm`,
/// and returns the norm before, a tensor without dimensions.
///
/// They are scaled by `min(max_norm / (norm + 1e-6), 1)`. Parameters without a gradient are left out.
///
/// ```
/// use pleach::nn::utils::{ClipGradNorm, clip_grad_norm_};
/// use pleach::{Parameter, tensor};
/// let w = Parameter::new(tensor![1.0, 2.0]);
/// w.set_grad(Some(tensor![3.0, 4.0]))?;
/// assert_eq!(clip_grad_norm_(&[w.share()], 1.0)?.item()?, 5.0);
/// assert_eq!(w.grad().unwrap().to_vec::<f32>()?, [0.5999999, 0.79999983]);
///
/// let largest = ClipGradNorm::new(0.4).norm_type(f64::INFINITY).error_if_nonfinite(true);
/// clip_grad_norm_(&[w.share()], largest)?;
/// assert!(w.grad().unwrap().max()?.item()? < 0.4);
/// # Ok::<(), pleach::Error>(())
/// ```
///
/// # Errors
/// If [`ClipGradNorm::error_if_nonfinite`] asks for it, or the norm is not defined, as that of nothing
/// is for negative types.
pub fn clip_grad_norm_(
    parameters: &[Parameter],
    max_norm: impl Into<ClipGradNorm>,
) -> Result<Tensor> {
    let ClipGradNorm {
        max_norm,
        norm_type,
        error_if_nonfinite,
    } = max_norm.into();
    let grads: Vec<Tensor> = parameters.iter().filter_map(Parameter::grad).collect();
    let total = get_total_norm(&grads, norm_type, error_if_nonfinite)?;
    drop(grads);
    clip_grads_with_norm_(parameters, max_norm, &total)?;
    Ok(total)
}

/// The p-norm of tensors as if they were one vector.
///
/// ```
/// use pleach::{nn::utils::get_total_norm, tensor};
/// let norm = get_total_norm(&[tensor![3.0], tensor![[0.0, 4.0]]], 2.0, false)?;
/// assert_eq!(norm.item()?, 5.0);
/// # Ok::<(), pleach::Error>(())
/// ```
///
/// # Errors
/// As [`clip_grad_norm_`].
pub fn get_total_norm(
    tensors: &[Tensor],
    norm_type: f64,
    error_if_nonfinite: bool,
) -> Result<Tensor> {
    no_grad(|| {
        if tensors.is_empty() {
            return Ok(Tensor::zeros(()));
        }
        let norms = tensors.iter().map(|t| t.norm_dim(norm_type, [], false));
        let norms = norms.collect::<Result<Vec<_>>>()?;
        let dtypes = norms.iter().map(Tensor::dtype);
        let dtype = dtypes.reduce(|a, b| a.promote(b)).expect("there is one");
        let norms = norms.iter().map(|norm| norm.to_dtype(dtype));
        let norms = norms.collect::<Result<Vec<_>>>()?;
        let total = Tensor::stack(&norms, 0)?.norm_dim(norm_type, [], false)?;
        if error_if_nonfinite && !total.item()?.is_finite() {
            return Err(Error::value(format!(
                "The total norm of order {} for gradients from `parameters` is non-finite, so it cannot be clipped. To disable this error and scale the gradients by the non-finite norm anyway, set `error_if_nonfinite=False`",
                python_float(norm_type)
            )));
        }
        Ok(total)
    })
}

/// Scales gradients by `min(max_norm / (total_norm + 1e-6), 1)`: [`clip_grad_norm_`] with a norm that
/// is known already.
///
/// ```
/// use pleach::nn::utils::clip_grads_with_norm_;
/// use pleach::{Parameter, Tensor, tensor};
/// let w = Parameter::new(tensor![1.0, 2.0]);
/// w.set_grad(Some(tensor![3.0, 4.0]))?;
/// clip_grads_with_norm_(&[w.share()], 2.5, &Tensor::scalar(5.0))?;
/// assert!(w.grad().unwrap().allclose(&tensor![1.5, 2.0], 1e-5, 0.0)?);
/// # Ok::<(), pleach::Error>(())
/// ```
///
/// # Errors
/// If `total_norm` is not one number.
pub fn clip_grads_with_norm_(
    parameters: &[Parameter],
    max_norm: f64,
    total_norm: &Tensor,
) -> Result<()> {
    let scale = no_grad(|| {
        total_norm
            .add(1e-6)?
            .rdiv(max_norm)?
            .clamp(None::<f64>, 1.0)
    })?;
    if scale.numel() != 1 {
        return Err(Error::value(
            "the norm of the gradients has to be one number",
        ));
    }
    let scale = scale.reshape(())?;
    change_grads(parameters, |grad| grad.mul_(&scale).map(drop))
}

/// Cuts every element of every gradient to `-clip_value ..= clip_value`.
///
/// ```
/// use pleach::nn::utils::clip_grad_value_;
/// use pleach::{Parameter, tensor};
/// let w = Parameter::new(tensor![1.0, 2.0]);
/// w.set_grad(Some(tensor![-3.0, 0.25]))?;
/// clip_grad_value_(&[w.share()], 0.5)?;
/// assert_eq!(w.grad().unwrap().to_vec::<f32>()?, [-0.5, 0.25]);
/// # Ok::<(), pleach::Error>(())
/// ```
///
/// # Errors
/// None while gradients have a dtype that computes.
pub fn clip_grad_value_(parameters: &[Parameter], clip_value: f64) -> Result<()> {
    change_grads(parameters, |grad| {
        grad.clamp_(-clip_value, clip_value).map(drop)
    })
}

/// Changes gradients in place.
fn change_grads(
    parameters: &[Parameter],
    mut change: impl FnMut(&mut Tensor) -> Result<()>,
) -> Result<()> {
    no_grad(|| {
        for p in parameters {
            let Some(grad) = p.grad() else { continue };
            let mut grad = grad.detach();
            // So that this handle is the only one.
            p.zero_grad();
            let result = change(&mut grad);
            p.set_grad(Some(grad))?;
            result?;
        }
        Ok(())
    })
}
