//! Normalisation of each channel of each sample.

use pleach_core::{Buffer, Error, Result, Tensor, checked_numel, no_grad, size_text};

use super::BatchNormOptions;
use super::batch_norm::batch_norm_of_any_size;
use super::layer_norm::computed_in;
use crate::setters::setters;

/// `(x - mean) / √(var + eps) * weight + bias`, mean and biased variance over the positions of each
/// channel of each sample.
///
/// Shapes: input and result `[N, C, *]`; weight, bias and the running statistics (mean and variance)
/// `[C]`.
///
/// With the input's own statistics, the running ones are moved towards their means over the batch:
/// `running = (1 - momentum) · running + momentum · mean`, with the unbiased variances. Otherwise the
/// running statistics are used.
///
/// # Errors
/// If a size or dtype does not fit, there is one position, or there are no running statistics where
/// they are to be used.
///
/// ```
/// use pleach::tensor;
/// use pleach::nn::functional::{self as F, InstanceNormOptions};
/// let x = tensor![[[1.0, 3.0], [10.0, 30.0]]];
/// let y = F::instance_norm(&x, InstanceNormOptions::new().eps(0.0))?;
/// assert_eq!(y.to_vec::<f32>()?, [-1.0, 1.0, -1.0, 1.0]);
/// # Ok::<(), pleach::Error>(())
/// ```
pub fn instance_norm(input: &Tensor, options: InstanceNormOptions<'_>) -> Result<Tensor> {
    let o = options;
    let sizes = input.shape();
    let positions = checked_numel(sizes.get(2..).unwrap_or(&[]))?;
    if o.use_input_stats && positions == 1 {
        return Err(Error::value(format!(
            "Expected more than 1 spatial element when training, got input size {}",
            size_text(sizes)
        )));
    }
    let plain = BatchNormOptions::new().eps(o.eps).momentum(o.momentum);
    if !o.use_input_stats {
        if o.running_stats.is_none() {
            return Err(Error::value(
                "Expected running_mean and running_var to be defined when use_input_stats is false",
            ));
        }
        let options = plain.running_stats(o.running_stats).weight(o.weight);
        return batch_norm_of_any_size(input, options.bias(o.bias));
    }
    let &[batch, channels, ref spatial @ ..] = sizes else {
        return Err(Error::shape(format!(
            "instance_norm: expected at least 2 dimensions, but got input of size: {sizes:?}"
        )));
    };
    // Each channel of each sample is a channel of one sample.
    checked_numel(&sizes[1..])?;
    let planes = [&[1, checked_numel(&[batch, channels])?], spatial].concat();
    let wide = computed_in(input.dtype());
    let planes = input.to_dtype(wide)?.reshape(&planes[..])?;
    let repeated = |t: &Tensor| {
        let t = match wide == input.dtype() {
            true => t.clone(),
            false => t.to_dtype(wide)?,
        };
        t.reshape([-1i64])?.repeat([batch])
    };
    let weight = o.weight.map(repeated).transpose()?;
    let bias = o.bias.map(repeated).transpose()?;
    let of_each = |buffer: &Buffer| repeated(&buffer.try_tensor()?).map(Buffer::new);
    let running = match o.running_stats {
        Some((mean, var)) => Some((of_each(mean)?, of_each(var)?)),
        None => None,
    };
    let stats = running.as_ref().map(|(mean, var)| (mean, var));
    let options = plain.running_stats(stats).training(true);
    let options = options.weight(weight.as_ref()).bias(bias.as_ref());
    let y = batch_norm_of_any_size(&planes, options)?;
    if let (Some((mean, var)), Some((means, vars))) = (o.running_stats, stats)
        && input.numel() > 0
    {
        for (running, moved) in [(mean, means), (var, vars)] {
            no_grad(|| {
                let moved = moved.try_tensor()?.reshape([batch, channels])?;
                let moved = moved.mean_dim(0, false)?;
                running.update(|t| {
                    *t = moved.reshape(t.shape())?.to_dtype(t.dtype())?;
                    Ok(())
                })
            })?;
        }
    }
    y.reshape(sizes)?.to_dtype(input.dtype())
}

/// What [`instance_norm`] takes beside its input: no running statistics, weight or bias, the input's
/// statistics, momentum 0.1 and eps 1e-5, or what is set.
#[derive(Debug, Clone, Copy)]
#[must_use]
pub struct InstanceNormOptions<'a> {
    running_stats: Option<(&'a Buffer, &'a Buffer)>,
    weight: Option<&'a Tensor>,
    bias: Option<&'a Tensor>,
    use_input_stats: bool,
    momentum: f64,
    eps: f64,
}

impl<'a> InstanceNormOptions<'a> {
    /// PyTorch's defaults.
    pub fn new() -> Self {
        InstanceNormOptions {
            running_stats: None,
            weight: None,
            bias: None,
            use_input_stats: true,
            momentum: 0.1,
            eps: 1e-5,
        }
    }

    setters! {
        |options| options;
        /// The running mean and variance (none by default).
        running_stats: impl Into<Option<(&'a Buffer, &'a Buffer)>> = running_stats.into();
        /// The scale of each channel (1 by default).
        weight: impl Into<Option<&'a Tensor>> = weight.into();
        /// The shift of each channel (0 by default).
        bias: impl Into<Option<&'a Tensor>> = bias.into();
        /// Whether the input's own statistics are used (yes, by default).
        use_input_stats: bool = use_input_stats;
        /// How far the running statistics move towards a batch's (0.1 by default).
        momentum: f64 = momentum;
        /// What is added to the variance (1e-5 by default).
        eps: f64 = eps;
    }
}

impl Default for InstanceNormOptions<'_> {
    fn default() -> Self {
        Self::new()
    }
}
