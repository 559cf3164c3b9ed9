//! Losses, as functions and as classes.

use pleach::nn::ForwardMany;
use pleach::nn::functional::{
    self as F, BinaryCrossEntropyWithLogitsOptions, CtcLossOptions, GaussianNllLossOptions,
    HuberLossOptions, KlDivReduction, LinearCrossEntropyOptions, LossOptions,
    MultiMarginLossOptions, PoissonNllLossOptions, TripletMarginLossOptions,
    TripletMarginWithDistanceLossOptions, Variance,
};
use pleach::nn::losses::*;
use pleach::{DType, Result, Tensor};

use super::functional::scores;
use super::{Call, Program, call};

/// Two tensors of one shape, mostly, and a weight that may be broadcast to it.
fn pair(p: &mut Program) -> Result<(Tensor, Tensor, Option<Tensor>)> {
    let x = p.tensor()?;
    let y = p.same_shape(&x)?;
    let weight = match p.bytes.one_in(3) {
        true => Some(p.beside(&x)?),
        false => None,
    };
    Ok((x, y, weight))
}

/// Three tensors, mostly of one shape, and a target for each row.
fn rows(p: &mut Program) -> Result<([Tensor; 3], Tensor)> {
    let (n, d) = (p.bytes.small(), p.bytes.small());
    let shape: &[usize] = match p.bytes.one_in(4) {
        true => &[d],
        false => &[n, d],
    };
    let x = p.floats(shape)?;
    let (y, z) = (p.same_shape(&x)?, p.same_shape(&x)?);
    let target = match p.bytes.one_in(8) {
        true => p.tensor()?,
        false => p.make(&shape[..shape.len() - 1], DType::I64)?,
    };
    Ok(([x, y, z], target))
}

/// A loss of two tensors whose only option is the reduction, as function and class.
macro_rules! of_two {
    ($function:ident, $class:ident, $builder:ident) => {
        call(
            concat!(
                "functional::",
                stringify!($function),
                " ",
                stringify!($class),
                "::new ",
                stringify!($class),
                "::builder ",
                stringify!($builder),
                "::reduction ",
                stringify!($builder),
                "::build"
            ),
            |p| {
                let (x, y, _) = pair(p)?;
                let reduction = p.bytes.reduction();
                p.keep_and_go_back(F::$function(&x, &y, reduction)?)?;
                p.keep_and_go_back($class::new().call(&x, &y)?)?;
                let loss = $class::builder().reduction(reduction).build()?;
                p.keep_and_go_back(loss.call(&x, &y)?)
            },
        )
    };
}

fn multi_margin(p: &mut Program) -> Result<()> {
    let (x, target, weight) = scores(p)?;
    let (power, margin, reduction) = (p.bytes.whole(), p.bytes.float(), p.bytes.reduction());
    let options = MultiMarginLossOptions::new()
        .p(1 + power % 2)
        .margin(margin);
    let options = options.weight(weight.as_ref()).reduction(reduction);
    p.keep_and_go_back(F::multi_margin_loss(&x, &target, options)?)?;
    let mut loss = MultiMarginLoss::builder()
        .p(power)
        .margin(margin)
        .reduction(reduction);
    if let Some(weight) = weight {
        loss = loss.weight(weight);
    }
    p.keep_and_go_back(MultiMarginLoss::new().call(&x, &target)?)?;
    p.keep_and_go_back(loss.build()?.call(&x, &target)?)
}

fn ctc(p: &mut Program) -> Result<()> {
    let (t, n, c, s) = (
        p.bytes.small(),
        p.bytes.small(),
        p.bytes.small(),
        p.bytes.small(),
    );
    let x = match p.bytes.below(8) {
        0 => p.tensor()?,
        1 => p.floats(&[t, c])?,
        _ => p.floats(&[t, n, c])?,
    };
    let targets = match p.bytes.below(8) {
        0 => p.tensor()?,
        1 => p.positions(&[n * s], c)?,
        _ => p.positions(&[n, s], c)?,
    };
    let lengths = |p: &mut Program, most: usize| match p.bytes.below(8) {
        0 => p.tensor(),
        1 => p.positions(&[], most + 1),
        2 => p.positions(&[n], most + 1),
        _ => Tensor::try_full_of([n], most as i64, DType::I64),
    };
    let (inputs, labels) = (lengths(p, t)?, lengths(p, s)?);
    let blank = match p.bytes.one_in(4) {
        true => p.bytes.whole(),
        false => 0,
    };
    let (zero, reduction) = (p.bytes.flag(), p.bytes.reduction());
    let options = CtcLossOptions::new()
        .blank(blank)
        .zero_infinity(zero)
        .reduction(reduction);
    p.keep_and_go_back(F::ctc_loss(&x, &targets, &inputs, &labels, options)?)?;
    p.keep_and_go_back(CTCLoss::new().call((&x, &targets, &inputs, &labels))?)?;
    let loss = CTCLoss::builder()
        .blank(blank)
        .zero_infinity(zero)
        .reduction(reduction);
    p.keep_and_go_back(loss.build()?.call((&x, &targets, &inputs, &labels))?)
}

fn adaptive(p: &mut Program) -> Result<()> {
    let (features, step) = (p.bytes.small(), p.bytes.small());
    let classes = match p.bytes.one_in(8) {
        true => p.bytes.size(),
        false => 3 * step + 2,
    };
    let cutoffs = vec![step, 2 * step + p.bytes.below(2)];
    let div_value = p.bytes.pick(&[4.0, 2.0, 0.5, 0.0, -1.0, f64::NAN]);
    let mut layers = vec![AdaptiveLogSoftmaxWithLoss::new(features, 5, [1, 3])];
    // A cluster has at most four times the features.
    if p.may_have(&[4 * features.max(1), classes]) {
        let layer = AdaptiveLogSoftmaxWithLoss::builder(features, classes, cutoffs);
        let layer = layer.div_value(div_value).head_bias(p.bytes.flag());
        layers.extend(layer.dtype(p.bytes.dtype()).build());
    }
    for layer in layers {
        layer.reset_parameters()?;
        let n = p.bytes.small();
        let x = p.floats(&[n, features])?;
        let target = p.positions(&[n], layer.n_classes.min(100))?;
        let _ = layer.log_prob(&x).map(|y| p.keep_and_go_back(y));
        let _ = layer.predict(&x).map(|y| p.keep(y));
        if let Ok((output, loss)) = layer.call((&x, &target)) {
            p.keep(output)?;
            p.keep_and_go_back(loss)?;
        }
    }
    Ok(())
}

fn linear_cross_entropy(p: &mut Program) -> Result<()> {
    let (x, target, weight) = scores(p)?;
    let features = x.shape().last().copied().unwrap_or(1);
    let classes = match p.bytes.one_in(10) {
        true => p.bytes.size(),
        false => p.bytes.small().min(8),
    };
    let (reduction, smoothing) = (p.bytes.reduction(), p.bytes.probability());
    let mut builder = LinearCrossEntropyLoss::builder(features, classes)
        .bias(p.bytes.flag())
        .dtype(p.bytes.dtype())
        .label_smoothing(smoothing)
        .reduction(reduction);
    let mut sizes = vec![features.max(1), classes];
    if p.bytes.one_in(4) {
        sizes.extend([p.bytes.small(), p.bytes.size()]);
        builder = builder.out_features(&sizes[2..]);
    }
    if p.bytes.one_in(4) {
        builder = builder.ignore_index(p.bytes.whole());
    }
    if let Some(weight) = &weight {
        builder = builder.weight(weight.clone());
    }
    if p.may_have(&sizes)
        && let Ok(loss) = builder.build()
    {
        p.keep_and_go_back(loss.call(&x, &target)?)?;
    }
    let loss = LinearCrossEntropyLoss::new(features, 3);
    p.keep_and_go_back(loss.call(&x, &target)?)?;
    let (linear_weight, bias) = (p.of_rank(&[2, 3])?, p.tensor()?);
    let options = LinearCrossEntropyOptions::new()
        .linear_bias(p.bytes.flag().then_some(&bias))
        .weight(weight.as_ref())
        .ignore_index(p.bytes.maybe(|b| b.whole()))
        .label_smoothing(smoothing)
        .reduction(reduction);
    p.keep_and_go_back(F::linear_cross_entropy(
        &x,
        &linear_weight,
        &target,
        options,
    )?)
}

fn triplets(p: &mut Program) -> Result<()> {
    let ([x, y, z], _) = rows(p)?;
    let (margin, power, eps) = (p.bytes.float(), p.bytes.float(), p.bytes.float());
    let (swap, reduction) = (p.bytes.flag(), p.bytes.reduction());
    p.keep_and_go_back(TripletMarginLoss::new().call((&x, &y, &z))?)?;
    p.keep_and_go_back(TripletMarginWithDistanceLoss::new().call((&x, &y, &z))?)?;
    let dot = |a: &Tensor, b: &Tensor| a.mul(b)?.sum_dim(-1, false);
    let options = TripletMarginWithDistanceLossOptions::new().distance_function(&dot);
    let options = options.margin(margin.abs()).swap(swap).reduction(reduction);
    p.keep_and_go_back(F::triplet_margin_with_distance_loss(&x, &y, &z, options)?)?;
    let options = TripletMarginLossOptions::new()
        .margin(margin)
        .p(power)
        .eps(eps);
    let options = options.swap(swap).reduction(reduction);
    p.keep_and_go_back(F::triplet_margin_loss(&x, &y, &z, options)?)?;
    let loss = TripletMarginLoss::builder()
        .margin(margin)
        .p(power)
        .eps(eps);
    let loss = loss.swap(swap).reduction(reduction).build()?;
    p.keep_and_go_back(loss.call((&x, &y, &z))?)?;
    let loss = TripletMarginWithDistanceLoss::builder().distance_function(dot);
    let loss = loss
        .margin(margin)
        .swap(swap)
        .reduction(reduction)
        .build()?;
    p.keep_and_go_back(loss.call((&x, &y, &z))?)
}

pub const CALLS: &[Call] = &[
    of_two!(l1_loss, L1Loss, L1LossBuilder),
    of_two!(soft_margin_loss, SoftMarginLoss, SoftMarginLossBuilder),
    of_two!(
        multilabel_margin_loss,
        MultiLabelMarginLoss,
        MultiLabelMarginLossBuilder
    ),
    call(
        "functional::mse_loss LossOptions::new LossOptions::weight LossOptions::reduction",
        |p| {
            let (x, y, weight) = pair(p)?;
            let options = LossOptions::new().weight(weight.as_ref());
            let options = options.reduction(p.bytes.reduction());
            p.keep_and_go_back(F::l1_loss(&x, &y, options.clone())?)?;
            p.keep_and_go_back(F::mse_loss(&x, &y, options)?)
        },
    ),
    call(
        "functional::smooth_l1_loss SmoothL1Loss::new SmoothL1Loss::builder \
         SmoothL1LossBuilder::beta SmoothL1LossBuilder::reduction SmoothL1LossBuilder::build",
        |p| {
            let (x, y, _) = pair(p)?;
            let (beta, reduction) = (p.bytes.float(), p.bytes.reduction());
            p.keep_and_go_back(SmoothL1Loss::new().call(&x, &y)?)?;
            p.keep_and_go_back(F::smooth_l1_loss(&x, &y, reduction, beta)?)?;
            let loss = SmoothL1Loss::builder()
                .beta(beta)
                .reduction(reduction)
                .build()?;
            p.keep_and_go_back(loss.call(&x, &y)?)
        },
    ),
    call(
        "functional::huber_loss HuberLossOptions::new HuberLossOptions::weight \
         HuberLossOptions::delta HuberLossOptions::reduction HuberLoss::new HuberLoss::builder \
         HuberLossBuilder::delta HuberLossBuilder::reduction HuberLossBuilder::build",
        |p| {
            let (x, y, weight) = pair(p)?;
            let (delta, reduction) = (p.bytes.float(), p.bytes.reduction());
            p.keep_and_go_back(HuberLoss::new().call(&x, &y)?)?;
            let options = HuberLossOptions::new().delta(delta).weight(weight.as_ref());
            p.keep_and_go_back(F::huber_loss(&x, &y, options.reduction(reduction))?)?;
            let loss = HuberLoss::builder()
                .delta(delta)
                .reduction(reduction)
                .build()?;
            p.keep_and_go_back(loss.call(&x, &y)?)
        },
    ),
    call(
        "NLLLoss::new NLLLoss::builder NLLLossBuilder::weight NLLLossBuilder::ignore_index \
         NLLLossBuilder::reduction NLLLossBuilder::build NLLLoss2d::new NLLLoss2d::builder \
         NLLLoss2dBuilder::weight NLLLoss2dBuilder::ignore_index NLLLoss2dBuilder::reduction \
         NLLLoss2dBuilder::build",
        |p| {
            let (x, target, weight) = scores(p)?;
            p.keep_and_go_back(NLLLoss::new().call(&x, &target)?)?;
            p.keep_and_go_back(NLLLoss2d::new().call(&x, &target)?)?;
            let (ignored, reduction) = (p.bytes.whole(), p.bytes.reduction());
            let mut loss = NLLLoss::builder()
                .ignore_index(ignored)
                .reduction(reduction);
            let mut old = NLLLoss2d::builder()
                .ignore_index(ignored)
                .reduction(reduction);
            if let Some(weight) = weight {
                loss = loss.weight(weight.clone());
                old = old.weight(weight);
            }
            p.keep_and_go_back(loss.build()?.call(&x, &target)?)?;
            p.keep_and_go_back(old.build()?.call(&x, &target)?)
        },
    ),
    call(
        "functional::poisson_nll_loss PoissonNllLossOptions::new PoissonNllLossOptions::log_input \
         PoissonNllLossOptions::full PoissonNllLossOptions::eps PoissonNllLossOptions::reduction \
         PoissonNLLLoss::new PoissonNLLLoss::builder PoissonNLLLossBuilder::log_input \
         PoissonNLLLossBuilder::full PoissonNLLLossBuilder::eps PoissonNLLLossBuilder::reduction \
         PoissonNLLLossBuilder::build",
        |p| {
            let (x, y, _) = pair(p)?;
            let (log, full, eps) = (p.bytes.flag(), p.bytes.flag(), p.bytes.float());
            let reduction = p.bytes.reduction();
            p.keep_and_go_back(PoissonNLLLoss::new().call(&x, &y)?)?;
            let options = PoissonNllLossOptions::new()
                .log_input(log)
                .full(full)
                .eps(eps);
            p.keep_and_go_back(F::poisson_nll_loss(&x, &y, options.reduction(reduction))?)?;
            let loss = PoissonNLLLoss::builder().log_input(log).full(full).eps(eps);
            p.keep_and_go_back(loss.reduction(reduction).build()?.call(&x, &y)?)
        },
    ),
    call(
        "functional::gaussian_nll_loss GaussianNllLossOptions::new GaussianNllLossOptions::full \
         GaussianNllLossOptions::eps GaussianNllLossOptions::reduction GaussianNLLLoss::new \
         GaussianNLLLoss::builder GaussianNLLLossBuilder::full GaussianNLLLossBuilder::eps \
         GaussianNLLLossBuilder::reduction GaussianNLLLossBuilder::build",
        |p| {
            let (x, y, _) = pair(p)?;
            let var = p.beside(&x)?.square()?;
            let var = match p.bytes.one_in(4) {
                true => Variance::Number(p.bytes.float()),
                false => Variance::Tensor(&var),
            };
            let (full, eps, reduction) = (p.bytes.flag(), p.bytes.float(), p.bytes.reduction());
            p.keep_and_go_back(GaussianNLLLoss::new().call((&x, &y, var))?)?;
            let options = GaussianNllLossOptions::new().full(full).eps(eps);
            let options = options.reduction(reduction);
            p.keep_and_go_back(F::gaussian_nll_loss(&x, &y, var, options)?)?;
            let loss = GaussianNLLLoss::builder()
                .full(full)
                .eps(eps)
                .reduction(reduction);
            p.keep_and_go_back(loss.build()?.call((&x, &y, var))?)
        },
    ),
    call(
        "functional::kl_div KLDivLoss::new KLDivLoss::builder KLDivLossBuilder::log_target \
         KLDivLossBuilder::reduction KLDivLossBuilder::build",
        |p| {
            let (x, y, _) = pair(p)?;
            let all = [
                KlDivReduction::BatchMean,
                KlDivReduction::Sum,
                KlDivReduction::None,
            ];
            let (reduction, log) = (p.bytes.pick(&all), p.bytes.flag());
            p.keep_and_go_back(F::kl_div(&x, &y, reduction, log)?)?;
            p.keep_and_go_back(KLDivLoss::new().call(&x, &y)?)?;
            let loss = KLDivLoss::builder()
                .log_target(log)
                .reduction(reduction)
                .build()?;
            p.keep_and_go_back(loss.call(&x, &y)?)
        },
    ),
    call(
        "functional::binary_cross_entropy BCELoss::new BCELoss::builder BCELossBuilder::weight \
         BCELossBuilder::reduction BCELossBuilder::build",
        |p| {
            let (x, y, weight) = pair(p)?;
            let (x, y) = (x.sigmoid()?, y.sigmoid()?);
            p.keep_and_go_back(BCELoss::new().call(&x, &y)?)?;
            let mut loss = BCELoss::builder().reduction(p.bytes.reduction());
            if let Some(weight) = &weight {
                loss = loss.weight(weight.clone());
            }
            p.keep_and_go_back(loss.build()?.call(&x, &y)?)?;
            let options = LossOptions::new().weight(weight.as_ref());
            p.keep_and_go_back(F::binary_cross_entropy(&x, &y, options)?)
        },
    ),
    call(
        "functional::binary_cross_entropy_with_logits BinaryCrossEntropyWithLogitsOptions::new \
         BinaryCrossEntropyWithLogitsOptions::weight \
         BinaryCrossEntropyWithLogitsOptions::pos_weight \
         BinaryCrossEntropyWithLogitsOptions::reduction BCEWithLogitsLoss::new \
         BCEWithLogitsLoss::builder BCEWithLogitsLossBuilder::weight \
         BCEWithLogitsLossBuilder::pos_weight BCEWithLogitsLossBuilder::reduction \
         BCEWithLogitsLossBuilder::build",
        |p| {
            let (x, y, weight) = pair(p)?;
            let (pos, reduction) = (p.beside(&x)?, p.bytes.reduction());
            p.keep_and_go_back(BCEWithLogitsLoss::new().call(&x, &y)?)?;
            let options = BinaryCrossEntropyWithLogitsOptions::new().reduction(reduction);
            let options = options.weight(weight.as_ref()).pos_weight(&pos);
            p.keep_and_go_back(F::binary_cross_entropy_with_logits(&x, &y, options)?)?;
            let mut loss = BCEWithLogitsLoss::builder()
                .pos_weight(pos)
                .reduction(reduction);
            if let Some(weight) = weight {
                loss = loss.weight(weight);
            }
            p.keep_and_go_back(loss.build()?.call(&x, &y)?)
        },
    ),
    call(
        "functional::multilabel_soft_margin_loss MultiLabelSoftMarginLoss::new \
         MultiLabelSoftMarginLoss::builder MultiLabelSoftMarginLossBuilder::weight \
         MultiLabelSoftMarginLossBuilder::reduction MultiLabelSoftMarginLossBuilder::build",
        |p| {
            let (x, y, weight) = pair(p)?;
            p.keep_and_go_back(MultiLabelSoftMarginLoss::new().call(&x, &y)?)?;
            let options = LossOptions::new().weight(weight.as_ref());
            p.keep_and_go_back(F::multilabel_soft_margin_loss(&x, &y, options)?)?;
            let mut loss = MultiLabelSoftMarginLoss::builder().reduction(p.bytes.reduction());
            if let Some(weight) = weight {
                loss = loss.weight(weight);
            }
            p.keep_and_go_back(loss.build()?.call(&x, &y)?)
        },
    ),
    call(
        "functional::hinge_embedding_loss HingeEmbeddingLoss::new HingeEmbeddingLoss::builder \
         HingeEmbeddingLossBuilder::margin HingeEmbeddingLossBuilder::reduction \
         HingeEmbeddingLossBuilder::build",
        |p| {
            let (x, y, _) = pair(p)?;
            let (margin, reduction) = (p.bytes.float(), p.bytes.reduction());
            p.keep_and_go_back(F::hinge_embedding_loss(&x, &y, margin, reduction)?)?;
            p.keep_and_go_back(HingeEmbeddingLoss::new().call(&x, &y)?)?;
            let loss = HingeEmbeddingLoss::builder()
                .margin(margin)
                .reduction(reduction);
            p.keep_and_go_back(loss.build()?.call(&x, &y)?)
        },
    ),
    call(
        "functional::margin_ranking_loss MarginRankingLoss::new MarginRankingLoss::builder \
         MarginRankingLossBuilder::margin MarginRankingLossBuilder::reduction \
         MarginRankingLossBuilder::build",
        |p| {
            let ([x, y, z], _) = rows(p)?;
            let (margin, reduction) = (p.bytes.float(), p.bytes.reduction());
            p.keep_and_go_back(F::margin_ranking_loss(&x, &y, &z, margin, reduction)?)?;
            p.keep_and_go_back(MarginRankingLoss::new().call((&x, &y, &z))?)?;
            let loss = MarginRankingLoss::builder()
                .margin(margin)
                .reduction(reduction);
            p.keep_and_go_back(loss.build()?.call((&x, &y, &z))?)
        },
    ),
    call(
        "functional::cosine_embedding_loss CosineEmbeddingLoss::new CosineEmbeddingLoss::builder \
         CosineEmbeddingLossBuilder::margin CosineEmbeddingLossBuilder::reduction \
         CosineEmbeddingLossBuilder::build",
        |p| {
            let ([x, y, _], target) = rows(p)?;
            let (margin, reduction) = (p.bytes.float(), p.bytes.reduction());
            p.keep_and_go_back(F::cosine_embedding_loss(
                &x, &y, &target, margin, reduction,
            )?)?;
            p.keep_and_go_back(CosineEmbeddingLoss::new().call((&x, &y, &target))?)?;
            let loss = CosineEmbeddingLoss::builder()
                .margin(margin)
                .reduction(reduction);
            p.keep_and_go_back(loss.build()?.call((&x, &y, &target))?)
        },
    ),
    call(
        "functional::triplet_margin_loss functional::triplet_margin_with_distance_loss \
         TripletMarginLossOptions::new TripletMarginLossOptions::margin \
         TripletMarginLossOptions::p TripletMarginLossOptions::eps TripletMarginLossOptions::swap \
         TripletMarginLossOptions::reduction TripletMarginWithDistanceLossOptions::new \
         TripletMarginWithDistanceLossOptions::distance_function \
         TripletMarginWithDistanceLossOptions::margin TripletMarginWithDistanceLossOptions::swap \
         TripletMarginWithDistanceLossOptions::reduction TripletMarginLoss::new \
         TripletMarginLoss::builder TripletMarginLossBuilder::margin TripletMarginLossBuilder::p \
         TripletMarginLossBuilder::eps TripletMarginLossBuilder::swap \
         TripletMarginLossBuilder::reduction TripletMarginLossBuilder::build \
         TripletMarginWithDistanceLoss::new TripletMarginWithDistanceLoss::builder \
         TripletMarginWithDistanceLossBuilder::distance_function \
         TripletMarginWithDistanceLossBuilder::margin TripletMarginWithDistanceLossBuilder::swap \
         TripletMarginWithDistanceLossBuilder::reduction \
         TripletMarginWithDistanceLossBuilder::build",
        triplets,
    ),
    call(
        "functional::multi_margin_loss MultiMarginLossOptions::new MultiMarginLossOptions::weight \
         MultiMarginLossOptions::p MultiMarginLossOptions::margin \
         MultiMarginLossOptions::reduction MultiMarginLoss::new MultiMarginLoss::builder \
         MultiMarginLossBuilder::weight MultiMarginLossBuilder::p MultiMarginLossBuilder::margin \
         MultiMarginLossBuilder::reduction MultiMarginLossBuilder::build",
        multi_margin,
    ),
    call(
        "functional::ctc_loss CtcLossOptions::new CtcLossOptions::blank \
         CtcLossOptions::zero_infinity CtcLossOptions::reduction CTCLoss::new CTCLoss::builder \
         CTCLossBuilder::blank CTCLossBuilder::zero_infinity CTCLossBuilder::reduction \
         CTCLossBuilder::build",
        ctc,
    ),
    call(
        "AdaptiveLogSoftmaxWithLoss::new AdaptiveLogSoftmaxWithLoss::builder \
         AdaptiveLogSoftmaxWithLoss::reset_parameters AdaptiveLogSoftmaxWithLoss::log_prob \
         AdaptiveLogSoftmaxWithLoss::predict AdaptiveLogSoftmaxWithLossBuilder::div_value \
         AdaptiveLogSoftmaxWithLossBuilder::head_bias AdaptiveLogSoftmaxWithLossBuilder::dtype \
         AdaptiveLogSoftmaxWithLossBuilder::build",
        adaptive,
    ),
    call(
        "functional::linear_cross_entropy LinearCrossEntropyOptions::new \
         LinearCrossEntropyOptions::linear_bias LinearCrossEntropyOptions::weight \
         LinearCrossEntropyOptions::ignore_index LinearCrossEntropyOptions::label_smoothing \
         LinearCrossEntropyOptions::reduction LinearCrossEntropyLoss::new \
         LinearCrossEntropyLoss::builder LinearCrossEntropyLossBuilder::out_features \
         LinearCrossEntropyLossBuilder::bias LinearCrossEntropyLossBuilder::dtype \
         LinearCrossEntropyLossBuilder::weight LinearCrossEntropyLossBuilder::ignore_index \
         LinearCrossEntropyLossBuilder::reduction LinearCrossEntropyLossBuilder::label_smoothing \
         LinearCrossEntropyLossBuilder::build",
        linear_cross_entropy,
    ),
];
