//! Resampling of planes: every element of the output is a weighted sum of neighbours along each of
//! two axes, which are resampled one after the other.
//!
//! An axis is a table ([`Taps`]) that its mode makes once: nearest, linear, cubic, a filter against
//! aliasing. The gradient is a resampling too, with the tables turned around
//! ([`Taps::transposed`]): each plane is written by one thread, and no sum is shared.

use crate::float::of_type;
use crate::lanes::{VectorLoop, narrow_count, run_narrow};
use crate::simd::Vector;
use crate::{Buffer, Float, Isa, for_each_chunk_mut};

mod lines;
mod taps;
mod vectors;

use lines::Along;
pub use taps::Taps;

/// What happens along one axis.
#[derive(Copy, Clone, Debug)]
pub enum Resampling<'a, T> {
    /// Nothing: so many elements stay.
    Keep(usize),
    /// Each element becomes a weighted sum.
    Taps(&'a Taps<T>),
}

impl<T: Float> Resampling<'_, T> {
    /// The sizes before and after.
    fn sizes(self) -> [usize; 2] {
        match self {
            Resampling::Keep(n) => [n, n],
            Resampling::Taps(taps) => [taps.input(), taps.output()],
        }
    }
}

/// Output rows that make a piece of work worth a thread: whole planes, if they are small.
fn rows_per_task(columns: usize, plane: usize) -> usize {
    let rows = ((1 << 14) / columns.max(1)).max(16);
    match rows / plane {
        0 => rows,
        planes => planes * plane,
    }
}

/// Resamples the rows and columns of planes: `x` is `[planes, rows before, columns before]`, `out`
/// becomes `[planes, rows after, columns after]`.
///
/// ```
/// use pleach_kernels::resample::{Resampling, Taps, resample};
/// // Each element, and the mean of neighbours.
/// let taps = Taps::new(2, 3, |i, weights| {
///     weights.extend([[1.0f32, 0.0], [0.5, 0.5], [0.0, 1.0]][i]);
///     0
/// });
/// let mut out = [0.0f32; 6];
/// resample(1, &[1.0, 3.0, 5.0, 9.0], Resampling::Keep(2), Resampling::Taps(&taps), &mut out);
/// assert_eq!(out, [1.0, 2.0, 3.0, 5.0, 7.0, 9.0]);
/// ```
///
/// # Panics
/// If a length does not fit.
pub fn resample<T: Float>(
    planes: usize,
    x: &[T],
    rows: Resampling<'_, T>,
    columns: Resampling<'_, T>,
    out: &mut [T],
) {
    // Compiled here, once for each float.
    static F32: Resample<f32> = resample_with;
    static F64: Resample<f64> = resample_with;
    of_type::<Resample<T>>(&F32, &F64)(Isa::current(), planes, x, rows, columns, out);
}

type Resample<T> = fn(Isa, usize, &[T], Resampling<'_, T>, Resampling<'_, T>, &mut [T]);

fn resample_with<T: Float>(
    isa: Isa,
    planes: usize,
    x: &[T],
    rows: Resampling<'_, T>,
    columns: Resampling<'_, T>,
    out: &mut [T],
) {
    let ([height, out_height], [width, out_width]) = (rows.sizes(), columns.sizes());
    let lens = [height, out_height].map(|n| n.checked_mul(planes));
    let [Some(in_lines), Some(out_lines)] = lens else {
        panic!("resample: {planes} planes of {height} and {out_height} rows");
    };
    assert_eq!(
        Some(x.len()),
        in_lines.checked_mul(width),
        "resample: input"
    );
    assert_eq!(
        Some(out.len()),
        out_lines.checked_mul(out_width),
        "resample: output"
    );
    if x.is_empty() || out.is_empty() {
        return out.fill(T::ZERO);
    }
    let columns = match columns {
        Resampling::Keep(_) => None,
        Resampling::Taps(taps) => Some(&Along::new(taps, narrow_count::<T>(isa))),
    };
    let each = rows_per_task(out_width.max(width), out_height);
    let sources = match rows {
        Resampling::Keep(_) => [0, height],
        Resampling::Taps(taps) => taps.sources([0, out_height]),
    };
    for_each_chunk_mut(out, each * out_width, |task, out| {
        let (mut line, mut out) = (task * each, out);
        while !out.is_empty() {
            let (plane, first) = (line / out_height, line % out_height);
            let count = (out_height - first).min(out.len() / out_width);
            let (now, rest) = out.split_at_mut(count * out_width);
            let strip = Strip {
                x: &x[plane * height * width..],
                rows,
                columns,
                widths: [width, out_width],
                sources,
                range: [first, first + count],
                out: now,
            };
            run_narrow(isa, strip);
            (line, out) = (line + count, rest);
        }
    });
}

/// Rows that are summed before their columns are.
const ROWS: usize = 8;

/// Some of the rows that a plane is resampled to.
struct Strip<'a, T> {
    /// The plane, and those after it.
    x: &'a [T],
    rows: Resampling<'a, T>,
    columns: Option<&'a Along<'a, T>>,
    /// Columns before and after.
    widths: [usize; 2],
    /// The input rows that all output rows are made of.
    sources: [usize; 2],
    range: [usize; 2],
    out: &'a mut [T],
}

impl<T: Float> VectorLoop<T> for Strip<'_, T> {
    #[inline(always)]
    unsafe fn run<V: Vector<Elem = T>>(self) {
        let Strip {
            x,
            rows,
            columns,
            widths: [width, out_width],
            sources,
            range: [first, end],
            out,
        } = self;
        let [height, out_height] = rows.sizes();
        let rows = match (rows, columns) {
            (Resampling::Keep(_), None) => {
                return out.copy_from_slice(&x[first * width..end * width]);
            }
            (Resampling::Keep(_), Some(columns)) => {
                // SAFETY: the caller has the features.
                return unsafe { columns.run::<V>(end - first, &x[first * width..], out) };
            }
            (Resampling::Taps(rows), _) => rows,
        };
        let lines = (first..end).zip(out.chunks_exact_mut(out_width));
        let Some(columns) = columns else {
            for (i, to) in lines {
                // SAFETY: the caller has the features.
                unsafe { lines::across::<T, V>(rows, i, x, 0, to) };
            }
            return;
        };
        if rows.copies() {
            let mut before: Option<(usize, &[T])> = None;
            for (i, to) in lines {
                let (from, _) = rows.of(i);
                match before {
                    Some((same, line)) if same == from => to.copy_from_slice(line),
                    // SAFETY: the caller has the features.
                    _ => unsafe { columns.run::<V>(1, &x[from * width..], to) },
                }
                before = Some((from, to));
            }
        } else if height <= out_height {
            // Each input row is resampled once, then summed with its neighbours.
            let [from, to] = match end - first == out_height {
                true => sources,
                false => rows.sources([first, end]),
            };
            let mut between = Buffer::<T>::new((to - from) * out_width);
            // SAFETY: the caller has the features.
            unsafe { columns.run::<V>(to - from, &x[from * width..], &mut between) };
            for (i, to) in lines {
                // SAFETY: the caller has the features.
                unsafe { lines::across::<T, V>(rows, i, &between, from, to) };
            }
        } else {
            let mut between = Buffer::<T>::new(ROWS.min(end - first) * width);
            for (block, to) in (first..end)
                .step_by(ROWS)
                .zip(out.chunks_mut(ROWS * out_width))
            {
                let count = ROWS.min(end - block);
                let sums = (block..end).zip(between.chunks_exact_mut(width));
                // SAFETY: the caller has the features.
                unsafe {
                    for (i, to) in sums {
                        lines::across::<T, V>(rows, i, x, 0, to);
                    }
                    columns.run::<V>(count, &between, to);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
