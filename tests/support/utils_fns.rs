//! `torch.nn.utils`, `torch.utils.checkpoint`, lazy layers.

use pleach::nn::layers::{
    BatchNorm, Conv, ConvTranspose, LazyBatchNorm, LazyConvNd, LazyInstanceNorm, LazyLinear, Linear,
};
use pleach::nn::utils::parametrizations::{
    OrthogonalMap, OrthogonalOptions, SpectralNormOptions, orthogonal, spectral_norm, weight_norm,
};
use pleach::nn::utils::parametrize::{self, Parametrization};
use pleach::nn::utils::prune::{self, Amount, Unstructured};
use pleach::nn::utils::{self, CheckpointOptions, ClipGradNorm};
use pleach::nn::{Forward, Module, ModuleExt, Sequential};
use pleach::{Parameter, Tensor};

use super::args::{Args, Bound};
use super::dimensional::{size, size_or};
use super::module_object::ModuleHandle;
use super::value::{Builtin, Eval, Value, bug};

/// Functions and classes by their full names.
pub fn find(path: &str) -> Option<Builtin> {
    let path = path.strip_prefix("torch.")?;
    Some(match path {
        "nn.utils.clip_grad_norm_" => |a| {
            let a = a.bind(
                "clip_grad_norm_",
                &["parameters", "max_norm", "norm_type", "error_if_nonfinite"],
            )?;
            let options = ClipGradNorm::new(a.f64("max_norm")?)
                .norm_type(a.opt_f64("norm_type")?.unwrap_or(2.0))
                .error_if_nonfinite(a.bool_or("error_if_nonfinite", false)?);
            let norm = utils::clip_grad_norm_(&parameters(&a)?, options)?;
            Ok(Value::tensor(norm))
        },
        "nn.utils.clip_grad_value_" => |a| {
            let a = a.bind("clip_grad_value_", &["parameters", "clip_value"])?;
            utils::clip_grad_value_(&parameters(&a)?, a.f64("clip_value")?)?;
            Ok(Value::None)
        },
        "nn.utils.clip_grads_with_norm_" => |a| {
            let a = a.bind(
                "clip_grads_with_norm_",
                &["parameters", "max_norm", "total_norm"],
            )?;
            let total = a.tensor("total_norm")?;
            utils::clip_grads_with_norm_(&parameters(&a)?, a.f64("max_norm")?, &total)?;
            Ok(Value::None)
        },
        "nn.utils.get_total_norm" => |a| {
            let a = a.bind(
                "get_total_norm",
                &["tensors", "norm_type", "error_if_nonfinite"],
            )?;
            let strict = a.bool_or("error_if_nonfinite", false)?;
            let norm_type = a.opt_f64("norm_type")?.unwrap_or(2.0);
            let norm = utils::get_total_norm(&a.tensors("tensors")?, norm_type, strict)?;
            Ok(Value::tensor(norm))
        },
        "nn.utils.parameters_to_vector" => |a| {
            let a = a.bind("parameters_to_vector", &["parameters"])?;
            Ok(Value::tensor(utils::parameters_to_vector(&parameters(
                &a,
            )?)?))
        },
        "nn.utils.vector_to_parameters" => |a| {
            let a = a.bind("vector_to_parameters", &["vec", "parameters"])?;
            utils::vector_to_parameters(&a.tensor("vec")?, &parameters(&a)?)?;
            Ok(Value::None)
        },
        "nn.utils.fusion.fuse_conv_bn_eval" => |a| {
            let a = a.bind("fuse_conv_bn_eval", &["conv", "bn", "transpose"])?;
            fuse_conv(&a)
        },
        "nn.utils.fusion.fuse_linear_bn_eval" => |a| {
            let a = a.bind("fuse_linear_bn_eval", &["linear", "bn"])?;
            let (linear, bn) = (module(&a, "linear")?, module(&a, "bn")?);
            linear.read(|linear| {
                bn.read(
                    |bn| match (linear.downcast_ref::<Linear>(), bn.downcast_ref()) {
                        (Some(linear), Some(bn)) => {
                            ModuleHandle::layer(utils::fuse_linear_bn_eval(linear, bn)?)
                        }
                        _ => bug("fuse_linear_bn_eval of other modules"),
                    },
                )
            })
        },
        "nn.utils.skip_init" => |mut a: Args| {
            let class = a.positional.remove(0);
            utils::skip_init(|| super::eval::call(&class, a))
        },
        "utils.checkpoint.checkpoint" => |a| {
            let a = a.bind(
                "checkpoint",
                &["function", "input", "use_reentrant", "preserve_rng_state"],
            )?;
            let function = module(&a, "function")?.share_layer()?;
            let y = utils::checkpoint_with(
                checkpoint_options(&a)?,
                move |x: &Tensor| function.call(x),
                &a.tensor("input")?,
            )?;
            Ok(Value::tensor(y))
        },
        "utils.checkpoint.checkpoint_sequential" => |a| {
            let a = a.bind(
                "checkpoint_sequential",
                &[
                    "functions",
                    "segments",
                    "input",
                    "use_reentrant",
                    "preserve_rng_state",
                ],
            )?;
            let (options, input) = (checkpoint_options(&a)?, a.tensor("input")?);
            let segments = a.usize("segments")?;
            module(&a, "functions")?.read(|net| match net.downcast_ref::<Sequential>() {
                Some(net) => Ok(Value::tensor(utils::checkpoint_sequential(
                    net, segments, &input, options,
                )?)),
                None => bug("checkpoint_sequential of no Sequential"),
            })
        },
        "nn.LazyLinear" => |a| {
            let a = a.bind("LazyLinear", &["out_features", "bias"])?;
            let layer = LazyLinear::builder(a.usize("out_features")?);
            ModuleHandle::layer(layer.bias(a.bool_or("bias", true)?).build()?)
        },
        "nn.LazyConv1d" => lazy_conv::<1>,
        "nn.LazyConv2d" => lazy_conv::<2>,
        "nn.LazyConv3d" => lazy_conv::<3>,
        "nn.LazyConvTranspose1d" => lazy_conv_transpose::<1>,
        "nn.LazyConvTranspose2d" => lazy_conv_transpose::<2>,
        "nn.LazyConvTranspose3d" => lazy_conv_transpose::<3>,
        "nn.LazyBatchNorm1d" => lazy_batch_norm::<1>,
        "nn.LazyBatchNorm2d" => lazy_batch_norm::<2>,
        "nn.LazyBatchNorm3d" => lazy_batch_norm::<3>,
        "nn.LazyInstanceNorm1d" => lazy_instance_norm::<1>,
        "nn.LazyInstanceNorm2d" => lazy_instance_norm::<2>,
        "nn.LazyInstanceNorm3d" => lazy_instance_norm::<3>,
        _ => return parametrized(path.strip_prefix("nn.utils.")?),
    })
}

/// A parameter's field, as aliases of the layer see it.
pub fn field(module: &dyn Module, name: &str) -> Option<Parameter> {
    macro_rules! layers {
        ($($layer:ty),*) => {
            $(if let Some(layer) = module.downcast_ref::<$layer>() {
                return match name {
                    "weight" => Some(layer.weight.alias()),
                    "bias" => layer.bias.as_ref().map(Parameter::alias),
                    _ => None,
                };
            })*
        };
    }
    layers!(
        Linear,
        Conv<1>,
        Conv<2>,
        Conv<3>,
        ConvTranspose<1>,
        ConvTranspose<2>,
        ConvTranspose<3>
    );
    None
}

/// A layer that parametrizes.
#[derive(Module)]
#[module(transparent)]
struct Of(Box<dyn Forward>);

impl Parametrization for Of {
    fn forward(&self, originals: &[Tensor]) -> pleach::Result<Tensor> {
        self.0.call(&originals[0])
    }
}

/// Parametrizations and prunings; most of these functions return their module.
fn parametrized(path: &str) -> Option<Builtin> {
    Some(match path {
        "parametrize.register_parametrization" => |a| {
            let a = a.bind(
                "register_parametrization",
                &["module", "tensor_name", "parametrization", "*", "unsafe"],
            )?;
            let of = Of(module(&a, "parametrization")?.share_layer()?);
            let check = !a.bool_or("unsafe", false)?;
            on_module(&a, "tensor_name", |m, name| match check {
                true => parametrize::register_parametrization(m, name, of),
                false => parametrize::register_parametrization_unchecked(m, name, of),
            })
        },
        "parametrize.remove_parametrizations" => |a| {
            let a = a.bind(
                "remove_parametrizations",
                &["module", "tensor_name", "leave_parametrized"],
            )?;
            let leave = a.bool_or("leave_parametrized", true)?;
            on_module(&a, "tensor_name", |m, name| {
                parametrize::remove_parametrizations(m, name, leave)
            })
        },
        "parametrize.is_parametrized" => |a| {
            let a = a.bind("is_parametrized", &["module", "tensor_name"])?;
            let name = a.opt("tensor_name").map(Value::as_str).transpose()?;
            let is = module(&a, "module")?.read(|m| parametrize::is_parametrized(m, name));
            Ok(Value::Bool(is))
        },
        "parametrizations.weight_norm" => |a| {
            let a = a.bind("weight_norm", &["module", "name", "dim"])?;
            let dim = match a.get("dim") {
                Some(Value::None) => None,
                Some(dim) => Some(dim.as_i64()?),
                None => Some(0),
            };
            on_module(&a, "name", |m, name| weight_norm(m, name, dim))
        },
        "parametrizations.spectral_norm" => |a| {
            let a = a.bind(
                "spectral_norm",
                &["module", "name", "n_power_iterations", "eps", "dim"],
            )?;
            let options = SpectralNormOptions::new()
                .n_power_iterations(a.opt_i64("n_power_iterations")?.unwrap_or(1))
                .eps(a.opt_f64("eps")?.unwrap_or(1e-12))
                .dim(a.opt_i64("dim")?);
            on_module(&a, "name", |m, name| spectral_norm(m, name, options))
        },
        "parametrizations.orthogonal" => |a| {
            let a = a.bind(
                "orthogonal",
                &[
                    "module",
                    "name",
                    "orthogonal_map",
                    "*",
                    "use_trivialization",
                ],
            )?;
            let map = match a.opt("orthogonal_map").map(Value::as_str).transpose()? {
                None => None,
                Some("matrix_exp") => Some(OrthogonalMap::MatrixExp),
                Some("cayley") => Some(OrthogonalMap::Cayley),
                Some("householder") => Some(OrthogonalMap::Householder),
                Some(other) => return super::value::unknown(other),
            };
            let options = OrthogonalOptions::new()
                .orthogonal_map(map)
                .use_trivialization(a.bool_or("use_trivialization", true)?);
            on_module(&a, "name", |m, name| orthogonal(m, name, options))
        },
        "prune.identity" => |a| {
            let a = a.bind("identity", &["module", "name"])?;
            on_module(&a, "name", prune::identity)
        },
        "prune.random_unstructured" => |a| {
            let a = a.bind("random_unstructured", &["module", "name", "amount"])?;
            let amount = amount(&a)?;
            on_module(&a, "name", |m, name| {
                prune::random_unstructured(m, name, amount)
            })
        },
        "prune.l1_unstructured" => |a| {
            let names = ["module", "name", "amount", "importance_scores"];
            let a = a.bind("l1_unstructured", &names)?;
            let (amount, scores) = (amount(&a)?, a.opt_tensor("importance_scores")?);
            on_module(&a, "name", |m, name| {
                prune::l1_unstructured(m, name, amount, scores.as_ref())
            })
        },
        "prune.random_structured" => |a| {
            let a = a.bind("random_structured", &["module", "name", "amount", "dim"])?;
            let (amount, dim) = (amount(&a)?, a.i64("dim")?);
            on_module(&a, "name", |m, name| {
                prune::random_structured(m, name, amount, dim)
            })
        },
        "prune.ln_structured" => |a| {
            let names = ["module", "name", "amount", "n", "dim", "importance_scores"];
            let a = a.bind("ln_structured", &names)?;
            let (amount, scores) = (amount(&a)?, a.opt_tensor("importance_scores")?);
            let norm = (a.f64("n")?, a.i64("dim")?);
            on_module(&a, "name", |m, name| {
                prune::ln_structured(m, name, amount, norm, scores.as_ref())
            })
        },
        "prune.custom_from_mask" => |a| {
            let a = a.bind("custom_from_mask", &["module", "name", "mask"])?;
            let mask = a.tensor("mask")?;
            on_module(&a, "name", |m, name| {
                prune::custom_from_mask(m, name, &mask)
            })
        },
        "prune.remove" => |a| {
            let a = a.bind("remove", &["module", "name"])?;
            on_module(&a, "name", prune::remove)
        },
        "prune.is_pruned" => |a| {
            let a = a.bind("is_pruned", &["module"])?;
            Ok(Value::Bool(module(&a, "module")?.read(prune::is_pruned)))
        },
        "prune.L1Unstructured" | "prune.RandomUnstructured" => {
            |_| super::value::unknown("a pruning method by itself")
        }
        "prune.global_unstructured" => |a| {
            let a = a.bind(
                "global_unstructured",
                &["parameters", "pruning_method", "amount"],
            )?;
            let amount = amount(&a)?;
            let method = match a.need("pruning_method")? {
                Value::Path(path) if path.ends_with("L1Unstructured") => Unstructured::L1(amount),
                Value::Path(path) if path.ends_with("RandomUnstructured") => {
                    Unstructured::Random(amount)
                }
                other => return bug(format!("{other:?} is no method")),
            };
            let mut targets = Vec::new();
            for pair in a.need("parameters")?.items()? {
                match &pair.items()?[..] {
                    [Value::Module(m), Value::Str(name)] => {
                        targets.push((m.share_module(), name.clone()));
                    }
                    other => return bug(format!("{other:?} is no parameter")),
                }
            }
            let targets: Vec<_> = targets
                .iter()
                .map(|(m, name)| (&**m, name.as_str()))
                .collect();
            prune::global_unstructured(&targets, method, &[])?;
            Ok(Value::None)
        },
        _ => return None,
    })
}

fn amount(a: &Bound) -> Eval<Amount> {
    Ok(match a.need("amount")? {
        part @ Value::Float(_) => part.as_f64()?.into(),
        count => count.as_usize()?.into(),
    })
}

/// What a function does to a module's parameter; the module.
fn on_module(
    a: &Bound,
    name: &str,
    f: impl FnOnce(&dyn Module, &str) -> pleach::Result<()>,
) -> Eval {
    let module = module(a, "module")?;
    let name = a.str_or(name, "weight")?;
    module.read(|m| f(m, name))?;
    Ok(Value::Module(module))
}

fn parameters(a: &Bound) -> Eval<Vec<Parameter>> {
    let items = super::builtins::iterate(a.need("parameters")?)?;
    let parameter = |item: &Value| match item {
        Value::Parameter(p) => Ok(p.share()),
        other => bug(format!("{other:?} is no parameter")),
    };
    items.iter().map(parameter).collect()
}

fn module(a: &Bound, name: &str) -> Eval<ModuleHandle> {
    match a.need(name)? {
        Value::Module(module) => Ok(module.clone()),
        other => bug(format!("{other:?} is no module")),
    }
}

fn checkpoint_options(a: &Bound) -> Eval<CheckpointOptions> {
    a.only_false("use_reentrant")?;
    let preserve = a.bool_or("preserve_rng_state", true)?;
    Ok(CheckpointOptions::new().preserve_rng_state(preserve))
}

fn fuse_conv(a: &Bound) -> Eval {
    let (conv, bn) = (module(a, "conv")?, module(a, "bn")?);
    macro_rules! fused {
        ($($conv:ident $d:literal),*) => {
            conv.read(|conv| bn.read(|bn| {
                $(if let (Some(conv), Some(bn)) = (
                    conv.downcast_ref::<$conv<$d>>(), bn.downcast_ref::<BatchNorm<$d>>(),
                ) {
                    return ModuleHandle::layer(utils::fuse_conv_bn_eval(conv, bn)?);
                })*
                bug("fuse_conv_bn_eval of other modules")
            }))
        };
    }
    fused!(Conv 1, Conv 2, Conv 3, ConvTranspose 1, ConvTranspose 2, ConvTranspose 3)
}

const CONV: [&str; 9] = [
    "out_channels",
    "kernel_size",
    "stride",
    "padding",
    "dilation",
    "groups",
    "bias",
    "padding_mode",
    "output_padding",
];

fn lazy_conv<const D: usize>(a: Args) -> Eval {
    let a = a.bind("LazyConv", &CONV)?;
    let kernel = size::<D>(a.need("kernel_size")?)?;
    let layer =
        LazyConvNd::<pleach::nn::functional::Plain, D>::builder(a.usize("out_channels")?, kernel)
            .stride(size_or(&a, "stride", 1)?)
            .padding(size_or(&a, "padding", 0)?)
            .dilation(size_or(&a, "dilation", 1)?)
            .groups(a.opt_usize("groups")?.unwrap_or(1))
            .bias(a.bool_or("bias", true)?)
            .padding_mode(a.str_or("padding_mode", "zeros")?);
    ModuleHandle::layer(layer.build()?)
}

fn lazy_conv_transpose<const D: usize>(a: Args) -> Eval {
    let a = a.bind("LazyConvTranspose", &CONV)?;
    let kernel = size::<D>(a.need("kernel_size")?)?;
    let layer = LazyConvNd::<pleach::nn::functional::Transposed, D>::builder(
        a.usize("out_channels")?,
        kernel,
    )
    .stride(size_or(&a, "stride", 1)?)
    .padding(size_or(&a, "padding", 0)?)
    .dilation(size_or(&a, "dilation", 1)?)
    .output_padding(size_or(&a, "output_padding", 0)?)
    .groups(a.opt_usize("groups")?.unwrap_or(1))
    .bias(a.bool_or("bias", true)?);
    ModuleHandle::layer(layer.build()?)
}

/// The two norms have the same arguments, in Python and here.
macro_rules! lazy_norm {
    ($name:ident = $layer:ident) => {
        fn $name<const D: usize>(a: Args) -> Eval {
            let names = [
                "eps",
                "momentum",
                "affine",
                "track_running_stats",
                "*",
                "bias",
            ];
            let a = a.bind(stringify!($layer), &names)?;
            let momentum = match a.get("momentum") {
                Some(Value::None) => None,
                _ => Some(a.opt_f64("momentum")?.unwrap_or(0.1)),
            };
            let layer = $layer::<D>::builder()
                .eps(a.opt_f64("eps")?.unwrap_or(1e-5))
                .momentum(momentum)
                .affine(a.bool_or("affine", true)?)
                .bias(a.bool_or("bias", true)?)
                .track_running_stats(a.bool_or("track_running_stats", true)?);
            ModuleHandle::layer(layer.build()?)
        }
    };
}
lazy_norm!(lazy_batch_norm = LazyBatchNorm);
lazy_norm!(lazy_instance_norm = LazyInstanceNorm);
