//! `torch.nn.functional`, a row each, with sizes that are no multiple of a vector's.

use pleach::nn::functional::{
    self as F, AttentionOptions, AvgPoolOptions, BatchNormOptions,
    BinaryCrossEntropyWithLogitsOptions, ConvOptions, ConvTransposeOptions, CrossEntropyOptions,
    CtcLossOptions, EmbeddingBagOptions, EmbeddingOptions, FractionalMaxPoolOptions,
    GaussianNllLossOptions, GridSampleOptions, HuberLossOptions, InstanceNormOptions,
    InterpolateOptions, LPPoolOptions, LinearCrossEntropyOptions, LossOptions, MaxPoolOptions,
    MaxUnpoolOptions, MultiMarginLossOptions, NllLossOptions, PairwiseDistanceOptions,
    PoissonNllLossOptions, Resize, TripletMarginLossOptions, TripletMarginWithDistanceLossOptions,
    UnfoldOptions,
};
use pleach::{Buffer, Generator, Result, Tensor, tensor};

use super::{Row, apart, rows};
use crate::common::{input, other, positive};

/// Values between 0 and 1.
fn unit(shape: &[usize]) -> Tensor {
    other(shape).mul(0.25).unwrap().add(0.5).unwrap()
}

/// Runs what draws random numbers with the same ones each time.
fn seeded<T>(f: impl FnOnce() -> Result<T>) -> Result<T> {
    Generator::seeded(7).scope(f)
}

/// Signs, one a row.
fn signs(rows: usize) -> Tensor {
    let signs = (0..rows).map(|i| if i % 3 == 1 { -1.0 } else { 1.0 });
    Tensor::from_vec(signs.collect(), [rows]).unwrap()
}

/// The random part of fractional pooling.
fn samples(dimensions: usize) -> Tensor {
    unit(&[1, 2, dimensions])
}

/// Functions of one tensor and of pairs.
fn of_elements() -> Vec<Row> {
    let (x, y) = (input(&[2, 17]), other(&[2, 17]));
    rows! {
        F::relu, [x], |f, x| f(&x[0]);
        F::relu6, [x.mul(5.0).unwrap()], |f, x| f(&x[0]);
        F::celu, [x], |f, x| f(&x[0], 0.7);
        F::elu, [x], |f, x| f(&x[0], 0.7);
        F::selu, [x], |f, x| f(&x[0]);
        F::gelu, [x], |f, x| f(&x[0], "none");
        F::gelu, [x], |f, x| f(&x[0], "tanh");
        F::hardshrink, [x], |f, x| f(&x[0], 0.5);
        F::hardsigmoid, [x.mul(3.0).unwrap()], |f, x| f(&x[0]);
        F::hardswish, [x.mul(3.0).unwrap()], |f, x| f(&x[0]);
        F::hardtanh, [x], |f, x| f(&x[0], -0.5, 1.0);
        F::leaky_relu, [x], |f, x| f(&x[0], 0.1);
        F::logsigmoid, [x], |f, x| f(&x[0]);
        F::mish, [x], |f, x| f(&x[0]);
        F::sigmoid, [x], |f, x| f(&x[0]);
        F::silu, [x], |f, x| f(&x[0]);
        F::softplus, [x], |f, x| f(&x[0], 2.0, 2.0);
        F::softshrink, [x], |f, x| f(&x[0], 0.5);
        F::softsign, [x], |f, x| f(&x[0]);
        F::tanh, [x], |f, x| f(&x[0]);
        F::tanhshrink, [x], |f, x| f(&x[0]);
        F::threshold, [x], |f, x| f(&x[0], 0.5, -3.0);
        F::glu, [input(&[3, 18])], |f, x| f(&x[0], 1);
        F::prelu, [x, y.narrow(0, 0, 1).unwrap().flatten(0, -1).unwrap()], |f, x| f(&x[0], &x[1]);
        F::rrelu, [x], |f, x| seeded(|| f(&x[0], 0.1, 0.4, true));
        F::dropout, [x], |f, x| seeded(|| f(&x[0], 0.3, true));
        F::dropout1d, [input(&[2, 3, 5])], |f, x| seeded(|| f(&x[0], 0.3, true));
        F::dropout2d, [input(&[2, 3, 2, 3])], |f, x| seeded(|| f(&x[0], 0.3, true));
        F::dropout3d, [input(&[2, 3, 2, 1, 3])], |f, x| seeded(|| f(&x[0], 0.3, true));
        F::alpha_dropout, [x], |f, x| seeded(|| f(&x[0], 0.3, true));
        F::feature_alpha_dropout, [input(&[2, 3, 5])], |f, x| seeded(|| f(&x[0], 0.3, true));
        F::softmax, [x], |f, x| f(&x[0], 1);
        F::log_softmax, [x], |f, x| f(&x[0], 0);
        F::softmin, [x], |f, x| f(&x[0], 1);
        F::gumbel_softmax, [x], |f, x| seeded(|| f(&x[0], 0.8, false, 1));
        F::normalize, [x], |f, x| f(&x[0], 2.0, 1, 1e-12);
        F::cosine_similarity, [x, other(&[17])], |f, x| f(&x[0], &x[1], 1, 1e-8);
        F::pairwise_distance, [x, other(&[17])], |f, x| {
            f(&x[0], &x[1].mul(0.3)?, PairwiseDistanceOptions::new().p(3.0).keepdim(true))
        };
        F::pdist, [input(&[4, 9])], |f, x| f(&x[0], 2.0);
        F::linear, [x, other(&[3, 17]), input(&[3])], |f, x| f(&x[0], &x[1], Some(&x[2]));
        F::bilinear, [input(&[2, 3]), other(&[2, 5]), input(&[2, 3, 5]), other(&[2])], |f, x| {
            f(&x[0], &x[1], &x[2], Some(&x[3]))
        };
        F::scaled_dot_product_attention, [input(&[2, 3, 5]), other(&[2, 4, 5]), input(&[2, 4, 3]), other(&[3, 4])], |f, x| {
            f(&x[0], &x[1], &x[2], AttentionOptions::new().attn_mask(&x[3]).scale(0.4))
        };
        F::scaled_dot_product_attention, [input(&[1, 3, 5]), other(&[3, 5]), input(&[2, 3, 3])], |f, x| {
            f(&x[0], &x[1], &x[2], AttentionOptions::new().is_causal(true))
        };
        F::embedding, [input(&[4, 9])], |f, x| f(&tensor![[3, 0], [3, 3]], &x[0], EmbeddingOptions::new());
        F::embedding_bag, [input(&[4, 9]), other(&[5])], |f, x| {
            let offsets = tensor![0, 3, 3];
            let options = EmbeddingBagOptions::new().mode("sum").offsets(&offsets);
            f(&tensor![3, 0, 3, 2, 1], &x[0], options.per_sample_weights(&x[1]))
        };
    }
}

/// Norms of channels, rows and groups.
fn norms() -> Vec<Row> {
    let (x, w, b) = (input(&[3, 4, 5]), positive(&[4]), other(&[4]));
    rows! {
        F::batch_norm, [x, w, b], |f, x| {
            f(&x[0], BatchNormOptions::new().weight(&x[1]).bias(&x[2]).training(true).eps(1e-2))
        };
        F::batch_norm, [x, w, b], |f, x| {
            let (mean, var) = (Buffer::new(other(&[4])), Buffer::new(positive(&[4])));
            f(&x[0], BatchNormOptions::new().weight(&x[1]).bias(&x[2]).running_stats((&mean, &var)))
        };
        F::instance_norm, [x, w, b], |f, x| f(&x[0], InstanceNormOptions::new().weight(&x[1]).bias(&x[2]).eps(1e-2));
        F::group_norm, [x, w, b], |f, x| f(&x[0], 2, Some(&x[1]), Some(&x[2]), 1e-2);
        F::layer_norm, [input(&[2, 17]), positive(&[17]), other(&[17])], |f, x| f(&x[0], [17], Some(&x[1]), Some(&x[2]), 1e-2);
        F::rms_norm, [input(&[2, 17]), positive(&[17])], |f, x| f(&x[0], [17], Some(&x[1]), 1e-2);
        F::local_response_norm, [x], |f, x| f(&x[0], 3, 0.9, 0.75, 1.5);
    }
}

/// Convolutions, poolings, and what moves or resamples the elements of images.
fn images() -> Vec<Row> {
    let (line, image, volume) = (
        apart(&[1, 2, 11]),
        apart(&[1, 2, 5, 9]),
        apart(&[1, 2, 3, 4, 5]),
    );
    let away = positive(&[1, 2, 5, 9]);
    rows! {
        F::conv1d, [input(&[2, 4, 9]), other(&[2, 2, 3]), input(&[2])], |f, x| {
            f(&x[0], &x[1], Some(&x[2]), ConvOptions::new().stride(2).padding(1).groups(2))
        };
        F::conv2d, [input(&[1, 2, 5, 9]), other(&[3, 2, 3, 2]), input(&[3])], |f, x| {
            f(&x[0], &x[1], Some(&x[2]), ConvOptions::new().padding((1, 0)).dilation((1, 2)))
        };
        F::conv3d, [input(&[1, 2, 3, 3, 4]), other(&[2, 2, 2, 2, 3]), input(&[2])], |f, x| {
            f(&x[0], &x[1], Some(&x[2]), ConvOptions::new().padding((1, 0, 1)))
        };
        F::conv_transpose1d, [input(&[2, 4, 5]), other(&[4, 1, 3]), input(&[2])], |f, x| {
            f(&x[0], &x[1], Some(&x[2]), ConvTransposeOptions::new().stride(2).padding(1).output_padding(1).groups(2))
        };
        F::conv_transpose2d, [input(&[1, 2, 3, 5]), other(&[2, 3, 3, 2]), input(&[3])], |f, x| {
            f(&x[0], &x[1], Some(&x[2]), ConvTransposeOptions::new().stride((1, 2)).padding((1, 0)).dilation((1, 2)))
        };
        F::conv_transpose3d, [input(&[1, 2, 2, 2, 3]), other(&[2, 1, 2, 2, 3]), input(&[1])], |f, x| {
            f(&x[0], &x[1], Some(&x[2]), ConvTransposeOptions::new().stride((1, 2, 1)))
        };
        F::max_pool1d, [line], |f, x| f(&x[0], MaxPoolOptions::new(3).stride(2).padding(1));
        F::max_pool2d, [image], |f, x| f(&x[0], MaxPoolOptions::new((2, 3)).ceil_mode(true));
        F::max_pool3d, [volume], |f, x| f(&x[0], MaxPoolOptions::new(2).stride(1).dilation((2, 1, 1)));
        F::max_pool1d_with_indices, [line], |f, x| f(&x[0], 2);
        F::max_pool2d_with_indices, [image], |f, x| f(&x[0], (2, 3));
        F::max_pool3d_with_indices, [volume], |f, x| f(&x[0], (2, 1, 3));
        F::avg_pool1d, [line], |f, x| f(&x[0], AvgPoolOptions::new(3).stride(2).padding(1));
        F::avg_pool2d, [image], |f, x| f(&x[0], AvgPoolOptions::new((2, 3)).ceil_mode(true).padding((1, 0)));
        F::avg_pool3d, [volume], |f, x| f(&x[0], AvgPoolOptions::new(2).stride(1).divisor_override(Some(3)));
        F::adaptive_avg_pool1d, [line], |f, x| f(&x[0], 4);
        F::adaptive_avg_pool2d, [image], |f, x| f(&x[0], (3, 7));
        F::adaptive_avg_pool3d, [volume], |f, x| f(&x[0], (2, 3, 7));
        F::adaptive_max_pool1d, [line], |f, x| f(&x[0], 4);
        F::adaptive_max_pool2d, [image], |f, x| f(&x[0], (3, 7));
        F::adaptive_max_pool3d, [volume], |f, x| f(&x[0], (2, 3, 7));
        F::adaptive_max_pool1d_with_indices, [line], |f, x| f(&x[0], 13);
        F::adaptive_max_pool2d_with_indices, [image], |f, x| f(&x[0], (3, 7));
        F::adaptive_max_pool3d_with_indices, [volume], |f, x| f(&x[0], 2);
        F::fractional_max_pool2d, [image], |f, x| {
            f(&x[0], FractionalMaxPoolOptions::new(2).output_size((3, 5)).random_samples(&samples(2)))
        };
        F::fractional_max_pool2d_with_indices, [image], |f, x| {
            f(&x[0], FractionalMaxPoolOptions::new(2).output_ratio(0.6).random_samples(&samples(2)))
        };
        F::fractional_max_pool3d, [volume], |f, x| {
            f(&x[0], FractionalMaxPoolOptions::new((1, 2, 2)).output_size(2).random_samples(&samples(3)))
        };
        F::fractional_max_pool3d_with_indices, [volume], |f, x| {
            f(&x[0], FractionalMaxPoolOptions::new((1, 2, 2)).output_size(2).random_samples(&samples(3)))
        };
        F::lp_pool1d, [positive(&[1, 2, 11])], |f, x| f(&x[0], 2.5, LPPoolOptions::new(3).stride(2));
        F::lp_pool2d, [away], |f, x| f(&x[0], 2.0, LPPoolOptions::new((2, 3)).ceil_mode(true));
        F::lp_pool3d, [positive(&[1, 2, 3, 4, 5])], |f, x| f(&x[0], 3.0, LPPoolOptions::new(2));
        F::max_unpool1d, [input(&[1, 2, 5])], |f, x| {
            f(&x[0], &F::max_pool1d_with_indices(&apart(&[1, 2, 11]), 2)?.1, MaxUnpoolOptions::new(2).output_size(&[11]))
        };
        F::max_unpool2d, [input(&[1, 2, 2, 3])], |f, x| {
            f(&x[0], &F::max_pool2d_with_indices(&apart(&[1, 2, 5, 9]), (2, 3))?.1, MaxUnpoolOptions::new((2, 3)).output_size(&[5, 9]))
        };
        F::max_unpool3d, [input(&[1, 2, 1, 2, 2])], |f, x| {
            f(&x[0], &F::max_pool3d_with_indices(&apart(&[1, 2, 2, 4, 4]), 2)?.1, 2)
        };
        F::pad, [volume], |f, x| f(&x[0], &[1, 2, 0, 1, 1, 0], "replicate", 0.0);
        F::pad, [image], |f, x| f(&x[0], &[3, 2, 1, 4], "reflect", 0.0);
        F::pad, [image], |f, x| f(&x[0], &[3, 2, 0, 4], "circular", 0.0);
        F::unfold, [image], |f, x| f(&x[0], UnfoldOptions::new((2, 3)).padding(1).stride((1, 2)));
        F::fold, [input(&[1, 12, 6])], |f, x| f(&x[0], (5, 9), UnfoldOptions::new((2, 3)).stride((2, 1)).dilation((1, 3)).padding((0, 0)));
        F::pixel_shuffle, [input(&[1, 8, 3, 5])], |f, x| f(&x[0], 2);
        F::pixel_unshuffle, [input(&[1, 2, 6, 10])], |f, x| f(&x[0], 2);
        F::channel_shuffle, [input(&[1, 6, 3, 5])], |f, x| f(&x[0], 3);
        F::interpolate, [image], |f, x| f(&x[0], InterpolateOptions::new(Resize::Size(vec![7, 4])).mode("bicubic"));
        F::interpolate, [volume], |f, x| f(&x[0], InterpolateOptions::new(Resize::Size(vec![2, 5, 9])).mode("trilinear").align_corners(true));
        F::upsample, [line], |f, x| f(&x[0], InterpolateOptions::new(Resize::scale_factor(1.7)).mode("linear"));
        F::upsample_nearest, [image], |f, x| f(&x[0], Resize::Size(vec![7, 4]));
        F::upsample_bilinear, [image], |f, x| f(&x[0], Resize::Size(vec![7, 4]));
        F::grid_sample, [image, other(&[1, 2, 5, 2])], |f, x| {
            f(&x[0], &x[1].mul(0.71)?, GridSampleOptions::new().align_corners(false).padding_mode("border"))
        };
        F::affine_grid, [input(&[2, 2, 3])], |f, x| f(&x[0], &[2, 1, 3, 5], false);
    }
}

/// Losses, by inputs and, where they have a gradient, by targets.
fn losses() -> Vec<Row> {
    let (x, y, w) = (input(&[3, 7]), other(&[3, 7]), unit(&[7]));
    let (p, q) = (
        unit(&[3, 7]),
        input(&[3, 7]).mul(0.2).unwrap().add(0.5).unwrap(),
    );
    let (anchor, near, far) = (input(&[3, 7]), other(&[3, 7]), apart(&[3, 7]));
    rows! {
        F::l1_loss, [x, y, p], |f, x| f(&x[0], &x[1].mul(0.37)?, LossOptions::new().weight(&x[2]).reduction("none"));
        F::mse_loss, [x, y, p], |f, x| f(&x[0], &x[1], LossOptions::new().weight(&x[2]));
        F::mse_loss, [x, input(&[7])], |f, x| f(&x[0], &x[1].mul(0.3)?.expand([3, 7])?, "mean");
        F::smooth_l1_loss, [x, y], |f, x| f(&x[0], &x[1].mul(0.37)?, "none", 0.7);
        F::huber_loss, [x, y, p], |f, x| {
            f(&x[0], &x[1].mul(0.37)?, HuberLossOptions::new().delta(0.7).weight(&x[2]).reduction("sum"))
        };
        F::binary_cross_entropy, [p, q], |f, x| f(&x[0], &x[1], "none");
        F::binary_cross_entropy_with_logits, [x, p], |f, x| {
            f(&x[0], &x[1], BinaryCrossEntropyWithLogitsOptions::new().weight(&unit(&[7])).pos_weight(&unit(&[3, 1])))
        };
        F::soft_margin_loss, [x], |f, x| f(&x[0], &signs(7).expand([3, 7])?, "none");
        F::multilabel_soft_margin_loss, [x, w], |f, x| f(&x[0], &unit(&[3, 7]), LossOptions::new().weight(&x[1]));
        F::multilabel_margin_loss, [x], |f, x| {
            f(&x[0], &tensor![[2, 0, -1, 1, 0, 0, 0], [-1, 0, 1, 2, 0, 0, 0], [6, 5, 0, 2, 1, 3, 4]], "none")
        };
        F::multi_margin_loss, [x], |f, x| f(&x[0], &tensor![2, 0, 6], MultiMarginLossOptions::new().p(2).reduction("none"));
        F::kl_div, [x, p], |f, x| f(&x[0], &x[1], "none", false);
        F::kl_div, [x, y], |f, x| f(&x[0], &x[1], "batchmean", true);
        F::nll_loss, [x], |f, x| f(&x[0], &tensor![2, 1, 6], NllLossOptions::new().weight(&unit(&[7])).ignore_index(1));
        F::cross_entropy, [x], |f, x| f(&x[0], &tensor![2, 1, 6], CrossEntropyOptions::new().weight(&unit(&[7])).label_smoothing(0.1));
        F::cross_entropy, [x, p, w], |f, x| f(&x[0], &x[1], CrossEntropyOptions::new().weight(&x[2]).reduction("none"));
        F::linear_cross_entropy, [x, other(&[5, 7]), input(&[5])], |f, x| {
            f(&x[0], &x[1], &tensor![2, 1, 4], LinearCrossEntropyOptions::new().linear_bias(&x[2]))
        };
        F::ctc_loss, [input(&[7, 2, 5])], |f, x| {
            let labels = tensor![[2, 3, 2], [1, 1, 4]];
            f(&x[0].log_softmax(2)?, &labels, &tensor![7, 6], &tensor![3, 2], CtcLossOptions::new().reduction("none"))
        };
        F::poisson_nll_loss, [x, positive(&[3, 7]).add(1.0).unwrap()], |f, x| {
            f(&x[0], &x[1], PoissonNllLossOptions::new().full(true).reduction("none"))
        };
        F::gaussian_nll_loss, [x, y, positive(&[3, 1])], |f, x| f(&x[0], &x[1], &x[2], GaussianNllLossOptions::new().full(true));
        F::margin_ranking_loss, [x, input(&[1, 7])], |f, x| f(&x[0], &x[1].mul(0.3)?, &signs(7).unsqueeze(0)?, 0.4, "none");
        F::hinge_embedding_loss, [x], |f, x| f(&x[0], &signs(7), 0.8, "none");
        F::cosine_embedding_loss, [x, y], |f, x| f(&x[0], &x[1], &signs(3), -0.9, "none");
        F::triplet_margin_loss, [anchor, near, far], |f, x| {
            f(&x[0], &x[1], &x[2], TripletMarginLossOptions::new().margin(5.0).swap(true).reduction("none"))
        };
        F::triplet_margin_with_distance_loss, [anchor, near, far], |f, x| {
            let squares = |a: &Tensor, b: &Tensor| a.sub(b)?.square()?.sum_dim(1, false);
            f(&x[0], &x[1], &x[2], TripletMarginWithDistanceLossOptions::new().distance_function(&squares).margin(30.0))
        };
    }
}

pub fn rows() -> Vec<Row> {
    [of_elements(), norms(), images(), losses()]
        .into_iter()
        .flatten()
        .collect()
}

/// Sizes at which kernels work in several blocks and with vectors that are not full.
pub fn large() -> Vec<Row> {
    let image = apart(&[2, 5, 37, 41]);
    let (x, w, b) = (input(&[3, 34, 61]), positive(&[34]), other(&[34]));
    let (rows, row) = (input(&[67, 131]), unit(&[131]));
    rows! {
        F::conv1d, [input(&[2, 34, 301]), other(&[38, 17, 9]), input(&[38])], |f, x| {
            f(&x[0], &x[1], Some(&x[2]), ConvOptions::new().stride(2).padding(4).groups(2))
        };
        F::conv2d, [image, other(&[35, 5, 3, 3]), input(&[35])], |f, x| f(&x[0], &x[1], Some(&x[2]), ConvOptions::new().padding(1));
        F::conv2d, [image, other(&[33, 5, 1, 1]), input(&[33])], |f, x| f(&x[0], &x[1], Some(&x[2]), ConvOptions::new());
        F::conv2d, [image, other(&[5, 1, 3, 3]), input(&[5])], |f, x| f(&x[0], &x[1], Some(&x[2]), ConvOptions::new().padding(1).groups(5));
        F::conv2d, [image, other(&[7, 5, 5, 4]), input(&[7])], |f, x| {
            f(&x[0], &x[1], Some(&x[2]), ConvOptions::new().stride((2, 3)).dilation((2, 1)).padding((3, 2)))
        };
        F::conv3d, [input(&[1, 3, 9, 11, 13]), other(&[5, 3, 3, 3, 3]), input(&[5])], |f, x| f(&x[0], &x[1], Some(&x[2]), ConvOptions::new());
        F::conv_transpose1d, [input(&[2, 17, 67]), other(&[17, 9, 5]), input(&[9])], |f, x| {
            f(&x[0], &x[1], Some(&x[2]), ConvTransposeOptions::new().stride(3).padding(1))
        };
        F::conv_transpose2d, [image, other(&[5, 33, 4, 4]), input(&[33])], |f, x| {
            f(&x[0], &x[1], Some(&x[2]), ConvTransposeOptions::new().stride(2).padding(1))
        };
        F::conv_transpose3d, [input(&[1, 3, 5, 7, 9]), other(&[3, 5, 3, 3, 3]), input(&[5])], |f, x| {
            f(&x[0], &x[1], Some(&x[2]), ConvTransposeOptions::new().stride(2))
        };
        F::max_pool2d, [image], |f, x| f(&x[0], MaxPoolOptions::new(3).stride(2).padding(1));
        F::avg_pool2d, [image], |f, x| f(&x[0], AvgPoolOptions::new(3).stride(2).padding(1));
        F::lp_pool2d, [positive(&[2, 5, 37, 41])], |f, x| f(&x[0], 2.0, LPPoolOptions::new(3).stride(2));
        F::adaptive_avg_pool2d, [image], |f, x| f(&x[0], (7, 19));
        F::adaptive_max_pool2d, [image], |f, x| f(&x[0], (7, 19));
        F::interpolate, [image], |f, x| f(&x[0], InterpolateOptions::new(Resize::Size(vec![53, 29])).mode("bilinear"));
        F::interpolate, [image], |f, x| f(&x[0], InterpolateOptions::new(Resize::Size(vec![19, 67])).mode("bicubic").antialias(true));
        F::grid_sample, [image, other(&[2, 23, 29, 2])], |f, x| f(&x[0], &x[1].mul(0.71)?, GridSampleOptions::new().align_corners(false));
        F::pad, [image], |f, x| f(&x[0], &[17, 9, 3, 19], "reflect", 0.0);
        F::unfold, [image], |f, x| f(&x[0], UnfoldOptions::new(3).padding(1));
        F::pixel_shuffle, [input(&[2, 36, 17, 19])], |f, x| f(&x[0], 3);
        F::batch_norm, [x, w, b], |f, x| {
            f(&x[0], BatchNormOptions::new().weight(&x[1]).bias(&x[2]).training(true).eps(1e-2))
        };
        F::instance_norm, [x, w, b], |f, x| f(&x[0], InstanceNormOptions::new().weight(&x[1]).bias(&x[2]).eps(1e-2));
        F::group_norm, [x, w, b], |f, x| f(&x[0], 17, Some(&x[1]), Some(&x[2]), 1e-2);
        F::layer_norm, [input(&[5, 1031]), positive(&[1031]), other(&[1031])], |f, x| f(&x[0], [1031], Some(&x[1]), Some(&x[2]), 1e-2);
        F::rms_norm, [input(&[5, 1031]), positive(&[1031])], |f, x| f(&x[0], [1031], Some(&x[1]), 1e-2);
        F::local_response_norm, [x], |f, x| f(&x[0], 5, 0.9, 0.75, 1.5);
        F::linear, [rows, other(&[33, 131]), input(&[33])], |f, x| f(&x[0], &x[1], Some(&x[2]));
        F::bilinear, [input(&[19, 33]), other(&[19, 17]), input(&[5, 33, 17]), other(&[5])], |f, x| f(&x[0], &x[1], &x[2], Some(&x[3]));
        F::scaled_dot_product_attention, [input(&[2, 37, 33]), other(&[2, 41, 33]), input(&[2, 41, 17])], |f, x| {
            f(&x[0], &x[1], &x[2], AttentionOptions::new().is_causal(true))
        };
        F::embedding, [input(&[131, 33])], |f, x| f(&tensor![3, 130, 3, 77, 0], &x[0], EmbeddingOptions::new());
        F::gelu, [rows], |f, x| f(&x[0], "none");
        F::silu, [rows], |f, x| f(&x[0]);
        F::prelu, [rows, row], |f, x| f(&x[0], &x[1]);
        F::glu, [rows.narrow(1, 0, 130).unwrap()], |f, x| f(&x[0], 1);
        F::cross_entropy, [rows], |f, x| {
            let classes = Tensor::arange(67).mul(37)?.remainder(131)?;
            f(&x[0], &classes, CrossEntropyOptions::new().weight(&unit(&[131])).label_smoothing(0.1))
        };
        F::nll_loss, [rows], |f, x| f(&x[0], &Tensor::arange(67), NllLossOptions::new().reduction("none"));
        F::mse_loss, [rows, other(&[67, 131])], |f, x| f(&x[0], &x[1], "mean");
        F::kl_div, [rows, unit(&[67, 131])], |f, x| f(&x[0], &x[1], "batchmean", false);
        F::binary_cross_entropy, [unit(&[67, 131]), unit(&[67, 131]).flip(1).unwrap()], |f, x| f(&x[0], &x[1], "none");
        F::cosine_similarity, [rows, other(&[131])], |f, x| f(&x[0], &x[1], 1, 1e-8);
    }
}
