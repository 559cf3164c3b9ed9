//! Classes and functions that move or resample elements of sequences, images and volumes.

use pleach::Tensor;
use pleach::nn::functional::{
    self as F, FractionalMaxPoolOptions, GridSampleOptions, InterpolateOptions, LPPoolOptions,
    MaxUnpoolOptions, Ratio, Resize, UnfoldOptions,
};
use pleach::nn::layers::{
    ChannelShuffle, Fold, FractionalMaxPool, LPPool, MaxUnpool, PixelShuffle, PixelUnshuffle,
    Unfold, Upsample, UpsamplingBilinear2d, UpsamplingNearest2d,
};
use pleach::nn::{ForwardMany, ModuleExt};

use super::args::{Args, Bound};
use super::dimensional::{size, size_or, two};
use super::module_object::ModuleHandle;
use super::nn_fns::one;
use super::value::{Builtin, Eval, EvalError, Value, bug};

pub fn class(name: &str) -> Option<Builtin> {
    Some(match name {
        "PixelShuffle" => |a| {
            let factor = a
                .bind("PixelShuffle", &["upscale_factor"])?
                .usize("upscale_factor")?;
            ModuleHandle::layer(PixelShuffle::new(factor))
        },
        "PixelUnshuffle" => |a| {
            let a = a.bind("PixelUnshuffle", &["downscale_factor"])?;
            ModuleHandle::layer(PixelUnshuffle::new(a.usize("downscale_factor")?))
        },
        "ChannelShuffle" => |a| {
            let groups = a.bind("ChannelShuffle", &["groups"])?.usize("groups")?;
            ModuleHandle::layer(ChannelShuffle::new(groups))
        },
        "Unfold" => |a| {
            let a = a.bind("Unfold", &["kernel_size", "dilation", "padding", "stride"])?;
            let layer = Unfold::builder(size(a.need("kernel_size")?)?)
                .dilation(size_or(&a, "dilation", 1)?)
                .padding(size_or(&a, "padding", 0)?)
                .stride(size_or(&a, "stride", 1)?);
            ModuleHandle::layer(layer.build()?)
        },
        "Fold" => |a| {
            let names = [
                "output_size",
                "kernel_size",
                "dilation",
                "padding",
                "stride",
            ];
            let a = a.bind("Fold", &names)?;
            let (output, kernel) = (a.need("output_size")?, a.need("kernel_size")?);
            let layer = Fold::builder(size(output)?, size(kernel)?)
                .dilation(size_or(&a, "dilation", 1)?)
                .padding(size_or(&a, "padding", 0)?)
                .stride(size_or(&a, "stride", 1)?);
            ModuleHandle::layer(layer.build()?)
        },
        "Upsample" => |a| {
            let names = [
                "size",
                "scale_factor",
                "mode",
                "align_corners",
                "recompute_scale_factor",
            ];
            let a = a.bind("Upsample", &names)?;
            let layer = Upsample::builder(resize(&a)?)
                .mode(a.str_or("mode", "nearest")?)
                .align_corners(opt_bool(&a, "align_corners")?)
                .recompute_scale_factor(opt_bool(&a, "recompute_scale_factor")?);
            ModuleHandle::layer(layer.build()?)
        },
        "UpsamplingNearest2d" => |a| {
            let a = a.bind("UpsamplingNearest2d", &["size", "scale_factor"])?;
            ModuleHandle::layer(UpsamplingNearest2d::new(resize(&a)?))
        },
        "UpsamplingBilinear2d" => |a| {
            let a = a.bind("UpsamplingBilinear2d", &["size", "scale_factor"])?;
            ModuleHandle::layer(UpsamplingBilinear2d::new(resize(&a)?))
        },
        "LPPool1d" => lp_pool_class::<1>,
        "LPPool2d" => lp_pool_class::<2>,
        "LPPool3d" => lp_pool_class::<3>,
        "MaxUnpool1d" => max_unpool_class::<1>,
        "MaxUnpool2d" => max_unpool_class::<2>,
        "MaxUnpool3d" => max_unpool_class::<3>,
        "FractionalMaxPool2d" => fractional_class::<2>,
        "FractionalMaxPool3d" => fractional_class::<3>,
        _ => return None,
    })
}

pub fn function(name: &str) -> Option<Builtin> {
    Some(match name {
        "pixel_shuffle" => |a| {
            let a = a.bind("pixel_shuffle", &["input", "upscale_factor"])?;
            one(F::pixel_shuffle(
                &a.tensor("input")?,
                a.usize("upscale_factor")?,
            )?)
        },
        "pixel_unshuffle" => |a| {
            let a = a.bind("pixel_unshuffle", &["input", "downscale_factor"])?;
            one(F::pixel_unshuffle(
                &a.tensor("input")?,
                a.usize("downscale_factor")?,
            )?)
        },
        "channel_shuffle" => |a| {
            let a = a.bind("channel_shuffle", &["input", "groups"])?;
            one(F::channel_shuffle(&a.tensor("input")?, a.usize("groups")?)?)
        },
        "fold" => |a| {
            let names = [
                "input",
                "output_size",
                "kernel_size",
                "dilation",
                "padding",
                "stride",
            ];
            let a = a.bind("fold", &names)?;
            let options = UnfoldOptions::new(size(a.need("kernel_size")?)?)
                .dilation(size_or(&a, "dilation", 1)?)
                .padding(size_or(&a, "padding", 0)?)
                .stride(size_or(&a, "stride", 1)?);
            let output = size(a.need("output_size")?)?;
            one(F::fold(&a.tensor("input")?, output, options)?)
        },
        "interpolate" => |a| {
            let names = [&UPSAMPLE[..], &["recompute_scale_factor", "antialias"]].concat();
            let a = a.bind("interpolate", &names)?;
            let options = options(&a)?
                .recompute_scale_factor(opt_bool(&a, "recompute_scale_factor")?)
                .antialias(a.bool_or("antialias", false)?);
            one(F::interpolate(&a.tensor("input")?, options)?)
        },
        "upsample" => |a| {
            let a = a.bind("upsample", &UPSAMPLE)?;
            one(F::upsample(&a.tensor("input")?, options(&a)?)?)
        },
        "upsample_nearest" => |a| {
            let a = a.bind("upsample_nearest", &["input", "size", "scale_factor"])?;
            one(F::upsample_nearest(&a.tensor("input")?, resize(&a)?)?)
        },
        "upsample_bilinear" => |a| {
            let a = a.bind("upsample_bilinear", &["input", "size", "scale_factor"])?;
            one(F::upsample_bilinear(&a.tensor("input")?, resize(&a)?)?)
        },
        "grid_sample" => |a| {
            let names = ["input", "grid", "mode", "padding_mode", "align_corners"];
            let a = a.bind("grid_sample", &names)?;
            let mut options = GridSampleOptions::new()
                .mode(a.str_or("mode", "bilinear")?)
                .padding_mode(a.str_or("padding_mode", "zeros")?);
            if let Some(align) = opt_bool(&a, "align_corners")? {
                options = options.align_corners(align);
            }
            one(F::grid_sample(
                &a.tensor("input")?,
                &a.tensor("grid")?,
                options,
            )?)
        },
        "affine_grid" => |a| {
            let a = a.bind("affine_grid", &["theta", "size", "align_corners"])?;
            let align = opt_bool(&a, "align_corners")?;
            one(F::affine_grid(
                &a.tensor("theta")?,
                &a.shape("size")?,
                align,
            )?)
        },
        "lp_pool1d" => |a| lp_pool(a, F::lp_pool1d),
        "lp_pool2d" => |a| lp_pool(a, F::lp_pool2d),
        "lp_pool3d" => |a| lp_pool(a, F::lp_pool3d),
        "max_unpool1d" => |a| max_unpool(a, F::max_unpool1d),
        "max_unpool2d" => |a| max_unpool(a, F::max_unpool2d),
        "max_unpool3d" => |a| max_unpool(a, F::max_unpool3d),
        "fractional_max_pool2d" => |a| {
            fractional(
                a,
                F::fractional_max_pool2d,
                F::fractional_max_pool2d_with_indices,
            )
        },
        "fractional_max_pool3d" => |a| {
            fractional(
                a,
                F::fractional_max_pool3d,
                F::fractional_max_pool3d_with_indices,
            )
        },
        _ => return None,
    })
}

/// Functions of `torch` itself.
pub fn torch_function(name: &str) -> Option<Builtin> {
    match name {
        "grid_sampler_2d" | "grid_sampler_3d" => Some(|a| {
            let names = [
                "input",
                "grid",
                "interpolation_mode",
                "padding_mode",
                "align_corners",
            ];
            let a = a.bind("grid_sampler", &names)?;
            let word = |name: &str, words: [&'static str; 3]| {
                let word = words.get(a.usize(name)?).copied();
                word.map_or_else(|| bug(format!("another {name}")), Ok)
            };
            let options = GridSampleOptions::new()
                .mode(word(
                    "interpolation_mode",
                    ["bilinear", "nearest", "bicubic"],
                )?)
                .padding_mode(word("padding_mode", ["zeros", "border", "reflection"])?)
                .align_corners(a.bool_or("align_corners", false)?);
            one(F::grid_sample(
                &a.tensor("input")?,
                &a.tensor("grid")?,
                options,
            )?)
        }),
        _ => None,
    }
}

fn opt_bool(a: &Bound, name: &str) -> Eval<Option<bool>> {
    a.opt(name).map(Value::as_bool).transpose()
}

/// `size=` or `scale_factor=`.
fn resize(a: &Bound) -> Eval<Resize> {
    match (a.opt("size"), a.opt("scale_factor")) {
        (Some(_), None) => Ok(Resize::Size(a.shape("size")?)),
        (None, Some(factors)) if factors.is_sequence() => Ok(Resize::ScaleFactor(
            factors
                .items()?
                .iter()
                .map(Value::as_f64)
                .collect::<Eval<_>>()?,
        )),
        (None, Some(factor)) => Ok(Resize::scale_factor(factor.as_f64()?)),
        (None, None) => Err(EvalError::TypedOut("neither size nor scale_factor".into())),
        (Some(_), Some(_)) => Err(EvalError::TypedOut("both size and scale_factor".into())),
    }
}

const UPSAMPLE: [&str; 5] = ["input", "size", "scale_factor", "mode", "align_corners"];

fn options(a: &Bound) -> Eval<InterpolateOptions> {
    Ok(InterpolateOptions::new(resize(a)?)
        .mode(a.str_or("mode", "nearest")?)
        .align_corners(opt_bool(a, "align_corners")?))
}

const LP_POOL: [&str; 4] = ["norm_type", "kernel_size", "stride", "ceil_mode"];

fn lp_pool_class<const D: usize>(a: Args) -> Eval {
    let a = a.bind("LPPool", &LP_POOL)?;
    let kernel = size::<D>(a.need("kernel_size")?)?;
    let mut layer = LPPool::builder(a.need("norm_type")?.as_scalar()?, kernel)
        .ceil_mode(a.bool_or("ceil_mode", false)?);
    if let Some(stride) = a.opt("stride") {
        layer = layer.stride(size::<D>(stride)?);
    }
    ModuleHandle::layer(layer.build()?)
}

fn lp_pool<const D: usize>(
    a: Args,
    function: fn(&Tensor, f64, LPPoolOptions<D>) -> pleach::Result<Tensor>,
) -> Eval {
    let a = a.bind("lp_pool", &[&["input"], &LP_POOL[..]].concat())?;
    let mut options = LPPoolOptions::new(size::<D>(a.need("kernel_size")?)?)
        .ceil_mode(a.bool_or("ceil_mode", false)?);
    if let Some(stride) = a.opt("stride") {
        options = options.stride(size::<D>(stride)?);
    }
    one(function(&a.tensor("input")?, a.f64("norm_type")?, options)?)
}

fn max_unpool_class<const D: usize>(a: Args) -> Eval {
    let a = a.bind("MaxUnpool", &["kernel_size", "stride", "padding"])?;
    let kernel = size::<D>(a.need("kernel_size")?)?;
    let mut layer = MaxUnpool::builder(kernel).padding(size_or(&a, "padding", 0)?);
    if let Some(stride) = a.opt("stride") {
        layer = layer.stride(size::<D>(stride)?);
    }
    ModuleHandle::with_caller(layer.build()?, |module, args| {
        let a = args.bind("forward", &["input", "indices", "output_size"])?;
        let Some(layer) = module.downcast_ref::<MaxUnpool<D>>() else {
            return bug("not an unpooling");
        };
        let (input, indices) = (a.tensor("input")?, a.tensor("indices")?);
        one(match a.opt("output_size") {
            Some(_) => layer.call_with_output_size(&input, &indices, &a.shape("output_size")?)?,
            None => layer.call((&input, &indices))?,
        })
    })
}

fn max_unpool<const D: usize>(
    a: Args,
    function: fn(&Tensor, &Tensor, MaxUnpoolOptions<D>) -> pleach::Result<Tensor>,
) -> Eval {
    let names = [
        "input",
        "indices",
        "kernel_size",
        "stride",
        "padding",
        "output_size",
    ];
    let a = a.bind("max_unpool", &names)?;
    let mut options = MaxUnpoolOptions::new(size::<D>(a.need("kernel_size")?)?)
        .padding(size_or(&a, "padding", 0)?);
    if let Some(stride) = a.opt("stride") {
        options = options.stride(size::<D>(stride)?);
    }
    if a.opt("output_size").is_some() {
        options = options.output_size(&a.shape("output_size")?);
    }
    one(function(
        &a.tensor("input")?,
        &a.tensor("indices")?,
        options,
    )?)
}

const FRACTIONAL: [&str; 5] = [
    "kernel_size",
    "output_size",
    "output_ratio",
    "return_indices",
    "_random_samples",
];

fn ratio<const D: usize>(value: &Value) -> Eval<Ratio<D>> {
    if !value.is_sequence() {
        return Ok(value.as_f64()?.into());
    }
    let items = value
        .items()?
        .iter()
        .map(Value::as_f64)
        .collect::<Eval<Vec<_>>>()?;
    match <[f64; D]>::try_from(items) {
        Ok(each) => Ok(each.into()),
        Err(_) => Err(EvalError::TypedOut("another number of ratios".into())),
    }
}

fn fractional_class<const D: usize>(a: Args) -> Eval {
    let a = a.bind("FractionalMaxPool", &FRACTIONAL)?;
    let mut layer = FractionalMaxPool::builder(size::<D>(a.need("kernel_size")?)?);
    if let Some(value) = a.opt("output_size") {
        layer = layer.output_size(size::<D>(value)?);
    }
    if let Some(value) = a.opt("output_ratio") {
        layer = layer.output_ratio(ratio::<D>(value)?);
    }
    if let Some(samples) = a.opt_tensor("_random_samples")? {
        layer = layer.random_samples(&samples);
    }
    let layer = layer.build()?;
    if !a.bool_or("return_indices", false)? {
        return ModuleHandle::layer(layer);
    }
    ModuleHandle::with_caller(layer, |module, args| {
        let input = args
            .bind("FractionalMaxPool", &["input"])?
            .tensor("input")?;
        match module.downcast_ref::<FractionalMaxPool<D>>() {
            Some(layer) => two(layer.call_with_indices(&input)?),
            None => bug("not a fractional pooling"),
        }
    })
}

fn fractional<const D: usize>(
    a: Args,
    plain: fn(&Tensor, FractionalMaxPoolOptions<D>) -> pleach::Result<Tensor>,
    with_indices: fn(&Tensor, FractionalMaxPoolOptions<D>) -> pleach::Result<(Tensor, Tensor)>,
) -> Eval {
    let a = a.bind(
        "fractional_max_pool",
        &[&["input"], &FRACTIONAL[..]].concat(),
    )?;
    let mut options = FractionalMaxPoolOptions::new(size::<D>(a.need("kernel_size")?)?);
    if let Some(value) = a.opt("output_size") {
        options = options.output_size(size::<D>(value)?);
    }
    if let Some(value) = a.opt("output_ratio") {
        options = options.output_ratio(ratio::<D>(value)?);
    }
    if let Some(samples) = a.opt_tensor("_random_samples")? {
        options = options.random_samples(&samples);
    }
    let input = a.tensor("input")?;
    match a.bool_or("return_indices", false)? {
        true => two(with_indices(&input, options)?),
        false => one(plain(&input, options)?),
    }
}
