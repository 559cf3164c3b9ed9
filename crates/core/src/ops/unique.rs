//! Elements, or slices, each of them once.

use std::cmp::Ordering;

use pleach_kernels::sort::Key;
use pleach_kernels::{Buffer, argsort_rows, group_neighbours};

use super::elementwise::written;
use crate::memory::collect;
use crate::shape::{Shape, resolve_dim};
use crate::{DType, Error, Result, Tensor};

/// What [`Tensor::unique`] and its relatives give.
#[derive(Clone, Debug)]
pub struct Unique {
    /// The elements or slices, each once.
    pub values: Tensor,
    /// For each element (or slice) of the tensor, which of them it is.
    pub inverse: Tensor,
    /// How often each of them is there.
    pub counts: Tensor,
}

/// # Elements, each once
impl Tensor {
    /// The elements that differ, in rising order. Every nan differs.
    ///
    /// ```
    /// let unique = pleach::tensor![3, 1, 3, 2].unique()?;
    /// assert_eq!(unique.values.to_vec::<i64>()?, [1, 2, 3]);
    /// assert_eq!(unique.inverse.to_vec::<i64>()?, [2, 0, 2, 1]);
    /// assert_eq!(unique.counts.to_vec::<i64>()?, [1, 1, 2]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the memory cannot be had.
    pub fn unique(&self) -> Result<Unique> {
        self.unique_elements(true)
    }

    /// The slices of a dimension that differ, in lexicographic order.
    ///
    /// ```
    /// let unique = pleach::tensor![[1, 2], [0, 5], [1, 2]].unique_dim(0)?;
    /// assert_eq!(unique.values.to_vec::<i64>()?, [0, 5, 1, 2]);
    /// assert_eq!(unique.counts.to_vec::<i64>()?, [1, 2]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the dimension does not exist, or another one is empty.
    pub fn unique_dim(&self, dim: i64) -> Result<Unique> {
        self.unique_slices(dim, true)
    }

    /// The elements in row-major order, without those that equal the one before.
    ///
    /// ```
    /// let unique = pleach::tensor![1, 1, 2, 1].unique_consecutive()?;
    /// assert_eq!(unique.values.to_vec::<i64>()?, [1, 2, 1]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the memory cannot be had.
    pub fn unique_consecutive(&self) -> Result<Unique> {
        self.unique_elements(false)
    }

    /// The slices of a dimension in order, without those that equal the one before.
    ///
    /// # Errors
    /// If the dimension does not exist, or another one is empty.
    pub fn unique_consecutive_dim(&self, dim: i64) -> Result<Unique> {
        self.unique_slices(dim, false)
    }

    fn unique_elements(&self, sorted: bool) -> Result<Unique> {
        let flat = self.detach().reshape([-1i64])?;
        let wide = flat.to_dtype(self.dtype().comparable())?.contiguous()?;
        dispatch_number!("unique", wide.dtype(), T => {
            let x = wide.as_slice::<T>()?;
            let order = match sorted {
                true => written(&wide, |x: &[T], at| argsort_rows(x, x.len(), false, at))?,
                false => Tensor::try_arange(x.len())?,
            };
            grouped(&flat, 0, &order, self.shape(), |a, b| x[a] == x[b])
        })
    }

    fn unique_slices(&self, dim: i64, sorted: bool) -> Result<Unique> {
        let d = resolve_dim(dim, self.rank())?;
        if self.rank() == 0 {
            return Err(Error::index(format!(
                "Dimension specified as {dim} but tensor has no dimensions"
            )));
        }
        let (x, n) = (self.detach(), self.shape()[d]);
        let empty = self.shape().iter().filter(|n| **n == 0).count();
        match (n, empty) {
            (0, 1) => {
                let none = Tensor::try_zeros_of([0], DType::I64)?;
                return Ok(Unique {
                    values: x,
                    inverse: none.clone(),
                    counts: none,
                });
            }
            (0, _) => {
                return Err(Error::shape(
                    "Number of zero sized dimensions is more than one, so unique cannot be applied ",
                ));
            }
            (_, 0) => {}
            _ => {
                return Err(Error::shape(
                    "There are 0 sized dimensions, and they aren't selected, so unique cannot be applied",
                ));
            }
        }
        let others = (0..self.rank()).filter(|k| *k != d);
        let front: Vec<i64> = [d].into_iter().chain(others).map(|k| k as i64).collect();
        let rows = x.permute(front)?.to_dtype(self.dtype().comparable())?;
        let rows = rows.contiguous()?;
        dispatch_number!("unique", rows.dtype(), T => {
            let (all, width) = (rows.as_slice::<T>()?, rows.numel() / n);
            let row = |i: usize| &all[i * width..(i + 1) * width];
            let mut order = collect(0..n)?;
            if sorted {
                order.sort_by(|&a, &b| compare(row(a), row(b)));
            }
            let order = collect(order.into_iter().map(|at| at as i64))?;
            let order = Tensor::from_vec(order, [n])?;
            grouped(&x, d, &order, &[n], |a, b| row(a) == row(b))
        })
    }
}

/// The order of rows by their first elements that differ.
fn compare<T: Key>(a: &[T], b: &[T]) -> Ordering {
    a.iter().map(|v| v.key()).cmp(b.iter().map(|v| v.key()))
}

/// The groups of slices of `x` that are the `same` and neighbours in `order`.
fn grouped(
    x: &Tensor,
    dim: usize,
    order: &Tensor,
    inverse_shape: &[usize],
    same: impl Fn(usize, usize) -> bool,
) -> Result<Unique> {
    let order = order.as_slice::<i64>()?;
    let mut inverse = Buffer::<i64>::try_new(order.len())?;
    let begins = group_neighbours(order, same, &mut inverse);
    let ends = begins.iter().skip(1).copied().chain([order.len()]);
    let counts = begins
        .iter()
        .zip(ends)
        .map(|(begin, end)| (end - begin) as i64);
    let counts = Tensor::from_vec(counts.collect::<Vec<i64>>(), [begins.len()])?;
    let firsts: Vec<i64> = begins.iter().map(|&i| order[i]).collect();
    let firsts = Tensor::from_vec(firsts, [begins.len()])?;
    Ok(Unique {
        values: x.index_select(dim as i64, &firsts)?,
        inverse: Tensor::from_buffer(inverse, Shape::from_slice(inverse_shape)),
        counts,
    })
}
