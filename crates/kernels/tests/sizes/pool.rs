//! Pooling of every image size: maxima with places, taps and a ReLU, averages, adaptive averages, and
//! their gradients.

use pleach_kernels::{
    AvgDivisor, Float, MAX_POOL_TAPS, Pool2dShape, adaptive_avg_pool2d_backward,
    adaptive_avg_pool2d_forward, avg_pool2d_backward, avg_pool2d_forward, max_pool2d_backward,
    max_pool2d_backward_taps, max_pool2d_forward, max_pool2d_forward_taps, max_pool2d_places,
};

use crate::harness::{assert_close, assert_equal, is_large, on_every_isa, whole_numbers};

/// Kernel, stride and padding.
const WINDOWS: [[usize; 3]; 14] = [
    [2, 2, 0],
    [3, 2, 1],
    [3, 2, 0],
    [3, 1, 1],
    [1, 1, 0],
    [1, 2, 0],
    [2, 1, 0],
    [2, 2, 1],
    [5, 1, 2],
    [5, 2, 2],
    [7, 2, 3],
    [4, 4, 0],
    [11, 4, 2],
    [14, 14, 7],
];

/// Windows of one axis, and the sizes along it.
#[derive(Copy, Clone)]
struct Axis {
    size: usize,
    out: usize,
    kernel: usize,
    stride: usize,
    padding: usize,
    dilation: usize,
}

impl Axis {
    /// The axis as PyTorch counts its windows, if there are any.
    fn new(
        size: usize,
        [kernel, stride, padding]: [usize; 3],
        dilation: usize,
        ceil: bool,
    ) -> Option<Axis> {
        let rest = (size + 2 * padding).checked_sub(dilation * (kernel - 1) + 1)?;
        let out = (rest + if ceil { stride - 1 } else { 0 }) / stride + 1;
        let outside = ceil && (out - 1) * stride >= size + padding;
        Some(Axis {
            size,
            out: out - usize::from(outside),
            kernel,
            stride,
            padding,
            dilation,
        })
    }

    /// The taps of a window that are inside, and what they see.
    fn inside(self, window: usize) -> impl Iterator<Item = (usize, usize)> {
        (0..self.kernel).filter_map(move |tap| {
            let at = (window * self.stride + tap * self.dilation).checked_sub(self.padding)?;
            (at < self.size).then_some((tap, at))
        })
    }
}

fn shape_of(planes: usize, [h, w]: [Axis; 2]) -> Pool2dShape {
    Pool2dShape {
        planes,
        input: (h.size, w.size),
        output: (h.out, w.out),
        kernel: (h.kernel, w.kernel),
        stride: (h.stride, w.stride),
        padding: (h.padding, w.padding),
        dilation: (h.dilation, w.dilation),
    }
}

/// Checks maxima: their places and taps, with a ReLU and without, and the gradients.
fn check_max<T: Float>(planes: usize, [h, w]: [Axis; 2], case: usize) {
    let s = shape_of(planes, [h, w]);
    let (in_plane, plane) = (h.size * w.size, h.out * w.out);
    let x = whole_numbers::<T>(planes * in_plane, case);
    let grad_out = whole_numbers::<T>(planes * plane, case + 1);
    let mut want = (Vec::new(), Vec::new(), Vec::new());
    let mut want_grad = [vec![0.0; x.len()], vec![0.0; x.len()]];
    for (i, grad) in grad_out.iter().enumerate() {
        let (first, window) = (i / plane * in_plane, i % plane);
        let mut best: Option<(f64, usize, usize)> = None;
        for (ky, y) in h.inside(window / w.out) {
            for (kx, x_at) in w.inside(window % w.out) {
                let v = x[first + y * w.size + x_at].to_f64();
                if best.is_none_or(|(top, ..)| v > top) {
                    best = Some((v, y * w.size + x_at, ky * w.kernel + kx));
                }
            }
        }
        let (top, place, tap) = best.expect("every window meets the input");
        want.0.push(top);
        want.1.push(place as i64);
        want.2.push(tap);
        want_grad[0][first + place] += grad.to_f64();
        if top > 0.0 {
            want_grad[1][first + place] += grad.to_f64();
        }
    }
    let (want, places, want_taps) = want;

    let (mut out, mut indices) = (vec![T::NAN; want.len()], vec![-1; want.len()]);
    max_pool2d_forward(&s, &x, &mut out, &mut indices);
    assert_equal("maxima", &s, &out, &want);
    assert_eq!(indices, places, "places of {s:?}");
    let mut grad = vec![T::NAN; x.len()];
    max_pool2d_backward(&s, &grad_out, &indices, &mut grad);
    assert_equal("gradient", &s, &grad, &want_grad[0]);

    if h.kernel * w.kernel > MAX_POOL_TAPS {
        return;
    }
    for relu in [false, true] {
        let mut taps = vec![0; want.len()];
        max_pool2d_forward_taps(&s, &x, relu, &mut out, &mut taps);
        let want: Vec<f64> = (want.iter().map(|v| if relu { v.max(0.0) } else { *v })).collect();
        assert_equal("maxima by taps", &s, &out, &want);
        max_pool2d_backward_taps(&s, &grad_out, &taps, &mut grad);
        let want_grad = &want_grad[usize::from(relu)];
        assert_equal("gradient by taps", &s, &grad, want_grad);
        if !relu {
            assert!(
                (taps.iter().zip(&want_taps)).all(|(got, want)| usize::from(*got) == *want),
                "taps of {s:?}"
            );
            max_pool2d_places(&s, &taps, &mut indices);
            assert_eq!(indices, places, "places of the taps of {s:?}");
        }
    }
}

/// Input positions of a window, and what its sum is divided by.
type Share = (Vec<usize>, f64);

/// Checks averages over given windows of a plane. Sums are exact, so one division rounds once.
fn check_average<T: Float>(
    what: &str,
    [planes, in_plane, plane]: [usize; 3],
    window: impl Fn(usize) -> Share,
    forward: impl Fn(&[T], &mut [T]),
    backward: impl Fn(&[T], &mut [T]),
) {
    let x = whole_numbers::<T>(planes * in_plane, plane);
    let grad_out = whole_numbers::<T>(planes * plane, plane + 1);
    let (mut want, mut want_grad) = (vec![0.0; grad_out.len()], vec![0.0; x.len()]);
    for (i, want) in want.iter_mut().enumerate() {
        let (first, (places, divisor)) = (i / plane * in_plane, window(i % plane));
        let sum: f64 = places.iter().map(|p| x[first + p].to_f64()).sum();
        if !places.is_empty() {
            *want = (T::from_f64(sum) / T::from_f64(divisor)).to_f64();
        }
        for p in places {
            want_grad[first + p] += grad_out[i].to_f64() / divisor;
        }
    }
    let mut out = vec![T::NAN; want.len()];
    forward(&x, &mut out);
    assert_equal("average", &what, &out, &want);
    let mut grad = vec![T::NAN; x.len()];
    backward(&grad_out, &mut grad);
    assert_close("gradient", &what, &grad, &want_grad, 1e-5);
}

fn check_averages<T: Float>(planes: usize, [h, w]: [Axis; 2], case: usize) {
    let s = shape_of(planes, [h, w]);
    let divisor = [
        AvgDivisor::CountPadding,
        AvgDivisor::CountInput,
        AvgDivisor::Fixed(5),
    ][case / 3 % 3];
    // Positions in the input or its padding.
    let padded = |a: Axis, i: usize| {
        ((i * a.stride)..(i * a.stride + a.kernel).min(a.size + 2 * a.padding)).len()
    };
    let window = |i: usize| {
        let (row, column) = (i / w.out, i % w.out);
        let places: Vec<_> = h
            .inside(row)
            .flat_map(|(_, y)| w.inside(column).map(move |(_, x)| y * w.size + x))
            .collect();
        let divisor = match divisor {
            AvgDivisor::CountPadding => (padded(h, row) * padded(w, column)) as f64,
            AvgDivisor::CountInput => places.len() as f64,
            AvgDivisor::Fixed(n) => n as f64,
        };
        (places, divisor)
    };
    check_average::<T>(
        &format!("{divisor:?} of {s:?}"),
        [planes, h.size * w.size, h.out * w.out],
        window,
        |x, out| avg_pool2d_forward(&s, x, divisor, out),
        |grad, out| avg_pool2d_backward(&s, grad, divisor, out),
    );
}

#[test]
fn maxima_of_every_image_size_match_plain_loops() {
    let name = "pool::maxima_of_every_image_size_match_plain_loops";
    on_every_isa(name, |run| {
        let mut checked = 0;
        for (kind, window) in WINDOWS.into_iter().enumerate() {
            for dilation in 1..=3 {
                run.images(4 * kind + dilation, 12, |case, [height, width]| {
                    let turn = case / 3 + kind;
                    let ceil = turn % 2 == 1;
                    let axis = |size| Axis::new(size, window, dilation, ceil);
                    let Some((h, w)) = axis(height).zip(axis(width)) else {
                        return;
                    };
                    // A dilated window may step over a small image.
                    let meets = |a: Axis| (0..a.out).all(|i| a.inside(i).next().is_some());
                    if meets(h) && meets(w) {
                        match turn % 5 {
                            0 => check_max::<f64>(1, [h, w], case),
                            _ if is_large([height, width]) => check_max::<f32>(1, [h, w], case),
                            _ => check_max::<f32>(1 + turn % 3, [h, w], case),
                        }
                        checked += 1;
                    }
                });
            }
        }
        assert!(checked > 100);
    });
}

#[test]
fn averages_of_every_image_size_match_plain_loops() {
    let name = "pool::averages_of_every_image_size_match_plain_loops";
    on_every_isa(name, |run| {
        let mut checked = 0;
        for (kind, window) in WINDOWS.into_iter().enumerate() {
            run.images(kind, 6, |case, [height, width]| {
                let turn = case / 3 + kind;
                let axis = |size| Axis::new(size, window, 1, turn % 2 == 1);
                if let Some((h, w)) = axis(height).zip(axis(width)) {
                    match turn % 5 {
                        0 => check_averages::<f64>(1, [h, w], case),
                        1 if !is_large([height, width]) => {
                            check_averages::<f32>(3, [h, w], case);
                        }
                        _ => check_averages::<f32>(1, [h, w], case),
                    }
                    checked += 1;
                }
            });
        }
        assert!(checked > 100);
    });
}

#[test]
fn adaptive_averages_of_every_image_size_match_plain_loops() {
    let name = "pool::adaptive_averages_of_every_image_size_match_plain_loops";
    on_every_isa(name, |run| {
        for (kind, out) in [1, 2, 3, 6, 7, 14, 40].into_iter().enumerate() {
            run.images(kind, 4, |case, [height, width]| {
                let planes = 1 + case % 2;
                let (input, output) = ((height, width), (out, 1 + (out + 2) % 9));
                let range = |i: usize, size: usize, out: usize| {
                    i * size / out..((i + 1) * size).div_ceil(out)
                };
                let window = |i: usize| {
                    let columns = range(i % output.1, width, output.1);
                    let places: Vec<_> = range(i / output.1, height, output.0)
                        .flat_map(|y| columns.clone().map(move |x| y * width + x))
                        .collect();
                    let count = places.len() as f64;
                    (places, count)
                };
                check_average::<f32>(
                    &format!("{input:?} to {output:?}"),
                    [planes, height * width, output.0 * output.1],
                    window,
                    |x, y| adaptive_avg_pool2d_forward(planes, input, output, x, y),
                    |grad, to| adaptive_avg_pool2d_backward(planes, input, output, grad, to),
                );
            });
        }
    });
}
