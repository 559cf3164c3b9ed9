//! Copies between layouts: shapes with strides over slices.
//!
//! Numbers are moved as words of their size, so that the loops are compiled four times, not once
//! for each type.

use crate::Plain;

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
    match size_of::<T>() {
        1 => copy(
            shape,
            words::<T, u8>(src),
            src_strides,
            words_mut(dst),
            dst_strides,
        ),
        2 => copy(
            shape,
            words::<T, u16>(src),
            src_strides,
            words_mut(dst),
            dst_strides,
        ),
        4 => copy(
            shape,
            words::<T, u32>(src),
            src_strides,
            words_mut(dst),
            dst_strides,
        ),
        8 => copy(
            shape,
            words::<T, u64>(src),
            src_strides,
            words_mut(dst),
            dst_strides,
        ),
        size => unreachable!("no number has {size} bytes"),
    }
}

fn words<T: Plain, W>(values: &[T]) -> &[W] {
    assert!(size_of::<T>() == size_of::<W>() && align_of::<T>() == align_of::<W>());
    // SAFETY: of the same size and alignment; `Plain` types have no padding, and every bit pattern
    // is a word.
    unsafe { std::slice::from_raw_parts(values.as_ptr().cast(), values.len()) }
}

/// The caller writes nothing but words that are values of `T`.
fn words_mut<T: Plain, W>(values: &mut [T]) -> &mut [W] {
    assert!(size_of::<T>() == size_of::<W>() && align_of::<T>() == align_of::<W>());
    // SAFETY: as in `words`; this is private, and `copy` writes words of a slice of `T`.
    unsafe { std::slice::from_raw_parts_mut(values.as_mut_ptr().cast(), values.len()) }
}

/// A dimension: its size and the strides of source and destination.
type Dim = (usize, usize, usize);

/// The dimensions that are longer than 1; those that lie together in both layouts are one.
fn merged(shape: &[usize], src: &[usize], dst: &[usize]) -> Vec<Dim> {
    assert!(
        shape.len() == src.len() && shape.len() == dst.len(),
        "copy_strided: {shape:?} has not strides {src:?} and {dst:?}"
    );
    let mut dims: Vec<Dim> = Vec::with_capacity(shape.len());
    for ((&n, &s), &d) in shape
        .iter()
        .zip(src)
        .zip(dst)
        .filter(|((n, _), _)| **n != 1)
    {
        match dims.last_mut() {
            Some(last) if last.1 == n * s && last.2 == n * d => *last = (last.0 * n, s, d),
            _ => dims.push((n, s, d)),
        }
    }
    dims
}

fn copy<W: Copy>(
    shape: &[usize],
    src: &[W],
    src_strides: &[usize],
    dst: &mut [W],
    dst_strides: &[usize],
) {
    // Where there are no elements, the other sizes and the strides may be any.
    if shape.contains(&0) {
        return;
    }
    let mut dims = merged(shape, src_strides, dst_strides);
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
    let mut at = vec![0; dims.len()];
    let (mut s, mut d) = (0, 0);
    loop {
        f(s, d);
        let mut k = dims.len();
        loop {
            if k == 0 {
                return;
            }
            k -= 1;
            let (n, ss, sd) = dims[k];
            (at[k], s, d) = (at[k] + 1, s + ss, d + sd);
            if at[k] < n {
                break;
            }
            (at[k], s, d) = (0, s - n * ss, d - n * sd);
        }
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
