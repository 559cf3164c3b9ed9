//! The layers, named as in `torch.nn`: one a file, or a family of rows.
//!
//! `new` takes what PyTorch requires and has its defaults for the rest; where there is more to
//! say, `builder` takes the options. A layer's fields are plain; what `forward` reads and users
//! change later has a getter and a setter, so that aliases made with `share()` agree.

mod adaptive_pool;
mod avg_pool;
mod batch_norm;
mod conv;
mod conv_nd;
mod conv_transpose;
mod default_init;
mod dropout;
mod flatten;
mod identity;
mod linear;
mod max_pool;
mod packed;
mod pad;
mod relu;

pub use adaptive_pool::{
    AdaptiveAvgPool, AdaptiveAvgPool1d, AdaptiveAvgPool2d, AdaptiveAvgPool3d, AdaptiveMaxPool,
    AdaptiveMaxPool1d, AdaptiveMaxPool2d, AdaptiveMaxPool3d,
};
pub use avg_pool::{AvgPool, AvgPool1d, AvgPool2d, AvgPool3d, AvgPoolBuilder};
pub use batch_norm::{BatchNorm, BatchNorm1d, BatchNorm2d, BatchNorm3d, BatchNormBuilder};
pub use conv::{Conv, Conv1d, Conv2d, Conv3d};
pub use conv_nd::{ConvNd, ConvNdBuilder};
pub use conv_transpose::{ConvTranspose, ConvTranspose1d, ConvTranspose2d, ConvTranspose3d};
pub(crate) use default_init::bool_text;
pub use dropout::{
    AlphaDropout, AlphaDropoutBuilder, Dropout, Dropout1d, Dropout1dBuilder, Dropout2d,
    Dropout2dBuilder, Dropout3d, Dropout3dBuilder, DropoutBuilder, FeatureAlphaDropout,
    FeatureAlphaDropoutBuilder,
};
pub use flatten::{Flatten, FlattenBuilder};
pub use identity::Identity;
pub use linear::{Linear, LinearBuilder};
pub use max_pool::{MaxPool, MaxPool1d, MaxPool2d, MaxPool3d, MaxPoolBuilder};
pub use pad::{
    CircularPad, CircularPad1d, CircularPad2d, CircularPad3d, ConstantPad, ConstantPad1d,
    ConstantPad2d, ConstantPad3d, ReflectionPad, ReflectionPad1d, ReflectionPad2d, ReflectionPad3d,
    ReplicationPad, ReplicationPad1d, ReplicationPad2d, ReplicationPad3d, ZeroPad, ZeroPad1d,
    ZeroPad2d, ZeroPad3d,
};
pub use relu::{ReLU, ReLU6, ReLU6Builder, ReLUBuilder};

pub use crate::activations::{
    CELU, CELUBuilder, ELU, ELUBuilder, Hardshrink, HardshrinkBuilder, Hardsigmoid,
    HardsigmoidBuilder, Hardswish, HardswishBuilder, Hardtanh, HardtanhBuilder, LeakyReLU,
    LeakyReLUBuilder, LogSigmoid, LogSigmoidBuilder, Mish, MishBuilder, SELU, SELUBuilder, SiLU,
    SiLUBuilder, Softplus, SoftplusBuilder, Softshrink, SoftshrinkBuilder, Softsign,
    SoftsignBuilder, Tanhshrink, TanhshrinkBuilder, Threshold, ThresholdBuilder,
};
