//! Differentiable functions of tensors, as `torch.nn.functional`: what the layers compute,
//! without state.
//!
//! Tensors come in PyTorch's order, and after them what a function takes beside: where that is more
//! than an argument or two, a struct of options that has PyTorch's defaults. Sizes are a number or
//! one for each dimension ([`Size`]); a function that has several results returns a tuple.
//!
//! ```
//! use pleach_core::{tensor, Tensor};
//! use pleach_nn::functional::{self as F, ConvOptions};
//!
//! let image = Tensor::ones([1, 1, 4, 4]);
//! let kernel = Tensor::ones([1, 1, 3, 3]);
//! let y = F::conv2d(&image, &kernel, Some(&tensor![0.5]), ConvOptions::new().padding("same"))?;
//! assert_eq!(y.shape(), [1, 1, 4, 4]);
//! assert_eq!(y.index((0, 0, 0, 0))?.item()?, 4.5); // four ones and the bias
//! # Ok::<(), pleach_core::Error>(())
//! ```

#[macro_use]
mod dispatch;

mod activation;
mod attention;
mod batch_norm;
mod conv;
mod conv_transpose;
mod cosine_similarity;
mod cross_entropy;
mod dropout;
mod embedding;
mod gelu;
mod interpolate;
mod layer_norm;
mod linear;
mod mse_loss;
mod nll_loss;
mod normalize;
mod one_hot;
mod pad;
mod padding;
mod pair;
mod pool;
mod reduction;
mod relu6;
mod size;
mod unfold;

pub use activation::{log_softmax, relu, softmax};
pub use attention::{AttentionOptions, scaled_dot_product_attention};
pub use batch_norm::{BatchNormOptions, batch_norm};
pub use conv::{ConvOptions, conv1d, conv2d, conv3d};
pub(crate) use conv::{check_same, conv, conv_setters, step_setters};
pub use conv_transpose::{
    ConvTransposeOptions, conv_transpose1d, conv_transpose2d, conv_transpose3d,
};
pub(crate) use conv_transpose::{conv_transpose, conv_transpose_setters};
pub use cosine_similarity::cosine_similarity;
pub use cross_entropy::{CrossEntropyOptions, cross_entropy};
use dispatch::check_dtype;
pub(crate) use dispatch::filled;
pub(crate) use dropout::check_probability;
pub use dropout::{alpha_dropout, dropout, dropout1d, dropout2d, dropout3d, feature_alpha_dropout};
pub use embedding::embedding;
pub use gelu::{Approximate, gelu};
pub use interpolate::{InterpolateMode, Resize, interpolate};
pub use layer_norm::layer_norm;
pub use linear::linear;
pub use mse_loss::mse_loss;
pub use nll_loss::{NllLossOptions, nll_loss};
pub use normalize::normalize;
pub use one_hot::one_hot;
pub use pad::pad;
pub use padding::{Padding, PaddingMode};
pub use pair::{IntoStride, OutputSize, Pair};
pub(crate) use pool::{Sliding, sliding};
pub use pool::{adaptive_avg_pool2d, avg_pool2d, max_pool2d, max_pool2d_with_indices};
pub use reduction::Reduction;
pub use relu6::relu6;
pub(crate) use size::windows;
pub use size::{Pads, Size};
pub use unfold::{UnfoldOptions, unfold};

pub use crate::activations::{
    celu, elu, hardshrink, hardsigmoid, hardswish, hardtanh, leaky_relu, logsigmoid, mish, selu,
    silu, softplus, softshrink, softsign, tanhshrink, threshold,
};
