//! Adam, AdamW and AMSGrad.

use super::{Rule, Slope, step};
use crate::Float;

/// The options of a step of Adam or AdamW.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdamStep {
    /// The learning rate.
    pub lr: f64,
    /// How long the averages of the gradient and of its square remember.
    pub betas: (f64, f64),
    /// What is added to the root of the second average.
    pub eps: f64,
    /// The L2 penalty, or the decay of the weights if `decoupled`.
    pub weight_decay: f64,
    /// Whether the decay is applied to the weights themselves: AdamW.
    pub decoupled: bool,
    /// Whether to climb instead of descend.
    pub maximize: bool,
    /// The number of this step, from 1.
    pub count: u64,
}

/// The factors of a step, as they are used in its loop.
#[derive(Copy, Clone)]
struct Adam<T> {
    slope: Slope<T>,
    /// What is left of `p` before the step.
    keep: T,
    /// 1 - beta1: the way the first average moves towards the gradient.
    towards: T,
    beta2: T,
    fresh2: T,
    /// `lr / (1 - beta1^count)`
    step: T,
    /// `1 / sqrt(1 - beta2^count)`
    scale: T,
    eps: T,
}

impl<T: Float> Adam<T> {
    fn new(options: &AdamStep) -> Self {
        let (beta1, beta2) = options.betas;
        let count = options.count as f64;
        let (keep, penalty) = if options.decoupled {
            (1.0 - options.lr * options.weight_decay, 0.0)
        } else {
            (1.0, options.weight_decay)
        };
        Adam {
            slope: Slope::new(options.maximize, penalty),
            keep: T::from_f64(keep),
            towards: T::from_f64(1.0 - beta1),
            beta2: T::from_f64(beta2),
            fresh2: T::from_f64(1.0 - beta2),
            step: T::from_f64(options.lr / (1.0 - beta1.powf(count))),
            scale: T::from_f64(1.0 / (1.0 - beta2.powf(count)).sqrt()),
            eps: T::from_f64(options.eps),
        }
    }

    /// The averages with this gradient, and the weight that is left: `[weight, average, square]`.
    #[inline(always)]
    fn averages(self, [p, average, square]: [T; 3], grad: T) -> [T; 3] {
        let weight = p * self.keep;
        let g = self.slope.at(weight, grad);
        let average = average + self.towards * (g - average);
        let square = self.beta2 * square + self.fresh2 * (g * g);
        [weight, average, square]
    }

    /// The weight after a step along the average, divided by the root of a square.
    #[inline(always)]
    fn moved(self, weight: T, average: T, square: T) -> T {
        weight - self.step * (average / (square.sqrt() * self.scale + self.eps))
    }
}

impl<T: Float> Rule<T, 3> for Adam<T> {
    #[inline(always)]
    fn step(self, state: [T; 3], grad: T) -> [T; 3] {
        let [weight, average, square] = self.averages(state, grad);
        [self.moved(weight, average, square), average, square]
    }
}

/// AMSGrad, which remembers the greatest square.
impl<T: Float> Rule<T, 4> for Adam<T> {
    #[inline(always)]
    fn step(self, [p, average, square, most]: [T; 4], grad: T) -> [T; 4] {
        let [weight, average, square] = self.averages([p, average, square], grad);
        // A nan stays.
        let most = if most >= square { most } else { square };
        [self.moved(weight, average, most), average, square, most]
    }
}

/// A step of Adam (Kingma and Ba, 2015) or AdamW (Loshchilov and Hutter, 2019). For
/// `g = ± grad + weight_decay * p` (AdamW: `p *= 1 - lr * weight_decay` instead, before):
///
/// ```text
/// average = beta1 * average + (1 - beta1) * g
/// square  = beta2 * square  + (1 - beta2) * g²
/// p      -= lr / (1 - beta1^count) * average / (sqrt(square) / sqrt(1 - beta2^count) + eps)
/// ```
///
/// # Panics
/// If the lengths differ.
pub fn adam_step<T: Float>(
    options: &AdamStep,
    p: &mut [T],
    average: &mut [T],
    square: &mut [T],
    grad: &[T],
) {
    step("adam_step", Adam::new(options), [p, average, square], grad);
}

/// A step of [`adam_step`] with the AMSGrad rule (Reddi, Kale and Kumar, 2018):
/// the divisor is of the greatest `square` so far, which `max_square` becomes, instead of the
/// present one.
///
/// # Panics
/// If the lengths differ.
pub fn amsgrad_step<T: Float>(
    options: &AdamStep,
    p: &mut [T],
    average: &mut [T],
    square: &mut [T],
    max_square: &mut [T],
    grad: &[T],
) {
    let state = [p, average, square, max_square];
    step("amsgrad_step", Adam::new(options), state, grad);
}
