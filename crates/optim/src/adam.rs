//! Adam, and AdamW, whose decay of the weights stands apart from the gradient.

use pleach_core::Result;
use pleach_kernels::{AdamStep, Float, adam_step, amsgrad_step};

use crate::optimizer_rule::optimizer;
use crate::rule::{invalid, not_negative};
use crate::{Rule, StateValue, Step};

optimizer! {
    /// Adam (Kingma and Ba, 2015): PyTorch's `torch.optim.Adam`.
    ///
    /// For a gradient `g` (negated with `maximize`) of a parameter `p`, at its step `t`:
    ///
    /// ```text
    /// d = g + weight_decay * p
    /// m = beta1 * m + (1 - beta1) * d
    /// v = beta2 * v + (1 - beta2) * d²
    /// p = p - lr / (1 - beta1^t) * m / (sqrt(v / (1 - beta2^t)) + eps)
    /// ```
    ///
    /// With `amsgrad` (Reddi, Kale and Kumar, 2018) the largest `v` so far counts.
    ///
    /// ```
    /// use pleach::{Parameter, tensor};
    /// use pleach::optim::{Adam, Optimizer};
    /// let w = Parameter::new(tensor![1.0, 2.0]);
    /// let mut optimizer = Adam::builder([w.share()]).lr(0.1).build()?;
    /// w.tensor().sum()?.backward()?;
    /// optimizer.step()?; // at first, each step is as long as the learning rate
    /// assert_eq!(w.data().to_vec::<f32>()?, [0.9, 1.9]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    Adam, AdamGroup, AdamOptions {
        /// The learning rate (0.001 by default).
        lr: f64 = 1e-3,
        /// How much is kept of the running means of the gradient and of its square (0.9 and 0.999
        /// by default).
        betas: (f64, f64) = (0.9, 0.999),
        /// What is added to the root, so that it is not 0 (1e-8 by default).
        eps: f64 = 1e-8,
        /// The L2 penalty (0 by default).
        weight_decay: f64 = 0.0,
        /// Whether the largest mean square so far counts (no, by default).
        amsgrad: bool = false,
        /// Whether to climb instead of descend (no, by default).
        maximize: bool = false,
    }
}

optimizer! {
    /// Adam with decoupled weight decay (Loshchilov and Hutter, 2019): PyTorch's
    /// `torch.optim.AdamW`.
    ///
    /// As [`Adam`], but the weights themselves decay, `p = p - lr * weight_decay * p`, and `d` is
    /// the gradient alone.
    ///
    /// ```
    /// use pleach::{Parameter, tensor};
    /// use pleach::optim::{AdamW, AdamWGroup, Optimizer};
    /// let (weight, bias) = (Parameter::new(tensor![1.0, 2.0]), Parameter::new(tensor![0.0]));
    /// let optimizer = AdamW::builder([weight])
    ///     .group(AdamWGroup::new([bias]).weight_decay(0.0))
    ///     .lr(3e-4)
    ///     .build()?;
    /// assert_eq!(optimizer.options(0)?.weight_decay, 0.01);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    AdamW, AdamWGroup, AdamWOptions {
        /// The learning rate (0.001 by default).
        lr: f64 = 1e-3,
        /// How much is kept of the running means of the gradient and of its square (0.9 and 0.999
        /// by default).
        betas: (f64, f64) = (0.9, 0.999),
        /// What is added to the root, so that it is not 0 (1e-8 by default).
        eps: f64 = 1e-8,
        /// The decay of the weights (0.01 by default).
        weight_decay: f64 = 1e-2,
        /// Whether the largest mean square so far counts (no, by default).
        amsgrad: bool = false,
        /// Whether to climb instead of descend (no, by default).
        maximize: bool = false,
    }
}

/// The rule of both, which differ in where the decay goes.
macro_rules! adam_rule {
    ($options:ident, $name:literal, $decoupled:literal) => {
        impl Rule for $options {
            const NAME: &'static str = $name;
            const COUNTS: bool = true;
            const FIXED: &'static [(&'static str, StateValue)] = &[
                ("foreach", StateValue::None),
                ("capturable", StateValue::Bool(false)),
                ("differentiable", StateValue::Bool(false)),
                ("fused", StateValue::None),
                ("decoupled_weight_decay", StateValue::Bool($decoupled)),
            ];

            fn state(&self) -> &'static [&'static str] {
                match self.amsgrad {
                    true => &["exp_avg", "exp_avg_sq", "max_exp_avg_sq"],
                    false => &["exp_avg", "exp_avg_sq"],
                }
            }

            fn check(&self) -> Result<()> {
                not_negative("learning rate", self.lr)?;
                not_negative("epsilon value", self.eps)?;
                for (i, beta) in [self.betas.0, self.betas.1].into_iter().enumerate() {
                    if !(0.0..1.0).contains(&beta) {
                        return Err(invalid(&format!("beta parameter at index {i}"), beta));
                    }
                }
                not_negative("weight_decay value", self.weight_decay)
            }

            fn step<T: Float>(&self, step: Step<'_, '_, T>) {
                let options = AdamStep {
                    lr: self.lr,
                    betas: self.betas,
                    eps: self.eps,
                    weight_decay: self.weight_decay,
                    decoupled: $decoupled,
                    maximize: self.maximize,
                    count: step.count,
                };
                let (p, g) = (step.parameter, step.grad);
                match step.state {
                    [m, v] => adam_step(&options, p, m, v, g),
                    [m, v, most] => amsgrad_step(&options, p, m, v, most, g),
                    _ => {}
                }
            }
        }
    };
}

adam_rule!(AdamOptions, "Adam", false);
adam_rule!(AdamWOptions, "AdamW", true);
