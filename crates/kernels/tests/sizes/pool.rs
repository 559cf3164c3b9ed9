//! Pooling of every image size, and of lines and volumes: maxima with places, taps and a ReLU, averages,
//! adaptive maxima and averages, and their gradients.

use std::ops::Range;

use pleach_kernels::{
    AdaptivePoolShape, AvgDivisor, Float, MAX_POOL_TAPS, PoolShape, adaptive_avg_pool_backward,
    adaptive_avg_pool_forward, adaptive_max_pool_forward, avg_pool_backward, avg_pool_forward,
    max_pool_backward, max_pool_backward_taps, max_pool_forward, max_pool_forward_taps,
    max_pool_places,
};

use crate::harness::{Random, assert_close, assert_equal, is_large, on_every_isa, whole_numbers};

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
    /// An axis that is not there.
    const NONE: Axis = Axis {
        size: 1,
        out: 1,
        kernel: 1,
        stride: 1,
        padding: 0,
        dilation: 1,
    };

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

fn shape_of(planes: usize, axes: [Axis; 3]) -> PoolShape {
    PoolShape {
        planes,
        input: axes.map(|a| a.size),
        output: axes.map(|a| a.out),
        kernel: axes.map(|a| a.kernel),
        stride: axes.map(|a| a.stride),
        padding: axes.map(|a| a.padding),
        dilation: axes.map(|a| a.dilation),
    }
}

/// Elements of an input plane and of an output plane.
fn lens(axes: [Axis; 3]) -> [usize; 2] {
    [axes.map(|a| a.size), axes.map(|a| a.out)].map(|sizes| sizes.iter().product())
}

/// The place of a position among all of these sizes.
fn place([_, h, w]: [usize; 3], [z, y, x]: [usize; 3]) -> usize {
    (z * h + y) * w + x
}

/// The position with this place.
fn position([_, h, w]: [usize; 3], place: usize) -> [usize; 3] {
    [place / w / h, place / w % h, place % w]
}

/// The taps of a window that are inside, and the places that they see, in order.
fn seen(axes: [Axis; 3], window: usize) -> Vec<(usize, usize)> {
    let at = position(axes.map(|a| a.out), window);
    let (sizes, kernel) = (axes.map(|a| a.size), axes.map(|a| a.kernel));
    let mut all = Vec::new();
    for (kz, z) in axes[0].inside(at[0]) {
        for (ky, y) in axes[1].inside(at[1]) {
            for (kx, x) in axes[2].inside(at[2]) {
                all.push((place(kernel, [kz, ky, kx]), place(sizes, [z, y, x])));
            }
        }
    }
    all
}

/// Checks maxima: their places and taps, with a ReLU and without, and the gradients.
fn check_max<T: Float>(planes: usize, axes: [Axis; 3], case: usize) {
    let s = shape_of(planes, axes);
    let [in_plane, plane] = lens(axes);
    let x = whole_numbers::<T>(planes * in_plane, case);
    let grad_out = whole_numbers::<T>(planes * plane, case + 1);
    let mut want = (Vec::new(), Vec::new(), Vec::new());
    let mut want_grad = [vec![0.0; x.len()], vec![0.0; x.len()]];
    for (i, grad) in grad_out.iter().enumerate() {
        let (first, window) = (i / plane * in_plane, i % plane);
        let mut best: Option<(f64, usize, usize)> = None;
        for (tap, place) in seen(axes, window) {
            let v = x[first + place].to_f64();
            if best.is_none_or(|(top, ..)| v > top) {
                best = Some((v, place, tap));
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
    max_pool_forward(&s, &x, &mut out, &mut indices);
    assert_equal("maxima", &s, &out, &want);
    assert_eq!(indices, places, "places of {s:?}");
    let mut grad = vec![T::NAN; x.len()];
    max_pool_backward(planes, &grad_out, &indices, &mut grad);
    assert_equal("gradient", &s, &grad, &want_grad[0]);

    if s.kernel.iter().product::<usize>() > MAX_POOL_TAPS {
        return;
    }
    for relu in [false, true] {
        let mut taps = vec![0; want.len()];
        max_pool_forward_taps(&s, &x, relu, &mut out, &mut taps);
        let want: Vec<f64> = (want.iter().map(|v| if relu { v.max(0.0) } else { *v })).collect();
        assert_equal("maxima by taps", &s, &out, &want);
        max_pool_backward_taps(&s, &grad_out, &taps, &mut grad);
        let want_grad = &want_grad[usize::from(relu)];
        assert_equal("gradient by taps", &s, &grad, want_grad);
        if !relu {
            assert!(
                (taps.iter().zip(&want_taps)).all(|(got, want)| usize::from(*got) == *want),
                "taps of {s:?}"
            );
            max_pool_places(&s, &taps, &mut indices);
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

fn check_averages<T: Float>(planes: usize, axes: [Axis; 3], case: usize) {
    let s = shape_of(planes, axes);
    let [in_plane, plane] = lens(axes);
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
        let at = position(axes.map(|a| a.out), i);
        let places: Vec<_> = seen(axes, i).into_iter().map(|(_, place)| place).collect();
        let divisor = match divisor {
            AvgDivisor::CountPadding => (0..3).map(|d| padded(axes[d], at[d]) as f64).product(),
            AvgDivisor::CountInput => places.len() as f64,
            AvgDivisor::Fixed(n) => n as f64,
        };
        (places, divisor)
    };
    check_average::<T>(
        &format!("{divisor:?} of {s:?}"),
        [planes, in_plane, plane],
        window,
        |x, out| avg_pool_forward(&s, x, divisor, out),
        |grad, out| avg_pool_backward(&s, grad, divisor, out),
    );
}

#[test]
fn maxima_of_every_image_size_match_plain_loops() {
    let name = "pool::maxima_of_every_image_size_match_plain_loops";
    on_every_isa(name, |run| {
        let mut checked = 0;
        for (kind, window) in WINDOWS.into_iter().enumerate() {
            for dilation in 1..=3 {
                run.images(3 * kind + dilation, [6, 42], |case, [height, width]| {
                    let turn = case / 3 + kind;
                    let ceil = turn % 2 == 1;
                    let axis = |size| Axis::new(size, window, dilation, ceil);
                    let Some((h, w)) = axis(height).zip(axis(width)) else {
                        return;
                    };
                    // A dilated window may step over a small image.
                    let meets = |a: Axis| (0..a.out).all(|i| a.inside(i).next().is_some());
                    if meets(h) && meets(w) {
                        let axes = [Axis::NONE, h, w];
                        match turn % 5 {
                            0 => check_max::<f64>(1, axes, case),
                            _ if is_large([height, width]) => check_max::<f32>(1, axes, case),
                            _ => check_max::<f32>(1 + turn % 3, axes, case),
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
            run.images(kind, [4, 14], |case, [height, width]| {
                let turn = case / 3 + kind;
                let axis = |size| Axis::new(size, window, 1, turn % 2 == 1);
                if let Some((h, w)) = axis(height).zip(axis(width)) {
                    let axes = [Axis::NONE, h, w];
                    match turn % 5 {
                        0 => check_averages::<f64>(1, axes, case),
                        1 if !is_large([height, width]) => check_averages::<f32>(3, axes, case),
                        _ => check_averages::<f32>(1, axes, case),
                    }
                    checked += 1;
                }
            });
        }
        assert!(checked > 100);
    });
}

/// Checks adaptive averages and maxima.
fn check_adaptive<T: Float>(planes: usize, input: [usize; 3], output: [usize; 3], case: usize) {
    let shape = AdaptivePoolShape {
        planes,
        input,
        output,
    };
    let [in_plane, plane]: [usize; 2] = [input, output].map(|sizes| sizes.iter().product());
    let places = |i: usize| -> Vec<usize> {
        let at = position(output, i);
        let range = |d: usize| -> Range<usize> {
            at[d] * input[d] / output[d]..((at[d] + 1) * input[d]).div_ceil(output[d])
        };
        let rows = range(0).flat_map(|z| range(1).map(move |y| [z, y]));
        rows.flat_map(|[z, y]| range(2).map(move |x| place(input, [z, y, x])))
            .collect()
    };
    check_average::<T>(
        &format!("{shape:?}"),
        [planes, in_plane, plane],
        |i| (places(i), places(i).len() as f64),
        |x, y| adaptive_avg_pool_forward(&shape, x, y),
        |grad, to| adaptive_avg_pool_backward(&shape, grad, to),
    );
    let x = whole_numbers::<T>(planes * in_plane, case);
    let (mut want, mut want_places) = (Vec::new(), Vec::new());
    for i in 0..planes * plane {
        let x = &x[i / plane * in_plane..];
        let mut top = None;
        for place in places(i % plane) {
            if top.is_none_or(|top: usize| x[place] > x[top]) {
                top = Some(place);
            }
        }
        let top = top.expect("no window is empty");
        want.push(x[top].to_f64());
        want_places.push(top as i64);
    }
    let (mut out, mut indices) = (vec![T::NAN; want.len()], vec![-1; want.len()]);
    adaptive_max_pool_forward(&shape, &x, &mut out, &mut indices);
    assert_equal("adaptive maxima", &shape, &out, &want);
    assert_eq!(indices, want_places, "places of {shape:?}");
}

#[test]
fn adaptive_pooling_of_every_image_size_matches_plain_loops() {
    let name = "pool::adaptive_pooling_of_every_image_size_matches_plain_loops";
    on_every_isa(name, |run| {
        for (kind, out) in [1, 2, 3, 6, 7, 14, 40].into_iter().enumerate() {
            run.images(kind, [4, 7], |case, [height, width]| {
                let (input, output) = ([1, height, width], [1, out, 1 + (out + 2) % 9]);
                check_adaptive::<f32>(1 + case % 2, input, output, case);
            });
        }
    });
}

/// Kernels, strides and paddings of pools of real networks for video: those of C3D, and of I3D.
const VOLUMES: [[[usize; 3]; 3]; 7] = [
    [[1, 2, 2], [1, 2, 2], [0, 0, 0]],
    [[2, 2, 2], [2, 2, 2], [0, 0, 0]],
    [[2, 2, 2], [2, 2, 2], [0, 1, 1]],
    [[3, 3, 3], [2, 2, 2], [1, 1, 1]],
    [[3, 3, 3], [1, 1, 1], [1, 1, 1]],
    [[1, 3, 3], [1, 2, 2], [0, 1, 1]],
    [[2, 7, 7], [1, 1, 1], [0, 0, 0]],
];

/// Checks maxima and averages, if there are windows.
fn check_sliding<T: Float>(planes: usize, axes: [Option<Axis>; 3], case: usize) -> bool {
    let [Some(d), Some(h), Some(w)] = axes else {
        return false;
    };
    let axes = [d, h, w];
    // A dilated window may step over a small input.
    let meets = |a: Axis| (0..a.out).all(|i| a.inside(i).next().is_some());
    if !axes.into_iter().all(meets) {
        return false;
    }
    check_max::<T>(planes, axes, case);
    if axes.iter().all(|a| a.dilation == 1) {
        check_averages::<T>(planes, axes, case);
    }
    true
}

#[test]
fn pooling_of_lines_and_volumes_matches_plain_loops() {
    let name = "pool::pooling_of_lines_and_volumes_matches_plain_loops";
    on_every_isa(name, |_| {
        let mut random = Random(13);
        let mut checked = [0; 4];
        let mut count = |kind: usize, was: bool| checked[kind] += usize::from(was);
        for case in 0..400 {
            let ceil = case % 2 == 1;
            let planes = 1 + random.below(3);
            // Windows of networks.
            let [kernel, stride, padding] = VOLUMES[case % VOLUMES.len()];
            let sizes = [9, 20, 40].map(|most| 1 + random.below(most));
            let axes = std::array::from_fn(|d| {
                Axis::new(sizes[d], [kernel[d], stride[d], padding[d]], 1, ceil)
            });
            count(0, check_sliding::<f32>(planes, axes, case));
            count(1, check_sliding::<f64>(1, axes, case));
            // Any windows, in a volume and in a line.
            let mut any = |most: usize| {
                let kernel = 1 + random.below(4);
                let window = [kernel, 1 + random.below(4), random.below(kernel / 2 + 1)];
                let dilation = 1 + random.below(2) * random.below(3);
                Axis::new(1 + random.below(most), window, dilation, ceil)
            };
            let axes = [any(8), any(9), any(40)];
            count(2, check_sliding::<f32>(2, axes, case));
            let axes = [Some(Axis::NONE), Some(Axis::NONE), any(200)];
            count(3, check_sliding::<f32>(planes, axes, case));
            if let [_, _, Some(w)] = axes {
                let [size, kernel] = [[w.size], [w.kernel]];
                let [stride, padding, dilation] = [[w.stride], [w.padding], [w.dilation]];
                let line = PoolShape::new(planes, size, kernel, stride, padding, dilation, ceil);
                assert_eq!(line, Some(shape_of(planes, [Axis::NONE, Axis::NONE, w])));
            }
            let output = [5, 6, 7].map(|most| 1 + random.below(most));
            check_adaptive::<f32>(planes, sizes, output, case);
            check_adaptive::<f64>(1, [1, 1, sizes[2]], [1, 1, output[2]], case);
        }
        assert!(checked.iter().all(|n| *n > 100), "{checked:?}");
    });
}

#[test]
fn a_nan_is_the_maximum_of_the_volumes_that_see_it() {
    let name = "pool::a_nan_is_the_maximum_of_the_volumes_that_see_it";
    on_every_isa(name, |_| {
        let window = |size| Axis::new(size, [3, 2, 1], 1, false).expect("windows fit");
        let axes = [5, 6, 23].map(window);
        let (s, [in_plane, plane]) = (shape_of(1, axes), lens(axes));
        let adaptive = AdaptivePoolShape::new(1, s.input, [2, 2, 3]);
        for at in (0..in_plane).step_by(7) {
            // All else is minus infinity, of which the first wins.
            let mut x = vec![f32::NEG_INFINITY; in_plane];
            x[at] = f32::NAN;
            let (mut out, mut indices) = (vec![0.0; plane], vec![-1; plane]);
            max_pool_forward(&s, &x, &mut out, &mut indices);
            for i in 0..plane {
                let seen: Vec<usize> = seen(axes, i).into_iter().map(|(_, place)| place).collect();
                let sees = seen.contains(&at);
                assert_eq!(out[i].is_nan(), sees, "{at} {i}");
                assert_eq!(
                    indices[i] as usize,
                    if sees { at } else { seen[0] },
                    "{at} {i}"
                );
            }
            let (mut out, mut indices) = ([0.0; 12], [-1; 12]);
            adaptive_max_pool_forward(&adaptive, &x, &mut out, &mut indices);
            let nans = out.iter().zip(indices).filter(|(v, _)| v.is_nan());
            assert!(nans.clone().count() > 0 && nans.clone().all(|(_, i)| i as usize == at));
        }
    });
}
