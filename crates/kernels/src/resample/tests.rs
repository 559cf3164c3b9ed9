use super::*;
use crate::threads::with_thread_counts;

/// An axis whose elements have up to five neighbours, which never go back, or none.
fn axis(input: usize, output: usize, seed: usize) -> Taps<f32> {
    Taps::new(input, output, |i, weights| {
        let first = (i * input / output.max(1)).min(input);
        let most = (input - first).min(5);
        let last = (first + (i + seed) % 3 + seed % 4).min(first + most);
        let end = ((i + 1) * input / output.max(1))
            .max(last)
            .min(first + most);
        weights.extend((first..end).map(|j| ((i * 31 + j * 17 + seed) % 13) as f32 * 0.25 - 1.0));
        if first < end { first } else { 0 }
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
        // More rows than a task has.
        (1, [230, 700], [20, 50]),
        (0, [4, 5], [4, 5]),
    ] {
        let (tall, wide) = (axis(height, out_height, 4), axis(width, out_width, 8));
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

/// An axis on which all elements have as many neighbours, where there is room.
fn even_axis<T: Float>(input: usize, output: usize, neighbours: usize) -> Taps<T> {
    let count = neighbours.min(input);
    Taps::new(input, output, |i, weights| {
        weights.extend((0..count).map(|k| T::from_f64(0.3 + 0.11 * ((i + k) % 7) as f64)));
        (i * input / output).min(input - count)
    })
}

#[test]
fn planes_of_the_same_elements_have_the_same_bits_on_every_instruction_set() {
    fn check<T: Float>() {
        // What vectors compute, what is too short for them, and what they do not reach.
        for ([height, out_height], [width, out_width]) in [
            ([7, 14], [7, 14]),
            ([5, 5], [3, 30]),
            ([28, 56], [28, 57]),
            ([20, 30], [41, 61]),
            ([30, 11], [30, 45]),
            ([9, 40], [70, 33]),
        ] {
            for neighbours in [1, 2, 3, 4, 6] {
                let tall = even_axis::<T>(height, out_height, neighbours);
                let wide = even_axis::<T>(width, out_width, neighbours);
                let plane: Vec<T> = (0..height * width)
                    .map(|i| T::from_f64(((i * 7919) % 101) as f64 * 0.37 - 9.1))
                    .collect();
                let x = plane.repeat(3);
                let sum = |taps: &Taps<T>, i: usize, of: &dyn Fn(usize) -> T| {
                    let (first, weights) = taps.of(i);
                    let products = weights.iter().enumerate();
                    products.fold(-T::ZERO, |sum, (k, w)| sum + of(first + k) * *w)
                };
                // In the order that has less between.
                let mut wanted = Vec::new();
                for i in 0..out_height {
                    for j in 0..out_width {
                        let at = |y: usize, z: usize| plane[y * width + z];
                        wanted.push(match height <= out_height {
                            true => sum(&tall, i, &|y| sum(&wide, j, &|z| at(y, z))),
                            false => sum(&wide, j, &|z| sum(&tall, i, &|y| at(y, z))),
                        });
                    }
                }
                let wanted = wanted.repeat(3);
                let (rows, columns) = (Resampling::Taps(&tall), Resampling::Taps(&wide));
                for isa in Isa::available() {
                    let mut out = vec![T::NAN; wanted.len()];
                    resample_with(isa, 3, &x, rows, columns, &mut out);
                    let sizes = [height, out_height, width, out_width];
                    assert!(out == wanted, "{isa:?} {sizes:?} {neighbours}");
                }
            }
        }
    }
    check::<f32>();
    check::<f64>();
}

#[test]
fn copies_are_copies() {
    let taps = even_axis::<f32>(9, 20, 1);
    let ones = Taps::new(9, 20, |i, weights| {
        weights.push(1.0);
        taps.of(i).0
    });
    let mut x = vec![-0.0; 81];
    (x[3], x[40], x[80]) = (f32::INFINITY, f32::NAN, f32::NEG_INFINITY);
    for isa in Isa::available() {
        let mut out = vec![1.0; 400];
        let axis = Resampling::Taps(&ones);
        resample_with(isa, 1, &x, axis, axis, &mut out);
        for (i, v) in out.iter().enumerate() {
            let from = x[ones.of(i / 20).0 * 9 + ones.of(i % 20).0];
            assert_eq!(v.to_bits(), from.to_bits(), "{isa:?} {i}");
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
