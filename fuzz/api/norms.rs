//! Norms, embeddings, bilinear maps, distances: functions and layers.

use pleach::nn::functional::{
    self as F, EmbeddingBagMode, EmbeddingBagOptions, EmbeddingOptions, InstanceNormOptions,
    PairwiseDistanceOptions,
};
use pleach::nn::layers::*;
use pleach::nn::{Forward, ForwardMany, Module};
use pleach::{Buffer, Result, Tensor};

use super::functional::input;
use super::{Call, Program, call};

/// A tensor of a shape, one that does not fit, or none.
fn own(p: &mut Program, shape: &[usize], x: &Tensor) -> Result<Option<Tensor>> {
    match p.bytes.below(6) {
        0 => Ok(None),
        1 => p.tensor().map(Some),
        _ if shape.iter().any(|&s| s > 100_000) => Ok(None),
        _ => p.make(shape, x.dtype()).map(Some),
    }
}

/// The last dimensions of a tensor, or others.
fn last_sizes(p: &mut Program, x: &Tensor) -> Vec<usize> {
    let first = p.bytes.below(x.rank() + 1);
    match p.bytes.one_in(8) {
        true => (0..p.bytes.below(4)).map(|_| p.bytes.size()).collect(),
        false => x.shape()[first..].to_vec(),
    }
}

/// Keeps a layer, and calls it.
fn run(p: &mut Program, layer: impl Forward, x: &Tensor) -> Result<()> {
    let layer: Box<dyn Forward> = layer.into();
    assert!(layer.to_string().starts_with(layer.type_name()));
    let y = layer.call(x);
    p.keep_module(layer);
    p.keep_and_go_back(y?)
}

fn rows(p: &mut Program) -> Result<()> {
    let x = p.tensor()?;
    let shape = last_sizes(p, &x);
    let (weight, bias) = (own(p, &shape, &x)?, own(p, &shape, &x)?);
    let (weight, bias) = (weight.as_ref(), bias.as_ref());
    let eps = p.bytes.float();
    match p.bytes.flag() {
        true => p.keep_and_go_back(F::layer_norm(&x, shape, weight, bias, eps)?),
        false => {
            let eps = p.bytes.maybe(|_| eps);
            p.keep_and_go_back(F::rms_norm(&x, shape, weight, eps)?)
        }
    }
}

fn row_layers(p: &mut Program) -> Result<()> {
    let x = p.tensor()?;
    let mut sizes: Vec<i64> = last_sizes(p, &x).iter().map(|&s| s as i64).collect();
    if p.bytes.one_in(8) {
        sizes.push(p.bytes.whole());
    }
    let known: Vec<usize> = sizes
        .iter()
        .map(|&s| usize::try_from(s).unwrap_or(0))
        .collect();
    if !p.may_have(&known) {
        return Ok(());
    }
    if p.bytes.flag() {
        let mut builder = LayerNorm::builder(&sizes[..]).bias(p.bytes.flag());
        builder = builder
            .elementwise_affine(p.bytes.flag())
            .eps(p.bytes.float());
        if p.bytes.one_in(4) {
            builder = builder.dtype(p.bytes.dtype());
        }
        let layer = builder.build()?;
        layer.reset_parameters()?;
        let eps = p.bytes.float();
        layer.set_eps(eps);
        assert_eq!(layer.eps().to_bits(), eps.to_bits());
        p.keep_module(LayerNorm::new(2));
        return run(p, layer, &x);
    }
    let mut builder = RMSNorm::builder(&sizes[..]).elementwise_affine(p.bytes.flag());
    if p.bytes.one_in(4) {
        builder = builder.eps(p.bytes.float()).dtype(p.bytes.dtype());
    }
    let layer = builder.build()?;
    layer.reset_parameters()?;
    layer.set_eps(p.bytes.maybe(|b| b.float()));
    assert!(
        layer
            .eps()
            .is_none_or(|_| layer.to_string().contains("eps="))
    );
    p.keep_module(RMSNorm::new(2));
    run(p, layer, &x)
}

/// Groups, and an input of so many channels.
fn grouped(p: &mut Program) -> Result<(usize, usize, Tensor)> {
    let groups = p.bytes.pick(&[1, 1, 2, 3, 0]);
    let channels = groups * p.bytes.small().min(6);
    let x = input::<2>(p, channels)?;
    let groups = match p.bytes.one_in(10) {
        true => p.bytes.size(),
        false => groups,
    };
    Ok((groups, channels, x))
}

fn group_norm(p: &mut Program) -> Result<()> {
    let (groups, channels, x) = grouped(p)?;
    let (weight, bias) = (own(p, &[channels], &x)?, own(p, &[channels], &x)?);
    let eps = p.bytes.float();
    p.keep_and_go_back(F::group_norm(
        &x,
        groups,
        weight.as_ref(),
        bias.as_ref(),
        eps,
    )?)
}

fn group_layer(p: &mut Program) -> Result<()> {
    let (groups, channels, x) = grouped(p)?;
    let mut builder = GroupNorm::builder(groups, channels).affine(p.bytes.flag());
    builder = builder.bias(p.bytes.flag()).eps(p.bytes.float());
    if p.bytes.one_in(4) {
        builder = builder.dtype(p.bytes.dtype());
    }
    let layer = builder.build()?;
    layer.reset_parameters()?;
    layer.set_eps(p.bytes.float());
    assert!(!layer.eps().to_string().is_empty());
    p.keep_module(GroupNorm::new(2, 4));
    run(p, layer, &x)
}

fn instance_norm(p: &mut Program) -> Result<()> {
    let c = p.bytes.small();
    let x = input::<2>(p, c)?;
    let [weight, bias, mean, var] = [(); 4].map(|_| own(p, &[c], &x));
    let (weight, bias) = (weight?, bias?);
    let stats = mean?.zip(var?);
    let stats = stats.map(|(mean, var)| (Buffer::new(mean), Buffer::new(var)));
    let options = InstanceNormOptions::new()
        .running_stats(stats.as_ref().map(|(mean, var)| (mean, var)))
        .weight(weight.as_ref())
        .bias(bias.as_ref())
        .use_input_stats(p.bytes.flag())
        .momentum(p.bytes.probability())
        .eps(p.bytes.float());
    p.keep_and_go_back(F::instance_norm(&x, options)?)
}

fn instance_layer<const D: usize>(p: &mut Program) -> Result<()> {
    let c = match p.bytes.one_in(8) {
        true => p.bytes.size(),
        false => p.bytes.small(),
    };
    if !p.may_have(&[c]) {
        return Ok(());
    }
    let mut builder = InstanceNorm::<D>::builder(c).affine(p.bytes.flag());
    builder = builder.bias(p.bytes.flag()).eps(p.bytes.float());
    builder = builder.track_running_stats(p.bytes.flag());
    builder = builder.momentum(p.bytes.maybe(|b| b.probability()));
    if p.bytes.one_in(4) {
        builder = builder.dtype(p.bytes.dtype());
    }
    let layer = builder.build()?;
    layer.reset_parameters()?;
    layer.reset_running_stats()?;
    layer.set_eps(p.bytes.float());
    layer.set_momentum(p.bytes.maybe(|b| b.float()));
    assert!(
        layer
            .momentum()
            .is_none_or(|_| !layer.eps().to_string().is_empty())
    );
    layer.set_training(p.bytes.flag());
    p.keep_module(InstanceNorm::<D>::new(2));
    let x = match c < 100 {
        true => input::<D>(p, c)?,
        false => p.tensor()?,
    };
    run(p, layer, &x)
}

fn responses(p: &mut Program) -> Result<()> {
    let x = p.of_rank(&[3, 4, 5])?;
    let size = match p.bytes.one_in(4) {
        true => p.bytes.size(),
        false => p.bytes.small(),
    };
    if !p.may_pad(x.numel(), &[size, size], &[1]) {
        return Ok(());
    }
    let (alpha, beta, k) = (p.bytes.float(), p.bytes.float(), p.bytes.float());
    if p.bytes.flag() {
        return p.keep_and_go_back(F::local_response_norm(&x, size, alpha, beta, k)?);
    }
    p.keep_module(LocalResponseNorm::new(size));
    let layer = LocalResponseNorm::builder(size)
        .alpha(alpha)
        .beta(beta)
        .k(k);
    run(p, layer.build()?, &x)
}

/// A table's sizes, and numbers of its rows.
fn numbers(p: &mut Program, rows: usize, rank: usize) -> Result<Tensor> {
    let shape = p.shape_of_rank(rank);
    match p.bytes.one_in(8) {
        true => p.tensor(),
        false => p.positions(&shape, rows),
    }
}

fn embedding(p: &mut Program) -> Result<()> {
    let weight = p.of_rank(&[2])?;
    let rows = weight.shape().first().copied().unwrap_or(1);
    let rank = p.bytes.below(3);
    let input = numbers(p, rows, rank)?;
    if p.bytes.one_in(4) {
        let parameter = p.parameter()?;
        let (max_norm, kind) = (p.bytes.float(), p.bytes.float());
        F::embedding_renorm_(&parameter, &input, max_norm, kind)?;
        return Ok(());
    }
    let options = EmbeddingOptions::new()
        .padding_idx(p.bytes.maybe(|b| b.whole()))
        .scale_grad_by_freq(p.bytes.flag());
    p.keep_and_go_back(F::embedding(&input, &weight, options)?)
}

fn table_sizes(p: &mut Program) -> Option<[usize; 2]> {
    let sizes = match p.bytes.one_in(8) {
        true => [p.bytes.size(), p.bytes.size()],
        false => [p.bytes.small(), p.bytes.small()],
    };
    p.may_have(&sizes).then_some(sizes)
}

fn embedding_layer(p: &mut Program) -> Result<()> {
    let Some([rows, width]) = table_sizes(p) else {
        return Ok(());
    };
    let mut builder = match p.bytes.one_in(4) {
        true => Embedding::from_pretrained(p.of_rank(&[2])?),
        false => Embedding::builder(rows, width),
    };
    builder = builder.padding_idx(p.bytes.maybe(|b| b.whole()));
    builder = builder
        .scale_grad_by_freq(p.bytes.flag())
        .freeze(p.bytes.flag());
    if p.bytes.one_in(4) {
        builder = builder.max_norm(p.bytes.float()).norm_type(p.bytes.float());
        builder = builder.sparse(p.bytes.flag()).dtype(p.bytes.dtype());
    }
    let layer = builder.build()?;
    layer.reset_parameters()?;
    p.keep_module(Embedding::new(3, 2));
    let rank = p.bytes.below(3);
    let input = numbers(p, layer.num_embeddings, rank)?;
    run(p, layer, &input)
}

/// Numbers of rows in bags, where the bags begin, and weights.
type Bags = (Tensor, Option<Tensor>, Option<Tensor>);

fn bags(p: &mut Program, rows: usize, like: &Tensor) -> Result<Bags> {
    let rank = p.bytes.pick(&[1, 2, 2, 3]);
    let input = numbers(p, rows, rank)?;
    let offsets = match p.bytes.below(4) {
        0 => None,
        1 => Some(p.positions(&[2], input.numel())?),
        _ if rank == 2 => None,
        _ => Some(Tensor::from_slice(&[0, input.numel() as i64 / 2], [2])?),
    };
    let weights = own(p, input.shape(), like)?;
    let keep = p.bytes.one_in(3);
    Ok((input, offsets, weights.filter(|_| keep)))
}

fn embedding_bag(p: &mut Program) -> Result<()> {
    let weight = p.of_rank(&[2])?;
    let rows = weight.shape().first().copied().unwrap_or(1);
    let (input, offsets, psw) = bags(p, rows, &weight)?;
    let options = EmbeddingBagOptions::new()
        .offsets(offsets.as_ref())
        .scale_grad_by_freq(p.bytes.one_in(3))
        .mode(p.bytes.text(&["sum", "sum", "mean", "max", "median"]))
        .per_sample_weights(psw.as_ref())
        .include_last_offset(p.bytes.one_in(3))
        .padding_idx(p.bytes.maybe(|b| b.whole()));
    p.keep_and_go_back(F::embedding_bag(&input, &weight, options)?)
}

fn embedding_bag_layer(p: &mut Program) -> Result<()> {
    let Some([rows, width]) = table_sizes(p) else {
        return Ok(());
    };
    let mut builder = match p.bytes.one_in(4) {
        true => EmbeddingBag::from_pretrained(p.of_rank(&[2])?),
        false => EmbeddingBag::builder(rows, width),
    };
    builder = builder.padding_idx(p.bytes.maybe(|b| b.whole()));
    builder = builder
        .scale_grad_by_freq(p.bytes.one_in(3))
        .freeze(p.bytes.flag());
    let mode = p.bytes.pick(&[
        EmbeddingBagMode::Sum,
        EmbeddingBagMode::Mean,
        EmbeddingBagMode::Max,
    ]);
    builder = builder.mode(mode).include_last_offset(p.bytes.one_in(3));
    if p.bytes.one_in(4) {
        builder = builder.max_norm(p.bytes.float()).norm_type(p.bytes.float());
        builder = builder.sparse(p.bytes.flag()).dtype(p.bytes.dtype());
    }
    let layer = builder.build()?;
    layer.reset_parameters()?;
    assert!(
        EmbeddingBag::new(3, 2)
            .to_string()
            .starts_with("EmbeddingBag(3, 2")
    );
    let like = layer.weight.tensor();
    let (input, offsets, psw) = bags(p, layer.num_embeddings, &like)?;
    let y = layer.call((&input, offsets.as_ref(), psw.as_ref()))?;
    p.keep_and_go_back(y)
}

fn bilinear(p: &mut Program) -> Result<()> {
    let [batch, a, b, out] = [(); 4].map(|_| p.bytes.small().min(9));
    let (x, weight) = (p.floats(&[batch, a])?, p.floats(&[out, a, b])?);
    let y = match p.bytes.one_in(8) {
        true => p.tensor()?,
        false => p.make(&[batch, b], x.dtype())?,
    };
    let bias = own(p, &[out], &x)?;
    if p.bytes.flag() {
        return p.keep_and_go_back(F::bilinear(&x, &y, &weight, bias.as_ref())?);
    }
    let mut builder = Bilinear::builder(a, b, out).bias(p.bytes.flag());
    if p.bytes.one_in(4) {
        builder = builder.dtype(p.bytes.dtype());
    }
    let layer = builder.build()?;
    layer.reset_parameters()?;
    assert_eq!(Bilinear::new(2, 3, 1).num_parameters(), 7);
    p.keep_and_go_back(layer.call((&x, &y))?)
}

fn distances(p: &mut Program) -> Result<()> {
    let x = p.tensor()?;
    let y = p.same_shape(&x)?;
    let (power, eps, keepdim) = (p.bytes.float(), p.bytes.float(), p.bytes.flag());
    if p.bytes.flag() {
        let options = PairwiseDistanceOptions::new()
            .p(power)
            .eps(eps)
            .keepdim(keepdim);
        return p.keep_and_go_back(F::pairwise_distance(&x, &y, options)?);
    }
    if p.bytes.flag() {
        let layer = match p.bytes.flag() {
            true => PairwiseDistance::new(),
            false => PairwiseDistance::builder()
                .p(power)
                .eps(eps)
                .keepdim(keepdim)
                .build()?,
        };
        return p.keep_and_go_back(layer.call((&x, &y))?);
    }
    let layer = match p.bytes.flag() {
        true => CosineSimilarity::new(),
        false => CosineSimilarity::builder()
            .dim(p.bytes.dim())
            .eps(eps)
            .build()?,
    };
    p.keep_and_go_back(layer.call((&x, &y))?)
}

pub const CALLS: &[Call] = &[
    call("functional::layer_norm functional::rms_norm", rows),
    call(
        "LayerNorm::new LayerNorm::builder LayerNorm::eps LayerNorm::set_eps LayerNorm::reset_parameters \
         LayerNormBuilder::eps LayerNormBuilder::elementwise_affine LayerNormBuilder::bias \
         LayerNormBuilder::dtype LayerNormBuilder::build RMSNorm::new RMSNorm::builder RMSNorm::eps \
         RMSNorm::set_eps RMSNorm::reset_parameters RMSNormBuilder::eps \
         RMSNormBuilder::elementwise_affine RMSNormBuilder::dtype RMSNormBuilder::build",
        row_layers,
    ),
    call("functional::group_norm", group_norm),
    call(
        "GroupNorm::new GroupNorm::builder GroupNorm::eps GroupNorm::set_eps GroupNorm::reset_parameters \
         GroupNormBuilder::eps GroupNormBuilder::affine GroupNormBuilder::bias GroupNormBuilder::dtype \
         GroupNormBuilder::build",
        group_layer,
    ),
    call(
        "functional::instance_norm InstanceNormOptions::new InstanceNormOptions::running_stats \
         InstanceNormOptions::weight InstanceNormOptions::bias InstanceNormOptions::use_input_stats \
         InstanceNormOptions::momentum InstanceNormOptions::eps",
        instance_norm,
    ),
    call(
        "InstanceNorm::new InstanceNorm::builder InstanceNorm::eps InstanceNorm::set_eps \
         InstanceNorm::momentum InstanceNorm::set_momentum InstanceNorm::reset_running_stats \
         InstanceNorm::reset_parameters InstanceNormBuilder::eps InstanceNormBuilder::momentum \
         InstanceNormBuilder::affine InstanceNormBuilder::bias InstanceNormBuilder::track_running_stats \
         InstanceNormBuilder::dtype InstanceNormBuilder::build",
        |p| match p.bytes.below(3) {
            0 => instance_layer::<1>(p),
            1 => instance_layer::<2>(p),
            _ => instance_layer::<3>(p),
        },
    ),
    call(
        "functional::local_response_norm LocalResponseNorm::new LocalResponseNorm::builder \
         LocalResponseNormBuilder::alpha LocalResponseNormBuilder::beta LocalResponseNormBuilder::k \
         LocalResponseNormBuilder::build",
        responses,
    ),
    call(
        "functional::embedding EmbeddingOptions::new EmbeddingOptions::padding_idx \
         EmbeddingOptions::scale_grad_by_freq functional::embedding_renorm_",
        embedding,
    ),
    call(
        "Embedding::new Embedding::builder Embedding::from_pretrained Embedding::reset_parameters \
         EmbeddingBuilder::padding_idx EmbeddingBuilder::max_norm EmbeddingBuilder::norm_type \
         EmbeddingBuilder::scale_grad_by_freq EmbeddingBuilder::sparse EmbeddingBuilder::freeze \
         EmbeddingBuilder::dtype EmbeddingBuilder::build",
        embedding_layer,
    ),
    call(
        "functional::embedding_bag EmbeddingBagOptions::new EmbeddingBagOptions::offsets \
         EmbeddingBagOptions::scale_grad_by_freq EmbeddingBagOptions::mode \
         EmbeddingBagOptions::per_sample_weights EmbeddingBagOptions::include_last_offset \
         EmbeddingBagOptions::padding_idx",
        embedding_bag,
    ),
    call(
        "EmbeddingBag::new EmbeddingBag::builder EmbeddingBag::from_pretrained \
         EmbeddingBag::reset_parameters EmbeddingBagBuilder::max_norm EmbeddingBagBuilder::norm_type \
         EmbeddingBagBuilder::scale_grad_by_freq EmbeddingBagBuilder::mode EmbeddingBagBuilder::sparse \
         EmbeddingBagBuilder::include_last_offset EmbeddingBagBuilder::padding_idx \
         EmbeddingBagBuilder::freeze EmbeddingBagBuilder::dtype EmbeddingBagBuilder::build",
        embedding_bag_layer,
    ),
    call(
        "functional::bilinear Bilinear::new Bilinear::builder Bilinear::reset_parameters \
         BilinearBuilder::bias BilinearBuilder::dtype BilinearBuilder::build",
        bilinear,
    ),
    call(
        "functional::pairwise_distance PairwiseDistanceOptions::new PairwiseDistanceOptions::p \
         PairwiseDistanceOptions::eps PairwiseDistanceOptions::keepdim PairwiseDistance::new \
         PairwiseDistance::builder PairwiseDistanceBuilder::p PairwiseDistanceBuilder::eps \
         PairwiseDistanceBuilder::keepdim PairwiseDistanceBuilder::build CosineSimilarity::new \
         CosineSimilarity::builder CosineSimilarityBuilder::dim CosineSimilarityBuilder::eps \
         CosineSimilarityBuilder::build",
        distances,
    ),
    call("Unflatten::new", |p| {
        let x = p.tensor()?;
        let layer = Unflatten::new(p.bytes.dim(), p.bytes.sizes());
        run(p, layer, &x)
    }),
];
