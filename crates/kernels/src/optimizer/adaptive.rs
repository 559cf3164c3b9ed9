//! Optimizers that divide by a running size of the gradient: AMSGrad, RMSprop, Adagrad.

use super::{AdamStep, for_each_piece, penalty};
use crate::threads::Disjoint;
use crate::{Float, Isa, Loop};

/// The factors of a step of Adam, as they are used in its loop.
#[derive(Copy, Clone)]
pub(super) struct AdamFactors<T> {
    pub sign: T,
    /// What is left of `p` before the step.
    pub keep: T,
    pub penalty: T,
    /// 1 - beta1: the way the first average moves towards the gradient.
    pub towards: T,
    pub beta2: T,
    pub fresh2: T,
    /// `lr / (1 - beta1^count)`
    pub step: T,
    /// `1 / sqrt(1 - beta2^count)`
    pub scale: T,
    pub eps: T,
}

impl<T: Float> AdamFactors<T> {
    pub fn new(step: &AdamStep) -> Self {
        let (beta1, beta2) = step.betas;
        let count = step.count as f64;
        let (keep, penalty) = if step.decoupled {
            (1.0 - step.lr * step.weight_decay, 0.0)
        } else {
            (1.0, step.weight_decay)
        };
        AdamFactors {
            sign: if step.maximize { -T::ONE } else { T::ONE },
            keep: T::from_f64(keep),
            penalty: T::from_f64(penalty),
            towards: T::from_f64(1.0 - beta1),
            beta2: T::from_f64(beta2),
            fresh2: T::from_f64(1.0 - beta2),
            step: T::from_f64(step.lr / (1.0 - beta1.powf(count))),
            scale: T::from_f64(1.0 / (1.0 - beta2.powf(count)).sqrt()),
            eps: T::from_f64(step.eps),
        }
    }
}

struct AmsGrad<'a, T> {
    p: &'a mut [T],
    average: &'a mut [T],
    square: &'a mut [T],
    max_square: &'a mut [T],
    grad: &'a [T],
    factors: AdamFactors<T>,
}

impl<T: Float> Loop for AmsGrad<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let f = self.factors;
        let state = self
            .average
            .iter_mut()
            .zip(self.square)
            .zip(self.max_square);
        for ((p, ((m, v), most)), g) in self.p.iter_mut().zip(state).zip(self.grad) {
            let weight = *p * f.keep;
            let g = f.sign * *g + penalty(f.penalty, weight);
            let average = *m + f.towards * (g - *m);
            let square = f.beta2 * *v + f.fresh2 * (g * g);
            // A nan stays.
            let max_square = if *most >= square { *most } else { square };
            (*m, *v, *most) = (average, square, max_square);
            *p = weight - f.step * (average / (max_square.sqrt() * f.scale + f.eps));
        }
    }
}

/// A step of [`adam_step`](super::adam_step) with the AMSGrad rule (Reddi, Kale and Kumar, 2018):
/// the divisor is of the greatest `square` so far, which `max_square` becomes, instead of the
/// present one.
///
/// # Panics
/// If the lengths differ.
pub fn amsgrad_step<T: Float>(
    step: &AdamStep,
    p: &mut [T],
    average: &mut [T],
    square: &mut [T],
    max_square: &mut [T],
    grad: &[T],
) {
    let len = grad.len();
    assert!(
        [p.len(), average.len(), square.len(), max_square.len()] == [len; 4],
        "amsgrad_step: the lengths differ"
    );
    let isa = Isa::current();
    let factors = AdamFactors::new(step);
    let [p, average, square, max_square] = [p, average, square, max_square].map(Disjoint::new);
    for_each_piece(len, |start, len| {
        // SAFETY: each piece is one task's.
        let [p, average, square, max_square] =
            [&p, &average, &square, &max_square].map(|s| unsafe { s.slice(start, len) });
        isa.run_narrow(AmsGrad {
            p,
            average,
            square,
            max_square,
            grad: &grad[start..start + len],
            factors,
        });
    });
}

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

struct RmsProp<'a, T, const CENTERED: bool, const MOMENTUM: bool> {
    p: &'a mut [T],
    square: &'a mut [T],
    /// Empty if not centered.
    average: &'a mut [T],
    /// Empty without momentum.
    buffer: &'a mut [T],
    grad: &'a [T],
    sign: T,
    penalty: T,
    alpha: T,
    fresh: T,
    momentum: T,
    lr: T,
    eps: T,
}

impl<T: Float, const CENTERED: bool, const MOMENTUM: bool> Loop
    for RmsProp<'_, T, CENTERED, MOMENTUM>
{
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let len = self.p.len();
        let (grad, square) = (&self.grad[..len], &mut self.square[..len]);
        let average = &mut self.average[..if CENTERED { len } else { 0 }];
        let buffer = &mut self.buffer[..if MOMENTUM { len } else { 0 }];
        for (i, p) in self.p.iter_mut().enumerate() {
            let g = self.sign * grad[i] + penalty(self.penalty, *p);
            let v = self.alpha * square[i] + self.fresh * (g * g);
            square[i] = v;
            let spread = if CENTERED {
                let m = average[i] + self.fresh * (g - average[i]);
                average[i] = m;
                v - m * m
            } else {
                v
            };
            let mut step = g / (spread.sqrt() + self.eps);
            if MOMENTUM {
                step = self.momentum * buffer[i] + step;
                buffer[i] = step;
            }
            *p = *p - self.lr * step;
        }
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
    step: &RmsPropStep,
    p: &mut [T],
    square: &mut [T],
    average: Option<&mut [T]>,
    buffer: Option<&mut [T]>,
    grad: &[T],
) {
    match (average, buffer) {
        (None, None) => rmsprop::<T, false, false>(step, p, square, &mut [], &mut [], grad),
        (None, Some(b)) => rmsprop::<T, false, true>(step, p, square, &mut [], b, grad),
        (Some(a), None) => rmsprop::<T, true, false>(step, p, square, a, &mut [], grad),
        (Some(a), Some(b)) => rmsprop::<T, true, true>(step, p, square, a, b, grad),
    }
}

fn rmsprop<T: Float, const CENTERED: bool, const MOMENTUM: bool>(
    step: &RmsPropStep,
    p: &mut [T],
    square: &mut [T],
    average: &mut [T],
    buffer: &mut [T],
    grad: &[T],
) {
    let len = grad.len();
    assert!(
        p.len() == len
            && square.len() == len
            && (!CENTERED || average.len() == len)
            && (!MOMENTUM || buffer.len() == len),
        "rmsprop_step: the lengths differ"
    );
    let isa = Isa::current();
    let [p, square, average, buffer] = [p, square, average, buffer].map(Disjoint::new);
    let cut = |s: bool, start, len| if s { (start, len) } else { (0, 0) };
    for_each_piece(len, |start, len| {
        let (a, b) = (cut(CENTERED, start, len), cut(MOMENTUM, start, len));
        // SAFETY: each piece is one task's.
        let (p, square, average, buffer) = unsafe {
            (
                p.slice(start, len),
                square.slice(start, len),
                average.slice(a.0, a.1),
                buffer.slice(b.0, b.1),
            )
        };
        isa.run_narrow(RmsProp::<T, CENTERED, MOMENTUM> {
            p,
            square,
            average,
            buffer,
            grad: &grad[start..start + len],
            sign: if step.maximize { -T::ONE } else { T::ONE },
            penalty: T::from_f64(step.weight_decay),
            alpha: T::from_f64(step.alpha),
            fresh: T::from_f64(1.0 - step.alpha),
            momentum: T::from_f64(step.momentum),
            lr: T::from_f64(step.lr),
            eps: T::from_f64(step.eps),
        });
    });
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

struct Adagrad<'a, T> {
    p: &'a mut [T],
    sum: &'a mut [T],
    grad: &'a [T],
    sign: T,
    penalty: T,
    lr: T,
    eps: T,
}

impl<T: Float> Loop for Adagrad<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        for ((p, sum), g) in self.p.iter_mut().zip(self.sum).zip(self.grad) {
            let g = self.sign * *g + penalty(self.penalty, *p);
            let total = *sum + g * g;
            *sum = total;
            *p = *p - self.lr * (g / (total.sqrt() + self.eps));
        }
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
pub fn adagrad_step<T: Float>(step: &AdagradStep, p: &mut [T], sum: &mut [T], grad: &[T]) {
    let len = grad.len();
    assert!(
        p.len() == len && sum.len() == len,
        "adagrad_step: the lengths differ"
    );
    let isa = Isa::current();
    let lr = step.lr / (1.0 + (step.count as f64 - 1.0) * step.lr_decay);
    let (p, sum) = (Disjoint::new(p), Disjoint::new(sum));
    for_each_piece(len, |start, len| {
        // SAFETY: each piece is one task's.
        let (p, sum) = unsafe { (p.slice(start, len), sum.slice(start, len)) };
        isa.run_narrow(Adagrad {
            p,
            sum,
            grad: &grad[start..start + len],
            sign: if step.maximize { -T::ONE } else { T::ONE },
            penalty: T::from_f64(step.weight_decay),
            lr: T::from_f64(lr),
            eps: T::from_f64(step.eps),
        });
    });
}

#[cfg(test)]
mod tests {
    use super::super::CHUNK;
    use super::*;
    use crate::threads::with_thread_counts;

    const LENGTHS: [usize; 5] = [0, 1, 7, 1000, CHUNK + 3];

    fn values(n: usize, seed: f64) -> Vec<f64> {
        (0..n)
            .map(|i| ((i as f64 + seed) * 12.9898).sin())
            .collect()
    }

    fn narrow(x: &[f64]) -> Vec<f32> {
        x.iter().map(|v| *v as f32).collect()
    }

    fn close(got: &[f32], want: &[f64]) {
        for (i, (g, w)) in got.iter().zip(want).enumerate() {
            let error = (f64::from(*g) - w).abs();
            assert!(error <= 2e-5 * (1.0 + w.abs()), "{i}: {g} {w}");
        }
    }

    /// Runs f with several thread counts: all give the same.
    fn same<R: PartialEq>(f: impl FnMut() -> R) -> R {
        let [first, others @ ..] = with_thread_counts(f);
        assert!(others.iter().all(|other| *other == first));
        first
    }

    #[test]
    fn amsgrad_follows_its_rule() {
        for n in LENGTHS {
            let mut step = AdamStep {
                lr: 0.01,
                betas: (0.9, 0.99),
                eps: 1e-8,
                weight_decay: 0.05,
                decoupled: false,
                maximize: false,
                count: 0,
            };
            let mut p = values(n, 0.0);
            let start = narrow(&p);
            let grads = [values(n, 0.5), values(n, 9.0), vec![0.001; n]];
            let [mut m, mut v, mut most] = [(); 3].map(|_| vec![0.0; n]);
            for (t, grad) in grads.iter().enumerate() {
                for i in 0..n {
                    let g = grad[i] + 0.05 * p[i];
                    m[i] = 0.9 * m[i] + 0.1 * g;
                    v[i] = 0.99 * v[i] + 0.01 * g * g;
                    most[i] = f64::max(most[i], v[i]);
                    let t = t as i32 + 1;
                    let m_hat = m[i] / (1.0 - 0.9f64.powi(t));
                    let v_hat = most[i] / (1.0 - 0.99f64.powi(t));
                    p[i] -= 0.01 * m_hat / (v_hat.sqrt() + 1e-8);
                }
            }
            let got = same(|| {
                let mut p = start.clone();
                let [mut m, mut v, mut most] = [(); 3].map(|_| vec![0.0f32; n]);
                for (t, grad) in grads.iter().enumerate() {
                    step.count = t as u64 + 1;
                    amsgrad_step(&step, &mut p, &mut m, &mut v, &mut most, &narrow(grad));
                }
                [p, m, v, most]
            });
            for (got, want) in got.iter().zip([&p, &m, &v, &most]) {
                close(got, want);
            }
        }
    }

    #[test]
    fn rmsprop_follows_its_rule_with_and_without_its_buffers() {
        for n in LENGTHS {
            for (centered, momentum, maximize) in [
                (false, false, false),
                (true, false, true),
                (false, true, false),
                (true, true, false),
            ] {
                let step = RmsPropStep {
                    lr: 0.01,
                    alpha: 0.9,
                    eps: 1e-3,
                    weight_decay: 0.1,
                    momentum: 0.7,
                    maximize,
                };
                let mut p = values(n, 0.0);
                let start = narrow(&p);
                let grads = [values(n, 0.5), values(n, 9.0)];
                let [mut v, mut m, mut b] = [(); 3].map(|_| vec![0.0; n]);
                for grad in &grads {
                    for i in 0..n {
                        let g = if maximize { -grad[i] } else { grad[i] } + 0.1 * p[i];
                        v[i] = 0.9 * v[i] + 0.1 * g * g;
                        m[i] = if centered { 0.9 * m[i] + 0.1 * g } else { 0.0 };
                        let d = g / ((v[i] - m[i] * m[i]).sqrt() + 1e-3);
                        b[i] = if momentum { 0.7 * b[i] + d } else { 0.0 };
                        p[i] -= 0.01 * if momentum { b[i] } else { d };
                    }
                }
                let got = same(|| {
                    let mut p = start.clone();
                    let [mut v, mut m, mut b] = [(); 3].map(|_| vec![0.0f32; n]);
                    for grad in &grads {
                        let average = centered.then_some(&mut m[..]);
                        let buffer = momentum.then_some(&mut b[..]);
                        rmsprop_step(&step, &mut p, &mut v, average, buffer, &narrow(grad));
                    }
                    [p, v, m, b]
                });
                for (got, want) in got.iter().zip([&p, &v, &m, &b]) {
                    close(got, want);
                }
            }
        }
    }

    #[test]
    fn adagrad_follows_its_rule() {
        for n in LENGTHS {
            let mut p = values(n, 0.0);
            let start = narrow(&p);
            let grads = [values(n, 0.5), values(n, 9.0)];
            let mut sum = vec![0.1; n];
            let step = |count| AdagradStep {
                lr: 0.1,
                lr_decay: 0.5,
                weight_decay: 0.01,
                eps: 1e-10,
                maximize: true,
                count,
            };
            for (t, grad) in grads.iter().enumerate() {
                for i in 0..n {
                    let g = -grad[i] + 0.01 * p[i];
                    sum[i] += g * g;
                    p[i] -= 0.1 / (1.0 + t as f64 * 0.5) * g / (sum[i].sqrt() + 1e-10);
                }
            }
            let got = same(|| {
                let (mut p, mut sum) = (start.clone(), vec![0.1f32; n]);
                for (t, grad) in grads.iter().enumerate() {
                    adagrad_step(&step(t as u64 + 1), &mut p, &mut sum, &narrow(grad));
                }
                [p, sum]
            });
            close(&got[0], &p);
            close(&got[1], &sum);
        }
    }

    #[test]
    #[should_panic(expected = "the lengths differ")]
    fn a_buffer_of_another_length_is_refused() {
        let step = RmsPropStep {
            lr: 0.1,
            alpha: 0.9,
            eps: 1e-8,
            weight_decay: 0.0,
            momentum: 0.9,
            maximize: false,
        };
        let (mut p, mut v, mut b) = ([0.0f32; 3], [0.0; 3], [0.0; 2]);
        rmsprop_step(&step, &mut p, &mut v, None, Some(&mut b), &[0.0; 3]);
    }
}
