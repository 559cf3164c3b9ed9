//! Huge strides, dilations, paddings and kernels on small images: the right result at the cost of
//! the image, and no sum or product of sizes that wraps.

use pleach_kernels::buffer::{cached_bytes, empty_cache};
use pleach_kernels::{
    AdaptivePoolShape, AvgDivisor, ConvShape, MAX_POOL_TAPS, PoolShape, adaptive_avg_pool_backward,
    adaptive_avg_pool_forward, avg_pool_backward, avg_pool_forward, max_pool_backward,
    max_pool_backward_taps, max_pool_forward, max_pool_forward_taps, max_pool_places,
};

use crate::conv::check;
use crate::harness::on_every_isa;

const HUGE: [usize; 4] = [1_000_000_000, 1 << 40, 1 << 61, usize::MAX];

/// A convolution with few channels, dense or in groups.
fn shapes(image: [usize; 2], kernel: [usize; 2]) -> [ConvShape; 4] {
    [[1, 1, 1], [3, 20, 1], [4, 4, 4], [20, 20, 20]].map(|[c_in, c_out, groups]| {
        ConvShape::new(2, [c_in, c_out], image, kernel).with_groups(groups)
    })
}

#[test]
fn convolutions_with_huge_strides_cost_what_their_images_do() {
    let name = "huge::convolutions_with_huge_strides_cost_what_their_images_do";
    on_every_isa(name, |_| {
        for huge in HUGE {
            for shape in shapes([5, 6], [3, 2]) {
                check::<f32>(&shape.with_stride([huge, huge]), 1);
                check::<f32>(&shape.with_stride([1, huge]).with_padding([1, 1]), 2);
                check::<f64>(&shape.with_stride([huge, 2]).with_padding([2, 3]), 5);
            }
        }
        for shape in shapes([70, 60], [2, 2]) {
            check::<f32>(&shape.with_stride([40, 50]), 7);
        }
    });
}

#[test]
fn convolutions_with_huge_dilations_and_paddings_cost_what_their_outputs_do() {
    let name = "huge::convolutions_with_huge_dilations_and_paddings_cost_what_their_outputs_do";
    on_every_isa(name, |_| {
        for huge in [1_000_000, 1_000_000_000, 1 << 40, 1 << 60] {
            for shape in shapes([5, 6], [3, 3]) {
                // Only the middle tap sees the image.
                let shape = shape.with_dilation([huge, 1]).with_padding([huge, 1]);
                check::<f32>(&shape, 1);
                check::<f64>(&shape.with_dilation([huge; 2]).with_padding([huge; 2]), 4);
                // A few outputs, far apart.
                let far = shape.with_dilation([1, 1]).with_stride([huge, 1]);
                check::<f32>(&far, 3);
            }
        }
        for shape in shapes([4, 5], [1, 1]) {
            check::<f32>(&shape.with_dilation([usize::MAX, usize::MAX]), 3);
        }
    });
}

#[test]
fn convolutions_with_huge_kernels_have_little_scratch() {
    let name = "huge::convolutions_with_huge_kernels_have_little_scratch";
    on_every_isa(name, |_| {
        for shape in [
            ConvShape::new(1, [1, 1], [8, 8], [501, 501]).with_padding([250, 250]),
            ConvShape::new(2, [1, 3], [8, 8], [351, 351]).with_padding([175, 175]),
            ConvShape::new(1, [2, 2], [8, 8], [401, 401])
                .with_padding([200, 200])
                .with_groups(2),
            // Few columns of outputs, but many rows.
            ConvShape::new(1, [2, 1], [400, 102], [100, 100]),
        ] {
            let [out, taps] = [shape.output(), shape.kernel].map(|s| s.iter().product::<usize>());
            let matrix = shape.in_channels / shape.groups * taps * out * size_of::<f32>();
            assert!(matrix >= 25_000_000, "{shape:?}");
            empty_cache();
            check::<f32>(&shape, 1);
            // All scratch is kept for reuse, but for small blocks.
            let scratch = cached_bytes();
            let weights = shape.out_channels * shape.in_channels / shape.groups * taps;
            let bound = (16 << 20) + 2 * weights * size_of::<f32>();
            assert!(scratch <= bound, "{shape:?}: {scratch} bytes");
        }
    });
}

#[test]
fn sizes_that_no_memory_has_have_no_output() {
    let shape = ConvShape::new(1, [2, 3], [5, 5], [2, 3]);
    for huge in HUGE[2..].iter().copied() {
        for sizes in [
            shape.with_padding([huge, huge]),
            shape.with_padding([huge, 0]),
            shape.with_dilation([huge, 1]),
            ConvShape::new(huge, [2, 3], [5, 5], [2, 3]),
            ConvShape::new(1, [2, huge], [5, 5], [2, 3]),
            ConvShape::new(0, [0, 0], [huge, huge], [1, 1]),
        ] {
            assert_eq!(sizes.checked_output(), None, "{sizes:?}");
        }
        assert_eq!(
            shape.with_stride([huge, 1]).checked_output(),
            Some([1, 1, 3])
        );
    }
    assert_eq!(shape.with_stride([0, 1]).checked_output(), None);
}

/// The sizes of one axis: input, kernel, stride, padding and dilation.
type Axis = [usize; 5];

fn pool([h, w]: [Axis; 2]) -> Option<PoolShape> {
    let pairs: [[usize; 2]; 5] = std::array::from_fn(|i| [h[i], w[i]]);
    let [input, kernel, stride, padding, dilation] = pairs;
    PoolShape::new(1, input, kernel, stride, padding, dilation, false)
}

#[test]
fn maxima_with_huge_windows_cost_what_their_images_do() {
    // An axis, and for each window what it sees: positions of the input.
    let axes: Vec<(Axis, Vec<Vec<usize>>)> = vec![
        ([4, 2, 1, 0, 1], vec![vec![0, 1], vec![1, 2], vec![2, 3]]),
        ([4, 2, 1 << 61, 0, 1], vec![vec![0, 1]]),
        ([4, 1, usize::MAX, 0, usize::MAX], vec![vec![0]]),
        (
            [4, 1_000_000_000, 1, 500_000_000, 1],
            vec![vec![0, 1, 2, 3]; 5],
        ),
        ([4, 1 << 40, 3, 1 << 39, 1], vec![vec![0, 1, 2, 3]; 2]),
        // Only the middle tap sees the image.
        ([3, 3, 1, 1 << 40, 1 << 40], vec![vec![0], vec![1], vec![2]]),
    ];
    for (h, rows) in &axes {
        for (w, columns) in &axes {
            let s = pool([*h, *w]).expect("windows fit");
            assert_eq!(s.output, [1, rows.len(), columns.len()], "{s:?}");
            assert!(s.windows_meet_input());
            // Larger ones come later, so that the last place wins.
            let (pixels, len) = (h[0] * w[0], rows.len() * columns.len());
            let x: Vec<f32> = (0..pixels).map(|i| i as f32).collect();
            let last = |places: &Vec<usize>| *places.last().expect("none is empty");
            let want: Vec<usize> = rows
                .iter()
                .flat_map(|ys| columns.iter().map(move |xs| last(ys) * w[0] + last(xs)))
                .collect();
            let (mut out, mut places) = (vec![f32::NAN; len], vec![-1; len]);
            max_pool_forward(&s, &x, &mut out, &mut places);
            assert!(out.iter().zip(&want).all(|(v, w)| *v == *w as f32), "{s:?}");
            assert!(places.iter().zip(&want).all(|(p, w)| *p as usize == *w));
            let mut want_grad = vec![0.0; pixels];
            want.iter().for_each(|place| want_grad[*place] += 1.0);
            let mut grad = vec![f32::NAN; pixels];
            max_pool_backward(1, &vec![1.0; len], &places, &mut grad);
            assert_eq!(grad, want_grad, "{s:?}");
            let taps = s.kernel[1].checked_mul(s.kernel[2]);
            if taps.is_none_or(|taps| taps > MAX_POOL_TAPS) {
                continue;
            }
            let mut taps = vec![0; len];
            max_pool_forward_taps(&s, &x, false, &mut out, &mut taps);
            let mut again = vec![-1; len];
            max_pool_places(&s, &taps, &mut again);
            assert_eq!(again, places, "{s:?}");
            max_pool_backward_taps(&s, &vec![1.0; len], &taps, &mut grad);
            assert_eq!(grad, want_grad, "{s:?}");
        }
    }
}

#[test]
fn pooling_that_does_not_fit_is_refused() {
    for huge in [1 << 61, usize::MAX] {
        let plain = [5, 2, 1, 0, 1];
        for axis in [
            [5, huge, 1, 0, 1],
            [5, 2, 1, 0, huge],
            [5, 2, 1, huge, huge],
            [5, 2, 1, huge, 1],
            [huge, 2, 1, 0, 1],
            [5, 0, 1, 0, 1],
            [5, 2, 0, 0, 1],
            [5, 2, 1, 0, 0],
        ] {
            assert_eq!(pool([axis, plain]), None, "{axis:?}");
            assert_eq!(pool([plain, axis]), None, "{axis:?}");
        }
    }
    // Every tap but one is left of the image, and the last one right of it.
    let steps_over = pool([[2, 2, 1, 3, 6], [2, 1, 1, 0, 1]]).expect("windows fit");
    assert!(!steps_over.windows_meet_input());
}

#[test]
fn averages_with_huge_windows_cost_what_their_images_do() {
    let x = [1.0f64, 2.0, 3.0, 6.0];
    let (mut out, mut grad) = ([f64::NAN], [f64::NAN; 4]);
    for huge in [1_000_000_000, 1 << 40, 1 << 61] {
        let window = [2, huge, usize::MAX, huge / 2, 1];
        let s = pool([window, window]).expect("one window fits");
        let counted = huge as f64 * huge as f64;
        for (divisor, count) in [
            (AvgDivisor::CountInput, 4.0),
            (AvgDivisor::CountPadding, counted),
            (AvgDivisor::Fixed(3), 3.0),
        ] {
            avg_pool_forward(&s, &x, divisor, &mut out);
            assert_eq!(out, [12.0 / count], "{s:?} {divisor:?}");
            avg_pool_backward(&s, &[24.0], divisor, &mut grad);
            assert_eq!(grad, [24.0 / count; 4], "{s:?} {divisor:?}");
        }
    }
    // Without images, sizes are numbers.
    let none = AdaptivePoolShape::new(0, [3, 3], [1 << 40, 1 << 20]);
    adaptive_avg_pool_forward::<f32>(&none, &[], &mut []);
    adaptive_avg_pool_backward::<f32>(&none, &[], &mut []);
    // So they are without outputs.
    let mut grad = [f32::NAN; 9];
    let none = AdaptivePoolShape::new(1, [3, 3], [0, 1 << 40]);
    adaptive_avg_pool_backward(&none, &[], &mut grad);
    assert_eq!(grad, [0.0; 9]);
}
