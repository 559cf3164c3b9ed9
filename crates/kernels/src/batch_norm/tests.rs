use super::*;
use crate::threads::with_thread_counts;

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
        let affine = BatchNormAffine {
            weight: Some(&weight),
            bias: Some(&bias),
        };
        let results = with_thread_counts(|| {
            let mut out = vec![T::NAN; len];
            let mut stats = [(); 3].map(|_| vec![T::NAN; channels]);
            let [mean, var, invstd] = &mut stats;
            let into = BatchStatsMut { mean, var, invstd };
            batch_norm_train(&shape, &x, affine, EPS, &mut out, into);
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
            batch_norm_train_backward(&shape, &x, &grad_out, &mean, &invstd, w, into);

            let running = RunningStats {
                mean: &bias,
                var: &weight,
                eps: EPS,
            };
            let mut eval = vec![T::NAN; len];
            batch_norm_eval(&shape, &x, running, affine, &mut eval);
            let mut eval_grads = [vec![T::NAN; len], vec![T::NAN; channels]];
            let [gx, gw] = &mut eval_grads;
            let into = BatchNormGrads {
                input: Some(gx),
                weight: Some(gw),
                bias: None,
            };
            batch_norm_eval_backward(&shape, &x, &grad_out, running, w, into);
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
    let affine = BatchNormAffine {
        weight: None,
        bias: None,
    };
    batch_norm_train(&shape, &x, affine, 0.0, &mut out, stats_mut);
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
    let affine = BatchNormAffine {
        weight: None,
        bias: None,
    };
    batch_norm_train(
        &shape,
        &[1.0, f32::NAN, 2.0],
        affine,
        EPS,
        &mut out,
        stats_mut,
    );
    assert!(stats.iter().all(|s| s[0].is_nan()) && out.iter().all(|v| v.is_nan()));
}
