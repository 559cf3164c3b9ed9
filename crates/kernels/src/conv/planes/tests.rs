use super::super::tests::{for_each_product, values};
use super::*;
use crate::threads::with_thread_counts;

/// Compares all three parts with sums of products in `f64`, on every instruction set.
///
/// The values are below 1/2, and the longest sums here have a few thousand terms, each rounded by
/// half a unit in the last place of a partial sum of less than 30: `tolerance` is about 100 such
/// units. A wrong term is wrong by about 0.1.
fn check<T: Float>(s: &ConvShape, tolerance: f64) {
    let x = values::<T>(s.batch * s.in_channels * s.in_pixels(), 1);
    let weight = values::<T>(s.out_channels * s.depth(), 2);
    let bias = values::<T>(s.out_channels, 3);
    let grad_out = values::<T>(s.batch * s.out_channels * s.out_pixels(), 4);
    let mut want_out: Vec<f64> = (0..grad_out.len())
        .map(|i| bias[i / s.out_pixels() % s.out_channels].to_f64())
        .collect();
    let mut want_x = vec![0.0f64; x.len()];
    let mut want_weight = vec![0.0f64; weight.len()];
    for_each_product(s, |i, w, o| {
        want_out[o] += x[i].to_f64() * weight[w].to_f64();
        want_x[i] += grad_out[o].to_f64() * weight[w].to_f64();
        want_weight[w] += x[i].to_f64() * grad_out[o].to_f64();
    });
    for isa in Isa::available() {
        let results = with_thread_counts(|| {
            let mut out = vec![T::NAN; grad_out.len()];
            forward(isa, s, &x, &weight, Some(&bias), &mut out);
            let mut grad_x = vec![T::NAN; x.len()];
            backward_input(isa, s, &grad_out, &weight, &mut grad_x);
            let mut grad_weight = vec![T::NAN; weight.len()];
            backward_weight(isa, s, &x, &grad_out, &mut grad_weight);
            [out, grad_x, grad_weight]
        });
        for (what, (got, want)) in (results[0].iter())
            .zip([&want_out, &want_x, &want_weight])
            .enumerate()
        {
            for (i, (got, want)) in got.iter().zip(want).enumerate() {
                assert!(
                    (got.to_f64() - want).abs() <= tolerance,
                    "{s:?} {isa:?} result {what} at {i}: {got:?} {want}"
                );
            }
        }
        assert!(results.iter().all(|r| *r == results[0]), "{s:?} {isa:?}");
    }
}

/// Random shapes: any padding, stride and dilation, odd sizes, several outputs for each input.
fn random_shapes(count: usize) -> Vec<ConvShape> {
    let mut state = 7u64;
    let mut below = |n: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % n
    };
    let mut shapes = Vec::new();
    while shapes.len() < count {
        let groups = 1 + below(5);
        let (inputs, outputs) = (
            [1, 1, 1, 2, 3, 4][below(6)],
            [1, 1, 2, 3, 4, 5, 8][below(7)],
        );
        let kernel = [[1, 1], [3, 3], [3, 3], [5, 5], [2, 3], [7, 1]][below(6)];
        let dilation = [1 + below(2), [1, 1, 3][below(3)]];
        let padding = [below(4), below(4)];
        let input = [1 + below(20), 1 + below(40)];
        let fits = (0..2).all(|d| dilation[d] * (kernel[d] - 1) < input[d] + 2 * padding[d]);
        if fits {
            let batch = [0, 1, 1, 3][below(4)];
            let channels = [groups * inputs, groups * outputs];
            let shape = ConvShape::new(batch, channels, input, kernel)
                .with_groups(groups)
                .with_stride([1 + below(3), 1 + below(3)])
                .with_padding(padding)
                .with_dilation(dilation);
            shapes.push(shape);
        }
    }
    shapes
}

#[test]
fn random_shapes_match_a_direct_loop() {
    for s in random_shapes(120) {
        check::<f32>(&s, 1e-4);
        check::<f64>(&s, 1e-13);
    }
}

#[test]
fn the_maps_of_mobile_networks_match_a_direct_loop() {
    for (channels, size, kernel, stride) in [
        (3, 112, 3, 1),
        (3, 112, 3, 2),
        (2, 56, 5, 2),
        (20, 28, 3, 1),
        (20, 14, 3, 1),
        (700, 7, 3, 1),
        (5, 7, 5, 1),
    ] {
        let s = ConvShape::new(2, [channels; 2], [size; 2], [kernel; 2])
            .with_groups(channels)
            .with_stride([stride; 2])
            .with_padding([kernel / 2; 2]);
        check::<f32>(&s, 1e-4);
    }
}

#[test]
fn one_and_three_dimensions_match_a_direct_loop() {
    let line = ConvShape::new(2, [6, 12], [50], [5])
        .with_groups(6)
        .with_padding([3]);
    let volume = ConvShape::new(2, [4, 4], [5, 6, 9], [3, 2, 3])
        .with_groups(2)
        .with_stride([2, 1, 2])
        .with_padding([1, 1, 0]);
    for s in [line, volume] {
        check::<f32>(&s, 1e-4);
        check::<f64>(&s, 1e-13);
    }
}

#[test]
fn phases_of_the_stride_that_no_tap_sees_are_zero() {
    // The input's first rows and columns are one more than those that a tap sees.
    for (input, kernel, stride, padding) in [(17, 1, 16, 11), (33, 2, 16, 9), (5, 1, 4, 3)] {
        let s = ConvShape::new(2, [3, 3], [input; 2], [kernel; 2])
            .with_groups(3)
            .with_stride([stride; 2])
            .with_padding([padding; 2]);
        check::<f32>(&s, 1e-4);
        check::<f64>(&s, 1e-13);
    }
}
