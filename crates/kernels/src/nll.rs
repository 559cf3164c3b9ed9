//! The negative log-likelihood loss of class targets.

use crate::{Float, for_each_chunk_mut};

/// Targets and settings of a negative log-likelihood loss. Log-probabilities are
/// `[batch, classes, spatial]`.
///
/// ```
/// use pleach_kernels::NllLoss;
/// let loss = NllLoss {
///     batch: 2, classes: 3, spatial: 1,
///     targets: &[2, -100], weight: None, ignore_index: -100,
/// };
/// let log_probs = [-1.0f32, -2.0, -0.5, -1.0, -1.0, -1.0];
/// let (mut losses, mut weights) = ([0.0; 2], [0.0; 2]);
/// loss.forward(&log_probs, &mut losses, &mut weights);
/// assert_eq!((losses, weights), ([0.5, 0.0], [1.0, 0.0]));
/// ```
#[derive(Copy, Clone, Debug)]
pub struct NllLoss<'a, T> {
    /// Samples.
    pub batch: usize,
    /// Classes.
    pub classes: usize,
    /// Positions in a sample, each with a target of its own.
    pub spatial: usize,
    /// `[batch, spatial]` classes, or `ignore_index`; the caller has checked them.
    pub targets: &'a [i64],
    /// `[classes]` weights; all 1 if there are none.
    pub weight: Option<&'a [T]>,
    /// The target that counts for nothing.
    pub ignore_index: i64,
}

impl<T: Float> NllLoss<'_, T> {
    fn check(&self, log_probs: usize, samples: [usize; 2]) {
        let &NllLoss {
            batch,
            classes,
            spatial,
            ..
        } = self;
        let count = batch
            .checked_mul(spatial)
            .expect("fewer than usize::MAX targets");
        assert_eq!(
            self.targets.len(),
            count,
            "NllLoss: targets are not [{batch}, {spatial}]"
        );
        assert_eq!(
            samples, [count; 2],
            "NllLoss: outputs are not [{batch}, {spatial}]"
        );
        assert_eq!(
            Some(log_probs),
            count.checked_mul(classes),
            "NllLoss: log-probabilities are not [{batch}, {classes}, {spatial}]"
        );
        if let Some(weight) = self.weight {
            assert_eq!(
                weight.len(),
                classes,
                "NllLoss: weights are not [{classes}]"
            );
        }
    }

    /// The class and weight of target `i`; none if it is ignored.
    #[inline(always)]
    fn target(&self, i: usize) -> Option<(usize, T)> {
        let target = self.targets[i];
        if target == self.ignore_index {
            return None;
        }
        let class = usize::try_from(target).ok().filter(|c| *c < self.classes);
        let class = class
            .unwrap_or_else(|| panic!("NllLoss: target {target} is no class of {}", self.classes));
        Some((class, self.weight.map_or(T::ONE, |w| w[class])))
    }

    /// `losses = -weight * log_probs[target]` and the weight itself, both `[batch, spatial]`; both
    /// are 0 where the target is ignored.
    ///
    /// # Panics
    /// If a length does not fit, or a target is no class.
    pub fn forward(&self, log_probs: &[T], losses: &mut [T], weights: &mut [T]) {
        self.check(log_probs.len(), [losses.len(), weights.len()]);
        for (i, (loss, weight)) in losses.iter_mut().zip(weights).enumerate() {
            (*loss, *weight) = match self.target(i) {
                None => (T::ZERO, T::ZERO),
                Some((class, w)) => {
                    let (n, s) = (i / self.spatial, i % self.spatial);
                    let v = log_probs[(n * self.classes + class) * self.spatial + s];
                    (-(w * v), w)
                }
            };
        }
    }

    /// The gradient of the log-probabilities, `[batch, classes, spatial]`: `-weight * grad_losses`
    /// at the targets, zero elsewhere. `grad_losses` is `[batch, spatial]`, the gradient of each
    /// loss that [`forward`](Self::forward) gave.
    ///
    /// # Panics
    /// If a length does not fit, or a target is no class.
    pub fn backward(&self, grad_losses: &[T], grad: &mut [T]) {
        self.check(grad.len(), [grad_losses.len(); 2]);
        if grad.is_empty() {
            return;
        }
        let sample = self.classes * self.spatial;
        let each = ((1 << 14) / sample).max(1);
        for_each_chunk_mut(grad, each * sample, |task, grad| {
            grad.fill(T::ZERO);
            for (j, grad) in grad.chunks_exact_mut(sample).enumerate() {
                for s in 0..self.spatial {
                    let i = (task * each + j) * self.spatial + s;
                    if let Some((class, w)) = self.target(i) {
                        grad[class * self.spatial + s] = -(w * grad_losses[i]);
                    }
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_and_gradients_follow_targets_and_weights() {
        let (batch, classes, spatial) = (2, 3, 2);
        let log_probs: Vec<f64> = (0..12).map(|i| -(i as f64) - 0.5).collect();
        let loss = NllLoss {
            batch,
            classes,
            spatial,
            targets: &[0, 2, 1, 1],
            weight: Some(&[1.0, 2.0, 3.0]),
            ignore_index: 1,
        };
        let (mut losses, mut weights) = ([9.0; 4], [9.0; 4]);
        loss.forward(&log_probs, &mut losses, &mut weights);
        assert_eq!(losses, [0.5, 3.0 * 5.5, 0.0, 0.0]);
        assert_eq!(weights, [1.0, 3.0, 0.0, 0.0]);
        let mut grad = [9.0; 12];
        loss.backward(&[1.0, 0.5, 1.0, 1.0], &mut grad);
        let mut want = [0.0; 12];
        want[0] = -1.0;
        want[5] = -1.5;
        assert_eq!(grad, want);
    }

    #[test]
    fn no_samples_are_fine() {
        let loss = NllLoss::<f32> {
            batch: 0,
            classes: 3,
            spatial: 4,
            targets: &[],
            weight: None,
            ignore_index: -100,
        };
        loss.forward(&[], &mut [], &mut []);
        loss.backward(&[], &mut []);
    }

    #[test]
    #[should_panic(expected = "target 3 is no class of 3")]
    fn a_target_that_is_no_class_is_refused() {
        let loss = NllLoss::<f32> {
            batch: 1,
            classes: 3,
            spatial: 1,
            targets: &[3],
            weight: None,
            ignore_index: -100,
        };
        loss.forward(&[0.0; 3], &mut [0.0], &mut [0.0]);
    }
}
