//! Batch normalisation over any number of spatial dimensions.

use pleach_core::autograd::{Backward, InputGrads, record};
use pleach_core::{Buffer, DType, Error, Result, Tensor, size_text};
use pleach_kernels::{
    BatchNormAffine, BatchNormGrads, BatchNormShape, BatchStatsMut, RunningStats, batch_norm_eval,
    batch_norm_eval_backward, batch_norm_train, batch_norm_train_backward,
};
use smallvec::smallvec;

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
/// let y = F::batch_norm(&x, Some((&mean, &var)), None, None, true, 0.5, 0.0)?;
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
    let shape = shape_of(input)?;
    if training && shape.batch.checked_mul(shape.spatial) == Some(1) {
        return Err(Error::value(format!(
            "Expected more than 1 value per channel when training, got input size {}",
            size_text(input.shape())
        )));
    }
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
    let call = Call {
        shape,
        eps,
        x: input.detach().contiguous()?,
        weight: weight.map(detached).transpose()?,
        bias: bias.map(detached).transpose()?,
    };
    let (out, statistics) = match (training, running) {
        (false, Some((mean, var))) => {
            let statistics = Statistics::Running(mean.contiguous()?, var.contiguous()?);
            (call.eval(&statistics)?, statistics)
        }
        _ => {
            let (out, batch) = call.train()?;
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
    let mut inputs = vec![input];
    inputs.extend(weight);
    inputs.extend(bias);
    let has_weight = weight.is_some();
    Ok(record(out, &inputs, move |needs| {
        let for_weight = has_weight && needs[1];
        let for_bias = needs.get(1 + usize::from(has_weight)) == Some(&true);
        let needs = [needs[0], for_weight, for_bias];
        Backward::new("NativeBatchNormBackward0", move |grad: &Tensor| {
            call.backward(&statistics, grad, needs)
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
    let batch = batch.to_vec_f64();
    running.update(|running| {
        let moved: Vec<f64> = running
            .to_vec_f64()
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
}

impl Call {
    fn affine<T: pleach_core::Element>(&self) -> Result<BatchNormAffine<'_, T>> {
        Ok(BatchNormAffine {
            weight: self.weight.as_ref().map(Tensor::as_slice).transpose()?,
            bias: self.bias.as_ref().map(Tensor::as_slice).transpose()?,
        })
    }

    fn train(&self) -> Result<(Tensor, BatchStatistics)> {
        let c = self.shape.channels;
        dispatch_float!("batch_norm", self.x.dtype(), T => {
            let mut out = Memory::<T>::new(self.x.numel());
            let (mut mean, mut var) = (Memory::<T>::new(c), Memory::<T>::new(c));
            let mut invstd = Memory::<T>::new(c);
            let stats = BatchStatsMut { mean: &mut mean, var: &mut var, invstd: &mut invstd };
            let x = self.x.as_slice::<T>()?;
            batch_norm_train(&self.shape, x, self.affine::<T>()?, self.eps, &mut out, stats);
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

    fn eval(&self, statistics: &Statistics) -> Result<Tensor> {
        let (Statistics::Running(mean, var) | Statistics::Batch(mean, var)) = statistics;
        dispatch_float!("batch_norm", self.x.dtype(), T => {
            let mut out = Memory::<T>::new(self.x.numel());
            let stats = RunningStats {
                mean: mean.as_slice::<T>()?,
                var: var.as_slice::<T>()?,
                eps: self.eps,
            };
            let x = self.x.as_slice::<T>()?;
            batch_norm_eval(&self.shape, x, stats, self.affine::<T>()?, &mut out);
            Ok(Tensor::from_buffer(out, self.x.shape()))
        })
    }

    /// The gradients of input, weight and bias, those that are needed.
    fn backward(
        &self,
        statistics: &Statistics,
        grad: &Tensor,
        needs: [bool; 3],
    ) -> Result<InputGrads> {
        let grad = grad.contiguous()?;
        let c = self.shape.channels;
        dispatch_float!("batch_norm", grad.dtype(), T => {
            let mut dx = needs[0].then(|| Memory::<T>::new(self.x.numel()));
            let mut dw = needs[1].then(|| Memory::<T>::new(c));
            let mut db = needs[2].then(|| Memory::<T>::new(c));
            let grads = BatchNormGrads {
                input: dx.as_deref_mut(),
                weight: dw.as_deref_mut(),
                bias: db.as_deref_mut(),
            };
            let (x, g) = (self.x.as_slice::<T>()?, grad.as_slice::<T>()?);
            let weight = self.weight.as_ref().map(Tensor::as_slice::<T>).transpose()?;
            match statistics {
                Statistics::Batch(mean, invstd) => {
                    let (mean, invstd) = (mean.as_slice::<T>()?, invstd.as_slice::<T>()?);
                    batch_norm_train_backward(&self.shape, x, g, mean, invstd, weight, grads);
                }
                Statistics::Running(mean, var) => {
                    let stats = RunningStats {
                        mean: mean.as_slice::<T>()?,
                        var: var.as_slice::<T>()?,
                        eps: self.eps,
                    };
                    batch_norm_eval_backward(&self.shape, x, g, stats, weight, grads);
                }
            }
            let mut all: InputGrads =
                smallvec![dx.map(|dx| Tensor::from_buffer(dx, self.x.shape()))];
            if self.weight.is_some() {
                all.push(dw.map(|dw| Tensor::from_buffer(dw, [c])));
            }
            all.push(db.map(|db| Tensor::from_buffer(db, [c])));
            Ok(all)
        })
    }
}
