//! Softmax and its logarithm along one axis, forward and backward. Tensors are viewed as
//! `[outer, n, inner]`, and the axis is `n`.

use crate::{Buffer, Float, parallel_for, sum, threads::Disjoint};

/// Columns that are treated together where the axis is not the last one.
const COLUMNS: usize = 64;
/// Elements that one thread takes at least.
const TASK: usize = 1 << 13;

fn check(name: &str, sizes: [usize; 3], lengths: &[usize]) {
    let wanted = sizes.iter().try_fold(1usize, |p, s| p.checked_mul(*s));
    for len in lengths {
        assert_eq!(
            Some(*len),
            wanted,
            "{name}: {len} elements are not {sizes:?}"
        );
    }
}

/// Calls `f(first element, columns)` for every group of columns: column j of a group has the
/// elements `first + j + p * inner` for p in 0..n.
fn for_each_group([outer, n, inner]: [usize; 3], f: impl Fn(usize, usize) + Sync) {
    if outer * n * inner == 0 {
        return;
    }
    let groups = inner.div_ceil(COLUMNS);
    let each = (TASK / (n * inner.min(COLUMNS))).max(1);
    let total = outer * groups;
    parallel_for(total.div_ceil(each), |task| {
        for i in task * each..total.min((task + 1) * each) {
            let column = i % groups * COLUMNS;
            f(i / groups * n * inner + column, COLUMNS.min(inner - column));
        }
    });
}

/// A group of columns of a slice that is read.
#[derive(Copy, Clone)]
struct Group<'a, T> {
    x: &'a [T],
    first: usize,
    inner: usize,
    columns: usize,
}

impl<'a, T> Group<'a, T> {
    #[inline(always)]
    fn row(&self, p: usize) -> &'a [T] {
        &self.x[self.first + p * self.inner..][..self.columns]
    }
}

/// The maximum of each column, and the sum of `exp(x - maximum)`.
fn max_and_sum<T: Float>(x: Group<'_, T>, n: usize) -> ([T; COLUMNS], [T; COLUMNS]) {
    let mut max = [T::NEG_INFINITY; COLUMNS];
    for p in 0..n {
        for (max, v) in max.iter_mut().zip(x.row(p)) {
            *max = if *v > *max { *v } else { *max };
        }
    }
    let mut total = [T::ZERO; COLUMNS];
    for p in 0..n {
        for ((total, max), v) in total.iter_mut().zip(&max).zip(x.row(p)) {
            *total += (*v - *max).exp();
        }
    }
    (max, total)
}

/// `out = exp(x) / sum of exp(x)` along the axis, computed from `x - max(x)`.
///
/// ```
/// let mut out = [0.0f64; 2];
/// pleach_kernels::softmax(&[1000.0, 1000.0], 1, 2, 1, &mut out);
/// assert_eq!(out, [0.5, 0.5]);
/// ```
///
/// # Panics
/// If a length is not `outer * n * inner`.
pub fn softmax<T: Float>(x: &[T], outer: usize, n: usize, inner: usize, out: &mut [T]) {
    check("softmax", [outer, n, inner], &[x.len(), out.len()]);
    let out = Disjoint::new(out);
    for_each_group([outer, n, inner], |first, columns| {
        if inner == 1 {
            // SAFETY: each call has rows of its own.
            let out = unsafe { out.slice(first, n) };
            let x = &x[first..first + n];
            let max = row_max(x);
            for (out, v) in out.iter_mut().zip(x) {
                *out = (*v - max).exp();
            }
            let scale = T::ONE / sum(out);
            for out in out {
                *out *= scale;
            }
            return;
        }
        let x = Group {
            x,
            first,
            inner,
            columns,
        };
        let (max, total) = max_and_sum(x, n);
        let scale = total.map(|t| T::ONE / t);
        for p in 0..n {
            // SAFETY: each call has columns of its own.
            let out = unsafe { out.slice(first + p * inner, columns) };
            for (((out, v), max), scale) in out.iter_mut().zip(x.row(p)).zip(&max).zip(&scale) {
                *out = (*v - *max).exp() * *scale;
            }
        }
    });
}

/// `out = x - log(sum of exp(x))` along the axis, computed from `x - max(x)`.
///
/// ```
/// let mut out = [0.0f64; 2];
/// pleach_kernels::log_softmax(&[1000.0, 1000.0], 1, 2, 1, &mut out);
/// assert_eq!(out, [-2f64.ln(); 2]);
/// ```
///
/// # Panics
/// If a length is not `outer * n * inner`.
pub fn log_softmax<T: Float>(x: &[T], outer: usize, n: usize, inner: usize, out: &mut [T]) {
    check("log_softmax", [outer, n, inner], &[x.len(), out.len()]);
    let out = Disjoint::new(out);
    for_each_group([outer, n, inner], |first, columns| {
        if inner == 1 {
            // SAFETY: each call has rows of its own.
            let out = unsafe { out.slice(first, n) };
            let x = &x[first..first + n];
            let max = row_max(x);
            for (out, v) in out.iter_mut().zip(x) {
                *out = (*v - max).exp();
            }
            let log = sum(out).ln();
            for (out, v) in out.iter_mut().zip(x) {
                *out = *v - max - log;
            }
            return;
        }
        let x = Group {
            x,
            first,
            inner,
            columns,
        };
        let (max, total) = max_and_sum(x, n);
        let log = total.map(T::ln);
        for p in 0..n {
            // SAFETY: each call has columns of its own.
            let out = unsafe { out.slice(first + p * inner, columns) };
            for (((out, v), max), log) in out.iter_mut().zip(x.row(p)).zip(&max).zip(&log) {
                *out = *v - *max - *log;
            }
        }
    });
}

fn row_max<T: Float>(x: &[T]) -> T {
    x.iter()
        .fold(T::NEG_INFINITY, |max, v| if *v > max { *v } else { max })
}

/// The sum of `f(y, grad)` along the axis, for each column of a group.
fn sums<T: Float>(
    y: Group<'_, T>,
    grad: Group<'_, T>,
    n: usize,
    f: impl Fn(T, T) -> T,
) -> [T; COLUMNS] {
    let mut total = [T::ZERO; COLUMNS];
    if y.inner == 1 {
        let mut values = Buffer::<T>::new(n);
        for ((v, y), g) in values
            .iter_mut()
            .zip(&y.x[y.first..])
            .zip(&grad.x[grad.first..])
        {
            *v = f(*y, *g);
        }
        total[0] = sum(&values);
        return total;
    }
    for p in 0..n {
        for ((total, y), g) in total.iter_mut().zip(y.row(p)).zip(grad.row(p)) {
            *total += f(*y, *g);
        }
    }
    total
}

/// `grad_x = finish(y, grad, sum of term(y, grad) along the axis)`.
fn backward<T: Float>(
    y: &[T],
    grad: &[T],
    sizes: [usize; 3],
    grad_x: &mut [T],
    term: impl Fn(T, T) -> T + Sync,
    finish: impl Fn(T, T, T) -> T + Sync,
) {
    let [_, n, inner] = sizes;
    let out = Disjoint::new(grad_x);
    for_each_group(sizes, |first, columns| {
        let y = Group {
            x: y,
            first,
            inner,
            columns,
        };
        let grad = Group {
            x: grad,
            first,
            inner,
            columns,
        };
        let total = sums(y, grad, n, &term);
        if inner == 1 {
            // SAFETY: each call has rows of its own.
            let out = unsafe { out.slice(first, n) };
            for ((out, y), g) in out.iter_mut().zip(&y.x[first..]).zip(&grad.x[first..]) {
                *out = finish(*y, *g, total[0]);
            }
            return;
        }
        for p in 0..n {
            // SAFETY: each call has columns of its own.
            let out = unsafe { out.slice(first + p * inner, columns) };
            let inputs = y.row(p).iter().zip(grad.row(p)).zip(&total);
            for (out, ((y, g), total)) in out.iter_mut().zip(inputs) {
                *out = finish(*y, *g, *total);
            }
        }
    });
}

/// The gradient of [`softmax`]: `grad_x = y * (grad - sum of y * grad along the axis)`, where `y`
/// is the softmax.
///
/// # Panics
/// If a length is not `outer * n * inner`.
pub fn softmax_backward<T: Float>(
    y: &[T],
    grad: &[T],
    outer: usize,
    n: usize,
    inner: usize,
    grad_x: &mut [T],
) {
    let sizes = [outer, n, inner];
    check(
        "softmax_backward",
        sizes,
        &[y.len(), grad.len(), grad_x.len()],
    );
    backward(
        y,
        grad,
        sizes,
        grad_x,
        |y, g| y * g,
        |y, g, total| y * (g - total),
    );
}

/// The gradient of [`log_softmax`]: `grad_x = grad - exp(y) * sum of grad along the axis`, where
/// `y` is the logarithm of the softmax.
///
/// # Panics
/// If a length is not `outer * n * inner`.
pub fn log_softmax_backward<T: Float>(
    y: &[T],
    grad: &[T],
    outer: usize,
    n: usize,
    inner: usize,
    grad_x: &mut [T],
) {
    let sizes = [outer, n, inner];
    check(
        "log_softmax_backward",
        sizes,
        &[y.len(), grad.len(), grad_x.len()],
    );
    backward(
        y,
        grad,
        sizes,
        grad_x,
        |_, g| g,
        |y, g, total| g - y.exp() * total,
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::threads::with_thread_counts;

    fn values(len: usize, seed: usize) -> Vec<f64> {
        (0..len)
            .map(|i| ((i * 7919 + seed * 31) % 1009) as f64 * 0.02 - 10.0)
            .collect()
    }

    #[test]
    fn all_four_match_their_formulas() {
        let shapes = [
            (0, 3, 1),
            (2, 0, 3),
            (1, 1, 1),
            (5, 10, 1),
            (3, 1000, 1),
            (2, 21, 300),
            (1, 7, 64),
            (4, 3, 2),
            (2000, 10, 1),
        ];
        for (outer, n, inner) in shapes {
            let len = outer * n * inner;
            let (x, grad) = (values(len, 0), values(len, 5));
            let along = |i: usize| {
                let start = i / (n * inner) * n * inner + i % inner;
                (0..n).map(move |p| start + p * inner)
            };
            let results = with_thread_counts(|| {
                let mut r = [(); 4].map(|_| vec![f64::NAN; len]);
                softmax(&x, outer, n, inner, &mut r[0]);
                log_softmax(&x, outer, n, inner, &mut r[1]);
                let [y, log_y, grad_y, grad_log] = &mut r;
                softmax_backward(y, &grad, outer, n, inner, grad_y);
                log_softmax_backward(log_y, &grad, outer, n, inner, grad_log);
                r
            });
            assert!(results.iter().all(|r| *r == results[0]));
            let [y, log_y, grad_y, grad_log] = &results[0];
            for i in 0..len {
                let max = along(i).map(|j| x[j]).fold(f64::MIN, f64::max);
                let total: f64 = along(i).map(|j| (x[j] - max).exp()).sum();
                let p = |j: usize| (x[j] - max).exp() / total;
                let mean_grad: f64 = along(i).map(|j| p(j) * grad[j]).sum();
                let sum_grad: f64 = along(i).map(|j| grad[j]).sum();
                let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-9, "{a} {b}");
                close(y[i], p(i));
                close(log_y[i], x[i] - max - total.ln());
                close(grad_y[i], p(i) * (grad[i] - mean_grad));
                close(grad_log[i], grad[i] - p(i) * sum_grad);
            }
        }
    }

    #[test]
    fn large_and_infinite_inputs_are_handled() {
        let x = [1e4f32, f32::NEG_INFINITY, -1e4];
        for inner in [1, 2] {
            let x: Vec<f32> = x.iter().flat_map(|v| vec![*v; inner]).collect();
            let mut out = vec![0.0; x.len()];
            softmax(&x, 1, 3, inner, &mut out);
            assert_eq!((out[0], out[inner], out[2 * inner]), (1.0, 0.0, 0.0));
            log_softmax(&x, 1, 3, inner, &mut out);
            assert_eq!((out[0], out[inner]), (0.0, f32::NEG_INFINITY));
        }
    }
}
