//! Layers and losses, from arguments of their constructors.

use pleach::nn::Forward;
use pleach::nn::functional::{IntoPadding, Pair};
use pleach::nn::layers::*;
use pleach::nn::losses::{CrossEntropyLoss, Loss, MSELoss};
use pleach::{Result, Tensor};

use super::functional::{image, scores};
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
                let layer = $name::new(p.bytes.probability())?;
                add(p, layer)
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
fn weight_fits(p: &Program, out: usize, input: usize, kernel: Pair) -> bool {
    let (h, w) = kernel.tuple();
    p.may_have(&[out, input, h, w])
}

fn conv2d(p: &mut Program) -> Result<()> {
    let groups = p.bytes.pick(&[1, 1, 1, 2, 3, 0]);
    let (c, o) = match p.bytes.one_in(8) {
        true => (p.bytes.size(), p.bytes.size()),
        false => (
            groups * p.bytes.small().min(6),
            groups * p.bytes.small().min(6),
        ),
    };
    let kernel = p.bytes.window();
    if !weight_fits(p, o, c, kernel) {
        return Ok(());
    }
    let mut builder = Conv2d::builder(c, o, kernel).groups(groups);
    if p.bytes.flag() {
        builder = builder.stride(p.bytes.window()).dilation(p.bytes.window());
    }
    let padding = p.bytes.padding();
    builder = builder.padding(padding).bias(p.bytes.flag());
    if p.bytes.one_in(4) {
        builder = builder
            .padding_mode(p.bytes.padding_mode())
            .dtype(p.bytes.dtype());
    }
    let layer = builder.build()?;
    layer.reset_parameters()?;
    if let pleach::nn::functional::Padding::Size(pair) = padding.into_padding()? {
        let (h, w) = pair.tuple();
        let around = (h.saturating_add(20), w.saturating_add(20));
        if !p.may_pad(o.saturating_mul(c), around, layer.stride) {
            return Ok(());
        }
    }
    let x = match c < 100 {
        true => image(p, c)?,
        false => p.tensor()?,
    };
    run(p, layer, &x)
}

fn linear(p: &mut Program) -> Result<()> {
    let (a, b) = match p.bytes.one_in(8) {
        true => (p.bytes.size(), p.bytes.size()),
        false => (p.bytes.small(), p.bytes.small()),
    };
    if !weight_fits(p, a, b, Pair::One(1)) {
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

fn batch_norm2d(p: &mut Program) -> Result<()> {
    let c = match p.bytes.one_in(8) {
        true => p.bytes.size(),
        false => p.bytes.small(),
    };
    if !p.may_have(&[c]) {
        return Ok(());
    }
    let mut builder = BatchNorm2d::builder(c)
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
        true => image(p, c)?,
        false => p.tensor()?,
    };
    run(p, layer, &x)
}

fn max_pool2d(p: &mut Program) -> Result<()> {
    let layer = MaxPool2d::builder(p.bytes.window())
        .stride(p.bytes.maybe(|b| b.window()))
        .padding(p.bytes.pair())
        .dilation(p.bytes.window())
        .ceil_mode(p.bytes.flag())
        .build();
    let x = image(p, 2)?;
    if let Ok(both) = layer.forward_with_indices(&x) {
        p.keep_two(both)?;
    }
    run(p, layer, &x)
}

fn avg_pool2d(p: &mut Program) -> Result<()> {
    let layer = AvgPool2d::builder(p.bytes.window())
        .stride(p.bytes.maybe(|b| b.window()))
        .padding(p.bytes.pair())
        .ceil_mode(p.bytes.flag())
        .count_include_pad(p.bytes.flag())
        .divisor_override(p.bytes.maybe(|b| b.whole()))
        .build();
    let x = image(p, 2)?;
    run(p, layer, &x)
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
    p.keep_and_go_back(builder.build().call(&x, &target)?)?;
    p.keep_and_go_back(CrossEntropyLoss::new().forward(&x, &target)?)
}

pub const CALLS: &[Call] = &[
    call(
        "Conv2d::builder Conv2d::reset_parameters Conv2dBuilder::stride Conv2dBuilder::padding \
         Conv2dBuilder::dilation Conv2dBuilder::groups Conv2dBuilder::bias \
         Conv2dBuilder::padding_mode Conv2dBuilder::dtype Conv2dBuilder::build",
        conv2d,
    ),
    call(
        "Linear::builder Linear::reset_parameters LinearBuilder::bias LinearBuilder::dtype \
         LinearBuilder::build",
        linear,
    ),
    call(
        "BatchNorm2d::builder BatchNorm2d::eps BatchNorm2d::set_eps BatchNorm2d::momentum \
         BatchNorm2d::set_momentum BatchNorm2d::reset_running_stats BatchNorm2d::reset_parameters \
         BatchNorm2dBuilder::eps BatchNorm2dBuilder::momentum BatchNorm2dBuilder::affine \
         BatchNorm2dBuilder::bias BatchNorm2dBuilder::track_running_stats \
         BatchNorm2dBuilder::dtype BatchNorm2dBuilder::build",
        batch_norm2d,
    ),
    call("Conv2d::new Linear::new BatchNorm2d::new", |p| {
        let (a, b) = (1 + p.bytes.below(4), 1 + p.bytes.below(4));
        let kernel = 1 + p.bytes.below(3);
        add(p, Conv2d::new(a, b, kernel))?;
        add(p, Linear::new(a, b))?;
        add(p, BatchNorm2d::new(a))
    }),
    call(
        "MaxPool2d::builder MaxPool2d::forward_with_indices MaxPool2dBuilder::stride \
         MaxPool2dBuilder::padding MaxPool2dBuilder::dilation MaxPool2dBuilder::ceil_mode \
         MaxPool2dBuilder::build",
        max_pool2d,
    ),
    call(
        "AvgPool2d::builder AvgPool2dBuilder::stride AvgPool2dBuilder::padding \
         AvgPool2dBuilder::ceil_mode AvgPool2dBuilder::count_include_pad \
         AvgPool2dBuilder::divisor_override AvgPool2dBuilder::build",
        avg_pool2d,
    ),
    call(
        "MaxPool2d::new AvgPool2d::new AdaptiveAvgPool2d::new",
        |p| {
            let (kernel, size) = (p.bytes.window(), p.bytes.below(6));
            add(p, MaxPool2d::new(kernel))?;
            add(p, AvgPool2d::new(kernel))?;
            add(p, AdaptiveAvgPool2d::new(size))
        },
    ),
    call(
        "ReLU::new ReLU::with_inplace ReLU6::new ReLU6::with_inplace Identity::new",
        |p| {
            let inplace = p.bytes.flag();
            add(p, ReLU::new())?;
            add(p, ReLU::builder().inplace(inplace).build()?)?;
            add(p, ReLU6::new())?;
            add(p, ReLU6::builder().inplace(inplace).build()?)?;
            add(p, Identity::new())
        },
    ),
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
    activation!(Threshold, ThresholdBuilder { threshold, value }, inplace),
    activation!(LogSigmoid, LogSigmoidBuilder {}),
    call("Flatten::new Flatten::over", |p| {
        add(p, Flatten::new())?;
        let layer = Flatten::over(p.bytes.dim(), p.bytes.dim());
        let x = p.tensor()?;
        run(p, layer, &x)
    }),
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
    call("MSELoss::new MSELoss::with_reduction", |p| {
        let x = p.tensor()?;
        let y = p.same_shape(&x)?;
        p.keep_and_go_back(MSELoss::new().call(&x, &y)?)?;
        let loss = MSELoss::builder().reduction(p.bytes.reduction()).build()?;
        p.keep_and_go_back(loss.call(&x, &y)?)
    }),
];
