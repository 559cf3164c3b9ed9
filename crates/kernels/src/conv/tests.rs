use super::*;
use crate::threads::with_thread_counts;

fn values<T: Float>(len: usize, seed: u32) -> Vec<T> {
    let mut state = seed;
    (0..len)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            T::from_f64((state >> 8) as f64 / (1 << 24) as f64 - 0.5)
        })
        .collect()
}

/// Calls `f(input index, weight index, output index)` for every product of the convolution.
fn for_each_product(s: &ConvShape, mut f: impl FnMut(usize, usize, usize)) {
    let (out, cin, cout) = (s.output(), s.group_in(), s.group_out());
    let positions = |sizes: [usize; 3]| {
        (0..sizes.iter().product::<usize>()).map(move |i| {
            [
                i / (sizes[1] * sizes[2]),
                i / sizes[2] % sizes[1],
                i % sizes[2],
            ]
        })
    };
    for (n, o) in (0..s.batch).flat_map(|n| (0..s.out_channels).map(move |o| (n, o))) {
        for (p, to) in positions(out).enumerate() {
            for (k, tap) in positions(s.kernel).enumerate() {
                let from: [usize; 3] = std::array::from_fn(|d| {
                    (to[d] * s.stride[d] + tap[d] * s.dilation[d]).wrapping_sub(s.padding[d])
                });
                if (0..3).any(|d| from[d] >= s.input[d]) {
                    continue;
                }
                let pixel = (from[0] * s.input[1] + from[1]) * s.input[2] + from[2];
                for c in 0..cin {
                    let channel = n * s.in_channels + o / cout * cin + c;
                    f(
                        channel * s.in_pixels() + pixel,
                        (o * cin + c) * s.taps() + k,
                        (n * s.out_channels + o) * s.out_pixels() + p,
                    );
                }
            }
        }
    }
}

fn shapes() -> Vec<ConvShape> {
    vec![
        ConvShape::new(2, [3, 4], [8, 9], [3, 3]).with_padding([1, 1]),
        ConvShape::new(1, [3, 8], [23, 25], [7, 7])
            .with_stride([2, 2])
            .with_padding([3, 3]),
        ConvShape::new(3, [8, 20], [7, 7], [3, 3]).with_padding([1, 1]),
        ConvShape::new(13, [6, 5], [7, 7], [3, 3])
            .with_stride([2, 2])
            .with_padding([1, 1]),
        ConvShape::new(2, [5, 7], [24, 24], [1, 1]),
        ConvShape::new(5, [5, 7], [6, 6], [1, 1]),
        ConvShape::new(2, [5, 7], [9, 8], [1, 1]).with_stride([2, 2]),
        ConvShape::new(2, [6, 9], [10, 9], [3, 2])
            .with_stride([2, 1])
            .with_padding([1, 2])
            .with_dilation([2, 3])
            .with_groups(3),
        ConvShape::new(2, [6, 4], [30, 30], [3, 3])
            .with_padding([1, 1])
            .with_groups(2),
        ConvShape::new(2, [6, 6], [12, 37], [3, 3])
            .with_padding([1, 1])
            .with_groups(6),
        ConvShape::new(2, [3, 6], [12, 11], [5, 3])
            .with_stride([2, 3])
            .with_padding([2, 1])
            .with_dilation([1, 2])
            .with_groups(3),
        ConvShape::new(1, [2, 3], [1, 1], [3, 3]).with_padding([1, 1]),
        ConvShape::new(1, [2, 2], [2, 2], [1, 1]).with_padding([3, 3]),
        ConvShape::new(0, [2, 3], [4, 4], [3, 3]).with_padding([1, 1]),
        ConvShape::new(2, [0, 3], [4, 4], [3, 3]).with_padding([1, 1]),
        ConvShape::new(2, [2, 0], [4, 4], [3, 3]).with_padding([1, 1]),
        ConvShape::new(2, [3, 5], [19], [4])
            .with_stride([3])
            .with_padding([2]),
        ConvShape::new(2, [3, 5], [5, 6, 7], [3, 2, 3])
            .with_stride([2, 1, 2])
            .with_padding([1, 1, 0])
            .with_dilation([1, 2, 1]),
        ConvShape::new(1, [4, 8], [4, 5, 9], [2, 3, 3])
            .with_padding([1, 0, 2])
            .with_groups(4),
    ]
}

fn check<T: Float>(tolerance: f64) {
    for s in shapes() {
        let x = values::<T>(s.batch * s.in_channels * s.in_pixels(), 1);
        let weight = values::<T>(s.out_channels * s.depth(), 2);
        let bias = values::<T>(s.out_channels, 3);
        let grad_out = values::<T>(s.batch * s.out_channels * s.out_pixels(), 4);
        let mut want_out: Vec<f64> = (0..grad_out.len())
            .map(|i| bias[i / s.out_pixels() % s.out_channels].to_f64())
            .collect();
        let mut want_x = vec![0.0f64; x.len()];
        let mut want_weight = vec![0.0f64; weight.len()];
        for_each_product(&s, |i, w, o| {
            want_out[o] += x[i].to_f64() * weight[w].to_f64();
            want_x[i] += grad_out[o].to_f64() * weight[w].to_f64();
            want_weight[w] += x[i].to_f64() * grad_out[o].to_f64();
        });
        let mut want_bias = vec![0.0f64; bias.len()];
        for (i, g) in grad_out.iter().enumerate() {
            want_bias[i / s.out_pixels() % s.out_channels] += g.to_f64();
        }

        let results = with_thread_counts(|| {
            let mut out = vec![T::NAN; grad_out.len()];
            conv_forward(&s, &x, &weight, Some(&bias), &mut out);
            let mut grad_x = vec![T::NAN; x.len()];
            conv_backward_input(&s, &grad_out, &weight, &mut grad_x);
            let mut grad_weight = vec![T::NAN; weight.len()];
            conv_backward_weight(&s, &x, &grad_out, &mut grad_weight);
            let mut grad_bias = vec![T::NAN; bias.len()];
            conv_backward_bias(&s, &grad_out, &mut grad_bias);
            [out, grad_x, grad_weight, grad_bias]
        });
        let wanted = [&want_out, &want_x, &want_weight, &want_bias];
        for (what, (got, want)) in results[0].iter().zip(wanted).enumerate() {
            for (i, (got, want)) in got.iter().zip(want).enumerate() {
                assert!(
                    (got.to_f64() - want).abs() <= tolerance * (1.0 + want.abs()),
                    "{s:?} result {what} at {i}: {got:?} {want}"
                );
            }
        }
        assert!(results.iter().all(|r| *r == results[0]), "{s:?}");

        let mut without = vec![T::NAN; grad_out.len()];
        conv_forward(&s, &x, &weight, None, &mut without);
        for (i, v) in without.iter().enumerate() {
            let bias = bias[i / s.out_pixels() % s.out_channels].to_f64();
            assert!((v.to_f64() + bias - want_out[i]).abs() <= tolerance * 10.0);
        }
    }
}

#[test]
fn all_four_parts_match_a_direct_loop_in_f32() {
    check::<f32>(1e-5);
}

#[test]
fn all_four_parts_match_a_direct_loop_in_f64() {
    check::<f64>(1e-13);
}

#[test]
#[should_panic(expected = "the weight is not [4, 3, 1, 3, 3]")]
fn a_wrong_length_is_refused() {
    let s = shapes()[0];
    conv_forward(
        &s,
        &[0.0f32; 2 * 3 * 72],
        &[0.0; 5],
        None,
        &mut [0.0; 2 * 4 * 72],
    );
}
