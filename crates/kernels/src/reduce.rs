//! Sums and other reductions, over everything or along one axis.
//!
//! Float sums run in a fixed number of lanes over blocks of fixed size, whose sums are added
//! pairwise. So the error grows with the logarithm of the length, and the bits depend on the
//! shape alone: not on the threads, not on the instruction set.

use crate::{Buffer, Float, Isa, Loop, Plain, for_each_chunk_mut, parallel_for, threads::Disjoint};

/// Independent sums within a block.
const LANES: usize = 64;
/// Elements in a block; each lane adds `BLOCK / LANES` of them.
const BLOCK: usize = 4096;
/// Elements that one thread takes at least: a power of two of blocks.
const CHUNK: usize = 16 * BLOCK;
/// Rows shorter than this are summed one element after the other.
const SHORT: usize = 16;

/// Adds a sequence of numbers pairwise, as a balanced tree would.
struct Cascade<T> {
    /// `partial[l]` is the sum of 2^l numbers if bit l of `count` is set.
    partial: [T; 48],
    count: usize,
}

impl<T: Float> Cascade<T> {
    #[inline(always)]
    fn new() -> Self {
        Cascade {
            partial: [T::ZERO; 48],
            count: 0,
        }
    }

    #[inline(always)]
    fn push(&mut self, value: T) {
        let mut sum = value;
        let mut level = 0;
        while self.count >> level & 1 == 1 {
            sum = self.partial[level] + sum;
            level += 1;
        }
        self.partial[level] = sum;
        self.count += 1;
    }

    #[inline(always)]
    fn finish(self) -> T {
        let mut sum: Option<T> = None;
        for level in 0..self.partial.len() {
            if self.count >> level & 1 == 1 {
                let partial = self.partial[level];
                sum = Some(sum.map_or(partial, |s| partial + s));
            }
        }
        sum.unwrap_or(T::ZERO)
    }
}

#[inline(always)]
fn block_sum<T: Float>(x: &[T]) -> T {
    let mut acc = [T::ZERO; LANES];
    let (rows, tail) = x.as_chunks::<LANES>();
    for row in rows {
        for (a, v) in acc.iter_mut().zip(row) {
            *a += *v;
        }
    }
    for (a, v) in acc.iter_mut().zip(tail) {
        *a += *v;
    }
    let mut width = LANES / 2;
    while width > 0 {
        for l in 0..width {
            acc[l] += acc[l + width];
        }
        width /= 2;
    }
    acc[0]
}

/// The sum of one contiguous run, on one thread.
#[inline(always)]
fn run_sum<T: Float>(x: &[T]) -> T {
    if x.len() < SHORT {
        return x.iter().fold(T::ZERO, |sum, v| sum + *v);
    }
    if x.len() <= BLOCK {
        return block_sum(x);
    }
    let mut cascade = Cascade::new();
    for block in x.chunks(BLOCK) {
        cascade.push(block_sum(block));
    }
    cascade.finish()
}

struct RunSum<'a, T>(&'a [T]);

impl<T: Float> Loop for RunSum<'_, T> {
    type Output = T;
    #[inline(always)]
    fn run(self) -> T {
        run_sum(self.0)
    }
}

/// The sum of all elements; 0 if there are none.
///
/// ```
/// let x = vec![0.5f32; 1 << 25];
/// assert_eq!(pleach_kernels::sum(&x), 16_777_216.0);
/// ```
pub fn sum<T: Float>(x: &[T]) -> T {
    sum_with(Isa::current(), x)
}

fn sum_with<T: Float>(isa: Isa, x: &[T]) -> T {
    if x.len() < 2 * CHUNK {
        return isa.run(RunSum(x));
    }
    let mut partials = Buffer::<T>::new(x.len().div_ceil(CHUNK));
    for_each_chunk_mut(&mut partials, 1, |i, partial| {
        partial[0] = isa.run(RunSum(&x[i * CHUNK..x.len().min((i + 1) * CHUNK)]));
    });
    let mut cascade = Cascade::new();
    for partial in partials.iter() {
        cascade.push(*partial);
    }
    cascade.finish()
}

/// Checks the lengths that all reductions along an axis share.
fn check_axis(name: &str, x: usize, outer: usize, n: usize, inner: usize, out: usize) {
    let outputs = outer
        .checked_mul(inner)
        .expect("a shape of fewer than usize::MAX elements");
    assert_eq!(out, outputs, "{name}: the output is not [{outer}, {inner}]");
    assert_eq!(
        Some(x),
        outputs.checked_mul(n),
        "{name}: the input is not [{outer}, {n}, {inner}]"
    );
}

/// How many outputs of a reduction over `n` elements make a piece of work worth a thread.
fn outputs_per_task(n: usize) -> usize {
    (CHUNK / 2 / n.max(1)).max(1).next_multiple_of(LANES)
}

/// Cuts the flat output range `start..start + len` into runs within one outer index and calls
/// `f(outer index, first inner index, position in the range, length)`.
#[inline(always)]
fn for_each_run(
    start: usize,
    len: usize,
    inner: usize,
    mut f: impl FnMut(usize, usize, usize, usize),
) {
    let mut done = 0;
    while done < len {
        let (o, column) = ((start + done) / inner, (start + done) % inner);
        let width = (len - done).min(inner - column);
        f(o, column, done, width);
        done += width;
    }
}

/// Adds `count` rows of `width` columns, `stride` apart, into `out`.
///
/// Sums of 64 rows go into sums of 64 of those, and so on for two levels.
#[inline(always)]
fn column_sums<T: Float>(x: &[T], count: usize, stride: usize, out: &mut [T]) {
    let width = out.len();
    let mut middle = [T::ZERO; LANES];
    out.fill(T::ZERO);
    let mut row = 0;
    let mut flushed = 0;
    while row < count {
        let mut acc = [T::ZERO; LANES];
        let end = count.min(row + 64);
        if width == LANES {
            while row < end {
                let values: &[T; LANES] = x[row * stride..]
                    .first_chunk()
                    .expect("the row has LANES columns");
                for (a, v) in acc.iter_mut().zip(values) {
                    *a += *v;
                }
                row += 1;
            }
        } else {
            while row < end {
                for (a, v) in acc.iter_mut().zip(&x[row * stride..][..width]) {
                    *a += *v;
                }
                row += 1;
            }
        }
        for (m, a) in middle.iter_mut().zip(&acc) {
            *m += *a;
        }
        flushed += 1;
        if flushed == 64 {
            for (o, m) in out.iter_mut().zip(&mut middle) {
                *o += *m;
                *m = T::ZERO;
            }
            flushed = 0;
        }
    }
    for (o, m) in out.iter_mut().zip(&middle) {
        *o += *m;
    }
}

/// Sums over rows `first..first + count` of `[outer, n, inner]`, for the flat output range from
/// `start`.
struct AxisSum<'a, T> {
    x: &'a [T],
    n: usize,
    inner: usize,
    first: usize,
    count: usize,
    start: usize,
    out: &'a mut [T],
}

impl<T: Float> Loop for AxisSum<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let AxisSum {
            x,
            n,
            inner,
            first,
            count,
            start,
            out,
        } = self;
        if inner == 1 {
            for (i, out) in out.iter_mut().enumerate() {
                *out = run_sum(&x[(start + i) * n + first..][..count]);
            }
            return;
        }
        for_each_run(start, out.len(), inner, |o, column, at, width| {
            let x = &x[(o * n + first) * inner + column..];
            for (i, out) in out[at..at + width].chunks_mut(LANES).enumerate() {
                column_sums(&x[i * LANES..], count, inner, out);
            }
        });
    }
}

/// Sums along an axis: `x` is `[outer, n, inner]`, `out` becomes `[outer, inner]`.
///
/// ```
/// let mut out = [0.0f32; 2];
/// pleach_kernels::sum_axis(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 1, 3, 2, &mut out);
/// assert_eq!(out, [9.0, 12.0]);
/// ```
///
/// # Panics
/// If the lengths do not fit the shape.
pub fn sum_axis<T: Float>(x: &[T], outer: usize, n: usize, inner: usize, out: &mut [T]) {
    check_axis("sum_axis", x.len(), outer, n, inner, out.len());
    sum_axis_with(Isa::current(), x, outer, n, inner, out);
}

fn sum_axis_with<T: Float>(isa: Isa, x: &[T], outer: usize, n: usize, inner: usize, out: &mut [T]) {
    if n == 0 {
        out.fill(T::ZERO);
        return;
    }
    if out.is_empty() {
        return;
    }
    let chunk = outputs_per_task(n);
    // Rows in a part, if few outputs share a long axis: a power of two of blocks.
    let part = (CHUNK / inner).next_power_of_two().max(BLOCK);
    if out.len() <= 4 * chunk && n >= 2 * part {
        let parts = n.div_ceil(part);
        let mut partials = Buffer::<T>::new(outer * parts * inner);
        for_each_chunk_mut(&mut partials, inner, |i, out| {
            let (o, first) = (i / parts, i % parts * part);
            let count = part.min(n - first);
            isa.run(AxisSum {
                x,
                n,
                inner,
                first,
                count,
                start: o * inner,
                out,
            });
        });
        sum_axis_with(isa, &partials, outer, parts, inner, out);
        return;
    }
    for_each_chunk_mut(out, chunk, |i, out| {
        isa.run(AxisSum {
            x,
            n,
            inner,
            first: 0,
            count: n,
            start: i * chunk,
            out,
        });
    });
}

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

#[cfg(test)]
mod tests {
    use super::*;
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
}
