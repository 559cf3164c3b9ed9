//! [`LazyLinear`].

use pleach_core::{DType, Error, Result, Tensor, skip_init};

use super::{Lazy, LazyLayer};
use crate::layers::{Linear, LinearBuilder};
use crate::or_panic::or_panic;
use crate::setters::setters;

/// A [`Linear`], `y = x Aᵀ + b`, that learns `in_features` from the last dimension of its first input: see
/// [`Lazy`].
///
/// Shapes: input `[*, in_features]`, output `[*, out_features]`.
///
/// ```
/// use pleach::Tensor;
/// use pleach::nn::{Forward, Module, layers::LazyLinear};
///
/// let linear = LazyLinear::new(3);
/// assert_eq!(linear.to_string(), "LazyLinear(in_features=0, out_features=3, bias=True)");
/// assert!(linear.has_uninitialized_params());
/// assert_eq!(linear.call(&Tensor::ones([2, 5]))?.shape(), [2, 3]);
/// assert_eq!(linear.to_string(), "Linear(in_features=5, out_features=3, bias=True)");
/// assert_eq!(linear.parameters()[0].shape(), [3, 5]);
/// # Ok::<(), pleach::Error>(())
/// ```
pub type LazyLinear = Lazy<Linear>;

impl LazyLinear {
    /// A layer with a bias, in f32.
    ///
    /// # Panics
    /// If the memory cannot be had; see [`LazyLinearBuilder::build`].
    #[track_caller]
    pub fn new(out_features: usize) -> Self {
        or_panic(Self::builder(out_features).build())
    }

    /// A layer with options.
    pub fn builder(out_features: usize) -> LazyLinearBuilder {
        LazyLinearBuilder(Linear::builder(0, out_features))
    }
}

impl LazyLayer for Linear {
    fn lazy_name() -> &'static str {
        "LazyLinear"
    }
    fn inferred(&self, input: &Tensor) -> Result<usize> {
        let size = input.shape().last().copied();
        size.ok_or_else(|| Error::shape("a lazy linear layer needs an input with a dimension"))
    }
    fn set_inferred(&mut self, size: usize) {
        self.in_features = size;
    }
    fn shape(&self, name: &str, size: usize) -> Vec<usize> {
        match name {
            "weight" => vec![self.out_features, size],
            _ => vec![self.out_features],
        }
    }
    fn draw(&self) -> Result<()> {
        self.reset_parameters()
    }
}

/// Options of a [`LazyLinear`].
#[derive(Debug, Clone)]
#[must_use]
pub struct LazyLinearBuilder(LinearBuilder);

impl LazyLinearBuilder {
    setters! {
        |builder| builder.0;
        /// Whether there is a bias (yes, by default).
        bias: bool = bias;
        /// The dtype of the parameters (f32 by default).
        dtype: DType = dtype;
    }

    /// Builds the layer; nothing is drawn.
    ///
    /// # Errors
    /// If the dtype is not a float type, or the memory cannot be had.
    pub fn build(self) -> Result<LazyLinear> {
        Lazy::of(skip_init(|| self.0.build())?)
    }
}
