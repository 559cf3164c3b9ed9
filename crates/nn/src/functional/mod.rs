//! Differentiable functions of tensors, as `torch.nn.functional`: what the layers compute,
//! without state.
//!
//! Tensors come in PyTorch's order, and after them what a function takes beside: where that is more
//! than an argument or two, a struct of options that has PyTorch's defaults. Sizes are a number or
//! one for each dimension ([`Size`]); a function that has several results returns a tuple.
//!
//! ```
//! use pleach::{tensor, Tensor};
//! use pleach::nn::functional::{self as F, ConvOptions};
//!
//! let image = Tensor::ones([1, 1, 4, 4]);
//! let kernel = Tensor::ones([1, 1, 3, 3]);
//! let y = F::conv2d(&image, &kernel, Some(&tensor![0.5]), ConvOptions::new().padding("same"))?;
//! assert_eq!(y.shape(), [1, 1, 4, 4]);
//! assert_eq!(y.index((0, 0, 0, 0))?.item()?, 4.5); // four ones and the bias
//! # Ok::<(), pleach::Error>(())
//! ```

#[macro_use]
mod dispatch;

mod activation;
mod adaptive;
mod adaptive_max_pool;
mod affine_grid;
mod attention;
mod avg_pool;
mod batch_norm;
mod bilinear;
mod binary_cross_entropy;
mod conv;
mod conv_checks;
mod convolution;
mod cosine_similarity;
mod cross_entropy;
mod ctc_loss;
mod difference_loss;
mod dropout;
mod embedding;
mod embedding_bag;
mod fractional_max_pool;
mod gaussian_nll_loss;
mod gelu;
mod glu;
mod grid_sample;
mod group_norm;
mod instance_norm;
mod interpolate;
mod kl_div;
mod layer_norm;
mod linear;
mod linear_cross_entropy;
mod local_response_norm;
mod loss_options;
mod lp_pool;
mod margin_loss;
mod max_pool;
mod max_unpool;
mod multi_margin_loss;
mod nll_loss;
mod normalize;
mod one_hot;
mod pad;
mod padding;
mod pair_loss;
mod pairwise_distance;
mod pdist;
mod poisson_nll_loss;
mod reduction;
mod relu6;
mod resampling;
mod row_sums;
mod shuffle;
mod size;
mod sliding;
mod softmax;
mod triplet_loss;
mod unfold;

pub use activation::{log_softmax, relu, softmax};
pub(crate) use adaptive_max_pool::adaptive_max_pool;
pub use adaptive_max_pool::{
    adaptive_max_pool1d, adaptive_max_pool1d_with_indices, adaptive_max_pool2d,
    adaptive_max_pool2d_with_indices, adaptive_max_pool3d, adaptive_max_pool3d_with_indices,
};
pub use affine_grid::affine_grid;
pub use attention::{AttentionOptions, scaled_dot_product_attention};
pub use avg_pool::{
    AvgPoolOptions, adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d, avg_pool1d,
    avg_pool2d, avg_pool3d,
};
pub(crate) use avg_pool::{adaptive_avg_pool, avg_pool, avg_pool_setters};
pub use batch_norm::{BatchNormOptions, batch_norm};
pub use bilinear::bilinear;
pub use binary_cross_entropy::{
    BinaryCrossEntropyWithLogitsOptions, binary_cross_entropy, binary_cross_entropy_with_logits,
    multilabel_soft_margin_loss, soft_margin_loss,
};
pub use conv::{
    ConvKind, ConvNdOptions, ConvOptions, ConvTransposeOptions, Plain, Transposed,
    conv_transpose1d, conv_transpose2d, conv_transpose3d, conv1d, conv2d, conv3d,
};
pub(crate) use conv::{conv_setters, convolution, output_padding_setters};
pub(crate) use convolution::Tensors;
pub use cosine_similarity::cosine_similarity;
pub use cross_entropy::{CrossEntropyOptions, cross_entropy};
pub use ctc_loss::{CtcLossOptions, ctc_loss};
pub use difference_loss::{HuberLossOptions, huber_loss, l1_loss, mse_loss, smooth_l1_loss};
use dispatch::{check_dtype, widened};
pub(crate) use dispatch::{filled, hint_batch};
pub(crate) use dropout::check_probability;
pub use dropout::{alpha_dropout, dropout, dropout1d, dropout2d, dropout3d, feature_alpha_dropout};
pub(crate) use embedding::check_padding;
pub use embedding::{EmbeddingOptions, embedding, embedding_renorm_};
pub use embedding_bag::{EmbeddingBagMode, EmbeddingBagOptions, embedding_bag};
pub use fractional_max_pool::{
    FractionalMaxPoolOptions, Ratio, fractional_max_pool2d, fractional_max_pool2d_with_indices,
    fractional_max_pool3d, fractional_max_pool3d_with_indices,
};
pub(crate) use fractional_max_pool::{fractional_max_pool, fractional_max_pool_setters};
pub use gaussian_nll_loss::{GaussianNllLossOptions, Variance, gaussian_nll_loss};
pub use gelu::{Approximate, gelu};
pub use glu::{glu, prelu, rrelu};
pub use grid_sample::{GridPaddingMode, GridSampleMode, GridSampleOptions, grid_sample};
pub use group_norm::group_norm;
pub use instance_norm::{InstanceNormOptions, instance_norm};
pub(crate) use interpolate::interpolate_setters;
pub use interpolate::{
    InterpolateOptions, Resize, interpolate, upsample, upsample_bilinear, upsample_nearest,
};
pub use kl_div::{KlDivReduction, kl_div};
pub use layer_norm::{layer_norm, rms_norm};
pub use linear::linear;
pub(crate) use linear_cross_entropy::tuple_text;
pub use linear_cross_entropy::{LinearCrossEntropyOptions, linear_cross_entropy};
pub use local_response_norm::local_response_norm;
pub use loss_options::LossOptions;
pub use lp_pool::{LPPoolOptions, lp_pool1d, lp_pool2d, lp_pool3d};
pub(crate) use lp_pool::{check_norm_type, lp_pool, lp_pool_setters};
pub use margin_loss::{cosine_embedding_loss, hinge_embedding_loss, margin_ranking_loss};
pub use max_pool::{
    MaxPoolOptions, max_pool1d, max_pool1d_with_indices, max_pool2d, max_pool2d_with_indices,
    max_pool3d, max_pool3d_with_indices,
};
pub(crate) use max_pool::{max_pool, max_pool_setters, max_pool_with_indices, two};
pub use max_unpool::{MaxUnpoolOptions, max_unpool1d, max_unpool2d, max_unpool3d};
pub(crate) use max_unpool::{max_unpool, max_unpool_setters};
pub(crate) use multi_margin_loss::check_power;
pub use multi_margin_loss::{MultiMarginLossOptions, multi_margin_loss, multilabel_margin_loss};
pub use nll_loss::{NllLossOptions, nll_loss};
pub use normalize::normalize;
pub use one_hot::one_hot;
pub use pad::pad;
pub use padding::{Padding, PaddingMode};
pub(crate) use pairwise_distance::pairwise_distance_setters;
pub use pairwise_distance::{PairwiseDistanceOptions, pairwise_distance};
pub use pdist::pdist;
pub use poisson_nll_loss::{PoissonNllLossOptions, poisson_nll_loss};
pub use reduction::Reduction;
pub use relu6::relu6;
pub use resampling::InterpolateMode;
pub use shuffle::{channel_shuffle, pixel_shuffle, pixel_unshuffle};
use size::windows;
pub use size::{OutputSize, Pads, Size};
pub use softmax::{gumbel_softmax, softmin};
pub use triplet_loss::{
    Distance, TripletMarginLossOptions, TripletMarginWithDistanceLossOptions, triplet_margin_loss,
    triplet_margin_with_distance_loss,
};
pub(crate) use unfold::unfold_setters;
pub use unfold::{UnfoldOptions, fold, unfold};

pub use crate::activations::{
    celu, elu, hardshrink, hardsigmoid, hardswish, hardtanh, leaky_relu, logsigmoid, mish, selu,
    sigmoid, silu, softplus, softshrink, softsign, tanh, tanhshrink, threshold,
};
