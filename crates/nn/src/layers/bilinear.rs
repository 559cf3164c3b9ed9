//! [`Bilinear`].

use pleach_core::{DType, Error, Parameter, Result, Tensor};
use pleach_init::uniform_;

use super::default_init::{bool_text, check_float, empty_parameter};
use crate::or_panic::or_panic;
use crate::setters::setters;
use crate::{ForwardMany, Module, Node, functional};

/// A bilinear map of two inputs: `y[o] = x1ᵀ · weight[o] · x2 + bias[o]`.
///
/// Shapes: inputs `[*, in1_features]` and `[*, in2_features]`, output `[*, out_features]`.
///
/// Weight and bias start uniform in `±1 / sqrt(in1_features)`.
///
/// ```
/// use pleach::tensor;
/// use pleach::nn::{ForwardMany, layers::Bilinear};
///
/// let layer = Bilinear::builder(2, 2, 1).bias(false).build()?;
/// layer.weight.set_data(tensor![[[1.0, 2.0], [3.0, 4.0]]])?;
/// let y = layer.call((&tensor![[1.0, 10.0]], &tensor![[1.0, 0.5]]))?;
/// assert_eq!(y.to_vec::<f32>()?, [52.0]); // 1·(1 + 2·0.5) + 10·(3 + 4·0.5)
/// let text = "Bilinear(in1_features=2, in2_features=2, out_features=1, bias=False)";
/// assert_eq!(layer.to_string(), text);
/// # Ok::<(), pleach::Error>(())
/// ```
#[derive(Module)]
#[module(extra_repr, debug)]
pub struct Bilinear {
    node: Node,
    /// Size of the last dimension of the first input.
    pub in1_features: usize,
    /// Size of the last dimension of the second input.
    pub in2_features: usize,
    /// Size of the last dimension of the output.
    pub out_features: usize,
    /// `[out_features, in1_features, in2_features]`.
    pub weight: Parameter,
    /// `[out_features]`.
    pub bias: Option<Parameter>,
}

impl Bilinear {
    /// A layer with a bias, in f32.
    ///
    /// # Panics
    /// If `in1_features` is 0, or the memory cannot be had; see [`BilinearBuilder::build`].
    #[track_caller]
    pub fn new(in1_features: usize, in2_features: usize, out_features: usize) -> Self {
        or_panic(Self::builder(in1_features, in2_features, out_features).build())
    }

    /// A layer with options.
    pub fn builder(
        in1_features: usize,
        in2_features: usize,
        out_features: usize,
    ) -> BilinearBuilder {
        BilinearBuilder {
            sizes: [out_features, in1_features, in2_features],
            bias: true,
            dtype: DType::F32,
        }
    }

    /// Draws the initial values again.
    ///
    /// # Errors
    /// If `in1_features` is 0, or the weight was replaced by one with fewer than two dimensions.
    pub fn reset_parameters(&self) -> Result<()> {
        let shape = self.weight.shape();
        let Some(n) = shape.get(1).filter(|_| self.in1_features > 0) else {
            return Err(Error::value(format!(
                "in1_features must be > 0, but got (in1_features={})",
                self.in1_features
            )));
        };
        let bound = 1.0 / (*n as f64).sqrt();
        for parameter in std::iter::once(&self.weight).chain(&self.bias) {
            uniform_(parameter, -bound, bound)?;
        }
        Ok(())
    }

    fn extra_repr(&self) -> String {
        format!(
            "in1_features={}, in2_features={}, out_features={}, bias={}",
            self.in1_features,
            self.in2_features,
            self.out_features,
            bool_text(self.bias.is_some())
        )
    }
}

impl ForwardMany for Bilinear {
    type Arguments<'a> = (&'a Tensor, &'a Tensor);
    type Output = Tensor;

    fn forward(&self, (input1, input2): Self::Arguments<'_>) -> Result<Tensor> {
        let bias = self.bias.as_ref().map(Parameter::try_tensor).transpose()?;
        functional::bilinear(input1, input2, &self.weight.try_tensor()?, bias.as_ref())
    }
}

/// Options of a [`Bilinear`].
#[derive(Debug, Clone)]
#[must_use]
pub struct BilinearBuilder {
    sizes: [usize; 3],
    bias: bool,
    dtype: DType,
}

impl BilinearBuilder {
    setters! {
        |builder| builder;
        /// Whether there is a bias (yes, by default).
        bias: bool = bias;
        /// The dtype of the parameters (f32 by default).
        dtype: DType = dtype;
    }

    /// Builds the layer and draws its initial values.
    ///
    /// # Errors
    /// If `in1_features` is 0, the dtype is not a float type, or the memory cannot be had.
    pub fn build(self) -> Result<Bilinear> {
        check_float(self.dtype)?;
        let [out_features, in1_features, in2_features] = self.sizes;
        let layer = Bilinear {
            node: Node::new(),
            in1_features,
            in2_features,
            out_features,
            weight: empty_parameter(&self.sizes, self.dtype)?,
            bias: self
                .bias
                .then(|| empty_parameter(&[out_features], self.dtype))
                .transpose()?,
        };
        layer.reset_parameters()?;
        Ok(layer)
    }
}
