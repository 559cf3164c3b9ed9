//! RMSprop and Adagrad, which divide by a running size of the gradient.

use super::{Rule, Slope, step};
use crate::Float;

/// The options of a step of RMSprop.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RmsPropStep {
    /// The learning rate.
    pub lr: f64,
    /// How long the average of the squared gradient remembers.
    pub alpha: f64,
    /// What is added to the root.
    pub eps: f64,
    /// The L2 penalty.
    pub weight_decay: f64,
    /// How much of the last step goes into this one; without a momentum buffer it is not used.
    pub momentum: f64,
    /// Whether to climb instead of descend.
    pub maximize: bool,
}

/// Remembers a square, the average if `CENTERED`, and the buffer if there is one more number.
#[derive(Copy, Clone)]
struct RmsProp<T, const CENTERED: bool> {
    slope: Slope<T>,
    alpha: T,
    fresh: T,
    momentum: T,
    lr: T,
    eps: T,
}

impl<T: Float, const CENTERED: bool> RmsProp<T, CENTERED> {
    fn new(options: &RmsPropStep) -> Self {
        RmsProp {
            slope: Slope::new(options.maximize, options.weight_decay),
            alpha: T::from_f64(options.alpha),
            fresh: T::from_f64(1.0 - options.alpha),
            momentum: T::from_f64(options.momentum),
            lr: T::from_f64(options.lr),
            eps: T::from_f64(options.eps),
        }
    }
}

impl<T: Float, const CENTERED: bool, const N: usize> Rule<T, N> for RmsProp<T, CENTERED> {
    #[inline(always)]
    fn step(self, mut state: [T; N], grad: T) -> [T; N] {
        let g = self.slope.at(state[0], grad);
        let square = self.alpha * state[1] + self.fresh * (g * g);
        state[1] = square;
        let spread = if CENTERED {
            let average = state[2] + self.fresh * (g - state[2]);
            state[2] = average;
            square - average * average
        } else {
            square
        };
        let mut step = g / (spread.sqrt() + self.eps);
        if N > 2 + usize::from(CENTERED) {
            step = self.momentum * state[N - 1] + step;
            state[N - 1] = step;
        }
        state[0] = state[0] - self.lr * step;
        state
    }
}

/// A step of RMSprop (Hinton, 2012; centered: Graves, 2013). For `g = ± grad + weight_decay * p`:
///
/// ```text
/// square  = alpha * square  + (1 - alpha) * g²
/// average = alpha * average + (1 - alpha) * g          (if there is one: centered)
/// step    = g / (sqrt(square - average²) + eps)        (average: 0 if there is none)
/// buffer  = momentum * buffer + step                   (if there is one, it is the step)
/// p      -= lr * step
/// ```
///
/// # Panics
/// If the lengths differ.
pub fn rmsprop_step<T: Float>(
    options: &RmsPropStep,
    p: &mut [T],
    square: &mut [T],
    average: Option<&mut [T]>,
    buffer: Option<&mut [T]>,
    grad: &[T],
) {
    const NAME: &str = "rmsprop_step";
    let (plain, centered) = (
        RmsProp::<T, false>::new(options),
        RmsProp::<T, true>::new(options),
    );
    match (average, buffer) {
        (None, None) => step(NAME, plain, [p, square], grad),
        (None, Some(b)) => step(NAME, plain, [p, square, b], grad),
        (Some(a), None) => step(NAME, centered, [p, square, a], grad),
        (Some(a), Some(b)) => step(NAME, centered, [p, square, a, b], grad),
    }
}

/// The options of a step of Adagrad.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdagradStep {
    /// The learning rate.
    pub lr: f64,
    /// How the learning rate falls: step number `count` has `lr / (1 + (count - 1) * lr_decay)`.
    pub lr_decay: f64,
    /// The L2 penalty.
    pub weight_decay: f64,
    /// What is added to the root.
    pub eps: f64,
    /// Whether to climb instead of descend.
    pub maximize: bool,
    /// The number of this step, from 1.
    pub count: u64,
}

#[derive(Copy, Clone)]
struct Adagrad<T> {
    slope: Slope<T>,
    lr: T,
    eps: T,
}

impl<T: Float> Rule<T, 2> for Adagrad<T> {
    #[inline(always)]
    fn step(self, [p, sum]: [T; 2], grad: T) -> [T; 2] {
        let g = self.slope.at(p, grad);
        let sum = sum + g * g;
        [p - self.lr * (g / (sum.sqrt() + self.eps)), sum]
    }
}

/// A step of Adagrad (Duchi, Hazan and Singer, 2011). For `g = ± grad + weight_decay * p`:
///
/// ```text
/// sum += g²
/// p   -= lr / (1 + (count - 1) * lr_decay) * g / (sqrt(sum) + eps)
/// ```
///
/// # Panics
/// If the lengths differ.
pub fn adagrad_step<T: Float>(options: &AdagradStep, p: &mut [T], sum: &mut [T], grad: &[T]) {
    let lr = options.lr / (1.0 + (options.count as f64 - 1.0) * options.lr_decay);
    let rule = Adagrad {
        slope: Slope::new(options.maximize, options.weight_decay),
        lr: T::from_f64(lr),
        eps: T::from_f64(options.eps),
    };
    step("adagrad_step", rule, [p, sum], grad);
}
