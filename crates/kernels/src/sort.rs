//! The order of numbers.

use std::cmp::Ordering;

use crate::{Plain, for_each_chunk_mut};

/// Elements that one thread takes at least.
const TASK: usize = 1 << 12;

/// For each row of `n` elements, the positions of its elements in order; equal ones keep theirs, and a
/// nan is the largest.
///
/// ```
/// let mut order = [0; 3];
/// pleach_kernels::argsort_rows(&[3.0, f64::NAN, 1.0], 3, false, &mut order);
/// assert_eq!(order, [2, 0, 1]);
/// ```
///
/// # Panics
/// If the lengths differ.
pub fn argsort_rows<T: Plain + PartialOrd>(x: &[T], n: usize, descending: bool, order: &mut [i64]) {
    assert_eq!(x.len(), order.len(), "argsort_rows: the lengths differ");
    let n = n.max(1);
    let each = (TASK / n).max(1) * n;
    for_each_chunk_mut(order, each, |task, order| {
        for (row, order) in x[task * each..].chunks(n).zip(order.chunks_mut(n)) {
            (0..).zip(&mut *order).for_each(|(i, to)| *to = i);
            order.sort_by(|&a, &b| {
                let (a, b) = if descending { (b, a) } else { (a, b) };
                compare(row[a as usize], row[b as usize])
            });
        }
    });
}

/// The order of numbers with nan as the largest.
fn compare<T: PartialOrd>(a: T, b: T) -> Ordering {
    // Only a nan differs from itself.
    #[allow(clippy::eq_op)]
    match (a != a, b != b) {
        (false, false) => a.partial_cmp(&b).unwrap_or(Ordering::Equal),
        (a_nan, b_nan) => a_nan.cmp(&b_nan),
    }
}
