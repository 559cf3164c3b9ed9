//! [`GELU`], [`GLU`], [`PReLU`] and [`RReLU`].

use pleach_core::{DType, Error, Parameter, Result, Scalar, Tensor};

use super::default_init::{check_float, empty_parameter};
use crate::activations::as_given;
use crate::functional::{self, Approximate};
use crate::or_panic::or_panic;
use crate::setters::{given, setters};
use crate::{Forward, Module, Node, Setting};

/// `x Φ(x)` with the normal distribution's Φ, or an approximation of it with a hyperbolic tangent
/// (Hendrycks and Gimpel 2016). Any shape; see [`functional::gelu`].
///
/// ```
/// use pleach::tensor;
/// use pleach::nn::{Forward, layers::GELU};
/// let y = GELU::new().call(&tensor![0.0, 1.0])?;
/// assert_eq!(y.to_vec::<f32>()?, [0.0, 0.8413447]);
/// let layer = GELU::builder().approximate("tanh").build()?;
/// assert_eq!(layer.to_string(), "GELU(approximate='tanh')");
/// # Ok::<(), pleach::Error>(())
/// ```
#[derive(Module)]
#[module(extra_repr, debug)]
pub struct GELU {
    node: Node,
    /// How it is computed.
    #[module(skip)]
    pub approximate: Approximate,
}

impl GELU {
    /// The exact activation.
    pub fn new() -> Self {
        GELU {
            node: Node::new(),
            approximate: Approximate::None,
        }
    }

    /// The activation with options.
    pub fn builder() -> GELUBuilder {
        GELUBuilder {
            approximate: Ok(Approximate::None),
        }
    }

    fn extra_repr(&self) -> String {
        format!("approximate='{}'", self.approximate)
    }
}

impl Default for GELU {
    fn default() -> Self {
        Self::new()
    }
}

impl Forward for GELU {
    fn forward(&self, input: &Tensor) -> Result<Tensor> {
        functional::gelu(input, self.approximate)
    }
}

/// Options of a [`GELU`].
#[derive(Debug)]
#[must_use]
pub struct GELUBuilder {
    approximate: Result<Approximate>,
}

impl GELUBuilder {
    /// `"none"` (the default) or `"tanh"`.
    pub fn approximate(
        mut self,
        approximate: impl TryInto<Approximate, Error: Into<Error>>,
    ) -> Self {
        self.approximate = given(approximate);
        self
    }

    /// Builds the activation.
    ///
    /// # Errors
    /// If a string is unknown.
    pub fn build(self) -> Result<GELU> {
        Ok(GELU {
            node: Node::new(),
            approximate: self.approximate?,
        })
    }
}

/// The first half of a dimension times the sigmoid of the second.
///
/// Shapes: input with an even size in `dim`, output with half of it; see [`functional::glu`].
///
/// ```
/// use pleach::tensor;
/// use pleach::nn::{Forward, layers::GLU};
/// let layer = GLU::new(-1);
/// assert_eq!(layer.call(&tensor![[4.0, 0.0]])?.to_vec::<f32>()?, [2.0]);
/// assert_eq!(layer.to_string(), "GLU(dim=-1)");
/// # Ok::<(), pleach::Error>(())
/// ```
#[derive(Module)]
#[module(extra_repr, debug)]
pub struct GLU {
    node: Node,
    /// The dimension that is halved.
    pub dim: i64,
}

impl GLU {
    /// The layer for a dimension; PyTorch's default is -1.
    pub fn new(dim: i64) -> Self {
        GLU {
            node: Node::new(),
            dim,
        }
    }

    fn extra_repr(&self) -> String {
        format!("dim={}", self.dim)
    }
}

impl Default for GLU {
    fn default() -> Self {
        Self::new(-1)
    }
}

impl Forward for GLU {
    fn forward(&self, input: &Tensor) -> Result<Tensor> {
        functional::glu(input, self.dim)
    }
}

/// `x`, or `weight · x` up to 0, with a slope that is learned: one for all channels, or one for each.
///
/// Shapes: `[N, C, *]` or any other, for input and output; see [`functional::prelu`].
///
/// The slopes start as `init`, 0.25 by default.
///
/// ```
/// use pleach::tensor;
/// use pleach::nn::{Forward, layers::PReLU};
/// let layer = PReLU::new();
/// assert_eq!(layer.call(&tensor![[-4.0, 2.0]])?.to_vec::<f32>()?, [-1.0, 2.0]);
/// let layer = PReLU::builder().num_parameters(2).init(0.5).build()?;
/// assert_eq!(layer.weight.data().to_vec::<f32>()?, [0.5, 0.5]);
/// assert_eq!(layer.to_string(), "PReLU(num_parameters=2)");
/// # Ok::<(), pleach::Error>(())
/// ```
#[derive(Module)]
#[module(extra_repr, debug)]
pub struct PReLU {
    node: Node,
    /// The number of slopes: 1, or that of the channels.
    pub num_parameters: usize,
    /// What the slopes start as.
    pub init: f64,
    /// `[num_parameters]`.
    pub weight: Parameter,
}

impl PReLU {
    /// A layer with one slope, in f32.
    ///
    /// # Panics
    /// If the memory cannot be had; see [`PReLUBuilder::build`].
    #[track_caller]
    pub fn new() -> Self {
        or_panic(Self::builder().build())
    }

    /// A layer with options.
    pub fn builder() -> PReLUBuilder {
        PReLUBuilder {
            num_parameters: 1,
            init: 0.25,
            dtype: DType::F32,
        }
    }

    /// Sets the slopes to `init` again.
    ///
    /// # Errors
    /// If the dtype cannot hold it.
    pub fn reset_parameters(&self) -> Result<()> {
        self.weight.data().fill_(self.init).map(drop)
    }

    fn extra_repr(&self) -> String {
        format!("num_parameters={}", self.num_parameters)
    }
}

impl Default for PReLU {
    #[track_caller]
    fn default() -> Self {
        Self::new()
    }
}

impl Forward for PReLU {
    fn forward(&self, input: &Tensor) -> Result<Tensor> {
        functional::prelu(input, &self.weight.try_tensor()?)
    }
}

/// Options of a [`PReLU`].
#[derive(Debug, Clone)]
#[must_use]
pub struct PReLUBuilder {
    num_parameters: usize,
    init: f64,
    dtype: DType,
}

impl PReLUBuilder {
    setters! {
        |builder| builder;
        /// The number of slopes (1 by default): that, or one for each channel.
        num_parameters: usize = num_parameters;
        /// What the slopes start as (0.25 by default).
        init: f64 = init;
        /// The dtype of the slopes (f32 by default).
        dtype: DType = dtype;
    }

    /// Builds the layer.
    ///
    /// # Errors
    /// If the dtype is not a float type or cannot hold `init`, or the memory cannot be had.
    pub fn build(self) -> Result<PReLU> {
        check_float(self.dtype)?;
        let layer = PReLU {
            node: Node::new(),
            num_parameters: self.num_parameters,
            init: self.init,
            weight: empty_parameter(&[self.num_parameters], self.dtype)?,
        };
        layer.reset_parameters()?;
        Ok(layer)
    }
}

/// `x`, or `slope · x` up to 0: in training mode each such element draws its slope from `lower` to
/// `upper`, in evaluation mode it is their mean. Any shape; see [`functional::rrelu`].
///
/// ```
/// use pleach::tensor;
/// use pleach::nn::{Forward, Module, layers::RReLU};
/// let layer = RReLU::builder().lower(0.25).upper(0.75).build()?;
/// layer.eval();
/// assert_eq!(layer.call(&tensor![-1.0, 2.0])?.to_vec::<f32>()?, [-0.5, 2.0]);
/// assert_eq!(layer.to_string(), "RReLU(lower=0.25, upper=0.75)");
/// # Ok::<(), pleach::Error>(())
/// ```
#[derive(Module)]
#[module(extra_repr, debug)]
pub struct RReLU {
    node: Node,
    lower: Setting<Scalar>,
    upper: Setting<Scalar>,
    /// PyTorch's flag: printed, without effect, since tensors are values here.
    pub inplace: bool,
}

impl RReLU {
    /// The layer with PyTorch's bounds, 1/8 and 1/3.
    pub fn new() -> Self {
        Self::builder().unchecked()
    }

    /// The layer with options.
    pub fn builder() -> RReLUBuilder {
        RReLUBuilder {
            lower: Scalar::from(1.0 / 8.0),
            upper: Scalar::from(1.0 / 3.0),
            inplace: false,
        }
    }

    /// The lower bound of the slopes.
    pub fn lower(&self) -> f64 {
        self.lower.get().to_f64()
    }

    /// The upper bound of the slopes.
    pub fn upper(&self) -> f64 {
        self.upper.get().to_f64()
    }

    fn extra_repr(&self) -> String {
        let (lower, upper) = (as_given(self.lower.get()), as_given(self.upper.get()));
        let inplace = if self.inplace { ", inplace=True" } else { "" };
        format!("lower={lower}, upper={upper}{inplace}")
    }
}

impl Default for RReLU {
    fn default() -> Self {
        Self::new()
    }
}

impl Forward for RReLU {
    fn forward(&self, input: &Tensor) -> Result<Tensor> {
        functional::rrelu(input, self.lower(), self.upper(), self.node.is_training())
    }
}

/// Options of an [`RReLU`].
#[derive(Debug, Clone)]
#[must_use]
pub struct RReLUBuilder {
    lower: Scalar,
    upper: Scalar,
    inplace: bool,
}

impl RReLUBuilder {
    setters! {
        |builder| builder;
        /// The lower bound of the slopes (1/8 by default); an integer prints as one.
        lower: impl Into<Scalar> = lower.into();
        /// The upper bound of the slopes (1/3 by default); an integer prints as one.
        upper: impl Into<Scalar> = upper.into();
        /// PyTorch's flag (false by default): printed, without effect.
        inplace: bool = inplace;
    }

    /// Builds the layer.
    ///
    /// # Errors
    /// If the bounds are not finite, or the wrong way round.
    pub fn build(self) -> Result<RReLU> {
        let none = Tensor::try_zeros([0])?;
        functional::rrelu(&none, self.lower.to_f64(), self.upper.to_f64(), false)?;
        Ok(self.unchecked())
    }

    fn unchecked(self) -> RReLU {
        RReLU {
            node: Node::new(),
            lower: Setting::new(self.lower),
            upper: Setting::new(self.upper),
            inplace: self.inplace,
        }
    }
}
