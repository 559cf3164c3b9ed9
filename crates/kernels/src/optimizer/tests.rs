//! Steps against their rules in f64.

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
fn sgd_reference(step: &SgdStep, p: &mut [f64], b: Option<&mut [f64]>, grad: &[f64], first: bool) {
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

fn near(got: &[f32], expected: &[f64], tolerance: f64) {
    for (i, (g, e)) in got.iter().zip(expected).enumerate() {
        let error = (f64::from(*g) - e).abs();
        assert!(error <= tolerance * (1.0 + e.abs()), "{i}: {g} {e}");
    }
}

fn close(got: &[f32], expected: &[f64]) {
    near(got, expected, 1e-6);
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

const LENGTHS: [usize; 5] = [0, 1, 7, 1000, CHUNK + 3];

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
            near(got, want, 2e-5);
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
                near(got, want, 2e-5);
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
        near(&got[0], &p, 2e-5);
        near(&got[1], &sum, 2e-5);
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
