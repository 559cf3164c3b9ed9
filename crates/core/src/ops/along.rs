//! Slices of a dimension by a vector of positions: filled, replaced, added, reduced into.

use std::sync::Arc;

use super::operand::{IntoOperand, Operand};
use super::picks::{Picks, Reduce};
use super::place::{Called, Names, Place, Put};
use super::scatter_reduce::ScatterReduce;
use crate::autograd::apply;
use crate::shape::resolve_dim;
use crate::{DType, Error, ErrorKind, Result, Scalar, Tensor};

/// The index as a vector of i64.
fn vector(index: &Tensor) -> Result<Tensor> {
    index.detach().reshape([-1i64])?.long()?.contiguous()
}

/// The picks of the slices that a vector of i64 names.
fn slices(x: &Tensor, d: usize, index: &Tensor) -> Result<Arc<Picks>> {
    let mut positions = vec![None; x.rank()];
    positions[d] = Some(index.clone());
    Ok(Arc::new(Picks::new(x, &positions)?))
}

/// The first position that is none: only fills count from the end.
fn outside(index: &Tensor, size: usize) -> Result<Option<i64>> {
    let mut all = index.as_slice::<i64>()?.iter();
    Ok(all.find(|at| !(0..size as i64).contains(at)).copied())
}

/// What `index_add` and `index_reduce` ask of their arguments, the last of which is the index as a
/// vector.
fn check_source(op: &str, x: &Tensor, dim: i64, index: &Tensor, source: &Tensor) -> Result<()> {
    if !matches!(index.dtype(), DType::I64 | DType::I32) {
        return Err(Error::dtype(format!(
            "{op}_(): Expected dtype int32/int64 for index but got: {}",
            index.dtype().torch_name()
        ))
        .hint_conversion(index.dtype(), DType::I64));
    }
    if x.dtype() != source.dtype() {
        return Err(Error::dtype(format!(
            "{op}_(): self ({}) and source ({}) must have the same scalar type",
            x.dtype().torch_name(),
            source.dtype().torch_name()
        ))
        .hint_conversion(source.dtype(), x.dtype()));
    }
    if index.rank() > 1 {
        return Err(Error::index(format!(
            "{op}_(): Index is supposed to be a vector, but got dim: {} with type: {} and size: {:?}",
            index.rank(),
            index.dtype().torch_name(),
            index.shape()
        )));
    }
    let d = resolve_dim(dim, x.rank())?;
    let others = |t: &Tensor| {
        let mut shape = t.shape_vec();
        if let Some(n) = shape.get_mut(d) {
            *n = 0;
        }
        shape
    };
    if x.rank() != source.rank() || others(x) != others(source) {
        return Err(Error::shape(format!(
            "source tensor shape must match self tensor shape, excluding the specified dimension. Got self.shape = {:?} source.shape = {:?}",
            x.shape(),
            source.shape()
        )));
    }
    let count = source.shape().get(d).copied().unwrap_or(1);
    match count == index.numel() {
        true => Ok(()),
        false => Err(Error::shape(format!(
            "{op}_(): Number of indices ({}) should be equal to source.size(dim): ({count}), for dim: {dim}",
            index.numel()
        ))),
    }
}

/// # Slices by a vector of positions
impl Tensor {
    /// This tensor with `source` put, or added, to slices of a dimension. A number counts as a vector of one.
    fn slices_put(
        &self,
        names: Names,
        d: usize,
        index: &Tensor,
        source: &Tensor,
        add: bool,
    ) -> Result<Tensor> {
        if self.rank() == 0 {
            let x = self.reshape([1])?;
            let source = source.reshape([1])?;
            return x.slices_put(names, 0, index, &source, add)?.reshape(());
        }
        let put = Put {
            place: Place::Picks(slices(self, d, index)?),
            shape: self.shape_vec(),
            add,
            called: Called {
                names,
                options: vec![("dim", d.into())],
            },
        };
        apply(put, (Some(self), source))
    }

    /// This tensor with the slices of `source` added to the slices of `dim` that `index` (a vector)
    /// names.
    ///
    /// # Errors
    /// If the index is no vector of integers, does not fit, or points outside.
    pub fn index_add(&self, dim: i64, index: &Tensor, source: &Tensor) -> Result<Tensor> {
        let d = resolve_dim(dim, self.rank())?;
        check_source("index_add", self, dim, index, source)?;
        let (index, size) = (vector(index)?, self.shape().get(d).copied().unwrap_or(1));
        if let Some(index) = outside(&index, size)? {
            return Err(ErrorKind::IndexOutOfBounds {
                index,
                dim: d,
                size,
            }
            .into());
        }
        self.slices_put(("index_add", "IndexAddBackward0"), d, &index, source, true)
    }

    /// [`Tensor::index_add`] of `alpha` times the source: PyTorch's `index_add(.., alpha=)`.
    ///
    /// ```
    /// use pleach::tensor;
    /// let y = tensor![1., 2.].index_add_alpha(0, &tensor![1, 1], &tensor![3., 4.], 10.0)?;
    /// assert_eq!(y.to_vec::<f32>()?, [1., 72.]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Tensor::index_add`], or if the dtype cannot hold `alpha`.
    pub fn index_add_alpha(
        &self,
        dim: i64,
        index: &Tensor,
        source: &Tensor,
        alpha: impl Into<Scalar>,
    ) -> Result<Tensor> {
        let alpha = Tensor::try_full_of((), alpha, source.dtype())?;
        self.index_add(dim, index, &source.mul(&alpha)?)
    }

    /// This tensor with the slices of `dim` that `index` names filled with a number, or a tensor
    /// without dimensions. Negative positions count from the end.
    ///
    /// ```
    /// use pleach::tensor;
    /// let x = tensor![[1., 2.], [3., 4.]];
    /// assert_eq!(x.index_fill(1, &tensor![-1], 9.0)?.to_vec::<f32>()?, [1., 9., 3., 9.]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the index is no vector of i64 or points outside, or the dtype cannot hold the value.
    pub fn index_fill(&self, dim: i64, index: &Tensor, value: impl IntoOperand) -> Result<Tensor> {
        self.index_filled(dim, index, value.into_operand())
    }

    fn index_filled(&self, dim: i64, index: &Tensor, value: Operand) -> Result<Tensor> {
        let d = resolve_dim(dim, self.rank())?;
        if index.dtype() != DType::I64 {
            return Err(
                Error::index("index_fill_(): Expected dtype int64 for index.")
                    .hint_conversion(index.dtype(), DType::I64),
            );
        }
        if index.rank() > 1 {
            return Err(Error::shape("Index has to be a vector/scalar"));
        }
        let (names, value) = match value {
            Operand::Tensor(t) if t.rank() > 0 => {
                return Err(Error::shape(format!(
                    "index_fill_ only supports a 0-dimensional value tensor, but got tensor with {} dimension(s).",
                    t.rank()
                )));
            }
            Operand::Tensor(t) => (
                ("index_fill", "IndexFillBackward1"),
                t.to_dtype(self.dtype())?,
            ),
            Operand::Scalar(number) => (
                ("index_fill", "IndexFillBackward0"),
                Tensor::try_full_of((), number, self.dtype())?,
            ),
        };
        // Each slice once: so the value's gradient counts it once.
        let size = self.shape().get(d).copied().unwrap_or(1) as i64;
        let index = vector(index)?;
        let mut once = index.as_slice::<i64>()?.to_vec();
        for at in &mut once {
            let wrapped = if *at < 0 { *at + size } else { *at };
            if !(0..size).contains(&wrapped) {
                let (index, size) = (*at, size as usize);
                return Err(ErrorKind::IndexOutOfBounds {
                    index,
                    dim: d,
                    size,
                }
                .into());
            }
            *at = wrapped;
        }
        once.sort_unstable();
        once.dedup();
        let count = once.len();
        let once = Tensor::from_vec(once, [count])?;
        self.slices_put(names, d, &once, &value, false)
    }

    /// This tensor with the slices of `dim` that `index` names replaced by those of `source`.
    ///
    /// # Errors
    /// If the index is no vector of i64, does not fit, or points outside.
    pub fn index_copy(&self, dim: i64, index: &Tensor, source: &Tensor) -> Result<Tensor> {
        let d = resolve_dim(dim, self.rank())?;
        if index.rank() > 1 {
            return Err(Error::index(format!(
                "index_copy_(): Index should have dimension 1 or 0 (got {})",
                index.rank()
            )));
        }
        if self.rank() != source.rank() && self.rank() > 0 && source.rank() > 0 {
            return Err(Error::index(format!(
                "index_copy_(): When source and destination are not scalars, their dimensionality must match. Source dimensionality ({}), destination dimensionality ({})",
                source.rank(),
                self.rank()
            )));
        }
        if index.dtype() != DType::I64 {
            return Err(Error::dtype(format!(
                "index_copy_(): Expected a long tensor for index, but got {}",
                index.dtype().torch_name()
            ))
            .hint_conversion(index.dtype(), DType::I64));
        }
        if self.dtype() != source.dtype() {
            return Err(Error::dtype(format!(
                "index_copy_(): self and source expected to have the same dtype, but got (self) {} and (source) {}",
                self.dtype().torch_name(),
                source.dtype().torch_name()
            ))
            .hint_conversion(source.dtype(), self.dtype()));
        }
        let others = |t: &Tensor| {
            let shape = t.shape().iter().enumerate().filter(|(k, _)| *k != d);
            shape
                .map(|(_, n)| n.to_string())
                .collect::<Vec<_>>()
                .join(" ")
        };
        if others(self) != others(source) {
            return Err(Error::shape(format!(
                "index_copy_(): Source/destination tensor must have same slice shapes. Destination slice shape: {} at dimension {d} and source slice shape: {} at dimension 0.",
                others(self),
                others(source)
            )));
        }
        let count = source.shape().get(d).copied().unwrap_or(1);
        if count != index.numel() {
            return Err(Error::index(format!(
                "index_copy_(): Number of indices ({}) should be equal to source.size(dim) ({count})",
                index.numel()
            )));
        }
        let (index, size) = (vector(index)?, self.shape().get(d).copied().unwrap_or(1));
        if let Some(at) = outside(&index, size)? {
            return Err(Error::index(format!(
                "index_copy_(): index {at} is out of bounds for dimension {d} with size {size}"
            )));
        }
        let source = match self.rank() {
            0 => source.reshape(())?,
            _ => source.clone(),
        };
        self.slices_put(
            ("index_copy", "IndexCopyBackward0"),
            d,
            &index,
            &source,
            false,
        )
    }

    /// This tensor with the slices of `source` reduced into the slices of `dim` that `index` (a vector)
    /// names; `include_self` says whether what was there counts.
    ///
    /// ```
    /// use pleach::tensor;
    /// let (x, index) = (tensor![1., 2.], tensor![1, 1]);
    /// let y = x.index_reduce(0, &index, &tensor![3., 4.], "mean", true)?;
    /// assert_eq!(y.to_vec::<f32>()?, [1., 3.]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the index is no vector of integers, does not fit, or points outside, or for [`Reduce::Sum`],
    /// which is [`Tensor::index_add`].
    pub fn index_reduce(
        &self,
        dim: i64,
        index: &Tensor,
        source: &Tensor,
        reduce: impl TryInto<Reduce, Error: Into<Error>>,
        include_self: bool,
    ) -> Result<Tensor> {
        let reduce = reduce.try_into().map_err(Into::into)?;
        self.index_reduced(dim, index, source, reduce, include_self)
    }

    fn index_reduced(
        &self,
        dim: i64,
        index: &Tensor,
        source: &Tensor,
        reduce: Reduce,
        include_self: bool,
    ) -> Result<Tensor> {
        if reduce == Reduce::Sum {
            return Err(Error::value(
                "index_reduce(): Expected reduce to be one of prod, mean, amax or amin but got sum.",
            ));
        }
        let d = resolve_dim(dim, self.rank())?;
        check_source("index_reduce", self, dim, index, source)?;
        let (index, size) = (vector(index)?, self.shape().get(d).copied().unwrap_or(1));
        if outside(&index, size)?.is_some() {
            return Err(Error::index("index out of range in self"));
        }
        if self.dtype() == DType::Bool && reduce == Reduce::Mean {
            return Err(Error::not_implemented("div_floor_cpu", DType::Bool));
        }
        let flat = self.rank() == 0;
        let (x, source) = match flat {
            true => (self.reshape([1])?, source.reshape([1])?),
            false => (self.clone(), source.clone()),
        };
        let picks = slices(&x, d, &index)?;
        let names = ("index_reduce", "IndexReduceBackward0");
        let op = ScatterReduce::new(names, d, picks, reduce, include_self);
        let out = op.of(&x, &source)?;
        if flat { out.reshape(()) } else { Ok(out) }
    }
}
