//! Loops over the pairs of elements of two slices that are broadcast together.

use crate::elementwise::{ZipPiece, zip_pieces};
use crate::walk::{Dim, Walk, merged};
use crate::{Plain, for_each_chunk_mut};

/// Elements that are brought together for a loop, where they do not lie together.
const PIECE: usize = 512;
/// From this length on, the rows of an operand are read where they lie.
const LONG_ROW: usize = 64;
/// Elements that one thread takes at least.
const TASK: usize = 1 << 14;

/// `piece` of the elements of two slices under their strides, in row-major order; a stride is 0 where
/// a dimension is repeated. `piece` gets some elements at a time, brought together.
///
/// ```
/// use pleach_kernels::{elementwise::zip_piece, zip_strided};
/// let (column, row, mut out) = ([10, 20], [1, 2, 3], [0; 6]);
/// zip_strided(&[2, 3], (&column, &[1, 0]), (&row, &[0, 1]), &mut out, &|x, y, out| {
///     zip_piece(x, y, out, |x: i64, y: i64| x + y);
/// });
/// assert_eq!(out, [11, 12, 13, 21, 22, 23]);
/// ```
///
/// # Panics
/// If there is not one stride for each size, `out` has not one element for each index, or an index
/// lies outside its slice.
pub fn zip_strided<T: Plain + Default, V: Plain + Default, U: Plain>(
    shape: &[usize],
    (xs, x_strides): (&[T], &[usize]),
    (ys, y_strides): (&[V], &[usize]),
    out: &mut [U],
    piece: &ZipPiece<'_, T, V, U>,
) {
    let count: usize = shape.iter().product();
    assert_eq!(out.len(), count, "zip_strided: the output is not {shape:?}");
    let Some(mut outer) = merged(shape, x_strides, y_strides) else {
        return;
    };
    let row = outer.pop().unwrap_or((1, 0, 0));
    if outer.is_empty() && (row.1, row.2) == (1, 1) {
        return zip_pieces(&xs[..count], &ys[..count], out, piece);
    }
    let each = match outer.is_empty() {
        // A single row is cut; several are shared among the threads whole.
        true => TASK,
        false => (TASK / row.0).max(1) * row.0,
    };
    for_each_chunk_mut(out, each, |task, out| {
        let (first, row) = match outer.is_empty() {
            true => (task * each, (out.len(), row.1, row.2)),
            false => (0, row),
        };
        let (xs, ys) = (&xs[first * row.1..], &ys[first * row.2..]);
        let mut walk = Walk::from(&outer, task * each / row.0);
        match row.0 >= LONG_ROW {
            true => long_rows(xs, ys, row, &mut walk, out, piece),
            false => short_rows(xs, ys, row, &mut walk, out, piece),
        }
    });
}

/// Rows in pieces; what does not lie together is copied first.
fn long_rows<T: Plain + Default, V: Plain + Default, U: Plain>(
    xs: &[T],
    ys: &[V],
    (length, sx, sy): Dim,
    walk: &mut Walk<'_>,
    out: &mut [U],
    piece: &ZipPiece<'_, T, V, U>,
) {
    let (mut x_buffer, mut y_buffer) = ([T::default(); PIECE], [V::default(); PIECE]);
    for row in out.chunks_mut(length) {
        let (mut ox, mut oy) = walk.next();
        if (sx, sy) == (1, 1) {
            piece(&xs[ox..ox + row.len()], &ys[oy..oy + row.len()], row);
            continue;
        }
        for out in row.chunks_mut(PIECE) {
            let x = together(xs, ox, sx, &mut x_buffer[..out.len()]);
            let y = together(ys, oy, sy, &mut y_buffer[..out.len()]);
            piece(x, y, out);
            (ox, oy) = (ox + sx * out.len(), oy + sy * out.len());
        }
    }
}

/// Rows that are brought together, several in a piece.
fn short_rows<T: Plain + Default, V: Plain + Default, U: Plain>(
    xs: &[T],
    ys: &[V],
    (length, sx, sy): Dim,
    walk: &mut Walk<'_>,
    out: &mut [U],
    piece: &ZipPiece<'_, T, V, U>,
) {
    let (mut x_buffer, mut y_buffer) = ([T::default(); PIECE], [V::default(); PIECE]);
    for out in out.chunks_mut(PIECE / length * length) {
        let (x, y) = (&mut x_buffer[..out.len()], &mut y_buffer[..out.len()]);
        let rows = x.chunks_exact_mut(length).zip(y.chunks_exact_mut(length));
        for (x, y) in rows {
            let (ox, oy) = walk.next();
            for i in 0..length {
                x[i] = xs[ox + i * sx];
                y[i] = ys[oy + i * sy];
            }
        }
        piece(x, y, out);
    }
}

/// `buffer.len()` elements from `start`, `step` apart.
fn together<'a, T: Copy>(
    values: &'a [T],
    start: usize,
    step: usize,
    buffer: &'a mut [T],
) -> &'a [T] {
    match step {
        1 => return &values[start..start + buffer.len()],
        0 => buffer.fill(values[start]),
        _ => {
            for (b, v) in buffer.iter_mut().zip(values[start..].iter().step_by(step)) {
                *b = *v;
            }
        }
    }
    buffer
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::elementwise::zip_piece;
    use crate::threads::with_thread_counts;

    #[test]
    fn every_pair_is_met_whatever_the_strides() {
        let source: Vec<i64> = (0..200_000).collect();
        let cases: [(&[usize], &[usize], &[usize]); 9] = [
            (&[], &[], &[]),
            (&[0, 1 << 61], &[9, 9], &[9, 9]),
            (&[70_001], &[1], &[0]),
            (&[70_001], &[2], &[1]),
            (&[1, 70_001], &[5, 1], &[7, 1]),
            (&[300, 1], &[1, 0], &[0, 0]),
            (&[5, 40, 700], &[0, 700, 1], &[28_000, 0, 1]),
            (&[40, 50, 3], &[3, 0, 1], &[150, 3, 1]),
            (&[3, 70, 40], &[2800, 1, 70], &[40, 0, 1]),
        ];
        for (shape, sx, sy) in cases {
            let mut want = Vec::new();
            for mut i in 0..shape.iter().product() {
                let (mut x, mut y) = (0, 0);
                for k in (0..shape.len()).rev() {
                    (x, y) = (x + i % shape[k] * sx[k], y + i % shape[k] * sy[k]);
                    i /= shape[k];
                }
                want.push(1000 * source[x] - source[y]);
            }
            with_thread_counts(|| {
                let mut out = vec![7; want.len()];
                zip_strided(
                    shape,
                    (&source, sx),
                    (&source, sy),
                    &mut out,
                    &|x, y, out| {
                        zip_piece(x, y, out, |x: i64, y: i64| 1000 * x - y);
                    },
                );
                assert!(out == want, "{shape:?}");
            });
        }
    }

    #[test]
    #[should_panic]
    fn an_index_outside_is_refused() {
        let piece = |x: &[u8], _: &[u8], out: &mut [u8]| out.copy_from_slice(x);
        zip_strided(&[3], (&[1, 2, 3], &[2]), (&[1], &[0]), &mut [0; 3], &piece);
    }
}
