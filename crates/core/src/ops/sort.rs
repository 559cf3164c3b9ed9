//! Order along a dimension: sort, the k largest, the k-th smallest, the median, the mode.

use pleach_kernels::{
    Buffer, argmedian_rows, argmode_rows, argrank_rows, argsort_rows, argtop_rows,
};

use super::operand::dim_mask;
use super::place::Names;
use super::plan::{Plan, shared_by_hits};
use crate::autograd::{Attributes, Call, GradOf, GradsOf, Operation, Own, Saved, Saves, apply};
use crate::shape::{numel, resolve_dim};
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

    /// For each row, the positions that are picked.
    fn positions(&self, picked: Picked) -> Result<Tensor> {
        let x = self.x.to_dtype(self.x.dtype().comparable())?;
        let (n, mut shape) = (self.n, x.shape_vec());
        if let Some(width) = shape.last_mut() {
            *width = match picked {
                Picked::Sorted { .. } => n,
                Picked::Top { k, .. } => k,
                _ => 1,
            };
        }
        let at = dispatch_number!("sort", x.dtype(), T => {
            let mut at = Buffer::<i64>::try_new(numel(&shape))?;
            let from = x.as_slice::<T>()?;
            match picked {
                Picked::Sorted { descending } => argsort_rows(from, n, descending, &mut at),
                // A number is its own and only element; there is no dimension to shorten.
                Picked::Top { k, largest } if !shape.is_empty() => {
                    argtop_rows(from, n, k, largest, &mut at);
                }
                Picked::Kth { k, .. } => argrank_rows(from, n, k - 1, &mut at),
                Picked::Median { ignore_nan, .. } => {
                    argmedian_rows(from, n, ignore_nan, &mut at);
                }
                Picked::Mode { .. } => argmode_rows(from, n, &mut at),
                Picked::Top { .. } | Picked::Extreme { .. } => at.fill(0),
            }
            Tensor::from_buffer(at, shape)
        });
        at.transpose(self.dim, -1)?.contiguous()
    }
}

/// What is picked of the elements along a dimension.
#[derive(Clone, Copy, Debug)]
pub(super) enum Picked {
    /// All, in rising or falling order.
    Sorted { descending: bool },
    /// The largest or smallest, in order.
    Top { k: usize, largest: bool },
    /// The k-th smallest.
    Kth { k: usize, keepdim: bool },
    /// The middle one.
    Median { ignore_nan: bool, keepdim: bool },
    /// The most frequent one.
    Mode { keepdim: bool },
    /// The first of the largest or smallest.
    Extreme { max: bool, keepdim: bool },
}

impl Picked {
    /// Whether the dimension goes.
    fn drops_dim(self) -> bool {
        match self {
            Picked::Sorted { .. } | Picked::Top { .. } => false,
            Picked::Kth { keepdim, .. }
            | Picked::Median { keepdim, .. }
            | Picked::Mode { keepdim }
            | Picked::Extreme { keepdim, .. } => !keepdim,
        }
    }
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
            Picked::Kth { k, keepdim } => (Some(("k", k.into())), ("keepdim", keepdim.into())),
            Picked::Median { .. } | Picked::Mode { .. } | Picked::Extreme { .. } => {
                (None, ("keepdim", (!self.picked.drops_dim()).into()))
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
        let positions = Rows::new(x, self.dim)?.positions(self.picked)?;
        let values = x.gather(dim, &positions)?;
        match self.picked.drops_dim() {
            true => Ok((values.squeeze_dim(dim)?, positions.squeeze_dim(dim)?)),
            false => Ok((values, positions)),
        }
    }
    fn saves(&self, _: Call<'_>) -> Saves {
        Saves::NONE.output(1)
    }
    fn backward(&self, saved: &Saved<'_>, grads: GradOf<'_, Self>) -> Result<GradsOf<Self>> {
        let (dim, positions) = (self.dim as i64, saved.output(1)?);
        let back = |grad: &Tensor| {
            let zeros = Tensor::try_zeros_of(saved.shape(0), grad.dtype())?;
            match self.picked.drops_dim() && zeros.rank() > 0 {
                true => zeros.scatter(dim, &positions.unsqueeze(dim)?, grad.unsqueeze(dim)?),
                false => zeros.scatter(dim, &positions, grad),
            }
        };
        Ok([grads[0].map(back).transpose()?])
    }
}

/// The middle element of all.
#[derive(Clone, Debug)]
pub struct Median {
    /// Whether nans are left out.
    ignore_nan: bool,
}

impl Operation for Median {
    type Inputs<'a> = &'a Tensor;
    type Outputs = Tensor;

    fn name(&self) -> &'static str {
        if self.ignore_nan {
            "nanmedian"
        } else {
            "median"
        }
    }
    fn grad_name(&self) -> &'static str {
        match self.ignore_nan {
            true => "NanmedianBackward0",
            false => "MedianBackward0",
        }
    }
    fn forward(&self, x: &Tensor, _: &mut Own) -> Result<Tensor> {
        if x.numel() == 0 && x.dtype().is_float() {
            return Tensor::scalar(f64::NAN).to_dtype(x.dtype());
        }
        let flat = x.reshape([x.numel()])?;
        Ok(flat.median_along(0, false, self.ignore_nan)?.0)
    }
    fn saves(&self, _: Call<'_>) -> Saves {
        Saves::NONE.input(0).output(0)
    }
    fn backward(&self, saved: &Saved<'_>, grad: &Tensor) -> Result<GradsOf<Self>> {
        // Which elements share it does not change with them.
        let (x, value) = (saved.input(0)?.detach(), saved.output(0)?.detach());
        if self.ignore_nan && value.isnan()?.item()? == 0.0 {
            let hit = x.eq(&value)?;
            let share = grad.div(&hit.sum()?)?;
            return Ok([Some(Tensor::where_cond(&hit, &share, 0.0)?)]);
        }
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
        self.median_along(dim, keepdim, false)
    }

    /// [`Tensor::median_dim`] of the elements that are no nan; nan where there are no others.
    ///
    /// # Errors
    /// If the dimension does not exist or is empty, or the tensor is bool.
    pub fn nanmedian_dim(&self, dim: i64, keepdim: bool) -> Result<(Tensor, Tensor)> {
        self.median_along(dim, keepdim, true)
    }

    fn median_along(&self, dim: i64, keepdim: bool, ignore_nan: bool) -> Result<(Tensor, Tensor)> {
        if self.dtype() == DType::Bool {
            return Err(Error::not_implemented("median_out", DType::Bool));
        }
        self.refuse_empty_dim("median", dim)?;
        let names = match ignore_nan {
            true => ("nanmedian", "NanmedianBackward1"),
            false => ("median", "MedianBackward1"),
        };
        let picked = Picked::Median {
            ignore_nan,
            keepdim,
        };
        self.in_order(names, dim, picked)
    }

    /// The dimension, if it is not empty.
    fn refuse_empty_dim(&self, op: &str, dim: i64) -> Result<usize> {
        let d = resolve_dim(dim, self.rank())?;
        match self.shape().get(d) {
            Some(0) => Err(Error::index(format!(
                "{op}(): Expected reduction dim {d} to have non-zero size."
            ))),
            _ => Ok(d),
        }
    }

    /// The middle element of all, of an even number the lower middle one; nan if there is one, or
    /// no element at all. Equal elements share the gradient.
    ///
    /// # Errors
    /// If the tensor is bool, or has no elements and no nan for them.
    pub fn median(&self) -> Result<Tensor> {
        self.median_of_all(false)
    }

    /// [`Tensor::median`] of the elements that are no nan; nan if there are no others.
    ///
    /// ```
    /// let x = pleach::tensor![3., f32::NAN, 1., 2.];
    /// assert_eq!(x.nanmedian()?.item()?, 2.0);
    /// assert!(x.median()?.item()?.is_nan());
    /// # Ok::<(), pleach::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Tensor::median`].
    pub fn nanmedian(&self) -> Result<Tensor> {
        self.median_of_all(true)
    }

    fn median_of_all(&self, ignore_nan: bool) -> Result<Tensor> {
        if self.dtype() == DType::Bool {
            return Err(Error::not_implemented("median_cpu", DType::Bool));
        }
        apply(Median { ignore_nan }, self)
    }

    /// The `k`-th smallest element along a dimension (from 1), and its position; of equal ones the
    /// first come first, and a nan is the largest. PyTorch's defaults are `dim = -1`,
    /// `keepdim = false`.
    ///
    /// ```
    /// let (values, indices) = pleach::tensor![4., 1., 3.].kthvalue(2, -1, false)?;
    /// assert_eq!((values.item()?, indices.item_i64()?), (3.0, 2));
    /// # Ok::<(), pleach::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the dimension does not exist or has fewer than `k` elements, `k` is 0, or the tensor is
    /// bool.
    pub fn kthvalue(&self, k: usize, dim: i64, keepdim: bool) -> Result<(Tensor, Tensor)> {
        let d = self.refuse_empty_dim("kthvalue", dim)?;
        if k == 0 || k > self.shape().get(d).copied().unwrap_or(1) {
            return Err(Error::shape(format!(
                "kthvalue(): selected number k out of range for dimension {d}"
            )));
        }
        if self.dtype() == DType::Bool {
            return Err(Error::not_implemented("kthvalue_cpu", DType::Bool));
        }
        let names = ("kthvalue", "KthvalueBackward0");
        self.in_order(names, dim, Picked::Kth { k, keepdim })
    }

    /// The most frequent element along a dimension, of several the smallest, and its last position.
    /// Every nan is an element of its own. PyTorch's defaults are `dim = -1`, `keepdim = false`.
    ///
    /// ```
    /// let (values, indices) = pleach::tensor![3, 1, 3, 1, 2].mode(-1, false)?;
    /// assert_eq!((values.item_i64()?, indices.item_i64()?), (1, 3));
    /// # Ok::<(), pleach::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the dimension does not exist or is empty.
    pub fn mode(&self, dim: i64, keepdim: bool) -> Result<(Tensor, Tensor)> {
        self.refuse_empty_dim("mode", dim)?;
        self.in_order(("mode", "ModeBackward0"), dim, Picked::Mode { keepdim })
    }

    /// The elements along the first dimension in order.
    ///
    /// # Errors
    /// If the memory cannot be had.
    pub fn msort(&self) -> Result<Tensor> {
        Ok(self.sort(0, false)?.0)
    }
}
