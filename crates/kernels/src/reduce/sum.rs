//! Float sums.
//!
//! They run in a fixed number of lanes over blocks of fixed size, whose sums are added pairwise: the
//! error grows with the logarithm of the length, and the order is fixed.

use super::{CHUNK, LANES, check_axis, for_each_run, outputs_per_task};
use crate::float::of_type;
use crate::simd::sum_halves;
use crate::{Buffer, Float, Isa, Loop, for_each_chunk_mut};

/// Elements in a block; each lane adds `BLOCK / LANES` of them.
const BLOCK: usize = 4096;
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
    sum_halves(&mut acc)
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
    // Compiled here, once for each float.
    static F32: Sum<f32> = sum_with;
    static F64: Sum<f64> = sum_with;
    of_type::<Sum<T>>(&F32, &F64)(Isa::current(), x)
}

type Sum<T> = fn(Isa, &[T]) -> T;

pub(super) fn sum_with<T: Float>(isa: Isa, x: &[T]) -> T {
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
    // Compiled here, once for each float.
    static F32: SumAxis<f32> = sum_axis_with;
    static F64: SumAxis<f64> = sum_axis_with;
    of_type::<SumAxis<T>>(&F32, &F64)(Isa::current(), x, outer, n, inner, out);
}

type SumAxis<T> = fn(Isa, &[T], usize, usize, usize, &mut [T]);

pub(super) fn sum_axis_with<T: Float>(
    isa: Isa,
    x: &[T],
    outer: usize,
    n: usize,
    inner: usize,
    out: &mut [T],
) {
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
