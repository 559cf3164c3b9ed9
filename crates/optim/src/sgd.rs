//! Stochastic gradient descent, with momentum.

use pleach_core::{Error, Result};
use pleach_kernels::{Float, SgdStep, sgd_momentum_step, sgd_step};

use crate::optimizer_rule::optimizer;
use crate::rule::not_negative;
use crate::{Rule, StateValue, Step};

optimizer! {
    /// Stochastic gradient descent: PyTorch's `torch.optim.SGD`.
    ///
    /// For a gradient `g` (negated with `maximize`) of a parameter `p`:
    ///
    /// ```text
    /// d = g + weight_decay * p
    /// b = d                                       at the parameter's first step
    /// b = momentum * b + (1 - dampening) * d      later
    /// p = p - lr * b                              (nesterov: d + momentum * b instead of b)
    /// ```
    ///
    /// Without momentum `b` is `d`. All parameters share the options, unless their group has its own:
    ///
    /// ```
    /// use pleach::{Parameter, Tensor};
    /// use pleach::optim::{Optimizer, SGD, SgdGroup};
    /// let (body, head) = (Parameter::new(Tensor::zeros([4])), Parameter::new(Tensor::zeros([2])));
    /// let optimizer = SGD::builder([body.share()])
    ///     .group(SgdGroup::new([head.share()]).lr(1e-2))
    ///     .lr(1e-3)
    ///     .momentum(0.9)
    ///     .build()?;
    /// assert_eq!(optimizer.lr(0)?, 1e-3);
    /// assert_eq!(optimizer.lr(1)?, 1e-2);
    /// assert_eq!(optimizer.options(1)?.momentum, 0.9);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    SGD, SgdGroup, SgdOptions {
        /// The learning rate (0.001 by default).
        lr: f64 = 1e-3,
        /// How much of the last step goes into the next one (0 by default).
        momentum: f64 = 0.0,
        /// How much of the gradient is kept out of the momentum (0 by default).
        dampening: f64 = 0.0,
        /// The L2 penalty (0 by default).
        weight_decay: f64 = 0.0,
        /// Whether to look ahead along the momentum (no, by default).
        nesterov: bool = false,
        /// Whether to climb instead of descend (no, by default).
        maximize: bool = false,
    }
}

impl Rule for SgdOptions {
    const NAME: &'static str = "SGD";
    const FIXED: &'static [(&'static str, StateValue)] = &[
        ("foreach", StateValue::None),
        ("differentiable", StateValue::Bool(false)),
        ("fused", StateValue::None),
    ];

    fn state(&self) -> &'static [&'static str] {
        match self.momentum == 0.0 {
            true => &[],
            false => &["momentum_buffer"],
        }
    }

    fn check(&self) -> Result<()> {
        not_negative("learning rate", self.lr)?;
        not_negative("momentum value", self.momentum)?;
        not_negative("weight_decay value", self.weight_decay)?;
        if self.nesterov && (self.momentum <= 0.0 || self.dampening != 0.0) {
            return Err(Error::value(
                "Nesterov momentum requires a momentum and zero dampening",
            ));
        }
        Ok(())
    }

    fn step<T: Float>(&self, step: Step<'_, '_, T>) {
        let options = SgdStep {
            lr: self.lr,
            momentum: self.momentum,
            dampening: self.dampening,
            weight_decay: self.weight_decay,
            nesterov: self.nesterov,
            maximize: self.maximize,
        };
        match step.state {
            [b] => sgd_momentum_step(&options, step.parameter, b, step.grad, step.is_first),
            _ => sgd_step(&options, step.parameter, step.grad),
        }
    }
}
