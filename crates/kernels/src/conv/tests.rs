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
fn for_each_product(s: &Conv2dShape, mut f: impl FnMut(usize, usize, usize)) {
    let (oh, ow, cin, cout) = (s.out_h(), s.out_w(), s.group_in(), s.group_out());
    for n in 0..s.batch {
        for o in 0..s.out_channels {
            for (y, x) in (0..oh).flat_map(|y| (0..ow).map(move |x| (y, x))) {
                for c in 0..cin {
                    for ky in 0..s.kernel.0 {
                        for kx in 0..s.kernel.1 {
                            let iy = (y * s.stride.0 + ky * s.dilation.0).wrapping_sub(s.padding.0);
                            let ix = (x * s.stride.1 + kx * s.dilation.1).wrapping_sub(s.padding.1);
                            if iy < s.in_h && ix < s.in_w {
                                let channel = o / cout * cin + c;
                                f(
                                    ((n * s.in_channels + channel) * s.in_h + iy) * s.in_w + ix,
                                    ((o * cin + c) * s.kernel.0 + ky) * s.kernel.1 + kx,
                                    ((n * s.out_channels + o) * oh + y) * ow + x,
                                );
                            }
                        }
                    }
                }
            }
        }
    }
}

fn shape(
    [batch, in_channels, in_h, in_w, out_channels]: [usize; 5],
    kernel: (usize, usize),
    stride: (usize, usize),
    padding: (usize, usize),
    dilation: (usize, usize),
    groups: usize,
) -> Conv2dShape {
    Conv2dShape {
        batch,
        in_channels,
        in_h,
        in_w,
        out_channels,
        kernel,
        stride,
        padding,
        dilation,
        groups,
    }
}

fn shapes() -> Vec<Conv2dShape> {
    vec![
        shape([2, 3, 8, 9, 4], (3, 3), (1, 1), (1, 1), (1, 1), 1),
        shape([1, 3, 23, 25, 8], (7, 7), (2, 2), (3, 3), (1, 1), 1),
        shape([3, 8, 7, 7, 20], (3, 3), (1, 1), (1, 1), (1, 1), 1),
        shape([13, 6, 7, 7, 5], (3, 3), (2, 2), (1, 1), (1, 1), 1),
        shape([2, 5, 24, 24, 7], (1, 1), (1, 1), (0, 0), (1, 1), 1),
        shape([5, 5, 6, 6, 7], (1, 1), (1, 1), (0, 0), (1, 1), 1),
        shape([2, 5, 9, 8, 7], (1, 1), (2, 2), (0, 0), (1, 1), 1),
        shape([2, 6, 10, 9, 9], (3, 2), (2, 1), (1, 2), (2, 3), 3),
        shape([2, 6, 30, 30, 4], (3, 3), (1, 1), (1, 1), (1, 1), 2),
        shape([2, 6, 12, 37, 6], (3, 3), (1, 1), (1, 1), (1, 1), 6),
        shape([2, 3, 12, 11, 6], (5, 3), (2, 3), (2, 1), (1, 2), 3),
        shape([1, 2, 1, 1, 3], (3, 3), (1, 1), (1, 1), (1, 1), 1),
        shape([1, 2, 2, 2, 2], (1, 1), (1, 1), (3, 3), (1, 1), 1),
        shape([0, 2, 4, 4, 3], (3, 3), (1, 1), (1, 1), (1, 1), 1),
        shape([2, 0, 4, 4, 3], (3, 3), (1, 1), (1, 1), (1, 1), 1),
        shape([2, 2, 4, 4, 0], (3, 3), (1, 1), (1, 1), (1, 1), 1),
    ]
}

fn check<T: Float>(tolerance: f64) {
    for s in shapes() {
        let x = values::<T>(s.batch * s.in_channels * s.in_plane(), 1);
        let weight = values::<T>(s.out_channels * s.depth(), 2);
        let bias = values::<T>(s.out_channels, 3);
        let grad_out = values::<T>(s.batch * s.out_channels * s.out_plane(), 4);
        let mut want_out: Vec<f64> = (0..grad_out.len())
            .map(|i| bias[i / s.out_plane() % s.out_channels].to_f64())
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
            want_bias[i / s.out_plane() % s.out_channels] += g.to_f64();
        }

        let results = with_thread_counts(|| {
            let mut out = vec![T::NAN; grad_out.len()];
            conv2d_forward(&s, &x, &weight, Some(&bias), &mut out);
            let mut grad_x = vec![T::NAN; x.len()];
            conv2d_backward_input(&s, &grad_out, &weight, &mut grad_x);
            let mut grad_weight = vec![T::NAN; weight.len()];
            conv2d_backward_weight(&s, &x, &grad_out, &mut grad_weight);
            let mut grad_bias = vec![T::NAN; bias.len()];
            conv2d_backward_bias(&s, &grad_out, &mut grad_bias);
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
        conv2d_forward(&s, &x, &weight, None, &mut without);
        for (i, v) in without.iter().enumerate() {
            let bias = bias[i / s.out_plane() % s.out_channels].to_f64();
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
#[should_panic(expected = "the weight is not [4, 3, 3, 3]")]
fn a_wrong_length_is_refused() {
    let s = shapes()[0];
    conv2d_forward(
        &s,
        &[0.0f32; 2 * 3 * 72],
        &[0.0; 5],
        None,
        &mut [0.0; 2 * 4 * 72],
    );
}
