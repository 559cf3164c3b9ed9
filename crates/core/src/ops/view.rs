//! Other shapes of the same elements: views that share memory.

use smallvec::SmallVec;

use super::elementwise::written_out;
use super::picks::position;
use super::place::{Axes, Names, Shows, View};
use crate::autograd::apply;
use crate::extent::{checked_numel, signed};
use crate::memory::check_room;
use crate::shape::{IntoSizes, Layout, Shape, infer_sizes, resolve_dim};
use crate::{DType, Dims, Error, Result, Tensor};

/// # Views: another shape or order of the same memory
impl Tensor {
    #[inline]
    pub(super) fn viewed(&self, names: Names, shows: Shows) -> Result<Tensor> {
        apply(View { names, shows }, self)
    }

    /// The same memory in another shape; one size may be -1.
    ///
    /// # Errors
    /// If the number of elements differs, or the strides do not allow it (see
    /// [`Tensor::reshape`]).
    ///
    /// ```
    /// use pleach::Tensor;
    /// let x = Tensor::arange(6);
    /// assert_eq!(x.view([2, -1])?.shape(), [2, 3]);
    /// assert!(x.view([2, 3])?.transpose(0, 1)?.view([6]).is_err());
    /// # Ok::<(), pleach::Error>(())
    /// ```
    pub fn view(&self, sizes: impl IntoSizes) -> Result<Tensor> {
        let shape = infer_sizes(&sizes.into_sizes(), self.numel())?;
        self.view_exact(shape)?.ok_or_else(|| {
            Error::shape(
                "view size is not compatible with input tensor's size and stride (at least one dimension spans across two contiguous subspaces). Use .reshape(...) instead.",
            )
        })
    }

    fn view_exact(&self, shape: Shape) -> Result<Option<Tensor>> {
        let Some(strides) = self.layout().view_strides(&shape) else {
            return Ok(None);
        };
        let layout = Layout {
            shape,
            strides,
            offset: self.layout().offset,
        };
        let view = self.viewed(("view", "ViewBackward0"), Shows::Reshaped(layout))?;
        Ok(Some(view))
    }

    /// Another shape of the same elements in row-major order: a view where that is possible, a
    /// copy otherwise. One size may be -1.
    ///
    /// ```
    /// let x = pleach::Tensor::ones([4, 3, 2]);
    /// assert_eq!(x.reshape([-1, 2])?.shape(), [12, 2]);
    /// let batch = x.shape()[0]; // an usize; a tuple takes it beside -1
    /// assert_eq!(x.reshape((batch, -1))?.shape(), [4, 6]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the number of elements differs.
    pub fn reshape(&self, sizes: impl IntoSizes) -> Result<Tensor> {
        let shape = infer_sizes(&sizes.into_sizes(), self.numel())?;
        if let Some(view) = self.view_exact(shape.clone())? {
            return Ok(view);
        }
        let shows = Shows::Reshaped(Layout::contiguous(shape));
        self.contiguous()?
            .viewed(("view", "UnsafeViewBackward0"), shows)
    }

    /// The dimensions from `start` to `end` (both included) as one.
    ///
    /// # Errors
    /// If the dimensions do not exist or are in the wrong order.
    pub fn flatten(&self, start: i64, end: i64) -> Result<Tensor> {
        let (a, b) = (
            resolve_dim(start, self.rank())?,
            resolve_dim(end, self.rank())?,
        );
        if a > b {
            return Err(Error::shape(
                "flatten() has invalid args: start_dim cannot come after end_dim",
            ));
        }
        if self.rank() == 0 {
            return self.reshape([1]);
        }
        if a == b {
            return Ok(self.clone());
        }
        let mut shape: Shape = self.shape_vec();
        let merged = shape[a..=b].iter().product();
        shape.drain(a + 1..=b);
        shape[a] = merged;
        self.reshape(&shape)
    }

    /// One dimension as several; one of `sizes` may be -1.
    ///
    /// # Errors
    /// If the sizes do not multiply to the dimension's.
    pub fn unflatten(&self, dim: i64, sizes: impl IntoSizes) -> Result<Tensor> {
        let d = resolve_dim(dim, self.rank())?;
        let sizes = infer_sizes(
            &sizes.into_sizes(),
            self.shape().get(d).copied().unwrap_or(1),
        )?;
        let mut shape = self.shape_vec();
        if d < shape.len() {
            shape.remove(d);
        }
        shape.insert_many(d, sizes);
        self.reshape(&shape)
    }

    /// The dimensions in another order.
    ///
    /// # Errors
    /// If `dims` is not a permutation of them.
    pub fn permute(&self, dims: impl Dims) -> Result<Tensor> {
        let dims = dims.into_dims();
        if dims.len() != self.rank() {
            return Err(Error::shape(format!(
                "permute(sparse_coo): number of dimensions in the tensor input does not match the length of the desired ordering of dimensions i.e. input.dim() = {} is not equal to len(dims) = {}",
                self.rank(),
                dims.len()
            )));
        }
        let mut order = Axes::new();
        for dim in dims {
            let d = resolve_dim(dim, self.rank())?;
            if order.contains(&d) {
                return Err(Error::shape("permute(): duplicate dims are not allowed."));
            }
            order.push(d);
        }
        self.viewed(("permute", "PermuteBackward0"), Shows::Permuted(order))
    }

    /// Two dimensions swapped.
    ///
    /// # Errors
    /// If a dimension does not exist.
    pub fn transpose(&self, a: i64, b: i64) -> Result<Tensor> {
        self.swapped("TransposeBackward0", a, b)
    }

    fn swapped(&self, name: &'static str, a: i64, b: i64) -> Result<Tensor> {
        let (a, b) = (resolve_dim(a, self.rank())?, resolve_dim(b, self.rank())?);
        let mut order: Axes = (0..self.rank()).collect();
        if self.rank() > 0 {
            order.swap(a, b);
        }
        self.viewed(("permute", name), Shows::Permuted(order))
    }

    /// A matrix transposed; a vector or a number as it is.
    ///
    /// # Errors
    /// If there are more than two dimensions.
    pub fn t(&self) -> Result<Tensor> {
        match self.rank() {
            0 | 1 => Ok(self.clone()),
            2 => self.swapped("TBackward0", 0, 1),
            n => Err(Error::shape(format!(
                "t() expects a tensor with <= 2 dimensions, but self is {n}D"
            ))),
        }
    }

    /// Without its dimensions of size 1.
    pub fn squeeze(&self) -> Tensor {
        self.without_ones("SqueezeBackward0", |_| true)
    }

    /// Without these dimensions where they have size 1.
    ///
    /// # Errors
    /// If a dimension does not exist.
    pub fn squeeze_dim(&self, dims: impl Dims) -> Result<Tensor> {
        let dims: SmallVec<[usize; 4]> = dims
            .into_dims()
            .into_iter()
            .map(|d| resolve_dim(d, self.rank()))
            .collect::<Result<_>>()?;
        Ok(self.without_ones("SqueezeBackward1", |d| dims.contains(&d)))
    }

    fn without_ones(&self, name: &'static str, drop: impl Fn(usize) -> bool) -> Tensor {
        let mut layout = self.layout().clone();
        for d in (0..self.rank()).rev() {
            if layout.shape[d] == 1 && drop(d) {
                layout.shape.remove(d);
                layout.strides.remove(d);
            }
        }
        self.viewed(("squeeze", name), Shows::Reshaped(layout))
            .expect("a view of all elements fits")
    }

    /// With a new dimension of size 1 before position `dim`.
    ///
    /// # Errors
    /// If the position does not exist.
    pub fn unsqueeze(&self, dim: i64) -> Result<Tensor> {
        let d = resolve_dim(dim, self.rank() + 1)?;
        let mut layout = self.layout().clone();
        let stride = match (layout.shape.get(d), layout.strides.get(d)) {
            (Some(&size), Some(&stride)) => size * stride,
            _ => 1,
        };
        layout.shape.insert(d, 1);
        layout.strides.insert(d, stride);
        self.viewed(("unsqueeze", "UnsqueezeBackward0"), Shows::Reshaped(layout))
    }

    /// Dimensions of size 1 repeated without a copy, and new ones in front; -1 keeps a size.
    ///
    /// # Errors
    /// If a size other than 1 would change, or the number of elements overflows.
    pub fn expand(&self, sizes: impl IntoSizes) -> Result<Tensor> {
        self.expand_to(&sizes.into_sizes())
    }

    fn expand_to(&self, sizes: &[i64]) -> Result<Tensor> {
        let own = self.shape();
        let Some(lead) = sizes.len().checked_sub(own.len()) else {
            return Err(Error::shape(format!(
                "expand(torch.{}Tensor{{{own:?}}}, size={sizes:?}): the number of sizes provided ({}) must be greater or equal to the number of dimensions in the tensor ({})",
                self.dtype().torch_name(),
                sizes.len(),
                own.len()
            )));
        };
        let mut shape = Shape::new();
        for (i, &size) in sizes.iter().enumerate() {
            let here = i.checked_sub(lead).map(|d| own[d]);
            shape.push(match (here, size) {
                (Some(n), -1) => n,
                (None, -1) => {
                    return Err(Error::shape(format!(
                        "expand(torch.{}Tensor{{{own:?}}}, size={sizes:?}): The expanded size of the tensor (-1) isn't allowed in a leading, non-existing dimension {i}",
                        self.dtype().torch_name()
                    )));
                }
                (Some(n), 0..) if n == size as usize => n,
                (Some(1) | None, 0..) => size as usize,
                (n, _) => {
                    return Err(Error::shape(format!(
                        "The expanded size of the tensor ({size}) must match the existing size ({}) at non-singleton dimension {i}.  Target sizes: {sizes:?}.  Tensor sizes: {own:?}",
                        n.unwrap_or(1)
                    )));
                }
            });
        }
        checked_numel(&shape)?;
        self.viewed(("expand", "ExpandBackward0"), Shows::Expanded(shape))
    }

    /// Expanded to a shape that it can be broadcast to.
    ///
    /// # Errors
    /// If it cannot.
    pub fn broadcast_to(&self, shape: &[usize]) -> Result<Tensor> {
        if self.shape() == shape {
            return Ok(self.clone());
        }
        self.expand(shape)
    }

    /// One position of a dimension, without that dimension: `x[:, i]` for `select(1, i)`.
    ///
    /// # Errors
    /// If the dimension or the position does not exist.
    pub fn select(&self, dim: i64, index: i64) -> Result<Tensor> {
        if self.rank() == 0 {
            return Err(Error::index(
                "select() cannot be applied to a 0-dim tensor.",
            ));
        }
        let d = resolve_dim(dim, self.rank())?;
        let shows = Shows::Selected(d, position(index, d, self.shape()[d])?);
        self.viewed(("select", "SelectBackward0"), shows)
    }

    /// Every `step`-th position of a dimension from `start` up to, not including, `end`: Python's
    /// slice, with its clipping and its negative positions.
    ///
    /// # Errors
    /// If the dimension does not exist or the step is not positive.
    pub fn slice_dim(
        &self,
        dim: i64,
        start: impl Into<Option<i64>>,
        end: impl Into<Option<i64>>,
        step: i64,
    ) -> Result<Tensor> {
        apply(self.sliced(dim, start.into(), end.into(), step)?, self)
    }

    /// The view that is [`Tensor::slice_dim`].
    pub(super) fn sliced(
        &self,
        dim: i64,
        start: Option<i64>,
        end: Option<i64>,
        step: i64,
    ) -> Result<View> {
        if self.rank() == 0 {
            return Err(Error::index("slice() cannot be applied to a 0-dim tensor."));
        }
        let d = resolve_dim(dim, self.rank())?;
        if step < 1 {
            return Err(Error::value("step must be greater than zero"));
        }
        let size = self.shape()[d] as i64;
        let clip = |at: i64| {
            if at < 0 {
                (at + size).max(0)
            } else {
                at.min(size)
            }
        };
        let start = clip(start.unwrap_or(0));
        let end = clip(end.unwrap_or(size)).max(start);
        let shows = Shows::Sliced(d, [start, end, step].map(|n| n as usize));
        let names = ("slice", "SliceBackward0");
        Ok(View { names, shows })
    }

    /// `length` positions of a dimension from `start` on: a number, which may count from the end, or
    /// a 0-d tensor of integers.
    ///
    /// # Errors
    /// If the dimension does not exist or is too short, or the start is no integer.
    ///
    /// ```
    /// use pleach::{Tensor, tensor};
    /// let x = tensor![1., 2., 3., 4.];
    /// assert_eq!(x.narrow(0, 1, 2)?.to_vec::<f32>()?, [2., 3.]);
    /// assert_eq!(x.narrow(0, -2, 2)?.to_vec::<f32>()?, [3., 4.]);
    /// assert_eq!(x.narrow(0, &Tensor::scalar(3), 1)?.to_vec::<f32>()?, [4.]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    pub fn narrow(&self, dim: i64, start: impl Start, length: usize) -> Result<Tensor> {
        self.narrow_from(dim, start.into_start()?, length)
    }

    fn narrow_from(&self, dim: i64, start: i64, length: usize) -> Result<Tensor> {
        if self.rank() == 0 {
            return Err(Error::shape(
                "narrow() cannot be applied to a 0-dim tensor.",
            ));
        }
        let size = self.size(dim)? as i64;
        if start < -size || start > size {
            return Err(Error::index(format!(
                "start out of range (expected to be in range of [-{size}, {size}], but got {start})"
            )));
        }
        let start = if start < 0 { start + size } else { start };
        match i64::try_from(length) {
            Ok(length) if length <= size - start => self.slice_dim(dim, start, start + length, 1),
            _ => Err(Error::shape(format!(
                "start ({start}) + length ({length}) exceeds dimension size ({size})."
            ))),
        }
    }

    /// The whole tensor repeated along each dimension: PyTorch's `repeat`, NumPy's `tile`.
    ///
    /// # Errors
    /// If there are fewer repeats than dimensions, or a negative one, or the memory cannot be had.
    pub fn repeat(&self, repeats: impl IntoSizes) -> Result<Tensor> {
        let repeats = repeats.into_sizes();
        if repeats.len() < self.rank() {
            return Err(Error::shape(
                "Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor",
            ));
        }
        if let Some(r) = repeats.iter().find(|r| **r < 0) {
            return Err(Error::shape(format!(
                "Trying to create tensor with negative dimension {r}: {repeats:?}"
            )));
        }
        // [a, b] repeated [r, s] is [1, a, 1, b] expanded to [r, a, s, b].
        let lead = repeats.len() - self.rank();
        let (mut apart, mut wide) = (Shape::new(), Shape::new());
        for (i, &r) in repeats.iter().enumerate() {
            let size = i.checked_sub(lead).map_or(1, |d| self.shape()[d]);
            apart.extend([1, size]);
            wide.extend([r as usize, size]);
        }
        check_room(&wide, self.dtype())?;
        let out = wide.chunks(2).map(|pair| pair[0] * pair[1]).collect();
        let shows = Shows::Reshaped(Layout::contiguous(out));
        let copy = self.reshape(&apart)?.expand(&wide)?;
        written_out(&copy, Layout::contiguous(wide))?.viewed(("view", "RepeatBackward0"), shows)
    }
}

/// Where [`Tensor::narrow`] begins: a number, or a 0-d tensor of integers.
pub trait Start {
    /// The position.
    ///
    /// # Errors
    /// If it is no integer.
    fn into_start(self) -> Result<i64>;
}
macro_rules! start {
    ($($t:ty: $signed:expr),*) => {$(
        impl Start for $t {
            fn into_start(self) -> Result<i64> { Ok($signed(self)) }
        }
    )*};
}
start!(i64: std::convert::identity, i32: i64::from, usize: signed);

impl Start for &Tensor {
    fn into_start(self) -> Result<i64> {
        let whole = !self.dtype().is_float() && self.dtype() != DType::Bool;
        match self.rank() == 0 && whole {
            true => self.item_i64(),
            false => Err(Error::index("start must be an 0-dim integral Tensor.")),
        }
    }
}
