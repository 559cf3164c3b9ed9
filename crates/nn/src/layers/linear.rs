//! [`Linear`].

use pleach_core::{DType, Parameter, Result, Tensor};

use super::default_init::{bool_text, check_float, empty_parameter, reset_weight_and_bias};
use crate::{Forward, Module, Node, functional};

/// A linear map: `y = x · weightᵀ + bias`.
///
/// Shapes: input `[*, in_features]`, output `[*, out_features]`.
///
/// Weight and bias start uniform in `±1 / sqrt(in_features)`.
///
/// ```
/// use pleach_core::{manual_seed, tensor};
/// use pleach_nn::{Forward, layers::Linear};
///
/// manual_seed(42);
/// let linear = Linear::new(2, 1);
/// assert_eq!(linear.weight.data().to_vec::<f32>()?, [0.5406104, 0.5869042]);
/// linear.weight.set_data(tensor![[3.0, 4.0]])?;
/// linear.bias.as_ref().unwrap().set_data(tensor![0.5])?;
/// assert_eq!(linear.call(&tensor![[1.0, 2.0]])?.to_vec::<f32>()?, [11.5]);
/// assert_eq!(linear.to_string(), "Linear(in_features=2, out_features=1, bias=True)");
/// # Ok::<(), pleach_core::Error>(())
/// ```
#[derive(Module)]
#[module(extra_repr)]
pub struct Linear {
    node: Node,
    /// Size of the last dimension of the input.
    pub in_features: usize,
    /// Size of the last dimension of the output.
    pub out_features: usize,
    /// `[out_features, in_features]`.
    pub weight: Parameter,
    /// `[out_features]`.
    pub bias: Option<Parameter>,
}

impl Linear {
    /// A layer with a bias, in f32.
    pub fn new(in_features: usize, out_features: usize) -> Self {
        Self::builder(in_features, out_features)
            .build()
            .expect("the defaults are valid")
    }

    /// A layer with options.
    pub fn builder(in_features: usize, out_features: usize) -> LinearBuilder {
        LinearBuilder {
            in_features,
            out_features,
            bias: true,
            dtype: DType::F32,
        }
    }

    /// Draws the initial values again.
    ///
    /// # Errors
    /// If the weight was replaced by one with fewer than two dimensions.
    pub fn reset_parameters(&self) -> Result<()> {
        reset_weight_and_bias(&self.weight, self.bias.as_ref())
    }

    fn extra_repr(&self) -> String {
        format!(
            "in_features={}, out_features={}, bias={}",
            self.in_features,
            self.out_features,
            bool_text(self.bias.is_some())
        )
    }
}

impl Forward for Linear {
    fn forward(&self, input: &Tensor) -> Result<Tensor> {
        let bias = self.bias.as_ref().map(Parameter::tensor);
        functional::linear(input, &self.weight.tensor(), bias.as_ref())
    }
}

/// Options of a [`Linear`].
#[derive(Debug, Clone)]
#[must_use]
pub struct LinearBuilder {
    in_features: usize,
    out_features: usize,
    bias: bool,
    dtype: DType,
}

impl LinearBuilder {
    /// Whether there is a bias (yes, by default).
    pub fn bias(mut self, bias: bool) -> Self {
        self.bias = bias;
        self
    }

    /// The dtype of the parameters (f32 by default).
    pub fn dtype(mut self, dtype: DType) -> Self {
        self.dtype = dtype;
        self
    }

    /// Builds the layer and draws its initial values.
    ///
    /// # Errors
    /// If the dtype is not a float type.
    pub fn build(self) -> Result<Linear> {
        check_float(self.dtype)?;
        let linear = Linear {
            node: Node::new(),
            in_features: self.in_features,
            out_features: self.out_features,
            weight: empty_parameter(&[self.out_features, self.in_features], self.dtype),
            bias: self
                .bias
                .then(|| empty_parameter(&[self.out_features], self.dtype)),
        };
        linear.reset_parameters()?;
        Ok(linear)
    }
}
