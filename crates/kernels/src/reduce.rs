//! Sums and other reductions, over everything or along one axis.
//!
//! The bits of a result depend on the shape alone: not on the threads, not on the instruction set.

mod fold;
mod moments;
mod scan;
mod sum;

pub use fold::{arg_extreme_axis, fold_axis};
pub use moments::moments_axis;
pub use scan::{product_of_others, scan_axis};
pub use sum::{sum, sum_axis};

/// Columns that are reduced together.
const LANES: usize = 64;
/// Elements that one thread takes at least: a power of two of the blocks of a sum.
const CHUNK: usize = 1 << 16;

/// Checks the lengths that all reductions along an axis share.
fn check_axis(name: &str, x: usize, outer: usize, n: usize, inner: usize, out: usize) {
    let outputs = outer
        .checked_mul(inner)
        .expect("a shape of fewer than usize::MAX elements");
    assert_eq!(out, outputs, "{name}: the output is not [{outer}, {inner}]");
    assert_eq!(
        Some(x),
        outputs.checked_mul(n),
        "{name}: the input is not [{outer}, {n}, {inner}]"
    );
}

/// How many outputs of a reduction over `n` elements make a piece of work worth a thread.
fn outputs_per_task(n: usize) -> usize {
    (CHUNK / 2 / n.max(1)).max(1).next_multiple_of(LANES)
}

/// Cuts the flat output range `start..start + len` into runs within one outer index and calls
/// `f(outer index, first inner index, position in the range, length)`.
#[inline(always)]
fn for_each_run(
    start: usize,
    len: usize,
    inner: usize,
    mut f: impl FnMut(usize, usize, usize, usize),
) {
    let mut done = 0;
    while done < len {
        let (o, column) = ((start + done) / inner, (start + done) % inner);
        let width = (len - done).min(inner - column);
        f(o, column, done, width);
        done += width;
    }
}

#[cfg(test)]
mod tests;
