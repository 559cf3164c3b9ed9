//! [`Forward`]: a module that maps a tensor to a tensor. [`ForwardMany`]: one that maps anything to
//! anything.

use once_cell::unsync::OnceCell;
use pleach_core::{Result, Tensor};
use pleach_kernels::Activation;

use crate::arguments::{Arguments, Output};
use crate::call;
use crate::duplication::Duplication;
use crate::{HasMode, Module};

/// A module that maps one tensor to one tensor: what a [`Sequential`](crate::Sequential) holds.
///
/// Write `forward`; use `call`, PyTorch's `module(x)`. For other inputs and outputs there is
/// [`ForwardMany`].
///
/// ```
/// use pleach::nn::{Forward, Module};
/// use pleach::{Result, Tensor, tensor};
///
/// #[derive(Module)]
/// struct Double;
///
/// impl Forward for Double {
///     fn forward(&self, input: &Tensor) -> Result<Tensor> {
///         input.mul(2.0)
///     }
/// }
/// assert_eq!(Double.call(&tensor![1.5])?.item()?, 3.0);
/// # Ok::<(), pleach::Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be called with one tensor",
    label = "this has no `forward` of one tensor",
    note = "a `Result` gives its module by `?`: `Linear::builder(4, 3).build()?`",
    note = "a module of your own needs `impl Forward` beside `#[derive(Module)]`"
)]
pub trait Forward: Module + AsForward {
    /// What the module computes.
    fn forward(&self, input: &Tensor) -> Result<Tensor>;

    /// Runs the module's forward pre-hooks, `forward`, and its forward hooks.
    ///
    /// # Errors
    /// What `forward` or a hook returns, with the type of the innermost module that was called
    /// and its path in the outermost one: `layer1.0.conv1 (Conv2d): …`. A module that appears
    /// several times is named by its first path.
    fn call(&self, input: &Tensor) -> Result<Tensor> {
        Ok(self.call_then(input, &[])?.0)
    }

    /// `forward`, and as many of the steps after it as the module computes in the same pass over
    /// memory: the number of these steps is returned too.
    ///
    /// A [`Chain`](crate::Chain) and a [`Sequential`](crate::Sequential) offer the steps; they do
    /// not if somebody watches, by a hook or a trace, what a module gets and returns. The numbers
    /// have to be those of the separate steps.
    ///
    /// # Errors
    /// As `forward`.
    fn forward_then(&self, input: &Tensor, _steps: &[Step<'_>]) -> Result<(Tensor, usize)> {
        Ok((self.forward(input)?, 0))
    }

    /// What the module computes, if it is an [`Activation`] that a module before it can compute in
    /// passing.
    fn activation(&self) -> Option<Activation> {
        None
    }

    /// [`Forward::call`], by [`Forward::forward_then`].
    #[doc(hidden)]
    fn call_then(&self, input: &Tensor, steps: &[Step<'_>]) -> Result<(Tensor, usize)> {
        let mut taken = 0;
        let output = call::call_one(self.as_module(), input, |input| {
            let (output, steps) = self.forward_then(input, steps)?;
            taken = steps;
            Ok(output)
        })?;
        Ok((output, taken))
    }
}

impl HasMode for dyn Forward {}

/// A step after a module, which the module may take along: see [`Forward::forward_then`].
#[derive(Clone, Copy)]
pub enum Step<'a> {
    /// The addition of a tensor.
    Add(&'a Addend<'a>),
    /// The call of a module.
    Call(&'a dyn Forward),
}

/// A tensor to be added: computed when it is first asked for, so that modules run in the order in
/// which they are written.
pub struct Addend<'a> {
    tensor: OnceCell<Tensor>,
    compute: Box<dyn Fn() -> Result<Tensor> + 'a>,
}

impl<'a> Addend<'a> {
    pub(crate) fn new(compute: impl Fn() -> Result<Tensor> + 'a) -> Self {
        Addend {
            tensor: OnceCell::new(),
            compute: Box::new(compute),
        }
    }

    /// The tensor.
    ///
    /// # Errors
    /// What computing it returns.
    pub fn tensor(&self) -> Result<&Tensor> {
        self.tensor.get_or_try_init(&self.compute)
    }
}

/// A module with any inputs and outputs: two images, a sequence and its mask, the heads of a
/// detector.
///
/// Write `forward`; use `call`, PyTorch's `module(a, b)`, with the arguments as a tuple. Hooks,
/// errors and traces are those of every module.
///
/// ```
/// use pleach::nn::{ForwardMany, Forward, Module, layers::Linear};
/// use pleach::{Result, Tensor};
///
/// /// How far two inputs are from each other, and what each became.
/// #[derive(Module)]
/// struct Siamese {
///     trunk: Linear,
/// }
///
/// impl ForwardMany for Siamese {
///     type Arguments<'a> = (&'a Tensor, &'a Tensor);
///     type Output = (Tensor, [Tensor; 2]);
///
///     fn forward(&self, (left, right): Self::Arguments<'_>) -> Result<Self::Output> {
///         let (left, right) = (self.trunk.call(left)?, self.trunk.call(right)?);
///         Ok((left.sub(&right)?.norm()?, [left, right]))
///     }
/// }
/// let net = Siamese { trunk: Linear::new(4, 2) };
/// let x = Tensor::ones([3, 4]);
/// let (distance, _) = net.call((&x, &x))?;
/// assert_eq!(distance.item()?, 0.0);
/// assert!(net.call((&x, &Tensor::ones([3, 5]))).unwrap_err().to_string().starts_with("trunk (Linear): "));
/// # Ok::<(), pleach::Error>(())
/// ```
pub trait ForwardMany: Module + Sized {
    /// What `forward` is given: `&'a Tensor`, or a tuple such as `(&'a Tensor, Option<&'a Tensor>)`.
    type Arguments<'a>: for<'b> Arguments<'a, At<'b> = Self::Arguments<'b>>;
    /// What it returns: a [`Tensor`], or a tuple such as `(Tensor, Tensor)`.
    type Output: Output;

    /// What the module computes.
    fn forward(&self, arguments: Self::Arguments<'_>) -> Result<Self::Output>;

    /// Runs the module's forward pre-hooks, `forward`, and its forward hooks.
    ///
    /// # Errors
    /// As [`Forward::call`].
    fn call(&self, arguments: Self::Arguments<'_>) -> Result<Self::Output> {
        call::call(self.as_module(), arguments, |new| match new {
            Some(mut new) => self.forward(arguments.with_tensors(&mut new)?),
            None => self.forward(arguments),
        })
    }
}

/// Conversions that need the concrete type, for boxed modules.
#[doc(hidden)]
pub trait AsForward {
    fn duplicate_forward(&self, how: &mut Duplication) -> Box<dyn Forward>;
    fn share_forward(&self) -> Box<dyn Forward> {
        self.duplicate_forward(&mut Duplication::alias())
    }
}

impl<T: Forward> AsForward for T {
    fn duplicate_forward(&self, how: &mut Duplication) -> Box<dyn Forward> {
        Box::new(self.duplicate(how))
    }
}

impl<T: Forward> From<T> for Box<dyn Forward> {
    fn from(module: T) -> Self {
        Box::new(module)
    }
}
