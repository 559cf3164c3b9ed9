//! Copies with the elements in other places, and triangles of matrices.

use crate::words::{by_words, words, words_mut};
use crate::{Plain, for_each_chunk_mut};

/// Elements that one thread takes at least.
const TASK: usize = 1 << 14;

/// A row-major array with the order of some dimensions reversed.
///
/// ```
/// let mut out = [0; 4];
/// pleach_kernels::flip(&[1, 2, 3, 4], &[2, 2], &[true, false], &mut out);
/// assert_eq!(out, [3, 4, 1, 2]);
/// ```
///
/// # Panics
/// If the lengths do not fit the shape.
pub fn flip<T: Plain>(x: &[T], shape: &[usize], reversed: &[bool], out: &mut [T]) {
    let count: usize = shape.iter().product();
    assert!(
        x.len() == count && out.len() == count && shape.len() == reversed.len(),
        "flip: input, output and dimensions are not those of {shape:?}"
    );
    by_words!(T, W => {
        // SAFETY: what is written are words of a slice of `T`.
        let out = unsafe { words_mut::<T, W>(out) };
        flip_words(words::<T, W>(x), shape, reversed, out);
    });
}

fn flip_words<W: Copy>(x: &[W], shape: &[usize], reversed: &[bool], out: &mut [W]) {
    let Some(outer) = reversed.iter().position(|r| *r).filter(|_| !x.is_empty()) else {
        return out.copy_from_slice(x);
    };
    // Blocks of all dimensions up to the first reversed one change places with their mirror images.
    let inner: usize = shape[outer + 1..].iter().product();
    let blocks = (x.chunks(shape[outer] * inner)).zip(out.chunks_mut(shape[outer] * inner));
    for (x, out) in blocks {
        for (x, out) in x.chunks(inner).rev().zip(out.chunks_mut(inner)) {
            match inner {
                1 => out[0] = x[0],
                _ => flip_words(x, &shape[outer + 1..], &reversed[outer + 1..], out),
            }
        }
    }
}

/// Sets what is above (or, if `lower` is false, below) a diagonal of matrices to zero: elements
/// `[i, j]` with `j - i` larger (smaller) than its offset.
///
/// ```
/// let mut x = [1, 2, 3, 4];
/// pleach_kernels::keep_triangle(&mut x, (2, 2), 0, true);
/// assert_eq!(x, [1, 0, 3, 4]);
/// ```
pub fn keep_triangle<T: Plain>(
    x: &mut [T],
    (rows, cols): (usize, usize),
    diagonal: i64,
    lower: bool,
) {
    by_words!(T, W => {
        // SAFETY: what is written are zeros.
        let x = unsafe { words_mut::<T, W>(x) };
        let matrix = (rows * cols).max(1);
        for_each_chunk_mut(x, (TASK / matrix).max(1) * matrix, |_, x| {
            for (i, row) in x.chunks_mut(cols).enumerate() {
                let on = ((i % rows) as i64).saturating_add(diagonal);
                // The columns from the first on the diagonal, or from the first beyond it.
                let cut = |at: i64| at.clamp(0, cols as i64) as usize;
                match lower {
                    true => row[cut(on.saturating_add(1))..].fill(0),
                    false => row[..cut(on)].fill(0),
                }
            }
        });
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_element_goes_to_its_mirror_image() {
        let shape = [3, 1, 4, 2];
        let x: Vec<u16> = (0..24).collect();
        for mask in 0..16 {
            let reversed: [bool; 4] = std::array::from_fn(|d| mask >> d & 1 == 1);
            let mut out = [0; 24];
            flip(&x, &shape, &reversed, &mut out);
            for (i, got) in out.into_iter().enumerate() {
                let (mut rest, mut from, mut step) = (i, 0, 1);
                for (&n, &back) in shape.iter().zip(&reversed).rev() {
                    let at = rest % n;
                    from += step * if back { n - 1 - at } else { at };
                    (rest, step) = (rest / n, step * n);
                }
                assert_eq!(got, x[from], "{reversed:?} {i}");
            }
        }
        flip::<u8>(&[], &[2, 0], &[true, true], &mut []);
    }

    #[test]
    fn triangles_keep_one_side_of_any_diagonal() {
        for (rows, cols) in [(3usize, 5usize), (5, 3), (1, 1), (0, 4), (4, 0)] {
            for diagonal in [i64::MIN, -9, -2, -1, 0, 1, 2, 9, i64::MAX] {
                for lower in [true, false] {
                    let mut x = vec![true; 2 * rows * cols];
                    keep_triangle(&mut x, (rows, cols), diagonal, lower);
                    for (at, kept) in x.into_iter().enumerate() {
                        let (i, j) = (at / cols % rows, at % cols);
                        let right = j as i128 - i as i128 - i128::from(diagonal);
                        let want = if lower { right <= 0 } else { right >= 0 };
                        assert_eq!(kept, want, "{i} {j} {diagonal} {lower}");
                    }
                }
            }
        }
    }
}
