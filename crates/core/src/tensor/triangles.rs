//! The positions of the triangles of a matrix.

use std::ops::Range;

use crate::extent::checked_numel;
use crate::memory::vec_for;
use crate::{Error, Result, Tensor};

/// The positions of the elements of a matrix, row by row, in columns that `range` names for each of
/// these rows: at least one.
fn triangle(rows: Range<usize>, range: impl Fn(usize) -> Range<usize>) -> Result<Tensor> {
    drop(vec_for::<[i64; 2]>(rows.len())?);
    let lengths = rows.clone().map(|i| range(i).len());
    let total = lengths
        .clone()
        .try_fold(0usize, usize::checked_add)
        .ok_or_else(|| Error::shape("numel: integer multiplication overflow"))?;
    let mut values = vec_for(checked_numel(&[2, total])?)?;
    for (i, n) in rows.clone().zip(lengths) {
        values.extend(std::iter::repeat_n(i as i64, n));
    }
    values.extend(rows.flat_map(|i| range(i).map(|j| j as i64)));
    Tensor::from_vec(values, [2, total])
}

/// A place of one dimension counted from one of another, in `0 ..= size`.
fn across(from: usize, offset: i128, size: usize) -> usize {
    (from as i128 + offset).clamp(0, size as i128) as usize
}

/// # Creation: positions
impl Tensor {
    /// The positions of the elements on and below a diagonal of a matrix, in row-major order: their
    /// rows, and below them their columns, as i64.
    ///
    /// # Errors
    /// If the memory cannot be had.
    ///
    /// ```
    /// let at = pleach::Tensor::tril_indices(2, 2, 0)?;
    /// assert_eq!(at.to_vec::<i64>()?, [0, 1, 1, 0, 0, 1]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    pub fn tril_indices(rows: usize, cols: usize, offset: i64) -> Result<Tensor> {
        let offset = i128::from(offset);
        let first = if cols > 0 {
            across(0, -offset, rows)
        } else {
            rows
        };
        triangle(first..rows, |i| 0..across(i, offset + 1, cols))
    }

    /// The positions of the elements on and above a diagonal of a matrix, as
    /// [`Tensor::tril_indices`] has them.
    ///
    /// # Errors
    /// If the memory cannot be had.
    ///
    /// ```
    /// let at = pleach::Tensor::triu_indices(2, 2, 1)?;
    /// assert_eq!(at.to_vec::<i64>()?, [0, 1]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    pub fn triu_indices(rows: usize, cols: usize, offset: i64) -> Result<Tensor> {
        let offset = i128::from(offset);
        let last = if cols > 0 {
            across(cols, -offset, rows)
        } else {
            0
        };
        triangle(0..last, |i| across(i, offset, cols)..cols)
    }
}
