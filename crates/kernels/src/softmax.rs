//! Softmax and its logarithm along one axis, forward and backward. Tensors are viewed as
//! `[outer, n, inner]`, and the axis is `n`.

use std::ops::Range;

use crate::float::{of_type, run_math};
use crate::isa::MathLoop;
use crate::math::MulAdd;
use crate::{Float, Isa, for_each_chunk_mut, parallel_for, threads::Disjoint};

pub(crate) mod rows;

use rows::{BackwardRows, LogSoftmaxRows, SoftmaxRows, gradient, term};

/// Columns that are treated together where the axis is not the last one.
const COLUMNS: usize = 256;
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

/// Calls `f(range of elements, that part of the output)` for groups of rows of `n` elements.
pub(crate) fn for_each_rows<T: Send>(
    n: usize,
    out: &mut [T],
    f: impl Fn(Range<usize>, &mut [T]) + Sync,
) {
    if out.is_empty() {
        return;
    }
    let each = (TASK / n).max(1) * n;
    for_each_chunk_mut(out, each, |i, out| {
        f(i * each..i * each + out.len(), out);
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
#[inline(always)]
fn max_and_sum<T: Float, M: MulAdd>(x: Group<'_, T>, n: usize) -> ([T; COLUMNS], [T; COLUMNS]) {
    let mut max = [T::LOWEST; COLUMNS];
    for p in 0..n {
        for (max, v) in max.iter_mut().zip(x.row(p)) {
            *max = if *v > *max { *v } else { *max };
        }
    }
    let mut total = [T::ZERO; COLUMNS];
    for p in 0..n {
        for ((total, max), v) in total.iter_mut().zip(&max).zip(x.row(p)) {
            *total += (*v - *max).exp::<M>();
        }
    }
    (max, total)
}

/// Softmax of a group of columns, or its logarithm.
struct Columns<'a, T, const LOG: bool> {
    x: Group<'a, T>,
    n: usize,
    out: &'a Disjoint<'a, T>,
}

impl<T: Float, const LOG: bool> MathLoop for Columns<'_, T, LOG> {
    #[inline(always)]
    fn run<M: MulAdd>(self) {
        let x = self.x;
        let (max, total) = max_and_sum::<T, M>(x, self.n);
        let factor = total.map(|t| if LOG { t.ln::<M>() } else { T::ONE / t });
        for p in 0..self.n {
            // SAFETY: each call has columns of its own.
            let out = unsafe { self.out.slice(x.first + p * x.inner, x.columns) };
            for (((out, v), max), factor) in out.iter_mut().zip(x.row(p)).zip(&max).zip(&factor) {
                *out = if LOG {
                    *v - *max - *factor
                } else {
                    (*v - *max).exp::<M>() * *factor
                };
            }
        }
    }
}

type Forward<T> = fn(&[T], [usize; 3], &mut [T]);
type Backward<T> = fn([&[T]; 2], [usize; 3], &mut [T]);

/// What is compiled here, once for each float: softmax, and its logarithm.
struct Loops<T: 'static> {
    forward: [Forward<T>; 2],
    backward: [Backward<T>; 2],
}

impl<T: Float> Loops<T> {
    const NEW: Self = Loops {
        forward: [forward::<T, false>, forward::<T, true>],
        backward: [backward::<T, false>, backward::<T, true>],
    };
}

fn loops<T: Float>() -> &'static Loops<T> {
    static F32: Loops<f32> = Loops::NEW;
    static F64: Loops<f64> = Loops::NEW;
    of_type(&F32, &F64)
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
    loops().forward[0](x, [outer, n, inner], out);
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
    loops().forward[1](x, [outer, n, inner], out);
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
    loops().backward[0]([y, grad], [outer, n, inner], grad_x);
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
    loops().backward[1]([y, grad], [outer, n, inner], grad_x);
}

fn forward<T: Float, const LOG: bool>(x: &[T], sizes: [usize; 3], out: &mut [T]) {
    check("softmax", sizes, &[x.len(), out.len()]);
    let isa = Isa::current();
    let [_, n, inner] = sizes;
    if inner == 1 {
        return for_each_rows(n, out, |range, out| {
            let rows = SoftmaxRows {
                x: &x[range],
                n,
                out,
            };
            match LOG {
                true => run_math::<T, _>(isa, LogSoftmaxRows(rows)),
                false => run_math::<T, _>(isa, rows),
            }
        });
    }
    let out = Disjoint::new(out);
    for_each_group(sizes, |first, columns| {
        let x = Group {
            x,
            first,
            inner,
            columns,
        };
        run_math::<T, _>(isa, Columns::<_, LOG> { x, n, out: &out });
    });
}

fn backward<T: Float, const LOG: bool>([y, grad]: [&[T]; 2], sizes: [usize; 3], grad_x: &mut [T]) {
    let lengths = [y.len(), grad.len(), grad_x.len()];
    check("softmax_backward", sizes, &lengths);
    let isa = Isa::current();
    let [_, n, inner] = sizes;
    if inner == 1 {
        return for_each_rows(n, grad_x, |range, out| {
            let rows = BackwardRows::<T, LOG> {
                y: &y[range.clone()],
                grad: &grad[range],
                n,
                out,
            };
            run_math::<T, _>(isa, rows);
        });
    }
    let out = Disjoint::new(grad_x);
    for_each_group(sizes, |first, columns| {
        let group = |x| Group {
            x,
            first,
            inner,
            columns,
        };
        let columns = BackwardColumns::<T, LOG> {
            y: group(y),
            grad: group(grad),
            n,
            out: &out,
        };
        run_math::<T, _>(isa, columns);
    });
}

struct BackwardColumns<'a, T, const LOG: bool> {
    y: Group<'a, T>,
    grad: Group<'a, T>,
    n: usize,
    out: &'a Disjoint<'a, T>,
}

impl<T: Float, const LOG: bool> MathLoop for BackwardColumns<'_, T, LOG> {
    #[inline(always)]
    fn run<M: MulAdd>(self) {
        let (y, grad) = (self.y, self.grad);
        let mut total = [T::ZERO; COLUMNS];
        for p in 0..self.n {
            for ((total, y), g) in total.iter_mut().zip(y.row(p)).zip(grad.row(p)) {
                *total += term::<T, LOG>(*y, *g);
            }
        }
        for p in 0..self.n {
            // SAFETY: each call has columns of its own.
            let out = unsafe { self.out.slice(y.first + p * y.inner, y.columns) };
            let inputs = y.row(p).iter().zip(grad.row(p)).zip(&total);
            for (out, ((y, g), total)) in out.iter_mut().zip(inputs) {
                *out = gradient::<T, M, LOG>(*y, *g, *total);
            }
        }
    }
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
    fn rows_of_f32_are_accurate_and_have_the_same_bits_on_every_set_with_fused_arithmetic() {
        for n in [1, 2, 31, 32, 33, 1000, 5003] {
            let x: Vec<f32> = values(3 * n, 1).iter().map(|v| *v as f32).collect();
            let run = |isa: Isa| {
                let (mut soft, mut log) = (vec![f32::NAN; 3 * n], vec![f32::NAN; 3 * n]);
                let x = &x[..];
                isa.run_math(SoftmaxRows {
                    x,
                    n,
                    out: &mut soft,
                });
                isa.run_math(LogSoftmaxRows(SoftmaxRows {
                    x,
                    n,
                    out: &mut log,
                }));
                (soft, log)
            };
            let results: Vec<_> = Isa::available().into_iter().map(run).collect();
            for fused in &results[1..] {
                assert!(*fused == results[1]);
            }
            let rows = results
                .iter()
                .flat_map(|(soft, log)| soft.chunks(n).zip(log.chunks(n)).enumerate());
            for (row, (soft, log)) in rows {
                let x = &x[row * n..(row + 1) * n];
                let total: f64 = x.iter().map(|v| f64::from(*v).exp()).sum();
                for (v, (soft, log)) in x.iter().zip(soft.iter().zip(log)) {
                    let p = f64::from(*v).exp() / total;
                    // The difference to the maximum, up to 20, is rounded.
                    assert!((f64::from(*soft) - p).abs() <= 3e-6 * p);
                    assert!((f64::from(*log) - p.ln()).abs() <= 1e-6 * (1.0 - p.ln()));
                }
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
