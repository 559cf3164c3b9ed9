//! Sums over the classes of neighbouring positions.

use crate::Float;
use crate::math::MulAdd;

/// Positions that are treated together where there are several in a sample.
pub(super) const COLUMNS: usize = 128;

/// Sums of the columns of a few rows: many rows are added in parts, to lose fewer digits.
pub(super) struct Part<T> {
    pub sums: [T; COLUMNS],
    rows: usize,
}

impl<T: Float> Part<T> {
    /// Rows that are added without a break.
    const ROWS: usize = 64;

    #[inline(always)]
    pub fn new() -> Self {
        Part {
            sums: [T::ZERO; COLUMNS],
            rows: 0,
        }
    }

    /// Counts a row that was added, and passes full parts on to the totals.
    #[inline(always)]
    pub fn end_row(&mut self, totals: &mut [T]) {
        self.rows += 1;
        if self.rows == Self::ROWS {
            self.flush(totals);
        }
    }

    #[inline(always)]
    pub fn flush(&mut self, totals: &mut [T]) {
        for (total, sum) in totals.iter_mut().zip(&mut self.sums) {
            *total += *sum;
            *sum = T::ZERO;
        }
        self.rows = 0;
    }
}

/// The maximum of each column, and the logarithm of the sum of `exp(score - maximum)`. Rows are
/// the scores of a class.
#[inline(always)]
pub(super) fn softmax_columns<'a, T: Float, M: MulAdd>(
    rows: impl Iterator<Item = &'a [T]> + Clone,
    max: &mut [T],
    log_sum: &mut [T],
) {
    max.fill(T::LOWEST);
    for row in rows.clone() {
        for (max, v) in max.iter_mut().zip(row) {
            *max = if *v > *max { *v } else { *max };
        }
    }
    log_sum.fill(T::ZERO);
    let mut part = Part::new();
    for row in rows {
        for ((sum, max), v) in part.sums.iter_mut().zip(&*max).zip(row) {
            *sum += (*v - *max).exp::<M>();
        }
        part.end_row(log_sum);
    }
    part.flush(log_sum);
    for sum in log_sum {
        *sum = sum.ln::<M>();
    }
}
