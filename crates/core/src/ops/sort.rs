//! Order along a dimension: sort, the k largest, the median.

use std::cmp::Ordering;

use pleach_kernels::Buffer;
use smallvec::{SmallVec, smallvec};

use super::extreme::shared_by_hits;
use crate::autograd::{Backward, GradFn, InputGrads, record, record_many};
use crate::memory::vec_for;
use crate::shape::{Shape, resolve_dim};
use crate::{DType, Element, Error, Result, Tensor};

/// A tensor's rows along one dimension: the elements, rearranged so that this dimension is last.
struct Rows {
    /// Contiguous, no history.
    x: Tensor,
    n: usize,
    /// The order of dimensions that undoes the rearrangement.
    back: SmallVec<[i64; 6]>,
}

impl Rows {
    fn new(x: &Tensor, dim: usize) -> Result<Rows> {
        let rank = x.rank() as i64;
        let d = dim as i64;
        // The dimension goes last: the others keep their order.
        let mut order: SmallVec<[i64; 6]> = (0..rank).filter(|k| *k != d).collect();
        let mut back: SmallVec<[i64; 6]> = (0..rank - 1).collect();
        if rank > 0 {
            order.push(d);
            back.insert(dim, rank - 1);
        } else {
            back.clear();
        }
        Ok(Rows {
            x: x.detach().permute(&order[..])?.contiguous()?,
            n: x.shape().get(dim).copied().unwrap_or(1),
            back,
        })
    }

    /// For each row, the positions of its elements in order; equal ones keep theirs.
    fn order(&self, descending: bool) -> Result<Tensor> {
        let x = self.x.to_dtype(self.x.dtype().comparable())?;
        dispatch_number!("sort", x.dtype(), T => {
            let x = x.as_slice::<T>()?;
            let mut out = Buffer::<i64>::try_new(x.len())?;
            let mut order: Vec<usize> = vec_for(self.n)?;
            for (row, out) in x.chunks(self.n.max(1)).zip(out.chunks_mut(self.n.max(1))) {
                order.clear();
                order.extend(0..self.n);
                order.sort_by(|&a, &b| {
                    let (a, b) = if descending { (b, a) } else { (a, b) };
                    compare(row[a], row[b])
                });
                for (to, &i) in out.iter_mut().zip(&order) {
                    *to = i as i64;
                }
            }
            Tensor::from_buffer(out, self.x.shape()).permute(&self.back[..])?.contiguous()
        })
    }
}

/// The order of numbers with nan as the largest.
fn compare<T: Element>(a: T, b: T) -> Ordering {
    // Only a nan differs from itself.
    #[allow(clippy::eq_op)]
    match (a != a, b != b) {
        (false, false) => a.partial_cmp(&b).unwrap_or(Ordering::Equal),
        (a_nan, b_nan) => a_nan.cmp(&b_nan),
    }
}

/// The backward step of operations that pick elements along a dimension: each gradient goes back
/// to the position that its element came from.
struct ReorderBackward {
    name: &'static str,
    dim: i64,
    shape: Shape,
    positions: Tensor,
}

impl GradFn for ReorderBackward {
    fn name(&self) -> &'static str {
        self.name
    }

    fn backward(&self, grads: &[Option<Tensor>]) -> Result<InputGrads> {
        let Some(Some(g)) = grads.first() else {
            return Ok(InputGrads::new());
        };
        let zeros = Tensor::try_zeros_of(&self.shape, g.dtype())?;
        Ok(smallvec![Some(zeros.scatter(
            self.dim,
            &self.positions,
            g
        )?)])
    }
}

impl Tensor {
    /// The elements along a dimension in order, and the positions they had. The sort is stable;
    /// nan counts as the largest. PyTorch's defaults are `dim = -1`, `descending = false`.
    ///
    /// # Errors
    /// If the dimension does not exist.
    ///
    /// ```
    /// let x = pleach_core::tensor![3., 1., 2.];
    /// let (values, indices) = x.sort(-1, false)?;
    /// assert_eq!(values.to_vec::<f32>()?, [1., 2., 3.]);
    /// assert_eq!(indices.to_vec::<i64>()?, [1, 2, 0]);
    /// # Ok::<(), pleach_core::Error>(())
    /// ```
    pub fn sort(&self, dim: i64, descending: bool) -> Result<(Tensor, Tensor)> {
        let d = resolve_dim(dim, self.rank())?;
        let order = Rows::new(self, d)?.order(descending)?;
        self.reordered("SortBackward0", d, order)
    }

    /// The positions that put the elements along a dimension in order: the second result of
    /// [`Tensor::sort`].
    ///
    /// # Errors
    /// If the dimension does not exist.
    pub fn argsort(&self, dim: i64, descending: bool) -> Result<Tensor> {
        let d = resolve_dim(dim, self.rank())?;
        Rows::new(self, d)?.order(descending)
    }

    /// The `k` largest (or smallest) elements along a dimension, in falling (rising) order, and
    /// their positions; of equal ones the first come first. PyTorch's defaults are `dim = -1`,
    /// `largest = true`.
    ///
    /// # Errors
    /// If the dimension does not exist or has fewer than `k` elements, or the tensor is bool.
    ///
    /// ```
    /// let x = pleach_core::tensor![3., 1., 2.];
    /// let (values, indices) = x.topk(2, -1, true)?;
    /// assert_eq!(values.to_vec::<f32>()?, [3., 2.]);
    /// assert_eq!(indices.to_vec::<i64>()?, [0, 2]);
    /// # Ok::<(), pleach_core::Error>(())
    /// ```
    pub fn topk(&self, k: usize, dim: i64, largest: bool) -> Result<(Tensor, Tensor)> {
        if self.dtype() == DType::Bool {
            return Err(Error::dtype("topk does not support bool dtypes on CPU"));
        }
        let d = resolve_dim(dim, self.rank())?;
        let rows = Rows::new(self, d)?;
        if k > rows.n {
            return Err(Error::shape("selected index k out of range"));
        }
        let order = rows.order(largest)?;
        // A number is its own and only element; there is no dimension to shorten.
        let order = if self.rank() == 0 {
            order
        } else {
            order.narrow(d as i64, 0, k)?.contiguous()?
        };
        self.reordered("TopkBackward0", d, order)
    }

    /// The elements at these positions along a dimension, and the positions.
    fn reordered(
        &self,
        name: &'static str,
        dim: usize,
        positions: Tensor,
    ) -> Result<(Tensor, Tensor)> {
        let values = self.detach().gather(dim as i64, &positions)?;
        let mut outputs = record_many(vec![values, positions.clone()], &[self], |_| {
            ReorderBackward {
                name,
                dim: dim as i64,
                shape: self.shape_vec(),
                positions,
            }
        })
        .into_iter();
        let (Some(values), Some(positions)) = (outputs.next(), outputs.next()) else {
            unreachable!("record_many returns as many outputs as it is given")
        };
        Ok((values, positions))
    }

    /// The middle element along a dimension, of an even number the lower middle one, and its
    /// position; nan if there is one. The gradient goes to that position alone.
    ///
    /// # Errors
    /// If the dimension does not exist or is empty, or the tensor is bool.
    ///
    /// ```
    /// let x = pleach_core::tensor![[4., 1., 3., 2.]];
    /// let (values, indices) = x.median_dim(1, false)?;
    /// assert_eq!(values.to_vec::<f32>()?, [2.]);
    /// assert_eq!(indices.to_vec::<i64>()?, [3]);
    /// # Ok::<(), pleach_core::Error>(())
    /// ```
    pub fn median_dim(&self, dim: i64, keepdim: bool) -> Result<(Tensor, Tensor)> {
        if self.dtype() == DType::Bool {
            return Err(Error::not_implemented("median_out", DType::Bool));
        }
        let d = resolve_dim(dim, self.rank())?;
        let rows = Rows::new(self, d)?;
        if rows.n == 0 {
            return Err(Error::index(format!(
                "median(): Expected reduction dim {d} to have non-zero size."
            )));
        }
        let mut kept = self.shape_vec();
        if let Some(size) = kept.get_mut(d) {
            *size = 1;
        }
        let mut dropped = self.shape_vec();
        if d < dropped.len() {
            dropped.remove(d);
        }
        let middle = rows.medians()?;
        let positions = middle.reshape(&kept)?;
        let values = self.detach().gather(d as i64, &positions)?;
        let shape = if keepdim { kept.clone() } else { dropped };
        let (values, positions) = (values.reshape(&shape)?, positions.reshape(&shape)?);
        Ok(self.picked("MedianBackward1", d, values, positions, kept))
    }

    /// The middle element of all, of an even number the lower middle one; nan if there is one, or
    /// no element at all. Equal elements share the gradient.
    ///
    /// # Errors
    /// If the tensor is bool, or has no elements and no nan for them.
    pub fn median(&self) -> Result<Tensor> {
        if self.dtype() == DType::Bool {
            return Err(Error::not_implemented("median_cpu", DType::Bool));
        }
        let out = if self.numel() == 0 && self.dtype().is_float() {
            Tensor::scalar(f64::NAN).to_dtype(self.dtype())?
        } else {
            let flat = self.detach().reshape([self.numel()])?;
            flat.median_dim(0, false)?.0
        };
        let value = out.detach();
        Ok(record(out, &[self], |_| {
            let x = self.detach();
            Backward::new("MedianBackward0", move |g: &Tensor| {
                Ok(smallvec![Some(shared_by_hits(g, &x, &value, &[])?)])
            })
        }))
    }
}

impl Rows {
    /// The position of each row's median, as a vector in row order (the dimension last).
    fn medians(&self) -> Result<Tensor> {
        dispatch_all!(self.x.dtype(), T => {
            let x = self.x.as_slice::<T>()?;
            let rows = x.len() / self.n;
            let mut order: Vec<usize> = vec_for(self.n)?;
            let mut out = Buffer::<i64>::try_new(rows)?;
            for (row, to) in x.chunks(self.n).zip(out.iter_mut()) {
                order.clear();
                order.extend(0..self.n);
                let middle = (self.n - 1) / 2;
                #[allow(clippy::eq_op)]
                let nan = row.iter().position(|v| v != v);
                *to = match nan {
                    Some(at) => at as i64,
                    None => {
                        order.sort_by(|&a, &b| compare(row[a], row[b]));
                        order[middle] as i64
                    }
                };
            }
            // The remaining dimensions are in their old order, so the flat vector fits them.
            Ok(Tensor::from_buffer(out, [rows]))
        })
    }
}
