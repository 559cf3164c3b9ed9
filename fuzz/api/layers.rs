//! Layers and losses, from arguments of their constructors.

use pleach::nn::Forward;
use pleach::nn::functional::{Padding, Pads};
use pleach::nn::layers::*;
use pleach::nn::losses::{CrossEntropyLoss, Loss, MSELoss};
use pleach::{Result, Tensor};

use super::functional::{input, scores};
use super::{Call, Program, call};

/// Builds an activation with each of its constructors, and calls it.
macro_rules! activation {
    ($layer:ident, $builder:ident { $($p:ident),* } $(, $flag:ident)?) => {
        call(
            concat!(
                stringify!($layer), "::new ", stringify!($layer), "::builder ",
                stringify!($builder), "::build"
                $(, " ", stringify!($layer), "::", stringify!($p),
                  " ", stringify!($builder), "::", stringify!($p))*
                $(, " ", stringify!($builder), "::", stringify!($flag))?
            ),
            |p| {
                add(p, $layer::new())?;
                let layer = $layer::builder();
                $(let $p = p.bytes.scalar();
                  let layer = layer.$p($p);)*
                $(let layer = layer.$flag(p.bytes.flag());)?
                let layer = layer.build()?;
                $(assert_eq!(layer.$p().to_bits(), $p.to_f64().to_bits());)*
                let x = p.tensor()?;
                run(p, layer, &x)
            },
        )
    };
}

/// Builds a dropout layer with each of its constructors.
macro_rules! dropout {
    ($name:ident, $builder:ident) => {
        call(
            concat!(
                stringify!($name),
                "::new ",
                stringify!($name),
                "::builder ",
                stringify!($name),
                "::p ",
                stringify!($name),
                "::set_p ",
                stringify!($builder),
                "::p ",
                stringify!($builder),
                "::inplace ",
                stringify!($builder),
                "::build"
            ),
            |p| {
                let (probability, inplace) = (p.bytes.probability(), p.bytes.flag());
                let layer = $name::builder().p(probability).inplace(inplace).build()?;
                assert!((0.0..=1.0).contains(&layer.p()));
                if p.bytes.one_in(8) {
                    layer.set_p(p.bytes.float());
                }
                p.keep_module(layer);
                let probability = p.bytes.probability();
                if (0.0..=1.0).contains(&probability) {
                    add(p, $name::new(probability))?;
                }
                Ok(())
            },
        )
    };
}

/// Keeps a layer, and calls it with a tensor of the pool.
fn add(p: &mut Program, layer: impl Forward) -> Result<()> {
    p.keep_module(layer);
    Ok(())
}

/// Calls a layer with an input that fits, and steps back.
fn run(p: &mut Program, layer: impl Forward, x: &Tensor) -> Result<()> {
    let layer: Box<dyn Forward> = layer.into();
    let text = layer.to_string();
    assert!(text.starts_with(layer.type_name()), "{text}");
    let y = layer.call(x);
    p.keep_module(layer);
    p.keep_and_go_back(y?)
}

/// Whether a weight of this shape may be asked for.
fn weight_fits(p: &Program, out: usize, input: usize, kernel: &[usize]) -> bool {
    p.may_have(&[&[out, input], kernel].concat())
}

/// Groups, and channels before and after.
fn channels(p: &mut Program) -> [usize; 3] {
    let groups = p.bytes.pick(&[1, 1, 1, 2, 3, 0]);
    match p.bytes.one_in(8) {
        true => [groups, p.bytes.size(), p.bytes.size()],
        false => [
            groups,
            groups * p.bytes.small().min(6),
            groups * p.bytes.small().min(6),
        ],
    }
}

fn conv<const D: usize>(p: &mut Program) -> Result<()> {
    let [groups, c, o] = channels(p);
    let kernel = p.bytes.window::<D>();
    if !weight_fits(p, o, c, &kernel.array()) {
        return Ok(());
    }
    let mut builder = Conv::builder(c, o, kernel).groups(groups);
    if p.bytes.flag() {
        builder = builder.stride(p.bytes.window()).dilation(p.bytes.window());
    }
    let padding: Padding<D> = p.bytes.padding();
    builder = builder.padding(padding).bias(p.bytes.flag());
    if p.bytes.one_in(4) {
        builder = builder
            .padding_mode(p.bytes.padding_mode())
            .dtype(p.bytes.dtype());
    }
    let layer = builder.build()?;
    layer.reset_parameters()?;
    if let Padding::Size(size) = padding {
        let around = size.map(|n| n.saturating_add(20));
        if !p.may_pad(o.saturating_mul(c), &around, &layer.stride) {
            return Ok(());
        }
    }
    let x = match c < 100 {
        true => input::<D>(p, c)?,
        false => p.tensor()?,
    };
    run(p, layer, &x)
}

fn conv_transpose<const D: usize>(p: &mut Program) -> Result<()> {
    let [groups, c, o] = channels(p);
    let kernel = p.bytes.window::<D>();
    if !weight_fits(p, c, o, &kernel.array()) {
        return Ok(());
    }
    let mut builder = ConvTranspose::builder(c, o, kernel).groups(groups);
    if p.bytes.flag() {
        builder = builder.stride(p.bytes.window()).dilation(p.bytes.window());
    }
    builder = builder
        .padding(p.bytes.each())
        .output_padding(p.bytes.pick(&[0, 0, 1, 2]));
    builder = builder.bias(p.bytes.flag());
    if p.bytes.one_in(4) {
        builder = builder
            .padding_mode(p.bytes.padding_mode())
            .dtype(p.bytes.dtype());
    }
    let layer = builder.build()?;
    layer.reset_parameters()?;
    // Each element of the input takes as much of the output as its step and its window.
    let room: Vec<usize> = (0..D)
        .map(|d| {
            let window = layer.dilation[d].saturating_mul(kernel[d]);
            layer.stride[d].saturating_mul(20).saturating_add(window)
        })
        .collect();
    if !p.may_have(&[&[3, o.max(1)], &room[..]].concat()) {
        return Ok(());
    }
    let x = match c < 100 {
        true => input::<D>(p, c)?,
        false => p.tensor()?,
    };
    if p.bytes.one_in(4) {
        let size = p.bytes.each();
        if p.may_have(&[&[3, o.max(1)], &size.array()[..]].concat()) {
            p.keep(layer.call_with_output_size(&x, size)?)?;
        }
    }
    run(p, layer, &x)
}

fn linear(p: &mut Program) -> Result<()> {
    let (a, b) = match p.bytes.one_in(8) {
        true => (p.bytes.size(), p.bytes.size()),
        false => (p.bytes.small(), p.bytes.small()),
    };
    if !weight_fits(p, a, b, &[]) {
        return Ok(());
    }
    let mut builder = Linear::builder(a, b).bias(p.bytes.flag());
    if p.bytes.one_in(6) {
        builder = builder.dtype(p.bytes.dtype());
    }
    let layer = builder.build()?;
    layer.reset_parameters()?;
    let x = match a < 100 && !p.bytes.one_in(8) {
        true => p.floats(&[3, a])?,
        false => p.tensor()?,
    };
    run(p, layer, &x)
}

fn batch_norm<const D: usize>(p: &mut Program) -> Result<()> {
    let c = match p.bytes.one_in(8) {
        true => p.bytes.size(),
        false => p.bytes.small(),
    };
    if !p.may_have(&[c]) {
        return Ok(());
    }
    let mut builder = BatchNorm::<D>::builder(c)
        .affine(p.bytes.flag())
        .bias(p.bytes.flag());
    if p.bytes.flag() {
        let (eps, momentum) = (p.bytes.float(), p.bytes.maybe(|b| b.probability()));
        builder = builder
            .eps(eps)
            .momentum(momentum)
            .track_running_stats(p.bytes.flag());
    }
    if p.bytes.one_in(6) {
        builder = builder.dtype(p.bytes.dtype());
    }
    let layer = builder.build()?;
    if p.bytes.one_in(4) {
        layer.set_eps(p.bytes.float());
        layer.set_momentum(p.bytes.maybe(|b| b.float()));
        let _ = (layer.eps(), layer.momentum());
        layer.reset_running_stats()?;
        layer.reset_parameters()?;
    }
    let x = match c < 100 {
        true => input::<D>(p, c)?,
        false => p.tensor()?,
    };
    run(p, layer, &x)
}

fn max_pool<const D: usize>(p: &mut Program) -> Result<()> {
    let mut builder = MaxPool::<D>::builder(p.bytes.window());
    if p.bytes.flag() {
        builder = builder.stride(p.bytes.window());
    }
    let layer = builder
        .padding(p.bytes.each())
        .dilation(p.bytes.window())
        .ceil_mode(p.bytes.flag())
        .build()?;
    let x = input::<D>(p, 2)?;
    if let Ok(both) = layer.call_with_indices(&x) {
        p.keep_two(both)?;
    }
    run(p, layer, &x)
}

fn avg_pool<const D: usize>(p: &mut Program) -> Result<()> {
    let mut builder = AvgPool::<D>::builder(p.bytes.window());
    if p.bytes.flag() {
        builder = builder.stride(p.bytes.window());
    }
    let layer = builder
        .padding(p.bytes.each())
        .ceil_mode(p.bytes.flag())
        .count_include_pad(p.bytes.flag())
        .divisor_override(p.bytes.maybe(|b| b.whole()))
        .build()?;
    let x = input::<D>(p, 2)?;
    run(p, layer, &x)
}

fn adaptive_pools<const D: usize>(p: &mut Program) -> Result<()> {
    let size = p.bytes.output_size::<D>();
    let x = input::<D>(p, 2)?;
    if !p.may_have(&[&[x.numel().max(1)], &size.of([1; D])[..]].concat()) {
        return Ok(());
    }
    run(p, AdaptiveAvgPool::new(size), &x)?;
    let layer = AdaptiveMaxPool::new(size);
    if let Ok(both) = layer.call_with_indices(&x) {
        p.keep_two(both)?;
    }
    run(p, layer, &x)
}

fn pads<const D: usize>(p: &mut Program) -> Result<()> {
    let pads = Pads::<D>::from(p.bytes.pick(&[0, 1, 1, 2, -1]));
    assert_eq!(pads.clone().into_vec().len(), 2 * D);
    let x = input::<D>(p, 2)?;
    match p.bytes.below(5) {
        0 => run(p, ZeroPad::new(pads), &x),
        1 => run(p, ReflectionPad::new(pads), &x),
        2 => run(p, ReplicationPad::new(pads), &x),
        3 => run(p, CircularPad::new(pads), &x),
        _ => {
            let value = p.bytes.scalar();
            run(p, ConstantPad::new(pads, value), &x)
        }
    }
}

fn losses(p: &mut Program) -> Result<()> {
    let (x, target, weight) = scores(p)?;
    let mut builder = CrossEntropyLoss::builder()
        .ignore_index(p.bytes.whole())
        .reduction(p.bytes.reduction())
        .label_smoothing(p.bytes.probability());
    if let Some(weight) = weight {
        builder = builder.weight(weight);
    }
    p.keep_and_go_back(builder.build()?.call(&x, &target)?)?;
    p.keep_and_go_back(CrossEntropyLoss::new().forward(&x, &target)?)
}

pub const CALLS: &[Call] = &[
    call(
        "ConvNd::builder ConvNd::reset_parameters ConvNdBuilder::stride ConvNdBuilder::padding \
         ConvNdBuilder::dilation ConvNdBuilder::groups ConvNdBuilder::bias \
         ConvNdBuilder::padding_mode ConvNdBuilder::dtype ConvNdBuilder::build",
        |p| match p.bytes.pick(&[2, 2, 1, 3]) {
            1 => conv::<1>(p),
            2 => conv::<2>(p),
            _ => conv::<3>(p),
        },
    ),
    call(
        "ConvNd::builder ConvTranspose::call_with_output_size ConvNdBuilder::output_padding \
         ConvNdBuilder::build",
        |p| match p.bytes.below(3) {
            0 => conv_transpose::<1>(p),
            1 => conv_transpose::<2>(p),
            _ => conv_transpose::<3>(p),
        },
    ),
    call(
        "Linear::builder Linear::reset_parameters LinearBuilder::bias LinearBuilder::dtype \
         LinearBuilder::build",
        linear,
    ),
    call(
        "BatchNorm::builder BatchNorm::eps BatchNorm::set_eps BatchNorm::momentum \
         BatchNorm::set_momentum BatchNorm::reset_running_stats BatchNorm::reset_parameters \
         BatchNormBuilder::eps BatchNormBuilder::momentum BatchNormBuilder::affine \
         BatchNormBuilder::bias BatchNormBuilder::track_running_stats BatchNormBuilder::dtype \
         BatchNormBuilder::build",
        |p| match p.bytes.pick(&[2, 2, 1, 3]) {
            1 => batch_norm::<1>(p),
            2 => batch_norm::<2>(p),
            _ => batch_norm::<3>(p),
        },
    ),
    call("ConvNd::new Linear::new BatchNorm::new", |p| {
        let (a, b) = (1 + p.bytes.below(4), 1 + p.bytes.below(4));
        let kernel = 1 + p.bytes.below(3);
        add(p, Conv2d::new(a, b, kernel))?;
        add(p, ConvTranspose1d::new(a, b, kernel))?;
        add(p, Linear::new(a, b))?;
        add(p, BatchNorm2d::new(a))
    }),
    call(
        "MaxPool::builder MaxPool::call_with_indices MaxPoolBuilder::stride \
         MaxPoolBuilder::padding MaxPoolBuilder::dilation MaxPoolBuilder::ceil_mode \
         MaxPoolBuilder::build",
        |p| match p.bytes.pick(&[2, 2, 1, 3]) {
            1 => max_pool::<1>(p),
            2 => max_pool::<2>(p),
            _ => max_pool::<3>(p),
        },
    ),
    call(
        "AvgPool::builder AvgPoolBuilder::stride AvgPoolBuilder::padding AvgPoolBuilder::ceil_mode \
         AvgPoolBuilder::count_include_pad AvgPoolBuilder::divisor_override AvgPoolBuilder::build",
        |p| match p.bytes.pick(&[2, 2, 1, 3]) {
            1 => avg_pool::<1>(p),
            2 => avg_pool::<2>(p),
            _ => avg_pool::<3>(p),
        },
    ),
    call(
        "AdaptiveAvgPool::new AdaptiveMaxPool::new AdaptiveMaxPool::call_with_indices",
        |p| match p.bytes.below(3) {
            0 => adaptive_pools::<1>(p),
            1 => adaptive_pools::<2>(p),
            _ => adaptive_pools::<3>(p),
        },
    ),
    call(
        "ZeroPad::new ReflectionPad::new ReplicationPad::new CircularPad::new ConstantPad::new \
         Pads::into_vec",
        |p| match p.bytes.below(3) {
            0 => pads::<1>(p),
            1 => pads::<2>(p),
            _ => pads::<3>(p),
        },
    ),
    call("MaxPool::new AvgPool::new", |p| {
        let kernel = p.bytes.window();
        add(p, MaxPool2d::new(kernel))?;
        add(p, AvgPool2d::new(kernel))
    }),
    call(
        "ReLU::new ReLU::builder ReLUBuilder::inplace ReLUBuilder::build ReLU6::new ReLU6::builder \
         ReLU6Builder::inplace ReLU6Builder::build Identity::new",
        |p| {
            let inplace = p.bytes.flag();
            add(p, ReLU::new())?;
            add(p, ReLU::builder().inplace(inplace).build()?)?;
            add(p, ReLU6::new())?;
            add(p, ReLU6::builder().inplace(inplace).build()?)?;
            add(p, Identity::new())
        },
    ),
    activation!(Sigmoid, SigmoidBuilder {}),
    activation!(Tanh, TanhBuilder {}),
    activation!(LeakyReLU, LeakyReLUBuilder { negative_slope }, inplace),
    activation!(ELU, ELUBuilder { alpha }, inplace),
    activation!(CELU, CELUBuilder { alpha }, inplace),
    activation!(SELU, SELUBuilder {}, inplace),
    activation!(Softplus, SoftplusBuilder { beta, threshold }),
    activation!(Hardtanh, HardtanhBuilder { min_val, max_val }, inplace),
    activation!(Hardsigmoid, HardsigmoidBuilder {}),
    activation!(Hardswish, HardswishBuilder {}),
    activation!(SiLU, SiLUBuilder {}, inplace),
    activation!(Mish, MishBuilder {}, inplace),
    activation!(Softsign, SoftsignBuilder {}),
    activation!(Tanhshrink, TanhshrinkBuilder {}),
    activation!(Hardshrink, HardshrinkBuilder { lambd }),
    activation!(Softshrink, SoftshrinkBuilder { lambd }),
    call(
        "Threshold::new Threshold::builder Threshold::threshold Threshold::value \
         ThresholdBuilder::threshold ThresholdBuilder::value ThresholdBuilder::inplace \
         ThresholdBuilder::build",
        |p| {
            let (threshold, value) = (p.bytes.scalar(), p.bytes.scalar());
            add(p, Threshold::new(threshold, value))?;
            let builder = Threshold::builder(value, threshold);
            let builder = builder.threshold(threshold).value(value);
            let layer = builder.inplace(p.bytes.flag()).build()?;
            assert_eq!(layer.threshold().to_bits(), threshold.to_f64().to_bits());
            assert_eq!(layer.value().to_bits(), value.to_f64().to_bits());
            let x = p.tensor()?;
            run(p, layer, &x)
        },
    ),
    activation!(LogSigmoid, LogSigmoidBuilder {}),
    call(
        "Flatten::new Flatten::builder FlattenBuilder::start_dim FlattenBuilder::end_dim \
         FlattenBuilder::build",
        |p| {
            add(p, Flatten::new())?;
            let builder = Flatten::builder().start_dim(p.bytes.dim());
            let layer = builder.end_dim(p.bytes.dim()).build()?;
            let x = p.tensor()?;
            run(p, layer, &x)
        },
    ),
    dropout!(Dropout, DropoutBuilder),
    dropout!(Dropout1d, Dropout1dBuilder),
    dropout!(Dropout2d, Dropout2dBuilder),
    dropout!(Dropout3d, Dropout3dBuilder),
    dropout!(AlphaDropout, AlphaDropoutBuilder),
    dropout!(FeatureAlphaDropout, FeatureAlphaDropoutBuilder),
    call(
        "CrossEntropyLoss::new CrossEntropyLoss::builder CrossEntropyLossBuilder::weight \
         CrossEntropyLossBuilder::ignore_index CrossEntropyLossBuilder::reduction \
         CrossEntropyLossBuilder::label_smoothing CrossEntropyLossBuilder::build Loss::call \
         Loss::forward",
        losses,
    ),
    call(
        "MSELoss::new MSELoss::builder MSELossBuilder::reduction MSELossBuilder::build",
        |p| {
            let x = p.tensor()?;
            let y = p.same_shape(&x)?;
            p.keep_and_go_back(MSELoss::new().call(&x, &y)?)?;
            let loss = MSELoss::builder().reduction(p.bytes.reduction()).build()?;
            p.keep_and_go_back(loss.call(&x, &y)?)
        },
    ),
];
