//! Places in sorted rows.

use crate::{Plain, for_each_chunk_mut};

/// Values that one thread takes at least.
const TASK: usize = 1 << 12;

/// For each value, how many elements of a rising row are smaller (with `right`: not larger): where it
/// can be put in. `sorted` is one row of `n` elements for all values, or several, for as many equal
/// parts of them. A nan is put behind all.
///
/// ```
/// let mut places = [0; 3];
/// pleach_kernels::search_rows(&[1.0, 3.0], 2, &[0.0, 3.0, 9.0], false, &mut places);
/// assert_eq!(places, [0, 1, 2]);
/// ```
///
/// # Panics
/// If the lengths do not fit.
pub fn search_rows<T: Plain + PartialOrd>(
    sorted: &[T],
    n: usize,
    values: &[T],
    right: bool,
    out: &mut [i64],
) {
    assert_eq!(values.len(), out.len(), "search_rows: the lengths differ");
    if n == 0 || values.is_empty() {
        return out.fill(0);
    }
    let rows = sorted.len() / n;
    assert!(
        rows > 0 && sorted.len().is_multiple_of(n) && values.len().is_multiple_of(rows),
        "search_rows: {} values are not for rows of {n} of {}",
        values.len(),
        sorted.len()
    );
    let each = values.len() / rows;
    for_each_chunk_mut(out, TASK, |task, out| {
        for (i, out) in out.iter_mut().enumerate() {
            let i = task * TASK + i;
            let (v, row) = (values[i], &sorted[i / each * n..][..n]);
            // Written so that a nan stands behind all.
            #[allow(clippy::neg_cmp_op_on_partial_ord)]
            let place = match right {
                true => row.partition_point(|s| !(*s > v)),
                false => row.partition_point(|s| !(*s >= v)),
            };
            *out = place as i64;
        }
    });
}
