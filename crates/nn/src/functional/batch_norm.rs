//! Batch normalisation over any number of spatial dimensions.

use pleach_core::autograd::{
    Attributes, Call, GradOf, GradsOf, Operation, Own, Rules, Saved, Saves, apply,
};
use pleach_core::{Buffer, DType, Element, Error, Result, Tensor, size_text};
use pleach_kernels::{
    Activation, ActivationMask, BatchNormGrads, BatchNormShape, BatchStatsMut, Bias, Epilogue,
    RunningStats, batch_norm_eval, batch_norm_eval_backward, batch_norm_train,
    batch_norm_train_backward,
};

use super::{check_dtype, hardtanh};
use crate::setters::setters;

type Memory<T> = pleach_kernels::Buffer<T>;

/// Normalises each channel: `(x - mean) / sqrt(var + eps) · weight + bias`.
///
/// Shapes: input and result `[N, C, *]`; weight, bias and the running statistics (mean and
/// variance) `[C]`.
///
/// In training, mean and (biased) variance are those of the batch, over N and the spatial
/// dimensions, and the running statistics are moved towards them:
/// `running = (1 - momentum) · running + momentum · batch`, with the unbiased variance. Otherwise
/// the running statistics are used.
///
/// # Errors
/// If a size or dtype does not fit, the batch has one value for each channel in training, or there
/// are no running statistics outside training; if a residual has not the input's shape and dtype.
///
/// ```
/// use pleach::{tensor, Buffer};
/// use pleach::nn::functional::{self as F, BatchNormOptions};
/// let (mean, var) = (Buffer::new(tensor![0.0]), Buffer::new(tensor![1.0]));
/// let x = tensor![[1.0], [5.0]]; // mean 3, biased variance 4, unbiased 8
/// let options = BatchNormOptions::new().running_stats((&mean, &var)).momentum(0.5).eps(1e-12);
/// let y = F::batch_norm(&x, options.training(true))?;
/// assert_eq!(y.to_vec::<f32>()?, [-1.0, 1.0]);
/// assert_eq!(mean.tensor().to_vec::<f32>()?, [1.5]);
/// assert_eq!(var.tensor().to_vec::<f32>()?, [4.5]);
/// # Ok::<(), pleach::Error>(())
/// ```
///
/// What follows a normalisation can be computed in the same pass, forward and backward: the addition
/// of a residual, and an activation. The numbers are those of the separate functions, and nothing
/// is kept of what lies between.
///
/// ```
/// use pleach::tensor;
/// use pleach::nn::Activation;
/// use pleach::nn::functional::{self as F, BatchNormOptions};
/// let (x, residual) = (tensor![[1.0], [5.0]], tensor![[0.0], [0.5]]); // normalised: -1 and 1
/// let options = BatchNormOptions::new().training(true).eps(1e-12).residual(&residual);
/// let y = F::batch_norm(&x, options.activation(Activation::RELU))?;
/// assert_eq!(y.to_vec::<f32>()?, [0.0, 1.5]);
/// # Ok::<(), pleach::Error>(())
/// ```
pub fn batch_norm(input: &Tensor, options: BatchNormOptions<'_>) -> Result<Tensor> {
    let BatchNormOptions {
        weight,
        bias,
        training,
        residual,
        ..
    } = options;
    if let Some(residual) = residual
        && (residual.shape() != input.shape() || residual.dtype() != input.dtype())
    {
        return Err(Error::shape(format!(
            "batch_norm: the residual has size {:?} and dtype {}, the input {:?} and {}",
            residual.shape(),
            residual.dtype(),
            input.shape(),
            input.dtype()
        )));
    }
    if input.shape() == [0] {
        // PyTorch takes it, and nothing is normalised.
        let scaled = weight.map_or(Ok(input.clone()), |w| input.mul(&w.select(0, 0)?))?;
        return bias.map_or(Ok(scaled.clone()), |b| scaled.add(&b.select(0, 0)?));
    }
    let shape = shape_of(input)?;
    if training && shape.batch.checked_mul(shape.spatial) == Some(1) {
        return Err(Error::value(format!(
            "Expected more than 1 value per channel when training, got input size {}",
            size_text(input.shape())
        )));
    }
    check_eps(options.eps, training)?;
    batch_norm_of_any_size(input, options)
}

/// [`batch_norm`] without what refuses single values and a variance of 0.
pub(super) fn batch_norm_of_any_size(
    input: &Tensor,
    options: BatchNormOptions<'_>,
) -> Result<Tensor> {
    let BatchNormOptions {
        running_stats,
        weight,
        bias,
        training,
        momentum,
        eps,
        residual,
        activation,
    } = options;
    let shape = shape_of(input)?;
    let running = match running_stats {
        Some((mean, var)) => Some((mean.try_tensor()?, var.try_tensor()?)),
        None => None,
    };
    let (mean, var) = running.as_ref().map(|(mean, var)| (mean, var)).unzip();
    if running.is_none() && !training {
        return Err(Error::value(
            "running_mean must be defined in evaluation mode",
        ));
    }
    for (name, values) in [
        ("running_mean", mean),
        ("running_var", var),
        ("weight", weight),
        ("bias", bias),
    ] {
        if let Some(values) = values {
            check_channels(name, values, &shape, input.dtype())?;
        }
    }
    let [mean, var] = [mean, var].map(|used| used.filter(|_| !training));
    let op = BatchNorm {
        training,
        eps,
        added: residual.is_some(),
        activation,
    };
    let mut outputs = apply(op, (input, weight, bias, residual, mean, var))?;
    if let (Some((running_mean, running_var)), [_, mean, var]) = (running_stats, &outputs[..])
        && input.numel() > 0
    {
        let n = (shape.batch * shape.spatial) as f64;
        move_towards(running_mean, mean, momentum, 1.0)?;
        move_towards(running_var, var, momentum, n / (n - 1.0))?;
    }
    Ok(outputs.swap_remove(0))
}

/// What [`batch_norm`] takes beside its input: no running statistics, weight or bias, evaluation,
/// momentum 0.1 and eps 1e-5, or what is set.
#[derive(Debug, Clone, Copy)]
#[must_use]
pub struct BatchNormOptions<'a> {
    running_stats: Option<(&'a Buffer, &'a Buffer)>,
    weight: Option<&'a Tensor>,
    bias: Option<&'a Tensor>,
    training: bool,
    momentum: f64,
    eps: f64,
    residual: Option<&'a Tensor>,
    activation: Activation,
}

impl<'a> BatchNormOptions<'a> {
    /// PyTorch's defaults.
    pub fn new() -> Self {
        BatchNormOptions {
            running_stats: None,
            weight: None,
            bias: None,
            training: false,
            momentum: 0.1,
            eps: 1e-5,
            residual: None,
            activation: Activation::None,
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
        /// Whether the batch's own statistics are used (no, by default).
        training: bool = training;
        /// How far the running statistics move towards a batch's (0.1 by default).
        momentum: f64 = momentum;
        /// What is added to the variance (1e-5 by default).
        eps: f64 = eps;
        /// What is added to the result, of its shape (nothing by default).
        residual: impl Into<Option<&'a Tensor>> = residual.into();
        /// The function of the sum (by default the sum itself).
        activation: Activation = activation;
    }
}

impl Default for BatchNormOptions<'_> {
    fn default() -> Self {
        Self::new()
    }
}

/// Refuses what PyTorch refuses: a variance of 0 has to stay away from a division by 0 in training.
fn check_eps(eps: f64, training: bool) -> Result<()> {
    if training && eps <= 0.0 {
        return Err(Error::value(format!(
            "batch_norm eps must be positive during training, but got {eps:?}"
        )));
    }
    if eps < 0.0 {
        return Err(Error::value(format!(
            "batch_norm eps must be non-negative, but got {eps:?}"
        )));
    }
    Ok(())
}

fn shape_of(input: &Tensor) -> Result<BatchNormShape> {
    match input.shape() {
        &[batch, channels, ref spatial @ ..] => Ok(BatchNormShape {
            batch,
            channels,
            spatial: spatial.iter().product(),
        }),
        sizes => Err(Error::shape(format!(
            "batch_norm: expected at least 2 dimensions, but got input of size: {sizes:?}"
        ))),
    }
}

fn check_channels(name: &str, t: &Tensor, shape: &BatchNormShape, dtype: DType) -> Result<()> {
    if t.numel() != shape.channels {
        return Err(Error::shape(format!(
            "{name} should contain {} elements not {}",
            shape.channels,
            t.numel()
        )));
    }
    check_dtype(t, dtype)
}

/// Moves running statistics towards those of a batch, times `factor`, in f64 as PyTorch does.
fn move_towards(running: &Buffer, batch: &Tensor, momentum: f64, factor: f64) -> Result<()> {
    let batch = batch.try_to_vec_f64()?;
    running.update(|running| {
        let moved: Vec<f64> = running
            .try_to_vec_f64()?
            .iter()
            .zip(&batch)
            .map(|(old, new)| momentum * (new * factor) + (1.0 - momentum) * old)
            .collect();
        *running = Tensor::from_vec(moved, running.shape())?.to_dtype(running.dtype())?;
        Ok(())
    })
}

/// A normalisation, and what follows it in the same pass: the addition of a residual, an activation.
///
/// Inputs: x, weight, bias, residual, and outside training mean and variance. Outputs: the result,
/// and in training mean and variance of the batch.
#[derive(Clone, Debug)]
pub struct BatchNorm {
    /// Whether mean and variance are the batch's.
    training: bool,
    /// What is added to the variance.
    eps: f64,
    /// Whether a residual is added.
    added: bool,
    /// The function of the sum.
    activation: Activation,
}

/// An input that may be absent.
type Maybe<'a> = Option<&'a Tensor>;

impl Operation for BatchNorm {
    type Inputs<'a> = (
        &'a Tensor,
        Maybe<'a>,
        Maybe<'a>,
        Maybe<'a>,
        Maybe<'a>,
        Maybe<'a>,
    );
    type Outputs = Vec<Tensor>;
    const RULES: Rules = Rules {
        first_only: true,
        ..Rules::DENSE
    };

    fn name(&self) -> &'static str {
        match self.activation {
            Activation::RELU => "batch_norm_relu",
            Activation::Clamp { .. } => "batch_norm_clamp",
            Activation::None if self.added => "batch_norm_add",
            Activation::None => "batch_norm",
        }
    }
    fn grad_name(&self) -> &'static str {
        match self.activation {
            Activation::RELU => "ReluBackward0",
            Activation::Clamp { .. } => "HardtanhBackward0",
            Activation::None if self.added => "AddBackward0",
            Activation::None => "NativeBatchNormBackward0",
        }
    }
    fn attributes(&self) -> Attributes {
        vec![("training", self.training.into()), ("eps", self.eps.into())]
    }
    fn forward(
        &self,
        (x, weight, bias, residual, mean, var): Self::Inputs<'_>,
        own: &mut Own,
    ) -> Result<Vec<Tensor>> {
        let shape = shape_of(x)?;
        let c = shape.channels;
        dispatch_float!("batch_norm", x.dtype(), T => {
            let mut out = Memory::<T>::try_new(x.numel())?;
            let weight = slice::<T>(weight)?;
            let epilogue = Epilogue {
                bias: slice(bias)?.map_or(Bias::None, Bias::PerRow),
                residual: slice(residual)?,
                activation: self.activation,
            };
            let values = x.as_slice::<T>()?;
            if let (Some(mean), Some(var)) = (slice(mean)?, slice(var)?) {
                let stats = RunningStats { mean, var, eps: self.eps };
                batch_norm_eval(&shape, values, stats, weight, epilogue, &mut out);
                return Ok(vec![Tensor::from_buffer(out, x.shape())]);
            }
            let (mut mean, mut var) = (Memory::<T>::try_new(c)?, Memory::<T>::try_new(c)?);
            let mut invstd = Memory::<T>::try_new(c)?;
            let stats = BatchStatsMut { mean: &mut mean, var: &mut var, invstd: &mut invstd };
            batch_norm_train(&shape, values, weight, self.eps, epilogue, &mut out, stats);
            let [mean, var, invstd] = [mean, var, invstd].map(|b| Tensor::from_buffer(b, [c]));
            own.keep(invstd);
            Ok(vec![Tensor::from_buffer(out, x.shape()), mean, var])
        })
    }
    fn saves(&self, call: Call<'_>) -> Saves {
        // Without a sum the activation's input is computed again, and the output need not be kept.
        [0, 1, 2, 4, 5]
            .into_iter()
            .fold(Saves::NONE, Saves::input)
            .output_if(self.training, 1)
            .output_if(self.activation != Activation::None && call.given(3), 0)
    }
    fn backward(&self, saved: &Saved<'_>, grads: GradOf<'_, Self>) -> Result<GradsOf<Self>> {
        let grad = grads[0].as_ref().expect("the only one");
        if !saved.recording() {
            return self.fast(saved, &grad.contiguous()?);
        }
        // A kept output says where the activation lets the gradient through; without one the
        // activation is among the operations.
        let (grad, activation) = match (saved.output(0), self.activation) {
            (Ok(output), Activation::Clamp { min, max }) => {
                let stops = stops(&output.detach(), min, max)?;
                (grad.masked_fill(&stops, 0.0)?, Activation::None)
            }
            (_, activation) => (grad.clone(), activation),
        };
        let mut all = [const { None }; 6];
        if (0..3).any(|i| saved.needs(i)) {
            let parts = saved.by_parts(&grad, |inputs| {
                let y = self.normalised(inputs)?;
                match activation {
                    Activation::None => Ok(y),
                    Activation::RELU => y.relu(),
                    Activation::Clamp { min, max } => hardtanh(&y, min, max),
                }
            })?;
            all.iter_mut().zip(parts).for_each(|(to, from)| *to = from);
        }
        all[3] = saved.needs(3).then_some(grad);
        Ok(all)
    }
}

fn slice<T: Element>(t: Maybe<'_>) -> Result<Option<&[T]>> {
    t.map(Tensor::as_slice).transpose()
}

/// Where a clamp lets no gradient through, by its output; a ReLU lets it through at infinity.
fn stops(output: &Tensor, min: f64, max: f64) -> Result<Tensor> {
    match (Activation::Clamp { min, max }) {
        Activation::RELU => output.le(0.0),
        _ => output.le(min)?.logical_or(&output.ge(max)?),
    }
}

impl BatchNorm {
    /// The result before residual and activation, in operations.
    fn normalised(&self, inputs: &[Option<Tensor>]) -> Result<Tensor> {
        let [Some(x), weight, bias, _, mean, var] = inputs else {
            unreachable!("six inputs, of which the first is given");
        };
        let dims: Vec<i64> = (0..x.rank() as i64).filter(|d| *d != 1).collect();
        let mut channels = vec![1i64; x.rank()];
        channels[1] = -1;
        let wide = |t: &Tensor| t.reshape(&channels[..]);
        let (centred, var) = match (mean, var) {
            (Some(mean), Some(var)) => (x.sub(&wide(mean)?)?, wide(var)?),
            _ => {
                let centred = x.sub(&x.mean_dim(&dims[..], true)?)?;
                let var = centred.mul(&centred)?.mean_dim(&dims[..], true)?;
                (centred, var)
            }
        };
        let mut y = centred.mul(&var.add(self.eps)?.rsqrt()?)?;
        if let Some(weight) = weight {
            y = y.mul(&wide(weight)?)?;
        }
        match bias {
            Some(bias) => y.add(&wide(bias)?),
            None => Ok(y),
        }
    }

    /// The gradients by the kernels, in one pass.
    fn fast(&self, saved: &Saved<'_>, grad: &Tensor) -> Result<GradsOf<Self>> {
        let (x, output) = (saved.input(0)?, saved.output(0).ok());
        let [weight, bias] = [1, 2].map(|i| saved.optional(i));
        // Mean and variance; or mean and `1 / sqrt(var + eps)` of the batch.
        let (mean, spread) = match self.training {
            true => (saved.output(1)?, saved.own_constant(0)?),
            false => (saved.input(4)?, saved.input(5)?),
        };
        let shape = &shape_of(&x)?;
        let (n, c) = (x.numel(), shape.channels);
        dispatch_float!("batch_norm", grad.dtype(), T => {
            let room = |i: usize, len: usize| -> Result<Option<Memory<T>>> {
                Ok(saved.needs(i).then(|| Memory::try_new(len)).transpose()?)
            };
            // Without an activation, the residual's gradient is the output's.
            let plain = self.activation == Activation::None;
            let (mut dx, mut dr) = (room(0, n)?, if plain { None } else { room(3, n)? });
            let (mut dw, mut db) = (room(1, c)?, room(2, c)?);
            let grads = BatchNormGrads {
                input: dx.as_deref_mut(),
                weight: dw.as_deref_mut(),
                bias: db.as_deref_mut(),
            };
            let (values, g) = (x.as_slice::<T>()?, grad.as_slice::<T>()?);
            let (weight, bias) = (slice(weight.as_ref())?, slice(bias.as_ref())?);
            let activation = self.activation;
            let mask = match slice(output.as_ref())? {
                Some(output) => ActivationMask::Output { activation, output },
                None => ActivationMask::Recompute { activation, bias },
            };
            let (mean, spread, dr_slice) = (mean.as_slice()?, spread.as_slice()?, dr.as_deref_mut());
            if n == 0 {
                // An empty batch has no statistics, and changes nothing.
                for d in [dw.as_deref_mut(), db.as_deref_mut()].into_iter().flatten() {
                    d.fill(T::default());
                }
            } else if self.training {
                batch_norm_train_backward(
                    shape, values, g, mean, spread, weight, mask, grads, dr_slice,
                );
            } else {
                let stats = RunningStats { mean, var: spread, eps: self.eps };
                batch_norm_eval_backward(shape, values, g, stats, weight, mask, grads, dr_slice);
            }
            let whole = |d: Option<Memory<T>>| d.map(|d| Tensor::from_buffer(d, x.shape()));
            let channels = |d: Option<Memory<T>>| d.map(|d| Tensor::from_buffer(d, [c]));
            let dr = match plain {
                true => saved.needs(3).then(|| grad.clone()),
                false => whole(dr),
            };
            Ok([whole(dx), channels(dw), channels(db), dr, None, None])
        })
    }
}
