use super::group::{group_norm_backward_with, group_norm_with};
use super::*;
use crate::threads::with_thread_counts;

const EPS: f64 = 1e-5;

fn values(len: usize, seed: u32) -> Vec<f64> {
    let mut state = seed;
    (0..len)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f64 / (1 << 24) as f64 - 0.3
        })
        .collect()
}

fn run_rms<T: Float>(isa: Isa, n: usize, [x, w, _, g]: [&[T]; 4]) -> Results<T> {
    let mut out = vec![T::NAN; x.len()];
    let mut scale = vec![T::NAN; x.len() / n];
    let affine = NormAffine {
        weight: Some(w),
        bias: None,
    };
    forward(isa, x, n, affine, EPS, &mut out, None, &mut scale);
    let (mut gx, mut gw) = (vec![T::NAN; x.len()], vec![T::NAN; n]);
    let grads = NormGrads {
        input: Some(&mut gx),
        weight: Some(&mut gw),
        bias: None,
    };
    backward(isa, x, n, g, None, &scale, Some(w), grads);
    [out, gx, gw, vec![]]
}

/// The output of an RMS normalisation.
fn rms_reference(x: &[f64], w: &[f64]) -> Vec<f64> {
    let rows = x.chunks(w.len()).flat_map(|x| {
        let square = x.iter().map(|v| v * v).sum::<f64>() / x.len() as f64;
        let scale = 1.0 / (square + EPS).sqrt();
        x.iter().zip(w).map(move |(x, w)| x * scale * w)
    });
    rows.collect()
}

#[test]
fn rms_norm_and_its_gradients_follow_the_formula() {
    for (rows, n) in [(0, 5), (3, 2), (4, 7), (70, 65), (3, 3000)] {
        let (x, g, w) = (values(rows * n, 1), values(rows * n, 2), values(n, 3));
        let inputs = [&x[..], &w, &[], &g];
        let got = run_rms(Isa::current(), n, inputs);
        for (got, want) in got[0].iter().zip(rms_reference(&x, &w)) {
            assert!((got - want).abs() < 1e-11, "{rows}x{n}: {got} {want}");
        }
        let mut vars = [x.clone(), w.clone()];
        for which in 0..2 {
            let len = vars[which].len();
            for i in (0..len).step_by(1 + len / 40) {
                let h = 1e-5;
                let mut loss = |by: f64| -> f64 {
                    vars[which][i] += by;
                    let y = rms_reference(&vars[0], &vars[1]);
                    vars[which][i] -= by;
                    y.iter().zip(&g).map(|(y, g)| y * g).sum()
                };
                let numeric = (loss(h) - loss(-h)) / (2.0 * h);
                let got = got[which + 1][i];
                let close = (got - numeric).abs() < 2e-6 * (1.0 + numeric.abs());
                assert!(close, "{rows}x{n} {which} {i}: {got} {numeric}");
            }
        }
        check_narrow(&got, inputs, |isa, inputs| run_rms(isa, n, inputs));
    }
}

/// The normalised output: parts of `part` elements, and the weight of element i is number
/// `i / spatial % w.len()`.
fn reference(x: &[f64], part: usize, spatial: usize, w: &[f64], b: &[f64]) -> Vec<f64> {
    let mut out = vec![];
    for (p, x) in x.chunks(part).enumerate() {
        let m = x.len() as f64;
        let mean = x.iter().sum::<f64>() / m;
        let var = x.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / m;
        for (i, v) in x.iter().enumerate() {
            let c = (p * part + i) / spatial % w.len();
            out.push((v - mean) / (var + EPS).sqrt() * w[c] + b[c]);
        }
    }
    out
}

/// What one normalisation gives: output, and the gradients of input, weight, bias.
type Results<T> = [Vec<T>; 4];

/// Checks f64 results against the reference and its differences.
fn check(shape: &str, results: &Results<f64>, inputs: [&[f64]; 4], part: usize, spatial: usize) {
    let [x, w, b, g] = inputs;
    let want = reference(x, part, spatial, w, b);
    for (got, want) in results[0].iter().zip(&want) {
        assert!((got - want).abs() < 1e-11, "{shape}: {got} {want}");
    }
    let mut vars = [x.to_vec(), w.to_vec(), b.to_vec()];
    for which in 0..3 {
        let len = vars[which].len();
        for i in (0..len).step_by(1 + len / 40) {
            let h = 1e-5;
            let mut loss = |by: f64| -> f64 {
                vars[which][i] += by;
                let y = reference(&vars[0], part, spatial, &vars[1], &vars[2]);
                vars[which][i] -= by;
                y.iter().zip(g).map(|(y, g)| y * g).sum()
            };
            let numeric = (loss(h) - loss(-h)) / (2.0 * h);
            let got = results[which + 1][i];
            assert!(
                (got - numeric).abs() < 2e-6 * (1.0 + numeric.abs()),
                "{shape} {which} {i}: {got} {numeric}"
            );
        }
    }
}

fn run_layer<T: Float>(isa: Isa, n: usize, [x, w, b, g]: [&[T]; 4]) -> Results<T> {
    let rows = x.len().checked_div(n).unwrap_or(0);
    let affine = NormAffine {
        weight: Some(w),
        bias: Some(b),
    };
    let mut out = vec![T::NAN; x.len()];
    let (mut mean, mut invstd) = (vec![T::NAN; rows], vec![T::NAN; rows]);
    let stats = NormStatsMut {
        mean: &mut mean,
        invstd: &mut invstd,
    };
    let NormStatsMut { mean: m, invstd: s } = stats;
    forward(isa, x, n, affine, EPS, &mut out, Some(m), s);
    let (mut gx, mut gw, mut gb) = (vec![T::NAN; x.len()], vec![T::NAN; n], vec![T::NAN; n]);
    let grads = NormGrads {
        input: Some(&mut gx),
        weight: Some(&mut gw),
        bias: Some(&mut gb),
    };
    backward(isa, x, n, g, Some(&mean), &invstd, Some(w), grads);
    [out, gx, gw, gb]
}

fn run_group<T: Float>(isa: Isa, s: &GroupNormShape, [x, w, b, g]: [&[T]; 4]) -> Results<T> {
    let parts = s.batch * s.groups;
    let affine = NormAffine {
        weight: Some(w),
        bias: Some(b),
    };
    let mut out = vec![T::NAN; x.len()];
    let (mut mean, mut invstd) = (vec![T::NAN; parts], vec![T::NAN; parts]);
    let stats = NormStatsMut {
        mean: &mut mean,
        invstd: &mut invstd,
    };
    group_norm_with(isa, s, x, affine, EPS, &mut out, stats);
    let [mut gw, mut gb] = [(); 2].map(|_| vec![T::NAN; w.len()]);
    let mut gx = vec![T::NAN; x.len()];
    let stats = NormStats {
        mean: &mean,
        invstd: &invstd,
    };
    let grads = NormGrads {
        input: Some(&mut gx),
        weight: Some(&mut gw),
        bias: Some(&mut gb),
    };
    group_norm_backward_with(isa, s, x, g, stats, Some(w), grads);
    [out, gx, gw, gb]
}

fn narrow(x: &[f64]) -> Vec<f32> {
    x.iter().map(|v| *v as f32).collect()
}

/// Runs in f32 on every instruction set and with several thread counts: the same bits, close to
/// the f64 results.
fn check_narrow(
    wide: &Results<f64>,
    inputs: [&[f64]; 4],
    f: impl Fn(Isa, [&[f32]; 4]) -> Results<f32>,
) {
    let inputs = inputs.map(narrow);
    let inputs = inputs.each_ref().map(|v| &v[..]);
    let bits = |r: Results<f32>| r.map(|v| v.iter().map(|v| v.to_bits()).collect::<Vec<_>>());
    let first = f(Isa::Scalar, inputs);
    for (got, want) in first.iter().zip(wide) {
        for (got, want) in got.iter().zip(want) {
            assert!(
                (f64::from(*got) - want).abs() < 2e-4 * (1.0 + want.abs()),
                "{got} {want}"
            );
        }
    }
    let first = bits(first);
    for isa in Isa::available() {
        for got in with_thread_counts(|| bits(f(isa, inputs))) {
            assert!(got == first, "{isa:?}");
        }
    }
}

#[test]
fn layer_norm_and_its_gradients_follow_the_formula() {
    for (rows, n) in [(0, 5), (3, 2), (4, 7), (70, 65), (3, 3000), (300, 64)] {
        let (x, g) = (values(rows * n, 1), values(rows * n, 2));
        let (w, b) = (values(n, 3), values(n, 4));
        let inputs = [&x[..], &w, &b, &g];
        let got = run_layer(Isa::current(), n, inputs);
        if rows < 100 {
            check(&format!("{rows}x{n}"), &got, inputs, n, 1);
        }
        check_narrow(&got, inputs, |isa, inputs| run_layer(isa, n, inputs));
    }
}

#[test]
fn group_norm_and_its_gradients_follow_the_formula() {
    for (batch, groups, channels, spatial) in [
        (0, 2, 3, 4),
        (2, 3, 2, 5),
        (3, 1, 4, 9),
        (2, 5, 1, 70),
        (2, 2, 3, 1),
        (1, 2, 2, 3001),
    ] {
        let shape = GroupNormShape {
            batch,
            groups,
            channels,
            spatial,
        };
        let len = batch * groups * channels * spatial;
        let (x, g) = (values(len, 1), values(len, 2));
        let (w, b) = (values(groups * channels, 3), values(groups * channels, 4));
        let inputs = [&x[..], &w, &b, &g];
        let got = run_group(Isa::current(), &shape, inputs);
        check(
            &format!("{shape:?}"),
            &got,
            inputs,
            channels * spatial,
            spatial,
        );
        check_narrow(&got, inputs, |isa, inputs| run_group(isa, &shape, inputs));
    }
}

#[test]
fn gradients_can_be_asked_for_one_by_one_and_without_a_weight() {
    let (rows, n) = (5, 11);
    let (x, g, ones) = (values(55, 1), values(55, 2), vec![1.0; n]);
    let zeros = vec![0.0; n];
    let all = run_layer(Isa::current(), n, [&x, &ones, &zeros, &g]);
    let (mut out, mut mean, mut invstd) = (vec![0.0; 55], vec![0.0; rows], vec![0.0; rows]);
    for (weight, bias) in [
        (None, None),
        (Some(&ones[..]), None),
        (None, Some(&zeros[..])),
    ] {
        let affine = NormAffine { weight, bias };
        let stats = NormStatsMut {
            mean: &mut mean,
            invstd: &mut invstd,
        };
        layer_norm(&x, n, affine, EPS, &mut out, stats);
        assert_eq!(out, all[0]);
    }
    let stats = NormStats {
        mean: &mean,
        invstd: &invstd,
    };
    let (mut gx, mut gw, mut gb) = (vec![0.0; 55], vec![0.0; n], vec![0.0; n]);
    for which in 0..3 {
        let grads = NormGrads {
            input: (which == 0).then_some(&mut gx[..]),
            weight: (which == 1).then_some(&mut gw[..]),
            bias: (which == 2).then_some(&mut gb[..]),
        };
        layer_norm_backward(&x, n, &g, stats, None, grads);
    }
    assert_eq!([gx, gw, gb], all[1..]);
}
