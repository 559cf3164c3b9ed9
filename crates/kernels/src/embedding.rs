//! Sums and maxima of rows by their numbers: what bags of embeddings are, and the gradients of tables.

use crate::threads::Disjoint;
use crate::{Float, parallel_for};

/// Elements of one piece of work.
const TASK: usize = 1 << 14;

/// Which rows are added to which: row `from[i]`, times `factors[i]` if there are factors, to row
/// `to[i]`.
#[derive(Copy, Clone, Debug)]
pub struct RowPairs<'a, T> {
    /// Rows of the input.
    pub from: &'a [usize],
    /// Rows of the output.
    pub to: &'a [usize],
    /// What they are multiplied with.
    pub factors: Option<&'a [T]>,
}

/// The numbers of the pairs that each piece of the output takes, in the pairs' order.
struct Pieces {
    /// Output rows of a piece.
    rows: usize,
    /// Where each piece's pairs begin in `order`, and the end.
    starts: Vec<usize>,
    order: Vec<usize>,
}

impl Pieces {
    fn new(to: &[usize], out_rows: usize, width: usize) -> Self {
        let rows = (TASK / width).max(1);
        let count = out_rows.div_ceil(rows);
        let mut starts = vec![0; count + 1];
        for row in to {
            starts[row / rows + 1] += 1;
        }
        for i in 0..count {
            starts[i + 1] += starts[i];
        }
        let (mut next, mut order) = (starts.clone(), vec![0; to.len()]);
        for (i, row) in to.iter().enumerate() {
            let place = &mut next[row / rows];
            order[*place] = i;
            *place += 1;
        }
        Pieces {
            rows,
            starts,
            order,
        }
    }

    /// Runs `f(first row, number of rows, pairs)` for every piece.
    fn for_each(&self, out_rows: usize, f: impl Fn(usize, usize, &[usize]) + Sync) {
        parallel_for(self.starts.len() - 1, |piece| {
            let first = piece * self.rows;
            let pairs = self.starts[piece]..self.starts[piece + 1];
            f(first, self.rows.min(out_rows - first), &self.order[pairs]);
        });
    }
}

/// The rows of an input and an output of rows of `width`, after the numbers were checked.
fn check_pairs<T>(name: &str, pairs: &RowPairs<'_, T>, width: usize, lens: [usize; 2]) -> usize {
    let RowPairs { from, to, factors } = pairs;
    let factors = factors.map_or(to.len(), <[T]>::len);
    assert!(
        from.len() == to.len() && factors == to.len(),
        "{name}: {} rows to {} with {factors} factors",
        from.len(),
        to.len()
    );
    let [x_rows, out_rows] = lens.map(|len| {
        assert!(
            len.is_multiple_of(width),
            "{name}: {len} elements are no rows of {width}"
        );
        len / width
    });
    assert!(
        from.iter().all(|row| *row < x_rows) && to.iter().all(|row| *row < out_rows),
        "{name}: no such row"
    );
    out_rows
}

/// `out`, of rows of `width` elements, becomes the sums of the rows of `x` that the pairs name, added in
/// their order; 0 where there are none.
///
/// ```
/// use pleach_kernels::{RowPairs, sum_rows};
/// let pairs = RowPairs { from: &[0, 1, 1], to: &[2, 2, 0], factors: Some(&[1.0, 0.5, 3.0]) };
/// let mut out = [9.0f32; 6];
/// sum_rows(&[1.0, 2.0, 10.0, 20.0], 2, pairs, &mut out);
/// assert_eq!(out, [30.0, 60.0, 0.0, 0.0, 6.0, 12.0]);
/// ```
///
/// # Panics
/// If a length does not fit, or there is no such row.
pub fn sum_rows<T: Float>(x: &[T], width: usize, pairs: RowPairs<'_, T>, out: &mut [T]) {
    if width == 0 {
        return;
    }
    let rows = check_pairs("sum_rows", &pairs, width, [x.len(), out.len()]);
    let pieces = Pieces::new(pairs.to, rows, width);
    let out = Disjoint::new(out);
    pieces.for_each(rows, |first, rows, order| {
        // SAFETY: each piece has rows of its own.
        let out = unsafe { out.slice(first * width, rows * width) };
        out.fill(T::ZERO);
        for &i in order {
            let x = &x[pairs.from[i] * width..][..width];
            let to = &mut out[(pairs.to[i] - first) * width..][..width];
            match pairs.factors {
                Some(factors) => {
                    let factor = factors[i];
                    to.iter_mut().zip(x).for_each(|(to, x)| *to += factor * *x);
                }
                None => to.iter_mut().zip(x).for_each(|(to, x)| *to += *x),
            }
        }
    });
}

/// The largest elements, column by column, of the rows of `x` that the pairs name, and the numbers of
/// the rows they come from: of equal ones the first pair's. As in PyTorch, a nan is not larger than
/// another value, nor another value than it. Where there are no rows both are 0; factors do not count.
///
/// ```
/// use pleach_kernels::{RowPairs, max_rows};
/// let pairs = RowPairs { from: &[0, 1], to: &[1, 1], factors: None };
/// let (mut out, mut from) = ([9.0f32; 4], [9; 4]);
/// max_rows(&[1.0, 20.0, 10.0, 2.0], 2, pairs, &mut out, &mut from);
/// assert_eq!((out, from), ([0.0, 0.0, 10.0, 20.0], [0, 0, 1, 0]));
/// ```
///
/// # Panics
/// If a length does not fit, or there is no such row.
pub fn max_rows<T: Float>(
    x: &[T],
    width: usize,
    pairs: RowPairs<'_, T>,
    out: &mut [T],
    from: &mut [i64],
) {
    assert_eq!(
        out.len(),
        from.len(),
        "max_rows: the lengths of the outputs"
    );
    if width == 0 {
        return;
    }
    let rows = check_pairs("max_rows", &pairs, width, [x.len(), out.len()]);
    let pieces = Pieces::new(pairs.to, rows, width);
    let (out, origin) = (Disjoint::new(out), Disjoint::new(from));
    pieces.for_each(rows, |first, rows, order| {
        // SAFETY: each piece has rows of its own.
        let (out, origin) = unsafe {
            (
                out.slice(first * width, rows * width),
                origin.slice(first * width, rows * width),
            )
        };
        out.fill(T::ZERO);
        origin.fill(0);
        let mut empty = vec![true; rows];
        for &i in order {
            let (row, number) = (pairs.to[i] - first, pairs.from[i]);
            let x = &x[number * width..][..width];
            let is_first = std::mem::replace(&mut empty[row], false);
            let to = out[row * width..][..width].iter_mut();
            for ((to, origin), x) in to.zip(&mut origin[row * width..]).zip(x) {
                if is_first || *x > *to {
                    (*to, *origin) = (*x, number as i64);
                }
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::threads::with_thread_counts;

    #[test]
    fn sums_and_maxima_are_those_of_a_plain_loop_with_any_number_of_threads() {
        for (x_rows, out_rows, width, count) in [(7, 5, 3, 40), (3, 4000, 70, 900), (50, 1, 1, 0)] {
            let mut state = 1u32;
            let mut next = |below: usize| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 8) as usize % below
            };
            let from: Vec<usize> = (0..count).map(|_| next(x_rows)).collect();
            let to: Vec<usize> = (0..count).map(|_| next(out_rows)).collect();
            let factors: Vec<f32> = (0..count).map(|_| next(9) as f32 - 4.0).collect();
            let x: Vec<f32> = (0..x_rows * width).map(|_| next(99) as f32 / 7.0).collect();
            let mut sums = vec![0.0f32; out_rows * width];
            let mut maxima = vec![(0.0f32, 0); out_rows * width];
            let mut seen = vec![false; out_rows];
            for i in 0..count {
                for k in 0..width {
                    let (x, at) = (x[from[i] * width + k], to[i] * width + k);
                    sums[at] += factors[i] * x;
                    if !seen[to[i]] || x > maxima[at].0 {
                        maxima[at] = (x, from[i] as i64);
                    }
                }
                seen[to[i]] = true;
            }
            let factors = Some(&factors[..]);
            let (from, to) = (&from[..], &to[..]);
            with_thread_counts(|| {
                let mut out = vec![f32::NAN; sums.len()];
                sum_rows(&x, width, RowPairs { from, to, factors }, &mut out);
                assert!(out == sums, "{out_rows}x{width}");
                let mut origin = vec![-1; sums.len()];
                max_rows(
                    &x,
                    width,
                    RowPairs { from, to, factors },
                    &mut out,
                    &mut origin,
                );
                let got: Vec<_> = out.into_iter().zip(origin).collect();
                assert!(got == maxima, "{out_rows}x{width}");
            });
        }
    }

    #[test]
    #[should_panic(expected = "no such row")]
    fn a_row_outside_is_refused() {
        let pairs = RowPairs {
            from: &[1],
            to: &[0],
            factors: None,
        };
        sum_rows(&[1.0f32], 1, pairs, &mut [0.0]);
    }
}
