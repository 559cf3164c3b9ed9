//! Order along a dimension: sort, the k largest, the median.

use pleach_kernels::argsort_rows;

use super::elementwise::written;
use super::operand::dim_mask;
use super::place::Names;
use super::plan::{Plan, shared_by_hits};
use crate::autograd::{Attributes, Call, GradOf, GradsOf, Operation, Own, Saved, Saves, apply};
use crate::shape::resolve_dim;
use crate::{DType, Error, Result, Tensor};

/// A tensor's rows along one dimension: the elements, rearranged so that this dimension is last.
struct Rows {
    /// Contiguous, no history.
    x: Tensor,
    n: usize,
    dim: i64,
}

impl Rows {
    fn new(x: &Tensor, dim: usize) -> Result<Rows> {
        let (n, dim) = (x.shape().get(dim).copied().unwrap_or(1), dim as i64);
        let x = x.detach().transpose(dim, -1)?.contiguous()?;
        Ok(Rows { x, n, dim })
    }

    /// What was made of the rows, with the dimensions in their old order.
    fn back(&self, made: Tensor) -> Result<Tensor> {
        made.transpose(self.dim, -1)?.contiguous()
    }

    /// For each row, the positions of its elements in order; equal ones keep theirs.
    fn sorted(&self, descending: bool) -> Result<Tensor> {
        let x = self.x.to_dtype(self.x.dtype().comparable())?;
        dispatch_number!("sort", x.dtype(), T => {
            written(&x, |x: &[T], order| argsort_rows(x, self.n, descending, order))
        })
    }

    /// The position of each row's median, or of its first nan, as rows of one element.
    fn medians(&self) -> Result<Tensor> {
        let nans = self.x.isnan()?.sum_dim(-1, true)?;
        let first_nan = nans.neg()?.add(self.n as i64)?;
        let at = Tensor::where_cond(&nans.gt(0)?, first_nan, (self.n as i64 - 1) / 2)?;
        self.sorted(false)?.gather(-1, &at)
    }
}

/// What is picked of the elements along a dimension.
#[derive(Clone, Copy, Debug)]
pub(super) enum Picked {
    /// All, in rising or falling order.
    Sorted { descending: bool },
    /// The largest or smallest, in order.
    Top { k: usize, largest: bool },
    /// The middle one.
    Median { keepdim: bool },
    /// The first of the largest or smallest.
    Extreme { max: bool, keepdim: bool },
}

/// Elements along a dimension that their order picks, and their positions. Each gradient goes back to
/// the position that its element came from.
#[derive(Clone, Debug)]
pub struct InOrder {
    /// PyTorch's names, of the operation and of its backward step.
    names: Names,
    /// The dimension.
    dim: usize,
    /// Which elements.
    picked: Picked,
}

impl Operation for InOrder {
    type Inputs<'a> = &'a Tensor;
    type Outputs = (Tensor, Tensor);

    fn name(&self) -> &'static str {
        self.names.0
    }
    fn grad_name(&self) -> &'static str {
        self.names.1
    }
    fn attributes(&self) -> Attributes {
        let (k, option) = match self.picked {
            Picked::Sorted { descending } => (None, ("descending", descending.into())),
            Picked::Top { k, largest } => (Some(("k", k.into())), ("largest", largest.into())),
            Picked::Median { keepdim } | Picked::Extreme { keepdim, .. } => {
                (None, ("keepdim", keepdim.into()))
            }
        };
        let all = [Some(("dim", self.dim.into())), k, Some(option)];
        all.into_iter().flatten().collect()
    }
    fn forward(&self, x: &Tensor, _: &mut Own) -> Result<(Tensor, Tensor)> {
        let dim = self.dim as i64;
        if let Picked::Extreme { max, keepdim } = self.picked {
            let plan = Plan::new(x, &dim_mask(dim, x.rank())?, keepdim)?;
            plan.refuse_empty(self.names.0, Some(self.dim))?;
            return plan.extreme(max);
        }
        let rows = Rows::new(x, self.dim)?;
        let order = |descending| rows.back(rows.sorted(descending)?);
        let positions = match self.picked {
            Picked::Sorted { descending } => order(descending)?,
            // A number is its own and only element; there is no dimension to shorten.
            Picked::Top { largest, .. } if x.rank() == 0 => order(largest)?,
            Picked::Top { k, largest } => order(largest)?.narrow(dim, 0, k)?.contiguous()?,
            _ => rows.back(rows.medians()?)?,
        };
        let values = x.gather(dim, &positions)?;
        match self.picked {
            Picked::Median { keepdim: false } => {
                Ok((values.squeeze_dim(dim)?, positions.squeeze_dim(dim)?))
            }
            _ => Ok((values, positions)),
        }
    }
    fn saves(&self, _: Call<'_>) -> Saves {
        Saves::NONE.output(1)
    }
    fn backward(&self, saved: &Saved<'_>, grads: GradOf<'_, Self>) -> Result<GradsOf<Self>> {
        let (dim, positions) = (self.dim as i64, saved.output(1)?);
        let back = |grad: &Tensor| {
            let zeros = Tensor::try_zeros_of(saved.shape(0), grad.dtype())?;
            match self.picked {
                Picked::Median { keepdim: false } | Picked::Extreme { keepdim: false, .. }
                    if zeros.rank() > 0 =>
                {
                    zeros.scatter(dim, &positions.unsqueeze(dim)?, grad.unsqueeze(dim)?)
                }
                _ => zeros.scatter(dim, &positions, grad),
            }
        };
        Ok([grads[0].map(back).transpose()?])
    }
}

/// The middle element of all.
#[derive(Clone, Debug)]
pub struct Median;

impl Operation for Median {
    type Inputs<'a> = &'a Tensor;
    type Outputs = Tensor;

    fn name(&self) -> &'static str {
        "median"
    }
    fn grad_name(&self) -> &'static str {
        "MedianBackward0"
    }
    fn forward(&self, x: &Tensor, _: &mut Own) -> Result<Tensor> {
        match x.numel() == 0 && x.dtype().is_float() {
            true => Tensor::scalar(f64::NAN).to_dtype(x.dtype()),
            false => Ok(x.reshape([x.numel()])?.median_dim(0, false)?.0),
        }
    }
    fn saves(&self, _: Call<'_>) -> Saves {
        Saves::NONE.input(0).output(0)
    }
    fn backward(&self, saved: &Saved<'_>, grad: &Tensor) -> Result<GradsOf<Self>> {
        // Which elements share it does not change with them.
        let (x, value) = (saved.input(0)?.detach(), saved.output(0)?.detach());
        Ok([Some(shared_by_hits(grad, &x, &value, &[])?)])
    }
}

/// # Sorting
impl Tensor {
    /// The elements along a dimension in order, and the positions they had. The sort is stable;
    /// nan counts as the largest. PyTorch's defaults are `dim = -1`, `descending = false`.
    ///
    /// # Errors
    /// If the dimension does not exist.
    ///
    /// ```
    /// let x = pleach::tensor![3., 1., 2.];
    /// let (values, indices) = x.sort(-1, false)?;
    /// assert_eq!(values.to_vec::<f32>()?, [1., 2., 3.]);
    /// assert_eq!(indices.to_vec::<i64>()?, [1, 2, 0]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    pub fn sort(&self, dim: i64, descending: bool) -> Result<(Tensor, Tensor)> {
        self.in_order(
            ("sort", "SortBackward0"),
            dim,
            Picked::Sorted { descending },
        )
    }

    pub(super) fn in_order(
        &self,
        names: Names,
        dim: i64,
        picked: Picked,
    ) -> Result<(Tensor, Tensor)> {
        let dim = resolve_dim(dim, self.rank())?;
        apply(InOrder { names, dim, picked }, self)
    }

    /// The positions that put the elements along a dimension in order: the second result of
    /// [`Tensor::sort`].
    ///
    /// # Errors
    /// If the dimension does not exist.
    pub fn argsort(&self, dim: i64, descending: bool) -> Result<Tensor> {
        Ok(self.sort(dim, descending)?.1)
    }

    /// The `k` largest (or smallest) elements along a dimension, in falling (rising) order, and
    /// their positions; of equal ones the first come first. PyTorch's defaults are `dim = -1`,
    /// `largest = true`.
    ///
    /// # Errors
    /// If the dimension does not exist or has fewer than `k` elements, or the tensor is bool.
    ///
    /// ```
    /// let x = pleach::tensor![3., 1., 2.];
    /// let (values, indices) = x.topk(2, -1, true)?;
    /// assert_eq!(values.to_vec::<f32>()?, [3., 2.]);
    /// assert_eq!(indices.to_vec::<i64>()?, [0, 2]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    pub fn topk(&self, k: usize, dim: i64, largest: bool) -> Result<(Tensor, Tensor)> {
        if self.dtype() == DType::Bool {
            return Err(Error::dtype("topk does not support bool dtypes on CPU"));
        }
        let d = resolve_dim(dim, self.rank())?;
        if k > self.shape().get(d).copied().unwrap_or(1) {
            return Err(Error::shape("selected index k out of range"));
        }
        self.in_order(("topk", "TopkBackward0"), dim, Picked::Top { k, largest })
    }

    /// The middle element along a dimension, of an even number the lower middle one, and its
    /// position; nan if there is one. The gradient goes to that position alone.
    ///
    /// # Errors
    /// If the dimension does not exist or is empty, or the tensor is bool.
    ///
    /// ```
    /// let x = pleach::tensor![[4., 1., 3., 2.]];
    /// let (values, indices) = x.median_dim(1, false)?;
    /// assert_eq!(values.to_vec::<f32>()?, [2.]);
    /// assert_eq!(indices.to_vec::<i64>()?, [3]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    pub fn median_dim(&self, dim: i64, keepdim: bool) -> Result<(Tensor, Tensor)> {
        if self.dtype() == DType::Bool {
            return Err(Error::not_implemented("median_out", DType::Bool));
        }
        let d = resolve_dim(dim, self.rank())?;
        if self.shape().get(d) == Some(&0) {
            return Err(Error::index(format!(
                "median(): Expected reduction dim {d} to have non-zero size."
            )));
        }
        self.in_order(
            ("median", "MedianBackward1"),
            dim,
            Picked::Median { keepdim },
        )
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
        apply(Median, self)
    }
}
