//! Copies between layouts: shapes with strides over slices.
//!
//! Numbers are moved as words of their size.

use crate::Plain;
use crate::walk::{Dim, Walk, merged};
use crate::words::{by_words, words, words_mut};

/// Rows and columns of a square that is copied at once where the two layouts run across each
/// other, so that cache lines are used whole.
const TILE: usize = 32;

/// `dst[i · dst_strides] = src[i · src_strides]` for every index `i` of the shape.
///
/// ```
/// let mut turned = [0; 6];
/// // Row-major 3x2, read across.
/// pleach_kernels::copy_strided(&[2, 3], &[1, 2, 3, 4, 5, 6], &[1, 2], &mut turned, &[3, 1]);
/// assert_eq!(turned, [1, 3, 5, 2, 4, 6]);
/// ```
///
/// # Panics
/// If a shape and its strides differ in length, or an index lies outside its slice.
pub fn copy_strided<T: Plain>(
    shape: &[usize],
    src: &[T],
    src_strides: &[usize],
    dst: &mut [T],
    dst_strides: &[usize],
) {
    by_words!(T, W => {
        // SAFETY: `copy` writes words of a slice of `T`.
        let dst = unsafe { words_mut::<T, W>(dst) };
        copy(shape, words::<T, W>(src), src_strides, dst, dst_strides)
    });
}

fn copy<W: Copy>(
    shape: &[usize],
    src: &[W],
    src_strides: &[usize],
    dst: &mut [W],
    dst_strides: &[usize],
) {
    let Some(mut dims) = merged(shape, src_strides, dst_strides) else {
        return;
    };
    let row = dims.pop().unwrap_or((1, 1, 1));
    // If rows are not read as they lie, the dimension along which the source lies together.
    let across = match row.1 {
        0 | 1 => None,
        _ => dims.iter().position(|d| d.1 == 1),
    };
    let Some(across) = across else {
        each(&dims, |s, d| copy_row(row, src, s, dst, d));
        return;
    };
    let column = dims.remove(across);
    each(&dims, |s, d| {
        for i in (0..column.0).step_by(TILE) {
            for j in (0..row.0).step_by(TILE) {
                let part = (TILE.min(row.0 - j), row.1, row.2);
                for i in i..column.0.min(i + TILE) {
                    let (s, d) = (s + i * column.1 + j * row.1, d + i * column.2 + j * row.2);
                    copy_row(part, src, s, dst, d);
                }
            }
        }
    });
}

#[inline]
fn copy_row<W: Copy>((n, ss, sd): Dim, src: &[W], s: usize, dst: &mut [W], d: usize) {
    match (ss, sd) {
        (1, 1) => dst[d..d + n].copy_from_slice(&src[s..s + n]),
        (0, 1) => dst[d..d + n].fill(src[s]),
        _ => {
            for i in 0..n {
                dst[d + i * sd] = src[s + i * ss];
            }
        }
    }
}

/// Calls `f` with the offsets of every index.
fn each(dims: &[Dim], mut f: impl FnMut(usize, usize)) {
    let mut walk = Walk::from(dims, 0);
    for _ in 0..dims.iter().map(|d| d.0).product() {
        let (s, d) = walk.next();
        f(s, d);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Copies index by index.
    fn naive(shape: &[usize], src: &[u16], ss: &[usize], dst: &mut [u16], sd: &[usize]) {
        for mut i in 0..shape.iter().product() {
            let (mut s, mut d) = (0, 0);
            for k in (0..shape.len()).rev() {
                (s, d) = (s + i % shape[k] * ss[k], d + i % shape[k] * sd[k]);
                i /= shape[k];
            }
            dst[d] = src[s];
        }
    }

    #[test]
    fn sizes_and_strides_beside_a_zero_may_be_any() {
        let (n, far) = (1 << 61, usize::MAX);
        let mut dst = [0; 4];
        copy_strided(&[n, 0, n], &[1u16; 4], &[far; 3], &mut dst, &[far; 3]);
        assert_eq!(dst, [0; 4]);
    }

    #[test]
    fn every_index_is_copied() {
        let cases: [(&[usize], &[usize], &[usize]); 9] = [
            (&[], &[], &[]),
            (&[0, 3], &[3, 1], &[3, 1]),
            (&[5], &[2], &[3]),
            (&[3, 4], &[4, 1], &[4, 1]),
            (&[70, 45], &[1, 70], &[45, 1]),
            (&[4, 3, 5], &[0, 1, 0], &[15, 5, 1]),
            (&[2, 40, 3, 33], &[3960, 1, 1320, 40], &[3960, 99, 33, 1]),
            (&[3, 1, 2], &[2, 9, 1], &[1, 7, 40]),
            (&[6, 7], &[7, 1], &[1, 6]),
        ];
        let src: Vec<u16> = (0..8000).collect();
        for (shape, ss, sd) in cases {
            let (mut got, mut want) = (vec![9; 8000], vec![9; 8000]);
            copy_strided(shape, &src, ss, &mut got, sd);
            naive(shape, &src, ss, &mut want, sd);
            assert!(got == want, "{shape:?}");
        }
    }

    #[test]
    fn every_size_of_number_is_moved() {
        let mut bools = [false; 2];
        copy_strided(&[2], &[true, false, true], &[2], &mut bools, &[1]);
        assert_eq!(bools, [true, true]);
        let mut floats = [0.0f64; 2];
        copy_strided(&[2], &[1.5, -2.0], &[1], &mut floats, &[1]);
        assert_eq!(floats, [1.5, -2.0]);
        let mut floats = [0.0f32; 2];
        copy_strided(&[2], &[f32::NAN, -0.0], &[1], &mut floats, &[1]);
        assert!(floats[0].is_nan() && floats[1].is_sign_negative());
    }

    #[test]
    #[should_panic]
    fn an_index_outside_is_refused() {
        copy_strided(&[3], &[1, 2, 3], &[2], &mut [0; 3], &[1]);
    }
}
