use super::*;
use crate::threads::with_thread_counts;

/// An axis whose elements have up to five neighbours, or none, which never go back.
fn axis(input: usize, output: usize, seed: usize) -> Taps<f32> {
    Taps::new(input, output, |i, weights| {
        let first = (i * input / output.max(1)).min(input);
        let most = (input - first).min(5);
        let last = (first + (i + seed) % 3 + seed % 4).min(first + most);
        let end = ((i + 1) * input / output.max(1))
            .max(last)
            .min(first + most);
        weights.extend((first..end).map(|j| ((i * 31 + j * 17 + seed) % 13) as f32 * 0.25 - 1.0));
        first
    })
}

fn matrix(axis: Resampling<'_, f32>) -> Vec<Vec<f64>> {
    let [input, output] = axis.sizes();
    let row = |i: usize| {
        let mut row = vec![0.0; input];
        match axis {
            Resampling::Keep(_) => row[i] = 1.0,
            Resampling::Taps(taps) => {
                let (first, weights) = taps.of(i);
                for (k, w) in weights.iter().enumerate() {
                    row[first + k] = f64::from(*w);
                }
            }
        }
        row
    };
    (0..output).map(row).collect()
}

#[test]
fn every_plane_is_multiplied_by_the_matrices_of_its_axes() {
    for (planes, [height, out_height], [width, out_width]) in [
        (3, [5, 9], [7, 4]),
        (2, [9, 5], [4, 11]),
        (1, [1, 3], [1, 1]),
        (2, [40, 90], [30, 61]),
        (2, [90, 40], [130, 33]),
        (0, [4, 5], [4, 5]),
    ] {
        let (tall, wide) = (axis(height, out_height, 1), axis(width, out_width, 2));
        let x: Vec<f32> = (0..planes * height * width)
            .map(|i| ((i * 7919) % 101) as f32 * 0.25 - 9.0)
            .collect();
        for (rows, columns) in [
            (Resampling::Taps(&tall), Resampling::Taps(&wide)),
            (Resampling::Keep(height), Resampling::Taps(&wide)),
            (Resampling::Taps(&tall), Resampling::Keep(width)),
            (Resampling::Keep(height), Resampling::Keep(width)),
        ] {
            let (a, b) = (matrix(rows), matrix(columns));
            let mut wanted = Vec::new();
            for plane in 0..planes {
                for a in &a {
                    for b in &b {
                        let mut sum = 0.0;
                        for (y, v) in a.iter().enumerate() {
                            for (z, w) in b.iter().enumerate() {
                                sum += v * w * f64::from(x[(plane * height + y) * width + z]);
                            }
                        }
                        wanted.push(sum);
                    }
                }
            }
            for isa in Isa::available() {
                let results = with_thread_counts(|| {
                    let mut out = vec![f32::NAN; wanted.len()];
                    resample_with(isa, planes, &x, rows, columns, &mut out);
                    out
                });
                for (got, wanted) in results[0].iter().zip(&wanted) {
                    assert!(
                        (f64::from(*got) - wanted).abs() < 1e-3,
                        "{isa:?}: {got} {wanted}"
                    );
                }
                assert!(results.iter().all(|r| *r == results[0]));
            }
        }
    }
}

#[test]
fn the_gradients_table_is_the_transposed_matrix() {
    for (input, output) in [(5, 9), (9, 5), (1, 4), (4, 1), (3, 30), (30, 3), (6, 6)] {
        for seed in 0..4 {
            let taps = axis(input, output, seed);
            let back = taps.transposed();
            let (m, t) = (
                matrix(Resampling::Taps(&taps)),
                matrix(Resampling::Taps(&back)),
            );
            assert_eq!([back.input(), back.output()], [output, input]);
            for (i, row) in m.iter().enumerate() {
                for (j, v) in row.iter().enumerate() {
                    assert_eq!(*v, t[j][i]);
                }
            }
        }
    }
}

#[test]
#[should_panic(expected = "3 neighbours from 2 of 4")]
fn neighbours_beyond_the_axis_are_refused() {
    Taps::new(4, 1, |_, weights: &mut Vec<f32>| {
        weights.extend([1.0; 3]);
        2
    });
}
