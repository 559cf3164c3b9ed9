//! Losses that ask for a margin.

use pleach_core::print::python_float;
use pleach_core::{Error, Result};

use super::Reduction;
use super::row::{losses, tensor};
use crate::functional::{self, MultiMarginLossOptions, TripletMarginLossOptions, check_power};

/// PyTorch's refusal of a margin that is not positive.
pub(super) fn check_margin(loss: &str, margin: f64) -> Result<()> {
    if margin > 0.0 {
        return Ok(());
    }
    Err(Error::value(format!(
        "{loss}: expected margin to be greater than 0, got {} instead",
        python_float(margin)
    )))
}

losses! {
    /// `max(0, -target (input1 - input2) + margin)`, reduced: [`functional::margin_ranking_loss`].
    ///
    /// Shapes: all three the same; the loss is 0-d, or of that shape without reduction.
    ///
    /// ```
    /// use pleach::tensor;
    /// use pleach::nn::{ForwardMany, losses::MarginRankingLoss};
    /// let (a, b, y) = (tensor![1.0, 2.0], tensor![3.0, 0.0], tensor![1.0, 1.0]);
    /// assert_eq!(MarginRankingLoss::new().call((&a, &b, &y))?.item()?, 1.0); // the mean of 2 and 0
    /// # Ok::<(), pleach::Error>(())
    /// ```
    MarginRankingLoss, MarginRankingLossBuilder, Reduction {
        weights {}
        options {
            /// By how much the right input should be larger (0 by default).
            margin: f64 = 0.0;
        }
    }
    |this, input1, input2, target| {
        functional::margin_ranking_loss(input1, input2, target, this.margin, this.reduction)
    };

    /// `input` where the target is 1, `max(0, margin - input)` where it is -1, reduced:
    /// [`functional::hinge_embedding_loss`].
    ///
    /// Shapes: input and target the same; the loss is 0-d, or of that shape without reduction.
    ///
    /// ```
    /// use pleach::tensor;
    /// use pleach::nn::losses::{HingeEmbeddingLoss, Loss};
    /// let loss = HingeEmbeddingLoss::new().call(&tensor![0.25, 0.25], &tensor![1, -1])?;
    /// assert_eq!(loss.item()?, 0.5); // the mean of 0.25 and 0.75
    /// # Ok::<(), pleach::Error>(())
    /// ```
    HingeEmbeddingLoss, HingeEmbeddingLossBuilder, Reduction {
        weights {}
        options {
            /// How large the input of a target -1 should be (1 by default).
            margin: f64 = 1.0;
        }
    }
    |this, input, target| {
        functional::hinge_embedding_loss(input, target, this.margin, this.reduction)
    };

    /// `Σ_t Σ_c max(0, 1 - input[t] + input[c]) / C` over the targets t of a sample and the classes c
    /// that are none, reduced: [`functional::multilabel_margin_loss`].
    ///
    /// Shapes: input and target (i64, which ends at the first -1) `[N, C]` or `[C]`; the loss is 0-d, or
    /// without reduction `[N]` or `[]`.
    ///
    /// ```
    /// use pleach::tensor;
    /// use pleach::nn::losses::{Loss, MultiLabelMarginLoss};
    /// let scores = tensor![0.1, 0.2, 0.4, 0.8];
    /// let loss = MultiLabelMarginLoss::new().call(&scores, &tensor![3, 0, -1, 1])?;
    /// assert!((loss.item()? - 0.85).abs() < 1e-6);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    MultiLabelMarginLoss, MultiLabelMarginLossBuilder, Reduction {
        weights {}
        options {}
    }
    |this, input, target| functional::multilabel_margin_loss(input, target, this.reduction);

    /// `Σ_c max(0, margin - input[target] + input[c])^p / C` over the classes c but the target, reduced:
    /// [`functional::multi_margin_loss`].
    ///
    /// Shapes: input `[N, C]` or `[C]`, target (i64) `[N]` or `[]`; the loss is 0-d, or of the target's
    /// shape without reduction.
    ///
    /// ```
    /// use pleach::tensor;
    /// use pleach::nn::losses::{Loss, MultiMarginLoss};
    /// let loss = MultiMarginLoss::new().call(&tensor![[1.0, 0.5, 3.0, -2.0]], &tensor![0])?;
    /// assert_eq!(loss.item()?, (0.5 + 3.0) / 4.0);
    /// assert!(MultiMarginLoss::builder().p(3).build().is_err());
    /// # Ok::<(), pleach::Error>(())
    /// ```
    MultiMarginLoss, MultiMarginLossBuilder, Reduction {
        weights {
            /// The weight of each class, `[C]` (all 1 by default).
            weight;
        }
        options {
            /// The power of each difference, 1 (the default) or 2.
            p: i64 = 1;
            /// By how much the score of the target should be larger (1 by default).
            margin: f64 = 1.0;
        }
    }
    refuse |builder| {
        check_power(builder.p)?;
        match &builder.weight {
            Some(weight) if weight.rank() != 1 => Err(Error::value(format!(
                "MultiMarginLoss: expected weight to be None or 1D tensor, got {}D instead",
                weight.rank()
            ))),
            _ => Ok(()),
        }
    },
    |this, input, target| {
        let weight = tensor(&this.weight)?;
        let options = MultiMarginLossOptions::new()
            .weight(weight.as_ref())
            .p(this.p)
            .margin(this.margin)
            .reduction(this.reduction);
        functional::multi_margin_loss(input, target, options)
    };

    /// `1 - cos(input1, input2)` where the target is 1, `max(0, cos(input1, input2) - margin)` where it
    /// is -1, reduced: [`functional::cosine_embedding_loss`].
    ///
    /// Shapes: inputs `[N, D]` and target `[N]`, or `[D]` and `[]`; the loss is 0-d, or of the target's
    /// shape without reduction.
    ///
    /// ```
    /// use pleach::tensor;
    /// use pleach::nn::{ForwardMany, losses::CosineEmbeddingLoss};
    /// let (a, b) = (tensor![[1.0, 0.0], [1.0, 0.0]], tensor![[0.0, 1.0], [3.0, 0.0]]);
    /// let loss = CosineEmbeddingLoss::new().call((&a, &b, &tensor![1, -1]))?;
    /// assert_eq!(loss.item()?, 1.0);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    CosineEmbeddingLoss, CosineEmbeddingLossBuilder, Reduction {
        weights {}
        options {
            /// Up to which cosine vectors of a target -1 are far enough from each other (0 by default).
            margin: f64 = 0.0;
        }
    }
    |this, input1, input2, target| {
        functional::cosine_embedding_loss(input1, input2, target, this.margin, this.reduction)
    };

    /// `max(0, d(anchor, positive) - d(anchor, negative) + margin)` with `d(x, y) = ‖x - y + eps‖ₚ`,
    /// reduced: [`functional::triplet_margin_loss`].
    ///
    /// Shapes: all three `[N, D]` or `[D]`; the loss is 0-d, or without reduction `[N]` or `[]`.
    ///
    /// ```
    /// use pleach::tensor;
    /// use pleach::nn::{ForwardMany, losses::TripletMarginLoss};
    /// let (a, p, n) = (tensor![[0.0, 0.0]], tensor![[3.0, 4.0]], tensor![[0.0, 2.0]]);
    /// let loss = TripletMarginLoss::builder().eps(0.0).build()?;
    /// assert_eq!(loss.call((&a, &p, &n))?.item()?, 4.0); // 5 - 2 + 1
    /// # Ok::<(), pleach::Error>(())
    /// ```
    TripletMarginLoss, TripletMarginLossBuilder, Reduction {
        weights {}
        options {
            /// By how much the negative should be farther away (1 by default).
            margin: f64 = 1.0;
            /// The power of the norm (2 by default).
            p: f64 = 2.0;
            /// What is added to each difference (1e-6 by default).
            eps: f64 = 1e-6;
            /// Whether the distance from positive to negative counts, if it is smaller (no, by default).
            swap: bool = false;
        }
    }
    refuse |builder| check_margin("TripletMarginLoss", builder.margin),
    |this, anchor, positive, negative| {
        let options = TripletMarginLossOptions::new()
            .margin(this.margin)
            .p(this.p)
            .eps(this.eps)
            .swap(this.swap)
            .reduction(this.reduction);
        functional::triplet_margin_loss(anchor, positive, negative, options)
    };
}
