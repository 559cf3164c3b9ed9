//! The layers, named as in `torch.nn`: one a file, or a family of rows.
//!
//! `new` takes what PyTorch requires and has its defaults for the rest; where there is more to
//! say, `builder` takes the options. A layer's fields are plain; what `forward` reads and users
//! change later has a getter and a setter, so that aliases made with `share()` agree.

mod adaptive_pool;
mod avg_pool;
mod batch_norm;
mod bilinear;
mod conv;
mod conv_nd;
mod conv_transpose;
mod default_init;
mod distance;
mod dropout;
mod embedding;
mod embedding_bag;
mod flatten;
mod fold;
mod fractional_max_pool;
mod gated;
mod group_norm;
mod identity;
mod instance_norm;
mod layer_norm;
mod lazy;
mod linear;
mod local_response_norm;
mod lp_pool;
mod max_pool;
mod max_unpool;
mod norm_state;
mod packed;
mod pad;
mod relu;
mod shuffle;
mod softmax;
mod unflatten;
mod upsample;

pub use adaptive_pool::{
    AdaptiveAvgPool, AdaptiveAvgPool1d, AdaptiveAvgPool2d, AdaptiveAvgPool3d, AdaptiveMaxPool,
    AdaptiveMaxPool1d, AdaptiveMaxPool2d, AdaptiveMaxPool3d,
};
pub use avg_pool::{AvgPool, AvgPool1d, AvgPool2d, AvgPool3d, AvgPoolBuilder};
pub use batch_norm::{BatchNorm, BatchNorm1d, BatchNorm2d, BatchNorm3d, BatchNormBuilder};
pub use bilinear::{Bilinear, BilinearBuilder};
pub use conv::{Conv, Conv1d, Conv2d, Conv3d};
pub use conv_nd::{ConvNd, ConvNdBuilder};
pub use conv_transpose::{ConvTranspose, ConvTranspose1d, ConvTranspose2d, ConvTranspose3d};
pub(crate) use default_init::bool_text;
pub use distance::{
    CosineSimilarity, CosineSimilarityBuilder, PairwiseDistance, PairwiseDistanceBuilder,
};
pub use dropout::{
    AlphaDropout, AlphaDropoutBuilder, Dropout, Dropout1d, Dropout1dBuilder, Dropout2d,
    Dropout2dBuilder, Dropout3d, Dropout3dBuilder, DropoutBuilder, FeatureAlphaDropout,
    FeatureAlphaDropoutBuilder,
};
pub use embedding::{Embedding, EmbeddingBuilder};
pub use embedding_bag::{EmbeddingBag, EmbeddingBagBuilder};
pub use flatten::{Flatten, FlattenBuilder};
pub use fold::{Fold, FoldBuilder, Unfold, UnfoldBuilder};
pub use fractional_max_pool::{
    FractionalMaxPool, FractionalMaxPool2d, FractionalMaxPool3d, FractionalMaxPoolBuilder,
};
pub use gated::{GELU, GELUBuilder, GLU, PReLU, PReLUBuilder, RReLU, RReLUBuilder};
pub use group_norm::{GroupNorm, GroupNormBuilder};
pub use identity::Identity;
pub use instance_norm::{
    InstanceNorm, InstanceNorm1d, InstanceNorm2d, InstanceNorm3d, InstanceNormBuilder,
};
pub use layer_norm::{LayerNorm, LayerNormBuilder, RMSNorm, RMSNormBuilder};
pub use lazy::{
    Lazy, LazyBatchNorm, LazyBatchNorm1d, LazyBatchNorm2d, LazyBatchNorm3d, LazyBatchNormBuilder,
    LazyConv1d, LazyConv2d, LazyConv3d, LazyConvNd, LazyConvNdBuilder, LazyConvTranspose1d,
    LazyConvTranspose2d, LazyConvTranspose3d, LazyInstanceNorm, LazyInstanceNorm1d,
    LazyInstanceNorm2d, LazyInstanceNorm3d, LazyInstanceNormBuilder, LazyLayer, LazyLinear,
    LazyLinearBuilder,
};
pub use linear::{Linear, LinearBuilder};
pub use local_response_norm::{LocalResponseNorm, LocalResponseNormBuilder};
pub use lp_pool::{LPPool, LPPool1d, LPPool2d, LPPool3d, LPPoolBuilder};
pub use max_pool::{MaxPool, MaxPool1d, MaxPool2d, MaxPool3d, MaxPoolBuilder};
pub use max_unpool::{MaxUnpool, MaxUnpool1d, MaxUnpool2d, MaxUnpool3d, MaxUnpoolBuilder};
pub use pad::{
    CircularPad, CircularPad1d, CircularPad2d, CircularPad3d, ConstantPad, ConstantPad1d,
    ConstantPad2d, ConstantPad3d, ReflectionPad, ReflectionPad1d, ReflectionPad2d, ReflectionPad3d,
    ReplicationPad, ReplicationPad1d, ReplicationPad2d, ReplicationPad3d, ZeroPad, ZeroPad1d,
    ZeroPad2d, ZeroPad3d,
};
pub use relu::{ReLU, ReLU6, ReLU6Builder, ReLUBuilder};
pub use shuffle::{ChannelShuffle, PixelShuffle, PixelUnshuffle};
pub use softmax::{LogSoftmax, Softmax, Softmax2d, Softmin};
pub use unflatten::Unflatten;
pub use upsample::{Upsample, UpsampleBuilder, UpsamplingBilinear2d, UpsamplingNearest2d};

pub use crate::activations::{
    CELU, CELUBuilder, ELU, ELUBuilder, Hardshrink, HardshrinkBuilder, Hardsigmoid,
    HardsigmoidBuilder, Hardswish, HardswishBuilder, Hardtanh, HardtanhBuilder, LeakyReLU,
    LeakyReLUBuilder, LogSigmoid, LogSigmoidBuilder, Mish, MishBuilder, SELU, SELUBuilder, SiLU,
    SiLUBuilder, Sigmoid, SigmoidBuilder, Softplus, SoftplusBuilder, Softshrink, SoftshrinkBuilder,
    Softsign, SoftsignBuilder, Tanh, TanhBuilder, Tanhshrink, TanhshrinkBuilder, Threshold,
    ThresholdBuilder,
};
