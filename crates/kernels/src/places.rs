//! Places: the numbers of elements in a row-major array, by coordinates.

use crate::gather::NOWHERE;
use crate::walk::Walk;

/// For each element of `index`, in row-major order of its shape, where it points in an array of these
/// strides: its own coordinates, with that of `dim` replaced by its value. The first value that is
/// not below `size` is an error.
///
/// ```
/// let mut places = [0; 2];
/// // The column of each row of a [2, 3].
/// pleach_kernels::places_along(&[2, 0], &[2, 1], &[3, 1], (1, 3), &mut places).unwrap();
/// assert_eq!(places, [2, 3]);
/// assert_eq!(pleach_kernels::places_along(&[3], &[1], &[1], (0, 3), &mut [0]), Err(3));
/// ```
///
/// # Errors
/// The first value that is no position.
///
/// # Panics
/// If the lengths do not fit the shape.
pub fn places_along(
    index: &[i64],
    shape: &[usize],
    strides: &[usize],
    (dim, size): (usize, usize),
    places: &mut [usize],
) -> Result<(), i64> {
    assert!(
        index.len() == places.len() && index.len() == shape.iter().product(),
        "places_along: {} values and {} places are not {shape:?}",
        index.len(),
        places.len()
    );
    if index.is_empty() {
        return Ok(());
    }
    let others = |(d, (&n, &stride))| (n, if d == dim { 0 } else { stride }, 0);
    let dims: Vec<_> = shape.iter().zip(strides).enumerate().map(others).collect();
    let mut walk = Walk::from(&dims, 0);
    for (place, &value) in places.iter_mut().zip(index) {
        match usize::try_from(value) {
            Ok(at) if at < size => *place = walk.next().0 + at * strides[dim],
            _ => return Err(value),
        }
    }
    Ok(())
}

/// The coordinates of places along a dimension of this size and stride.
///
/// ```
/// let mut rows = [0; 2];
/// pleach_kernels::coordinates(&[1, 5], (2, 3), &mut rows);
/// assert_eq!(rows, [0, 1]);
/// ```
pub fn coordinates(places: &[usize], (size, stride): (usize, usize), out: &mut [i64]) {
    for (to, place) in out.iter_mut().zip(places) {
        *to = (place / stride % size) as i64;
    }
}

/// The places of a grid: for each dimension its coordinates, and its stride in the array.
///
/// ```
/// let mut places = [0; 4];
/// pleach_kernels::grid_places(&[vec![1, 0], vec![0, 2]], &[3, 1], &mut places);
/// assert_eq!(places, [3, 5, 0, 2]);
/// ```
///
/// # Panics
/// If there is not a place for each.
pub fn grid_places(coordinates: &[Vec<usize>], strides: &[usize], places: &mut [usize]) {
    let count: usize = coordinates.iter().map(Vec::len).product();
    assert_eq!(places.len(), count, "grid_places: one place for each");
    if count == 0 {
        return;
    }
    places[0] = 0;
    let mut known = 1;
    for (coordinates, stride) in coordinates.iter().zip(strides) {
        // From the end, so that none is overwritten before it is read.
        for outer in (0..known).rev() {
            let base = places[outer];
            let inner = &mut places[outer * coordinates.len()..];
            for (to, at) in inner.iter_mut().zip(coordinates) {
                *to = base + at * stride;
            }
        }
        known *= coordinates.len();
    }
}

/// The places of the elements of windows over planes of an image, as columns: `[planes, kernel
/// height, kernel width, rows, columns]`. `from_rows` says for each position of the kernel which row
/// each window sees there, [`NOWHERE`] in the padding, `from_cols` likewise; `counts` is how many
/// windows there are along each dimension.
///
/// ```
/// use pleach_kernels::{gather::NOWHERE, window_places};
/// // One row; windows of two columns, the last one half in the padding.
/// let mut places = [0; 4];
/// window_places([1, 1, 2], [&[0], &[0, 1, 1, NOWHERE]], [1, 2], &mut places);
/// assert_eq!(places, [0, 1, 1, NOWHERE]);
/// ```
///
/// # Panics
/// If there is not a place for each.
pub fn window_places(
    [planes, height, width]: [usize; 3],
    [from_rows, from_cols]: [&[usize]; 2],
    counts: [usize; 2],
    places: &mut [usize],
) {
    let count = planes * from_rows.len() * from_cols.len();
    assert_eq!(places.len(), count, "window_places: one place for each");
    let mut places = places.chunks_mut(counts[1].max(1));
    for plane in 0..planes {
        for rows in from_rows.chunks(counts[0]) {
            for cols in from_cols.chunks(counts[1]) {
                for (&row, places) in rows.iter().zip(&mut places) {
                    if row == NOWHERE {
                        places.fill(NOWHERE);
                        continue;
                    }
                    let first = (plane * height + row) * width;
                    for (place, &col) in places.iter_mut().zip(cols) {
                        *place = if col == NOWHERE { col } else { first + col };
                    }
                }
            }
        }
    }
}
