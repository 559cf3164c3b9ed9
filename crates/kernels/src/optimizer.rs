//! Steps of optimizers: one pass over a parameter, its gradient and what the optimizer remembers.
//!
//! Every element is on its own, so the result does not depend on the number of threads. Multiply
//! and add are rounded apart, on every instruction set.

use crate::threads::Disjoint;
use crate::{Float, Isa, Loop, parallel_for};

mod adaptive;

use adaptive::AdamFactors;
pub use adaptive::{AdagradStep, RmsPropStep, adagrad_step, amsgrad_step, rmsprop_step};

/// A piece for one thread has this many elements.
const CHUNK: usize = 16 << 10;

/// Runs `f(start, length)` for the pieces of `len` elements.
fn for_each_piece(len: usize, f: impl Fn(usize, usize) + Sync) {
    parallel_for(len.div_ceil(CHUNK), |i| {
        f(i * CHUNK, CHUNK.min(len - i * CHUNK));
    });
}

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

struct Sgd<'a, T> {
    p: &'a mut [T],
    grad: &'a [T],
    lr: T,
    weight_decay: T,
    sign: T,
}

/// `factor * p`, and 0 without a factor even where `p` is infinite.
#[inline(always)]
fn penalty<T: Float>(factor: T, p: T) -> T {
    if factor == T::ZERO {
        T::ZERO
    } else {
        factor * p
    }
}

impl<T: Float> Loop for Sgd<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        for (p, g) in self.p.iter_mut().zip(self.grad) {
            *p = *p - self.lr * (self.sign * *g + penalty(self.weight_decay, *p));
        }
    }
}

/// A step without momentum: `p -= lr * (± grad + weight_decay * p)`.
///
/// # Panics
/// If the lengths differ.
pub fn sgd_step<T: Float>(step: &SgdStep, p: &mut [T], grad: &[T]) {
    assert_eq!(p.len(), grad.len(), "sgd_step: the lengths differ");
    let isa = Isa::current();
    let out = Disjoint::new(p);
    for_each_piece(grad.len(), |start, len| {
        isa.run_narrow(Sgd {
            // SAFETY: each piece is one task's.
            p: unsafe { out.slice(start, len) },
            grad: &grad[start..start + len],
            lr: T::from_f64(step.lr),
            weight_decay: T::from_f64(step.weight_decay),
            sign: if step.maximize { -T::ONE } else { T::ONE },
        });
    });
}

/// `NESTEROV` is a constant, so that the loop has no branch.
struct SgdMomentum<'a, T, const NESTEROV: bool> {
    p: &'a mut [T],
    buffer: &'a mut [T],
    grad: &'a [T],
    lr: T,
    momentum: T,
    /// The gradient's share in the buffer.
    fresh: T,
    weight_decay: T,
    sign: T,
}

impl<T: Float, const NESTEROV: bool> Loop for SgdMomentum<'_, T, NESTEROV> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        for ((p, b), g) in self.p.iter_mut().zip(self.buffer).zip(self.grad) {
            let d = self.sign * *g + penalty(self.weight_decay, *p);
            let new = self.momentum * *b + self.fresh * d;
            *b = new;
            let step = if NESTEROV {
                d + self.momentum * new
            } else {
                new
            };
            *p = *p - self.lr * step;
        }
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
    step: &SgdStep,
    p: &mut [T],
    buffer: &mut [T],
    grad: &[T],
    first: bool,
) {
    assert!(
        p.len() == grad.len() && buffer.len() == grad.len(),
        "sgd_momentum_step: the lengths differ"
    );
    if step.nesterov {
        momentum_pieces::<T, true>(step, p, buffer, grad, first);
    } else {
        momentum_pieces::<T, false>(step, p, buffer, grad, first);
    }
}

fn momentum_pieces<T: Float, const NESTEROV: bool>(
    step: &SgdStep,
    p: &mut [T],
    buffer: &mut [T],
    grad: &[T],
    first: bool,
) {
    let isa = Isa::current();
    let (p, buffer) = (Disjoint::new(p), Disjoint::new(buffer));
    for_each_piece(grad.len(), |start, len| {
        // SAFETY: each piece is one task's.
        let (p, buffer) = unsafe { (p.slice(start, len), buffer.slice(start, len)) };
        isa.run_narrow(SgdMomentum::<T, NESTEROV> {
            p,
            buffer,
            grad: &grad[start..start + len],
            lr: T::from_f64(step.lr),
            momentum: T::from_f64(step.momentum),
            fresh: T::from_f64(if first { 1.0 } else { 1.0 - step.dampening }),
            weight_decay: T::from_f64(step.weight_decay),
            sign: if step.maximize { -T::ONE } else { T::ONE },
        });
    });
}

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

struct Adam<'a, T> {
    p: &'a mut [T],
    average: &'a mut [T],
    square: &'a mut [T],
    grad: &'a [T],
    factors: AdamFactors<T>,
}

impl<T: Float> Loop for Adam<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let f = self.factors;
        let state = self.average.iter_mut().zip(self.square);
        for ((p, (m, v)), g) in self.p.iter_mut().zip(state).zip(self.grad) {
            let weight = *p * f.keep;
            let g = f.sign * *g + penalty(f.penalty, weight);
            let average = *m + f.towards * (g - *m);
            let square = f.beta2 * *v + f.fresh2 * (g * g);
            *m = average;
            *v = square;
            *p = weight - f.step * (average / (square.sqrt() * f.scale + f.eps));
        }
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
    step: &AdamStep,
    p: &mut [T],
    average: &mut [T],
    square: &mut [T],
    grad: &[T],
) {
    let len = grad.len();
    assert!(
        p.len() == len && average.len() == len && square.len() == len,
        "adam_step: the lengths differ"
    );
    let isa = Isa::current();
    let factors = AdamFactors::new(step);
    let (p, average) = (Disjoint::new(p), Disjoint::new(average));
    let square = Disjoint::new(square);
    for_each_piece(len, |start, len| {
        // SAFETY: each piece is one task's.
        let (p, average, square) = unsafe {
            (
                p.slice(start, len),
                average.slice(start, len),
                square.slice(start, len),
            )
        };
        isa.run_narrow(Adam {
            p,
            average,
            square,
            grad: &grad[start..start + len],
            factors,
        });
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::threads::with_thread_counts;

    fn values(n: usize, seed: f64) -> Vec<f64> {
        (0..n)
            .map(|i| ((i as f64 + seed) * 12.9898).sin())
            .collect()
    }

    fn narrow(x: &[f64]) -> Vec<f32> {
        x.iter().map(|v| *v as f32).collect()
    }

    /// The rule in f64, element by element, in other words than the kernel's.
    fn sgd_reference(
        step: &SgdStep,
        p: &mut [f64],
        b: Option<&mut [f64]>,
        grad: &[f64],
        first: bool,
    ) {
        let mut buffer = b;
        for i in 0..p.len() {
            let mut d = if step.maximize { -grad[i] } else { grad[i] };
            d += step.weight_decay * p[i];
            if let Some(b) = buffer.as_deref_mut() {
                b[i] = match first {
                    true => d,
                    false => step.momentum * b[i] + (1.0 - step.dampening) * d,
                };
                d = match step.nesterov {
                    true => d + step.momentum * b[i],
                    false => b[i],
                };
            }
            p[i] -= step.lr * d;
        }
    }

    fn close(got: &[f32], expected: &[f64]) {
        for (i, (g, e)) in got.iter().zip(expected).enumerate() {
            assert!(
                (f64::from(*g) - e).abs() <= 1e-6 * (1.0 + e.abs()),
                "{i}: {g} {e}"
            );
        }
    }

    #[test]
    fn sgd_follows_its_rule_for_all_lengths_and_thread_counts() {
        for n in [0, 1, 7, 1000, CHUNK, 2 * CHUNK + 5] {
            for (nesterov, maximize) in [(false, false), (true, false), (false, true)] {
                let step = SgdStep {
                    lr: 0.1,
                    momentum: 0.9,
                    dampening: if nesterov { 0.0 } else { 0.25 },
                    weight_decay: 0.01,
                    nesterov,
                    maximize,
                };
                let (mut p, mut b, grad) = (values(n, 0.0), vec![0.0; n], values(n, 0.5));
                let mut plain = p.clone();
                let start = narrow(&p);
                for first in [true, false] {
                    sgd_reference(&step, &mut p, Some(&mut b), &grad, first);
                }
                sgd_reference(&step, &mut plain, None, &grad, true);
                let grad = narrow(&grad);
                let runs = with_thread_counts(|| {
                    let (mut got, mut buffer) = (start.clone(), vec![0.0f32; n]);
                    for first in [true, false] {
                        sgd_momentum_step(&step, &mut got, &mut buffer, &grad, first);
                    }
                    close(&got, &p);
                    close(&buffer, &b);
                    let mut without = start.clone();
                    sgd_step(&step, &mut without, &grad);
                    close(&without, &plain);
                    got
                });
                assert!(runs[0] == runs[1] && runs[1] == runs[2]);
            }
        }
    }

    #[test]
    fn adam_follows_its_rule() {
        for n in [0, 1, 7, 1000, CHUNK + 3] {
            for (decoupled, maximize) in [(false, false), (true, false), (false, true)] {
                let mut step = AdamStep {
                    lr: 0.01,
                    betas: (0.9, 0.999),
                    eps: 1e-8,
                    weight_decay: 0.05,
                    decoupled,
                    maximize,
                    count: 0,
                };
                let (mut p, grad) = (values(n, 0.0), values(n, 0.5));
                let (mut m, mut v) = (vec![0.0; n], vec![0.0; n]);
                let mut got = narrow(&p);
                let (mut average, mut square) = (vec![0.0f32; n], vec![0.0f32; n]);
                for count in 1..=3u64 {
                    step.count = count;
                    for i in 0..n {
                        let mut g = if maximize { -grad[i] } else { grad[i] };
                        match decoupled {
                            true => p[i] -= step.lr * step.weight_decay * p[i],
                            false => g += step.weight_decay * p[i],
                        }
                        m[i] = 0.9 * m[i] + 0.1 * g;
                        v[i] = 0.999 * v[i] + 0.001 * g * g;
                        let m_hat = m[i] / (1.0 - 0.9f64.powi(count as i32));
                        let v_hat = v[i] / (1.0 - 0.999f64.powi(count as i32));
                        p[i] -= step.lr * m_hat / (v_hat.sqrt() + step.eps);
                    }
                    adam_step(&step, &mut got, &mut average, &mut square, &narrow(&grad));
                }
                close(&got, &p);
                close(&average, &m);
                close(&square, &v);
            }
        }
    }

    #[test]
    fn an_infinite_weight_without_decay_stays_infinite() {
        let step = SgdStep {
            lr: 0.1,
            momentum: 0.5,
            dampening: 0.0,
            weight_decay: 0.0,
            nesterov: false,
            maximize: false,
        };
        let mut p = [f32::INFINITY];
        sgd_step(&step, &mut p, &[1.0]);
        sgd_momentum_step(&step, &mut p, &mut [0.0], &[1.0], true);
        assert_eq!(p, [f32::INFINITY]);
    }

    #[test]
    #[should_panic(expected = "the lengths differ")]
    fn different_lengths_are_refused() {
        let step = SgdStep {
            lr: 0.1,
            momentum: 0.0,
            dampening: 0.0,
            weight_decay: 0.0,
            nesterov: false,
            maximize: false,
        };
        sgd_step(&step, &mut [0.0f32; 3], &[0.0; 2]);
    }
}
