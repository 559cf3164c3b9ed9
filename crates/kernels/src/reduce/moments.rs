//! Means and squared deviations, in f64.
//!
//! Every value counts by its distance to the first one of its part, so the deviations of equal
//! values are exactly 0, whatever the length and the order.

use super::{CHUNK, LANES, check_axis, for_each_run};
use crate::{Float, Isa, Loop, parallel_for, threads::Disjoint};

/// Independent sums of one row.
const ROW_LANES: usize = 16;

/// Mean and squared deviations of `count` values.
#[derive(Clone, Copy)]
struct Moments {
    count: f64,
    mean: f64,
    squares: f64,
}

impl Moments {
    /// Those of two parts together: Chan, Golub and LeVeque, 1979.
    #[inline(always)]
    fn with(self, other: Moments) -> Moments {
        let count = self.count + other.count;
        let apart = other.mean - self.mean;
        Moments {
            count,
            mean: self.mean + apart * (other.count / count),
            squares: self.squares
                + other.squares
                + apart * apart * (self.count * other.count / count),
        }
    }
}

#[inline(always)]
fn lane_sum<T: Float>(x: &[T], term: impl Fn(f64) -> f64) -> f64 {
    let mut lanes = [0.0; ROW_LANES];
    let (chunks, tail) = x.as_chunks::<ROW_LANES>();
    for chunk in chunks {
        for (lane, v) in lanes.iter_mut().zip(chunk) {
            *lane += term(v.to_f64());
        }
    }
    for (lane, v) in lanes.iter_mut().zip(tail) {
        *lane += term(v.to_f64());
    }
    lanes.iter().sum()
}

/// The moments of one contiguous part, which is not empty.
struct RowMoments<'a, T>(&'a [T]);

impl<T: Float> Loop for RowMoments<'_, T> {
    type Output = Moments;
    #[inline(always)]
    fn run(self) -> Moments {
        let (first, count) = (self.0[0].to_f64(), self.0.len() as f64);
        let shift = lane_sum(self.0, |v| v - first) / count;
        Moments {
            count,
            mean: first + shift,
            squares: lane_sum(self.0, |v| {
                let apart = (v - first) - shift;
                apart * apart
            }),
        }
    }
}

/// The moments of up to `LANES` columns of `count` rows, which are `stride` apart.
struct ColumnMoments<'a, T> {
    x: &'a [T],
    count: usize,
    stride: usize,
    width: usize,
}

impl<T: Float> Loop for ColumnMoments<'_, T> {
    type Output = [Moments; LANES];
    #[inline(always)]
    fn run(self) -> [Moments; LANES] {
        let row = |r: usize| &self.x[r * self.stride..][..self.width];
        let count = self.count as f64;
        let mut first = [0.0; LANES];
        for (first, v) in first.iter_mut().zip(row(0)) {
            *first = v.to_f64();
        }
        let mut shift = [0.0; LANES];
        for r in 0..self.count {
            for ((shift, first), v) in shift.iter_mut().zip(&first).zip(row(r)) {
                *shift += v.to_f64() - first;
            }
        }
        shift.iter_mut().for_each(|s| *s /= count);
        let mut squares = [0.0; LANES];
        for r in 0..self.count {
            let columns = squares.iter_mut().zip(&first).zip(&shift);
            for (((squares, first), shift), v) in columns.zip(row(r)) {
                let apart = (v.to_f64() - first) - shift;
                *squares += apart * apart;
            }
        }
        std::array::from_fn(|l| Moments {
            count,
            mean: first[l] + shift[l],
            squares: squares[l],
        })
    }
}

/// Mean and sum of the squared deviations from it along an axis: `x` is `[outer, n, inner]`, `mean`
/// and `squares` become `[outer, inner]`. Of no values, the mean is nan and the sum 0.
///
/// ```
/// let (mut mean, mut squares) = ([0.0; 2], [0.0; 2]);
/// let x = [1.0f32, 0.1, 3.0, 0.1];
/// pleach_kernels::moments_axis(&x, 1, 2, 2, &mut mean, &mut squares);
/// assert_eq!((mean, squares), ([2.0, 0.1f32 as f64], [2.0, 0.0]));
/// ```
///
/// # Panics
/// If the lengths do not fit the shape.
pub fn moments_axis<T: Float>(
    x: &[T],
    outer: usize,
    n: usize,
    inner: usize,
    mean: &mut [f64],
    squares: &mut [f64],
) {
    check_axis("moments_axis", x.len(), outer, n, inner, mean.len());
    assert_eq!(
        mean.len(),
        squares.len(),
        "moments_axis: means and squares differ in length"
    );
    if n == 0 {
        mean.fill(f64::NAN);
        squares.fill(0.0);
        return;
    }
    moments_with(Isa::current(), x, [outer, n, inner], mean, squares);
}

pub(super) fn moments_with<T: Float>(
    isa: Isa,
    x: &[T],
    [outer, n, inner]: [usize; 3],
    mean: &mut [f64],
    squares: &mut [f64],
) {
    let len = mean.len();
    if len == 0 {
        return;
    }
    // The rows of a part: fixed by the shape, so that threads do not change the result.
    let part = (CHUNK / inner.min(LANES)).max(1);
    let parts = n.div_ceil(part);
    if parts > 1 {
        let groups = inner.div_ceil(LANES);
        let mut all = vec![
            [Moments {
                count: 0.0,
                mean: 0.0,
                squares: 0.0
            }; LANES];
            outer * groups * parts
        ];
        let places = Disjoint::new(&mut all);
        parallel_for(outer * groups * parts, |task| {
            let (line, p) = (task / parts, task % parts);
            let (o, column) = (line / groups, line % groups * LANES);
            let (first, count) = (p * part, part.min(n - p * part));
            let width = LANES.min(inner - column);
            // SAFETY: each task has a place of its own.
            let place = unsafe { places.slice(task, 1) };
            place[0] = columns(
                isa,
                &x[(o * n + first) * inner + column..],
                count,
                inner,
                width,
            );
        });
        for (line, parts) in all.chunks(parts).enumerate() {
            let (o, column) = (line / groups, line % groups * LANES);
            for l in 0..LANES.min(inner - column) {
                let lanes = parts.iter().map(|part| part[l]);
                if let Some(total) = lanes.reduce(Moments::with) {
                    mean[o * inner + column + l] = total.mean;
                    squares[o * inner + column + l] = total.squares;
                }
            }
        }
        return;
    }
    let chunk = (CHUNK / 4 / n).max(1).next_multiple_of(LANES);
    let (mean, squares) = (Disjoint::new(mean), Disjoint::new(squares));
    parallel_for(len.div_ceil(chunk), |task| {
        let start = task * chunk;
        let width = chunk.min(len - start);
        // SAFETY: each task has a part of its own.
        let (mean, squares) = unsafe { (mean.slice(start, width), squares.slice(start, width)) };
        if inner == 1 {
            for (i, (mean, squares)) in mean.iter_mut().zip(squares).enumerate() {
                let of = isa.run(RowMoments(&x[(start + i) * n..][..n]));
                (*mean, *squares) = (of.mean, of.squares);
            }
            return;
        }
        for_each_run(start, width, inner, |o, column, at, width| {
            for first in (0..width).step_by(LANES) {
                let lanes = LANES.min(width - first);
                let x = &x[o * n * inner + column + first..];
                let of = columns(isa, x, n, inner, lanes);
                for (l, of) in of.iter().take(lanes).enumerate() {
                    mean[at + first + l] = of.mean;
                    squares[at + first + l] = of.squares;
                }
            }
        });
    });
}

/// The moments of `width` columns of `count` rows of `x`, `stride` apart.
fn columns<T: Float>(
    isa: Isa,
    x: &[T],
    count: usize,
    stride: usize,
    width: usize,
) -> [Moments; LANES] {
    if stride == 1 {
        return [isa.run(RowMoments(&x[..count])); LANES];
    }
    isa.run(ColumnMoments {
        x,
        count,
        stride,
        width,
    })
}
