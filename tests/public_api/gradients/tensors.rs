//! The functions of tensors, a row each.

use pleach::nn::layers::{Softplus, Tanh};
use pleach::nn::utils::{CheckpointOptions, checkpoint, checkpoint_sequential, checkpoint_with};
use pleach::{Interpolation, Tensor, TensorIndex, einsum, sequential, slice, tensor};

use super::{Row, apart, changes, rows};
use crate::common::{input, other, positive};

/// Values between 0 and 1.
fn unit(shape: &[usize]) -> Tensor {
    input(shape).mul(0.25).unwrap().add(0.5).unwrap()
}

/// Rows of methods that take nothing else.
macro_rules! plain {
    ($x:expr; $($name:ident)*) => {
        vec![$(Row {
            name: concat!("Tensor::", stringify!($name)),
            f: |x| super::one(Tensor::$name(&x[0])),
            inputs: vec![$x.clone()],
        }),*]
    };
}

/// Methods without arguments that change a copy of the input.
macro_rules! plain_changes {
    ($x:expr; $($name:ident)*) => {
        vec![$(Row {
            name: concat!("Tensor::", stringify!($name)),
            f: |x| {
                let mut changed = x[0].copy()?;
                Tensor::$name(&mut changed)?;
                Ok(changed)
            },
            inputs: vec![$x.clone()],
        }),*]
    };
}

/// Functions of each element, and of pairs of which the second is broadcast.
pub fn of_elements(s: &[usize], broadcast: &[usize]) -> Vec<Row> {
    let (x, p, q) = (input(s), positive(s), unit(s));
    let u = x.mul(0.5).unwrap();
    let (y, w) = (other(broadcast), positive(broadcast));
    let mut all = vec![
        plain!(x; abs ceil copy cos cosh deg2rad double erf erfc exp exp2 expm1 floor frac neg positive
            rad2deg relu round sgn sigmoid sign sin sinc sinh square tan tanh trunc asinh atan contiguous
            frexp),
        plain!(p; digamma lgamma log log10 log1p log2 reciprocal rsqrt sqrt),
        plain!(u; acos asin atanh erfinv),
        plain!(p.add(1.1).unwrap(); acosh),
    ];
    all.push(rows! {
        Tensor::logit, [q], |f, x| f(&x[0], 1e-6);
        Tensor::nan_to_num, [x], |f, x| f(&x[0], 0.0, None, None);
        Tensor::round_decimals, [x.mul(0.1).unwrap()], |f, x| f(&x[0], 1);
        Tensor::to_dtype, [x], |f, x| f(&x[0], pleach::DType::F64);
        Tensor::clamp, [x], |f, x| f(&x[0], -0.5, 1.0);
        Tensor::clamp, [x, w], |f, x| f(&x[0], &x[1].mul(-0.73)?, &x[1].mul(0.91)?);
        Tensor::clamp_min, [x, y], |f, x| f(&x[0], &x[1].mul(0.37)?);
        Tensor::clamp_max, [x, y], |f, x| f(&x[0], &x[1].mul(0.37)?);
        Tensor::fill, [x, input(&[])], |f, x| f(&x[0], &x[1]);
        Tensor::masked_fill, [x, input(&[])], |f, x| f(&x[0], &x[0].gt(0.3)?, &x[1]);
        Tensor::where_cond, [x, y], |f, x| f(&x[0].gt(0.3)?, &x[0], &x[1]);
        Tensor::add, [x, y], |f, x| f(&x[0], &x[1]);
        Tensor::add_alpha, [x, y], |f, x| f(&x[0], &x[1], 1.5);
        Tensor::sub, [x, y], |f, x| f(&x[0], &x[1]);
        Tensor::sub_alpha, [y, x], |f, x| f(&x[0], &x[1], 1.5);
        Tensor::rsub, [x, y], |f, x| f(&x[0], &x[1]);
        Tensor::mul, [x, y], |f, x| f(&x[0], &x[1]);
        Tensor::div, [x, w], |f, x| f(&x[0], &x[1]);
        Tensor::rdiv, [p], |f, x| f(&x[0], 0.7);
        Tensor::div_rounded, [x, w], |f, x| f(&x[0], &x[1], "floor");
        Tensor::pow, [p, y], |f, x| f(&x[0], &x[1]);
        Tensor::pow, [x], |f, x| f(&x[0], 3);
        Tensor::rpow, [x], |f, x| f(&x[0], 1.3);
        Tensor::float_power, [p, y], |f, x| f(&x[0], &x[1]);
        Tensor::remainder, [x, w], |f, x| f(&x[0].mul(3.0)?, &x[1]);
        Tensor::fmod, [x, w], |f, x| f(&x[0].mul(3.0)?, &x[1]);
        Tensor::maximum, [x, y], |f, x| f(&x[0], &x[1].mul(0.37)?);
        Tensor::minimum, [x, y], |f, x| f(&x[0], &x[1].mul(0.37)?);
        Tensor::fmax, [x, y], |f, x| f(&x[0], &x[1].mul(0.37)?);
        Tensor::fmin, [x, y], |f, x| f(&x[0], &x[1].mul(0.37)?);
        Tensor::atan2, [x, w], |f, x| f(&x[0], &x[1]);
        Tensor::hypot, [x, y], |f, x| f(&x[0], &x[1]);
        Tensor::copysign, [x, y], |f, x| f(&x[0], &x[1]);
        Tensor::xlogy, [x, w], |f, x| f(&x[0], &x[1]);
        Tensor::logaddexp, [x, y], |f, x| f(&x[0], &x[1]);
        Tensor::logaddexp2, [x, y], |f, x| f(&x[0], &x[1]);
        Tensor::ldexp, [x, y], |f, x| f(&x[0], &x[1]);
        Tensor::lerp, [x, y], |f, x| f(&x[0], &x[1], 0.7);
        Tensor::lerp, [x, y, p], |f, x| f(&x[0], &x[1], &x[2]);
        Tensor::addcmul, [x, y, w], |f, x| f(&x[0], &x[1], &x[2], 0.5);
        Tensor::addcdiv, [x, y, w], |f, x| f(&x[0], &x[1], &x[2], -2);
        Tensor::dist, [x, y], |f, x| f(&x[0], &x[1].mul(0.37)?, 3.0);
    });
    all.extend([
        plain_changes!(x; abs_ ceil_ cos_ cosh_ deg2rad_ erf_ erfc_ exp_ exp2_ expm1_ floor_ frac_ neg_
            rad2deg_ relu_ round_ sgn_ sigmoid_ sign_ sin_ sinc_ sinh_ square_ tan_ tanh_ trunc_ asinh_ atan_
            zero_),
        plain_changes!(p; digamma_ lgamma_ log_ log10_ log1p_ log2_ reciprocal_ rsqrt_ sqrt_),
        plain_changes!(u; acos_ asin_ atanh_ erfinv_),
        plain_changes!(p.add(1.1).unwrap(); acosh_),
    ]);
    all.push(changes! {
        Tensor::logit_, [q], |f, y, _x| f(y, 1e-6);
        Tensor::nan_to_num_, [x], |f, y, _x| f(y, 0.0, None, None);
        Tensor::fmod_, [x, w], |f, y, x| f(y.mul_(3.0)?, &x[1]);
        Tensor::atan2_, [x, w], |f, y, x| f(y, &x[1]);
        Tensor::hypot_, [x, y], |f, y, x| f(y, &x[1]);
        Tensor::copysign_, [x, y], |f, y, x| f(y, &x[1]);
        Tensor::xlogy_, [x, w], |f, y, x| f(y, &x[1]);
        Tensor::ldexp_, [x, y], |f, y, x| f(y, &x[1]);
        Tensor::fill_, [x], |f, y, _x| f(y, 0.3);
        Tensor::add_, [x, y], |f, y, x| f(y, &x[1]);
        Tensor::sub_, [x, y], |f, y, x| f(y, &x[1]);
        Tensor::mul_, [x, y], |f, y, x| f(y, &x[1]);
        Tensor::div_, [x, w], |f, y, x| f(y, &x[1]);
        Tensor::pow_, [p, y], |f, y, x| f(y, &x[1]);
        Tensor::remainder_, [x, w], |f, y, x| f(y.mul_(3.0)?, &x[1]);
        Tensor::copy_, [x, y], |f, y, x| f(y, &x[1]);
        Tensor::clamp_, [x], |f, y, _x| f(y, -0.5, 1.0);
        Tensor::clamp_min_, [x, y], |f, y, x| f(y, &x[1].mul(0.37)?);
        Tensor::clamp_max_, [x, y], |f, y, x| f(y, &x[1].mul(0.37)?);
        Tensor::masked_fill_, [x, input(&[])], |f, y, x| f(y, &x[0].gt(0.3)?, &x[1]);
        Tensor::addcmul_, [x, y, w], |f, y, x| f(y, &x[1], &x[2], 0.5);
        Tensor::addcdiv_, [x, y, w], |f, y, x| f(y, &x[1], &x[2], -2);
        Tensor::lerp_, [x, y], |f, y, x| f(y, &x[1], 0.7);
    });
    all.into_iter().flatten().collect()
}

/// Reductions, running values and orders of a matrix, along its rows and along its columns.
pub fn of_rows(s: &[usize; 2]) -> Vec<Row> {
    // No two elements are equal; some are negative.
    let (x, p) = (apart(s), apart(s).abs().unwrap().add(0.3).unwrap());
    // A product of many elements stays near 1.
    let near_one = input(s).mul(0.02).unwrap().add(1.0).unwrap();
    let mut all = vec![
        plain!(x; max min mean sum std var median nanmedian nanmean nansum norm aminmax std_mean
            var_mean msort),
        plain!(near_one; prod),
    ];
    all.push(rows! {
        Tensor::amax, [x], |f, x| f(&x[0], 0, false);
        Tensor::amin, [x], |f, x| f(&x[0], -1, true);
        Tensor::max_dim, [x], |f, x| f(&x[0], 1, true);
        Tensor::min_dim, [x], |f, x| f(&x[0], 0, false);
        Tensor::aminmax_dim, [x], |f, x| f(&x[0], 1, false);
        Tensor::sum_dim, [x], |f, x| f(&x[0], 0, true);
        Tensor::mean_dim, [x], |f, x| f(&x[0], 1, false);
        Tensor::nansum_dim, [x], |f, x| f(&x[0], 1, false);
        Tensor::nanmean_dim, [x], |f, x| f(&x[0], 0, false);
        Tensor::var_dim, [x], |f, x| f(&x[0], 1, 1.0, false);
        Tensor::std_dim, [x], |f, x| f(&x[0], 0, 0.0, true);
        Tensor::var_mean_dim, [x], |f, x| f(&x[0], 0, 1.0, false);
        Tensor::std_mean_dim, [x], |f, x| f(&x[0], 1, 1.0, false);
        Tensor::prod_dim, [near_one], |f, x| f(&x[0], 1, false);
        Tensor::logsumexp, [x], |f, x| f(&x[0], [0, 1], false);
        Tensor::norm_dim, [p], |f, x| f(&x[0], 2.5, 1, false);
        Tensor::norm_dim, [x], |f, x| f(&x[0], f64::INFINITY, 0, false);
        Tensor::median_dim, [x], |f, x| f(&x[0], 1, false);
        Tensor::nanmedian_dim, [x], |f, x| f(&x[0], 0, false);
        Tensor::kthvalue, [x], |f, x| f(&x[0], 2, 1, false);
        Tensor::mode, [x], |f, x| f(&x[0], 1, false);
        Tensor::quantile, [x, unit(&[2])], |f, x| f(&x[0], &x[1]);
        Tensor::quantile_dim, [x, unit(&[2])], |f, x| f(&x[0], &x[1], 1, false, Interpolation::Linear);
        Tensor::nanquantile, [x], |f, x| f(&x[0], 0.37);
        Tensor::nanquantile_dim, [x], |f, x| f(&x[0], 0.37, 0, true, "midpoint");
        Tensor::cumsum, [x], |f, x| f(&x[0], 1);
        Tensor::cumprod, [near_one], |f, x| f(&x[0], 1);
        Tensor::logcumsumexp, [x], |f, x| f(&x[0], 1);
        Tensor::cummax, [x], |f, x| f(&x[0], 1);
        Tensor::cummin, [x], |f, x| f(&x[0], 0);
        Tensor::softmax, [x], |f, x| f(&x[0], 1);
        Tensor::softmax, [x], |f, x| f(&x[0], 0);
        Tensor::log_softmax, [x], |f, x| f(&x[0], 1);
        Tensor::log_softmax, [x], |f, x| f(&x[0], 0);
        Tensor::sort, [x], |f, x| f(&x[0], 1, true);
        Tensor::topk, [x], |f, x| f(&x[0], 2, 1, false);
        Tensor::diff, [x], |f, x| f(&x[0], 2, 1, None, None);
        Tensor::diff, [x, input(&[s[0], 1]), other(&[s[0], 2])], |f, x| f(&x[0], 1, 1, Some(&x[1]), Some(&x[2]));
        Tensor::gradient, [x], |f, x| f(&x[0], 0.5, [0, 1], 1);
        Tensor::trapezoid, [x, p], |f, x| f(&x[0], &x[1], 1);
        Tensor::cumulative_trapezoid, [x, p], |f, x| f(&x[0], &x[1], 1);
        Tensor::cov, [input(s)], |f, x| f(&x[0], 1, None, None);
        Tensor::corrcoef, [input(s)], |f, x| f(&x[0]);
        Tensor::cdist, [x, other(&[2, s[1]])], |f, x| f(&x[0], &x[1], 2.5, "donot_use_mm_for_euclid_dist");
        Tensor::cdist, [x, other(&[2, s[1]])], |f, x| f(&x[0], &x[1], 2.0, "use_mm_for_euclid_dist");
        Tensor::pdist, [x], |f, x| f(&x[0], 3.0);
        Tensor::matmul, [x, other(&[s[1], 3])], |f, x| f(&x[0], &x[1]);
        Tensor::mm, [x, other(&[s[1], 3])], |f, x| f(&x[0], &x[1]);
        Tensor::mv, [x, other(&[s[1]])], |f, x| f(&x[0], &x[1]);
        Tensor::linear, [x, other(&[2, s[1]]), input(&[2])], |f, x| f(&x[0], &x[1], Some(&x[2]));
    });
    all.push(changes! {
        Tensor::cumsum_, [x], |f, y, _x| f(y, 1);
        Tensor::tril_, [x], |f, y, _x| f(y, -1);
        Tensor::triu_, [x], |f, y, _x| f(y, 1);
        Tensor::cumprod_, [near_one], |f, y, _x| f(y, 1);
    });
    all.into_iter().flatten().collect()
}

/// Products, and what moves, picks and joins elements.
pub fn of_parts() -> Vec<Row> {
    let (x, v) = (input(&[3, 4, 2]), input(&[5]));
    let (m, n) = (input(&[3, 9]), other(&[9, 2]));
    let (a, b) = (input(&[2, 3, 9]), other(&[2, 9, 2]));
    let mut all = vec![plain!(m; ravel t trace fliplr flipud atleast_1d atleast_2d atleast_3d)];
    all.push(rows! {
        einsum, [m, n], |f, x| f("ij,jk->ki", &[&x[0], &x[1]]);
        Tensor::dot, [v, other(&[5])], |f, x| f(&x[0], &x[1]);
        Tensor::vdot, [v, other(&[5])], |f, x| f(&x[0], &x[1]);
        Tensor::inner, [x, other(&[3, 2])], |f, x| f(&x[0], &x[1]);
        Tensor::outer, [v, other(&[3])], |f, x| f(&x[0], &x[1]);
        Tensor::kron, [input(&[2, 3]), other(&[3, 2])], |f, x| f(&x[0], &x[1]);
        Tensor::tensordot, [x, other(&[4, 3])], |f, x| f(&x[0], &x[1], ([0, 1], [1, 0]));
        Tensor::cross, [input(&[2, 3]), other(&[1, 3])], |f, x| f(&x[0], &x[1], 1);
        Tensor::bmm, [a, b], |f, x| f(&x[0], &x[1]);
        Tensor::addmm, [input(&[2]), m, n], |f, x| f(&x[0], &x[1], &x[2], 0.5, -2);
        Tensor::baddbmm, [input(&[3, 1]), a, b], |f, x| f(&x[0], &x[1], &x[2], 0.5, -2);
        Tensor::addbmm, [input(&[2]), a, b], |f, x| f(&x[0], &x[1], &x[2], 0.5, -2);
        Tensor::addmv, [input(&[3]), m, other(&[9])], |f, x| f(&x[0], &x[1], &x[2], 0.5, -2);
        Tensor::addr, [input(&[3]), v, other(&[3])], |f, x| f(&x[0], &x[1], &x[2], 0.5, -2);

        Tensor::view, [x], |f, x| f(&x[0].contiguous()?, [4, -1]);
        Tensor::view_as, [x, v], |f, x| f(&x[0].contiguous()?, &Tensor::zeros([8, 3])).and_then(|y| y.mul(x[1].sum()?));
        Tensor::reshape, [x], |f, x| f(&x[0].transpose(0, 1)?, [6, -1]);
        Tensor::reshape_as, [x], |f, x| f(&x[0], &Tensor::zeros([8, 3]));
        Tensor::flatten, [x], |f, x| f(&x[0], 1, -1);
        Tensor::unflatten, [x], |f, x| f(&x[0], 1, [2, -1]);
        Tensor::permute, [x], |f, x| f(&x[0], [2, 0, 1]);
        Tensor::transpose, [x], |f, x| f(&x[0], 0, -1);
        Tensor::swapaxes, [x], |f, x| f(&x[0], 0, -1);
        Tensor::swapdims, [x], |f, x| f(&x[0], 0, 1);
        Tensor::movedim, [x], |f, x| f(&x[0], [0, 1], [-1, 0]);
        Tensor::moveaxis, [x], |f, x| f(&x[0], 0, -1);
        Tensor::squeeze, [input(&[3, 1, 2])], |f, x| Ok(f(&x[0]));
        Tensor::squeeze_dim, [input(&[3, 1, 2])], |f, x| f(&x[0], [0, 1]);
        Tensor::unsqueeze, [x], |f, x| f(&x[0], -2);
        Tensor::expand, [input(&[3, 1])], |f, x| f(&x[0], [2, -1, 9]);
        Tensor::expand_as, [input(&[3, 1])], |f, x| f(&x[0], &Tensor::zeros([2, 3, 9]));
        Tensor::broadcast_to, [input(&[3, 1])], |f, x| f(&x[0], &[2, 3, 9]);
        Tensor::broadcast_tensors, [input(&[3, 1]), other(&[9])], |f, x| f(x);
        Tensor::sum_to_size, [x], |f, x| f(&x[0], [4, 1]);
        Tensor::repeat, [m], |f, x| f(&x[0], [2, 3, 2]);
        Tensor::tile, [x], |f, x| f(&x[0], [2, 3]);
        Tensor::repeat_interleave, [x], |f, x| f(&x[0], &tensor![0, 3, 1], 0, None);
        Tensor::flip, [x], |f, x| f(&x[0], [0, 2]);
        Tensor::roll, [x], |f, x| f(&x[0], [1, -3], [0, 1]);
        Tensor::rot90, [x], |f, x| f(&x[0], 3, [0, 1]);
        Tensor::tril, [m], |f, x| f(&x[0], 1);
        Tensor::triu, [m], |f, x| f(&x[0], -1);
        Tensor::unfold, [m], |f, x| f(&x[0], 1, 4, 3);
        Tensor::im2col, [input(&[1, 2, 5, 4])], |f, x| f(&x[0], [3, 2], [2, 1], [1, 0], [1, 2]);
        Tensor::col2im, [input(&[1, 12, 6])], |f, x| f(&x[0], [5, 4], [3, 2], [2, 1], [1, 0], [1, 2]);
        Tensor::as_strided, [m], |f, x| f(&x[0].contiguous()?, [3, 4], [1, 2], 5);
        Tensor::pad, [m], |f, x| f(&x[0], &[3, -2], pleach::PadMode::Constant, 0.5);
        Tensor::diagonal, [m], |f, x| f(&x[0], 2);
        Tensor::diagonal_dim, [x], |f, x| f(&x[0], -1, 2, 0);
        Tensor::diag, [m], |f, x| f(&x[0], 2);
        Tensor::diag, [v], |f, x| f(&x[0], -1);
        Tensor::diag_embed, [m], |f, x| f(&x[0], 1, 0, -1);
        Tensor::diagflat, [m], |f, x| f(&x[0], -2);

        Tensor::select, [x], |f, x| f(&x[0], 1, -2);
        Tensor::slice_dim, [m], |f, x| f(&x[0], 1, 1, -1, 3);
        Tensor::narrow, [m], |f, x| f(&x[0], 1, 2, 5);
        Tensor::split, [m], |f, x| f(&x[0], 4, 1);
        Tensor::split_with_sizes, [m], |f, x| f(&x[0], &[2, 0, 7], 1);
        Tensor::tensor_split, [m], |f, x| f(&x[0], 4, 1);
        Tensor::hsplit, [m], |f, x| f(&x[0], 3);
        Tensor::vsplit, [m], |f, x| f(&x[0], [1]);
        Tensor::dsplit, [x], |f, x| f(&x[0], 2);
        Tensor::chunk, [m], |f, x| f(&x[0], 4, 1);
        Tensor::unbind, [x], |f, x| f(&x[0], 1);
        Tensor::cat, [m, other(&[3, 2])], |f, x| f(x, 1);
        Tensor::stack, [m, other(&[3, 9])], |f, x| f(x, 1);
        Tensor::hstack, [m, other(&[3, 2])], |f, x| f(x);
        Tensor::vstack, [m, other(&[9])], |f, x| f(x);
        Tensor::row_stack, [m, other(&[2, 9])], |f, x| f(x);
        Tensor::dstack, [m, other(&[3, 9, 2])], |f, x| f(x);
        Tensor::column_stack, [m, other(&[3])], |f, x| f(x);
        Tensor::block_diag, [m, other(&[2])], |f, x| f(x);
        Tensor::meshgrid, [v, other(&[3])], |f, x| f(x, "ij");
        Tensor::cartesian_prod, [v, other(&[3])], |f, x| f(x);
        Tensor::combinations, [v], |f, x| f(&x[0], 3, false);

        Tensor::index, [x], |f, x| f(&x[0], (1.., &tensor![3, 0, 3], pleach::TensorIndex::NewAxis));
        Tensor::index_select, [m], |f, x| f(&x[0], 1, &tensor![8, 0, 8]);
        Tensor::masked_select, [m], |f, x| f(&x[0], &x[0].gt(0.3)?);
        Tensor::take, [m], |f, x| f(&x[0], &tensor![[26, 0], [-1, 3]]);
        Tensor::take_along_dim, [m], |f, x| f(&x[0], &tensor![[8, 0, 8]], 1);
        Tensor::take_along_all, [m], |f, x| f(&x[0], &tensor![26, 0]);
        Tensor::gather, [m], |f, x| f(&x[0], 1, &tensor![[8, 0, 8], [3, 3, 1]]);
        Tensor::index_put, [x, input(&[2])], |f, x| f(&x[0], (&tensor![2, 0], &tensor![1, 1]), &x[1]);
        Tensor::index_put_accumulate, [x, input(&[4, 2])], |f, x| f(&x[0], &tensor![2, 2, 0], &x[1]);
        Tensor::index_add, [m, input(&[3, 3])], |f, x| f(&x[0], 1, &tensor![8, 0, 8], &x[1]);
        Tensor::index_add_alpha, [m, input(&[3, 3])], |f, x| f(&x[0], 1, &tensor![8, 0, 8], &x[1], -1.5);
        Tensor::index_fill, [m, input(&[])], |f, x| f(&x[0], 1, &tensor![8, 0], &x[1]);
        Tensor::index_copy, [m, input(&[3, 2])], |f, x| f(&x[0], 1, &tensor![8, 0], &x[1]);
        Tensor::index_reduce, [m, other(&[3, 3])], |f, x| f(&x[0], 1, &tensor![8, 0, 8], &x[1], "mean", true);
        Tensor::scatter, [m, other(&[2, 3])], |f, x| f(&x[0], 1, &tensor![[8, 0, 1], [3, 4, 1]], &x[1]);
        Tensor::scatter_add, [m, other(&[2, 3])], |f, x| f(&x[0], 1, &tensor![[8, 0, 8], [3, 3, 1]], &x[1]);
        Tensor::scatter_reduce, [m, other(&[2, 3])], |f, x| f(&x[0], 1, &tensor![[8, 0, 8], [3, 3, 1]], &x[1], "prod", true);
        Tensor::put, [m, other(&[3])], |f, x| f(&x[0], &tensor![26, 0, 26], &x[1], true);
        Tensor::masked_scatter, [m, other(&[30])], |f, x| f(&x[0], &x[0].gt(0.3)?, &x[1]);
        Tensor::diagonal_scatter, [m, other(&[3])], |f, x| f(&x[0], &x[1], 2, 0, 1);
        Tensor::select_scatter, [m, other(&[3])], |f, x| f(&x[0], &x[1], 1, 8);
        Tensor::slice_scatter, [m, other(&[3, 3])], |f, x| f(&x[0], &x[1], 1, 1, None, 3);
    });
    all.push(changes! {
        Tensor::index_put_, [x, input(&[4, 2])], |f, y, x| f(y, &tensor![2, 0], &x[1]);
        Tensor::index_put_accumulate_, [x, input(&[2])], |f, y, x| {
            f(y, &[slice(None, None, 2), TensorIndex::Tensor(tensor![3, 3])][..], &x[1])
        };
        Tensor::index_add_, [m, input(&[3, 3])], |f, y, x| f(y, 1, &tensor![8, 0, 8], &x[1]);
        Tensor::index_fill_, [m, input(&[])], |f, y, x| f(y, 1, &tensor![8, 0], &x[1]);
        Tensor::index_copy_, [m, input(&[3, 2])], |f, y, x| f(y, 1, &tensor![8, 0], &x[1]);
        Tensor::index_reduce_, [m, other(&[3, 3])], |f, y, x| f(y, 1, &tensor![8, 0, 8], &x[1], "prod", false);
        Tensor::scatter_, [m, other(&[2, 3])], |f, y, x| f(y, 1, &tensor![[8, 0, 1], [3, 4, 1]], &x[1]);
        Tensor::scatter_add_, [m, other(&[2, 3])], |f, y, x| f(y, 1, &tensor![[8, 0, 8], [3, 3, 1]], &x[1]);
        Tensor::scatter_reduce_, [m, other(&[2, 3])], |f, y, x| f(y, 1, &tensor![[8, 0, 8], [3, 3, 1]], &x[1], "mean", true);
        Tensor::put_, [m, other(&[3])], |f, y, x| f(y, &tensor![26, 0, 5], &x[1], false);
        Tensor::masked_scatter_, [m, other(&[30])], |f, y, x| f(y, &x[0].gt(0.3)?, &x[1]);
    });
    all.into_iter().flatten().collect()
}

/// Functions that call others.
pub fn of_calls() -> Vec<Row> {
    let pairs = [input(&[2, 3]), other(&[3])];
    let [x, y] = &pairs;
    rows! {
        checkpoint, [x, y], |f, x| {
            f(|(a, b): &(Tensor, Tensor)| a.exp()?.mul(b), &(x[0].clone(), x[1].clone()))
        };
        checkpoint_with, [x], |f, x| f(CheckpointOptions::new(), |a: &Tensor| a.exp()?.mul(a), &x[0]);
        checkpoint_sequential, [x], |f, x| f(&sequential![Tanh::new(), Softplus::new(), Tanh::new()], 2, &x[0], CheckpointOptions::new());
    }
}
