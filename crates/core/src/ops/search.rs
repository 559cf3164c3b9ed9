//! Places of values in sorted numbers.

use pleach_kernels::{Buffer, search_rows};

use super::operand::{IntoOperand, Operand, result_type};
use crate::{DType, Error, Result, Tensor};

/// # Searching in order
impl Tensor {
    /// The number of the bin of each element: how many of the rising `boundaries` are smaller, or, with
    /// `right`, not larger. PyTorch's `out_int32` is a conversion after it.
    ///
    /// ```
    /// use pleach::tensor;
    /// let (x, edges) = (tensor![0., 3., 9.], tensor![1., 3., 5.]);
    /// assert_eq!(x.bucketize(&edges, false)?.to_vec::<i64>()?, [0, 1, 3]);
    /// assert_eq!(x.bucketize(&edges, true)?.to_vec::<i64>()?, [0, 2, 3]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the boundaries are no vector, or a tensor is bool.
    pub fn bucketize(&self, boundaries: &Tensor, right: bool) -> Result<Tensor> {
        match boundaries.rank() {
            1 => boundaries.searchsorted(self, right, None),
            rank => Err(Error::shape(format!(
                "boundaries tensor must be 1 dimension, but got dim({rank})"
            ))),
        }
    }

    /// Where `values` can be put into the rows of this tensor, which rise along the last dimension, so
    /// that they still do: before equal elements, or, with `right`, behind them. A tensor of one
    /// dimension serves values of any shape; one of more has rows for values whose other dimensions are its own. `sorter` are
    /// the positions that put the rows in order, as [`Tensor::argsort`] gives them.
    ///
    /// ```
    /// use pleach::tensor;
    /// let rows = tensor![[1., 3., 5.], [2., 4., 6.]];
    /// let at = rows.searchsorted(&tensor![[3., 9.], [3., 4.]], false, None)?;
    /// assert_eq!(at.to_vec::<i64>()?, [1, 3, 1, 1]);
    /// let mixed = tensor![5., 1., 3.];
    /// let sorter = mixed.argsort(-1, false)?;
    /// assert_eq!(mixed.searchsorted(4.0, false, Some(&sorter))?.item_i64()?, 2);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the shapes do not fit, `sorter` does not hold a position for each element, or a tensor is bool.
    pub fn searchsorted(
        &self,
        values: impl IntoOperand,
        right: bool,
        sorter: Option<&Tensor>,
    ) -> Result<Tensor> {
        self.search(&values.into_operand(), right, sorter)
    }

    fn search(&self, values: &Operand, right: bool, sorter: Option<&Tensor>) -> Result<Tensor> {
        if let Some(sorter) = sorter {
            check_sorter(self, sorter)?;
        }
        let dtype = result_type(self, values);
        let values = values.to_tensor(dtype)?.detach();
        check_rows(self, &values)?;
        if dtype == DType::Bool {
            return Err(Error::not_implemented("searchsorted_out_cpu", dtype));
        }
        let n = self.size(-1)?;
        let rows = match sorter {
            Some(sorter) if n > 0 => self.detach().gather(-1, sorter)?,
            _ => self.detach(),
        };
        let wide = dtype.comparable();
        let rows = rows.to_dtype(wide)?.contiguous()?;
        let values = values.to_dtype(wide)?.contiguous()?;
        let mut out = Buffer::<i64>::try_new(values.numel())?;
        dispatch_number!("searchsorted_out_cpu", wide, T => {
            search_rows(rows.as_slice::<T>()?, n, values.as_slice::<T>()?, right, &mut out);
        });
        Ok(Tensor::from_buffer(out, values.shape()))
    }
}

fn check_sorter(rows: &Tensor, sorter: &Tensor) -> Result<()> {
    if rows.shape() != sorter.shape() {
        return Err(Error::shape(format!(
            "torch.searchsorted(): boundary and sorter must have the same size, but got boundary tensor {:?}and got sorter tensor {:?}",
            rows.shape(),
            sorter.shape()
        )));
    }
    if sorter.dtype() != DType::I64 {
        return Err(Error::dtype(format!(
            "torch.searchsorted(): sorter must be a tensor of long dtype but got dtype {}",
            sorter.dtype().torch_name()
        ))
        .hint_conversion(sorter.dtype(), DType::I64));
    }
    let n = rows.size(-1)? as i64;
    let sorter = sorter.detach().contiguous()?;
    match sorter
        .as_slice::<i64>()?
        .iter()
        .all(|at| (0..n).contains(at))
    {
        true => Ok(()),
        false => Err(Error::index(
            "torch.searchsorted(): sorter index out of range",
        )),
    }
}

fn check_rows(rows: &Tensor, values: &Tensor) -> Result<()> {
    let rank = rows.rank();
    if values.rank() == 0 && rank != 1 {
        return Err(Error::shape(format!(
            "torch.searchsorted(): input value can be a scalar only when boundaries tensor dimension is 1, but we got boundaries tensor dim({rank}) and input value's dim(0) numel(1)"
        )));
    }
    if rank == 0 {
        return Err(Error::shape(
            "torch.searchsorted(): boundaries tensor should have positive dimension, but got 0 dimension",
        ));
    }
    let outer = |t: &Tensor| t.shape().split_last().map(|(_, outer)| outer.to_vec());
    if rank == 1 || values.rank() == rank && outer(rows) == outer(values) {
        return Ok(());
    }
    Err(Error::shape(format!(
        "torch.searchsorted(): boundaries tensor should be 1 dimension or the first N-1 dimensions of boundaries tensor and input value tensor must match, but we got boundaries tensor {:?} and input value tensor {:?}",
        rows.shape(),
        values.shape()
    )))
}
