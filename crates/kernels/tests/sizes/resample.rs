//! Resampling of every image size: to twice and half of it, to a few sizes and through wide windows, and
//! the gradients.

use pleach_kernels::Float;
use pleach_kernels::resample::{Resampling, Taps, resample};

use crate::harness::{assert_equal, on_every_isa, whole_numbers};

/// An axis with `taps` neighbours for each element where there is room, around the place that is as far
/// along; the weights are whole numbers.
fn axis<T: Float>(input: usize, output: usize, taps: usize) -> Taps<T> {
    Taps::new(input, output, |i, weights| {
        let first = (i * input / output + 1)
            .saturating_sub(taps.div_ceil(2))
            .min(input - 1);
        let count = taps.min(input - first);
        weights.extend((0..count).map(|k| T::from_f64((1 + (i + k) % 3) as f64)));
        first
    })
}

/// The weights of an axis, as `(output, input, weight)`.
fn entries(input: usize, output: usize, taps: usize) -> Vec<(usize, usize, f64)> {
    let mut all = Vec::new();
    Taps::<f64>::new(input, output, |i, weights| {
        let first = (i * input / output + 1)
            .saturating_sub(taps.div_ceil(2))
            .min(input - 1);
        for k in 0..taps.min(input - first) {
            let weight = (1 + (i + k) % 3) as f64;
            all.push((i, first + k, weight));
            weights.push(weight);
        }
        first
    });
    all
}

fn check<T: Float>(
    planes: usize,
    [height, width]: [usize; 2],
    to: [usize; 2],
    taps: usize,
    case: usize,
) {
    let x = whole_numbers::<T>(planes * height * width, case);
    let (rows, columns) = (entries(height, to[0], taps), entries(width, to[1], taps));
    let mut want = vec![0.0; planes * to[0] * to[1]];
    // Along the rows first, then down the columns.
    let mut between = vec![0.0; height * to[1]];
    for plane in 0..planes {
        between.fill(0.0);
        for y in 0..height {
            for (i, j, w) in &columns {
                between[y * to[1] + i] += w * x[(plane * height + y) * width + j].to_f64();
            }
        }
        for (i, j, w) in &rows {
            for z in 0..to[1] {
                want[(plane * to[0] + i) * to[1] + z] += w * between[j * to[1] + z];
            }
        }
    }
    let (tall, wide) = (
        axis::<T>(height, to[0], taps),
        axis::<T>(width, to[1], taps),
    );
    let mut out = vec![T::NAN; want.len()];
    resample(
        planes,
        &x,
        Resampling::Taps(&tall),
        Resampling::Taps(&wide),
        &mut out,
    );
    let what = ([height, width], to, taps);
    assert_equal("resampling", &what, &out, &want);

    // The gradient of the sum of the outputs times whole numbers.
    let g = whole_numbers::<T>(want.len(), case + 1);
    let mut want = vec![0.0; x.len()];
    for plane in 0..planes {
        between.fill(0.0);
        for (i, j, w) in &rows {
            for z in 0..to[1] {
                between[j * to[1] + z] += w * g[(plane * to[0] + i) * to[1] + z].to_f64();
            }
        }
        for y in 0..height {
            for (i, j, w) in &columns {
                want[(plane * height + y) * width + j] += w * between[y * to[1] + i];
            }
        }
    }
    let (tall, wide) = (tall.transposed(), wide.transposed());
    let mut back = vec![T::NAN; x.len()];
    resample(
        planes,
        &g,
        Resampling::Taps(&tall),
        Resampling::Taps(&wide),
        &mut back,
    );
    assert_equal("the gradient of resampling", &what, &back, &want);
}

#[test]
fn resampling_of_every_image_size_matches_plain_loops() {
    let name = "resample::resampling_of_every_image_size_matches_plain_loops";
    on_every_isa(name, |run| {
        for (kind, taps) in [2, 1, 4, 7].into_iter().enumerate() {
            run.images(kind, [2, 4], |case, [height, width]| {
                let to = match (case / 3 + kind) % 3 {
                    0 => [2 * height, 2 * width],
                    1 => [height.div_ceil(2), width.div_ceil(2)],
                    _ => [1 + height * 7 % 97, 1 + width * 5 % 89],
                };
                match case % 2 {
                    0 => check::<f32>(1 + case % 3, [height, width], to, taps, case),
                    _ => check::<f64>(1 + case % 3, [height, width], to, taps, case),
                }
            });
        }
    });
}
