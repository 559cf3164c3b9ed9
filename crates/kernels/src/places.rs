//! Places: the numbers of elements in a row-major array, by coordinates.

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
