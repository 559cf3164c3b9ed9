//! [`LinearCrossEntropyLoss`].

use pleach_core::{Buffer, DType, Error, Parameter, Result, Tensor, checked_numel};

use super::row::tensor;
use super::{Loss, Reduction};
use crate::functional::{self, LinearCrossEntropyOptions, tuple_text};
use crate::layers::{Linear, bool_text};
use crate::or_panic::or_panic;
use crate::setters::{given, setters};
use crate::{Module, Node};

/// A linear layer and the cross entropy of what it returns: [`functional::linear_cross_entropy`].
///
/// Shapes: input `[N, in_features]` or `[in_features]`; target classes `[N, d1, …]` or `[]`, or
/// probabilities `[N, C, d1, …]` or `[C]`, with d1, … the `out_features`.
///
/// PyTorch's option to compute it in chunks is not there.
///
/// ```
/// use pleach::{Tensor, tensor};
/// use pleach::nn::losses::{LinearCrossEntropyLoss, Loss};
/// let loss = LinearCrossEntropyLoss::new(3, 2);
/// loss.linear.weight.set_data(Tensor::zeros([2, 3]))?;
/// let value = loss.call(&Tensor::ones([4, 3]), &tensor![0, 1, 0, 1])?;
/// assert_eq!(value.item()?, 0.6931472f32 as f64); // ln 2: a guess
/// # Ok::<(), pleach::Error>(())
/// ```
#[derive(Module)]
#[module(extra_repr, debug)]
pub struct LinearCrossEntropyLoss {
    node: Node,
    /// The weight of each class, `[C]`.
    pub weight: Option<Buffer>,
    /// What computes the scores: `C · d1 · …` of them.
    pub linear: Linear,
    /// The number of classes, C.
    pub num_classes: usize,
    /// The sizes after the classes.
    #[module(skip)]
    pub out_features: Vec<usize>,
    /// The class that counts for nothing; -100 of targets that are classes, where it is not given.
    #[module(skip)]
    pub ignore_index: Option<i64>,
    /// How much of the target is spread over all classes.
    pub label_smoothing: f64,
    /// How the losses of single targets become one.
    #[module(skip)]
    pub reduction: Reduction,
}

impl LinearCrossEntropyLoss {
    /// The mean over all targets, without bias, weights or smoothing.
    ///
    /// # Panics
    /// If the memory cannot be had; see [`LinearCrossEntropyLossBuilder::build`].
    #[track_caller]
    pub fn new(in_features: usize, num_classes: usize) -> Self {
        or_panic(Self::builder(in_features, num_classes).build())
    }

    /// A loss with options.
    pub fn builder(in_features: usize, num_classes: usize) -> LinearCrossEntropyLossBuilder {
        LinearCrossEntropyLossBuilder {
            in_features,
            num_classes,
            out_features: Vec::new(),
            bias: false,
            dtype: DType::F32,
            weight: None,
            ignore_index: None,
            reduction: Ok(Reduction::Mean),
            label_smoothing: 0.0,
        }
    }

    fn extra_repr(&self) -> String {
        let ignored = self.ignore_index.map(|i| i.to_string());
        format!(
            "in_features={}, num_classes={}, out_features={}, bias={}, reduction={}, ignore_index={}, label_smoothing={}, options=None",
            self.linear.in_features,
            self.num_classes,
            tuple_text(&self.out_features),
            bool_text(self.linear.bias.is_some()),
            self.reduction,
            ignored.as_deref().unwrap_or("None"),
            pleach_core::print::python_float(self.label_smoothing),
        )
    }
}

impl Loss for LinearCrossEntropyLoss {
    fn forward(&self, input: &Tensor, target: &Tensor) -> Result<Tensor> {
        let outputs = [&[self.num_classes], &self.out_features[..]].concat();
        let sizes = [&outputs[..], &[self.linear.in_features]].concat();
        let linear_weight = self.linear.weight.try_tensor()?.reshape(sizes)?;
        let bias = self.linear.bias.as_ref().map(Parameter::try_tensor);
        let bias = bias.map(|b| b?.reshape(&outputs[..])).transpose()?;
        let weight = tensor(&self.weight)?;
        let options = LinearCrossEntropyOptions::new()
            .linear_bias(bias.as_ref())
            .weight(weight.as_ref())
            .reduction(self.reduction)
            .ignore_index(self.ignore_index)
            .label_smoothing(self.label_smoothing);
        functional::linear_cross_entropy(input, &linear_weight, target, options)
    }
}

/// Options of a [`LinearCrossEntropyLoss`].
#[derive(Debug, Clone)]
#[must_use]
pub struct LinearCrossEntropyLossBuilder {
    in_features: usize,
    num_classes: usize,
    out_features: Vec<usize>,
    bias: bool,
    dtype: DType,
    weight: Option<Tensor>,
    ignore_index: Option<i64>,
    reduction: Result<Reduction>,
    label_smoothing: f64,
}

impl LinearCrossEntropyLossBuilder {
    setters! {
        |builder| builder;
        /// The sizes after the classes (none by default).
        out_features: impl Into<Vec<usize>> = out_features.into();
        /// Whether the linear layer has a bias (no, by default).
        bias: bool = bias;
        /// The dtype of the linear layer (f32 by default).
        dtype: DType = dtype;
        /// The weight of each class, `[C]` (all 1 by default).
        weight: impl Into<Tensor> = Some(weight.into());
        /// The class that counts for nothing (by default -100, of targets that are classes).
        ignore_index: i64 = Some(ignore_index);
        /// How the losses of single targets become one: `"mean"` (the default), `"sum"` or `"none"`,
        /// or a [`Reduction`].
        reduction: impl TryInto<Reduction, Error: Into<Error>> = given(reduction);
        /// How much of the target is spread over all classes (0 by default).
        label_smoothing: f64 = label_smoothing;
    }

    /// Builds the loss and draws the initial values of its layer.
    ///
    /// # Errors
    /// If the weight is not `[C]`, the smoothing not between 0 and 1, a string unknown, the dtype no
    /// float type, or the memory cannot be had.
    pub fn build(self) -> Result<LinearCrossEntropyLoss> {
        if let Some(weight) = self
            .weight
            .as_ref()
            .filter(|w| w.shape() != [self.num_classes])
        {
            return Err(Error::shape(format!(
                "expected weight shape to be {}, got {}",
                tuple_text(&[self.num_classes]),
                tuple_text(weight.shape())
            )));
        }
        if !(0.0..=1.0).contains(&self.label_smoothing) {
            return Err(Error::value(format!(
                "expected label_smoothing to be in range [0, 1], got {}",
                pleach_core::print::python_float(self.label_smoothing)
            )));
        }
        let reduction = self.reduction?;
        let outputs = [&[self.num_classes], &self.out_features[..]].concat();
        let linear = Linear::builder(self.in_features, checked_numel(&outputs)?)
            .bias(self.bias)
            .dtype(self.dtype)
            .build()?;
        Ok(LinearCrossEntropyLoss {
            node: Node::new(),
            weight: self.weight.map(Buffer::new),
            linear,
            num_classes: self.num_classes,
            out_features: self.out_features,
            ignore_index: self.ignore_index,
            label_smoothing: self.label_smoothing,
            reduction,
        })
    }
}
