//! The losses, named as in `torch.nn`.
//!
//! One of an input and a target is a [`Loss`]; one of other arguments takes them as a tuple, through
//! [`ForwardMany`](crate::ForwardMany).

mod adaptive;
mod binary;
mod ctc;
mod difference;
mod likelihood;
mod linear_cross_entropy;
mod loss;
mod margin;
mod row;
mod triplet_with_distance;

pub use crate::functional::{KlDivReduction, Reduction};
pub use adaptive::{AdaptiveLogSoftmaxWithLoss, AdaptiveLogSoftmaxWithLossBuilder};
pub use binary::{
    BCELoss, BCELossBuilder, BCEWithLogitsLoss, BCEWithLogitsLossBuilder, MultiLabelSoftMarginLoss,
    MultiLabelSoftMarginLossBuilder, SoftMarginLoss, SoftMarginLossBuilder,
};
pub use ctc::{CTCLoss, CTCLossBuilder};
pub use difference::{
    HuberLoss, HuberLossBuilder, L1Loss, L1LossBuilder, MSELoss, MSELossBuilder, SmoothL1Loss,
    SmoothL1LossBuilder,
};
pub use likelihood::{
    CrossEntropyLoss, CrossEntropyLossBuilder, GaussianNLLLoss, GaussianNLLLossBuilder, KLDivLoss,
    KLDivLossBuilder, NLLLoss, NLLLoss2d, NLLLoss2dBuilder, NLLLossBuilder, PoissonNLLLoss,
    PoissonNLLLossBuilder,
};
pub use linear_cross_entropy::{LinearCrossEntropyLoss, LinearCrossEntropyLossBuilder};
pub use loss::Loss;
pub use margin::{
    CosineEmbeddingLoss, CosineEmbeddingLossBuilder, HingeEmbeddingLoss, HingeEmbeddingLossBuilder,
    MarginRankingLoss, MarginRankingLossBuilder, MultiLabelMarginLoss, MultiLabelMarginLossBuilder,
    MultiMarginLoss, MultiMarginLossBuilder, TripletMarginLoss, TripletMarginLossBuilder,
};
pub use triplet_with_distance::{
    TripletMarginWithDistanceLoss, TripletMarginWithDistanceLossBuilder,
};
