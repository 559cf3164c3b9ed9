//! `nn::functional`.

use pleach::nn::functional::{
    self as F, Approximate, AttentionOptions, BatchNormOptions, ConvOptions, CrossEntropyOptions,
    InterpolateMode, NllLossOptions, Resize, UnfoldOptions,
};
use pleach::{DType, Result, Tensor};

use super::{Call, Program, call};

fn activation(p: &mut Program, f: fn(&Tensor) -> Result<Tensor>) -> Result<()> {
    let x = p.tensor()?;
    let y = f(&x)?;
    assert_eq!(y.shape(), x.shape());
    p.keep_and_go_back(y)
}

fn dropping(p: &mut Program, f: fn(&Tensor, f64, bool) -> Result<Tensor>) -> Result<()> {
    let (x, probability, training) = (p.tensor()?, p.bytes.probability(), p.bytes.flag());
    p.keep_and_go_back(f(&x, probability, training)?)
}

/// An image, or a batch of images, of so many channels.
pub fn image(p: &mut Program, channels: usize) -> Result<Tensor> {
    if p.bytes.one_in(10) {
        return p.tensor();
    }
    let (h, w) = (p.bytes.small(), p.bytes.small());
    match p.bytes.one_in(6) {
        true => p.floats(&[channels, h, w]),
        false => {
            let n = p.bytes.small().min(3);
            p.floats(&[n, channels, h, w])
        }
    }
}

fn conv2d(p: &mut Program) -> Result<()> {
    let groups = p.bytes.pick(&[1, 1, 1, 2, 3]);
    let (c, o) = (
        groups * p.bytes.small().min(8),
        groups * p.bytes.small().min(8),
    );
    let (kh, kw) = p.bytes.window().tuple();
    let x = image(p, c)?;
    let weight = match p.bytes.one_in(10) || !p.may_have(&[o, c, kh, kw]) || kh.max(kw) > 100 {
        true => p.tensor()?,
        false => {
            let dtype = x.dtype();
            p.make(&[o, c / groups, kh, kw], dtype)?
        }
    };
    let bias = match p.bytes.below(4) {
        0 => None,
        1 => Some(p.tensor()?),
        _ => Some(p.make(&[o], x.dtype())?),
    };
    let groups = match p.bytes.one_in(10) {
        true => p.bytes.size(),
        false => groups,
    };
    let (stride, padding, dilation) = (p.bytes.window(), p.bytes.padding(), p.bytes.window());
    if let F::Padding::Size(pair) = padding {
        let (h, w) = pair.tuple();
        if !p.may_pad(x.numel().saturating_mul(o), (h, w), stride.tuple()) {
            return Ok(());
        }
    }
    let y = F::conv2d(
        &x,
        &weight,
        bias.as_ref(),
        ConvOptions::new()
            .stride(stride)
            .padding(padding)
            .dilation(dilation)
            .groups(groups),
    )?;
    p.keep_and_go_back(y)
}

fn max_pool2d(p: &mut Program) -> Result<()> {
    let c = p.bytes.small();
    let x = image(p, c)?;
    let (kernel, dilation) = (p.bytes.window(), p.bytes.window());
    let stride = p.bytes.maybe(|b| b.window());
    let padding = match p.bytes.below(3) {
        0 => p.bytes.pair(),
        n => (n - 1).into(),
    };
    let ceil = p.bytes.flag();
    if p.bytes.flag() {
        let (y, at) = F::max_pool2d_with_indices(&x, kernel, stride, padding, dilation, ceil)?;
        assert_eq!(y.shape(), at.shape());
        p.keep(at)?;
        return p.keep_and_go_back(y);
    }
    p.keep_and_go_back(F::max_pool2d(&x, kernel, stride, padding, dilation, ceil)?)
}

fn avg_pool2d(p: &mut Program) -> Result<()> {
    let c = p.bytes.small();
    let x = image(p, c)?;
    let (kernel, stride) = (p.bytes.window(), p.bytes.maybe(|b| b.window()));
    let padding = match p.bytes.below(3) {
        0 => p.bytes.pair(),
        n => (n - 1).into(),
    };
    let (ceil, count) = (p.bytes.flag(), p.bytes.flag());
    let divisor = p.bytes.maybe(|b| b.whole());
    p.keep_and_go_back(F::avg_pool2d(
        &x, kernel, stride, padding, ceil, count, divisor,
    )?)
}

fn adaptive_avg_pool2d(p: &mut Program) -> Result<()> {
    let c = p.bytes.small();
    let (x, size) = (image(p, c)?, p.bytes.output_size());
    let (h, w) = size.of((1, 1));
    if p.may_have(&[x.numel().max(1), h, w]) {
        p.keep_and_go_back(F::adaptive_avg_pool2d(&x, size)?)?;
    }
    Ok(())
}

fn unfold(p: &mut Program) -> Result<()> {
    let x = p.of_rank(&[3, 4])?;
    let (kernel, dilation, stride) = (p.bytes.window(), p.bytes.window(), p.bytes.window());
    let padding = p.bytes.pair();
    if p.may_pad(x.numel(), padding.tuple(), stride.tuple()) {
        p.keep_and_go_back(F::unfold(
            &x,
            UnfoldOptions::new(kernel)
                .dilation(dilation)
                .padding(padding)
                .stride(stride),
        )?)?;
    }
    Ok(())
}

fn interpolate(p: &mut Program) -> Result<()> {
    let x = p.of_rank(&[3, 4, 5])?;
    let n = p.bytes.pick(&[1, 1, 1, 2, 3, 0]);
    let resize = match p.bytes.below(4) {
        0 => Resize::size(p.bytes.size()),
        1 => Resize::scale_factor(p.bytes.float()),
        2 => Resize::Size((0..n).map(|_| p.bytes.size()).collect()),
        _ => Resize::ScaleFactor((0..n).map(|_| p.bytes.float()).collect()),
    };
    let times = |size: usize| size.saturating_mul(size).saturating_mul(size);
    let largest = match &resize {
        Resize::Size(s) => s.iter().copied().max().unwrap_or(0),
        Resize::ScaleFactor(f) => f.iter().fold(0.0, |a: f64, b| a.max(*b)).ceil() as usize,
    };
    if !p.may_have(&[times(largest), x.numel()]) {
        return Ok(());
    }
    let mode = p
        .bytes
        .pick(&[InterpolateMode::Nearest, InterpolateMode::Linear]);
    let align = mode == InterpolateMode::Linear && p.bytes.flag();
    p.keep_and_go_back(F::interpolate(&x, resize, mode, align)?)
}

fn batch_norm(p: &mut Program) -> Result<()> {
    let c = p.bytes.small();
    let x = image(p, c)?;
    let own = |p: &mut Program| match p.bytes.below(6) {
        0 => Ok(None),
        1 => p.tensor().map(Some),
        _ => p.make(&[c], x.dtype()).map(Some),
    };
    let (weight, bias, mean, var) = (own(p)?, own(p)?, own(p)?, own(p)?);
    let stats = mean.zip(var);
    let stats = stats.map(|(m, v)| (pleach::Buffer::new(m), pleach::Buffer::new(v)));
    let stats = stats.as_ref().map(|(m, v)| (m, v));
    let (training, momentum, eps) = (p.bytes.flag(), p.bytes.probability(), p.bytes.float());
    let (weight, bias) = (weight.as_ref(), bias.as_ref());
    let residual = p.same_shape(&x)?;
    let residual = p.bytes.maybe(|_| &residual);
    let activation = match p.bytes.below(3) {
        0 => Activation::None,
        1 => Activation::RELU,
        _ => Activation::Clamp {
            min: p.bytes.float(),
            max: p.bytes.float(),
        },
    };
    let options = BatchNormOptions::new()
        .running_stats(stats)
        .weight(weight)
        .bias(bias)
        .training(training)
        .momentum(momentum)
        .eps(eps)
        .residual(residual)
        .activation(activation);
    let y = F::batch_norm(&x, options)?;
    assert_eq!(y.shape(), x.shape());
    p.keep_and_go_back(y)
}

fn layer_norm(p: &mut Program) -> Result<()> {
    let x = p.tensor()?;
    let first = p.bytes.below(x.rank() + 1);
    let shape: Vec<usize> = match p.bytes.one_in(8) {
        true => (0..p.bytes.below(4)).map(|_| p.bytes.size()).collect(),
        false => x.shape()[first..].to_vec(),
    };
    let own = |p: &mut Program| match p.bytes.below(5) {
        0 => Ok(None),
        1 => p.tensor().map(Some),
        _ if shape.iter().any(|&s| s > 100_000) => Ok(None),
        _ => p.make(&shape, x.dtype()).map(Some),
    };
    let (weight, bias) = (own(p)?, own(p)?);
    let eps = p.bytes.float();
    p.keep_and_go_back(F::layer_norm(
        &x,
        shape,
        weight.as_ref(),
        bias.as_ref(),
        eps,
    )?)
}

fn embedding(p: &mut Program) -> Result<()> {
    let weight = p.of_rank(&[2])?;
    let rows = weight.shape().first().copied().unwrap_or(1);
    let shape = p.shape_of_rank(2);
    let shape = &shape[p.bytes.below(3)..];
    let input = match p.bytes.one_in(8) {
        true => p.tensor()?,
        false => p.positions(shape, rows)?,
    };
    let padding = p.bytes.maybe(|b| b.whole());
    p.keep_and_go_back(F::embedding(&input, &weight, padding)?)
}

fn one_hot(p: &mut Program) -> Result<()> {
    let classes = p.bytes.maybe(|b| b.size());
    let input = match p.bytes.flag() {
        true => p.tensor()?,
        false => p.positions(&[5], classes.unwrap_or(4))?,
    };
    let most = input.to_vec_f64().into_iter().fold(0.0, f64::max) as usize;
    if p.may_have(&[input.numel(), classes.unwrap_or(0).max(most)]) {
        p.keep(F::one_hot(&input, classes)?)?;
    }
    Ok(())
}

fn attention(p: &mut Program) -> Result<()> {
    let sizes = p.shape_of_rank(5);
    let [b, l, s, e, v] = sizes[..].try_into().unwrap_or([1; 5]);
    let more = p.bytes.flag();
    let shape = |n: usize, d: usize| match more {
        true => vec![2, b, n, d],
        false => vec![b, n, d],
    };
    let (q, k) = (p.floats(&shape(l, e))?, p.floats(&shape(s, e))?);
    let value = match p.bytes.one_in(8) {
        true => p.tensor()?,
        false => p.floats(&shape(s, v))?,
    };
    let mask = match p.bytes.below(4) {
        0 => Some(p.make(&[l, s], DType::Bool)?),
        1 => Some(p.floats(&[l, s])?),
        2 => Some(p.tensor()?),
        _ => None,
    };
    let (dropout, causal) = (p.bytes.probability(), p.bytes.flag());
    let scale = p.bytes.maybe(|b| b.float());
    let y = F::scaled_dot_product_attention(
        &q,
        &k,
        &value,
        AttentionOptions::new()
            .attn_mask(mask.as_ref())
            .dropout_p(dropout)
            .is_causal(causal)
            .scale(scale),
    )?;
    p.keep_and_go_back(y)
}

/// Scores and targets of a classification.
pub fn scores(p: &mut Program) -> Result<(Tensor, Tensor, Option<Tensor>)> {
    let (n, c) = (p.bytes.small(), p.bytes.small());
    let (mut shape, mut targets) = (vec![n, c], vec![n]);
    match p.bytes.below(6) {
        0 => (shape, targets) = (vec![c], vec![]),
        1 => {
            shape.push(2);
            targets.push(2);
        }
        2 => {
            shape.extend([2, 3]);
            targets.extend([2, 3]);
        }
        _ => {}
    }
    let x = match p.bytes.one_in(10) {
        true => p.tensor()?,
        false => p.floats(&shape)?,
    };
    let target = match p.bytes.below(8) {
        0 => p.tensor()?,
        1 | 2 => p.make(&shape, x.dtype())?,
        _ => p.positions(&targets, c)?,
    };
    let weight = match p.bytes.below(4) {
        0 => Some(p.tensor()?),
        1 => Some(p.make(&[c], x.dtype())?),
        _ => None,
    };
    Ok((x, target, weight))
}

fn losses(p: &mut Program) -> Result<()> {
    let (x, target, weight) = scores(p)?;
    let ignore = match p.bytes.flag() {
        true => -100,
        false => p.bytes.whole(),
    };
    let (reduction, smoothing) = (p.bytes.reduction(), p.bytes.probability());
    let y = match p.bytes.flag() {
        true => F::cross_entropy(
            &x,
            &target,
            CrossEntropyOptions::new()
                .weight(weight.as_ref())
                .ignore_index(ignore)
                .reduction(reduction)
                .label_smoothing(smoothing),
        ),
        false => F::nll_loss(
            &x,
            &target,
            NllLossOptions::new()
                .weight(weight.as_ref())
                .ignore_index(ignore)
                .reduction(reduction),
        ),
    }?;
    p.keep_and_go_back(y)
}

pub const CALLS: &[Call] = &[
    call("functional::relu", |p| activation(p, F::relu)),
    call("functional::relu6", |p| activation(p, F::relu6)),
    call(
        "functional::leaky_relu functional::elu functional::celu",
        |p| {
            let x = p.bytes.float();
            let f = [F::leaky_relu, F::elu, F::celu][p.bytes.below(3)];
            let input = p.tensor()?;
            p.keep_and_go_back(f(&input, x)?)
        },
    ),
    call(
        "functional::softplus functional::hardtanh functional::threshold",
        |p| {
            let (x, y) = (p.bytes.float(), p.bytes.float());
            let f = [F::softplus, F::hardtanh, F::threshold][p.bytes.below(3)];
            let input = p.tensor()?;
            p.keep_and_go_back(f(&input, x, y)?)
        },
    ),
    call("functional::hardshrink functional::softshrink", |p| {
        let x = p.bytes.float();
        let f = [F::hardshrink, F::softshrink][p.bytes.below(2)];
        let input = p.tensor()?;
        p.keep_and_go_back(f(&input, x)?)
    }),
    call(
        "functional::selu functional::hardsigmoid functional::hardswish functional::silu \
         functional::mish functional::softsign functional::tanhshrink functional::logsigmoid",
        |p| {
            let all = [
                F::selu,
                F::hardsigmoid,
                F::hardswish,
                F::silu,
                F::mish,
                F::softsign,
                F::tanhshrink,
                F::logsigmoid,
            ];
            let f = all[p.bytes.below(all.len())];
            activation(p, f)
        },
    ),
    call("functional::gelu", |p| {
        activation(p, |x| F::gelu(x, Approximate::None))?;
        activation(p, |x| F::gelu(x, Approximate::Tanh))
    }),
    call("functional::softmax functional::log_softmax", |p| {
        let (x, dim) = (p.tensor()?, p.bytes.dim());
        p.keep_and_go_back(F::softmax(&x, dim)?)?;
        p.keep_and_go_back(F::log_softmax(&x, dim)?)
    }),
    call("functional::dropout", |p| dropping(p, F::dropout)),
    call("functional::dropout1d", |p| dropping(p, F::dropout1d)),
    call("functional::dropout2d", |p| dropping(p, F::dropout2d)),
    call("functional::dropout3d", |p| dropping(p, F::dropout3d)),
    call("functional::alpha_dropout", |p| {
        dropping(p, F::alpha_dropout)
    }),
    call("functional::feature_alpha_dropout", |p| {
        dropping(p, F::feature_alpha_dropout)
    }),
    call("functional::conv2d", conv2d),
    call(
        "functional::max_pool2d functional::max_pool2d_with_indices",
        max_pool2d,
    ),
    call("functional::avg_pool2d", avg_pool2d),
    call(
        "functional::adaptive_avg_pool2d OutputSize::of Pair::tuple",
        adaptive_avg_pool2d,
    ),
    call("functional::unfold", unfold),
    call(
        "functional::interpolate Resize::size Resize::scale_factor",
        interpolate,
    ),
    call("functional::batch_norm", batch_norm),
    call("functional::layer_norm", layer_norm),
    call("functional::embedding", embedding),
    call("functional::one_hot", one_hot),
    call("functional::scaled_dot_product_attention", attention),
    call("functional::cross_entropy functional::nll_loss", losses),
    call("functional::mse_loss", |p| {
        let x = p.tensor()?;
        let (y, reduction) = (p.same_shape(&x)?, p.bytes.reduction());
        p.keep_and_go_back(F::mse_loss(&x, &y, reduction)?)
    }),
    call("functional::normalize", |p| {
        let (x, power) = (p.tensor()?, p.bytes.float());
        let (dim, eps) = (p.bytes.dim(), p.bytes.float());
        p.keep_and_go_back(F::normalize(&x, power, dim, eps)?)
    }),
    call("functional::cosine_similarity", |p| {
        let x = p.tensor()?;
        let (y, dim, eps) = (p.same_shape(&x)?, p.bytes.dim(), p.bytes.float());
        p.keep_and_go_back(F::cosine_similarity(&x, &y, dim, eps)?)
    }),
];
