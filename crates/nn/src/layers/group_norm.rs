//! [`GroupNorm`].

use pleach_core::print::python_float;
use pleach_core::{DType, Error, Parameter, Result, Tensor};

use super::default_init::bool_text;
use super::norm_state::{affine, reset_affine, value};
use crate::or_panic::or_panic;
use crate::setters::setters;
use crate::{Forward, Module, Node, Setting, functional};

/// Group normalisation (Wu and He 2018): the channels of a sample are parted into groups, each of which
/// is brought to mean 0 and variance 1, then every channel is scaled and shifted:
///
/// ```text
/// y = (x - mean) / sqrt(var + eps) · weight + bias
/// ```
///
/// The variance is the biased one. Shapes: input and output `[N, num_channels, *]`, weight and bias
/// `[num_channels]`; the weight starts at 1, the bias at 0.
///
/// ```
/// use pleach::tensor;
/// use pleach::nn::{Forward, layers::GroupNorm};
///
/// let norm = GroupNorm::builder(2, 4).eps(1e-12).build()?;
/// let y = norm.call(&tensor![[[1.0], [5.0], [20.0], [10.0]]])?;
/// assert_eq!(y.to_vec::<f32>()?, [-1.0, 1.0, 1.0, -1.0]);
/// assert_eq!(norm.to_string(), "GroupNorm(2, 4, eps=1e-12, affine=True, bias=True)");
/// # Ok::<(), pleach::Error>(())
/// ```
#[derive(Module)]
#[module(extra_repr, debug)]
pub struct GroupNorm {
    node: Node,
    /// Groups of a sample.
    pub num_groups: usize,
    /// Channels of the input.
    pub num_channels: usize,
    eps: Setting<f64>,
    /// The scale, `[num_channels]`.
    pub weight: Option<Parameter>,
    /// The shift, `[num_channels]`.
    pub bias: Option<Parameter>,
}

impl GroupNorm {
    /// A layer with PyTorch's defaults, in f32: eps 1e-5, weight and bias.
    ///
    /// # Panics
    /// If the groups do not divide the channels or the memory cannot be had; see
    /// [`GroupNormBuilder::build`].
    #[track_caller]
    pub fn new(num_groups: usize, num_channels: usize) -> Self {
        or_panic(Self::builder(num_groups, num_channels).build())
    }

    /// A layer with options.
    pub fn builder(num_groups: usize, num_channels: usize) -> GroupNormBuilder {
        GroupNormBuilder {
            num_groups,
            num_channels,
            eps: 1e-5,
            affine: true,
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
            "{}, {}, eps={}, affine={}, bias={}",
            self.num_groups,
            self.num_channels,
            python_float(self.eps()),
            bool_text(self.weight.is_some()),
            bool_text(self.bias.is_some())
        )
    }
}

impl Forward for GroupNorm {
    fn forward(&self, input: &Tensor) -> Result<Tensor> {
        let (weight, bias) = (value(&self.weight)?, value(&self.bias)?);
        let (weight, bias) = (weight.as_ref(), bias.as_ref());
        functional::group_norm(input, self.num_groups, weight, bias, self.eps())
    }
}

/// Options of a [`GroupNorm`].
#[derive(Debug, Clone)]
#[must_use]
pub struct GroupNormBuilder {
    num_groups: usize,
    num_channels: usize,
    eps: f64,
    affine: bool,
    bias: bool,
    dtype: DType,
}

impl GroupNormBuilder {
    setters! {
        |builder| builder;
        /// What is added to the variance (1e-5 by default).
        eps: f64 = eps;
        /// Whether there are weight and bias (yes, by default).
        affine: bool = affine;
        /// Whether there is a bias beside the weight (yes, by default).
        bias: bool = bias;
        /// The dtype of the parameters (f32 by default).
        dtype: DType = dtype;
    }

    /// Builds the layer; nothing is drawn.
    ///
    /// # Errors
    /// If the groups do not divide the channels, the dtype is not a float type, or the memory cannot be
    /// had.
    pub fn build(self) -> Result<GroupNorm> {
        let (groups, channels) = (self.num_groups, self.num_channels);
        if groups == 0 || !channels.is_multiple_of(groups) {
            return Err(Error::value(format!(
                "num_channels ({channels}) must be divisible by num_groups ({groups})"
            )));
        }
        let bias = self.affine && self.bias;
        let (weight, bias) = affine(&[channels], self.affine, bias, self.dtype)?;
        Ok(GroupNorm {
            node: Node::new(),
            num_groups: groups,
            num_channels: channels,
            eps: Setting::new(self.eps),
            weight,
            bias,
        })
    }
}
