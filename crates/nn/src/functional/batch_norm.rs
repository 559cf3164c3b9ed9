//! Batch normalisation over any number of spatial dimensions.

use pleach_core::autograd::{Backward, InputGrads, record};
use pleach_core::{Buffer, DType, Error, Result, Tensor, size_text};
use pleach_kernels::{
    BatchNormAffine, BatchNormGrads, BatchNormShape, BatchNormThen, BatchStatsMut, ReluMask,
    RunningStats, batch_norm_eval, batch_norm_eval_backward, batch_norm_train,
    batch_norm_train_backward,
};
use smallvec::{SmallVec, smallvec};

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
/// are no running statistics outside training.
///
/// ```
/// use pleach_core::{tensor, Buffer};
/// use pleach_nn::functional as F;
/// let (mean, var) = (Buffer::new(tensor![0.0]), Buffer::new(tensor![1.0]));
/// let x = tensor![[1.0], [5.0]]; // mean 3, biased variance 4, unbiased 8
/// let y = F::batch_norm(&x, Some((&mean, &var)), None, None, true, 0.5, 1e-12)?;
/// assert_eq!(y.to_vec::<f32>()?, [-1.0, 1.0]);
/// assert_eq!(mean.tensor().to_vec::<f32>()?, [1.5]);
/// assert_eq!(var.tensor().to_vec::<f32>()?, [4.5]);
/// # Ok::<(), pleach_core::Error>(())
/// ```
pub fn batch_norm(
    input: &Tensor,
    running_stats: Option<(&Buffer, &Buffer)>,
    weight: Option<&Tensor>,
    bias: Option<&Tensor>,
    training: bool,
    momentum: f64,
    eps: f64,
) -> Result<Tensor> {
    normalise(
        input,
        running_stats,
        weight,
        bias,
        training,
        momentum,
        eps,
        Then::Nothing,
    )
}

/// [`batch_norm`] followed by the addition of a residual, if there is one, and
/// [`relu`](super::relu): the same numbers as the separate functions, in one pass forward and one
/// backward, and nothing is kept of what lies between.
///
/// Shapes: the residual has the input's.
///
/// # Errors
/// As [`batch_norm`], or if shape or dtype of the residual differ.
///
/// ```
/// use pleach_core::tensor;
/// use pleach_nn::functional as F;
/// let x = tensor![[1.0], [5.0]]; // normalised: -1 and 1
/// let y = F::batch_norm_relu(&x, None, None, None, Some(&tensor![[0.0], [0.5]]), true, 0.0, 1e-12)?;
/// assert_eq!(y.to_vec::<f32>()?, [0.0, 1.5]);
/// # Ok::<(), pleach_core::Error>(())
/// ```
#[allow(clippy::too_many_arguments)]
pub fn batch_norm_relu(
    input: &Tensor,
    running_stats: Option<(&Buffer, &Buffer)>,
    weight: Option<&Tensor>,
    bias: Option<&Tensor>,
    residual: Option<&Tensor>,
    training: bool,
    momentum: f64,
    eps: f64,
) -> Result<Tensor> {
    if let Some(residual) = residual
        && (residual.shape() != input.shape() || residual.dtype() != input.dtype())
    {
        return Err(Error::shape(format!(
            "batch_norm_relu: the residual has size {:?} and dtype {}, the input {:?} and {}",
            residual.shape(),
            residual.dtype(),
            input.shape(),
            input.dtype()
        )));
    }
    let then = Then::Relu(residual);
    normalise(
        input,
        running_stats,
        weight,
        bias,
        training,
        momentum,
        eps,
        then,
    )
}

/// What follows a normalisation in the same pass.
#[derive(Clone, Copy)]
enum Then<'a> {
    Nothing,
    /// A residual is added, then the ReLU.
    Relu(Option<&'a Tensor>),
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

#[allow(clippy::too_many_arguments)]
fn normalise(
    input: &Tensor,
    running_stats: Option<(&Buffer, &Buffer)>,
    weight: Option<&Tensor>,
    bias: Option<&Tensor>,
    training: bool,
    momentum: f64,
    eps: f64,
    then: Then<'_>,
) -> Result<Tensor> {
    let shape = shape_of(input)?;
    if training && shape.batch.checked_mul(shape.spatial) == Some(1) {
        return Err(Error::value(format!(
            "Expected more than 1 value per channel when training, got input size {}",
            size_text(input.shape())
        )));
    }
    check_eps(eps, training)?;
    let running = running_stats.map(|(mean, var)| (mean.tensor(), var.tensor()));
    match &running {
        Some((mean, var)) => {
            check_channels("running_mean", mean, &shape, input.dtype())?;
            check_channels("running_var", var, &shape, input.dtype())?;
        }
        None if !training => {
            return Err(Error::value(
                "running_mean must be defined in evaluation mode",
            ));
        }
        None => {}
    }
    for (name, values) in [("weight", weight), ("bias", bias)] {
        if let Some(values) = values {
            check_channels(name, values, &shape, input.dtype())?;
        }
    }
    let residual = match then {
        Then::Nothing => None,
        Then::Relu(residual) => residual,
    };
    let call = Call {
        shape,
        eps,
        x: detached(input)?,
        weight: weight.map(detached).transpose()?,
        bias: bias.map(detached).transpose()?,
        relu: matches!(then, Then::Relu(_)),
    };
    let added = residual.map(detached).transpose()?;
    let (out, statistics) = match (training, running) {
        (false, Some((mean, var))) => {
            let statistics = Statistics::Running(mean.contiguous()?, var.contiguous()?);
            (call.eval(&statistics, added.as_ref())?, statistics)
        }
        _ => {
            let (out, batch) = call.train(added.as_ref())?;
            if let Some((mean, var)) = running_stats
                && input.numel() > 0
            {
                let n = (shape.batch * shape.spatial) as f64;
                move_towards(mean, &batch.mean, momentum, 1.0)?;
                move_towards(var, &batch.var, momentum, n / (n - 1.0))?;
            }
            (out, Statistics::Batch(batch.mean, batch.invstd))
        }
    };
    let mut inputs: SmallVec<[&Tensor; 4]> = smallvec![input];
    inputs.extend(weight);
    inputs.extend(bias);
    inputs.extend(residual);
    let (affine, summed) = ([weight.is_some(), bias.is_some()], residual.is_some());
    // Without a sum the sign is computed again, and the output need not be kept.
    let positive = (call.relu && summed).then(|| out.detach());
    let name = match call.relu {
        true => "ReluBackward0",
        false => "NativeBatchNormBackward0",
    };
    Ok(record(out, &inputs, move |needs| {
        let mut needed = needs.iter().copied();
        let mut next = |there: bool| there && needed.next() == Some(true);
        let needs = Needs {
            input: next(true),
            weight: next(affine[0]),
            bias: next(affine[1]),
            residual: next(summed),
        };
        Backward::new(name, move |grad: &Tensor| {
            call.backward(&statistics, grad, positive.as_ref(), &needs, summed)
        })
    }))
}

fn detached(t: &Tensor) -> Result<Tensor> {
    t.detach().contiguous()
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
    if t.dtype() != dtype {
        return Err(Error::dtype(format!(
            "expected scalar type {} but found {}",
            dtype.torch_name(),
            t.dtype().torch_name()
        )));
    }
    Ok(())
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

/// What a backward step normalises with.
enum Statistics {
    /// Mean and `1 / sqrt(var + eps)` of the batch.
    Batch(Tensor, Tensor),
    /// Given mean and variance.
    Running(Tensor, Tensor),
}

struct BatchStatistics {
    mean: Tensor,
    var: Tensor,
    invstd: Tensor,
}

/// The inputs of one normalisation, contiguous and without history.
struct Call {
    shape: BatchNormShape,
    eps: f64,
    x: Tensor,
    weight: Option<Tensor>,
    bias: Option<Tensor>,
    relu: bool,
}

/// Which gradients are needed.
struct Needs {
    input: bool,
    weight: bool,
    bias: bool,
    residual: bool,
}

impl Call {
    fn then<'a, T: pleach_core::Element>(
        &self,
        residual: Option<&'a Tensor>,
    ) -> Result<BatchNormThen<'a, T>> {
        Ok(BatchNormThen {
            residual: residual.map(Tensor::as_slice).transpose()?,
            relu: self.relu,
        })
    }

    fn affine<T: pleach_core::Element>(&self) -> Result<BatchNormAffine<'_, T>> {
        Ok(BatchNormAffine {
            weight: self.weight.as_ref().map(Tensor::as_slice).transpose()?,
            bias: self.bias.as_ref().map(Tensor::as_slice).transpose()?,
        })
    }

    fn train(&self, residual: Option<&Tensor>) -> Result<(Tensor, BatchStatistics)> {
        let c = self.shape.channels;
        dispatch_float!("batch_norm", self.x.dtype(), T => {
            let mut out = Memory::<T>::try_new(self.x.numel())?;
            let (mut mean, mut var) = (Memory::<T>::try_new(c)?, Memory::<T>::try_new(c)?);
            let mut invstd = Memory::<T>::try_new(c)?;
            let stats = BatchStatsMut { mean: &mut mean, var: &mut var, invstd: &mut invstd };
            let x = self.x.as_slice::<T>()?;
            let (affine, then) = (self.affine::<T>()?, self.then::<T>(residual)?);
            batch_norm_train(&self.shape, x, affine, self.eps, then, &mut out, stats);
            Ok((
                Tensor::from_buffer(out, self.x.shape()),
                BatchStatistics {
                    mean: Tensor::from_buffer(mean, [c]),
                    var: Tensor::from_buffer(var, [c]),
                    invstd: Tensor::from_buffer(invstd, [c]),
                },
            ))
        })
    }

    fn eval(&self, statistics: &Statistics, residual: Option<&Tensor>) -> Result<Tensor> {
        let (Statistics::Running(mean, var) | Statistics::Batch(mean, var)) = statistics;
        dispatch_float!("batch_norm", self.x.dtype(), T => {
            let mut out = Memory::<T>::try_new(self.x.numel())?;
            let stats = RunningStats {
                mean: mean.as_slice::<T>()?,
                var: var.as_slice::<T>()?,
                eps: self.eps,
            };
            let x = self.x.as_slice::<T>()?;
            let (affine, then) = (self.affine::<T>()?, self.then::<T>(residual)?);
            batch_norm_eval(&self.shape, x, stats, affine, then, &mut out);
            Ok(Tensor::from_buffer(out, self.x.shape()))
        })
    }

    /// The gradients of input, weight, bias and residual, those that are needed.
    fn backward(
        &self,
        statistics: &Statistics,
        grad: &Tensor,
        positive: Option<&Tensor>,
        needs: &Needs,
        summed: bool,
    ) -> Result<InputGrads> {
        let grad = grad.contiguous()?;
        let c = self.shape.channels;
        let n = self.x.numel();
        dispatch_float!("batch_norm", grad.dtype(), T => {
            let room = |needed: bool, len: usize| -> Result<Option<Memory<T>>> {
                Ok(needed.then(|| Memory::try_new(len)).transpose()?)
            };
            let (mut dx, mut dr) = (room(needs.input, n)?, room(needs.residual, n)?);
            let (mut dw, mut db) = (room(needs.weight, c)?, room(needs.bias, c)?);
            let grads = BatchNormGrads {
                input: dx.as_deref_mut(),
                weight: dw.as_deref_mut(),
                bias: db.as_deref_mut(),
            };
            let (x, g) = (self.x.as_slice::<T>()?, grad.as_slice::<T>()?);
            let BatchNormAffine { weight, bias } = self.affine::<T>()?;
            let mask = match positive {
                Some(out) => ReluMask::Output(out.as_slice::<T>()?),
                None if self.relu => ReluMask::Recompute { bias },
                None => ReluMask::None,
            };
            let (shape, dr_slice) = (&self.shape, dr.as_deref_mut());
            match statistics {
                _ if n == 0 => {
                    // An empty batch has no statistics, and changes nothing.
                    for d in [dw.as_deref_mut(), db.as_deref_mut()].into_iter().flatten() {
                        d.fill(T::default());
                    }
                }
                Statistics::Batch(mean, invstd) => {
                    let (mean, invstd) = (mean.as_slice::<T>()?, invstd.as_slice::<T>()?);
                    batch_norm_train_backward(
                        shape, x, g, mean, invstd, weight, mask, grads, dr_slice,
                    );
                }
                Statistics::Running(mean, var) => {
                    let stats = RunningStats {
                        mean: mean.as_slice::<T>()?,
                        var: var.as_slice::<T>()?,
                        eps: self.eps,
                    };
                    batch_norm_eval_backward(
                        shape, x, g, stats, weight, mask, grads, dr_slice,
                    );
                }
            }
            let whole = |d: Option<Memory<T>>| d.map(|d| Tensor::from_buffer(d, self.x.shape()));
            let channels = |d: Option<Memory<T>>| d.map(|d| Tensor::from_buffer(d, [c]));
            let mut all: InputGrads = smallvec![whole(dx)];
            if self.weight.is_some() {
                all.push(channels(dw));
            }
            if self.bias.is_some() {
                all.push(channels(db));
            }
            if summed {
                all.push(whole(dr));
            }
            Ok(all)
        })
    }
}
