//! Norm layers, embeddings, bilinear maps, distances, attention: classes and functions.

use pleach::Buffer;
use pleach::nn::functional::{
    self as F, AttentionOptions, EmbeddingBagOptions, EmbeddingOptions, InstanceNormOptions,
    PairwiseDistanceOptions,
};
use pleach::nn::layers::{
    Bilinear, CosineSimilarity, Embedding, EmbeddingBag, EmbeddingBagBuilder, EmbeddingBuilder,
    GroupNorm, InstanceNorm, LayerNorm, LocalResponseNorm, PairwiseDistance, RMSNorm, Unflatten,
};
use pleach::nn::{ForwardMany, Module, ModuleExt};
use pleach::{DType, Scalar, Tensor};

use super::args::{Args, Bound};
use super::module_object::ModuleHandle;
use super::nn_fns::one;
use super::value::{Builtin, Eval, EvalError, Value, bug};

pub fn function(name: &str) -> Option<Builtin> {
    Some(match name {
        "normalize" => |a| {
            let a = a.bind("normalize", &["input", "p", "dim", "eps"])?;
            let (p, eps) = (float(&a, "p", 2.0)?, float(&a, "eps", 1e-12)?);
            let dims = a.opt("dim").map_or(Ok(vec![1]), Value::as_ints)?;
            one(F::normalize(&a.tensor("input")?, p, &dims[..], eps)?)
        },
        "cosine_similarity" => |a| {
            let a = a.bind("cosine_similarity", &["x1", "x2", "dim", "eps"])?;
            let (dim, eps) = (a.opt_i64("dim")?.unwrap_or(1), float(&a, "eps", 1e-8)?);
            let (x1, x2) = (a.tensor("x1")?, a.tensor("x2")?);
            one(F::cosine_similarity(&x1, &x2, dim, eps)?)
        },
        "pairwise_distance" => |a| {
            let a = a.bind("pairwise_distance", &["x1", "x2", "p", "eps", "keepdim"])?;
            let options = PairwiseDistanceOptions::new()
                .p(float(&a, "p", 2.0)?)
                .eps(float(&a, "eps", 1e-6)?)
                .keepdim(a.bool_or("keepdim", false)?);
            one(F::pairwise_distance(
                &a.tensor("x1")?,
                &a.tensor("x2")?,
                options,
            )?)
        },
        "layer_norm" => |a| {
            let names = ["input", "normalized_shape", "weight", "bias", "eps"];
            let a = a.bind("layer_norm", &names)?;
            let (weight, bias) = (a.opt_tensor("weight")?, a.opt_tensor("bias")?);
            let (x, shape) = (a.tensor("input")?, a.shape("normalized_shape")?);
            let eps = float(&a, "eps", 1e-5)?;
            one(F::layer_norm(
                &x,
                shape,
                weight.as_ref(),
                bias.as_ref(),
                eps,
            )?)
        },
        "rms_norm" => |a| {
            let a = a.bind("rms_norm", &["input", "normalized_shape", "weight", "eps"])?;
            let weight = a.opt_tensor("weight")?;
            let (x, shape) = (a.tensor("input")?, a.shape("normalized_shape")?);
            one(F::rms_norm(&x, shape, weight.as_ref(), a.opt_f64("eps")?)?)
        },
        "group_norm" => |a| {
            let a = a.bind(
                "group_norm",
                &["input", "num_groups", "weight", "bias", "eps"],
            )?;
            let (weight, bias) = (a.opt_tensor("weight")?, a.opt_tensor("bias")?);
            let (x, groups) = (a.tensor("input")?, a.usize("num_groups")?);
            let eps = float(&a, "eps", 1e-5)?;
            one(F::group_norm(
                &x,
                groups,
                weight.as_ref(),
                bias.as_ref(),
                eps,
            )?)
        },
        "instance_norm" => instance_norm,
        "local_response_norm" => |a| {
            let a = a.bind(
                "local_response_norm",
                &["input", "size", "alpha", "beta", "k"],
            )?;
            let (x, size) = (a.tensor("input")?, a.usize("size")?);
            let (alpha, beta) = (float(&a, "alpha", 1e-4)?, float(&a, "beta", 0.75)?);
            one(F::local_response_norm(
                &x,
                size,
                alpha,
                beta,
                float(&a, "k", 1.0)?,
            )?)
        },
        "bilinear" => |a| {
            let a = a.bind("bilinear", &["input1", "input2", "weight", "bias"])?;
            let (x1, x2, bias) = (
                a.tensor("input1")?,
                a.tensor("input2")?,
                a.opt_tensor("bias")?,
            );
            one(F::bilinear(&x1, &x2, &a.tensor("weight")?, bias.as_ref())?)
        },
        "embedding" => |a| {
            let names = [
                "input",
                "weight",
                "padding_idx",
                "max_norm",
                "norm_type",
                "scale_grad_by_freq",
                "sparse",
            ];
            let a = a.bind("embedding", &names)?;
            a.only_false("sparse")?;
            let input = a.tensor("input")?;
            renorm(&a, &input)?;
            let options = EmbeddingOptions::new()
                .padding_idx(a.opt_i64("padding_idx")?)
                .scale_grad_by_freq(a.bool_or("scale_grad_by_freq", false)?);
            one(F::embedding(&input, &a.tensor("weight")?, options)?)
        },
        "embedding_bag" => embedding_bag,
        "scaled_dot_product_attention" => |a| {
            let names = [
                "query",
                "key",
                "value",
                "attn_mask",
                "dropout_p",
                "is_causal",
                "*",
                "scale",
                "enable_gqa",
            ];
            let a = a.bind("scaled_dot_product_attention", &names)?;
            let mask = a.opt_tensor("attn_mask")?;
            let options = AttentionOptions::new()
                .attn_mask(mask.as_ref())
                .dropout_p(float(&a, "dropout_p", 0.0)?)
                .is_causal(a.bool_or("is_causal", false)?)
                .scale(a.opt_f64("scale")?)
                .enable_gqa(a.bool_or("enable_gqa", false)?);
            let [q, k, v] = [a.tensor("query")?, a.tensor("key")?, a.tensor("value")?];
            one(F::scaled_dot_product_attention(&q, &k, &v, options)?)
        },
        _ => return None,
    })
}

pub fn class(name: &str) -> Option<Builtin> {
    Some(match name {
        "LayerNorm" => |a| {
            let names = [
                "normalized_shape",
                "eps",
                "elementwise_affine",
                "bias",
                "dtype",
            ];
            let a = a.bind("LayerNorm", &names)?;
            let layer = LayerNorm::builder(&a.ints("normalized_shape")?[..])
                .eps(float(&a, "eps", 1e-5)?)
                .elementwise_affine(a.bool_or("elementwise_affine", true)?)
                .bias(a.bool_or("bias", true)?)
                .dtype(a.opt_dtype("dtype")?.unwrap_or(DType::F32));
            ModuleHandle::layer(layer.build()?)
        },
        "RMSNorm" => |a| {
            let names = ["normalized_shape", "eps", "elementwise_affine", "dtype"];
            let a = a.bind("RMSNorm", &names)?;
            let layer = RMSNorm::builder(&a.ints("normalized_shape")?[..])
                .eps(a.opt_f64("eps")?)
                .elementwise_affine(a.bool_or("elementwise_affine", true)?)
                .dtype(a.opt_dtype("dtype")?.unwrap_or(DType::F32));
            ModuleHandle::layer(layer.build()?)
        },
        "GroupNorm" => |a| {
            let names = [
                "num_groups",
                "num_channels",
                "eps",
                "affine",
                "*",
                "bias",
                "dtype",
            ];
            let a = a.bind("GroupNorm", &names)?;
            let layer = GroupNorm::builder(a.usize("num_groups")?, a.usize("num_channels")?)
                .eps(float(&a, "eps", 1e-5)?)
                .affine(a.bool_or("affine", true)?)
                .bias(a.bool_or("bias", true)?)
                .dtype(a.opt_dtype("dtype")?.unwrap_or(DType::F32));
            ModuleHandle::layer(layer.build()?)
        },
        "InstanceNorm1d" => instance_norm_class::<1>,
        "InstanceNorm2d" => instance_norm_class::<2>,
        "InstanceNorm3d" => instance_norm_class::<3>,
        "LocalResponseNorm" => |a| {
            let a = a.bind("LocalResponseNorm", &["size", "alpha", "beta", "k"])?;
            let number = |name: &str, default: f64| {
                a.opt(name)
                    .map_or(Ok(Scalar::Float(default)), Value::as_scalar)
            };
            let layer = LocalResponseNorm::builder(a.usize("size")?)
                .alpha(number("alpha", 1e-4)?)
                .beta(number("beta", 0.75)?)
                .k(number("k", 1.0)?);
            ModuleHandle::layer(layer.build()?)
        },
        "Embedding" => |a| {
            let names = [
                "num_embeddings",
                "embedding_dim",
                "padding_idx",
                "max_norm",
                "norm_type",
                "scale_grad_by_freq",
                "sparse",
                "dtype",
            ];
            let a = a.bind("Embedding", &names)?;
            let layer = Embedding::builder(a.usize("num_embeddings")?, a.usize("embedding_dim")?);
            embedding(&a, layer)
        },
        "Embedding.from_pretrained" => |a| {
            let names = [
                "embeddings",
                "freeze",
                "padding_idx",
                "max_norm",
                "norm_type",
                "scale_grad_by_freq",
                "sparse",
            ];
            let a = a.bind("Embedding.from_pretrained", &names)?;
            let layer = Embedding::from_pretrained(a.tensor("embeddings")?);
            embedding(&a, layer.freeze(a.bool_or("freeze", true)?))
        },
        "EmbeddingBag" => |a| {
            let names = [
                "num_embeddings",
                "embedding_dim",
                "max_norm",
                "norm_type",
                "scale_grad_by_freq",
                "mode",
                "sparse",
                "include_last_offset",
                "padding_idx",
                "dtype",
            ];
            let a = a.bind("EmbeddingBag", &names)?;
            let sizes = (a.usize("num_embeddings")?, a.usize("embedding_dim")?);
            bag(&a, EmbeddingBag::builder(sizes.0, sizes.1))
        },
        "EmbeddingBag.from_pretrained" => |a| {
            let names = [
                "embeddings",
                "freeze",
                "max_norm",
                "norm_type",
                "scale_grad_by_freq",
                "mode",
                "sparse",
                "include_last_offset",
                "padding_idx",
            ];
            let a = a.bind("EmbeddingBag.from_pretrained", &names)?;
            let layer = EmbeddingBag::from_pretrained(a.tensor("embeddings")?);
            bag(&a, layer.freeze(a.bool_or("freeze", true)?))
        },
        "Bilinear" => |a| {
            let names = [
                "in1_features",
                "in2_features",
                "out_features",
                "bias",
                "dtype",
            ];
            let a = a.bind("Bilinear", &names)?;
            let [n1, n2, out] = [a.usize(names[0])?, a.usize(names[1])?, a.usize(names[2])?];
            let layer = Bilinear::builder(n1, n2, out)
                .bias(a.bool_or("bias", true)?)
                .dtype(a.opt_dtype("dtype")?.unwrap_or(DType::F32));
            ModuleHandle::with_caller(layer.build()?, call_pair::<Bilinear>)
        },
        "CosineSimilarity" => |a| {
            let a = a.bind("CosineSimilarity", &["dim", "eps"])?;
            let layer = CosineSimilarity::builder()
                .dim(a.opt_i64("dim")?.unwrap_or(1))
                .eps(float(&a, "eps", 1e-8)?);
            ModuleHandle::with_caller(layer.build()?, call_pair::<CosineSimilarity>)
        },
        "PairwiseDistance" => |a| {
            let a = a.bind("PairwiseDistance", &["p", "eps", "keepdim"])?;
            let layer = PairwiseDistance::builder()
                .p(float(&a, "p", 2.0)?)
                .eps(float(&a, "eps", 1e-6)?)
                .keepdim(a.bool_or("keepdim", false)?);
            ModuleHandle::with_caller(layer.build()?, call_pair::<PairwiseDistance>)
        },
        "Unflatten" => |a| {
            let a = a.bind("Unflatten", &["dim", "unflattened_size"])?;
            let sizes = a.ints("unflattened_size")?;
            ModuleHandle::layer(Unflatten::new(a.i64("dim")?, sizes))
        },
        _ => return None,
    })
}

fn float(a: &Bound, name: &str, default: f64) -> Eval<f64> {
    Ok(a.opt_f64(name)?.unwrap_or(default))
}

fn instance_norm(a: Args) -> Eval {
    let names = [
        "input",
        "running_mean",
        "running_var",
        "weight",
        "bias",
        "use_input_stats",
        "momentum",
        "eps",
    ];
    let a = a.bind("instance_norm", &names)?;
    let stats = [a.opt_tensor("running_mean")?, a.opt_tensor("running_var")?];
    let [mean, var] = stats.map(|t| t.map(Buffer::new));
    let (weight, bias) = (a.opt_tensor("weight")?, a.opt_tensor("bias")?);
    let options = InstanceNormOptions::new()
        .running_stats(mean.as_ref().zip(var.as_ref()))
        .weight(weight.as_ref())
        .bias(bias.as_ref())
        .use_input_stats(a.bool_or("use_input_stats", true)?)
        .momentum(float(&a, "momentum", 0.1)?)
        .eps(float(&a, "eps", 1e-5)?);
    let y = F::instance_norm(&a.tensor("input")?, options)?;
    // Python's function changes the tensors that it is given.
    for (name, buffer) in [("running_mean", mean), ("running_var", var)] {
        if let (Some(Value::Tensor(variable)), Some(buffer)) = (a.get(name), buffer) {
            *variable.borrow_mut() = buffer.tensor();
        }
    }
    one(y)
}

fn instance_norm_class<const D: usize>(a: Args) -> Eval {
    let names = [
        "num_features",
        "eps",
        "momentum",
        "affine",
        "track_running_stats",
        "*",
        "bias",
        "dtype",
    ];
    let a = a.bind("InstanceNorm", &names)?;
    let mut layer = InstanceNorm::<D>::builder(a.usize("num_features")?)
        .eps(float(&a, "eps", 1e-5)?)
        .affine(a.bool_or("affine", false)?)
        .bias(a.bool_or("bias", true)?)
        .track_running_stats(a.bool_or("track_running_stats", false)?)
        .dtype(a.opt_dtype("dtype")?.unwrap_or(DType::F32));
    if a.get("momentum").is_some() {
        layer = layer.momentum(a.opt_f64("momentum")?);
    }
    ModuleHandle::layer(layer.build()?)
}

/// Python's `max_norm`, which changes the weight that it is given.
fn renorm(a: &Bound, input: &Tensor) -> Eval<()> {
    let (Some(max_norm), norm_type) = (a.opt_f64("max_norm")?, float(a, "norm_type", 2.0)?) else {
        return Ok(());
    };
    match a.need("weight")? {
        Value::Tensor(weight) => {
            F::embedding_renorm_(&mut *weight.borrow_mut(), input, max_norm, norm_type)?;
        }
        Value::Parameter(weight) => {
            F::embedding_renorm_(&**weight, input, max_norm, norm_type)?;
        }
        other => return bug(format!("a weight that is {other:?}")),
    }
    Ok(())
}

fn embedding_bag(mut a: Args) -> Eval {
    let names = [
        "input",
        "weight",
        "offsets",
        "max_norm",
        "norm_type",
        "scale_grad_by_freq",
        "mode",
        "sparse",
        "per_sample_weights",
        "include_last_offset",
        "padding_idx",
    ];
    if let [first, second, ..] = &mut a.positional[..]
        && first.as_tensor()?.dtype().is_float()
        && second.as_tensor()?.dtype() == DType::I64
    {
        // The order of old programs, which PyTorch warns of.
        std::mem::swap(first, second);
    }
    let a = a.bind("embedding_bag", &names)?;
    a.only_false("sparse")?;
    let input = a.tensor("input")?;
    renorm(&a, &input)?;
    let (offsets, psw) = (
        a.opt_tensor("offsets")?,
        a.opt_tensor("per_sample_weights")?,
    );
    let options = EmbeddingBagOptions::new()
        .offsets(offsets.as_ref())
        .scale_grad_by_freq(a.bool_or("scale_grad_by_freq", false)?)
        .mode(a.str_or("mode", "mean")?)
        .per_sample_weights(psw.as_ref())
        .include_last_offset(a.bool_or("include_last_offset", false)?)
        .padding_idx(a.opt_i64("padding_idx")?);
    one(F::embedding_bag(&input, &a.tensor("weight")?, options)?)
}

fn embedding(a: &Bound, layer: EmbeddingBuilder) -> Eval {
    let layer = layer
        .padding_idx(a.opt_i64("padding_idx")?)
        .max_norm(a.opt_f64("max_norm")?)
        .norm_type(float(a, "norm_type", 2.0)?)
        .scale_grad_by_freq(a.bool_or("scale_grad_by_freq", false)?)
        .sparse(a.bool_or("sparse", false)?)
        .dtype(a.opt_dtype("dtype")?.unwrap_or(DType::F32));
    ModuleHandle::layer(layer.build()?)
}

fn bag(a: &Bound, layer: EmbeddingBagBuilder) -> Eval {
    let layer = layer
        .max_norm(a.opt_f64("max_norm")?)
        .norm_type(float(a, "norm_type", 2.0)?)
        .scale_grad_by_freq(a.bool_or("scale_grad_by_freq", false)?)
        .mode(a.str_or("mode", "mean")?)
        .sparse(a.bool_or("sparse", false)?)
        .include_last_offset(a.bool_or("include_last_offset", false)?)
        .padding_idx(a.opt_i64("padding_idx")?)
        .dtype(a.opt_dtype("dtype")?.unwrap_or(DType::F32));
    ModuleHandle::with_caller(layer.build()?, |module, args| {
        let a = args.bind("EmbeddingBag", &["input", "offsets", "per_sample_weights"])?;
        let (offsets, psw) = (
            a.opt_tensor("offsets")?,
            a.opt_tensor("per_sample_weights")?,
        );
        match module.downcast_ref::<EmbeddingBag>() {
            Some(layer) => {
                one(layer.call((&a.tensor("input")?, offsets.as_ref(), psw.as_ref()))?)
            }
            None => bug("another layer than was made"),
        }
    })
}

/// `layer(x1, x2)`.
fn call_pair<L>(module: &dyn Module, args: Args) -> Eval
where
    L: for<'a> ForwardMany<Arguments<'a> = (&'a Tensor, &'a Tensor), Output = Tensor>,
{
    let [x1, x2] = &args.positional[..] else {
        return Err(EvalError::TypedOut(
            "another number of inputs than two".into(),
        ));
    };
    match module.downcast_ref::<L>() {
        Some(layer) => one(layer.call((&x1.as_tensor()?, &x2.as_tensor()?))?),
        None => bug("another layer than was made"),
    }
}
