//! Negative log-likelihood of class targets.

use pleach_core::autograd::{Backward, record};
use pleach_core::{DType, Element, Error, Result, Tensor, checked_numel};
use pleach_kernels::{Buffer, Float, NllLoss};
use smallvec::smallvec;

use super::Reduction;

/// `-weight[target] · input[target]`, reduced: the loss of log-probabilities.
///
/// Shapes: input `[C]`, `[N, C]` or `[N, C, d1, …]`; target (i64 or u8) the same without C;
/// weight `[C]`. The result is 0-d, or of the target's shape without reduction.
///
/// Targets equal to `ignore_index` (PyTorch's default is -100) count for nothing. The mean is
/// weighted: the sum of the losses over the sum of the used targets' weights, nan if there are
/// none.
///
/// # Errors
/// If shapes or dtypes do not fit, or a target is no class.
///
/// ```
/// use pleach_core::tensor;
/// use pleach_nn::{functional as F, losses::Reduction};
/// let log_probs = tensor![[-1.0, -2.0], [-3.0, -4.0]];
/// let loss = F::nll_loss(&log_probs, &tensor![0, 1], None, -100, Reduction::Mean)?;
/// assert_eq!(loss.item()?, 2.5);
/// # Ok::<(), pleach_core::Error>(())
/// ```
pub fn nll_loss(
    input: &Tensor,
    target: &Tensor,
    weight: Option<&Tensor>,
    ignore_index: i64,
    reduction: Reduction,
) -> Result<Tensor> {
    let targets = Targets::new(input, target, weight, ignore_index)?;
    dispatch_float!("nll_loss_out_frame", input.dtype(), T => {
        typed::<T>(input, targets, reduction)
    })
}

fn typed<T: Float + Element>(
    input: &Tensor,
    targets: Targets,
    reduction: Reduction,
) -> Result<Tensor> {
    let x = input.detach().contiguous()?;
    let count = targets.target.numel();
    let (mut losses, mut weights) = (Buffer::<T>::try_new(count)?, Buffer::<T>::try_new(count)?);
    targets
        .loss::<T>()?
        .forward(x.as_slice::<T>()?, &mut losses, &mut weights);
    let losses = Tensor::from_buffer(losses, targets.target.shape());
    let (loss, total) = reduced(losses, Tensor::from_buffer(weights, [count]), reduction)?;
    let sizes = input.shape().to_vec();
    Ok(record(loss, &[input], |_| {
        Backward::new(node_name(sizes.len()), move |grad: &Tensor| {
            let each = of_each(grad, total, targets.target.shape())?;
            let mut dx = Buffer::<T>::try_new(checked_numel(&sizes)?)?;
            targets
                .loss::<T>()?
                .backward(each.as_slice::<T>()?, &mut dx);
            Ok(smallvec![Some(Tensor::from_buffer(dx, &sizes[..]))])
        })
    }))
}

/// PyTorch's name of the node, by the number of dimensions of the input.
pub(super) fn node_name(rank: usize) -> &'static str {
    match rank {
        1 | 2 => "NllLossBackward0",
        _ => "NllLoss2DBackward0",
    }
}

/// The losses of single targets as one, and what they were divided by.
pub(super) fn reduced(
    losses: Tensor,
    weights: Tensor,
    reduction: Reduction,
) -> Result<(Tensor, Option<f64>)> {
    Ok(match reduction {
        Reduction::None => (losses, None),
        Reduction::Sum => (losses.sum()?, None),
        Reduction::Mean => {
            let total = weights.sum()?.item()?;
            (losses.sum()?.div(total)?, Some(total))
        }
    })
}

/// The gradients of the losses of single targets, from that of what [`reduced`] gave.
pub(super) fn of_each(grad: &Tensor, total: Option<f64>, shape: &[usize]) -> Result<Tensor> {
    let each = match total {
        Some(total) => grad.div(total)?,
        None => grad.clone(),
    };
    each.broadcast_to(shape)?.contiguous()
}

/// A tensor of scores seen as `[batch, classes, spatial]`.
pub(super) fn sizes(shape: &[usize]) -> (usize, usize, usize) {
    match shape {
        &[classes] => (1, classes, 1),
        &[batch, classes, ref spatial @ ..] => (batch, classes, spatial.iter().product()),
        [] => unreachable!("the shapes were checked"),
    }
}

/// Class targets and their settings, checked.
pub(super) struct Targets {
    pub batch: usize,
    pub classes: usize,
    pub spatial: usize,
    pub target: Tensor,
    pub weight: Option<Tensor>,
    pub ignore_index: i64,
}

impl Targets {
    pub fn new(
        input: &Tensor,
        target: &Tensor,
        weight: Option<&Tensor>,
        ignore_index: i64,
    ) -> Result<Self> {
        check_shapes(input, target)?;
        let (batch, classes, spatial) = sizes(input.shape());
        let target = match target.dtype() {
            DType::I64 => target.contiguous()?,
            DType::U8 => target.to_dtype(DType::I64)?,
            other => {
                return Err(Error::dtype(format!(
                    "expected target dtype to be Long or Byte, but got {}",
                    other.torch_name()
                )));
            }
        };
        if let Some(weight) = weight {
            if weight.shape() != [classes] {
                return Err(Error::shape(format!(
                    "weight tensor should be defined either for all {classes} classes or no classes but got weight tensor of shape: {:?}",
                    weight.shape()
                )));
            }
            if weight.dtype() != input.dtype() {
                return Err(Error::dtype(format!(
                    "expected scalar type {} but found {}",
                    input.dtype().torch_name(),
                    weight.dtype().torch_name()
                )));
            }
        }
        let is_class = |t: &i64| (0..classes as i64).contains(t) || *t == ignore_index;
        if let Some(bad) = target.as_slice::<i64>()?.iter().find(|t| !is_class(t)) {
            return Err(Error::index(format!("Target {bad} is out of bounds.")));
        }
        Ok(Targets {
            batch,
            classes,
            spatial,
            target,
            weight: weight.map(|w| w.detach().contiguous()).transpose()?,
            ignore_index,
        })
    }

    fn loss<T: Float + Element>(&self) -> Result<NllLoss<'_, T>> {
        Ok(NllLoss {
            batch: self.batch,
            classes: self.classes,
            spatial: self.spatial,
            targets: self.target.as_slice()?,
            weight: self.weight.as_ref().map(Tensor::as_slice).transpose()?,
            ignore_index: self.ignore_index,
        })
    }
}

fn check_shapes(input: &Tensor, target: &Tensor) -> Result<()> {
    let (x, t) = (input.shape(), target.shape());
    match x {
        [] => Err(Error::value("Expected 1 or more dimensions (got 0)")),
        [_] if t.len() > 1 => Err(multi_target()),
        [classes] if t.is_empty() || (t == [1] && *classes == 1) => Ok(()),
        [_] => Err(Error::shape(format!(
            "size mismatch (got input: {x:?}, target: {t:?})"
        ))),
        [batch, _, spatial @ ..] => {
            let target_batch = t.first().copied().unwrap_or(1);
            if *batch != target_batch {
                return Err(Error::value(format!(
                    "Expected input batch_size ({batch}) to match target batch_size ({target_batch})."
                )));
            }
            if spatial.is_empty() && t.len() > 1 {
                return Err(multi_target());
            }
            if t.get(1..) != Some(spatial) {
                let mut expected = vec![*batch];
                expected.extend(spatial);
                return Err(Error::shape(format!(
                    "Expected target size {expected:?}, got {t:?}"
                )));
            }
            Ok(())
        }
    }
}

fn multi_target() -> Error {
    Error::shape("0D or 1D target tensor expected, multi-target not supported")
}
