//! [`LazyBatchNorm`].

use pleach_core::{DType, Error, Result, Tensor};

use super::{Lazy, LazyLayer};
use crate::layers::{BatchNorm, BatchNormBuilder};
use crate::or_panic::or_panic;
use crate::setters::setters;

/// A [`BatchNorm`] that learns `num_features` from the second dimension of its first input: see
/// [`Lazy`]. The options and their defaults are those of [`BatchNorm`].
///
/// Shapes: input and output `[N, num_features, *]`, for one dimension also `[N, num_features]`.
///
/// ```
/// use pleach::Tensor;
/// use pleach::nn::{Forward, layers::LazyBatchNorm2d};
///
/// let norm = LazyBatchNorm2d::builder().momentum(None).build()?;
/// norm.call(&Tensor::zeros([2, 5, 7, 7]))?;
/// assert_eq!(
///     norm.to_string(),
///     "BatchNorm2d(5, eps=1e-05, momentum=None, affine=True, bias=True, track_running_stats=True)"
/// );
/// # Ok::<(), pleach::Error>(())
/// ```
pub type LazyBatchNorm<const D: usize> = Lazy<BatchNorm<D>>;

/// A lazy [`BatchNorm1d`](crate::layers::BatchNorm1d): see [`LazyBatchNorm`].
pub type LazyBatchNorm1d = LazyBatchNorm<1>;
/// A lazy [`BatchNorm2d`](crate::layers::BatchNorm2d): see [`LazyBatchNorm`].
pub type LazyBatchNorm2d = LazyBatchNorm<2>;
/// A lazy [`BatchNorm3d`](crate::layers::BatchNorm3d): see [`LazyBatchNorm`].
pub type LazyBatchNorm3d = LazyBatchNorm<3>;

impl<const D: usize> LazyBatchNorm<D> {
    /// A layer with PyTorch's defaults, in f32: see [`BatchNorm::new`].
    ///
    /// # Panics
    /// If the memory cannot be had; see [`LazyBatchNormBuilder::build`].
    #[track_caller]
    pub fn new() -> Self {
        or_panic(Self::builder().build())
    }

    /// A layer with options.
    pub fn builder() -> LazyBatchNormBuilder<D> {
        LazyBatchNormBuilder(BatchNorm::builder(0))
    }
}

impl<const D: usize> Default for LazyBatchNorm<D> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const D: usize> LazyLayer for BatchNorm<D> {
    fn lazy_name() -> &'static str {
        ["LazyBatchNorm1d", "LazyBatchNorm2d", "LazyBatchNorm3d"][D - 1]
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

/// Options of a [`LazyBatchNorm`].
#[derive(Debug, Clone)]
#[must_use]
pub struct LazyBatchNormBuilder<const D: usize>(BatchNormBuilder<D>);

impl<const D: usize> LazyBatchNormBuilder<D> {
    setters! {
        |builder| builder.0;
        /// What is added to the variance (1e-5 by default).
        eps: f64 = eps;
        /// How far the running statistics move towards a batch's (0.1 by default); `None` averages
        /// over all batches.
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
    pub fn build(self) -> Result<LazyBatchNorm<D>> {
        Lazy::of(self.0.build()?)
    }
}
