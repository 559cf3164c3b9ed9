//! [`LazyInstanceNorm`].

use pleach_core::{DType, Error, Result, Tensor};

use super::{Lazy, LazyLayer};
use crate::layers::{InstanceNorm, InstanceNormBuilder};
use crate::or_panic::or_panic;
use crate::setters::setters;

/// An [`InstanceNorm`] that learns `num_features` from the second dimension of its first input, which must
/// be a batch: see [`Lazy`]. As in PyTorch, it has parameters and running statistics unless told otherwise,
/// which [`InstanceNorm`] has not.
///
/// Shapes: input and output `[N, num_features, *]`; after the first call also `[num_features, *]`.
///
/// ```
/// use pleach::tensor;
/// use pleach::nn::{Forward, layers::LazyInstanceNorm1d};
///
/// let norm = LazyInstanceNorm1d::builder().eps(1e-12).build()?;
/// let y = norm.call(&tensor![[[1.0, 5.0], [20.0, 10.0]]])?;
/// assert_eq!(y.to_vec::<f32>()?, [-1.0, 1.0, 1.0, -1.0]);
/// assert_eq!(
///     norm.to_string(),
///     "InstanceNorm1d(2, eps=1e-12, momentum=0.1, affine=True, bias=True, track_running_stats=True)"
/// );
/// # Ok::<(), pleach::Error>(())
/// ```
pub type LazyInstanceNorm<const D: usize> = Lazy<InstanceNorm<D>>;

/// A lazy [`InstanceNorm1d`](crate::layers::InstanceNorm1d): see [`LazyInstanceNorm`].
pub type LazyInstanceNorm1d = LazyInstanceNorm<1>;
/// A lazy [`InstanceNorm2d`](crate::layers::InstanceNorm2d): see [`LazyInstanceNorm`].
pub type LazyInstanceNorm2d = LazyInstanceNorm<2>;
/// A lazy [`InstanceNorm3d`](crate::layers::InstanceNorm3d): see [`LazyInstanceNorm`].
pub type LazyInstanceNorm3d = LazyInstanceNorm<3>;

impl<const D: usize> LazyInstanceNorm<D> {
    /// A layer with PyTorch's defaults, in f32: eps 1e-5, momentum 0.1, parameters and running statistics.
    ///
    /// # Panics
    /// If the memory cannot be had; see [`LazyInstanceNormBuilder::build`].
    #[track_caller]
    pub fn new() -> Self {
        or_panic(Self::builder().build())
    }

    /// A layer with options.
    pub fn builder() -> LazyInstanceNormBuilder<D> {
        let plain = InstanceNorm::builder(0);
        LazyInstanceNormBuilder(plain.affine(true).track_running_stats(true))
    }
}

impl<const D: usize> Default for LazyInstanceNorm<D> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const D: usize> LazyLayer for InstanceNorm<D> {
    fn lazy_name() -> &'static str {
        [
            "LazyInstanceNorm1d",
            "LazyInstanceNorm2d",
            "LazyInstanceNorm3d",
        ][D - 1]
    }
    fn inferred(&self, input: &Tensor) -> Result<usize> {
        let size = input.shape().get(1).copied();
        size.ok_or_else(|| Error::index("tuple index out of range"))
    }
    fn set_inferred(&mut self, size: usize) {
        // As in PyTorch, a layer without parameters and statistics has no use for the number.
        if self.weight.is_some() || self.running_mean.is_some() {
            self.num_features = size;
        }
    }
    fn shape(&self, name: &str, size: usize) -> Vec<usize> {
        match name {
            "num_batches_tracked" => vec![],
            _ => vec![size],
        }
    }
    fn draw(&self) -> Result<()> {
        self.reset_parameters()
    }
}

/// Options of a [`LazyInstanceNorm`].
#[derive(Debug, Clone)]
#[must_use]
pub struct LazyInstanceNormBuilder<const D: usize>(InstanceNormBuilder<D>);

impl<const D: usize> LazyInstanceNormBuilder<D> {
    setters! {
        |builder| builder.0;
        /// What is added to the variance (1e-5 by default).
        eps: f64 = eps;
        /// How far the running statistics move towards a batch's (0.1 by default); `None` does not move
        /// them.
        momentum: impl Into<Option<f64>> = momentum.into();
        /// Whether there are weight and bias (yes, by default).
        affine: bool = affine;
        /// Whether there is a bias beside the weight (yes, by default).
        bias: bool = bias;
        /// Whether there are running statistics (yes, by default).
        track_running_stats: bool = track_running_stats;
        /// The dtype of parameters and statistics (f32 by default).
        dtype: DType = dtype;
    }

    /// Builds the layer.
    ///
    /// # Errors
    /// If the dtype is not a float type, or the memory cannot be had.
    pub fn build(self) -> Result<LazyInstanceNorm<D>> {
        Lazy::of(self.0.build()?)
    }
}
