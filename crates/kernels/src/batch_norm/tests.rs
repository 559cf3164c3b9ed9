use super::*;
use crate::threads::with_thread_counts;
use crate::{Activation, Bias};

fn values<T: Float>(len: usize, seed: u32) -> Vec<T> {
    let mut state = seed;
    (0..len)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            T::from_f64((state >> 8) as f64 / (1 << 24) as f64 + seed as f64)
        })
        .collect()
}

const EPS: f64 = 1e-5;

fn check<T: Float>(tolerance: f64) {
    for (batch, channels, spatial) in [
        (2, 3, 4),
        (8, 5, 1),
        (130, 40, 1),
        (16, 33, 49),
        (3, 2, 1024),
        (1, 3, 5000),
        (2, 2, 9001),
        (40, 3, 900),
        (2, 0, 4),
    ] {
        let shape = BatchNormShape {
            batch,
            channels,
            spatial,
        };
        let len = batch * channels * spatial;
        let (x, grad_out) = (values::<T>(len, 3), values::<T>(len, 0));
        let (weight, bias) = (values::<T>(channels, 1), values::<T>(channels, 2));
        let epilogue = Epilogue {
            bias: Bias::PerRow(&bias),
            ..Epilogue::NONE
        };
        let results = with_thread_counts(|| {
            let mut out = vec![T::NAN; len];
            let mut stats = [(); 3].map(|_| vec![T::NAN; channels]);
            let [mean, var, invstd] = &mut stats;
            let into = BatchStatsMut { mean, var, invstd };
            batch_norm_train(&shape, &x, Some(&weight), EPS, epilogue, &mut out, into);
            let [mean, var, invstd] = stats;
            let mut grads = [
                vec![T::NAN; len],
                vec![T::NAN; channels],
                vec![T::NAN; channels],
            ];
            let [gx, gw, gb] = &mut grads;
            let into = BatchNormGrads {
                input: Some(gx),
                weight: Some(gw),
                bias: Some(gb),
            };
            let w = Some(&weight[..]);
            batch_norm_train_backward(
                &shape,
                &x,
                &grad_out,
                &mean,
                &invstd,
                w,
                ActivationMask::None,
                into,
                None,
            );

            let running = RunningStats {
                mean: &bias,
                var: &weight,
                eps: EPS,
            };
            let mut eval = vec![T::NAN; len];
            batch_norm_eval(&shape, &x, running, Some(&weight), epilogue, &mut eval);
            let mut eval_grads = [vec![T::NAN; len], vec![T::NAN; channels]];
            let [gx, gw] = &mut eval_grads;
            let into = BatchNormGrads {
                input: Some(gx),
                weight: Some(gw),
                bias: None,
            };
            batch_norm_eval_backward(
                &shape,
                &x,
                &grad_out,
                running,
                w,
                ActivationMask::None,
                into,
                None,
            );
            let [gx, gw, gb] = grads;
            let [egx, egw] = eval_grads;
            [out, mean, var, invstd, gx, gw, gb, eval, egx, egw]
        });
        assert!(results.iter().all(|r| *r == results[0]), "{shape:?}");

        let mut want = results[0].each_ref().map(|r| vec![0.0f64; r.len()]);
        for c in 0..channels {
            let all: Vec<usize> = (0..batch)
                .flat_map(|n| (0..spatial).map(move |s| (n * channels + c) * spatial + s))
                .collect();
            let m = all.len() as f64;
            let (w, b) = (weight[c].to_f64(), bias[c].to_f64());
            let v = |i: usize| x[i].to_f64();
            let g = |i: usize| grad_out[i].to_f64();
            let mean = all.iter().map(|i| v(*i)).sum::<f64>() / m;
            let var = all.iter().map(|i| (v(*i) - mean).powi(2)).sum::<f64>() / m;
            let invstd = 1.0 / (var + EPS).sqrt();
            let gb: f64 = all.iter().map(|i| g(*i)).sum();
            let gw: f64 = all.iter().map(|i| g(*i) * (v(*i) - mean) * invstd).sum();
            let eval_invstd = 1.0 / (w + EPS).sqrt();
            for (i, value) in [mean, var, invstd].into_iter().enumerate() {
                want[1 + i][c] = value;
            }
            (want[5][c], want[6][c]) = (gw, gb);
            want[9][c] = all.iter().map(|i| g(*i) * (v(*i) - b) * eval_invstd).sum();
            for i in all {
                let hat = (v(i) - mean) * invstd;
                want[0][i] = hat * w + b;
                want[4][i] = (g(i) - gb / m - hat * gw / m) * invstd * w;
                want[7][i] = (v(i) - b) * eval_invstd * w + b;
                want[8][i] = g(i) * eval_invstd * w;
            }
        }
        for (what, (got, want)) in results[0].iter().zip(&want).enumerate() {
            for (got, want) in got.iter().zip(want) {
                // Sums of many terms of either sign have an error of their length's order.
                let size = if what == 5 {
                    1.0 + (batch * spatial) as f64
                } else {
                    1.0
                };
                assert!(
                    (got.to_f64() - want).abs() <= tolerance * (size + want.abs()),
                    "{shape:?} result {what}: {got:?} {want}"
                );
            }
        }
    }
}

#[test]
fn training_and_evaluation_match_the_formulas_in_f32() {
    check::<f32>(1e-5);
}

#[test]
fn training_and_evaluation_match_the_formulas_in_f64() {
    check::<f64>(1e-12);
}

#[test]
fn a_large_mean_does_not_spoil_the_variance() {
    let shape = BatchNormShape {
        batch: 4,
        channels: 1,
        spatial: 500,
    };
    let x: Vec<f32> = (0..2000).map(|i| 10_000.0 + (i % 2) as f32).collect();
    let (mut out, mut stats) = (vec![0.0; 2000], [[0.0f32]; 3]);
    let [mean, var, invstd] = &mut stats;
    let stats_mut = BatchStatsMut { mean, var, invstd };
    batch_norm_train(&shape, &x, None, 0.0, Epilogue::NONE, &mut out, stats_mut);
    assert_eq!((stats[0], stats[1]), ([10_000.5], [0.25]));
    assert_eq!(out[..2], [-1.0, 1.0]);
}

#[test]
fn a_nan_stays_visible() {
    let shape = BatchNormShape {
        batch: 1,
        channels: 1,
        spatial: 3,
    };
    let (mut out, mut stats) = (vec![0.0; 3], [[0.0f32]; 3]);
    let [mean, var, invstd] = &mut stats;
    let stats_mut = BatchStatsMut { mean, var, invstd };
    batch_norm_train(
        &shape,
        &[1.0, f32::NAN, 2.0],
        None,
        EPS,
        Epilogue::NONE,
        &mut out,
        stats_mut,
    );
    assert!(stats.iter().all(|s| s[0].is_nan()) && out.iter().all(|v| v.is_nan()));
}

#[test]
fn the_mean_of_a_channel_with_an_infinity_is_it() {
    // The running means of PyTorch's BatchNorm1d for these channels are inf, -inf, nan and nan.
    let (inf, nan) = (f32::INFINITY, f32::NAN);
    for (values, wanted) in [
        ([1.0, inf, 2.0], inf),
        ([-inf, 1.0, 2.0], -inf),
        ([inf, -inf, 0.0], nan),
        ([1.0, 1.0, nan], nan),
    ] {
        let (mean, var) = loops::moments(&loops::Rows::new(&values, 0, 3, 1));
        assert!(
            mean as f32 == wanted || mean.is_nan() && wanted.is_nan(),
            "{values:?}: {mean}"
        );
        assert!(var.is_nan(), "{values:?}: {var}");
    }
}

/// Everything that a fused call and its backward calls give, with the ReLU's mask from the output
/// and, where nothing is added, recomputed.
fn fused<T: Float>(
    isa: Isa,
    shape: BatchNormShape,
    x: &[T],
    residual: Option<&[T]>,
    grad_out: &[T],
) -> Vec<Vec<T>> {
    let (len, channels) = (x.len(), shape.channels);
    let (weight, bias) = (values::<T>(channels, 1), values::<T>(channels, 0));
    let weight: Vec<T> = weight
        .iter()
        .enumerate()
        .map(|(i, w)| if i % 3 == 1 { -*w } else { *w })
        .collect();
    let epilogue = Epilogue {
        bias: Bias::PerRow(&bias),
        residual,
        activation: Activation::RELU,
    };
    let mut out = vec![T::NAN; len];
    let mut stats = [(); 3].map(|_| vec![T::NAN; channels]);
    let [mean, var, invstd] = &mut stats;
    let into = BatchStatsMut { mean, var, invstd };
    train_with(isa, &shape, x, Some(&weight), EPS, epilogue, &mut out, into);
    let [mean, _, invstd] = stats;
    let mut all = vec![weight.clone(), bias.clone(), out.clone()];
    for recompute in [false, true] {
        if recompute && residual.is_some() {
            continue;
        }
        for with_residual in [false, true] {
            if recompute && with_residual {
                continue;
            }
            let [mut gx, mut gr] = [(); 2].map(|_| vec![T::NAN; len]);
            let [mut gw, mut gb] = [(); 2].map(|_| vec![T::NAN; channels]);
            backward::Call {
                isa,
                shape: &shape,
                x,
                grad_out,
                mask: match recompute {
                    true => ActivationMask::Recompute {
                        activation: Activation::RELU,
                        bias: Some(&bias),
                    },
                    false => ActivationMask::Output {
                        activation: Activation::RELU,
                        output: &out,
                    },
                },
                batch_stats: true,
            }
            .run(
                |c| (mean[c], invstd[c], weight[c]),
                BatchNormGrads {
                    input: Some(&mut gx),
                    weight: Some(&mut gw),
                    bias: Some(&mut gb),
                },
                with_residual.then_some(&mut gr[..]),
            );
            if with_residual {
                all.push(gr);
            }
            all.extend([gx, gw, gb]);
        }
    }
    all
}

/// The loss `sum of grad_out * relu(batch_norm(x) + residual)`, directly.
fn fused_loss(
    s: BatchNormShape,
    x: &[f64],
    residual: &[f64],
    w: &[f64],
    b: &[f64],
    g: &[f64],
) -> f64 {
    let mut loss = 0.0;
    for c in 0..s.channels {
        let at = |i: usize| (i / s.spatial * s.channels + c) * s.spatial + i % s.spatial;
        let m = (s.batch * s.spatial) as f64;
        let all = || (0..s.batch * s.spatial).map(at);
        let mean = all().map(|i| x[i]).sum::<f64>() / m;
        let var = all().map(|i| (x[i] - mean).powi(2)).sum::<f64>() / m;
        for i in all() {
            let y = (x[i] - mean) / (var + EPS).sqrt() * w[c] + b[c] + residual[i];
            loss += g[i] * y.max(0.0);
        }
    }
    loss
}

#[test]
fn fused_gradients_match_finite_differences() {
    for (batch, channels, spatial) in [(3, 4, 5), (2, 3, 49), (9, 2, 1)] {
        let shape = BatchNormShape {
            batch,
            channels,
            spatial,
        };
        let len = batch * channels * spatial;
        let mut x = values::<f64>(len, 3);
        let mut residual: Vec<f64> = values(len, 0);
        residual.iter_mut().for_each(|r| *r -= 0.5);
        let mut g: Vec<f64> = values(len, 1);
        g.iter_mut().for_each(|g| *g -= 1.4);
        let zeros = vec![0.0; len];
        for with in [true, false] {
            let got = fused(Isa::current(), shape, &x, with.then_some(&residual[..]), &g);
            let (mut w, mut b) = (got[0].clone(), got[1].clone());
            let mut r = if with {
                residual.clone()
            } else {
                zeros.clone()
            };
            // In order: the gradients without and with that of the residual, then recomputed.
            for (first, has_residual) in [(3, false), (7, true), (10, false)] {
                if first == 10 && with {
                    continue;
                }
                let grads = &got[first..];
                let residual_grad = has_residual.then(|| &got[6]);
                let h = 1e-6;
                let mut check = |which: usize, i: usize, grad: f64| {
                    let mut shifted = |by: f64| {
                        let target = match which {
                            0 => &mut x,
                            1 => &mut w,
                            2 => &mut b,
                            _ => &mut r,
                        };
                        target[i] += by;
                        let loss = fused_loss(shape, &x, &r, &w, &b, &g);
                        let target = match which {
                            0 => &mut x,
                            1 => &mut w,
                            2 => &mut b,
                            _ => &mut r,
                        };
                        target[i] -= by;
                        loss
                    };
                    let numeric = (shifted(h) - shifted(-h)) / (2.0 * h);
                    assert!(
                        (numeric - grad).abs() < 1e-6 * (10.0 + grad.abs()),
                        "{shape:?} {which} {i}: {grad} {numeric}"
                    );
                };
                for i in (0..len).step_by(3) {
                    check(0, i, grads[0][i]);
                    if let Some(grad) = residual_grad {
                        check(3, i, grad[i]);
                    }
                }
                for (which, grads) in [(1, &grads[1]), (2, &grads[2])] {
                    for (c, grad) in grads.iter().enumerate() {
                        check(which, c, *grad);
                    }
                }
            }
        }
    }
}

#[test]
fn fused_calls_give_the_same_bits_on_every_set_and_with_any_threads() {
    for (batch, channels, spatial) in [
        (2, 3, 4),
        (33, 20, 1),
        (1, 5, 49),
        (4, 7, 196),
        (3, 2, 5000),
        (0, 3, 4),
        (3, 2, 0),
    ] {
        let shape = BatchNormShape {
            batch,
            channels,
            spatial,
        };
        let len = batch * channels * spatial;
        let (x, residual, g) = (
            values::<f32>(len, 3),
            values::<f32>(len, 0),
            values::<f32>(len, 2),
        );
        let bits = |isa, residual| -> Vec<Vec<u32>> {
            fused(isa, shape, &x, residual, &g)
                .iter()
                .map(|v| v.iter().map(|v| v.to_bits()).collect())
                .collect()
        };
        for residual in [None, Some(&residual[..])] {
            let first = bits(Isa::Scalar, residual);
            for isa in Isa::available() {
                for got in with_thread_counts(|| bits(isa, residual)) {
                    assert!(got == first, "{shape:?} {isa:?}");
                }
            }
        }
    }
}

#[test]
fn a_fused_evaluation_and_its_gradients_follow_the_formulas() {
    let shape = BatchNormShape {
        batch: 2,
        channels: 3,
        spatial: 21,
    };
    let len = 126;
    let (x, residual, g) = (
        values::<f64>(len, 0),
        values::<f64>(len, 0),
        values::<f64>(len, 2),
    );
    let (mean, var) = (vec![0.9; 3], vec![0.5, 1.0, 2.0]);
    let (weight, bias) = (vec![1.5, -0.5, 2.0], vec![0.1, -0.2, 0.3]);
    let stats = RunningStats {
        mean: &mean,
        var: &var,
        eps: EPS,
    };
    for with in [false, true] {
        let epilogue = Epilogue {
            bias: Bias::PerRow(&bias),
            residual: with.then_some(&residual[..]),
            activation: Activation::RELU,
        };
        let mut out = vec![f64::NAN; len];
        batch_norm_eval(&shape, &x, stats, Some(&weight), epilogue, &mut out);
        let (mut gx, mut gr) = (vec![f64::NAN; len], vec![f64::NAN; len]);
        let grads = BatchNormGrads {
            input: Some(&mut gx),
            weight: None,
            bias: None,
        };
        let mask = ActivationMask::Output {
            activation: Activation::RELU,
            output: &out,
        };
        let w = Some(&weight[..]);
        batch_norm_eval_backward(&shape, &x, &g, stats, w, mask, grads, Some(&mut gr));
        for i in 0..len {
            let c = i / 21 % 3;
            let scale = weight[c] / (var[c] + EPS).sqrt();
            let y = (x[i] - mean[c]) * scale + bias[c] + if with { residual[i] } else { 0.0 };
            assert!((out[i] - y.max(0.0)).abs() < 1e-12);
            let want = if y > 0.0 { g[i] } else { 0.0 };
            assert!(gr[i] == want && (gx[i] - want * scale).abs() < 1e-12);
        }
        if !with {
            let mut again = vec![f64::NAN; len];
            let grads = BatchNormGrads {
                input: Some(&mut again),
                weight: None,
                bias: None,
            };
            let mask = ActivationMask::Recompute {
                activation: Activation::RELU,
                bias: Some(&bias),
            };
            batch_norm_eval_backward(&shape, &x, &g, stats, w, mask, grads, None);
            assert_eq!(again, gx);
        }
    }
}

#[test]
fn a_first_row_far_from_the_mean_does_not_spoil_the_variance() {
    let shape = BatchNormShape {
        batch: 50,
        channels: 1,
        spatial: 64,
    };
    let x: Vec<f32> = (0..3200)
        .map(|i| if i < 64 { 1e4 } else { (i % 2) as f32 })
        .collect();
    let (mut out, mut stats) = (vec![0.0; 3200], [[0.0f32]; 3]);
    let [mean, var, invstd] = &mut stats;
    let stats_mut = BatchStatsMut { mean, var, invstd };
    batch_norm_train(&shape, &x, None, 0.0, Epilogue::NONE, &mut out, stats_mut);
    let m = x.iter().map(|v| f64::from(*v)).sum::<f64>() / 3200.0;
    let v = x.iter().map(|v| (f64::from(*v) - m).powi(2)).sum::<f64>() / 3200.0;
    // The lanes add numbers of the size of the deviation.
    assert!((f64::from(stats[0][0]) - m).abs() < 1e-6 * v.sqrt());
    assert!((f64::from(stats[1][0]) / v - 1.0).abs() < 3e-6);
}
