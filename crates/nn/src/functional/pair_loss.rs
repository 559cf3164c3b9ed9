//! Losses of single elements and their targets, reduced: what the functions of several files have in
//! common.

use pleach_core::autograd::{
    Attributes, Call, GradOf, GradsOf, Operation, Own, Rules, Saved, Saves, apply,
};
use pleach_core::{DType, Error, Result, Tensor, is_grad_enabled, size_text};
use pleach_kernels::{Buffer, PairLoss as Kernel, reduce::sum, zip_inplace};

use super::{Reduction, filled};

/// A loss of elements and targets of one shape, reduced.
#[derive(Clone, Debug)]
pub struct PairLoss {
    /// The loss.
    pub(super) kind: Kernel,
    /// How the losses of single elements become one.
    pub(super) reduction: Reduction,
    /// The name in traces and refusals.
    pub(super) name: &'static str,
    /// That of the last operation that it stands for.
    pub(super) grad_name: &'static str,
}

impl PairLoss {
    /// Runs it on elements and targets that are broadcast together.
    pub(super) fn run(self, input: &Tensor, target: &Tensor) -> Result<Tensor> {
        if input.shape() == target.shape() {
            return apply(self, (input, target));
        }
        let (input, target) = broadcast(input, target)?;
        apply(self, (&input, &target))
    }

    /// What the sum of the losses is divided by.
    fn count(&self, elements: usize) -> f64 {
        match self.reduction {
            Reduction::Mean => elements as f64,
            Reduction::None | Reduction::Sum => 1.0,
        }
    }

    fn attributes_of(&self) -> Attributes {
        let mut all = vec![("reduction", self.reduction.name().into())];
        match self.kind {
            Kernel::SmoothL1 { beta } => all.push(("beta", beta.into())),
            Kernel::Huber { delta } => all.push(("delta", delta.into())),
            Kernel::LogDivergence => all.push(("log_target", true.into())),
            _ => {}
        }
        all
    }

    /// The derivative by the elements, in operations.
    fn slope(&self, x: &Tensor, y: &Tensor) -> Result<Tensor> {
        let difference = || x.sub(y);
        match self.kind {
            Kernel::Absolute => difference()?.sign(),
            Kernel::Squared => difference()?.mul(2.0),
            Kernel::SmoothL1 { beta } => difference()?.div(beta)?.clamp(-1.0, 1.0),
            Kernel::Huber { delta } => difference()?.clamp(-delta, delta),
            Kernel::BinaryCrossEntropy => {
                difference()?.div(&x.rsub(1.0)?.mul(x)?.clamp(1e-12, None)?)
            }
            Kernel::WithLogits => x.sigmoid()?.sub(y),
            Kernel::Divergence => y.neg(),
            Kernel::LogDivergence => y.exp()?.neg(),
            Kernel::SoftMargin => y.mul(&x.mul(y)?.neg()?.sigmoid()?)?.neg(),
        }
    }

    /// The derivative by the targets, where it is not the opposite of that by the elements.
    fn slope_of_target(&self, x: &Tensor, y: &Tensor) -> Result<Tensor> {
        match self.kind {
            Kernel::BinaryCrossEntropy => x.rsub(1.0)?.log()?.sub(&x.log()?),
            Kernel::WithLogits => x.neg(),
            // PyTorch's, which is nan where the target is 0.
            Kernel::Divergence => y.log()?.add(&y.div(y)?)?.sub(x),
            Kernel::LogDivergence => y.exp()?.mul(&y.sub(x)?.add(1.0)?),
            _ => Err(Error::autograd(format!(
                "the derivative of '{}' by its target is not implemented",
                self.name
            ))),
        }
    }
}

impl Operation for PairLoss {
    type Inputs<'a> = (&'a Tensor, &'a Tensor);
    type Outputs = Tensor;
    const RULES: Rules = Rules::FLOAT;

    fn name(&self) -> &'static str {
        self.name
    }
    fn grad_name(&self) -> &'static str {
        self.grad_name
    }
    fn attributes(&self) -> Attributes {
        self.attributes_of()
    }
    fn forward(&self, (x, y): Self::Inputs<'_>, _: &mut Own) -> Result<Tensor> {
        dispatch_float!(self.name, x.dtype(), T => {
            let (elements, targets) = (x.as_slice::<T>()?, y.as_slice::<T>()?);
            if self.reduction == Reduction::None {
                return filled(x.shape(), |out| self.kind.values(elements, targets, out));
            }
            let mut losses = Buffer::<T>::try_new(elements.len())?;
            self.kind.values(elements, targets, &mut losses);
            let loss = sum(&losses) / self.count(elements.len()) as T;
            Ok(Tensor::from_buffer(Buffer::full(1, loss), ()))
        })
    }
    fn saves(&self, call: Call<'_>) -> Saves {
        // The divergence is linear in its elements.
        let linear = matches!(self.kind, Kernel::Divergence | Kernel::LogDivergence);
        Saves::NONE.input_if(!linear || call.needs(1), 0).input(1)
    }
    fn backward(&self, saved: &Saved<'_>, grad: GradOf<'_, Self>) -> Result<GradsOf<Self>> {
        let y = saved.input(1)?;
        let x = saved.optional(0).unwrap_or_else(|| y.clone());
        let each = |slope: Tensor| {
            let grad = match self.count(x.numel()) {
                1.0 => grad.clone(),
                count => grad.div(count)?,
            };
            slope.mul(&grad)
        };
        let of_difference = self.kind.of_difference();
        let mut dx = None;
        if saved.needs(0) || of_difference {
            dx = Some(match saved.recording() {
                true => each(self.slope(&x, &y)?)?,
                false => apply(PairGradient(self.clone()), (&x, &y, grad))?,
            });
        }
        let dy = saved.grad(1, || match &dx {
            Some(dx) if of_difference => dx.neg(),
            _ => each(self.slope_of_target(&x, &y)?),
        })?;
        Ok([dx.filter(|_| saved.needs(0)), dy])
    }
}

/// The gradient of the elements, in one pass. It has no derivative: what is recorded computes it in
/// operations.
#[derive(Clone, Debug)]
struct PairGradient(PairLoss);

impl Operation for PairGradient {
    type Inputs<'a> = (&'a Tensor, &'a Tensor, &'a Tensor);
    type Outputs = Tensor;
    const RULES: Rules = Rules::FLOAT;

    fn name(&self) -> &'static str {
        let PairGradient(loss) = self;
        loss.grad_name
    }
    fn attributes(&self) -> Attributes {
        self.0.attributes_of()
    }
    fn forward(&self, (x, y, grad): Self::Inputs<'_>, _: &mut Own) -> Result<Tensor> {
        let kind = self.0.kind;
        dispatch_float!(self.0.name, x.dtype(), T => {
            let (x, y, grad) = (x, y.as_slice::<T>()?, grad.as_slice::<T>()?);
            let elements = x.as_slice::<T>()?;
            filled(x.shape(), |out| match self.0.reduction {
                Reduction::None => {
                    kind.gradient(elements, y, 1.0, 1.0, out);
                    zip_inplace(out, grad, |slope, grad| slope * grad);
                }
                _ => {
                    let scale = 1.0 / self.0.count(elements.len());
                    kind.gradient(elements, y, scale as T, grad[0], out);
                }
            })
        })
    }
}

/// Two tensors, broadcast together.
pub(super) fn broadcast(a: &Tensor, b: &Tensor) -> Result<(Tensor, Tensor)> {
    let common = a.detach().eq(b.detach())?;
    Ok((
        a.broadcast_to(common.shape())?,
        b.broadcast_to(common.shape())?,
    ))
}

/// PyTorch's warning before input and target are broadcast together.
pub(super) fn warn_of_sizes(input: &Tensor, target: &Tensor) {
    if input.shape() != target.shape() {
        log::warn!(
            "Using a target size ({}) that is different to the input size ({}). This will likely lead to incorrect results due to broadcasting. Please ensure they have the same size.",
            size_text(target.shape()),
            size_text(input.shape())
        );
    }
}

/// The refusal of an input and a target of which neither is of a float type, in the name of PyTorch's
/// kernel.
pub(super) fn need_float(kernel: &'static str, input: &Tensor, target: &Tensor) -> Result<()> {
    let dtype = input.dtype().promote(target.dtype());
    match dtype.is_float() {
        true => Ok(()),
        false => Err(Error::not_implemented(kernel, dtype)),
    }
}

/// A loss in the dtype in which PyTorch writes it.
pub(super) fn written_as(loss: Tensor, dtype: DType) -> Result<Tensor> {
    if !dtype.is_float() {
        return Err(Error::dtype(format!(
            "result type {} can't be cast to the desired output type {}",
            loss.dtype().torch_name(),
            dtype.torch_name()
        )));
    }
    loss.to_dtype(dtype)
}

/// PyTorch's refusal of an argument that wants a gradient, and gets none.
pub(super) fn no_gradient(function: &str, argument: &str, tensor: &Tensor) -> Result<()> {
    if !tensor.requires_grad() || !is_grad_enabled() {
        return Ok(());
    }
    Err(Error::autograd(format!(
        "The function '{function}' is not differentiable with respect to argument '{argument}'. This input cannot have requires_grad True."
    )))
}
