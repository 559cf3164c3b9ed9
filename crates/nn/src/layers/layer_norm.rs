//! [`LayerNorm`] and [`RMSNorm`]: normalisation over the last dimensions.

use pleach_core::print::{PythonRepr, python_float, python_tuple};
use pleach_core::{DType, Error, IntoSizes, Parameter, Result, Tensor};

use super::default_init::bool_text;
use super::norm_state::{affine, reset_affine, value};
use crate::or_panic::or_panic;
use crate::setters::setters;
use crate::{Forward, Module, Node, Setting, functional};

/// Layer normalisation (Ba et al. 2016): each sample is brought to mean 0 and variance 1 over its last
/// dimensions, then scaled and shifted:
///
/// ```text
/// y = (x - mean) / sqrt(var + eps) · weight + bias
/// ```
///
/// The variance is the biased one. Shapes: input and output `[*, normalized_shape]`. Weight and bias
/// have the shape `normalized_shape`; the weight starts at 1, the bias at 0.
///
/// ```
/// use pleach::tensor;
/// use pleach::nn::{Forward, layers::LayerNorm};
///
/// let norm = LayerNorm::builder(2).eps(1e-12).build()?;
/// let y = norm.call(&tensor![[1.0, 5.0], [20.0, 10.0]])?;
/// assert_eq!(y.to_vec::<f32>()?, [-1.0, 1.0, 1.0, -1.0]);
/// assert_eq!(norm.to_string(), "LayerNorm((2,), eps=1e-12, elementwise_affine=True, bias=True)");
/// assert_eq!(LayerNorm::new([3, 4]).weight.unwrap().shape(), [3, 4]);
/// # Ok::<(), pleach::Error>(())
/// ```
#[derive(Module)]
#[module(extra_repr, debug)]
pub struct LayerNorm {
    node: Node,
    /// The last dimensions of the input.
    #[module(skip)]
    pub normalized_shape: Vec<usize>,
    eps: Setting<f64>,
    /// The scale, of the shape `normalized_shape`.
    pub weight: Option<Parameter>,
    /// The shift, of the shape `normalized_shape`.
    pub bias: Option<Parameter>,
}

impl LayerNorm {
    /// A layer with PyTorch's defaults, in f32: eps 1e-5, weight and bias. The shape is a number or
    /// several.
    ///
    /// # Panics
    /// If a size is negative or the memory cannot be had; see [`LayerNormBuilder::build`].
    #[track_caller]
    pub fn new(normalized_shape: impl IntoSizes) -> Self {
        or_panic(Self::builder(normalized_shape).build())
    }

    /// A layer with options.
    pub fn builder(normalized_shape: impl IntoSizes) -> LayerNormBuilder {
        LayerNormBuilder {
            normalized_shape: normalized_shape.into_sizes().to_vec(),
            eps: 1e-5,
            elementwise_affine: true,
            bias: true,
            dtype: DType::F32,
        }
    }

    /// What is added to the variance.
    pub fn eps(&self) -> f64 {
        self.eps.get()
    }

    /// Changes [`eps`](Self::eps), for every alias.
    pub fn set_eps(&self, eps: f64) {
        self.eps.set(eps);
    }

    /// Sets weight 1 and bias 0.
    ///
    /// # Errors
    /// None while the parameters have a dtype that computes.
    pub fn reset_parameters(&self) -> Result<()> {
        reset_affine(self.weight.as_ref(), self.bias.as_ref())
    }

    fn extra_repr(&self) -> String {
        format!(
            "{}, eps={}, elementwise_affine={}, bias={}",
            python_tuple(&self.normalized_shape),
            python_float(self.eps()),
            bool_text(self.weight.is_some()),
            bool_text(self.bias.is_some())
        )
    }
}

impl Forward for LayerNorm {
    fn forward(&self, input: &Tensor) -> Result<Tensor> {
        let (weight, bias) = (value(&self.weight)?, value(&self.bias)?);
        let shape = &self.normalized_shape[..];
        functional::layer_norm(input, shape, weight.as_ref(), bias.as_ref(), self.eps())
    }
}

/// Options of a [`LayerNorm`].
#[derive(Debug, Clone)]
#[must_use]
pub struct LayerNormBuilder {
    normalized_shape: Vec<i64>,
    eps: f64,
    elementwise_affine: bool,
    bias: bool,
    dtype: DType,
}

impl LayerNormBuilder {
    setters! {
        |builder| builder;
        /// What is added to the variance (1e-5 by default).
        eps: f64 = eps;
        /// Whether there are weight and bias (yes, by default).
        elementwise_affine: bool = elementwise_affine;
        /// Whether there is a bias beside the weight (yes, by default).
        bias: bool = bias;
        /// The dtype of the parameters (f32 by default).
        dtype: DType = dtype;
    }

    /// Builds the layer; nothing is drawn.
    ///
    /// # Errors
    /// If a size is negative, the dtype is not a float type, or the memory cannot be had.
    pub fn build(self) -> Result<LayerNorm> {
        let shape = sizes(&self.normalized_shape)?;
        let (weight, bias) = affine(
            &shape,
            self.elementwise_affine,
            self.elementwise_affine && self.bias,
            self.dtype,
        )?;
        Ok(LayerNorm {
            node: Node::new(),
            normalized_shape: shape,
            eps: Setting::new(self.eps),
            weight,
            bias,
        })
    }
}

/// RMS normalisation (Zhang and Sennrich 2019): each sample is divided by its root mean square over the
/// last dimensions, then scaled:
///
/// ```text
/// y = x / sqrt(mean of x² + eps) · weight
/// ```
///
/// Shapes: input and output `[*, normalized_shape]`. The weight has the shape `normalized_shape` and
/// starts at 1. Without an eps, the default, it is the machine epsilon of the input's dtype.
///
/// ```
/// use pleach::tensor;
/// use pleach::nn::{Forward, layers::RMSNorm};
///
/// let norm = RMSNorm::builder(4).eps(0.0).build()?;
/// let y = norm.call(&tensor![4.0, 0.0, 0.0, 0.0])?;
/// assert_eq!(y.to_vec::<f32>()?, [2.0, 0.0, 0.0, 0.0]);
/// assert_eq!(RMSNorm::new(2).to_string(), "RMSNorm((2,), eps=None, elementwise_affine=True)");
/// # Ok::<(), pleach::Error>(())
/// ```
#[derive(Module)]
#[module(extra_repr, debug)]
pub struct RMSNorm {
    node: Node,
    /// The last dimensions of the input.
    #[module(skip)]
    pub normalized_shape: Vec<usize>,
    eps: Setting<Option<f64>>,
    /// The scale, of the shape `normalized_shape`.
    pub weight: Option<Parameter>,
}

impl RMSNorm {
    /// A layer with PyTorch's defaults, in f32: the machine epsilon, and a weight. The shape is a number
    /// or several.
    ///
    /// # Panics
    /// If a size is negative or the memory cannot be had; see [`RMSNormBuilder::build`].
    #[track_caller]
    pub fn new(normalized_shape: impl IntoSizes) -> Self {
        or_panic(Self::builder(normalized_shape).build())
    }

    /// A layer with options.
    pub fn builder(normalized_shape: impl IntoSizes) -> RMSNormBuilder {
        RMSNormBuilder {
            normalized_shape: normalized_shape.into_sizes().to_vec(),
            eps: None,
            elementwise_affine: true,
            dtype: DType::F32,
        }
    }

    /// What is added to the mean of the squares; `None` is the machine epsilon.
    pub fn eps(&self) -> Option<f64> {
        self.eps.get()
    }

    /// Changes [`eps`](Self::eps), for every alias.
    pub fn set_eps(&self, eps: impl Into<Option<f64>>) {
        self.eps.set(eps.into());
    }

    /// Sets the weight to 1.
    ///
    /// # Errors
    /// None while the parameter has a dtype that computes.
    pub fn reset_parameters(&self) -> Result<()> {
        reset_affine(self.weight.as_ref(), None)
    }

    fn extra_repr(&self) -> String {
        format!(
            "{}, eps={}, elementwise_affine={}",
            python_tuple(&self.normalized_shape),
            self.eps().python_repr(),
            bool_text(self.weight.is_some())
        )
    }
}

impl Forward for RMSNorm {
    fn forward(&self, input: &Tensor) -> Result<Tensor> {
        let weight = value(&self.weight)?;
        let shape = &self.normalized_shape[..];
        functional::rms_norm(input, shape, weight.as_ref(), self.eps())
    }
}

/// Options of an [`RMSNorm`].
#[derive(Debug, Clone)]
#[must_use]
pub struct RMSNormBuilder {
    normalized_shape: Vec<i64>,
    eps: Option<f64>,
    elementwise_affine: bool,
    dtype: DType,
}

impl RMSNormBuilder {
    setters! {
        |builder| builder;
        /// What is added to the mean of the squares; `None`, the default, is the machine epsilon.
        eps: impl Into<Option<f64>> = eps.into();
        /// Whether there is a weight (yes, by default).
        elementwise_affine: bool = elementwise_affine;
        /// The dtype of the weight (f32 by default).
        dtype: DType = dtype;
    }

    /// Builds the layer; nothing is drawn.
    ///
    /// # Errors
    /// If a size is negative, the dtype is not a float type, or the memory cannot be had.
    pub fn build(self) -> Result<RMSNorm> {
        let shape = sizes(&self.normalized_shape)?;
        let (weight, _) = affine(&shape, self.elementwise_affine, false, self.dtype)?;
        Ok(RMSNorm {
            node: Node::new(),
            normalized_shape: shape,
            eps: Setting::new(self.eps),
            weight,
        })
    }
}

/// The sizes, of which none is negative.
fn sizes(given: &[i64]) -> Result<Vec<usize>> {
    let sizes = given.iter().map(|n| usize::try_from(*n));
    sizes.collect::<std::result::Result<_, _>>().map_err(|_| {
        let negative = given.iter().find(|n| **n < 0).unwrap_or(&0);
        Error::shape(format!(
            "Trying to create tensor with negative dimension {negative}: {given:?}"
        ))
    })
}
