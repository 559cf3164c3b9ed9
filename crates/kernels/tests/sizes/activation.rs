//! Activations in an epilogue have the bits of the separate functions, forward and backward, for every
//! kind of value: nans, infinities, both zeros, the bounds and their neighbours.

use pleach_kernels::{
    Activation, ActivationMask, BatchNormGrads, BatchNormShape, BatchStatsMut, Bias, ConvShape,
    Epilogue, Float, Function, MatRef, PackedB, PackedConv, RunningStats, batch_norm_eval,
    batch_norm_eval_backward, batch_norm_train, batch_norm_train_backward, gemm_epilogue,
    gemm_packed,
};

use crate::harness::{on_every_isa, whole_numbers};

const INF: f64 = f64::INFINITY;
/// The bounds of clamps: ReLU, ReLU6, Hardtanh of all kinds, also without values between its bounds.
const BOUNDS: [[f64; 2]; 10] = [
    [0.0, INF],
    [0.0, 6.0],
    [-1.0, 1.0],
    [0.1, 0.3],
    [-INF, 0.5],
    [-1.0, INF],
    [-INF, INF],
    [1.0, 1.0],
    [2.0, -2.0],
    [-0.0, 0.0],
];

/// `len` values of all kinds.
fn specials<T: Float>(len: usize, [min, max]: [f64; 2], seed: usize) -> Vec<T> {
    let tiny = f64::from(f32::EPSILON);
    let near = |v: f64| [v, v * (1.0 - tiny), v * (1.0 + tiny)];
    let mut kinds = vec![f64::NAN, INF, -INF, 0.0, -0.0, 1e-40, -1e-40, 0.2, -0.7];
    kinds.extend(near(min).into_iter().chain(near(max)));
    (0..len)
        .map(|i| T::from_f64(kinds[(i * 7 + i / 13 + seed) % kinds.len()]))
        .collect()
}

/// The separate function.
fn function([min_val, max_val]: [f64; 2]) -> Function {
    match [min_val, max_val] {
        [0.0, INF] => Function::Relu,
        _ => Function::Hardtanh { min_val, max_val },
    }
}

/// Asserts that the bits are the same, but those of nans.
fn assert_bits<T: Float>(what: &str, got: &[T], want: &[T]) {
    assert_eq!(got.len(), want.len(), "{what}");
    for (i, (got, want)) in got.iter().zip(want).enumerate() {
        let same = got.to_f64().to_bits() == want.to_f64().to_bits();
        assert!(
            same || got.is_nan() && want.is_nan(),
            "{what}: {got:?} is not {want:?} at {i}"
        );
    }
}

/// The separate activation of values, and its gradient.
fn separate<T: Float>(bounds: [f64; 2], x: &[T], grad: &[T]) -> [Vec<T>; 2] {
    let (mut y, mut dx) = (x.to_vec(), grad.to_vec());
    let function = function(bounds);
    function.apply(x, &mut y);
    // ReLU saves its output, the others their input.
    let saved = if bounds == [0.0, INF] { &y } else { x };
    function.gradient(saved, grad, &mut dx);
    [y, dx]
}

/// Output and statistics of a normalisation; gradients of input, weight, bias and residual.
struct Passes<T> {
    out: Vec<T>,
    stats: [Vec<T>; 3],
    grads: [Vec<T>; 4],
}

/// A normalisation in one of four ways: with the statistics of the batch or with ones that leave the
/// values as they are; with an activation in the same pass or as a pass of its own.
fn normalise<T: Float>(
    shape: &BatchNormShape,
    [x, grad]: [&[T]; 2],
    residual: Option<&[T]>,
    bounds: [f64; 2],
    train: bool,
    fused: bool,
) -> Passes<T> {
    let channels = shape.channels;
    let activation = match bounds {
        _ if !fused => Activation::None,
        [min, max] => Activation::Clamp { min, max },
    };
    // -0 keeps the sign of zeros.
    let (weight, bias) = (vec![T::ONE; channels], vec![-T::ZERO; channels]);
    let epilogue = Epilogue {
        bias: Bias::PerRow(&bias),
        residual,
        activation,
    };
    let mut out = vec![T::NAN; x.len()];
    let mut stats = [vec![T::ZERO; channels], weight.clone(), weight.clone()];
    let w = Some(&weight[..]);
    if train {
        let [mean, var, invstd] = &mut stats;
        let into = BatchStatsMut { mean, var, invstd };
        batch_norm_train(shape, x, w, 0.0, epilogue, &mut out, into);
    } else {
        let [mean, var, _] = &stats;
        let running = RunningStats {
            mean,
            var,
            eps: 0.0,
        };
        batch_norm_eval(shape, x, running, w, epilogue, &mut out);
    }
    let [activated, own] = separate(bounds, &out, grad);
    let (grad, mask) = match residual {
        _ if !fused => (&own[..], ActivationMask::None),
        Some(_) => {
            let output = &out;
            (grad, ActivationMask::Output { activation, output })
        }
        None => {
            let bias = Some(&bias[..]);
            (grad, ActivationMask::Recompute { activation, bias })
        }
    };
    let mut grads = [
        vec![T::NAN; x.len()],
        weight.clone(),
        weight.clone(),
        grad.to_vec(),
    ];
    let [dx, dw, db, dr] = &mut grads;
    let into = BatchNormGrads {
        input: Some(dx),
        weight: Some(dw),
        bias: Some(db),
    };
    let to_residual = (fused && residual.is_some()).then_some(&mut dr[..]);
    let [mean, var, invstd] = &stats;
    if train {
        batch_norm_train_backward(shape, x, grad, mean, invstd, w, mask, into, to_residual);
    } else {
        let running = RunningStats {
            mean,
            var,
            eps: 0.0,
        };
        batch_norm_eval_backward(shape, x, grad, running, w, mask, into, to_residual);
    }
    Passes {
        out: if fused { out } else { activated },
        stats,
        grads,
    }
}

fn check_normalisation<T: Float>(bounds: [f64; 2]) {
    for (batch, spatial) in [(1, 300), (2, 49), (6, 1), (2, 130)] {
        let shape = BatchNormShape {
            batch,
            channels: 3,
            spatial,
        };
        let len = 3 * batch * spatial;
        let grad = whole_numbers::<T>(len, 1);
        let all = specials::<T>(len, bounds, 0);
        let third = |i: usize| T::from_f64([1.0, -1.0, 0.0][i % 3]);
        let finite: Vec<T> = (0..len).map(third).collect();
        // Normalised, they are themselves.
        let sign = |i: usize| [T::ONE, -T::ONE][(i / (3 * spatial) * spatial + i % spatial) % 2];
        let signs: Vec<T> = (0..len).map(sign).collect();
        for (x, residual, train) in [
            (&all, None, false),
            (&all, Some(&finite), false),
            (&finite, Some(&all), false),
            (&finite, None, true),
            (&signs, None, true),
            (&finite, Some(&all), true),
            (&all, None, true),
        ] {
            let residual = residual.map(|r| &r[..]);
            let run = |fused| normalise(&shape, [x, &grad], residual, bounds, train, fused);
            let (got, want) = (run(true), run(false));
            let what = format!("{shape:?} {bounds:?} {train} {}", residual.is_some());
            assert_bits(&what, &got.out, &want.out);
            for (got, want) in got.stats.iter().zip(&want.stats) {
                assert_bits(&what, got, want);
            }
            // Without a residual nobody asks for its gradient.
            let grads = 3 + usize::from(residual.is_some());
            for (got, want) in got.grads.iter().zip(&want.grads).take(grads) {
                assert_bits(&what, got, want);
            }
        }
    }
}

#[test]
fn after_a_normalisation_an_activation_has_the_bits_of_the_function() {
    let name = "activation::after_a_normalisation_an_activation_has_the_bits_of_the_function";
    on_every_isa(name, |_| {
        for bounds in BOUNDS {
            check_normalisation::<f32>(bounds);
            check_normalisation::<f64>(bounds);
        }
    });
}

/// Sums, and then bias, residual and activation as passes of their own.
fn finished<T: Float>(
    mut sums: Vec<T>,
    bias: impl Fn(usize) -> Option<T>,
    residual: Option<&[T]>,
    bounds: [f64; 2],
) -> Vec<T> {
    for (i, v) in sums.iter_mut().enumerate() {
        if let Some(bias) = bias(i) {
            *v += bias;
        }
        if let Some(residual) = residual {
            *v += residual[i];
        }
    }
    let [y, _] = separate(bounds, &sums, &sums);
    y
}

fn check_product<T: Float>([m, k, n]: [usize; 3], bounds: [f64; 2]) {
    let (a, b) = (whole_numbers::<T>(m * k, 1), whole_numbers::<T>(k * n, 2));
    let (a, b) = (
        MatRef::row_major(&a, m, k),
        // Its columns are contiguous, as a linear layer's are.
        MatRef::row_major(&b, n, k).transposed(),
    );
    let residual = specials::<T>(m * n, bounds, 1);
    let bias = specials::<T>(m.max(n), bounds, 2);
    let [min, max] = bounds;
    let packed = PackedB::new(b);
    let mut sums = vec![T::NAN; m * n];
    gemm_epilogue(a, b, &mut sums, false, Epilogue::NONE);
    for bias in [
        Bias::None,
        Bias::PerColumn(&bias[..n]),
        Bias::PerRow(&bias[..m]),
    ] {
        for residual in [None, Some(&residual[..])] {
            let added = |i: usize| match bias {
                Bias::None => None,
                Bias::PerColumn(bias) => Some(bias[i % n]),
                Bias::PerRow(bias) => Some(bias[i / n]),
            };
            let want = finished(sums.clone(), added, residual, bounds);
            let epilogue = Epilogue {
                bias,
                residual,
                activation: Activation::Clamp { min, max },
            };
            let mut got = vec![T::NAN; m * n];
            gemm_epilogue(a, b, &mut got, false, epilogue);
            assert_bits(&format!("{m} {k} {n} {epilogue:?}"), &got, &want);
            gemm_packed(a, &packed, &mut got, false, epilogue);
            assert_bits(&format!("packed {m} {k} {n} {epilogue:?}"), &got, &want);
        }
    }
}

fn check_convolution<T: Float>(s: &ConvShape, bounds: [f64; 2]) {
    let x = whole_numbers::<T>(
        s.batch * s.in_channels * s.input.iter().product::<usize>(),
        1,
    );
    let taps = s.kernel.iter().product::<usize>();
    let weight = whole_numbers::<T>(s.out_channels * s.in_channels / s.groups * taps, 2);
    let len = s.batch * s.out_channels * s.output().iter().product::<usize>();
    let residual = specials::<T>(len, bounds, 1);
    let bias = specials::<T>(s.out_channels, bounds, 2);
    let [min, max] = bounds;
    let conv = PackedConv::new(s, &weight);
    for bias in [Bias::None, Bias::PerRow(&bias[..])] {
        // Pixels as lanes begin their sums with the bias.
        let mut sums = vec![T::NAN; len];
        let only_bias = Epilogue {
            bias,
            ..Epilogue::NONE
        };
        conv.forward(s.batch, s.input, &x, only_bias, &mut sums);
        for residual in [None, Some(&residual[..])] {
            let want = finished(sums.clone(), |_| None, residual, bounds);
            let epilogue = Epilogue {
                bias,
                residual,
                activation: Activation::Clamp { min, max },
            };
            let mut got = vec![T::NAN; len];
            conv.forward(s.batch, s.input, &x, epilogue, &mut got);
            assert_bits(&format!("{s:?} {epilogue:?}"), &got, &want);
        }
    }
}

#[test]
fn after_a_product_or_a_convolution_an_activation_has_the_bits_of_the_function() {
    let name =
        "activation::after_a_product_or_a_convolution_an_activation_has_the_bits_of_the_function";
    on_every_isa(name, |_| {
        for bounds in BOUNDS {
            // Small, few terms, thin, a column, no terms, blocked.
            for sizes in [
                [3, 4, 5],
                [9, 3, 100],
                [1, 300, 70],
                [70, 90, 1],
                [4, 0, 6],
                [40, 70, 50],
            ] {
                check_product::<f32>(sizes, bounds);
                check_product::<f64>(sizes, bounds);
            }
            // Direct, a pointwise one, a matrix product and pixels as lanes.
            for shape in [
                ConvShape::new(2, [20, 24], [7, 9], [3, 3]).with_padding([1, 1]),
                ConvShape::new(1, [33, 17], [6, 7], [1, 1]),
                ConvShape::new(2, [3, 5], [9, 9], [3, 3]).with_stride([2, 2]),
                ConvShape::new(2, [6, 6], [8, 9], [3, 3]).with_groups(6),
                ConvShape::new(1, [20, 20], [9], [1]).with_stride([2]),
            ] {
                check_convolution::<f32>(&shape, bounds);
                check_convolution::<f64>(&shape, bounds);
            }
        }
    });
}
