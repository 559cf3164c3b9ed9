//! Folds with any operation, and the places of extreme values.

use super::{LANES, check_axis, for_each_run, outputs_per_task};
use crate::{Isa, Loop, Plain, for_each_chunk_mut, parallel_for, threads::Disjoint};

struct AxisFold<'a, T, A, F> {
    x: &'a [T],
    n: usize,
    inner: usize,
    start: usize,
    out: &'a mut [A],
    init: A,
    f: F,
}

impl<T: Plain, A: Plain, F: Fn(A, T) -> A> Loop for AxisFold<'_, T, A, F> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let AxisFold {
            x,
            n,
            inner,
            start,
            out,
            init,
            f,
        } = self;
        if inner == 1 {
            // Four rows side by side hide the latency of `f`.
            let (fours, rest) = out.as_chunks_mut::<4>();
            let mut row = start;
            for out in fours {
                let rows: [&[T]; 4] = std::array::from_fn(|r| &x[(row + r) * n..][..n]);
                let mut acc = [init; 4];
                let [a, b, c, d] = rows;
                for (((a, b), c), d) in a.iter().zip(b).zip(c).zip(d) {
                    acc = [f(acc[0], *a), f(acc[1], *b), f(acc[2], *c), f(acc[3], *d)];
                }
                *out = acc;
                row += 4;
            }
            for out in rest {
                *out = x[row * n..][..n].iter().fold(init, |acc, v| f(acc, *v));
                row += 1;
            }
            return;
        }
        for_each_run(start, out.len(), inner, |o, column, at, width| {
            for (i, out) in out[at..at + width].chunks_mut(4 * LANES).enumerate() {
                out.fill(init);
                let first = o * n * inner + column + i * 4 * LANES;
                for p in 0..n {
                    for (a, v) in out.iter_mut().zip(&x[first + p * inner..]) {
                        *a = f(*a, *v);
                    }
                }
            }
        });
    }
}

/// Folds along an axis: `x` is `[outer, n, inner]`, `out` becomes `[outer, inner]`, each element
/// `f(..f(f(init, x0), x1).., xn)` in the order of the axis.
///
/// ```
/// let mut out = [0i64; 2];
/// let x = [3, 9, 4, 1, 5, 2];
/// pleach_kernels::fold_axis(&x, 2, 3, 1, &mut out, i64::MIN, |a, v: i64| a.max(v));
/// assert_eq!(out, [9, 5]);
/// ```
///
/// # Panics
/// If the lengths do not fit the shape.
pub fn fold_axis<T: Plain, A: Plain>(
    x: &[T],
    outer: usize,
    n: usize,
    inner: usize,
    out: &mut [A],
    init: A,
    f: impl Fn(A, T) -> A + Sync + Copy,
) {
    check_axis("fold_axis", x.len(), outer, n, inner, out.len());
    let isa = Isa::current();
    let chunk = outputs_per_task(n);
    for_each_chunk_mut(out, chunk, |i, out| {
        isa.run(AxisFold {
            x,
            n,
            inner,
            start: i * chunk,
            out,
            init,
            f,
        });
    });
}

/// The extreme values along an axis, and where they are: `x` is `[outer, n, inner]`, `values` and
/// `indices` become `[outer, inner]`.
///
/// Going along the axis, a candidate replaces the best so far if `better(candidate, best)`; so
/// the first of equal values is kept if `better` is strict, and `better` decides about nan.
///
/// ```
/// let (mut values, mut indices) = ([0.0f32], [0i64]);
/// let x = [1.0, 7.0, 7.0, 2.0];
/// pleach_kernels::arg_extreme_axis(&x, 1, 4, 1, &mut values, &mut indices, |new, best| new > best);
/// assert_eq!((values, indices), ([7.0], [1]));
/// ```
///
/// # Panics
/// If the lengths do not fit the shape, or if there are outputs but `n` is 0.
pub fn arg_extreme_axis<T: Plain>(
    x: &[T],
    outer: usize,
    n: usize,
    inner: usize,
    values: &mut [T],
    indices: &mut [i64],
    better: impl Fn(T, T) -> bool + Sync + Copy,
) {
    check_axis("arg_extreme_axis", x.len(), outer, n, inner, values.len());
    assert_eq!(
        values.len(),
        indices.len(),
        "arg_extreme_axis: values and indices differ in length"
    );
    assert!(
        n > 0 || values.is_empty(),
        "arg_extreme_axis: the axis is empty"
    );
    let isa = Isa::current();
    let len = values.len();
    let chunk = outputs_per_task(n);
    let (values, indices) = (Disjoint::new(values), Disjoint::new(indices));
    parallel_for(len.div_ceil(chunk), |i| {
        let start = i * chunk;
        let width = chunk.min(len - start);
        // SAFETY: each task has a part of its own.
        let (values, indices) =
            unsafe { (values.slice(start, width), indices.slice(start, width)) };
        isa.run(|| {
            for_each_run(start, width, inner, |o, column, at, width| {
                let x = &x[o * n * inner + column..];
                let values = &mut values[at..at + width];
                let indices = &mut indices[at..at + width];
                values.copy_from_slice(&x[..width]);
                indices.fill(0);
                for p in 1..n {
                    let row = &x[p * inner..];
                    for ((best, index), v) in values.iter_mut().zip(&mut *indices).zip(row) {
                        if better(*v, *best) {
                            *best = *v;
                            *index = p as i64;
                        }
                    }
                }
            });
        });
    });
}
