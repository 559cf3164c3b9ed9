//! Stochastic gradient descent.

use super::{Rule, Slope, step};
use crate::Float;

/// The options of a step of stochastic gradient descent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SgdStep {
    /// The learning rate.
    pub lr: f64,
    /// How much of the last step goes into this one.
    pub momentum: f64,
    /// How much of the gradient is kept out of the momentum.
    pub dampening: f64,
    /// The L2 penalty.
    pub weight_decay: f64,
    /// Whether to look ahead along the momentum.
    pub nesterov: bool,
    /// Whether to climb instead of descend.
    pub maximize: bool,
}

#[derive(Copy, Clone)]
struct Sgd<T> {
    slope: Slope<T>,
    lr: T,
}

impl<T: Float> Rule<T, 1> for Sgd<T> {
    #[inline(always)]
    fn step(self, [p]: [T; 1], grad: T) -> [T; 1] {
        [p - self.lr * self.slope.at(p, grad)]
    }
}

/// A step without momentum: `p -= lr * (± grad + weight_decay * p)`.
///
/// # Panics
/// If the lengths differ.
pub fn sgd_step<T: Float>(options: &SgdStep, p: &mut [T], grad: &[T]) {
    let rule = Sgd {
        slope: Slope::new(options.maximize, options.weight_decay),
        lr: T::from_f64(options.lr),
    };
    step("sgd_step", rule, [p], grad);
}

/// `NESTEROV` is a constant, so that the loop has no branch.
#[derive(Copy, Clone)]
struct SgdMomentum<T, const NESTEROV: bool> {
    slope: Slope<T>,
    lr: T,
    momentum: T,
    /// The gradient's share in the buffer.
    fresh: T,
}

impl<T: Float, const NESTEROV: bool> SgdMomentum<T, NESTEROV> {
    fn new(options: &SgdStep, first: bool) -> Self {
        SgdMomentum {
            slope: Slope::new(options.maximize, options.weight_decay),
            lr: T::from_f64(options.lr),
            momentum: T::from_f64(options.momentum),
            fresh: T::from_f64(if first { 1.0 } else { 1.0 - options.dampening }),
        }
    }
}

impl<T: Float, const NESTEROV: bool> Rule<T, 2> for SgdMomentum<T, NESTEROV> {
    #[inline(always)]
    fn step(self, [p, buffer]: [T; 2], grad: T) -> [T; 2] {
        let d = self.slope.at(p, grad);
        let buffer = self.momentum * buffer + self.fresh * d;
        let step = if NESTEROV {
            d + self.momentum * buffer
        } else {
            buffer
        };
        [p - self.lr * step, buffer]
    }
}

/// A step with momentum, for `d = ± grad + weight_decay * p`:
///
/// ```text
/// buffer = d                                        if `first`
/// buffer = momentum * buffer + (1 - dampening) * d  otherwise
/// p     -= lr * buffer                              (nesterov: lr * (d + momentum * buffer))
/// ```
///
/// At the first step the buffer must be zero.
///
/// # Panics
/// If the lengths differ.
pub fn sgd_momentum_step<T: Float>(
    options: &SgdStep,
    p: &mut [T],
    buffer: &mut [T],
    grad: &[T],
    first: bool,
) {
    const NAME: &str = "sgd_momentum_step";
    if options.nesterov {
        let rule = SgdMomentum::<T, true>::new(options, first);
        step(NAME, rule, [p, buffer], grad);
    } else {
        let rule = SgdMomentum::<T, false>::new(options, first);
        step(NAME, rule, [p, buffer], grad);
    }
}
