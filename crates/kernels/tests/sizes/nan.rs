//! One value that is not finite, and which results it reaches: those that plain loops over the pixels
//! inside the image say, on every instruction set.

use pleach_kernels::{
    AvgDivisor, BatchNormShape, BatchStatsMut, Bias, ConvShape, Epilogue, Float, MatRef,
    PackedConv, PoolShape, avg_pool_forward, batch_norm_train, conv_backward_input,
    conv_backward_weight, conv_forward, conv_transpose, gemm, log_softmax, max_pool_forward,
    softmax, sum_axis,
};

use crate::harness::{Random, in_f64, on_every_isa, whole_numbers};
use crate::reference::convolution;

/// Compares results: the same values, and the same nans.
fn assert_same<T: Float>(what: &str, got: &[T], want: &[f64]) {
    assert_eq!(got.len(), want.len(), "{what}");
    for (i, (got, want)) in got.iter().zip(want).enumerate() {
        let same = got.to_f64() == *want || got.is_nan() && want.is_nan();
        assert!(same, "{what}, element {i}: {got:?} instead of {want}");
    }
}

/// Puts `bad` at `at` of one of the three tensors, and compares everything.
fn check<T: Float>(s: &ConvShape, bad: f64, tensor: usize, random: &mut Random) {
    let pixels = |sizes: [usize; 3]| sizes.iter().product::<usize>();
    let lens = [
        s.batch * s.in_channels * pixels(s.input),
        s.out_channels * s.in_channels / s.groups * pixels(s.kernel),
        s.batch * s.out_channels * pixels(s.output()),
    ];
    let mut tensors: [Vec<T>; 3] = std::array::from_fn(|i| whole_numbers(lens[i], i));
    let at = match random.below(4) {
        0 => lens[tensor] - 1,
        1 => 0,
        _ => random.below(lens[tensor]),
    };
    tensors[tensor][at] = T::from_f64(bad);
    let [x, weight, grad_out] = tensors;
    let bias = whole_numbers::<T>(s.out_channels, 4);
    let want = convolution(
        s,
        &in_f64(&x),
        &in_f64(&weight),
        &in_f64(&bias),
        &in_f64(&grad_out),
    );
    let what = |name: &str| format!("{name} of {s:?} with {bad} at {at} of tensor {tensor}");
    let mut out = vec![T::ZERO; grad_out.len()];
    conv_forward(s, &x, &weight, Some(&bias), &mut out);
    assert_same(&what("output"), &out, &want.out);
    let conv = PackedConv::new(s, &weight);
    let mut packed = vec![T::ZERO; out.len()];
    let epilogue = Epilogue {
        bias: Bias::PerRow(&bias),
        ..Epilogue::NONE
    };
    conv.forward(s.batch, s.input, &x, epilogue, &mut packed);
    assert_same(&what("packed output"), &packed, &want.out);
    let mut grad_x = vec![T::ZERO; x.len()];
    conv_backward_input(s, &grad_out, &weight, &mut grad_x);
    assert_same(&what("input's gradient"), &grad_x, &want.grad_x);
    let ones = vec![T::ONE; s.in_channels];
    conv_transpose(s, &grad_out, &weight, Some(&ones), &mut grad_x);
    let plus_one: Vec<f64> = want.grad_x.iter().map(|v| v + 1.0).collect();
    assert_same(&what("transposed convolution"), &grad_x, &plus_one);
    let mut grad_weight = vec![T::ZERO; weight.len()];
    conv_backward_weight(s, &x, &grad_out, &mut grad_weight);
    assert_same(&what("weight's gradient"), &grad_weight, &want.grad_weight);
}

/// A shape of any kind that kernels tell apart.
fn random_shape(random: &mut Random) -> ConvShape {
    loop {
        let [c_in, c_out, groups] = [
            [1, 1, 1],
            [1, 20, 1],
            [3, 5, 1],
            [20, 33, 1],
            [4, 4, 4],
            [6, 12, 6],
            [8, 4, 2],
            [36, 40, 2],
            [36, 36, 36],
        ][random.below(9)];
        let kernel = [[1, 1], [3, 3], [3, 3], [5, 5], [2, 3], [4, 4]][random.below(6)];
        let (stride, dilation) = ([1, 1, 2, 3][random.below(4)], 1 + random.below(2));
        let padding = [random.below(3), random.below(3)];
        let image = [1 + random.below(19), 1 + random.below(40)];
        let fits = (0..2).all(|d| dilation * (kernel[d] - 1) < image[d] + 2 * padding[d]);
        if fits {
            return ConvShape::new(1 + random.below(2), [c_in, c_out], image, kernel)
                .with_stride([stride; 2])
                .with_padding(padding)
                .with_dilation([dilation; 2])
                .with_groups(groups);
        }
    }
}

#[test]
fn in_convolutions_one_bad_value_reaches_what_touches_it() {
    let name = "nan::in_convolutions_one_bad_value_reaches_what_touches_it";
    on_every_isa(name, |_| {
        let mut random = Random(3);
        for case in 0..600 {
            let shape = random_shape(&mut random);
            let bad = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY][random.below(3)];
            match case % 4 {
                0 => check::<f64>(&shape, bad, case % 3, &mut random),
                _ => check::<f32>(&shape, bad, case % 3, &mut random),
            }
        }
    });
}

#[test]
fn a_nan_in_a_corner_reaches_one_tap_of_a_strided_kernel() {
    let name = "nan::a_nan_in_a_corner_reaches_one_tap_of_a_strided_kernel";
    on_every_isa(name, |_| {
        for (channels, bad) in [(1, f32::NAN), (3, f32::NAN), (3, f32::INFINITY)] {
            let shape = ConvShape::new(1, [channels; 2], [6, 6], [3, 3])
                .with_stride([2, 2])
                .with_padding([1, 1])
                .with_groups(channels);
            let mut x = vec![1.0f32; channels * 36];
            x[35] = bad;
            let mut grad = vec![0.0; channels * 9];
            conv_backward_weight(&shape, &x, &vec![1.0; channels * 9], &mut grad);
            let bad: Vec<usize> = (0..grad.len()).filter(|i| !grad[*i].is_finite()).collect();
            // What the last window's last tap sees.
            assert_eq!(bad, [8], "{grad:?}");
            assert_eq!(grad[..8], [4.0, 6.0, 6.0, 6.0, 9.0, 9.0, 6.0, 9.0]);
        }
    });
}

#[test]
fn in_products_one_bad_value_reaches_its_row_or_column() {
    let name = "nan::in_products_one_bad_value_reaches_its_row_or_column";
    on_every_isa(name, |_| {
        let mut random = Random(5);
        for case in 0..400 {
            let most = [5, 40, 140][case % 3];
            let [m, k, n] = [(); 3].map(|()| 1 + random.below(most));
            let (i, p, j) = (random.below(m), random.below(k), random.below(n));
            let bad = [f32::NAN, f32::INFINITY][case % 2];
            let (left, right) = (case / 2 % 2 == 0, case / 4 % 2 == 0);
            let (mut a, mut b) = (vec![1.0; m * k], vec![1.0; k * n]);
            let in_left = random.below(2) == 0;
            if in_left {
                a[if left { i * k + p } else { p * m + i }] = bad;
            } else {
                b[if right { p * n + j } else { j * k + p }] = bad;
            }
            let a = match left {
                true => MatRef::row_major(&a, m, k),
                false => MatRef::row_major(&a, k, m).transposed(),
            };
            let b = match right {
                true => MatRef::row_major(&b, k, n),
                false => MatRef::row_major(&b, n, k).transposed(),
            };
            let mut c = vec![0.0; m * n];
            gemm(a, b, &mut c, false);
            for (at, v) in c.iter().enumerate() {
                let touched = if in_left { at / n == i } else { at % n == j };
                let want = if touched { bad } else { k as f32 };
                assert!(
                    *v == want || v.is_nan() && want.is_nan(),
                    "{m} {k} {n} at {at}: {v} instead of {want}"
                );
            }
        }
    });
}

#[test]
fn in_pooling_one_bad_value_reaches_the_windows_that_see_it() {
    let name = "nan::in_pooling_one_bad_value_reaches_the_windows_that_see_it";
    on_every_isa(name, |_| {
        let mut random = Random(7);
        for _ in 0..300 {
            let input = [1 + random.below(20), 1 + random.below(50)];
            let k = 1 + random.below(4);
            let (stride, padding) = (1 + random.below(3), random.below(k / 2 + 1));
            let pair = |n| [n, n];
            let Some(s) = PoolShape::new(
                2,
                input,
                pair(k),
                pair(stride),
                pair(padding),
                [1, 1],
                random.below(2) == 1,
            ) else {
                continue;
            };
            let (in_plane, plane) = (input[0] * input[1], s.output[1] * s.output[2]);
            let mut x = vec![1.0f32; 2 * in_plane];
            let at = random.below(x.len());
            x[at] = f32::NAN;
            let sees = |window: usize, place: usize| {
                let start = window * stride;
                (start..start + k).contains(&(place + padding))
            };
            let (mut top, mut average) = (vec![0.0; 2 * plane], vec![0.0; 2 * plane]);
            max_pool_forward(&s, &x, &mut top, &mut vec![0; 2 * plane]);
            avg_pool_forward(&s, &x, AvgDivisor::CountInput, &mut average);
            for i in 0..2 * plane {
                let window = i % plane;
                let want = i / plane == at / in_plane
                    && sees(window / s.output[2], at % in_plane / input[1])
                    && sees(window % s.output[2], at % input[1]);
                assert_eq!(top[i].is_nan(), want, "{s:?} at {at}, {i}");
                assert_eq!(average[i].is_nan(), want, "{s:?} at {at}, {i}");
            }
        }
    });
}

#[test]
fn along_an_axis_one_bad_value_reaches_its_own_line() {
    let name = "nan::along_an_axis_one_bad_value_reaches_its_own_line";
    on_every_isa(name, |_| {
        let mut random = Random(11);
        for _ in 0..300 {
            let [outer, n, inner] = [(); 3].map(|()| 1 + random.below(40));
            let mut x = vec![1.0f32; outer * n * inner];
            let at = random.below(x.len());
            x[at] = f32::NAN;
            let line = at / (n * inner) * inner + at % inner;
            let mut sums = vec![0.0; outer * inner];
            sum_axis(&x, outer, n, inner, &mut sums);
            for (i, v) in sums.iter().enumerate() {
                assert!(if i == line {
                    v.is_nan()
                } else {
                    *v == n as f32
                });
            }
            let mut out = vec![0.0; x.len()];
            for normalise in [softmax::<f32>, log_softmax::<f32>] {
                normalise(&x, outer, n, inner, &mut out);
                for (i, v) in out.iter().enumerate() {
                    let own = i / (n * inner) * inner + i % inner == line;
                    assert_eq!(v.is_nan(), own, "[{outer}, {n}, {inner}] at {at}, {i}");
                }
            }
            // The axis is a channel.
            let shape = BatchNormShape {
                batch: outer,
                channels: n,
                spatial: inner,
            };
            let mut stats = [(); 3].map(|()| vec![0.0; n]);
            let [mean, var, invstd] = &mut stats;
            batch_norm_train(
                &shape,
                &x,
                None,
                1e-5,
                Epilogue::NONE,
                &mut out,
                BatchStatsMut { mean, var, invstd },
            );
            let channel = at / inner % n;
            for (i, v) in out.iter().enumerate() {
                assert_eq!(
                    v.is_nan(),
                    i / inner % n == channel,
                    "{shape:?} at {at}, {i}"
                );
            }
        }
    });
}
