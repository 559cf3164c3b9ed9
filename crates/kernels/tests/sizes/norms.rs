//! Layer, RMS and group normalisation of rows and groups of every length, forward and backward.

use pleach_kernels::{
    Float, GroupNormShape, NormAffine, NormGrads, NormStats, NormStatsMut, group_norm,
    group_norm_backward, layer_norm, layer_norm_backward, rms_norm, rms_norm_backward,
};

use crate::harness::{assert_close, in_f64, is_large, on_every_isa, whole_numbers};

const EPS: f64 = 1e-2;

/// What is normalised: parts of so many elements, one after the other, with a factor and a term for
/// every `spatial` of them.
#[derive(Clone, Copy, Debug)]
struct Parts {
    count: usize,
    len: usize,
    spatial: usize,
    channels: usize,
    centred: bool,
}

/// Output; gradients of input, weight and bias.
type Results<T> = [Vec<T>; 4];

/// The formulas.
fn wanted(p: Parts, [x, w, b, g]: [&[f64]; 4]) -> Results<f64> {
    let zeros = |n: usize| vec![0.0; n];
    let mut want = [
        zeros(x.len()),
        zeros(x.len()),
        zeros(w.len()),
        zeros(w.len()),
    ];
    let [out, grad_x, grad_w, grad_b] = &mut want;
    for part in 0..p.count {
        let range = part * p.len..(part + 1) * p.len;
        let channel = |i: usize| i / p.spatial % p.channels;
        let n = p.len as f64;
        let mean = match p.centred {
            true => x[range.clone()].iter().sum::<f64>() / n,
            false => 0.0,
        };
        let var = x[range.clone()]
            .iter()
            .map(|x| (x - mean).powi(2))
            .sum::<f64>()
            / n;
        let invstd = 1.0 / (var + EPS).sqrt();
        let hat = |i: usize| (x[i] - mean) * invstd;
        let (mut along, mut sum) = (0.0, 0.0);
        for i in range.clone() {
            let c = channel(i);
            out[i] = hat(i) * w[c] + b[c];
            grad_w[c] += g[i] * hat(i);
            grad_b[c] += g[i];
            along += g[i] * w[c] * hat(i);
            sum += g[i] * w[c];
        }
        let through_mean = if p.centred { sum / n } else { 0.0 };
        for i in range {
            grad_x[i] = (g[i] * w[channel(i)] - through_mean - hat(i) * along / n) * invstd;
        }
    }
    want
}

fn run<T: Float>(p: Parts, [x, w, b, g]: [&[T]; 4]) -> Results<T> {
    let blank = |n: usize| vec![T::NAN; n];
    let mut results = [
        blank(x.len()),
        blank(x.len()),
        blank(w.len()),
        blank(w.len()),
    ];
    let [out, grad_x, grad_w, grad_b] = &mut results;
    let (mut mean, mut invstd) = (blank(p.count), blank(p.count));
    let grads = NormGrads {
        input: Some(grad_x),
        weight: Some(grad_w),
        bias: p.centred.then_some(&mut grad_b[..]),
    };
    let (weight, affine) = (
        Some(w),
        NormAffine {
            weight: Some(w),
            bias: Some(b),
        },
    );
    if !p.centred {
        rms_norm(x, p.len, weight, EPS, out, &mut invstd);
        rms_norm_backward(x, p.len, g, &invstd, weight, grads);
        return results;
    }
    let into = NormStatsMut {
        mean: &mut mean,
        invstd: &mut invstd,
    };
    if p.spatial == 1 && p.channels == p.len {
        layer_norm(x, p.len, affine, EPS, out, into);
        let stats = NormStats {
            mean: &mean,
            invstd: &invstd,
        };
        layer_norm_backward(x, p.len, g, stats, weight, grads);
        return results;
    }
    let channels = p.len / p.spatial;
    let groups = p.channels / channels;
    let shape = GroupNormShape {
        batch: p.count / groups,
        groups,
        channels,
        spatial: p.spatial,
    };
    group_norm(&shape, x, affine, EPS, out, into);
    let stats = NormStats {
        mean: &mean,
        invstd: &invstd,
    };
    group_norm_backward(&shape, x, g, stats, weight, grads);
    results
}

fn check<T: Float>(p: Parts, case: usize, tolerance: f64) {
    let len = p.count * p.len;
    let x = whole_numbers::<T>(len, case);
    let g = whole_numbers::<T>(len, case + 1);
    let w: Vec<T> = (0..p.channels)
        .map(|c| T::from_f64(0.5 + (c % 3) as f64))
        .collect();
    let b: Vec<T> = (0..p.channels)
        .map(|c| {
            T::from_f64(if p.centred {
                0.25 * (c % 5) as f64
            } else {
                0.0
            })
        })
        .collect();
    let wide = [&x, &w, &b, &g].map(|t| in_f64(t));
    let want = wanted(p, wide.each_ref().map(|t| &t[..]));
    let got = run(p, [&x, &w, &b, &g]);
    // Equal elements have no variance: the gradient is a difference times 1 / sqrt(eps).
    let long = tolerance * (1.0 + (p.count * p.spatial) as f64);
    let tolerances = [tolerance, 100.0 * tolerance, 10.0 * long, tolerance];
    let names = [
        "output",
        "input's gradient",
        "weight's gradient",
        "bias's gradient",
    ];
    let kinds = if p.centred { 4 } else { 3 };
    for i in 0..kinds {
        assert_close(names[i], &p, &got[i], &want[i], tolerances[i]);
    }
}

#[test]
fn normalisation_of_rows_and_groups_of_every_length_matches_the_formulas() {
    let name = "norms::normalisation_of_rows_and_groups_of_every_length_matches_the_formulas";
    on_every_isa(name, |run| {
        run.images(0, [1, 1], |case, [height, width]| {
            if is_large([height, width]) && height < width {
                return;
            }
            let rows = |centred| Parts {
                count: 1 + height / 4,
                len: width,
                spatial: 1,
                channels: width,
                centred,
            };
            // Groups of two channels, two of them or one.
            let groups = |groups: usize, spatial: usize| Parts {
                count: 3 * groups,
                len: 2 * spatial,
                spatial,
                channels: 2 * groups,
                centred: true,
            };
            let all = [
                rows(true),
                rows(false),
                groups(1, height * width),
                groups(2, width + 1),
            ];
            for p in all {
                match case / 3 % 5 {
                    0 => check::<f64>(p, case, 1e-11),
                    _ => check::<f32>(p, case, 4e-6),
                }
            }
        });
    });
}
