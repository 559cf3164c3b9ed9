//! Batch normalisation of every image size: training and evaluation, what may follow, and gradients.

use pleach_kernels::{
    Activation, ActivationMask, BatchNormGrads, BatchNormShape, BatchStatsMut, Bias, Epilogue,
    Float, RunningStats, batch_norm_eval, batch_norm_eval_backward, batch_norm_train,
    batch_norm_train_backward,
};

use crate::harness::{
    ACTIVATIONS, activated, assert_close, in_f64, is_large, on_every_isa, whole_numbers,
};

const EPS: f64 = 1e-5;

/// What is wanted: output, statistics, gradients of input, weight, bias and residual.
struct Wanted {
    /// Before the activation.
    sum: Vec<f64>,
    out: Vec<f64>,
    stats: [Vec<f64>; 3],
    grad_x: Vec<f64>,
    grad_weight: Vec<f64>,
    grad_bias: Vec<f64>,
    grad_residual: Vec<f64>,
}

/// The inputs, in f64.
struct Inputs {
    x: Vec<f64>,
    weight: Vec<f64>,
    bias: Vec<f64>,
    residual: Option<Vec<f64>>,
    activation: Activation,
    grad_out: Vec<f64>,
}

/// The formulas, with the statistics of the batch, or with given means and variances.
fn wanted(s: &BatchNormShape, inputs: &Inputs, given: Option<[&[f64]; 2]>) -> Wanted {
    let len = inputs.x.len();
    let mut want = Wanted {
        sum: vec![0.0; len],
        out: vec![0.0; len],
        stats: [(); 3].map(|()| vec![0.0; s.channels]),
        grad_x: vec![0.0; len],
        grad_weight: vec![0.0; s.channels],
        grad_bias: vec![0.0; s.channels],
        grad_residual: vec![0.0; len],
    };
    for c in 0..s.channels {
        let all: Vec<usize> = (0..s.batch)
            .flat_map(|n| (0..s.spatial).map(move |p| (n * s.channels + c) * s.spatial + p))
            .collect();
        let m = all.len() as f64;
        let mean = match given {
            Some([mean, _]) => mean[c],
            None => all.iter().map(|i| inputs.x[*i]).sum::<f64>() / m,
        };
        let var = match given {
            Some([_, var]) => var[c],
            None => {
                all.iter()
                    .map(|i| (inputs.x[*i] - mean).powi(2))
                    .sum::<f64>()
                    / m
            }
        };
        let invstd = 1.0 / (var + EPS).sqrt();
        let hat = |i: usize| (inputs.x[i] - mean) * invstd;
        let (mut grad_weight, mut grad_bias) = (0.0, 0.0);
        for &i in &all {
            let residual = inputs.residual.as_ref().map_or(0.0, |r| r[i]);
            let out = hat(i) * inputs.weight[c] + inputs.bias[c] + residual;
            want.sum[i] = out;
            want.out[i] = activated(inputs.activation, out);
            let grad = if want.out[i] == out {
                inputs.grad_out[i]
            } else {
                0.0
            };
            want.grad_residual[i] = grad;
            grad_weight += grad * hat(i);
            grad_bias += grad;
        }
        for &i in &all {
            let through_stats = match given {
                Some(_) => 0.0,
                None => grad_bias / m + hat(i) * grad_weight / m,
            };
            want.grad_x[i] = (want.grad_residual[i] - through_stats) * invstd * inputs.weight[c];
        }
        want.stats
            .iter_mut()
            .zip([mean, var, invstd])
            .for_each(|(s, v)| s[c] = v);
        (want.grad_weight[c], want.grad_bias[c]) = (grad_weight, grad_bias);
    }
    want
}

/// Checks a shape. Where rounding decides whether a value is within the bounds, no gradient comes.
fn check<T: Float>(s: &BatchNormShape, case: usize, tolerance: f64) {
    let len = s.batch * s.channels * s.spatial;
    let x = whole_numbers::<T>(len, case);
    let mut grad_out = whole_numbers::<T>(len, case + 1);
    let weight = vec![T::from_f64(0.5); s.channels];
    let bias: Vec<T> = (0..s.channels)
        .map(|c| T::from_f64(0.217 + c as f64))
        .collect();
    let add = (case / 3).is_multiple_of(2);
    let activation = ACTIVATIONS[case / 6 % 3];
    let relu = activation != Activation::None;
    let residual = add.then(|| whole_numbers::<T>(len, case + 2));
    let mut inputs = Inputs {
        x: in_f64(&x),
        weight: in_f64(&weight),
        bias: in_f64(&bias),
        residual: residual.as_deref().map(in_f64),
        activation,
        grad_out: in_f64(&grad_out),
    };
    let epilogue = Epilogue {
        bias: Bias::PerRow(&bias),
        residual: residual.as_deref(),
        activation,
    };
    let means: Vec<T> = (0..s.channels)
        .map(|c| T::from_f64(c as f64 - 1.1))
        .collect();
    let variances: Vec<T> = (0..s.channels)
        .map(|c| T::from_f64(0.7 + c as f64))
        .collect();
    let (given_means, given_variances) = (in_f64(&means), in_f64(&variances));
    let running = RunningStats {
        mean: &means,
        var: &variances,
        eps: EPS,
    };
    let given = [None, Some([&given_means[..], &given_variances[..]])];
    if let Activation::Clamp { min, max } = activation {
        for given in given {
            for (i, sum) in wanted(s, &inputs, given).sum.into_iter().enumerate() {
                if (sum - min).abs().min((sum - max).abs()) < 10.0 * tolerance {
                    (grad_out[i], inputs.grad_out[i]) = (T::ZERO, 0.0);
                }
            }
        }
    }
    for (train, given) in [true, false].into_iter().zip(given) {
        let want = wanted(s, &inputs, given);
        let mut out = vec![T::NAN; len];
        let mut stats = [(); 3].map(|()| vec![T::NAN; s.channels]);
        let mut grad_x = vec![T::NAN; len];
        let mut sums = [(); 2].map(|()| vec![T::NAN; s.channels]);
        let mut grad_residual = (add && relu).then(|| vec![T::NAN; len]);
        if train {
            let [mean, var, invstd] = &mut stats;
            let into = BatchStatsMut { mean, var, invstd };
            batch_norm_train(s, &x, Some(&weight), EPS, epilogue, &mut out, into);
            for (got, want) in stats.iter().zip(&want.stats) {
                // Both sides add so many f64, each in its own order.
                let sums = (s.batch * s.spatial) as f64 * f64::EPSILON;
                assert_close("statistics", s, got, want, tolerance + sums);
            }
        } else {
            batch_norm_eval(s, &x, running, Some(&weight), epilogue, &mut out);
        }
        let bias = Some(&bias[..]);
        let mask = match (relu, add) {
            (false, _) => ActivationMask::None,
            (true, false) => ActivationMask::Recompute { activation, bias },
            (true, true) => ActivationMask::Output {
                activation,
                output: &out,
            },
        };
        let [grad_weight, grad_bias] = &mut sums;
        let grads = BatchNormGrads {
            input: Some(&mut grad_x),
            weight: Some(grad_weight),
            bias: Some(grad_bias),
        };
        let (w, to_residual) = (Some(&weight[..]), grad_residual.as_deref_mut());
        if train {
            let [mean, _, invstd] = &stats;
            batch_norm_train_backward(s, &x, &grad_out, mean, invstd, w, mask, grads, to_residual);
        } else {
            batch_norm_eval_backward(s, &x, &grad_out, running, w, mask, grads, to_residual);
        }
        assert_close("output", s, &out, &want.out, tolerance);
        // One value has no variance, so that the gradient is a difference times 1 / sqrt(eps).
        let scale = tolerance * if s.batch * s.spatial == 1 { 1e3 } else { 1.0 };
        assert_close("input's gradient", s, &grad_x, &want.grad_x, 10.0 * scale);
        let long = tolerance * (1.0 + (s.batch * s.spatial) as f64);
        assert_close("weight's gradient", s, &sums[0], &want.grad_weight, long);
        assert_close("bias's gradient", s, &sums[1], &want.grad_bias, tolerance);
        if let Some(got) = &grad_residual {
            assert_close(
                "residual's gradient",
                s,
                got,
                &want.grad_residual,
                tolerance,
            );
        }
    }
}

#[test]
fn batch_normalisation_of_every_image_size_matches_the_formulas() {
    let name = "batch_norm::batch_normalisation_of_every_image_size_matches_the_formulas";
    on_every_isa(name, |run| {
        run.images(0, [1, 1], |case, [height, width]| {
            // A plane is as many pixels turned.
            if is_large([height, width]) && height < width {
                return;
            }
            for (batch, channels, spatial) in [
                (1, 1, height * width),
                (2, 2, height),
                (3, 2, 2 * width),
                (width, 3, 1),
            ] {
                let shape = BatchNormShape {
                    batch,
                    channels,
                    spatial,
                };
                match case / 3 % 5 {
                    0 => check::<f64>(&shape, case, 1e-12),
                    _ => check::<f32>(&shape, case, 2e-6),
                }
            }
        });
        for channels in run.channels().filter(|c| run.takes(*c)) {
            let shape = BatchNormShape {
                batch: 2,
                channels,
                spatial: 1 + channels % 50,
            };
            check::<f32>(&shape, channels, 2e-6);
        }
    });
}
