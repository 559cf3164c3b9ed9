//! Negative log-likelihood of class targets.

use pleach_core::autograd::{
    Attributes, Call, GradsOf, Operation, Own, Rules, Saved, Saves, apply,
};
use pleach_core::{DType, Element, Error, Result, Tensor, checked_numel};
use pleach_kernels::{Buffer, CrossEntropy, CrossEntropyTarget, Float};

use super::pair_loss::no_gradient;
use super::{Reduction, check_dtype, filled, softmax};
use crate::setters::{given, setters};

/// `-weight[target] · input[target]`, reduced: the loss of log-probabilities.
///
/// Shapes: input `[C]`, `[N, C]` or `[N, C, d1, …]`; target (i64 or u8) the same without C;
/// weight `[C]`. The result is 0-d, or of the target's shape without reduction.
///
/// Targets equal to `ignore_index` count for nothing. The mean is
/// weighted: the sum of the losses over the sum of the used targets' weights, nan if there are
/// none.
///
/// # Errors
/// If shapes or dtypes do not fit, or a target is no class.
///
/// ```
/// use pleach::tensor;
/// use pleach::nn::functional::{self as F, NllLossOptions};
/// let log_probs = tensor![[-1.0, -2.0], [-3.0, -4.0]];
/// let loss = F::nll_loss(&log_probs, &tensor![0, 1], NllLossOptions::new())?;
/// assert_eq!(loss.item()?, 2.5);
/// # Ok::<(), pleach::Error>(())
/// ```
pub fn nll_loss(input: &Tensor, target: &Tensor, options: NllLossOptions<'_>) -> Result<Tensor> {
    if is_half(input) {
        return of_half(
            input,
            (target, true),
            options.weight,
            |input, target, weight| nll_loss(input, target, options.clone().weight(weight)),
        );
    }
    let op = NllLoss {
        softmax: false,
        ignore_index: Some(options.ignore_index),
        label_smoothing: 0.0,
        reduction: options.reduction?,
        grad_name: node_name(input.rank()),
    };
    op.of_classes(input, target, options.weight)
}

/// What [`nll_loss`] takes beside its tensors.
#[derive(Debug, Clone)]
#[must_use]
pub struct NllLossOptions<'a> {
    weight: Option<&'a Tensor>,
    ignore_index: i64,
    reduction: Result<Reduction>,
}

impl<'a> NllLossOptions<'a> {
    /// PyTorch's defaults.
    pub fn new() -> Self {
        NllLossOptions {
            weight: None,
            ignore_index: -100,
            reduction: Ok(Reduction::Mean),
        }
    }

    setters! {
        |options| options;
        /// A weight for each class (all 1 by default).
        weight: impl Into<Option<&'a Tensor>> = weight.into();
        /// The class that counts for nothing (-100 by default).
        ignore_index: i64 = ignore_index;
        /// How the losses of single elements become one: `"mean"` (the default), `"sum"` or
        /// `"none"`, or a [`Reduction`].
        reduction: impl TryInto<Reduction, Error: Into<Error>> = given(reduction);
    }
}

impl Default for NllLossOptions<'_> {
    fn default() -> Self {
        Self::new()
    }
}

pub(super) fn is_half(t: &Tensor) -> bool {
    matches!(t.dtype(), DType::F16 | DType::BF16)
}

/// A loss of half floats, computed in f32 and rounded. Beside the target stands whether it is one of
/// classes, not of probabilities.
pub(super) fn of_half(
    input: &Tensor,
    (target, of_classes): (&Tensor, bool),
    weight: Option<&Tensor>,
    run: impl FnOnce(&Tensor, &Tensor, Option<&Tensor>) -> Result<Tensor>,
) -> Result<Tensor> {
    let mut dtype = input.dtype();
    if of_classes {
        weight.map_or(Ok(()), |w| check_dtype(w, dtype))?;
    } else {
        let floats = [Some(target), weight].into_iter().flatten();
        for other in floats.filter(|t| t.dtype().is_float()) {
            dtype = dtype.promote(other.dtype());
        }
    }
    let wide = |t: &Tensor| match is_half(t) {
        true => t.float(),
        false => Ok(t.clone()),
    };
    let weight = weight.map(wide).transpose()?;
    run(&input.float()?, &wide(target)?, weight.as_ref())?.to_dtype(dtype)
}

/// PyTorch's name of the node, by the number of dimensions of the input.
pub(super) fn node_name(rank: usize) -> &'static str {
    match rank {
        1 | 2 => "NllLossBackward0",
        _ => "NllLoss2DBackward0",
    }
}

/// A tensor of scores seen as `[batch, classes, spatial]`.
fn sizes(shape: &[usize]) -> (usize, usize, usize) {
    match shape {
        &[classes] => (1, classes, 1),
        &[batch, classes, ref spatial @ ..] => (batch, classes, spatial.iter().product()),
        [] => unreachable!("the shapes were checked"),
    }
}

/// Mixes probabilities with the uniform distribution.
pub(super) fn smoothed(target: &Tensor, by: f64, classes: usize) -> Result<Tensor> {
    match by > 0.0 {
        true => target.mul(1.0 - by)?.add(by / classes as f64),
        false => Ok(target.clone()),
    }
}

/// The negative log-likelihood of targets.
///
/// Inputs: log-probabilities or scores; classes or probabilities, without a gradient; the weights of
/// the classes.
#[derive(Clone, Debug)]
pub struct NllLoss {
    /// Whether the first input are scores.
    pub(super) softmax: bool,
    /// The class that counts for nothing, if the targets are classes.
    pub(super) ignore_index: Option<i64>,
    /// How much of the target is spread over all classes.
    pub(super) label_smoothing: f64,
    /// How the losses of single targets become one.
    pub(super) reduction: Reduction,
    /// That of the last operation that it stands for.
    pub(super) grad_name: &'static str,
}

/// What computes it.
enum Kernel<'a, T> {
    Nll(pleach_kernels::NllLoss<'a, T>),
    CrossEntropy(CrossEntropy<'a, T>),
}

/// The dimension of the classes.
pub(super) fn class_dim(shape: &[usize]) -> usize {
    usize::from(shape.len() > 1)
}

impl NllLoss {
    /// The loss of class targets, after all checks.
    pub(super) fn of_classes(
        self,
        input: &Tensor,
        target: &Tensor,
        weight: Option<&Tensor>,
    ) -> Result<Tensor> {
        check_shapes(input, target)?;
        let (_, classes, _) = sizes(input.shape());
        let target = match target.dtype() {
            DType::I64 => target.contiguous()?,
            DType::U8 => target.to_dtype(DType::I64)?,
            other => {
                return Err(Error::dtype(format!(
                    "expected target dtype to be Long or Byte, but got {}",
                    other.torch_name()
                ))
                .hint_conversion(other, DType::I64));
            }
        };
        if let Some(weight) = weight {
            if weight.shape() != [classes] {
                return Err(Error::shape(format!(
                    "weight tensor should be defined either for all {classes} classes or no classes but got weight tensor of shape: {:?}",
                    weight.shape()
                )));
            }
            check_dtype(weight, input.dtype())?;
            let function = match input.rank() {
                1 | 2 => "nll_loss_forward",
                _ => "nll_loss2d_forward",
            };
            no_gradient(function, "weight", weight)?;
        }
        let is_class = |t: &i64| (0..classes as i64).contains(t) || Some(*t) == self.ignore_index;
        if let Some(bad) = target.as_slice::<i64>()?.iter().find(|t| !is_class(t)) {
            return Err(
                Error::index(format!("Target {bad} is out of bounds.")).with_hint(format!(
                    "{classes} scores are for classes from 0 to {}",
                    classes as i64 - 1
                )),
            );
        }
        let weight = weight.map(Tensor::detach);
        apply(self, (input, &target, weight.as_ref()))
    }

    /// The shape of the losses of single targets.
    fn shape(&self, input: &[usize], target: &[usize]) -> Vec<usize> {
        let mut shape = target.to_vec();
        if self.ignore_index.is_none() {
            shape.remove(class_dim(input));
        }
        shape
    }

    fn kernel<'a, T: Float + Element>(
        &self,
        shape: &[usize],
        target: &'a Tensor,
        weight: Option<&'a Tensor>,
    ) -> Result<Kernel<'a, T>> {
        let (batch, classes, spatial) = sizes(shape);
        let weight = weight.map(Tensor::as_slice).transpose()?;
        let target = match self.ignore_index {
            Some(ignore_index) if !self.softmax => {
                return Ok(Kernel::Nll(pleach_kernels::NllLoss {
                    batch,
                    classes,
                    spatial,
                    targets: target.as_slice()?,
                    weight,
                    ignore_index,
                }));
            }
            Some(ignore_index) => CrossEntropyTarget::Classes {
                classes: target.as_slice()?,
                ignore_index,
            },
            None => CrossEntropyTarget::Probabilities(target.as_slice()?),
        };
        Ok(Kernel::CrossEntropy(CrossEntropy {
            batch,
            classes,
            spatial,
            target,
            weight,
            label_smoothing: self.label_smoothing,
        }))
    }

    /// The gradient of the input from those of the single losses, in operations.
    fn in_operations(&self, saved: &Saved<'_>, each: &Tensor) -> Result<Tensor> {
        let (shape, target) = (saved.shape(0), saved.input(1)?);
        let dim = class_dim(shape);
        let (mut column, mut row) = (shape.to_vec(), vec![1; shape.len()]);
        (column[dim], row[dim]) = (1, shape[dim]);
        let mut wanted = match self.ignore_index {
            Some(_) => {
                let classes = Tensor::arange(shape[dim]).reshape(&row[..])?;
                let hit = target.reshape(&column[..])?.eq(&classes)?;
                hit.to_dtype(each.dtype())?
            }
            None => target.clone(),
        };
        wanted = smoothed(&wanted, self.label_smoothing, shape[dim])?;
        if let Some(weight) = saved.optional(2) {
            wanted = wanted.mul(&weight.reshape(&row[..])?)?;
        }
        if let Some(class) = self.ignore_index {
            let counts = target.ne(class)?.reshape(&column[..])?;
            wanted = wanted.mul(&counts.to_dtype(each.dtype())?)?;
        }
        let slope = match self.softmax {
            true => {
                let all = wanted.sum_dim(dim as i64, true)?;
                let softmax = softmax(&saved.input(0)?, dim as i64)?;
                softmax.mul(&all)?.sub(&wanted)?
            }
            false => wanted.neg()?,
        };
        each.reshape(&column[..])?.mul(&slope)
    }
}

impl Operation for NllLoss {
    type Inputs<'a> = (&'a Tensor, &'a Tensor, Option<&'a Tensor>);
    type Outputs = Tensor;
    const RULES: Rules = Rules::DENSE;

    fn name(&self) -> &'static str {
        ["nll_loss", "cross_entropy"][usize::from(self.softmax)]
    }
    fn grad_name(&self) -> &'static str {
        self.grad_name
    }
    fn attributes(&self) -> Attributes {
        let mut all = vec![("reduction", self.reduction.name().into())];
        all.extend(self.ignore_index.map(|i| ("ignore_index", i.into())));
        if self.softmax {
            all.push(("label_smoothing", self.label_smoothing.into()));
        }
        all
    }
    fn forward(&self, (x, target, weight): Self::Inputs<'_>, own: &mut Own) -> Result<Tensor> {
        let shape = self.shape(x.shape(), target.shape());
        let count = checked_numel(&shape)?;
        let kernel = ["nll_loss_out_frame", "cross_entropy"][usize::from(self.softmax)];
        let (losses, weights) = dispatch_float!(kernel, x.dtype(), T => {
            let room = || Buffer::<T>::try_new(count);
            let (mut losses, mut weights) = (room()?, room()?);
            let scores = x.as_slice::<T>()?;
            match self.kernel::<T>(x.shape(), target, weight)? {
                Kernel::Nll(kernel) => kernel.forward(scores, &mut losses, &mut weights),
                Kernel::CrossEntropy(kernel) => {
                    let (mut max, mut log_sum) = (room()?, room()?);
                    kernel.forward(scores, &mut losses, &mut weights, &mut max, &mut log_sum);
                    own.keep(Tensor::from_buffer(max, [count]));
                    own.keep(Tensor::from_buffer(log_sum, [count]));
                }
            }
            (Tensor::from_buffer(losses, shape), Tensor::from_buffer(weights, [count]))
        });
        match self.reduction {
            Reduction::None => Ok(losses),
            Reduction::Sum => losses.sum(),
            Reduction::Mean => {
                let total = weights.sum()?;
                let loss = losses.sum()?.div(total.item()?)?;
                own.keep(total);
                Ok(loss)
            }
        }
    }
    fn saves(&self, _: Call<'_>) -> Saves {
        Saves::NONE.input_if(self.softmax, 0).input(1).input(2)
    }
    fn backward(&self, saved: &Saved<'_>, grad: &Tensor) -> Result<GradsOf<Self>> {
        let (shape, target) = (saved.shape(0), saved.input(1)?);
        let each = match self.reduction {
            Reduction::Mean => {
                let total = saved.own_constant(if self.softmax { 2 } else { 0 })?;
                grad.div(total.item()?)?
            }
            _ => grad.clone(),
        };
        let each = each.broadcast_to(&self.shape(shape, target.shape()))?;
        if saved.recording() {
            return Ok([Some(self.in_operations(saved, &each)?), None, None]);
        }
        let (each, weight) = (each.contiguous()?, saved.optional(2));
        dispatch_float!(self.name(), each.dtype(), T => {
            let each = each.as_slice::<T>()?;
            let dx = match self.kernel::<T>(shape, &target, weight.as_ref())? {
                Kernel::Nll(kernel) => filled(shape, |dx| kernel.backward(each, dx)),
                Kernel::CrossEntropy(kernel) => {
                    let [x, max, log_sum] = [saved.input(0)?, saved.own(0)?, saved.own(1)?];
                    let (x, max, log_sum) = (x.as_slice()?, max.as_slice()?, log_sum.as_slice()?);
                    filled(shape, |dx| kernel.backward(x, max, log_sum, each, dx))
                }
            };
            Ok([Some(dx?), None, None])
        })
    }
}

fn check_shapes(input: &Tensor, target: &Tensor) -> Result<()> {
    let (x, t) = (input.shape(), target.shape());
    match x {
        [] => Err(Error::value("Expected 1 or more dimensions (got 0)")),
        [_] if t.len() > 1 => Err(multi_target(t)),
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
                return Err(multi_target(t));
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

fn multi_target(target: &[usize]) -> Error {
    let error = Error::shape("0D or 1D target tensor expected, multi-target not supported");
    match target {
        [_, 1] => error.with_hint("`.squeeze_dim(1)?` makes one class for each sample of it"),
        _ => error,
    }
}
