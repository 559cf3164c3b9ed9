//! Every element repeated: `repeat_interleave`.

use super::elementwise::written_out;
use super::operand::{IntoOperand, Operand};
use super::place::Shows;
use crate::memory::{check_room, vec_for};
use crate::shape::{Layout, Shape, resolve_dim};
use crate::{DType, Error, ErrorKind, Result, Scalar, Tensor};

/// For each position, as often as `repeats` says, the position itself.
fn positions(repeats: &[i64], output_size: Option<usize>) -> Result<Vec<i64>> {
    if repeats.iter().any(|n| *n < 0) {
        return Err(Error::value("repeats can not be negative"));
    }
    let counts = repeats.iter().map(|n| *n as usize);
    let total = counts
        .clone()
        .try_fold(0usize, usize::checked_add)
        .ok_or_else(|| Error::shape("numel: integer multiplication overflow"))?;
    if output_size.is_some_and(|size| size != total) {
        return Err(Error::value("allocated size does not match required size"));
    }
    let mut all = vec_for(total)?;
    for (i, n) in (0..).zip(counts) {
        all.extend(std::iter::repeat_n(i, n));
    }
    Ok(all)
}

fn check_integers(repeats: &Tensor, small: bool) -> Result<()> {
    match repeats.dtype() {
        DType::I64 | DType::I32 => Ok(()),
        DType::I16 | DType::I8 | DType::U8 if small => Ok(()),
        other => Err(Error::not_implemented("repeat_interleave_cpu", other)),
    }
}

/// # Repeated elements
impl Tensor {
    /// Every position of a dimension repeated: all as often as a number says, or each as often as
    /// its own in a vector of integers. Without a dimension, the elements in row-major order.
    ///
    /// `output_size`, if given, has to be the size that comes out.
    ///
    /// # Errors
    /// If the dimension does not exist, a repeat is negative, there is not one for each position, the
    /// output size is another, or the memory cannot be had.
    ///
    /// ```
    /// use pleach::tensor;
    /// let x = tensor![[1, 2], [3, 4]];
    /// assert_eq!(x.repeat_interleave(2, None, None)?.to_vec::<i64>()?, [1, 1, 2, 2, 3, 3, 4, 4]);
    /// let rows = x.repeat_interleave(&tensor![1, 2], 0, None)?;
    /// assert_eq!(rows.to_vec::<i64>()?, [1, 2, 3, 4, 3, 4]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    pub fn repeat_interleave(
        &self,
        repeats: impl IntoOperand,
        dim: impl Into<Option<i64>>,
        output_size: impl Into<Option<usize>>,
    ) -> Result<Tensor> {
        let (dim, output_size) = (dim.into(), output_size.into());
        match repeats.into_operand() {
            Operand::Scalar(number) => self.repeat_evenly(number, dim, output_size),
            Operand::Tensor(repeats) => self.repeat_each(&repeats, dim, output_size),
        }
    }

    fn repeat_evenly(
        &self,
        number: Scalar,
        dim: Option<i64>,
        output_size: Option<usize>,
    ) -> Result<Tensor> {
        let Scalar::Int(number) = number else {
            return Err(Error::dtype("repeats must be an integer"));
        };
        let x = match dim {
            None => self.ravel()?,
            Some(_) => self.clone(),
        };
        let d = resolve_dim(dim.unwrap_or(0), x.rank())?;
        let Ok(number) = usize::try_from(number) else {
            return Err(Error::value("Repeats must be non-negative"));
        };
        let Some(&size) = x.shape().get(d) else {
            // PyTorch looks for the dimension after it.
            return Err(ErrorKind::DimOutOfRange { dim: 1, rank: 0 }.into());
        };
        let repeated = size.saturating_mul(number);
        if let Some(given) = output_size.filter(|given| *given != repeated) {
            return Err(Error::shape(format!(
                "repeat_interleave: Invalid output_size, expected {repeated} but got {given}"
            )));
        }
        let (mut wide, mut shape): (Shape, Shape) = (x.shape_vec(), x.shape_vec());
        wide.insert(d + 1, number);
        shape[d] = repeated;
        check_room(&wide, x.dtype())?;
        let copy = x.unsqueeze(d as i64 + 1)?.expand(&wide)?;
        let shows = Shows::Reshaped(Layout::contiguous(shape));
        written_out(&copy, Layout::contiguous(wide))?.viewed(("view", "ViewBackward0"), shows)
    }

    fn repeat_each(
        &self,
        repeats: &Tensor,
        dim: Option<i64>,
        output_size: Option<usize>,
    ) -> Result<Tensor> {
        let x = match (dim, self.rank()) {
            (None, _) => self.ravel()?,
            (Some(dim), 0) => {
                return Err(Error::index(format!(
                    "Dimension specified as {dim} but tensor has no dimensions"
                )));
            }
            (Some(_), _) => self.clone(),
        };
        let d = resolve_dim(dim.unwrap_or(0), x.rank())?;
        if repeats.rank() > 1 {
            return Err(Error::shape("repeats must be 0-dim or 1-dim tensor"));
        }
        check_integers(repeats, true)?;
        let size = x.shape()[d];
        let counts = match repeats.numel() {
            n if n == size => repeats.reshape([n])?,
            1 => repeats.reshape([1])?.expand([size])?,
            n => {
                return Err(Error::shape(format!(
                    "repeats must have the same size as input along dim, but got repeats.size(0) = {n} and input.size({d}) = {size}"
                )));
            }
        };
        let places = positions(&counts.long()?.to_vec::<i64>()?, output_size)?;
        let count = places.len();
        x.index_select(d as i64, &Tensor::from_vec(places, [count])?)
    }

    /// For each position of this vector of integers, the position itself as often as the vector says:
    /// PyTorch's `repeat_interleave(repeats)`, what [`Tensor::repeat_interleave`] selects.
    ///
    /// # Errors
    /// If it is no vector of integers, one is negative, the output size is another than
    /// `output_size`, or the memory cannot be had.
    ///
    /// ```
    /// let places = pleach::tensor![1, 0, 2].repeat_positions(None)?;
    /// assert_eq!(places.to_vec::<i64>()?, [0, 2, 2]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    pub fn repeat_positions(&self, output_size: impl Into<Option<usize>>) -> Result<Tensor> {
        if self.rank() != 1 {
            return Err(Error::shape(
                "repeat_interleave only accept 1D vector as repeat",
            ));
        }
        check_integers(self, false)?;
        let places = positions(&self.long()?.to_vec::<i64>()?, output_size.into())?;
        let count = places.len();
        Tensor::from_vec(places, [count])?.to_dtype(self.dtype())
    }
}
