//! [`CrossEntropyLoss`].

use pleach_core::{Buffer, Result, Tensor};

use super::{Loss, Reduction};
use crate::{Module, Node, functional};

/// The cross entropy of scores and classes, or probabilities of classes:
/// [`functional::cross_entropy`], where shapes and rules stand.
///
/// ```
/// use pleach_core::tensor;
/// use pleach_nn::losses::{CrossEntropyLoss, Loss};
/// let scores = tensor![[0.0, 0.0], [100.0, 0.0]];
/// let loss = CrossEntropyLoss::new().call(&scores, &tensor![1, 0])?;
/// assert_eq!(loss.item()?, 0.34657359f32 as f64); // the mean of ln 2 and 0
/// let weighted = CrossEntropyLoss::builder().weight(tensor![1.0, 3.0]).build();
/// assert_eq!(weighted.call(&scores, &tensor![1, 0])?.item()?, 0.51986039f32 as f64); // 3/4 ln 2
/// # Ok::<(), pleach_core::Error>(())
/// ```
#[derive(Module)]
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
        Self::builder().build()
    }

    /// A loss with options.
    pub fn builder() -> CrossEntropyLossBuilder {
        CrossEntropyLossBuilder(CrossEntropyLoss {
            node: Node::new(),
            weight: None,
            ignore_index: -100,
            reduction: Reduction::Mean,
            label_smoothing: 0.0,
        })
    }
}

impl Default for CrossEntropyLoss {
    fn default() -> Self {
        Self::new()
    }
}

impl Loss for CrossEntropyLoss {
    fn forward(&self, input: &Tensor, target: &Tensor) -> Result<Tensor> {
        functional::cross_entropy(
            input,
            target,
            self.weight.as_ref().map(Buffer::tensor).as_ref(),
            self.ignore_index,
            self.reduction,
            self.label_smoothing,
        )
    }
}

/// Options of a [`CrossEntropyLoss`].
#[must_use]
pub struct CrossEntropyLossBuilder(CrossEntropyLoss);

impl CrossEntropyLossBuilder {
    /// The weight of each class, `[C]` (all 1 by default).
    pub fn weight(mut self, weight: impl Into<Tensor>) -> Self {
        self.0.weight = Some(Buffer::new(weight));
        self
    }

    /// The class that counts for nothing (-100 by default).
    pub fn ignore_index(mut self, class: i64) -> Self {
        self.0.ignore_index = class;
        self
    }

    /// How the losses of single targets become one (the mean by default).
    pub fn reduction(mut self, reduction: Reduction) -> Self {
        self.0.reduction = reduction;
        self
    }

    /// How much of the target is spread over all classes (0 by default).
    pub fn label_smoothing(mut self, label_smoothing: f64) -> Self {
        self.0.label_smoothing = label_smoothing;
        self
    }

    /// Builds the loss. As in PyTorch, the options are checked by `forward`.
    pub fn build(self) -> CrossEntropyLoss {
        self.0
    }
}
