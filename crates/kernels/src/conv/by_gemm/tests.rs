use super::super::tests::{for_each_product, shapes, values};
use super::*;
use crate::threads::with_thread_counts;

/// Compares all three parts, in matrices of at most so many elements, with sums of products in f64.
fn check<T: Float>(s: &ConvShape, largest: usize, tolerance: f64) {
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
    let results = with_thread_counts(|| {
        let mut out = vec![T::NAN; grad_out.len()];
        forward_within(largest, s, &x, &weight, Some(&bias), &mut out);
        let mut grad_x = vec![T::NAN; x.len()];
        backward_input_within(largest, s, &grad_out, &weight, &mut grad_x);
        let mut grad_weight = vec![T::NAN; weight.len()];
        backward_weight_within(largest, s, &x, &grad_out, &mut grad_weight);
        [out, grad_x, grad_weight]
    });
    let wanted = [&want_out, &want_x, &want_weight];
    for ((what, got), want) in (["output", "input's", "weights'"].iter())
        .zip(&results[0])
        .zip(wanted)
    {
        for (i, (got, want)) in got.iter().zip(want).enumerate() {
            assert!(
                (got.to_f64() - want).abs() <= tolerance * (1.0 + want.abs()),
                "{s:?} {what} at {i} with {largest}: {got:?} {want}"
            );
        }
    }
    assert!(results.iter().all(|r| *r == results[0]), "{s:?} {largest}");
}

#[test]
fn a_matrix_in_pieces_has_the_same_product() {
    // Pieces end within channels, between them, and are of one row.
    for s in shapes() {
        if s.batch == 0 || s.in_channels == 0 || s.out_channels == 0 {
            continue;
        }
        let columns = images_at_once(&s) * s.out_pixels();
        for largest in [1, 3 * columns, (s.taps() + 1) * columns, usize::MAX] {
            check::<f32>(&s, largest, 1e-5);
        }
        check::<f64>(&s, s.taps() * columns, 1e-13);
    }
}

#[test]
fn pieces_cover_all_rows_once_and_are_small_enough() {
    for (depth, columns, largest) in [
        (0, 5, 100),
        (1, 5, 0),
        (7, 5, 14),
        (7, 5, 15),
        (100, 3, 50),
        (100, 3, 300),
        (100, 3, usize::MAX),
        (5, usize::MAX, 9),
    ] {
        let all: Vec<_> = pieces(depth, columns, largest).collect();
        assert!(all.iter().map(|p| p.len()).sum::<usize>() == depth);
        assert!(all.windows(2).all(|pair| pair[0].end == pair[1].start));
        assert!(all[0].start == 0 && all[all.len() - 1].end == depth);
        assert!(
            all.iter()
                .all(|p| p.len() <= 1 || p.len() * columns <= largest)
        );
    }
}

#[test]
fn layers_of_real_networks_are_multiplied_in_one_piece() {
    for s in [
        // The last stage of a residual network.
        ConvShape::new(64, [512, 512], [2, 2], [3, 3]).with_padding([1, 1]),
        ConvShape::new(1, [256, 512], [3, 3], [3, 3])
            .with_stride([2, 2])
            .with_padding([1, 1]),
        ConvShape::new(8, [2048, 512], [3, 3], [1, 1]),
        // Groups of few channels.
        ConvShape::new(4, [32, 256], [56, 56], [3, 3])
            .with_padding([1, 1])
            .with_groups(4),
    ] {
        let columns = images_at_once(&s) * s.out_pixels();
        assert_eq!(
            pieces(s.depth(), columns, largest_matrix(&s)).count(),
            1,
            "{s:?}"
        );
    }
}
