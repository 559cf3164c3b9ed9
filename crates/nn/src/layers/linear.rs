//! [`Linear`].

use pleach_core::autograd::profiler::record_operation;
use pleach_core::autograd::trace::is_tracing;
use pleach_core::{DType, Parameter, Result, Tensor, checked_numel};
use pleach_kernels::{
    Activation, Bias, Buffer, Epilogue, MatRef, PackedB, gemm_epilogue, gemm_packed,
};

use super::default_init::{bool_text, check_float, empty_parameter, reset_weight_and_bias};
use super::packed::{PackedCache, is_recorded};
use crate::chain::Taken;
use crate::or_panic::or_panic;
use crate::setters::setters;
use crate::{Forward, Module, Node, Step, functional};

/// A linear map: `y = x · weightᵀ + bias`.
///
/// Shapes: input `[*, in_features]`, output `[*, out_features]`.
///
/// Weight and bias start uniform in `±1 / sqrt(in_features)`.
///
/// ```
/// use pleach::{manual_seed, tensor};
/// use pleach::nn::{Forward, layers::Linear};
///
/// manual_seed(42);
/// let linear = Linear::new(2, 1);
/// assert_eq!(linear.weight.data().to_vec::<f32>()?, [0.5406104, 0.5869042]);
/// linear.weight.set_data(tensor![[3.0, 4.0]])?;
/// linear.bias.as_ref().unwrap().set_data(tensor![0.5])?;
/// assert_eq!(linear.call(&tensor![[1.0, 2.0]])?.to_vec::<f32>()?, [11.5]);
/// assert_eq!(linear.to_string(), "Linear(in_features=2, out_features=1, bias=True)");
/// # Ok::<(), pleach::Error>(())
/// ```
#[derive(Module)]
#[module(extra_repr, debug)]
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
    /// For inference.
    #[module(skip)]
    packed: PackedCache<(), PackedB<f32>>,
}

impl Linear {
    /// A layer with a bias, in f32.
    ///
    /// # Panics
    /// If the memory cannot be had; see [`LinearBuilder::build`].
    #[track_caller]
    pub fn new(in_features: usize, out_features: usize) -> Self {
        or_panic(Self::builder(in_features, out_features).build())
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
        Ok(self.forward_then(input, &[])?.0)
    }

    fn forward_then(&self, input: &Tensor, steps: &[Step<'_>]) -> Result<(Tensor, usize)> {
        let weight = self.weight.try_tensor()?;
        let bias = self.bias.as_ref().map(Parameter::try_tensor).transpose()?;
        let taken = Taken::NONE.with_activation(steps);
        match self.infer(input, &weight, bias.as_ref(), taken.activation) {
            Some(out) => Ok((out?, taken.steps)),
            None => Ok((functional::linear(input, &weight, bias.as_ref())?, 0)),
        }
    }
}

/// Below so many rows packing the weight does not pay.
const MANY_ROWS: usize = 16;
/// Nor below so many products.
const MANY_PRODUCTS: usize = 1 << 16;

impl Linear {
    /// The map with a weight that is packed once, and an activation after it; `None` if it is to be
    /// recorded, or shapes or dtypes are not those of a plain f32 layer.
    fn infer(
        &self,
        input: &Tensor,
        weight: &Tensor,
        bias: Option<&Tensor>,
        activation: Activation,
    ) -> Option<Result<Tensor>> {
        if is_recorded([Some(input), Some(weight), bias]) {
            self.packed.clear();
            return None;
        }
        let &[outputs, inputs] = weight.shape() else {
            return None;
        };
        let f32s = [Some(input), Some(weight), bias];
        let plain = !is_tracing()
            && input.shape().last() == Some(&inputs)
            && bias.is_none_or(|b| b.shape() == [outputs])
            && f32s.into_iter().flatten().all(|t| t.dtype() == DType::F32);
        // Too few products are not worth the trouble, unless there is an activation to save.
        let few = input.numel() * outputs < MANY_PRODUCTS;
        if !plain || (few && activation == Activation::None) {
            return None;
        }
        let run = || self.run_packed(input, weight, bias, activation);
        Some(record_operation("linear", &f32s, run))
    }

    fn run_packed(
        &self,
        input: &Tensor,
        weight: &Tensor,
        bias: Option<&Tensor>,
        activation: Activation,
    ) -> Result<Tensor> {
        let (outputs, inputs) = (weight.shape()[0], weight.shape()[1]);
        let mut sizes = input.shape().to_vec();
        let rows = sizes.iter().rev().skip(1).product();
        if let Some(last) = sizes.last_mut() {
            *last = outputs;
        }
        let (x, w) = (input.contiguous()?, weight.contiguous()?);
        let bias = bias.map(Tensor::contiguous).transpose()?;
        let epilogue = Epilogue {
            bias: match &bias {
                Some(bias) => Bias::PerColumn(bias.as_slice()?),
                None => Bias::None,
            },
            residual: None,
            activation,
        };
        let mut out = Buffer::<f32>::try_new(checked_numel(&[rows, outputs])?)?;
        if !out.is_empty() {
            let x = MatRef::row_major(x.as_slice()?, rows, inputs);
            let w = MatRef::row_major(w.as_slice()?, outputs, inputs).transposed();
            if rows < MANY_ROWS || rows * outputs * inputs < MANY_PRODUCTS {
                gemm_epilogue(x, w, &mut out, false, epilogue);
            } else {
                let packed = self.packed.get(weight, (), || PackedB::new(w));
                gemm_packed(x, &packed, &mut out, false, epilogue);
            }
        }
        Ok(Tensor::from_buffer(out, sizes))
    }
}

/// Options of a [`Linear`].
#[derive(Debug, Clone)]
#[must_use]
pub struct LinearBuilder {
    pub(super) in_features: usize,
    pub(super) out_features: usize,
    pub(super) bias: bool,
    pub(super) dtype: DType,
}

impl LinearBuilder {
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
    /// If the dtype is not a float type, or the memory cannot be had.
    pub fn build(self) -> Result<Linear> {
        check_float(self.dtype)?;
        let linear = Linear {
            node: Node::new(),
            in_features: self.in_features,
            out_features: self.out_features,
            weight: empty_parameter(&[self.out_features, self.in_features], self.dtype)?,
            bias: self
                .bias
                .then(|| empty_parameter(&[self.out_features], self.dtype))
                .transpose()?,
            packed: PackedCache::default(),
        };
        linear.reset_parameters()?;
        Ok(linear)
    }
}
