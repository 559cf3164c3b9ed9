//! [`Chain`]: modules one after another, fused where they can be.

use pleach_core::autograd::trace::is_tracing;
use pleach_core::{Result, Tensor};
use pleach_kernels::Activation;
use smallvec::SmallVec;

use crate::Forward;
use crate::forward::{Addend, Step};

/// Calls of modules, and additions, one after another: what a hand-written `forward` writes instead
/// of `relu.call(&bn.call(&conv.call(x)?)?)`, so that steps which one pass over memory can compute
/// are one.
///
/// A batch normalisation takes an addition and a ReLU along, in training too and to the same bits;
/// without recording, a convolution does so too, and a linear layer its ReLU. Where a hook or a
/// trace watches a module, or no step can be taken along, the modules are called one by one. A
/// [`Sequential`](crate::Sequential) runs in the same way.
///
/// ```
/// use pleach::nn::layers::{BatchNorm2d, Conv2d, ReLU};
/// use pleach::nn::{Chain, Forward, Module};
/// use pleach::{Result, Tensor};
///
/// #[derive(Module)]
/// struct Block {
///     conv1: Conv2d,
///     bn1: BatchNorm2d,
///     conv2: Conv2d,
///     bn2: BatchNorm2d,
///     relu: ReLU,
/// }
///
/// impl Forward for Block {
///     fn forward(&self, x: &Tensor) -> Result<Tensor> {
///         Chain::of(x)
///             .call(&self.conv1)
///             .call(&self.bn1)
///             .call(&self.relu)
///             .call(&self.conv2)
///             .call(&self.bn2)
///             .add(x)
///             .call(&self.relu)
///             .run()
///     }
/// }
/// let conv = || Conv2d::builder(4, 4, 3).padding(1).build();
/// let block = Block {
///     conv1: conv()?,
///     bn1: BatchNorm2d::new(4),
///     conv2: conv()?,
///     bn2: BatchNorm2d::new(4),
///     relu: ReLU::new(),
/// };
/// assert_eq!(block.call(&Tensor::ones([2, 4, 8, 8]))?.shape(), [2, 4, 8, 8]);
/// # Ok::<(), pleach::Error>(())
/// ```
#[must_use = "nothing is computed before `run`"]
pub struct Chain<'a> {
    input: &'a Tensor,
    links: SmallVec<[Link<'a>; 8]>,
}

enum Link<'a> {
    Add(Addend<'a>),
    Call(&'a dyn Forward),
}

impl<'a> Chain<'a> {
    /// A chain without steps: it returns its input.
    pub fn of(input: &'a Tensor) -> Self {
        Chain {
            input,
            links: SmallVec::new(),
        }
    }

    /// Then the call of a module.
    pub fn call(mut self, module: &'a dyn Forward) -> Self {
        self.links.push(Link::Call(module));
        self
    }

    /// Then the addition of a tensor.
    #[allow(clippy::should_implement_trait)]
    pub fn add(self, tensor: &'a Tensor) -> Self {
        self.add_with(|| Ok(tensor.clone()))
    }

    /// Then the addition of what a function returns, which runs when its turn comes: the shortcut of
    /// a residual block.
    pub fn add_with(mut self, tensor: impl Fn() -> Result<Tensor> + 'a) -> Self {
        self.links.push(Link::Add(Addend::new(tensor)));
        self
    }

    /// Computes the steps.
    ///
    /// # Errors
    /// What a module or an addition returns.
    pub fn run(self) -> Result<Tensor> {
        let steps = self.links.iter().map(|link| match link {
            Link::Add(addend) => Step::Add(addend),
            Link::Call(module) => Step::Call(&**module),
        });
        Ok(run(self.input, steps, &[])?.0)
    }
}

/// Whether a hook wants to see what a module gets and returns.
fn is_watched(module: &dyn Forward) -> bool {
    module.node().is_some_and(|node| !node.hooks().is_empty())
}

/// Runs steps one after another, and as many of those that follow them as the last one takes along;
/// the number of these is returned too.
pub(crate) fn run<'a>(
    input: &Tensor,
    steps: impl Iterator<Item = Step<'a>>,
    after: &[Step<'a>],
) -> Result<(Tensor, usize)> {
    let tracing = is_tracing();
    let idle = |step: &Step<'_>| match step {
        Step::Call(module) => module.activation() == Some(Activation::None) && !is_watched(*module),
        Step::Add(_) => false,
    };
    let mut steps: SmallVec<[Step<'a>; 8]> = steps.filter(|step| tracing || !idle(step)).collect();
    let own = steps.len();
    steps.extend_from_slice(after);
    let mut value = None;
    let mut done = 0;
    while done < own {
        let (input, rest) = (value.as_ref().unwrap_or(input), &steps[done + 1..]);
        let (output, taken) = match &steps[done] {
            Step::Add(addend) => (input.add(addend.tensor()?)?, 0),
            Step::Call(module) => {
                let watched = |step: &Step<'_>| matches!(step, Step::Call(m) if is_watched(*m));
                let free = match tracing || is_watched(*module) {
                    true => 0,
                    false => rest.iter().position(watched).unwrap_or(rest.len()),
                };
                module.call_then(input, &rest[..free])?
            }
        };
        value = Some(output);
        done += 1 + taken;
    }
    Ok((value.unwrap_or_else(|| input.clone()), done - own))
}

/// What a module that computes an addition and an activation in passing takes along.
#[derive(Clone, Copy)]
pub(crate) struct Taken<'a> {
    pub residual: Option<&'a Tensor>,
    pub activation: Activation,
    pub steps: usize,
}

impl<'a> Taken<'a> {
    /// Nothing.
    pub const NONE: Taken<'static> = Taken {
        residual: None,
        activation: Activation::None,
        steps: 0,
    };

    /// From the steps after a module whose output has what `fits` asks for in what is added to it.
    pub fn of(steps: &[Step<'a>], fits: impl FnOnce(&Tensor) -> bool) -> Result<Self> {
        let (mut taken, mut rest) = (Taken::NONE, steps);
        if let [Step::Add(addend), after @ ..] = rest {
            let residual = addend.tensor()?;
            if !fits(residual) {
                return Ok(taken);
            }
            (taken.residual, taken.steps, rest) = (Some(residual), 1, after);
        }
        Ok(taken.with_activation(rest))
    }

    /// And the activation, if the next step is one.
    pub fn with_activation(mut self, steps: &[Step<'_>]) -> Self {
        if let [Step::Call(module), ..] = steps
            && let Some(activation) = module.activation()
        {
            (self.activation, self.steps) = (activation, self.steps + 1);
        }
        self
    }
}
