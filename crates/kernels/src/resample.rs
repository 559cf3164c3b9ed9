//! Resampling of planes: every element of the output is a weighted sum of neighbours along each of
//! two axes, which are resampled one after the other.
//!
//! An axis is a table ([`Taps`]) that its mode makes once: nearest, linear, cubic, a filter against
//! aliasing. The gradient is a resampling too, with the tables turned around
//! ([`Taps::transposed`]): each plane is written by one thread, and no sum is shared.

use crate::{Buffer, Float, Isa, for_each_chunk_mut};

mod lines;
mod taps;

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

    /// The rows that these output rows are made of: the first one, and one past the last.
    fn sources(self, rows: [usize; 2]) -> [usize; 2] {
        match self {
            Resampling::Keep(_) => rows,
            Resampling::Taps(taps) => taps.sources(rows),
        }
    }
}

/// Output rows that make a piece of work worth a thread.
fn rows_per_task(columns: usize) -> usize {
    ((1 << 14) / columns.max(1)).max(16)
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
    resample_with(Isa::current(), planes, x, rows, columns, out);
}

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
    let each = rows_per_task(out_width.max(width));
    for_each_chunk_mut(out, each * out_width, |task, out| {
        let (mut line, mut out) = (task * each, out);
        while !out.is_empty() {
            let (plane, first) = (line / out_height, line % out_height);
            let count = (out_height - first).min(out.len() / out_width);
            let (now, rest) = out.split_at_mut(count * out_width);
            let x = &x[plane * height * width..][..height * width];
            isa.run_narrow(|| strip(x, rows, columns, [first, first + count], now));
            (line, out) = (line + count, rest);
        }
    });
}

/// Resamples a plane into some of its output's rows.
#[inline(always)]
fn strip<T: Float>(
    x: &[T],
    rows: Resampling<'_, T>,
    columns: Resampling<'_, T>,
    [first, end]: [usize; 2],
    out: &mut [T],
) {
    let ([height, out_height], [width, out_width]) = (rows.sizes(), columns.sizes());
    let (along_rows, along_columns) = match (rows, columns) {
        (Resampling::Keep(_), Resampling::Keep(_)) => {
            return out.copy_from_slice(&x[first * width..end * width]);
        }
        (Resampling::Keep(_), Resampling::Taps(columns)) => {
            let lines = x[first * width..end * width].chunks_exact(width);
            for (from, to) in lines.zip(out.chunks_exact_mut(out_width)) {
                lines::along(columns, from, to);
            }
            return;
        }
        (Resampling::Taps(rows), Resampling::Keep(_)) => {
            for (i, to) in (first..end).zip(out.chunks_exact_mut(out_width)) {
                lines::across(rows, i, x, 0, to);
            }
            return;
        }
        (Resampling::Taps(rows), Resampling::Taps(columns)) => (rows, columns),
    };
    if height <= out_height {
        // Each input row is resampled once, then summed with its neighbours.
        let [from, to] = rows.sources([first, end]);
        let mut between = Buffer::<T>::new((to - from) * out_width);
        let lines = x[from * width..to * width].chunks_exact(width);
        for (from, to) in lines.zip(between.chunks_exact_mut(out_width)) {
            lines::along(along_columns, from, to);
        }
        for (i, to) in (first..end).zip(out.chunks_exact_mut(out_width)) {
            lines::across(along_rows, i, &between, from, to);
        }
    } else {
        let mut between = Buffer::<T>::new(width);
        for (i, to) in (first..end).zip(out.chunks_exact_mut(out_width)) {
            lines::across(along_rows, i, x, 0, &mut between);
            lines::along(along_columns, &between, to);
        }
    }
}

#[cfg(test)]
mod tests;
