//! Connectionist temporal classification: the likelihood of a sequence of labels, over all ways to
//! spread it over the steps with blanks between (Graves et al. 2006).

use crate::math::Apart;
use crate::{Float, for_each_chunk_mut};

/// The sequences of a batch. Log-probabilities are `[steps, batch, labels]`.
///
/// ```
/// use pleach_kernels::{Ctc, CtcSample};
/// let samples = [CtcSample { steps: 2, targets: &[1] }];
/// let ctc = Ctc { steps: 2, labels: 2, blank: 0, samples: &samples };
/// let log_probs = [0.5f64.ln(); 4];
/// let (mut alpha, mut losses) = (vec![0.0; 2 * ctc.states()], [0.0]);
/// ctc.forward(&log_probs, &mut alpha, &mut losses);
/// assert!((losses[0] + 0.75f64.ln()).abs() < 1e-12); // all ways but two blanks
/// ```
#[derive(Copy, Clone, Debug)]
pub struct Ctc<'a> {
    /// Steps of the longest sequence.
    pub steps: usize,
    /// Labels, the blank among them.
    pub labels: usize,
    /// The label between others.
    pub blank: usize,
    /// The sequences.
    pub samples: &'a [CtcSample<'a>],
}

/// One sequence of a batch.
#[derive(Copy, Clone, Debug)]
pub struct CtcSample<'a> {
    /// How many steps count.
    pub steps: usize,
    /// The labels without blanks; the caller has checked them.
    pub targets: &'a [i64],
}

impl CtcSample<'_> {
    /// The states: the labels, and blanks around each.
    fn states(&self) -> usize {
        2 * self.targets.len() + 1
    }

    fn label(&self, state: usize, blank: usize) -> usize {
        match state % 2 {
            0 => blank,
            _ => self.targets[state / 2] as usize,
        }
    }

    /// Whether a state may follow the one two before it: the blank between them is skipped.
    fn skips(&self, state: usize, blank: usize) -> bool {
        state > 1 && self.label(state, blank) != self.label(state - 2, blank)
    }
}

/// `ln(Σ exp(term))`.
#[inline]
fn log_sum<T: Float>(terms: [T; 3]) -> T {
    let largest = terms[0].max(terms[1]).max(terms[2]);
    // Not minus infinity, whose difference from itself is nan; a nan among the terms stays one.
    let largest = match largest == T::LOWEST {
        true => T::ZERO,
        false => largest,
    };
    let sum: T = terms
        .into_iter()
        .map(|t| (t - largest).exp::<Apart>())
        .sum();
    sum.ln::<Apart>() + largest
}

impl Ctc<'_> {
    /// The states of the longest target: the last size of `alpha`.
    pub fn states(&self) -> usize {
        let states = self.samples.iter().map(CtcSample::states);
        states.max().unwrap_or(1)
    }

    fn check(&self, log_probs: usize, alpha: usize, losses: usize) {
        let batch = self.samples.len();
        let product = |sizes: [usize; 3]| {
            let product = sizes.iter().try_fold(1usize, |p, s| p.checked_mul(*s));
            product.expect("fewer than usize::MAX elements")
        };
        assert!(self.blank < self.labels, "Ctc: the blank is no label");
        let wanted = product([self.steps, batch, self.labels]);
        assert_eq!(log_probs, wanted, "Ctc: log-probabilities");
        assert_eq!(
            alpha,
            product([batch, self.steps, self.states()]),
            "Ctc: alpha"
        );
        assert_eq!(losses, batch, "Ctc: losses");
        for sample in self.samples {
            assert!(sample.steps <= self.steps, "Ctc: a sequence is too long");
            let is_label = |t: &i64| usize::try_from(*t).is_ok_and(|t| t < self.labels);
            assert!(
                sample.targets.iter().all(is_label),
                "Ctc: a target is no label"
            );
        }
    }

    /// The log-probabilities of a step of a sample.
    fn row<'x, T>(&self, log_probs: &'x [T], step: usize, sample: usize) -> &'x [T] {
        let start = (step * self.samples.len() + sample) * self.labels;
        &log_probs[start..start + self.labels]
    }

    /// `alpha[sample, step, state]`, `[batch, steps, states]`: the logarithm of the probability of all
    /// ways that are in the state after the step; and the loss of each sample, which is infinite if
    /// there is no way.
    ///
    /// # Panics
    /// If a length does not fit, or a target is no label.
    pub fn forward<T: Float>(&self, log_probs: &[T], alpha: &mut [T], losses: &mut [T]) {
        self.check(log_probs.len(), alpha.len(), losses.len());
        let states = self.states();
        let each = (self.steps * states).max(1);
        for_each_chunk_mut(alpha, each, |b, alpha| {
            let (sample, blank) = (&self.samples[b], self.blank);
            alpha.fill(T::LOWEST);
            for step in 0..sample.steps {
                let row = self.row(log_probs, step, b);
                let (before, now) = alpha.split_at_mut(step * states);
                if step == 0 {
                    for state in 0..sample.states().min(2) {
                        now[state] = row[sample.label(state, blank)];
                    }
                    continue;
                }
                let before = &before[(step - 1) * states..];
                for state in 0..sample.states() {
                    let from = |back: usize, may: bool| match may {
                        true => before[state - back],
                        false => T::LOWEST,
                    };
                    let skips = sample.skips(state, blank);
                    let terms = [from(0, true), from(1, state > 0), from(2, skips)];
                    now[state] = log_sum(terms) + row[sample.label(state, blank)];
                }
            }
        });
        for (b, loss) in losses.iter_mut().enumerate() {
            let sample = &self.samples[b];
            *loss = match (sample.steps, sample.states()) {
                (0, 1) => -T::ZERO,
                (0, _) => T::HIGHEST,
                (steps, used) => {
                    let last = &alpha[(b * self.steps + steps - 1) * states..][..used];
                    let ends = &last[used.saturating_sub(2)..];
                    -log_sum([ends[0], *ends.get(1).unwrap_or(&T::LOWEST), T::LOWEST])
                }
            };
        }
    }

    /// The gradient of the log-probabilities, `[batch, steps, labels]`, by PyTorch's formula: that of
    /// scores whose log-softmax they are. A sample whose loss is infinite has none if
    /// `zero_infinity`.
    ///
    /// # Panics
    /// If a length does not fit, or a target is no label.
    pub fn backward<T: Float>(
        &self,
        log_probs: &[T],
        (alpha, losses): (&[T], &[T]),
        grad_losses: &[T],
        zero_infinity: bool,
        grad: &mut [T],
    ) {
        self.check(log_probs.len(), alpha.len(), losses.len());
        assert_eq!(grad_losses.len(), losses.len(), "Ctc: gradients of losses");
        assert_eq!(grad.len(), log_probs.len(), "Ctc: gradient");
        let states = self.states();
        let each = (self.steps * self.labels).max(1);
        for_each_chunk_mut(grad, each, |b, grad| {
            let (sample, loss) = (&self.samples[b], losses[b]);
            if zero_infinity && loss == T::HIGHEST {
                return grad.fill(T::ZERO);
            }
            let (used, unused) = grad.split_at_mut(sample.steps * self.labels);
            unused.fill(T::ZERO);
            used.fill(T::LOWEST);
            let alpha = &alpha[b * self.steps * states..];
            self.backward_sample(b, log_probs, (alpha, loss), grad_losses[b], used);
        });
    }

    /// The gradient of the steps of one sample, which are minus infinity before.
    fn backward_sample<T: Float>(
        &self,
        b: usize,
        log_probs: &[T],
        (alpha, loss): (&[T], T),
        grad_loss: T,
        grad: &mut [T],
    ) {
        let (sample, blank) = (&self.samples[b], self.blank);
        let (states, used) = (self.states(), sample.states());
        // The logarithm of the probability of all ways from the state on.
        let (mut beta, mut after) = (vec![T::LOWEST; used], vec![T::LOWEST; used]);
        for step in (0..sample.steps).rev() {
            let row = self.row(log_probs, step, b);
            let grad = &mut grad[step * self.labels..(step + 1) * self.labels];
            std::mem::swap(&mut beta, &mut after);
            for state in 0..used {
                let to = |ahead: usize, may: bool| match may {
                    true => after[state + ahead],
                    false => T::LOWEST,
                };
                let ways = if step + 1 == sample.steps {
                    match state + 2 >= used {
                        true => T::ZERO,
                        false => T::LOWEST,
                    }
                } else {
                    let skips = state + 2 < used && sample.skips(state + 2, blank);
                    log_sum([to(0, true), to(1, state + 1 < used), to(2, skips)])
                };
                let label = sample.label(state, blank);
                beta[state] = ways + row[label];
                let both = alpha[step * states + state] + beta[state];
                grad[label] = log_sum([grad[label], both, T::LOWEST]);
            }
            for (grad, lp) in grad.iter_mut().zip(row) {
                let expected = (*grad + loss - *lp).exp::<Apart>();
                *grad = (lp.exp::<Apart>() - expected) * grad_loss;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The loss as the definition says: over all strings of labels that collapse to the target.
    fn by_definition(log_probs: &[f64], steps: usize, labels: usize, targets: &[i64]) -> f64 {
        let mut total = 0.0;
        for way in 0..labels.pow(steps as u32) {
            let at = |t: usize| way / labels.pow(t as u32) % labels;
            let mut collapsed = Vec::new();
            for t in 0..steps {
                if at(t) != 0 && (t == 0 || at(t) != at(t - 1)) {
                    collapsed.push(at(t) as i64);
                }
            }
            if collapsed == targets {
                let p: f64 = (0..steps).map(|t| log_probs[t * labels + at(t)]).sum();
                total += p.exp();
            }
        }
        -total.ln()
    }

    fn log_softmax(scores: &[f64], labels: usize) -> Vec<f64> {
        let rows = scores.chunks(labels);
        rows.flat_map(|row| {
            let total: f64 = row.iter().map(|v| v.exp()).sum();
            row.iter().map(move |v| v - total.ln())
        })
        .collect()
    }

    #[test]
    fn loss_and_gradient_are_those_of_the_definition() {
        let (steps, labels) = (4, 3);
        let scores: Vec<f64> = (0..12).map(|i| ((i * 7) % 11) as f64 * 0.3 - 1.0).collect();
        for targets in [&[][..], &[1], &[1, 2], &[2, 2], &[1, 2, 1], &[1, 1, 1]] {
            let samples = [CtcSample { steps, targets }];
            let ctc = Ctc {
                steps,
                labels,
                blank: 0,
                samples: &samples,
            };
            let log_probs = log_softmax(&scores, labels);
            let (mut alpha, mut losses) = (vec![9.0; steps * ctc.states()], [9.0]);
            ctc.forward(&log_probs, &mut alpha, &mut losses);
            let wanted = by_definition(&log_probs, steps, labels, targets);
            if wanted == f64::INFINITY {
                assert_eq!(losses[0], wanted);
                continue;
            }
            assert!((losses[0] - wanted).abs() < 1e-12, "{targets:?}");
            let mut grad = vec![9.0; 12];
            ctc.backward(&log_probs, (&alpha, &losses), &[2.0], false, &mut grad);
            for i in 0..12 {
                let moved = |h: f64| {
                    let mut scores = scores.clone();
                    scores[i] += h;
                    by_definition(&log_softmax(&scores, labels), steps, labels, targets)
                };
                let difference = (moved(1e-6) - moved(-1e-6)) / 1e-6;
                assert!((grad[i] - difference).abs() < 1e-6, "{targets:?} {i}");
            }
        }
    }
}
