//! `nn::functional`.

use pleach::nn::Activation;
use pleach::nn::functional::{
    self as F, Approximate, AttentionOptions, AvgPoolOptions, BatchNormOptions, ConvOptions,
    ConvTransposeOptions, CrossEntropyOptions, MaxPoolOptions, NllLossOptions, OutputSize, Size,
    UnfoldOptions,
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

/// A sequence, an image or a volume, or a batch of them, of so many channels.
pub fn input<const D: usize>(p: &mut Program, channels: usize) -> Result<Tensor> {
    if p.bytes.one_in(10) {
        return p.tensor();
    }
    let mut sizes = vec![channels];
    sizes.extend((0..D).map(|_| p.bytes.small()));
    if !p.bytes.one_in(6) {
        sizes.insert(0, p.bytes.small().min(3));
    }
    p.floats(&sizes)
}

/// Input, weight and bias of a convolution from and to so many channels.
fn convolved<const D: usize>(
    p: &mut Program,
    [from, to]: [usize; 2],
    lead: [usize; 2],
) -> Result<(Tensor, Tensor, Option<Tensor>)> {
    let kernel = p.bytes.window::<D>().array();
    let x = input::<D>(p, from)?;
    let sizes = [&lead[..], &kernel].concat();
    let huge = kernel.iter().any(|k| *k > 100);
    let weight =
        match p.bytes.one_in(10) || !p.may_have(&[&[from, to], &kernel[..]].concat()) || huge {
            true => p.tensor()?,
            false => p.make(&sizes, x.dtype())?,
        };
    let bias = match p.bytes.below(4) {
        0 => None,
        1 => Some(p.tensor()?),
        _ => Some(p.make(&[to], x.dtype())?),
    };
    Ok((x, weight, bias))
}

type Convolution<O> = fn(&Tensor, &Tensor, Option<&Tensor>, O) -> Result<Tensor>;

fn conv<const D: usize>(p: &mut Program, f: Convolution<ConvOptions<D>>) -> Result<()> {
    let groups = p.bytes.pick(&[1, 1, 1, 2, 3]);
    let (c, o) = (
        groups * p.bytes.small().min(8),
        groups * p.bytes.small().min(8),
    );
    let (x, weight, bias) = convolved::<D>(p, [c, o], [o, c / groups])?;
    let groups = match p.bytes.one_in(10) {
        true => p.bytes.size(),
        false => groups,
    };
    let (stride, padding, dilation) = (p.bytes.window(), p.bytes.padding(), p.bytes.window());
    if let F::Padding::Size(size) = padding
        && !p.may_pad(x.numel().saturating_mul(o), &size, &stride.array())
    {
        return Ok(());
    }
    let options = ConvOptions::new().stride(stride).padding(padding);
    let options = options.dilation(dilation).groups(groups);
    p.keep_and_go_back(f(&x, &weight, bias.as_ref(), options)?)
}

fn conv_transpose<const D: usize>(
    p: &mut Program,
    f: Convolution<ConvTransposeOptions<D>>,
) -> Result<()> {
    let groups = p.bytes.pick(&[1, 1, 1, 2, 3]);
    let (c, o) = (
        groups * p.bytes.small().min(8),
        groups * p.bytes.small().min(8),
    );
    let (x, weight, bias) = convolved::<D>(p, [c, o], [c, o / groups])?;
    let (stride, dilation) = (p.bytes.window::<D>(), p.bytes.window::<D>());
    let (padding, output_padding) = (p.bytes.each(), p.bytes.pick(&[0, 0, 0, 1, 2]));
    // Each element of the input takes as much of the output as its step and its window.
    let room: Vec<usize> = (0..D)
        .map(|d| stride[d].saturating_add(dilation[d].saturating_mul(5)))
        .collect();
    if !p.may_have(&[&[x.numel().max(1), o.max(1)], &room[..]].concat()) {
        return Ok(());
    }
    let options = ConvTransposeOptions::new().stride(stride).padding(padding);
    let options = options
        .output_padding(output_padding)
        .dilation(dilation)
        .groups(groups);
    p.keep_and_go_back(f(&x, &weight, bias.as_ref(), options)?)
}

/// Nothing, or up to one, or any padding.
fn little<const D: usize>(p: &mut Program) -> Size<D> {
    match p.bytes.below(3) {
        0 => p.bytes.each(),
        n => (n - 1).into(),
    }
}

fn max_pool<const D: usize>(
    p: &mut Program,
    f: fn(&Tensor, MaxPoolOptions<D>) -> Result<Tensor>,
    with_indices: fn(&Tensor, MaxPoolOptions<D>) -> Result<(Tensor, Tensor)>,
) -> Result<()> {
    let c = p.bytes.small();
    let x = input::<D>(p, c)?;
    let mut options = MaxPoolOptions::new(p.bytes.window()).dilation(p.bytes.window());
    if p.bytes.flag() {
        options = options.stride(p.bytes.window());
    }
    let options = options.padding(little(p)).ceil_mode(p.bytes.flag());
    if p.bytes.flag() {
        let (y, at) = with_indices(&x, options)?;
        assert_eq!(y.shape(), at.shape());
        p.keep(at)?;
        return p.keep_and_go_back(y);
    }
    p.keep_and_go_back(f(&x, options)?)
}

fn avg_pool<const D: usize>(
    p: &mut Program,
    f: fn(&Tensor, AvgPoolOptions<D>) -> Result<Tensor>,
) -> Result<()> {
    let c = p.bytes.small();
    let x = input::<D>(p, c)?;
    let mut options = AvgPoolOptions::new(p.bytes.window());
    if p.bytes.flag() {
        options = options.stride(p.bytes.window());
    }
    let options = options
        .padding(little(p))
        .ceil_mode(p.bytes.flag())
        .count_include_pad(p.bytes.flag())
        .divisor_override(p.bytes.maybe(|b| b.whole()));
    p.keep_and_go_back(f(&x, options)?)
}

fn adaptive_pool<const D: usize>(
    p: &mut Program,
    f: fn(&Tensor, OutputSize<D>) -> Result<Tensor>,
) -> Result<()> {
    let c = p.bytes.small();
    let (x, size) = (input::<D>(p, c)?, p.bytes.output_size());
    if p.may_have(&[&[x.numel().max(1)], &size.of([1; D])[..]].concat()) {
        p.keep_and_go_back(f(&x, size)?)?;
    }
    Ok(())
}

fn adaptive_pool_with_indices<const D: usize>(
    p: &mut Program,
    f: fn(&Tensor, OutputSize<D>) -> Result<(Tensor, Tensor)>,
) -> Result<()> {
    let c = p.bytes.small();
    let (x, size) = (input::<D>(p, c)?, p.bytes.output_size());
    if p.may_have(&[&[x.numel().max(1)], &size.of([1; D])[..]].concat()) {
        p.keep_two(f(&x, size)?)?;
    }
    Ok(())
}

fn unfold(p: &mut Program) -> Result<()> {
    let x = p.of_rank(&[3, 4])?;
    let (kernel, dilation, stride) = (p.bytes.window(), p.bytes.window(), p.bytes.window());
    let padding = p.bytes.each();
    if p.may_pad(x.numel(), &padding.array(), &stride.array()) {
        let options = UnfoldOptions::new(kernel).dilation(dilation);
        p.keep_and_go_back(F::unfold(&x, options.padding(padding).stride(stride))?)?;
    }
    Ok(())
}

fn batch_norm(p: &mut Program) -> Result<()> {
    let c = p.bytes.small();
    let x = input::<2>(p, c)?;
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
            .scale(scale)
            .enable_gqa(p.bytes.one_in(4)),
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
    call(
        "functional::conv1d functional::conv2d functional::conv3d ConvNdOptions::new \
         ConvNdOptions::stride ConvNdOptions::padding ConvNdOptions::dilation \
         ConvNdOptions::groups",
        |p| match p.bytes.pick(&[2, 2, 1, 3]) {
            1 => conv(p, F::conv1d),
            2 => conv(p, F::conv2d),
            _ => conv(p, F::conv3d),
        },
    ),
    call(
        "functional::conv_transpose1d functional::conv_transpose2d functional::conv_transpose3d \
         ConvTransposeOptions::output_padding Size::array",
        |p| match p.bytes.below(3) {
            0 => conv_transpose(p, F::conv_transpose1d),
            1 => conv_transpose(p, F::conv_transpose2d),
            _ => conv_transpose(p, F::conv_transpose3d),
        },
    ),
    call(
        "functional::max_pool1d functional::max_pool1d_with_indices functional::max_pool2d \
         functional::max_pool2d_with_indices functional::max_pool3d \
         functional::max_pool3d_with_indices MaxPoolOptions::new MaxPoolOptions::stride \
         MaxPoolOptions::padding MaxPoolOptions::dilation MaxPoolOptions::ceil_mode",
        |p| match p.bytes.pick(&[2, 2, 1, 3]) {
            1 => max_pool(p, F::max_pool1d, F::max_pool1d_with_indices),
            2 => max_pool(p, F::max_pool2d, F::max_pool2d_with_indices),
            _ => max_pool(p, F::max_pool3d, F::max_pool3d_with_indices),
        },
    ),
    call(
        "functional::avg_pool1d functional::avg_pool2d functional::avg_pool3d AvgPoolOptions::new \
         AvgPoolOptions::stride AvgPoolOptions::padding AvgPoolOptions::ceil_mode \
         AvgPoolOptions::count_include_pad AvgPoolOptions::divisor_override",
        |p| match p.bytes.pick(&[2, 2, 1, 3]) {
            1 => avg_pool(p, F::avg_pool1d),
            2 => avg_pool(p, F::avg_pool2d),
            _ => avg_pool(p, F::avg_pool3d),
        },
    ),
    call(
        "functional::adaptive_avg_pool1d functional::adaptive_avg_pool2d \
         functional::adaptive_avg_pool3d functional::adaptive_max_pool1d \
         functional::adaptive_max_pool2d functional::adaptive_max_pool3d OutputSize::of",
        |p| match p.bytes.below(6) {
            0 => adaptive_pool(p, F::adaptive_avg_pool1d),
            1 => adaptive_pool(p, F::adaptive_avg_pool2d),
            2 => adaptive_pool(p, F::adaptive_avg_pool3d),
            3 => adaptive_pool(p, F::adaptive_max_pool1d),
            4 => adaptive_pool(p, F::adaptive_max_pool2d),
            _ => adaptive_pool(p, F::adaptive_max_pool3d),
        },
    ),
    call(
        "functional::adaptive_max_pool1d_with_indices functional::adaptive_max_pool2d_with_indices \
         functional::adaptive_max_pool3d_with_indices",
        |p| match p.bytes.below(3) {
            0 => adaptive_pool_with_indices(p, F::adaptive_max_pool1d_with_indices),
            1 => adaptive_pool_with_indices(p, F::adaptive_max_pool2d_with_indices),
            _ => adaptive_pool_with_indices(p, F::adaptive_max_pool3d_with_indices),
        },
    ),
    call(
        "functional::unfold UnfoldOptions::new UnfoldOptions::dilation UnfoldOptions::padding \
         UnfoldOptions::stride",
        unfold,
    ),
    call(
        "functional::batch_norm BatchNormOptions::new \
         BatchNormOptions::running_stats BatchNormOptions::weight BatchNormOptions::bias \
         BatchNormOptions::training BatchNormOptions::momentum BatchNormOptions::eps \
         BatchNormOptions::residual BatchNormOptions::activation",
        batch_norm,
    ),
    call("functional::one_hot", one_hot),
    call(
        "functional::scaled_dot_product_attention AttentionOptions::new \
         AttentionOptions::attn_mask AttentionOptions::dropout_p AttentionOptions::is_causal \
         AttentionOptions::scale AttentionOptions::enable_gqa",
        attention,
    ),
    call(
        "functional::cross_entropy functional::nll_loss CrossEntropyOptions::new \
         CrossEntropyOptions::weight CrossEntropyOptions::ignore_index \
         CrossEntropyOptions::reduction CrossEntropyOptions::label_smoothing NllLossOptions::new \
         NllLossOptions::weight NllLossOptions::ignore_index NllLossOptions::reduction",
        losses,
    ),
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
