//! Sums, folds, extreme values and softmax along axes of every length from 1 to 300.

use pleach_kernels::{
    Float, arg_extreme_axis, fold_axis, log_softmax, log_softmax_backward, softmax,
    softmax_backward, sum, sum_axis,
};

use crate::harness::{assert_close, assert_equal, in_f64, on_every_isa, whole_numbers};

/// The columns of `[outer, n, inner]`, in the order of the results of a reduction.
fn columns(x: &[f64], [outer, n, inner]: [usize; 3]) -> Vec<Vec<f64>> {
    let columns = (0..outer).flat_map(|o| (0..inner).map(move |i| o * n * inner + i));
    columns
        .map(|first| (0..n).map(|p| x[first + p * inner]).collect())
        .collect()
}

/// Checks all reductions along an axis.
fn check<T: Float>(sizes: [usize; 3], case: usize) {
    let [outer, n, inner] = sizes;
    let x = whole_numbers::<T>(outer * n * inner, case);
    let columns = columns(&in_f64(&x), sizes);
    let mut out = vec![T::NAN; outer * inner];
    sum_axis(&x, outer, n, inner, &mut out);
    let want: Vec<f64> = columns.iter().map(|c| c.iter().sum()).collect();
    assert_equal("sums", &sizes, &out, &want);
    assert_equal("sum", &sizes, &[sum(&x)], &[want.iter().sum()]);

    fold_axis(&x, outer, n, inner, &mut out, T::HIGHEST, |a, v: T| {
        if v < a { v } else { a }
    });
    let least = |c: &Vec<f64>| c.iter().copied().fold(f64::INFINITY, f64::min);
    let want: Vec<f64> = columns.iter().map(least).collect();
    assert_equal("folds", &sizes, &out, &want);

    let mut places = vec![-1; out.len()];
    arg_extreme_axis(&x, outer, n, inner, &mut out, &mut places, |new, best| {
        new > best
    });
    for ((column, out), place) in columns.iter().zip(&out).zip(&places) {
        let top = column.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let first = column.iter().position(|v| *v == top);
        assert_eq!(
            (out.to_f64(), Some(*place as usize)),
            (top, first),
            "{sizes:?}"
        );
    }
}

/// Checks softmax and its logarithm, and their gradients.
fn check_softmax<T: Float>(sizes: [usize; 3], case: usize, tolerance: f64) {
    let [outer, n, inner] = sizes;
    let x = whole_numbers::<T>(outer * n * inner, case);
    let grad = whole_numbers::<T>(x.len(), case + 1);
    let mut want = [(); 4].map(|()| vec![0.0; x.len()]);
    let both = columns(&in_f64(&x), sizes)
        .into_iter()
        .zip(columns(&in_f64(&grad), sizes));
    for (i, (x, grad)) in both.enumerate() {
        let log_sum = x.iter().map(|v| v.exp()).sum::<f64>().ln();
        let soft: Vec<f64> = x.iter().map(|v| (v - log_sum).exp()).collect();
        let dot: f64 = soft.iter().zip(&grad).map(|(y, g)| y * g).sum();
        let total: f64 = grad.iter().sum();
        for p in 0..n {
            let at = (i / inner * n + p) * inner + i % inner;
            want[0][at] = soft[p];
            want[1][at] = x[p] - log_sum;
            want[2][at] = soft[p] * (grad[p] - dot);
            want[3][at] = grad[p] - soft[p] * total;
        }
    }
    let mut got = [(); 4].map(|()| vec![T::NAN; x.len()]);
    let [soft, log, soft_grad, log_grad] = &mut got;
    softmax(&x, outer, n, inner, soft);
    log_softmax(&x, outer, n, inner, log);
    softmax_backward(soft, &grad, outer, n, inner, soft_grad);
    log_softmax_backward(log, &grad, outer, n, inner, log_grad);
    for (i, (got, want)) in got.iter().zip(&want).enumerate() {
        assert_close(&format!("softmax {i}"), &sizes, got, want, tolerance);
    }
}

#[test]
fn reductions_of_every_length_match_plain_loops() {
    let name = "reduce::reductions_of_every_length_match_plain_loops";
    on_every_isa(name, |run| {
        run.images(0, [1, 1], |case, [n, inner]| {
            for (outer, inner) in [(1, inner), (2 + case % 4, 1), (3, 1 + inner % 5)] {
                match case / 3 % 3 {
                    0 => check::<f64>([outer, n, inner], case),
                    _ => check::<f32>([outer, n, inner], case),
                }
            }
        });
    });
}

#[test]
fn softmax_of_every_length_matches_plain_loops() {
    let name = "reduce::softmax_of_every_length_matches_plain_loops";
    on_every_isa(name, |run| {
        run.images(0, [1, 1], |case, [n, inner]| {
            for (outer, inner) in [(1, inner), (2 + case % 4, 1), (3, 1 + inner % 5)] {
                match case / 3 % 3 {
                    0 => check_softmax::<f64>([outer, n, inner], case, 1e-12),
                    _ => check_softmax::<f32>([outer, n, inner], case, 1e-5),
                }
            }
        });
    });
}
