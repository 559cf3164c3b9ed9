//! The numeric loops under pleach: slices in, slices out.
//!
//! This crate knows no tensor. Every public function is safe: it checks the lengths it is given
//! (a mismatch is a bug in the caller and panics) and hides whatever `unsafe` it needs.
//!
//! Results never depend on the number of threads: work is split by shape alone, and no float is
//! reduced across threads except over chunks fixed by the shape and combined in order.

pub mod arithmetic;
pub mod batch_norm;
pub mod broadcast;
pub mod buffer;
pub mod bytes;
pub mod columns;
pub mod compare;
pub mod conv;
pub mod cross_entropy;
pub mod ctc;
pub mod distance;
pub mod elementwise;
pub mod embedding;
pub mod epilogue;
pub mod float;
pub mod function;
pub mod gather;
pub mod gemm;
mod glu;
pub mod grid_sample;
pub mod histogram;
pub mod integer;
pub mod isa;
mod lanes;
pub mod layer_norm;
mod math;
pub mod neighbours;
pub mod nll;
pub mod number;
pub mod optimizer;
pub mod pair;
pub mod pair_loss;
pub mod peak;
pub mod places;
pub mod pool;
pub mod precision;
pub mod qr;
pub mod random;
pub mod rearrange;
pub mod reduce;
mod remainder;
pub mod resample;
mod scaled_sum;
pub mod search;
pub mod select;
mod simd;
pub mod softmax;
pub mod sort;
pub mod strided;
mod tap;
pub mod threads;
mod walk;
mod whole;
mod words;

pub use arithmetic::{Binary, pow_number};
pub use batch_norm::{
    ActivationMask, BatchNormGrads, BatchNormShape, BatchStatsMut, RunningStats, batch_norm_eval,
    batch_norm_eval_backward, batch_norm_train, batch_norm_train_backward,
};
pub use broadcast::zip_strided;
pub use buffer::{AllocError, Buffer, Plain};
pub use bytes::{bytes_of, bytes_of_mut};
pub use columns::{ColumnsShape, col2im, im2col};
pub use compare::Comparison;
pub use conv::{
    ConvShape, PackedConv, conv_backward_bias, conv_backward_input, conv_backward_weight,
    conv_forward, conv_transpose,
};
pub use cross_entropy::{CrossEntropy, CrossEntropyTarget};
pub use ctc::{Ctc, CtcSample};
pub use distance::{distances, distances_backward, pair_distances};
pub use elementwise::{map, map_inplace, zip, zip_inplace};
pub use embedding::{RowPairs, max_rows, sum_rows};
pub use epilogue::{Activation, Bias, Epilogue};
pub use float::Float;
pub use function::{Function, GradientFrom};
pub use gemm::{BatchRef, MatRef, PackedB, gemm, gemm_batched, gemm_epilogue, gemm_packed};
pub use glu::{glu_backward, glu_piece};
pub use histogram::{Binning, count_bins};
pub use integer::integer_products;
pub use isa::{Isa, Loop};
pub use layer_norm::{
    GroupNormShape, NormAffine, NormGrads, NormStats, NormStatsMut, group_norm,
    group_norm_backward, layer_norm, layer_norm_backward, rms_norm, rms_norm_backward,
};
pub use neighbours::group_neighbours;
pub use nll::NllLoss;
pub use number::Number;
pub use optimizer::{
    AdagradStep, AdamStep, RmsPropStep, SgdStep, adagrad_step, adam_step, amsgrad_step,
    rmsprop_step, sgd_momentum_step, sgd_step,
};
pub use pair::Pair;
pub use pair_loss::PairLoss;
pub use peak::fma_peak;
pub use places::{coordinates, places_along};
pub use pool::{
    AdaptivePoolShape, AvgDivisor, MAX_POOL_TAPS, PlacedPoolShape, PoolShape,
    adaptive_avg_pool_backward, adaptive_avg_pool_forward, adaptive_max_pool_forward,
    avg_pool_backward, avg_pool_forward, max_pool_backward, max_pool_backward_taps,
    max_pool_forward, max_pool_forward_taps, max_pool_places, placed_max_pool,
};
pub use precision::{Precision, float32_precision, set_float32_precision};
pub use qr::orthogonal_factor;
pub use rearrange::{flip, keep_triangle};
pub use reduce::{
    arg_extreme_axis, fold_axis, moments_axis, product_of_others, scan_axis, sum, sum_axis,
};
pub use scaled_sum::{add_scaled_product, add_scaled_quotient};
pub use search::search_rows;
pub use select::{count_true, select, true_places};
pub use softmax::{log_softmax, log_softmax_backward, softmax, softmax_backward};
pub use sort::{argmedian_rows, argmode_rows, argrank_rows, argsort_rows, argtop_rows};
pub use strided::copy_strided;
pub use threads::{for_each_chunk_mut, num_threads, parallel_for, set_num_threads};
pub use whole::{whole_i32_of_f32, whole_i32_of_f64, whole_i64_of_f32, whole_i64_of_f64};
