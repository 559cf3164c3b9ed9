//! Connectionist temporal classification.

use pleach_core::autograd::{
    Attributes, Call, GradOf, GradsOf, Operation, Own, Rules, Saved, Saves, apply,
};
use pleach_core::{DType, Element, Error, Result, Tensor};
use pleach_kernels::{Buffer, Ctc, CtcSample, Float};

use super::Reduction;
use super::loss_options::loss_options;
use crate::setters::{given, setters};

/// The negative log-likelihood of sequences of labels whose places in time are not known: summed over
/// all ways to spread the labels over the steps, each for one step or more, with blanks between
/// (Graves et al. 2006).
///
/// Shapes: `log_probs` (of a log-softmax) `[T, N, C]` or `[T, C]`; targets `[N, S]`, or one after the
/// other `[Σ target_lengths]`; lengths `[N]` or `[]`, of an integer dtype; the result is 0-d, or
/// `[N]` or `[]` without reduction. The mean is that of the losses over their targets' lengths.
///
/// A target that is longer than its sequence has no way: its loss is infinite, or 0 with
/// `zero_infinity`. The gradient is that of scores whose log-softmax is `log_probs`, as in PyTorch; it
/// has no derivative.
///
/// # Errors
/// If shapes, dtypes or lengths do not fit, `blank` or a target is no label, or a string is unknown.
///
/// ```
/// use pleach::{Tensor, tensor};
/// use pleach::nn::functional as F;
/// let log_probs = Tensor::full([2, 1, 2], 0.5f64.ln());
/// let length = tensor![2];
/// let loss = F::ctc_loss(&log_probs, &tensor![[1]], &length, &tensor![1], Default::default())?;
/// assert!((loss.item()? + 0.75f64.ln()).abs() < 1e-6); // all ways but two blanks
/// # Ok::<(), pleach::Error>(())
/// ```
pub fn ctc_loss(
    log_probs: &Tensor,
    targets: &Tensor,
    input_lengths: &Tensor,
    target_lengths: &Tensor,
    options: CtcLossOptions<'_>,
) -> Result<Tensor> {
    let reduction = options.reduction?;
    for (name, lengths) in [
        ("input_lengths", input_lengths),
        ("target_lengths", target_lengths),
    ] {
        if lengths.dtype().is_float() || lengths.dtype() == DType::Bool {
            return Err(Error::dtype(format!("{name} must be integral")));
        }
    }
    let batched = log_probs.rank() == 3;
    let log_probs = match batched {
        true => log_probs.clone(),
        false if log_probs.rank() == 0 => log_probs.unsqueeze(0)?,
        false => log_probs.unsqueeze(1)?,
    };
    let lengths = |t: &Tensor| t.to_dtype(DType::I64)?.to_vec::<i64>();
    let loss = CtcLoss {
        input_lengths: lengths(input_lengths)?,
        target_lengths: lengths(target_lengths)?,
        blank: options.blank,
        zero_infinity: options.zero_infinity,
    };
    let targets = targets.to_dtype(DType::I64)?;
    loss.check(&log_probs, &targets)?;
    let lengths = loss.target_lengths.clone();
    let mut losses = apply(loss, (&log_probs, &targets))?.0;
    if options.zero_infinity {
        losses = Tensor::where_cond(&losses.eq(f64::INFINITY)?, 0.0, &losses)?;
    }
    match reduction {
        Reduction::None if !batched => losses.reshape(()),
        Reduction::None => Ok(losses),
        Reduction::Sum => losses.sum(),
        Reduction::Mean => {
            let lengths: Vec<i64> = lengths.into_iter().map(|l| l.max(1)).collect();
            let lengths = Tensor::from_vec(lengths, losses.shape())?;
            losses.div(&lengths.to_dtype(losses.dtype())?)?.mean()
        }
    }
}

loss_options! {
    /// What [`ctc_loss`] takes beside its tensors.
    CtcLossOptions<'a> {
        weights {}
        values {
            /// The label between others (0 by default).
            blank: i64 = 0;
            /// Whether an infinite loss counts as 0, and has no gradient (no, by default).
            zero_infinity: bool = false;
        }
    }
}

/// The losses of a batch, and what the gradient needs beside.
#[derive(Clone, Debug)]
pub struct CtcLoss {
    input_lengths: Vec<i64>,
    target_lengths: Vec<i64>,
    blank: i64,
    zero_infinity: bool,
}

/// The end of PyTorch's refusals.
const WHERE: &str = "(while checking arguments for ctc_loss_allocate_outputs)";

impl CtcLoss {
    fn check(&self, log_probs: &Tensor, targets: &Tensor) -> Result<()> {
        if log_probs.numel() == 0 {
            return Err(Error::shape("log_probs tensor must not be empty"));
        }
        if !matches!(log_probs.dtype(), DType::F32 | DType::F64) {
            return Err(Error::not_implemented("ctc_loss_cpu", log_probs.dtype()));
        }
        let &[steps, batch, labels] = log_probs.shape() else {
            return Err(Error::shape(format!(
                "Expected 3-dimensional tensor, but got {}-dimensional tensor for argument #1 'log_probs' {WHERE}",
                log_probs.rank()
            )));
        };
        if !matches!(targets.rank(), 1 | 2) {
            return Err(Error::shape(format!(
                "Expected 1 to 2 dimensions, but got {}-dimensional tensor for argument #2 'targets' {WHERE}",
                targets.rank()
            )));
        }
        if !(0..labels as i64).contains(&self.blank) {
            return Err(Error::value("blank must be in label range"));
        }
        let all = [
            ("input_lengths", &self.input_lengths),
            ("target_lengths", &self.target_lengths),
        ];
        for (name, lengths) in all {
            if lengths.len() != batch {
                return Err(Error::shape(format!("{name} must be of size batch_size")));
            }
        }
        for (name, lengths) in all.into_iter().rev() {
            if let Some(negative) = lengths.iter().find(|l| **l < 0) {
                return Err(Error::value(format!(
                    "Expected {name} to have value at least 0, but got value {negative} {WHERE}"
                )));
            }
        }
        self.check_targets(targets, batch)?;
        if let Some(long) = self.input_lengths.iter().find(|l| **l > steps as i64) {
            return Err(Error::value(format!(
                "Expected input_lengths to have value at most {steps}, but got value {long} {WHERE}"
            )));
        }
        let targets = targets.contiguous()?;
        let mut used = self.samples(targets.shape(), targets.as_slice::<i64>()?);
        let is_label = |t: &i64| (0..labels as i64).contains(t);
        match used.find_map(|s| s.targets.iter().find(|t| !is_label(t)).copied()) {
            Some(bad) => Err(Error::index(format!("Target {bad} is out of bounds."))
                .with_hint(format!("labels are from 0 to {}", labels - 1))),
            None => Ok(()),
        }
    }

    fn check_targets(&self, targets: &Tensor, batch: usize) -> Result<()> {
        let size = |dim: usize, wanted: String, got: usize| {
            Err(Error::shape(format!(
                "Expected tensor to have size {wanted} at dimension {dim}, but got size {got} for argument #2 'targets' {WHERE}"
            )))
        };
        match *targets.shape() {
            [all] => {
                let total = self.target_lengths.iter();
                let total = total.fold(0i64, |sum, l| sum.saturating_add(*l));
                match total == all as i64 {
                    true => Ok(()),
                    false => size(0, total.to_string(), all),
                }
            }
            [rows, _] if rows != batch => size(0, batch.to_string(), rows),
            [_, longest] => match self.target_lengths.iter().max() {
                Some(&wanted) if wanted > longest as i64 => {
                    size(1, format!("at least {wanted}"), longest)
                }
                _ => Ok(()),
            },
            _ => Ok(()),
        }
    }

    /// The sequences, whose lengths were checked.
    fn samples<'a>(
        &'a self,
        shape: &'a [usize],
        targets: &'a [i64],
    ) -> impl Iterator<Item = CtcSample<'a>> {
        let mut next = 0;
        let lengths = self.input_lengths.iter().zip(&self.target_lengths);
        lengths.enumerate().map(move |(i, (steps, length))| {
            let (start, length) = match *shape {
                [_, each] => (i * each, *length as usize),
                _ => (next, *length as usize),
            };
            next = start + length;
            CtcSample {
                steps: *steps as usize,
                targets: &targets[start..start + length],
            }
        })
    }

    fn forward<T: Float + Element>(
        &self,
        x: &Tensor,
        targets: &Tensor,
    ) -> Result<(Tensor, Tensor)> {
        let (steps, batch, labels) = (x.shape()[0], x.shape()[1], x.shape()[2]);
        let samples = self.samples(targets.shape(), targets.as_slice::<i64>()?);
        let samples: Vec<CtcSample<'_>> = samples.collect();
        let ctc = Ctc {
            steps,
            labels,
            blank: self.blank as usize,
            samples: &samples,
        };
        let shape = [batch, steps, ctc.states()];
        let mut alpha = Buffer::<T>::try_new(pleach_core::checked_numel(&shape)?)?;
        let mut losses = Buffer::<T>::try_new(batch)?;
        ctc.forward(x.as_slice()?, &mut alpha, &mut losses);
        Ok((
            Tensor::from_buffer(losses, [batch]),
            Tensor::from_buffer(alpha, shape),
        ))
    }

    fn gradient<T: Float + Element>(
        &self,
        [x, targets, losses, alpha, grad]: [&Tensor; 5],
    ) -> Result<Tensor> {
        let (steps, batch, labels) = (x.shape()[0], x.shape()[1], x.shape()[2]);
        let samples = self.samples(targets.shape(), targets.as_slice::<i64>()?);
        let samples: Vec<CtcSample<'_>> = samples.collect();
        let ctc = Ctc {
            steps,
            labels,
            blank: self.blank as usize,
            samples: &samples,
        };
        let mut out = Buffer::<T>::try_new(x.numel())?;
        let kept = (alpha.as_slice()?, losses.as_slice()?);
        ctc.backward(
            x.as_slice()?,
            kept,
            grad.as_slice()?,
            self.zero_infinity,
            &mut out,
        );
        let out = Tensor::from_buffer(out, [batch, steps, labels]);
        out.transpose(0, 1)?.contiguous()
    }
}

impl Operation for CtcLoss {
    type Inputs<'a> = (&'a Tensor, &'a Tensor);
    type Outputs = (Tensor, Tensor);
    const RULES: Rules = Rules {
        first_only: true,
        ..Rules::DENSE
    };

    fn name(&self) -> &'static str {
        "ctc_loss"
    }
    fn grad_name(&self) -> &'static str {
        "CtcLossBackward0"
    }
    fn attributes(&self) -> Attributes {
        vec![
            ("blank", self.blank.into()),
            ("zero_infinity", self.zero_infinity.into()),
        ]
    }
    fn forward(&self, (x, targets): Self::Inputs<'_>, _: &mut Own) -> Result<Self::Outputs> {
        dispatch_float!("ctc_loss_cpu", x.dtype(), T => self.forward::<T>(x, targets))
    }
    fn saves(&self, _: Call<'_>) -> Saves {
        Saves::NONE.input(0).input(1).output(0).output(1)
    }
    fn backward(&self, saved: &Saved<'_>, [grad, _]: GradOf<'_, Self>) -> Result<GradsOf<Self>> {
        let Some(grad) = grad else {
            return Ok([None, None]);
        };
        let inputs = (
            &saved.input(0)?,
            &saved.input(1)?,
            &saved.output(0)?,
            &saved.output(1)?,
            grad,
        );
        let dx = saved.grad(0, || apply(CtcGradient(self.clone()), inputs))?;
        Ok([dx, None])
    }
}

/// The gradient of the log-probabilities; as in PyTorch it has none itself.
#[derive(Clone, Debug)]
struct CtcGradient(CtcLoss);

impl Operation for CtcGradient {
    type Inputs<'a> = (&'a Tensor, &'a Tensor, &'a Tensor, &'a Tensor, &'a Tensor);
    type Outputs = Tensor;
    const RULES: Rules = Rules::DENSE;

    fn name(&self) -> &'static str {
        "_ctc_loss_backward"
    }
    fn forward(
        &self,
        (x, targets, losses, alpha, grad): Self::Inputs<'_>,
        _: &mut Own,
    ) -> Result<Tensor> {
        dispatch_float!("ctc_loss_backward_cpu", x.dtype(), T => {
            self.0.gradient::<T>([x, targets, losses, alpha, grad])
        })
    }
}
