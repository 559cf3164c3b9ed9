//! Shapes made to fit, dimensions moved, windows: by way of the views.

use super::place::{Axes, Shows};
use crate::autograd::{Alias, apply};
use crate::extent::checked_numel;
use crate::shape::{IntoSizes, Shape, broadcast_shapes, resolve_dim};
use crate::{Dims, Error, Result, Tensor};

/// # Shapes that fit, and moved dimensions
impl Tensor {
    /// At least one dimension: a number becomes a vector, as a view.
    ///
    /// # Errors
    /// None; a `Result` as those of its kind.
    pub fn atleast_1d(&self) -> Result<Tensor> {
        match self.rank() {
            0 => self.reshape([1]),
            _ => Ok(self.clone()),
        }
    }

    /// At least two dimensions: a vector becomes a row, as a view.
    ///
    /// # Errors
    /// None; a `Result` as those of its kind.
    pub fn atleast_2d(&self) -> Result<Tensor> {
        match self.rank() {
            0 => self.reshape([1, 1]),
            1 => self.unsqueeze(0),
            _ => Ok(self.clone()),
        }
    }

    /// At least three dimensions: a vector becomes `[1, n, 1]`, a matrix `[m, n, 1]`, as a view.
    ///
    /// # Errors
    /// None; a `Result` as those of its kind.
    ///
    /// ```
    /// use pleach::Tensor;
    /// assert_eq!(Tensor::zeros([4]).atleast_3d()?.shape(), [1, 4, 1]);
    /// assert_eq!(Tensor::zeros([4]).atleast_2d()?.shape(), [1, 4]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    pub fn atleast_3d(&self) -> Result<Tensor> {
        match self.rank() {
            0 => self.reshape([1, 1, 1]),
            1 => self.unsqueeze(0)?.unsqueeze(-1),
            2 => self.unsqueeze(-1),
            _ => Ok(self.clone()),
        }
    }

    /// All elements in row-major order as a vector: a view where that is possible.
    ///
    /// # Errors
    /// If the memory for a copy cannot be had.
    pub fn ravel(&self) -> Result<Tensor> {
        self.reshape([self.numel()])
    }

    /// [`Tensor::expand`] to another tensor's shape.
    ///
    /// # Errors
    /// If a size other than 1 would change.
    pub fn expand_as(&self, other: &Tensor) -> Result<Tensor> {
        self.expand(other.shape())
    }

    /// [`Tensor::reshape`] to another tensor's shape.
    ///
    /// # Errors
    /// If the number of elements differs.
    pub fn reshape_as(&self, other: &Tensor) -> Result<Tensor> {
        self.reshape(other.shape())
    }

    /// [`Tensor::view`] in another tensor's shape.
    ///
    /// # Errors
    /// If the number of elements differs, or the strides do not allow it.
    pub fn view_as(&self, other: &Tensor) -> Result<Tensor> {
        self.view(other.shape())
    }

    /// The tensors expanded to the shape that they have together, as views.
    ///
    /// # Errors
    /// If they cannot be broadcast together.
    ///
    /// ```
    /// use pleach::Tensor;
    /// let all = Tensor::broadcast_tensors([Tensor::zeros([3, 1]), Tensor::zeros([2])])?;
    /// assert!(all.iter().all(|t| t.shape() == [3, 2]));
    /// # Ok::<(), pleach::Error>(())
    /// ```
    pub fn broadcast_tensors(
        tensors: impl IntoIterator<Item: AsRef<Tensor>>,
    ) -> Result<Vec<Tensor>> {
        let tensors: Vec<_> = tensors.into_iter().collect();
        let mut shape = Shape::new();
        for t in &tensors {
            shape = broadcast_shapes(&shape, t.as_ref().shape())?;
        }
        tensors.iter().map(|t| t.as_ref().expand(&shape)).collect()
    }

    /// Sums over what broadcasting from `sizes` to this tensor's shape repeats: the opposite of
    /// [`Tensor::expand`].
    ///
    /// # Errors
    /// If `sizes` does not broadcast to this shape.
    ///
    /// ```
    /// let x = pleach::tensor![[1., 2.], [3., 4.]];
    /// assert_eq!(x.sum_to_size([1, 2])?.to_vec::<f32>()?, [4., 6.]);
    /// assert_eq!(x.sum_to_size(())?.item()?, 10.0);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    pub fn sum_to_size(&self, sizes: impl IntoSizes) -> Result<Tensor> {
        let sizes = sizes.into_sizes();
        let refusal = || {
            Error::shape(format!(
                "size {{{sizes:?}}} is not expandable to size {{{:?}}}.",
                self.shape()
            ))
        };
        let lead = self.rank().checked_sub(sizes.len()).ok_or_else(refusal)?;
        let own = &self.shape()[lead..];
        let fits = |(&size, &n): (&i64, &usize)| size == 1 || usize::try_from(size) == Ok(n);
        if !sizes.iter().zip(own).all(fits) {
            return Err(refusal());
        }
        let shape: Shape = sizes.iter().map(|&n| n as usize).collect();
        self.sum_to(&shape)
    }

    /// Dimensions moved to other places; the others keep their order. A view.
    ///
    /// # Errors
    /// If a dimension does not exist or is given twice, or there are not as many places as
    /// dimensions.
    ///
    /// ```
    /// use pleach::Tensor;
    /// assert_eq!(Tensor::zeros([2, 3, 4]).movedim(0, -1)?.shape(), [3, 4, 2]);
    /// assert_eq!(Tensor::zeros([2, 3, 4]).movedim([0, 1], [2, 0])?.shape(), [3, 4, 2]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    pub fn movedim(&self, source: impl Dims, destination: impl Dims) -> Result<Tensor> {
        self.dims_moved(&source.into_dims(), &destination.into_dims())
    }

    fn dims_moved(&self, source: &[i64], destination: &[i64]) -> Result<Tensor> {
        if source.len() != destination.len() {
            return Err(Error::shape(format!(
                "movedim: Invalid source or destination dims: source ({source:?} dims) should contain the same number of dims as destination ({destination:?} dims)"
            )));
        }
        let resolved = |dims: &[i64], name: &str| -> Result<Axes> {
            let all = dims.iter().map(|d| resolve_dim(*d, self.rank()));
            let all = all.collect::<Result<Axes>>()?;
            match (1..all.len()).any(|i| all[..i].contains(&all[i])) {
                true => Err(Error::shape(format!(
                    "movedim: repeated dim in `{name}` ({dims:?})"
                ))),
                false => Ok(all),
            }
        };
        // All exist before one is found twice.
        for dim in source.iter().chain(destination) {
            resolve_dim(*dim, self.rank())?;
        }
        let (from, to) = (
            resolved(source, "source")?,
            resolved(destination, "destination")?,
        );
        if self.rank() == 0 {
            return apply(Alias, self);
        }
        let mut others = (0..self.rank()).filter(|d| !from.contains(d));
        let order: Axes = (0..self.rank())
            .filter_map(|d| match to.iter().position(|t| *t == d) {
                Some(i) => Some(from[i]),
                None => others.next(),
            })
            .collect();
        self.viewed(("permute", "PermuteBackward0"), Shows::Permuted(order))
    }

    /// NumPy's name of [`Tensor::movedim`].
    ///
    /// # Errors
    /// As [`Tensor::movedim`].
    pub fn moveaxis(&self, source: impl Dims, destination: impl Dims) -> Result<Tensor> {
        self.movedim(source, destination)
    }

    /// NumPy's name of [`Tensor::transpose`].
    ///
    /// # Errors
    /// If a dimension does not exist.
    pub fn swapaxes(&self, a: i64, b: i64) -> Result<Tensor> {
        self.transpose(a, b)
    }

    /// Another name of [`Tensor::transpose`].
    ///
    /// # Errors
    /// If a dimension does not exist.
    pub fn swapdims(&self, a: i64, b: i64) -> Result<Tensor> {
        self.transpose(a, b)
    }

    /// Windows of a dimension, `step` apart: their positions take the dimension's place, their
    /// elements a new last dimension. A view.
    ///
    /// # Errors
    /// If the dimension does not exist or is smaller than the window, or `step` is 0.
    ///
    /// ```
    /// let x = pleach::tensor![1, 2, 3, 4].unfold(0, 2, 1)?;
    /// assert_eq!(x.shape(), [3, 2]);
    /// assert_eq!(x.to_vec::<i64>()?, [1, 2, 2, 3, 3, 4]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    pub fn unfold(&self, dimension: i64, size: usize, step: usize) -> Result<Tensor> {
        let d = resolve_dim(dimension, self.rank())?;
        let longest = self.shape().get(d).copied().unwrap_or(1);
        if size > longest {
            return Err(Error::shape(format!(
                "maximum size for tensor at dimension {d} is {longest} but size is {size}"
            )));
        }
        if step == 0 {
            return Err(Error::value("step is 0 but must be > 0"));
        }
        let mut shape = self.shape_vec();
        if let Some(n) = shape.get_mut(d) {
            *n = (*n - size) / step + 1;
        }
        shape.push(size);
        checked_numel(&shape)?;
        let shows = Shows::Windows(d, [size, step]);
        self.viewed(("unfold", "UnfoldBackward0"), shows)
    }

    /// The whole tensor repeated along its last dimensions; of more repeats than dimensions the first
    /// make new ones. [`Tensor::repeat`] wants one for each.
    ///
    /// # Errors
    /// If a repeat is negative, or the memory cannot be had.
    ///
    /// ```
    /// use pleach::Tensor;
    /// assert_eq!(Tensor::zeros([2, 3]).tile(2)?.shape(), [2, 6]);
    /// assert_eq!(Tensor::zeros([3]).tile([2, 2])?.shape(), [2, 6]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    pub fn tile(&self, repeats: impl IntoSizes) -> Result<Tensor> {
        let repeats = repeats.into_sizes();
        let lead = self.rank().saturating_sub(repeats.len());
        let ones = std::iter::repeat_n(1, lead);
        self.repeat(&ones.chain(repeats).collect::<Vec<i64>>()[..])
    }
}
