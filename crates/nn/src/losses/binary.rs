//! Losses of yes and no.

use super::Reduction;
use super::row::{losses, tensor};
use crate::functional::{self, BinaryCrossEntropyWithLogitsOptions, LossOptions};

losses! {
    /// The cross entropy of probabilities and targets between 0 and 1, reduced:
    /// [`functional::binary_cross_entropy`].
    ///
    /// Shapes: input and target the same; the loss is 0-d, or of that shape without reduction.
    ///
    /// ```
    /// use pleach::tensor;
    /// use pleach::nn::losses::{BCELoss, Loss};
    /// let loss = BCELoss::new().call(&tensor![0.5, 0.0], &tensor![1.0, 0.0])?;
    /// assert_eq!(loss.item()?, 0.6931472f32 as f64 / 2.0); // the mean of ln 2 and 0
    /// # Ok::<(), pleach::Error>(())
    /// ```
    BCELoss, BCELossBuilder, Reduction {
        weights {
            /// What each loss is multiplied by (1 by default); it is broadcast.
            weight;
        }
        options {}
    }
    |this, input, target| {
        let weight = tensor(&this.weight)?;
        let options = LossOptions::new().weight(weight.as_ref()).reduction(this.reduction);
        functional::binary_cross_entropy(input, target, options)
    };

    /// The cross entropy of `sigmoid(input)` and targets between 0 and 1, reduced, without overflow:
    /// [`functional::binary_cross_entropy_with_logits`].
    ///
    /// Shapes: input and target the same; the loss is 0-d, or of that shape without reduction.
    ///
    /// ```
    /// use pleach::tensor;
    /// use pleach::nn::losses::{BCEWithLogitsLoss, Loss};
    /// let loss = BCEWithLogitsLoss::new().call(&tensor![0.0, -200.0], &tensor![1.0, 0.0])?;
    /// assert_eq!(loss.item()?, 0.6931472f32 as f64 / 2.0); // the mean of ln 2 and 0
    /// # Ok::<(), pleach::Error>(())
    /// ```
    BCEWithLogitsLoss, BCEWithLogitsLossBuilder, Reduction {
        weights {
            /// What each loss is multiplied by (1 by default); it is broadcast.
            weight;
            /// What the part of the positive targets is multiplied by (1 by default); it is broadcast.
            pos_weight;
        }
        options {}
    }
    |this, input, target| {
        let (weight, pos_weight) = (tensor(&this.weight)?, tensor(&this.pos_weight)?);
        let options = BinaryCrossEntropyWithLogitsOptions::new()
            .weight(weight.as_ref())
            .pos_weight(pos_weight.as_ref())
            .reduction(this.reduction);
        functional::binary_cross_entropy_with_logits(input, target, options)
    };

    /// The mean over a sample's classes of the cross entropy of `sigmoid(input)` and targets of 0 and
    /// 1, reduced: [`functional::multilabel_soft_margin_loss`].
    ///
    /// Shapes: input and target `[N, C]` or `[C]`; the loss is 0-d, or without reduction `[N]` or `[]`.
    ///
    /// ```
    /// use pleach::tensor;
    /// use pleach::nn::losses::{Loss, MultiLabelSoftMarginLoss};
    /// let loss = MultiLabelSoftMarginLoss::new().call(&tensor![[0.0, 200.0]], &tensor![[1., 1.]])?;
    /// assert_eq!(loss.item()?, 0.6931472f32 as f64 / 2.0);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    MultiLabelSoftMarginLoss, MultiLabelSoftMarginLossBuilder, Reduction {
        weights {
            /// The weight of each class, `[C]` (all 1 by default).
            weight;
        }
        options {}
    }
    |this, input, target| {
        let weight = tensor(&this.weight)?;
        let options = LossOptions::new().weight(weight.as_ref()).reduction(this.reduction);
        functional::multilabel_soft_margin_loss(input, target, options)
    };

    /// `ln(1 + exp(-target · input))` of targets 1 and -1, reduced: [`functional::soft_margin_loss`].
    ///
    /// Shapes: input and target the same; the loss is 0-d, or of that shape without reduction.
    ///
    /// ```
    /// use pleach::tensor;
    /// use pleach::nn::losses::{Loss, SoftMarginLoss};
    /// let loss = SoftMarginLoss::new().call(&tensor![0.0, 200.0], &tensor![1.0, 1.0])?;
    /// assert_eq!(loss.item()?, 0.6931472f32 as f64 / 2.0);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    SoftMarginLoss, SoftMarginLossBuilder, Reduction {
        weights {}
        options {}
    }
    |this, input, target| functional::soft_margin_loss(input, target, this.reduction);
}
