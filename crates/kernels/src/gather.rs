//! Rows by their numbers: taken from a slice, or put into one.

use crate::words::{by_words, words, words_mut};
use crate::{Plain, for_each_chunk_mut};

/// Elements of one piece of work.
const TASK: usize = 1 << 14;

/// Row `i` of `out` is row `rows[i]` of `from`, of `width` elements.
///
/// ```
/// use pleach_kernels::gather::gather_rows;
/// let mut out = [9; 4];
/// gather_rows(&[1, 2, 3, 4], &[1, 1], 2, &mut out);
/// assert_eq!(out, [3, 4, 3, 4]);
/// ```
///
/// # Panics
/// If `out` has another length, or a row is not there.
pub fn gather_rows<T: Plain>(from: &[T], rows: &[usize], width: usize, out: &mut [T]) {
    assert_eq!(
        Some(out.len()),
        rows.len().checked_mul(width),
        "gather_rows: the output is not [{}, {width}]",
        rows.len()
    );
    if out.is_empty() {
        return;
    }
    by_words!(T, W => {
        let from = words::<T, W>(from);
        // SAFETY: what is written are words of a slice of `T`.
        let out = unsafe { words_mut::<T, W>(out) };
        let each = (TASK / width).max(1);
        for_each_chunk_mut(out, each * width, |task, out| {
            let rows = &rows[task * each..];
            if width == 1 {
                for (to, &row) in out.iter_mut().zip(rows) {
                    *to = from[row];
                }
            } else {
                for (to, &row) in out.chunks_mut(width).zip(rows) {
                    to.copy_from_slice(&from[row * width..(row + 1) * width]);
                }
            }
        });
    });
}

/// Puts row `i` of `values`, of `width` elements, into row `rows[i]` of `out`, one after the other:
/// `put` gets each element's place and its value.
///
/// ```
/// use pleach_kernels::gather::scatter_rows;
/// let mut out = [0; 4];
/// scatter_rows(&[1, 2, 10, 20], &[1, 1], 2, &mut out, |to, v| *to += v);
/// assert_eq!(out, [0, 0, 11, 22]);
/// ```
///
/// # Panics
/// If a row is not there.
pub fn scatter_rows<T: Plain>(
    values: &[T],
    rows: &[usize],
    width: usize,
    out: &mut [T],
    put: impl Fn(&mut T, T),
) {
    if width == 1 {
        for (&v, &row) in values.iter().zip(rows) {
            put(&mut out[row], v);
        }
    } else if width > 0 {
        for (values, &row) in values.chunks(width).zip(rows) {
            let to = &mut out[row * width..(row + 1) * width];
            to.iter_mut().zip(values).for_each(|(to, v)| put(to, *v));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::threads::with_thread_counts;

    #[test]
    fn rows_come_and_go_by_number() {
        for width in [1, 3, 70] {
            let from: Vec<i32> = (0..1000 * width as i32).collect();
            let rows: Vec<usize> = (0..3000).map(|i| i * 7 % 1000).collect();
            let row = |r: usize| (0..width).map(move |k| (r * width + k) as i32);
            let want: Vec<i32> = rows.iter().flat_map(|&r| row(r)).collect();
            with_thread_counts(|| {
                let mut out = vec![0; want.len()];
                gather_rows(&from, &rows, width, &mut out);
                assert!(out == want, "{width}");
            });
            let mut back = vec![0; from.len()];
            scatter_rows(&want, &rows, width, &mut back, |to, v| *to += v);
            // Every row is named three times.
            assert!(back.iter().zip(&from).all(|(b, f)| *b == 3 * f), "{width}");
        }
    }

    #[test]
    #[should_panic]
    fn a_long_row_outside_is_refused() {
        gather_rows(&[1, 2, 3], &[1], 2, &mut [0; 2]);
    }
}
