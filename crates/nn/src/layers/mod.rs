//! The layers: one a file, named as in `torch.nn`.
//!
//! `new` takes what PyTorch requires and has its defaults for the rest; where there is more to
//! say, `builder` takes the options. A layer's fields are plain; what `forward` reads and users
//! change later has a getter and a setter, so that aliases made with `share()` agree.

#[macro_use]
mod dropout_layer;
#[macro_use]
mod inplace_activation;

mod adaptive_avg_pool2d;
mod alpha_dropout;
mod avg_pool2d;
mod batch_norm2d;
mod batch_norm_state;
mod conv2d;
mod default_init;
mod dropout;
mod dropout1d;
mod dropout2d;
mod dropout3d;
mod feature_alpha_dropout;
mod flatten;
mod identity;
mod linear;
mod max_pool2d;
mod packed;
mod relu;
mod relu6;

pub use adaptive_avg_pool2d::AdaptiveAvgPool2d;
pub use alpha_dropout::{AlphaDropout, AlphaDropoutBuilder};
pub use avg_pool2d::{AvgPool2d, AvgPool2dBuilder};
pub use batch_norm2d::{BatchNorm2d, BatchNorm2dBuilder};
pub use conv2d::{Conv2d, Conv2dBuilder};
pub use dropout::{Dropout, DropoutBuilder};
pub use dropout1d::{Dropout1d, Dropout1dBuilder};
pub use dropout2d::{Dropout2d, Dropout2dBuilder};
pub use dropout3d::{Dropout3d, Dropout3dBuilder};
pub use feature_alpha_dropout::{FeatureAlphaDropout, FeatureAlphaDropoutBuilder};
pub use flatten::Flatten;
pub use identity::Identity;
pub use linear::{Linear, LinearBuilder};
pub use max_pool2d::{MaxPool2d, MaxPool2dBuilder};
pub use relu::ReLU;
pub use relu6::ReLU6;

pub use crate::activations::{
    CELU, CELUBuilder, ELU, ELUBuilder, Hardshrink, HardshrinkBuilder, Hardsigmoid,
    HardsigmoidBuilder, Hardswish, HardswishBuilder, Hardtanh, HardtanhBuilder, LeakyReLU,
    LeakyReLUBuilder, LogSigmoid, LogSigmoidBuilder, Mish, MishBuilder, SELU, SELUBuilder, SiLU,
    SiLUBuilder, Softplus, SoftplusBuilder, Softshrink, SoftshrinkBuilder, Softsign,
    SoftsignBuilder, Tanhshrink, TanhshrinkBuilder, Threshold, ThresholdBuilder,
};
