use super::*;
use crate::Isa;
use crate::conv::spatial;
use crate::threads::with_thread_counts;

fn values(len: usize) -> Vec<f64> {
    (0..len)
        .map(|i| ((i * 7919) % 101) as f64 * 0.25 - 9.0)
        .collect()
}

/// The positions of a window along one axis, with those outside the input.
fn positions(i: usize, k: usize, s: usize, p: usize, d: usize) -> impl Iterator<Item = isize> {
    (0..k).map(move |t| (i * s + t * d) as isize - p as isize)
}

fn shapes() -> Vec<PoolShape> {
    let shape = |planes, input, output, kernel, stride, padding, dilation| PoolShape {
        planes,
        input: spatial(input, 1),
        output: spatial(output, 1),
        kernel: spatial(kernel, 1),
        stride: spatial(stride, 1),
        padding: spatial(padding, 0),
        dilation: spatial(dilation, 1),
    };
    vec![
        shape(3, [8, 8], [4, 4], [2, 2], [2, 2], [0, 0], [1, 1]),
        shape(40, [23, 24], [12, 12], [3, 3], [2, 2], [1, 1], [1, 1]),
        // ceil_mode: the last windows hang over
        shape(2, [7, 8], [4, 4], [2, 3], [2, 2], [0, 0], [1, 1]),
        shape(2, [6, 6], [4, 4], [3, 3], [2, 2], [1, 1], [1, 1]),
        shape(0, [6, 6], [3, 3], [2, 2], [2, 2], [0, 0], [1, 1]),
    ]
}

#[test]
fn max_pooling_matches_a_direct_loop() {
    let mut all = shapes();
    all.push(PoolShape {
        planes: 2,
        input: [1, 9, 10],
        output: [1, 7, 4],
        kernel: [1, 2, 3],
        stride: [1, 1, 2],
        padding: [0, 1, 1],
        dilation: [1, 4, 2],
    });
    all.push(PoolShape {
        planes: 2,
        input: [1, 11, 22],
        output: [1, 4, 5],
        kernel: [1, 3, 5],
        stride: [1, 3, 4],
        padding: [0, 1, 2],
        dilation: [1, 1, 1],
    });
    all.push(PoolShape {
        planes: 1,
        input: [1, 4, 37],
        output: [1, 4, 12],
        kernel: [1, 1, 3],
        stride: [1, 1, 3],
        padding: [0, 0, 0],
        dilation: [1, 1, 1],
    });
    for s in all {
        let [_, h, w] = s.input;
        let x = values(s.planes * h * w);
        let outputs = s.planes * s.output[1] * s.output[2];
        with_thread_counts(|| {
            let (mut out, mut indices) = (vec![0.0; outputs], vec![-1; outputs]);
            max_pool_forward(&s, &x, &mut out, &mut indices);
            let mut want_grad = vec![0.0; x.len()];
            let grad_out = values(outputs);
            for i in 0..outputs {
                let (ox, oy) = (i % s.output[2], i / s.output[2] % s.output[1]);
                let plane = i / (s.output[1] * s.output[2]) * h * w;
                let mut best: Option<usize> = None;
                for y in positions(oy, s.kernel[1], s.stride[1], s.padding[1], s.dilation[1]) {
                    for c in positions(ox, s.kernel[2], s.stride[2], s.padding[2], s.dilation[2]) {
                        if y >= 0 && c >= 0 && (y as usize) < h && (c as usize) < w {
                            let at = y as usize * w + c as usize;
                            if best.is_none_or(|b| x[plane + at] > x[plane + b]) {
                                best = Some(at);
                            }
                        }
                    }
                }
                let best = best.unwrap();
                assert_eq!(
                    (out[i], indices[i]),
                    (x[plane + best], best as i64),
                    "{s:?}"
                );
                want_grad[plane + best] += grad_out[i];
            }
            let mut grad = vec![9.0; x.len()];
            max_pool_backward(s.planes, &grad_out, &indices, &mut grad);
            assert_eq!(grad, want_grad);

            let (mut again, mut taps) = (vec![0.0; outputs], vec![0u8; outputs]);
            let mut places = vec![-1; outputs];
            max::forward_one_by_one(&s, &x, &mut again, |i, place, _| places[i] = place as i64);
            assert_eq!((&again, &places), (&out, &indices));
            for isa in Isa::available() {
                taps.fill(9);
                max::forward_taps_with(isa, &s, &x, false, &mut again, &mut taps);
                assert_eq!(again, out);
            }
            let mut places = vec![0; outputs];
            max_pool_places(&s, &taps, &mut places);
            assert_eq!(places, indices);
            let mut grad = vec![9.0; x.len()];
            max_pool_backward_taps(&s, &grad_out, &taps, &mut grad);
            assert_eq!(grad, want_grad);

            // With ReLU: maxima below zero are zero, and so are their gradients.
            max_pool_forward_taps(&s, &x, true, &mut again, &mut taps);
            let rectified: Vec<f64> = out.iter().map(|v| v.max(0.0)).collect();
            assert_eq!(again, rectified);
            let flowing: Vec<f64> = (grad_out.iter().zip(&out))
                .map(|(g, v)| if *v > 0.0 { *g } else { 0.0 })
                .collect();
            let (mut want, mut grad) = (vec![9.0; x.len()], vec![9.0; x.len()]);
            max_pool_backward(s.planes, &flowing, &indices, &mut want);
            max_pool_backward_taps(&s, &grad_out, &taps, &mut grad);
            assert_eq!(grad, want);
        });
    }
}

#[test]
fn a_nan_is_the_maximum_and_the_first_of_equals_wins() {
    let s = PoolShape {
        planes: 1,
        input: [1, 1, 4],
        output: [1, 1, 2],
        kernel: [1, 1, 2],
        stride: [1, 1, 2],
        padding: [0, 0, 0],
        dilation: [1, 1, 1],
    };
    let (mut out, mut indices) = ([0.0f32; 2], [0; 2]);
    max_pool_forward(&s, &[f32::NAN, 9.0, 3.0, 3.0], &mut out, &mut indices);
    assert!(out[0].is_nan());
    assert_eq!((out[1], indices), (3.0, [0, 2]));
    max_pool_forward(&s, &[f32::NEG_INFINITY; 4], &mut out, &mut indices);
    assert_eq!((out, indices), ([f32::NEG_INFINITY; 2], [0, 2]));
}

#[test]
fn average_pooling_matches_a_direct_loop_with_every_divisor() {
    for s in shapes() {
        for divisor in [
            AvgDivisor::CountPadding,
            AvgDivisor::CountInput,
            AvgDivisor::Fixed(-3),
        ] {
            let [_, h, w] = s.input;
            let x = values(s.planes * h * w);
            let outputs = s.planes * s.output[1] * s.output[2];
            let grad_out = values(outputs);
            let (mut want, mut want_grad) = (vec![0.0; outputs], vec![0.0; x.len()]);
            for i in 0..outputs {
                let (ox, oy) = (i % s.output[2], i / s.output[2] % s.output[1]);
                let plane = i / (s.output[1] * s.output[2]) * h * w;
                let (mut inside, mut padded) = (Vec::new(), 0);
                for y in positions(oy, s.kernel[1], s.stride[1], s.padding[1], 1) {
                    for c in positions(ox, s.kernel[2], s.stride[2], s.padding[2], 1) {
                        let (ph, pw) = (s.padding[1] as isize, s.padding[2] as isize);
                        if y < h as isize + ph && c < w as isize + pw {
                            padded += 1;
                        }
                        if y >= 0 && c >= 0 && (y as usize) < h && (c as usize) < w {
                            inside.push(plane + y as usize * w + c as usize);
                        }
                    }
                }
                let d = match divisor {
                    AvgDivisor::CountPadding => padded as f64,
                    AvgDivisor::CountInput => inside.len() as f64,
                    AvgDivisor::Fixed(n) => n as f64,
                };
                want[i] = inside.iter().map(|j| x[*j]).sum::<f64>() / d;
                for j in inside {
                    want_grad[j] += grad_out[i] / d;
                }
            }
            with_thread_counts(|| {
                let (mut out, mut grad) = (vec![7.0; outputs], vec![7.0; x.len()]);
                avg_pool_forward(&s, &x, divisor, &mut out);
                avg_pool_backward(&s, &grad_out, divisor, &mut grad);
                let close = |a: &f64, b: &f64| (a - b).abs() < 1e-12;
                assert!(out.iter().zip(&want).all(|(a, b)| close(a, b)), "{s:?}");
                assert!(
                    grad.iter().zip(&want_grad).all(|(a, b)| close(a, b)),
                    "{s:?}"
                );
            });
        }
    }
}

#[test]
fn adaptive_windows_overlap_as_pytorch_s_do() {
    let windows = |size, out| -> Vec<_> {
        adaptive::windows(size, out)
            .iter()
            .map(|w| (w.start, w.end))
            .collect()
    };
    assert_eq!(windows(7, 3), [(0, 3), (2, 5), (4, 7)]);
    assert_eq!(windows(4, 4), [(0, 1), (1, 2), (2, 3), (3, 4)]);
    assert_eq!(windows(2, 3), [(0, 1), (0, 2), (1, 2)]);
    let x = values(5 * 49);
    let mut out = vec![0.0; 5];
    let shape = AdaptivePoolShape::new(5, [7, 7], [1, 1]);
    adaptive_avg_pool_forward(&shape, &x, &mut out);
    let mut grad = vec![0.0; x.len()];
    adaptive_avg_pool_backward(&shape, &out, &mut grad);
    for (i, mean) in out.iter().enumerate() {
        let want = x[i * 49..][..49].iter().sum::<f64>() / 49.0;
        assert!((mean - want).abs() < 1e-12);
        assert!(
            grad[i * 49..][..49]
                .iter()
                .all(|g| (g - mean / 49.0).abs() < 1e-12)
        );
    }
}

/// `(i * 37) % 23 - 11`, `[1, 4, 5, 6]`.
fn volume() -> Vec<f32> {
    (0..120).map(|i| ((i * 37) % 23) as f32 - 11.0).collect()
}

fn maxima(shape: &PoolShape, x: &[f32]) -> (Vec<f32>, Vec<i64>) {
    let len = shape.planes * shape.output.iter().product::<usize>();
    let (mut out, mut indices) = (vec![0.0; len], vec![-1; len]);
    max_pool_forward(shape, x, &mut out, &mut indices);
    (out, indices)
}

/// What `torch.nn.functional.max_pool3d(x, .., return_indices=True)` gives.
#[test]
fn maxima_of_volumes_and_lines_are_pytorch_s() {
    let x = volume();
    let size = [4, 5, 6];
    let s = PoolShape::new(1, size, [3; 3], [2; 3], [1; 3], [1; 3], false).unwrap();
    let places = [
        36, 8, 41, 18, 13, 41, 18, 26, 59, 36, 31, 41, 36, 110, 41, 54, 87, 87,
    ];
    let (out, indices) = maxima(&s, &x);
    assert_eq!((s.output, &indices[..]), ([2, 3, 3], &places[..]));
    assert!((out.iter().zip(places)).all(|(v, i)| *v == x[i as usize]));
    let (mut grad, mut taps) = ([f32::NAN; 120], [0; 18]);
    let ones: Vec<f32> = (1..=18).map(|v| v as f32).collect();
    max_pool_backward(1, &ones, &indices, &mut grad);
    let flowing = (grad.iter().enumerate()).filter(|(_, g)| **g != 0.0);
    let want = [
        (8, 2.0),
        (13, 5.0),
        (18, 11.0),
        (26, 8.0),
        (31, 11.0),
        (36, 24.0),
        (41, 36.0),
        (54, 16.0),
        (59, 9.0),
        (87, 35.0),
        (110, 14.0),
    ];
    assert!(flowing.map(|(i, g)| (i, *g)).eq(want));
    max_pool_forward_taps(&s, &x, false, &mut [0.0; 18], &mut taps);
    max_pool_backward_taps(&s, &ones, &taps, &mut grad);
    assert!((want.iter()).all(|(i, g)| grad[*i] == *g));

    let s = PoolShape::new(1, size, [2, 3, 2], [2, 2, 3], [1, 1, 0], [2, 1, 2], true).unwrap();
    let places = [
        36, 41, 36, 41, 54, 59, 36, 41, 110, 41, 110, 59, 90, 95, 110, 105, 110, 113,
    ];
    assert_eq!(s.output, [3, 3, 2]);
    assert_eq!(maxima(&s, &x).1, places);

    let line = PoolShape::new(1, [13], [3], [2], [1], [2], true).unwrap();
    assert_eq!(
        maxima(&line, &x[..13]),
        (vec![8.0, 8.0, 8.0, 0.0, 5.0, 5.0], vec![3, 3, 3, 9, 11, 11])
    );
}

/// What `avg_pool3d` and `avg_pool1d` give with `ceil_mode`.
#[test]
fn averages_of_volumes_and_lines_are_pytorch_s() {
    let x = volume();
    let s = PoolShape::new(1, [4, 5, 6], [3, 2, 3], [2; 3], [1; 3], [1; 3], true).unwrap();
    assert_eq!(s.output, [3, 3, 4]);
    let first = |divisor| {
        let mut out = [f32::NAN; 36];
        avg_pool_forward(&s, &x, divisor, &mut out);
        [0, 1, 7, 20, 27, 35].map(|i| out[i])
    };
    for (divisor, want) in [
        (
            AvgDivisor::CountPadding,
            [-0.22222222, 0.2777778, 1.3333334, -0.5555556, 1.0, 0.75],
        ),
        (
            AvgDivisor::CountInput,
            [-1.0, 0.8333333, 4.0, -0.8333333, 8.0, 3.0],
        ),
        (
            AvgDivisor::Fixed(7),
            [
                -0.5714286, 0.71428573, 2.2857144, -1.4285715, 1.1428572, 0.85714287,
            ],
        ),
    ] {
        assert_eq!(first(divisor), want, "{divisor:?}");
    }
    let line = PoolShape::new(1, [13], [4], [3], [2], [1], true).unwrap();
    let mut out = [f32::NAN; 5];
    avg_pool_forward(&line, &x[..13], AvgDivisor::CountPadding, &mut out);
    assert_eq!(out, [-2.0, 1.0, -3.0, -1.25, -2.0]);
}

/// What `adaptive_avg_pool3d` and `adaptive_max_pool3d(x, .., return_indices=True)` give.
#[test]
fn adaptive_pools_of_volumes_are_pytorch_s() {
    let mut x = volume();
    let shape = AdaptivePoolShape::new(1, [4, 5, 6], [3, 2, 4]);
    let (mut out, mut indices) = ([f32::NAN; 24], [-1; 24]);
    adaptive_avg_pool_forward(&shape, &x, &mut out);
    let some = [0, 1, 4, 9, 17, 23].map(|i| out[i]);
    let want = [0.5833333, 1.1666666, 1.8333334, -0.5, -2.1666667, 0.8333333];
    assert_eq!(some, want);
    adaptive_max_pool_forward(&shape, &x, &mut out, &mut indices);
    let places = [
        13, 13, 3, 41, 18, 13, 21, 59, 36, 31, 64, 41, 54, 49, 87, 59, 72, 67, 64, 64, 72, 110, 87,
        82,
    ];
    assert_eq!(indices, places);
    assert!((out.iter().zip(places)).all(|(v, i)| *v == x[i as usize]));
    // Of two nans the last wins.
    (x[37], x[38]) = (f32::NAN, f32::NAN);
    let shape = AdaptivePoolShape::new(1, [4, 5, 6], [2, 2, 2]);
    let (mut out, mut indices) = ([0.0; 8], [-1; 8]);
    adaptive_max_pool_forward(&shape, &x, &mut out, &mut indices);
    assert_eq!(indices, [38, 41, 18, 59, 72, 64, 110, 87]);
    let s = PoolShape::new(1, [4, 5, 6], [2; 3], [2; 3], [0; 3], [1; 3], false).unwrap();
    let places = [37, 38, 41, 18, 21, 16, 67, 62, 64, 72, 110, 82];
    assert_eq!(maxima(&s, &x).1, places);
}
