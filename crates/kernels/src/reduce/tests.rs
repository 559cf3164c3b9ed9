use super::moments::moments_with;
use super::sum::{sum_axis_with, sum_with};
use super::*;
use crate::Isa;
use crate::threads::with_thread_counts;

fn values(len: usize) -> Vec<f32> {
    let mut state = 12345u32;
    (0..len)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 24) as f32 - 0.3
        })
        .collect()
}

fn naive(x: &[f32], outer: usize, n: usize, inner: usize) -> Vec<f64> {
    let at = |o, p, i| x[(o * n + p) * inner + i] as f64;
    (0..outer * inner)
        .map(|j| (0..n).map(|p| at(j / inner, p, j % inner)).sum())
        .collect()
}

#[test]
fn sums_are_accurate_and_the_same_on_all_threads_and_instruction_sets() {
    for len in [
        0, 1, 2, 15, 16, 63, 64, 65, 4095, 4096, 4097, 70_000, 131_072, 1_000_003,
    ] {
        let x = values(len);
        let exact: f64 = x.iter().map(|v| *v as f64).sum();
        let sums = with_thread_counts(|| sum(&x));
        assert!(
            (sums[0] as f64 - exact).abs() <= 1e-6 * (1.0 + exact.abs()),
            "{len}"
        );
        assert!(sums.iter().all(|s| s.to_bits() == sums[0].to_bits()));
        for isa in Isa::available() {
            assert_eq!(
                sum_with(isa, &x).to_bits(),
                sums[0].to_bits(),
                "{len} {isa:?}"
            );
        }
    }
}

#[test]
fn axis_sums_match_a_naive_loop_in_every_shape() {
    let shapes = [
        (0, 3, 4),
        (3, 0, 4),
        (3, 4, 0),
        (1, 1, 1),
        (5, 7, 1),
        (2, 100, 3),
        (3, 65, 64),
        (4, 5000, 1),
        (1, 9000, 130),
        (1, 300_000, 1),
        (2, 20_000, 5),
        (300, 11, 70),
        (1, 2, 100_003),
        (100_000, 3, 1),
        (1, 70_000, 2),
    ];
    for (outer, n, inner) in shapes {
        let x = values(outer * n * inner);
        let expected = naive(&x, outer, n, inner);
        let results = with_thread_counts(|| {
            let mut out = vec![f32::NAN; outer * inner];
            sum_axis(&x, outer, n, inner, &mut out);
            out
        });
        for (got, want) in results[0].iter().zip(&expected) {
            assert!(
                (*got as f64 - want).abs() <= 1e-6 * (1.0 + want.abs()) * 4.0,
                "{outer} {n} {inner}: {got} {want}"
            );
        }
        assert!(results.iter().all(|r| r == &results[0]));
        for isa in Isa::available() {
            let mut out = vec![f32::NAN; outer * inner];
            sum_axis_with(isa, &x, outer, n, inner, &mut out);
            assert_eq!(out, results[0], "{outer} {n} {inner} {isa:?}");
        }
    }
}

#[test]
fn folds_and_extremes_match_a_naive_loop() {
    for (outer, n, inner) in [
        (0, 2, 2),
        (1, 1, 1),
        (7, 9, 1),
        (3, 5, 7),
        (2, 3, 600),
        (1, 40_000, 3),
        (9000, 17, 1),
    ] {
        let x = values(outer * n * inner);
        let at = |j: usize, p: usize| x[(j / inner * n + p) * inner + j % inner];
        with_thread_counts(|| {
            let mut max = vec![0.0f64; outer * inner];
            fold_axis(&x, outer, n, inner, &mut max, f64::MIN, |a: f64, v: f32| {
                a.max(v as f64)
            });
            let mut best = vec![0.0f32; outer * inner];
            let mut index = vec![-1i64; outer * inner];
            arg_extreme_axis(&x, outer, n, inner, &mut best, &mut index, |a, b| a > b);
            for j in 0..outer * inner {
                let mut want = 0;
                for p in 1..n {
                    if at(j, p) > at(j, want) {
                        want = p;
                    }
                }
                assert_eq!(index[j], want as i64);
                assert_eq!(best[j], at(j, want));
                assert_eq!(max[j], at(j, want) as f64);
            }
        });
    }
}

#[test]
fn an_empty_axis_folds_to_the_initial_value() {
    let mut out = [5i64; 6];
    fold_axis(&[] as &[i64], 2, 0, 3, &mut out, 1, |a, v| a * v);
    assert_eq!(out, [1; 6]);
    let x: [f32; 0] = [];
    arg_extreme_axis(&x, 0, 0, 3, &mut [], &mut [], |a, b| a > b);
}

#[test]
#[should_panic(expected = "the input is not [2, 3, 1]")]
fn a_wrong_length_is_refused() {
    sum_axis(&[1.0f32; 5], 2, 3, 1, &mut [0.0; 2]);
}

#[test]
fn moments_match_a_naive_loop_on_all_threads_and_instruction_sets() {
    let shapes = [
        (3, 4, 0),
        (1, 1, 1),
        (5, 7, 1),
        (2, 100, 3),
        (3, 65, 64),
        (1, 300, 130),
        (1, 200_001, 1),
        (2, 70_000, 2),
        (1, 5000, 70),
        (4000, 17, 1),
    ];
    for (outer, n, inner) in shapes {
        let x = values(outer * n * inner);
        let run = |isa: Isa| {
            let (mut mean, mut squares) = (vec![9.0; outer * inner], vec![9.0; outer * inner]);
            moments_with(isa, &x, [outer, n, inner], &mut mean, &mut squares);
            (mean, squares)
        };
        let results = with_thread_counts(|| run(Isa::current()));
        let sums = naive(&x, outer, n, inner);
        for j in 0..outer * inner {
            let want = sums[j] / n as f64;
            let at = |p: usize| x[(j / inner * n + p) * inner + j % inner] as f64;
            let squares: f64 = (0..n).map(|p| (at(p) - want).powi(2)).sum();
            let (got_mean, got_squares) = (results[0].0[j], results[0].1[j]);
            assert!((got_mean - want).abs() < 1e-12, "{outer} {n} {inner}");
            assert!((got_squares - squares).abs() <= 1e-10 * (1.0 + squares));
        }
        assert!(results.iter().all(|r| *r == results[0]));
        for isa in Isa::available() {
            assert_eq!(run(isa), results[0], "{outer} {n} {inner} {isa:?}");
        }
    }
}

#[test]
fn equal_values_have_no_deviations() {
    for (n, inner) in [(7, 1), (3, 5), (4097, 1), (140_001, 1), (70_000, 3)] {
        let (mut mean, mut squares) = (vec![9.0; inner], vec![9.0; inner]);
        moments_axis(
            &vec![0.01f64; n * inner],
            1,
            n,
            inner,
            &mut mean,
            &mut squares,
        );
        assert!(mean.iter().all(|m| *m == 0.01) && squares.iter().all(|s| *s == 0.0));
        moments_axis(
            &vec![0.1f32; n * inner],
            1,
            n,
            inner,
            &mut mean,
            &mut squares,
        );
        assert!(mean.iter().all(|m| *m == 0.1f32 as f64) && squares.iter().all(|s| *s == 0.0));
    }
}

#[test]
fn running_values_go_along_the_axis_or_against_it() {
    for (outer, n, inner) in [
        (0, 2, 2),
        (2, 0, 3),
        (1, 3808, 1),
        (3000, 70, 1),
        (3, 500, 70),
        (2, 9, 200),
    ] {
        let x = values(outer * n * inner);
        for reverse in [false, true] {
            let results = with_thread_counts(|| {
                let mut out = vec![9.0f32; x.len()];
                let add = |sum: f64, v: f32, p: usize| {
                    let sum = sum + f64::from(v);
                    (sum, (sum + p as f64) as f32)
                };
                scan_axis(&x, [outer, n, inner], reverse, &mut out, 0.0, add);
                out
            });
            assert!(results.iter().all(|r| *r == results[0]));
            for (o, i) in (0..outer).flat_map(|o| (0..inner).map(move |i| (o, i))) {
                let mut sum = 0.0f64;
                for p in 0..n {
                    let p = if reverse { n - 1 - p } else { p };
                    let at = (o * n + p) * inner + i;
                    sum += f64::from(x[at]);
                    assert_eq!(results[0][at], (sum + p as f64) as f32);
                }
            }
        }
    }
}
