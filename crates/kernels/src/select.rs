//! Choosing: one of two values for each element, the places where something is true.

use crate::words::{by_words, words, words_mut};
use crate::{Plain, for_each_chunk_mut};

/// Elements of one piece of work.
const TASK: usize = 1 << 14;

/// `out[i]` is `a[i]` where the condition is true, else `b[i]`.
///
/// ```
/// let mut out = [0; 3];
/// pleach_kernels::select(&[true, false, true], &[1, 2, 3], &[10, 20, 30], &mut out);
/// assert_eq!(out, [1, 20, 3]);
/// ```
///
/// # Panics
/// If the lengths differ.
pub fn select<T: Plain>(condition: &[bool], a: &[T], b: &[T], out: &mut [T]) {
    assert!(
        condition.len() == out.len() && a.len() == out.len() && b.len() == out.len(),
        "select: the lengths differ"
    );
    by_words!(T, W => {
        let (a, b) = (words::<T, W>(a), words::<T, W>(b));
        // SAFETY: what is written are words of slices of `T`.
        let out = unsafe { words_mut::<T, W>(out) };
        for_each_chunk_mut(out, TASK, |task, out| {
            let from = task * TASK;
            let inputs = condition[from..].iter().zip(&a[from..]).zip(&b[from..]);
            for (out, ((condition, a), b)) in out.iter_mut().zip(inputs) {
                // All bits or none: a branch would be taken wrongly half of the time.
                let mask = W::from(*condition).wrapping_neg();
                *out = a & mask | b & !mask;
            }
        });
    });
}

/// How many are true.
///
/// ```
/// assert_eq!(pleach_kernels::count_true(&[true, false, true]), 2);
/// ```
pub fn count_true(mask: &[bool]) -> usize {
    mask.iter().filter(|hit| **hit).count()
}

/// The places of those that are true, in order.
///
/// ```
/// let mut places = [0; 2];
/// pleach_kernels::true_places(&[true, false, true], &mut places);
/// assert_eq!(places, [0, 2]);
/// ```
///
/// # Panics
/// If there is not one place for each (see [`count_true`]).
pub fn true_places(mask: &[bool], places: &mut [usize]) {
    assert_eq!(
        places.len(),
        count_true(mask),
        "true_places: one place for each"
    );
    let mut known = 0;
    for (i, hit) in mask.iter().enumerate() {
        // Written in any case, and kept if it is a hit: so there is no branch on it.
        if let Some(to) = places.get_mut(known) {
            *to = i;
        }
        known += usize::from(*hit);
    }
}
