use super::*;
use crate::threads::with_thread_counts;

fn values(len: usize, seed: u32) -> Vec<f64> {
    let mut state = seed;
    (0..len)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f64 / (1 << 24) as f64
        })
        .collect()
}

/// The losses and the weights, by the formula.
fn reference(call: &CrossEntropy<'_, f64>, scores: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let (c, s) = (call.classes, call.spatial);
    (0..call.batch * s)
        .map(|i| {
            let at = |class: usize| (i / s * c + class) * s + i % s;
            let total: f64 = (0..c).map(|j| scores[at(j)].exp()).sum();
            let mut sum = 0.0;
            let mut counts = 1.0;
            for j in 0..c {
                let w = call.weight.map_or(1.0, |w| w[j]);
                let target = match call.target {
                    CrossEntropyTarget::Probabilities(p) => p[at(j)],
                    CrossEntropyTarget::Classes {
                        classes,
                        ignore_index,
                    } => {
                        if classes[i] == ignore_index {
                            return (0.0, 0.0);
                        }
                        if classes[i] == j as i64 {
                            counts = w;
                            1.0
                        } else {
                            0.0
                        }
                    }
                };
                let e = call.label_smoothing;
                let q = (1.0 - e) * target + e / c as f64;
                sum -= w * q * (scores[at(j)].exp() / total).ln();
            }
            (sum, counts)
        })
        .unzip()
}

/// Calls `f` with many shapes, targets and settings, and scores.
fn for_each_call(f: impl Fn(&CrossEntropy<'_, f64>, &[f64])) {
    for (batch, classes, spatial) in [
        (0, 3, 2),
        (1, 1, 1),
        (5, 10, 1),
        (3, 65, 1),
        (2, 3, 7),
        (2, 5, 70),
    ] {
        let scores: Vec<f64> = values(batch * classes * spatial, 1)
            .iter()
            .map(|v| v * 8.0 - 4.0)
            .collect();
        let weight: Vec<f64> = values(classes, 2).iter().map(|w| w + 0.1).collect();
        let probabilities = values(batch * classes * spatial, 3);
        let labels: Vec<i64> = (0..batch * spatial)
            .map(|i| match i % 5 {
                3 => -100,
                _ => (i * 7 % classes) as i64,
            })
            .collect();
        for target in [
            CrossEntropyTarget::Classes {
                classes: &labels,
                ignore_index: -100,
            },
            CrossEntropyTarget::Probabilities(&probabilities),
        ] {
            for weight in [None, Some(&weight[..])] {
                for label_smoothing in [0.0, 0.3] {
                    let call = CrossEntropy {
                        batch,
                        classes,
                        spatial,
                        target,
                        weight,
                        label_smoothing,
                    };
                    f(&call, &scores);
                }
            }
        }
    }
}

#[test]
fn losses_follow_the_formula_and_gradients_are_their_differences() {
    for_each_call(|call, scores| {
        let n = call.batch * call.spatial;
        let mut out = [(); 4].map(|_| vec![f64::NAN; n]);
        let [losses, weights, max, log_sum] = &mut out;
        call.forward(scores, losses, weights, max, log_sum);
        let (want, want_weights) = reference(call, scores);
        for i in 0..n {
            assert!((losses[i] - want[i]).abs() < 1e-12 * (1.0 + want[i].abs()));
            assert_eq!(weights[i], want_weights[i]);
        }
        let grad_losses: Vec<f64> = values(n, 9).iter().map(|g| g - 0.4).collect();
        let mut grad = vec![f64::NAN; scores.len()];
        call.backward(scores, max, log_sum, &grad_losses, &mut grad);
        let total = |scores: &[f64]| -> f64 {
            let losses = reference(call, scores).0;
            losses.iter().zip(&grad_losses).map(|(l, g)| l * g).sum()
        };
        let mut shifted = scores.to_vec();
        for i in (0..scores.len()).step_by(1 + scores.len() / 60) {
            let h = 1e-5;
            shifted[i] = scores[i] + h;
            let up = total(&shifted);
            shifted[i] = scores[i] - h;
            let down = total(&shifted);
            shifted[i] = scores[i];
            let want = (up - down) / (2.0 * h);
            assert!(
                (grad[i] - want).abs() < 1e-8,
                "{call:?} {i}: {} {want}",
                grad[i]
            );
        }
    });
}

#[test]
fn f32_is_close_and_the_same_with_any_threads_and_with_any_fused_arithmetic() {
    let (batch, spatial) = (40, 1);
    for (classes, label_smoothing) in [(10, 0.0), (1003, 0.1)] {
        let scores: Vec<f32> = values(batch * classes, 4)
            .iter()
            .map(|v| (v * 30.0 - 15.0) as f32)
            .collect();
        let labels: Vec<i64> = (0..batch).map(|i| (i * 31 % classes) as i64).collect();
        let weight = vec![1.0f32; classes];
        let call = CrossEntropy {
            batch,
            classes,
            spatial,
            target: CrossEntropyTarget::Classes {
                classes: &labels,
                ignore_index: 5,
            },
            weight: Some(&weight),
            label_smoothing,
        };
        let run = |isa| {
            let mut out = [(); 4].map(|_| vec![f32::NAN; batch]);
            call.forward_with(isa, &scores, out.each_mut().map(|o| &mut o[..]));
            let mut grad = vec![f32::NAN; scores.len()];
            let grads = vec![0.5; batch];
            call.backward_with(isa, &scores, [&out[2], &out[3], &grads], &mut grad);
            (out, grad)
        };
        let results: Vec<_> = Isa::available()
            .into_iter()
            .map(|isa| {
                let all = with_thread_counts(|| run(isa));
                assert!(all.iter().all(|got| *got == all[0]), "{isa:?}");
                all.into_iter().next().expect("there is one")
            })
            .collect();
        // The portable set has no fused arithmetic.
        assert!(results[1..].iter().all(|fused| *fused == results[1]));
        let wide: Vec<f64> = scores.iter().map(|v| f64::from(*v)).collect();
        let ones = vec![1.0; classes];
        let exact = CrossEntropy {
            batch,
            classes,
            spatial,
            target: CrossEntropyTarget::Classes {
                classes: &labels,
                ignore_index: 5,
            },
            weight: Some(&ones),
            label_smoothing,
        };
        let (want, _) = reference(&exact, &wide);
        for (got, _) in &results {
            for (got, want) in got[0].iter().zip(&want) {
                assert!((f64::from(*got) - want).abs() < 2e-6 * (1.0 + want.abs()));
            }
        }
    }
}

#[test]
fn a_small_loss_of_large_scores_keeps_its_digits() {
    let call = CrossEntropy {
        batch: 1,
        classes: 2,
        spatial: 1,
        target: CrossEntropyTarget::Classes {
            classes: &[0],
            ignore_index: -1,
        },
        weight: None,
        label_smoothing: 0.0,
    };
    let [mut loss, mut weight, mut max, mut log] = [[0.0f32]; 4];
    call.forward(
        &[1e6, 1e6 - 2.0],
        &mut loss,
        &mut weight,
        &mut max,
        &mut log,
    );
    assert!((loss[0] - (1.0 + (-2f32).exp()).ln()).abs() < 1e-6);
}

#[test]
#[should_panic(expected = "target 3 is no class of 3")]
fn a_target_that_is_no_class_is_refused() {
    let call = CrossEntropy {
        batch: 1,
        classes: 3,
        spatial: 1,
        target: CrossEntropyTarget::Classes {
            classes: &[3],
            ignore_index: -1,
        },
        weight: None,
        label_smoothing: 0.0,
    };
    let [mut loss, mut weight, mut max, mut log] = [[0.0f32]; 4];
    call.forward(&[0.0; 3], &mut loss, &mut weight, &mut max, &mut log);
}
