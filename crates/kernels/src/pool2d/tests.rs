use super::*;
use crate::Isa;
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

fn shapes() -> Vec<Pool2dShape> {
    let shape = |planes, input, output, kernel, stride, padding, dilation| Pool2dShape {
        planes,
        input,
        output,
        kernel,
        stride,
        padding,
        dilation,
    };
    vec![
        shape(3, (8, 8), (4, 4), (2, 2), (2, 2), (0, 0), (1, 1)),
        shape(40, (23, 24), (12, 12), (3, 3), (2, 2), (1, 1), (1, 1)),
        // ceil_mode: the last windows hang over
        shape(2, (7, 8), (4, 4), (2, 3), (2, 2), (0, 0), (1, 1)),
        shape(2, (6, 6), (4, 4), (3, 3), (2, 2), (1, 1), (1, 1)),
        shape(0, (6, 6), (3, 3), (2, 2), (2, 2), (0, 0), (1, 1)),
    ]
}

#[test]
fn max_pooling_matches_a_direct_loop() {
    let mut all = shapes();
    all.push(Pool2dShape {
        planes: 2,
        input: (9, 10),
        output: (7, 4),
        kernel: (2, 3),
        stride: (1, 2),
        padding: (1, 1),
        dilation: (4, 2),
    });
    all.push(Pool2dShape {
        planes: 2,
        input: (11, 22),
        output: (4, 5),
        kernel: (3, 5),
        stride: (3, 4),
        padding: (1, 2),
        dilation: (1, 1),
    });
    all.push(Pool2dShape {
        planes: 1,
        input: (4, 37),
        output: (4, 12),
        kernel: (1, 3),
        stride: (1, 3),
        padding: (0, 0),
        dilation: (1, 1),
    });
    for s in all {
        let (h, w) = s.input;
        let x = values(s.planes * h * w);
        let outputs = s.planes * s.output.0 * s.output.1;
        with_thread_counts(|| {
            let (mut out, mut indices) = (vec![0.0; outputs], vec![-1; outputs]);
            max_pool2d_forward(&s, &x, &mut out, &mut indices);
            let mut want_grad = vec![0.0; x.len()];
            let grad_out = values(outputs);
            for i in 0..outputs {
                let (ox, oy) = (i % s.output.1, i / s.output.1 % s.output.0);
                let plane = i / (s.output.0 * s.output.1) * h * w;
                let mut best: Option<usize> = None;
                for y in positions(oy, s.kernel.0, s.stride.0, s.padding.0, s.dilation.0) {
                    for c in positions(ox, s.kernel.1, s.stride.1, s.padding.1, s.dilation.1) {
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
            max_pool2d_backward(&s, &grad_out, &indices, &mut grad);
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
            max_pool2d_places(&s, &taps, &mut places);
            assert_eq!(places, indices);
            let mut grad = vec![9.0; x.len()];
            max_pool2d_backward_taps(&s, &grad_out, &taps, &mut grad);
            assert_eq!(grad, want_grad);

            // With ReLU: maxima below zero are zero, and so are their gradients.
            max_pool2d_forward_taps(&s, &x, true, &mut again, &mut taps);
            let rectified: Vec<f64> = out.iter().map(|v| v.max(0.0)).collect();
            assert_eq!(again, rectified);
            let flowing: Vec<f64> = (grad_out.iter().zip(&out))
                .map(|(g, v)| if *v > 0.0 { *g } else { 0.0 })
                .collect();
            let (mut want, mut grad) = (vec![9.0; x.len()], vec![9.0; x.len()]);
            max_pool2d_backward(&s, &flowing, &indices, &mut want);
            max_pool2d_backward_taps(&s, &grad_out, &taps, &mut grad);
            assert_eq!(grad, want);
        });
    }
}

#[test]
fn a_nan_is_the_maximum_and_the_first_of_equals_wins() {
    let s = Pool2dShape {
        planes: 1,
        input: (1, 4),
        output: (1, 2),
        kernel: (1, 2),
        stride: (1, 2),
        padding: (0, 0),
        dilation: (1, 1),
    };
    let (mut out, mut indices) = ([0.0f32; 2], [0; 2]);
    max_pool2d_forward(&s, &[f32::NAN, 9.0, 3.0, 3.0], &mut out, &mut indices);
    assert!(out[0].is_nan());
    assert_eq!((out[1], indices), (3.0, [0, 2]));
    max_pool2d_forward(&s, &[f32::NEG_INFINITY; 4], &mut out, &mut indices);
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
            let (h, w) = s.input;
            let x = values(s.planes * h * w);
            let outputs = s.planes * s.output.0 * s.output.1;
            let grad_out = values(outputs);
            let (mut want, mut want_grad) = (vec![0.0; outputs], vec![0.0; x.len()]);
            for i in 0..outputs {
                let (ox, oy) = (i % s.output.1, i / s.output.1 % s.output.0);
                let plane = i / (s.output.0 * s.output.1) * h * w;
                let (mut inside, mut padded) = (Vec::new(), 0);
                for y in positions(oy, s.kernel.0, s.stride.0, s.padding.0, 1) {
                    for c in positions(ox, s.kernel.1, s.stride.1, s.padding.1, 1) {
                        let (ph, pw) = (s.padding.0 as isize, s.padding.1 as isize);
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
                avg_pool2d_forward(&s, &x, divisor, &mut out);
                avg_pool2d_backward(&s, &grad_out, divisor, &mut grad);
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
        adaptive_windows(size, out)
            .iter()
            .map(|w| (w.start, w.end))
            .collect()
    };
    assert_eq!(windows(7, 3), [(0, 3), (2, 5), (4, 7)]);
    assert_eq!(windows(4, 4), [(0, 1), (1, 2), (2, 3), (3, 4)]);
    assert_eq!(windows(2, 3), [(0, 1), (0, 2), (1, 2)]);
    let x = values(5 * 49);
    let mut out = vec![0.0; 5];
    adaptive_avg_pool2d_forward(5, (7, 7), (1, 1), &x, &mut out);
    let mut grad = vec![0.0; x.len()];
    adaptive_avg_pool2d_backward(5, (7, 7), (1, 1), &out, &mut grad);
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
