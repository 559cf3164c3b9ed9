//! [`CrossEntropyLoss`].

use pleach_core::{Buffer, Error, Result, Tensor};

use super::{Loss, Reduction};
use crate::functional::{self, CrossEntropyOptions};
use crate::setters::{given, setters};
use crate::{Module, Node};

/// The cross entropy of scores and classes, or probabilities of classes:
/// [`functional::cross_entropy`], where shapes and rules stand.
///
/// ```
/// use pleach::tensor;
/// use pleach::nn::losses::{CrossEntropyLoss, Loss};
/// let scores = tensor![[0.0, 0.0], [100.0, 0.0]];
/// let loss = CrossEntropyLoss::new().call(&scores, &tensor![1, 0])?;
/// assert_eq!(loss.item()?, 0.34657359f32 as f64); // the mean of ln 2 and 0
/// let weighted = CrossEntropyLoss::builder().weight(tensor![1.0, 3.0]).build()?;
/// assert_eq!(weighted.call(&scores, &tensor![1, 0])?.item()?, 0.51986039f32 as f64); // 3/4 ln 2
/// # Ok::<(), pleach::Error>(())
/// ```
#[derive(Module)]
#[module(debug)]
pub struct CrossEntropyLoss {
    node: Node,
    /// The weight of each class, `[C]`.
    pub weight: Option<Buffer>,
    /// The class that counts for nothing.
    pub ignore_index: i64,
    /// How the losses of single targets become one.
    #[module(skip)]
    pub reduction: Reduction,
    /// How much of the target is spread over all classes.
    pub label_smoothing: f64,
}

impl CrossEntropyLoss {
    /// The mean over all targets, without weights or smoothing; -100 is ignored.
    pub fn new() -> Self {
        CrossEntropyLoss {
            node: Node::new(),
            weight: None,
            ignore_index: -100,
            reduction: Reduction::Mean,
            label_smoothing: 0.0,
        }
    }

    /// A loss with options.
    pub fn builder() -> CrossEntropyLossBuilder {
        CrossEntropyLossBuilder {
            weight: None,
            ignore_index: -100,
            reduction: Ok(Reduction::Mean),
            label_smoothing: 0.0,
        }
    }
}

impl Default for CrossEntropyLoss {
    fn default() -> Self {
        Self::new()
    }
}

impl Loss for CrossEntropyLoss {
    fn forward(&self, input: &Tensor, target: &Tensor) -> Result<Tensor> {
        let weight = self.weight.as_ref().map(Buffer::tensor);
        let options = CrossEntropyOptions::new()
            .weight(weight.as_ref())
            .ignore_index(self.ignore_index)
            .reduction(self.reduction)
            .label_smoothing(self.label_smoothing);
        functional::cross_entropy(input, target, options)
    }
}

/// Options of a [`CrossEntropyLoss`].
#[derive(Debug, Clone)]
#[must_use]
pub struct CrossEntropyLossBuilder {
    weight: Option<Tensor>,
    ignore_index: i64,
    reduction: Result<Reduction>,
    label_smoothing: f64,
}

impl CrossEntropyLossBuilder {
    setters! {
        |builder| builder;
        /// The weight of each class, `[C]` (all 1 by default).
        weight: impl Into<Tensor> = Some(weight.into());
        /// The class that counts for nothing (-100 by default).
        ignore_index: i64 = ignore_index;
        /// How the losses of single targets become one: `"mean"` (the default), `"sum"` or `"none"`,
        /// or a [`Reduction`].
        reduction: impl TryInto<Reduction, Error: Into<Error>> = given(reduction);
        /// How much of the target is spread over all classes (0 by default).
        label_smoothing: f64 = label_smoothing;
    }

    /// Builds the loss. As in PyTorch, the numbers are checked by `forward`.
    ///
    /// # Errors
    /// If a string is unknown.
    pub fn build(self) -> Result<CrossEntropyLoss> {
        Ok(CrossEntropyLoss {
            node: Node::new(),
            weight: self.weight.map(Buffer::new),
            ignore_index: self.ignore_index,
            reduction: self.reduction?,
            label_smoothing: self.label_smoothing,
        })
    }
}
