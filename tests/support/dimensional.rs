//! Classes and functions that exist for one, two and three dimensions.

use pleach::nn::functional::{
    self as F, AvgPoolOptions, BatchNormOptions, ConvOptions, ConvTransposeOptions, MaxPoolOptions,
    OutputSize, Pads, Size,
};
use pleach::nn::layers::{
    AdaptiveAvgPool, AdaptiveMaxPool, AvgPool, BatchNorm, CircularPad, ConstantPad, Conv,
    ConvTranspose, MaxPool, ReflectionPad, ReplicationPad, ZeroPad,
};
use pleach::nn::{Forward, ModuleExt};
use pleach::{Buffer, Tensor};

use super::args::{Args, Bound};
use super::module_object::ModuleHandle;
use super::nn_fns::one;
use super::value::{Builtin, Eval, EvalError, Value, bug};

/// A size given as an int, or one for each dimension.
pub fn size<const D: usize>(value: &Value) -> Eval<Size<D>> {
    if !value.is_sequence() {
        return Ok(value.as_usize()?.into());
    }
    match value.items()?.as_slice() {
        [both] if D > 1 => Ok(both.as_usize()?.into()),
        items => {
            let sizes = items
                .iter()
                .map(Value::as_usize)
                .collect::<Eval<Vec<_>>>()?;
            match <[usize; D]>::try_from(sizes) {
                Ok(sizes) => Ok(sizes.into()),
                Err(sizes) => Err(EvalError::TypedOut(format!(
                    "{} sizes for {D} dimensions",
                    sizes.len()
                ))),
            }
        }
    }
}

pub fn size_or<const D: usize>(a: &Bound, name: &str, default: usize) -> Eval<Size<D>> {
    a.opt(name).map_or(Ok(default.into()), size)
}

/// As [`size`], where each may be `None`.
fn output_size<const D: usize>(value: &Value) -> Eval<OutputSize<D>> {
    let size = |v: &Value| match v {
        Value::None => Ok(None),
        v => v.as_usize().map(Some),
    };
    if !value.is_sequence() {
        return Ok(size(value)?.into());
    }
    let sizes = value.items()?.iter().map(size).collect::<Eval<Vec<_>>>()?;
    match <[Option<usize>; D]>::try_from(sizes) {
        Ok(sizes) => Ok(sizes.into()),
        Err(sizes) => Err(EvalError::TypedOut(format!(
            "{} sizes for {D} dimensions",
            sizes.len()
        ))),
    }
}

/// The stride of a pooling; the kernel's size if absent or empty.
fn stride_or<const D: usize>(a: &Bound, kernel: Size<D>) -> Eval<Size<D>> {
    match a.opt("stride") {
        Some(v) if v.is_sequence() && v.items()?.is_empty() => Ok(kernel),
        given => given.map_or(Ok(kernel), size),
    }
}

/// A padding layer of so many dimensions.
macro_rules! pads {
    ($name:ident, $d:literal $(, $value:ident)?) => {
        |a| {
            let a = a.bind(stringify!($name), &["padding" $(, stringify!($value))?])?;
            let pads = match a.need("padding")? {
                sizes if sizes.is_sequence() => {
                    let sizes = <[i64; 2 * $d]>::try_from(sizes.as_ints()?);
                    sizes.map_err(|_| EvalError::TypedOut("another number of pads".into()))?.into()
                }
                size => Pads::<$d>::from(size.as_i64()?),
            };
            $(let $value = a.need(stringify!($value))?.as_scalar()?;)?
            ModuleHandle::layer($name::<$d>::new(pads $(, $value)?))
        }
    };
}

pub fn class(name: &str) -> Option<Builtin> {
    Some(match name {
        "Conv1d" => conv_class::<1>,
        "Conv2d" => conv_class::<2>,
        "Conv3d" => conv_class::<3>,
        "ConvTranspose1d" => conv_transpose_class::<1>,
        "ConvTranspose2d" => conv_transpose_class::<2>,
        "ConvTranspose3d" => conv_transpose_class::<3>,
        "BatchNorm1d" => batch_norm::<1>,
        "BatchNorm2d" => batch_norm::<2>,
        "BatchNorm3d" => batch_norm::<3>,
        "ZeroPad1d" => pads!(ZeroPad, 1),
        "ZeroPad2d" => pads!(ZeroPad, 2),
        "ZeroPad3d" => pads!(ZeroPad, 3),
        "ReflectionPad1d" => pads!(ReflectionPad, 1),
        "ReflectionPad2d" => pads!(ReflectionPad, 2),
        "ReflectionPad3d" => pads!(ReflectionPad, 3),
        "ReplicationPad1d" => pads!(ReplicationPad, 1),
        "ReplicationPad2d" => pads!(ReplicationPad, 2),
        "ReplicationPad3d" => pads!(ReplicationPad, 3),
        "CircularPad1d" => pads!(CircularPad, 1),
        "CircularPad2d" => pads!(CircularPad, 2),
        "CircularPad3d" => pads!(CircularPad, 3),
        "ConstantPad1d" => pads!(ConstantPad, 1, value),
        "ConstantPad2d" => pads!(ConstantPad, 2, value),
        "ConstantPad3d" => pads!(ConstantPad, 3, value),
        "MaxPool1d" => max_pool_class::<1>,
        "MaxPool2d" => max_pool_class::<2>,
        "MaxPool3d" => max_pool_class::<3>,
        "AvgPool1d" => avg_pool_class::<1>,
        "AvgPool2d" => avg_pool_class::<2>,
        "AvgPool3d" => avg_pool_class::<3>,
        "AdaptiveAvgPool1d" => adaptive_avg_pool_class::<1>,
        "AdaptiveAvgPool2d" => adaptive_avg_pool_class::<2>,
        "AdaptiveAvgPool3d" => adaptive_avg_pool_class::<3>,
        "AdaptiveMaxPool1d" => adaptive_max_pool_class::<1>,
        "AdaptiveMaxPool2d" => adaptive_max_pool_class::<2>,
        "AdaptiveMaxPool3d" => adaptive_max_pool_class::<3>,
        _ => return None,
    })
}

pub fn function(name: &str) -> Option<Builtin> {
    Some(match name {
        "conv1d" => |a| conv(a, F::conv1d),
        "conv2d" => |a| conv(a, F::conv2d),
        "conv3d" => |a| conv(a, F::conv3d),
        "conv_transpose1d" => |a| conv_transpose(a, F::conv_transpose1d),
        "conv_transpose2d" => |a| conv_transpose(a, F::conv_transpose2d),
        "conv_transpose3d" => |a| conv_transpose(a, F::conv_transpose3d),
        "max_pool1d" => |a| max_pool(a, F::max_pool1d, F::max_pool1d_with_indices),
        "max_pool2d" => |a| max_pool(a, F::max_pool2d, F::max_pool2d_with_indices),
        "max_pool3d" => |a| max_pool(a, F::max_pool3d, F::max_pool3d_with_indices),
        "avg_pool1d" => |a| avg_pool(a, F::avg_pool1d),
        "avg_pool2d" => |a| avg_pool(a, F::avg_pool2d),
        "avg_pool3d" => |a| avg_pool(a, F::avg_pool3d),
        "adaptive_avg_pool1d" => |a| adaptive_avg_pool(a, F::adaptive_avg_pool1d),
        "adaptive_avg_pool2d" => |a| adaptive_avg_pool(a, F::adaptive_avg_pool2d),
        "adaptive_avg_pool3d" => |a| adaptive_avg_pool(a, F::adaptive_avg_pool3d),
        "adaptive_max_pool1d" => |a| {
            adaptive_max_pool(
                a,
                F::adaptive_max_pool1d,
                F::adaptive_max_pool1d_with_indices,
            )
        },
        "adaptive_max_pool2d" => |a| {
            adaptive_max_pool(
                a,
                F::adaptive_max_pool2d,
                F::adaptive_max_pool2d_with_indices,
            )
        },
        "adaptive_max_pool3d" => |a| {
            adaptive_max_pool(
                a,
                F::adaptive_max_pool3d,
                F::adaptive_max_pool3d_with_indices,
            )
        },
        "batch_norm" => |a| {
            let names = [
                "input",
                "running_mean",
                "running_var",
                "weight",
                "bias",
                "training",
                "momentum",
                "eps",
            ];
            let a = a.bind("batch_norm", &names)?;
            let [mean, var, weight, bias] = [
                a.opt_tensor("running_mean")?,
                a.opt_tensor("running_var")?,
                a.opt_tensor("weight")?,
                a.opt_tensor("bias")?,
            ];
            let (mean, var) = (mean.map(Buffer::new), var.map(Buffer::new));
            let options = BatchNormOptions::new()
                .running_stats(mean.as_ref().zip(var.as_ref()))
                .weight(weight.as_ref())
                .bias(bias.as_ref())
                .training(a.bool_or("training", false)?)
                .momentum(a.opt_f64("momentum")?.unwrap_or(0.1))
                .eps(a.opt_f64("eps")?.unwrap_or(1e-5));
            one(F::batch_norm(&a.tensor("input")?, options)?)
        },
        _ => return None,
    })
}

fn batch_norm<const D: usize>(a: Args) -> Eval {
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
    let a = a.bind("BatchNorm", &names)?;
    let mut layer = BatchNorm::<D>::builder(a.usize("num_features")?)
        .affine(a.bool_or("affine", true)?)
        .bias(a.bool_or("bias", true)?)
        .track_running_stats(a.bool_or("track_running_stats", true)?);
    if let Some(eps) = a.opt_f64("eps")? {
        layer = layer.eps(eps);
    }
    if a.get("momentum").is_some() {
        layer = layer.momentum(a.opt_f64("momentum")?);
    }
    if let Some(dtype) = a.opt_dtype("dtype")? {
        layer = layer.dtype(dtype);
    }
    ModuleHandle::layer(layer.build()?)
}

fn conv_class<const D: usize>(a: Args) -> Eval {
    let names = [
        "in_channels",
        "out_channels",
        "kernel_size",
        "stride",
        "padding",
        "dilation",
        "groups",
        "bias",
        "padding_mode",
        "dtype",
    ];
    let a = a.bind("Conv", &names)?;
    let kernel = size::<D>(a.need("kernel_size")?)?;
    let mut layer = Conv::builder(a.usize("in_channels")?, a.usize("out_channels")?, kernel)
        .stride(size_or(&a, "stride", 1)?)
        .dilation(size_or(&a, "dilation", 1)?)
        .groups(a.opt_usize("groups")?.unwrap_or(1))
        .bias(a.bool_or("bias", true)?)
        .padding_mode(a.str_or("padding_mode", "zeros")?);
    layer = match a.opt("padding") {
        Some(Value::Str(text)) => layer.padding(text.as_str()),
        _ => layer.padding(size_or(&a, "padding", 0)?),
    };
    if let Some(dtype) = a.opt_dtype("dtype")? {
        layer = layer.dtype(dtype);
    }
    ModuleHandle::layer(layer.build()?)
}

fn conv_transpose_class<const D: usize>(a: Args) -> Eval {
    let names = [
        "in_channels",
        "out_channels",
        "kernel_size",
        "stride",
        "padding",
        "output_padding",
        "groups",
        "bias",
        "dilation",
        "padding_mode",
        "dtype",
    ];
    let a = a.bind("ConvTranspose", &names)?;
    let kernel = size::<D>(a.need("kernel_size")?)?;
    let mut layer =
        ConvTranspose::builder(a.usize("in_channels")?, a.usize("out_channels")?, kernel)
            .stride(size_or(&a, "stride", 1)?)
            .padding(size_or(&a, "padding", 0)?)
            .output_padding(size_or(&a, "output_padding", 0)?)
            .dilation(size_or(&a, "dilation", 1)?)
            .groups(a.opt_usize("groups")?.unwrap_or(1))
            .bias(a.bool_or("bias", true)?)
            .padding_mode(a.str_or("padding_mode", "zeros")?);
    if let Some(dtype) = a.opt_dtype("dtype")? {
        layer = layer.dtype(dtype);
    }
    ModuleHandle::layer_with_caller(layer.build()?, |module, args| {
        let a = args.bind("forward", &["input", "output_size"])?;
        let Some(layer) = module.downcast_ref::<ConvTranspose<D>>() else {
            return bug("not a transposed convolution");
        };
        let input = a.tensor("input")?;
        Ok(Value::tensor(match a.opt("output_size") {
            Some(sizes) => layer.call_with_output_size(&input, size::<D>(sizes)?)?,
            None => layer.call(&input)?,
        }))
    })
}

/// `conv2d` and its like, as a function of input, weight, bias and options.
type Convolution<O> = fn(&Tensor, &Tensor, Option<&Tensor>, O) -> pleach::Result<Tensor>;

fn conv<const D: usize>(a: Args, function: Convolution<ConvOptions<D>>) -> Eval {
    let names = [
        "input", "weight", "bias", "stride", "padding", "dilation", "groups",
    ];
    let a = a.bind("conv", &names)?;
    let options = ConvOptions::new()
        .stride(size_or(&a, "stride", 1)?)
        .dilation(size_or(&a, "dilation", 1)?)
        .groups(a.opt_usize("groups")?.unwrap_or(1));
    let options = match a.opt("padding") {
        Some(Value::Str(text)) => options.padding(text.as_str()),
        _ => options.padding(size_or(&a, "padding", 0)?),
    };
    let bias = a.opt_tensor("bias")?;
    one(function(
        &a.tensor("input")?,
        &a.tensor("weight")?,
        bias.as_ref(),
        options,
    )?)
}

fn conv_transpose<const D: usize>(a: Args, function: Convolution<ConvTransposeOptions<D>>) -> Eval {
    let names = [
        "input",
        "weight",
        "bias",
        "stride",
        "padding",
        "output_padding",
        "groups",
        "dilation",
    ];
    let a = a.bind("conv_transpose", &names)?;
    let options = ConvTransposeOptions::new()
        .stride(size_or(&a, "stride", 1)?)
        .padding(size_or(&a, "padding", 0)?)
        .output_padding(size_or(&a, "output_padding", 0)?)
        .dilation(size_or(&a, "dilation", 1)?)
        .groups(a.opt_usize("groups")?.unwrap_or(1));
    let bias = a.opt_tensor("bias")?;
    one(function(
        &a.tensor("input")?,
        &a.tensor("weight")?,
        bias.as_ref(),
        options,
    )?)
}

const MAX_POOL: [&str; 6] = [
    "kernel_size",
    "stride",
    "padding",
    "dilation",
    "ceil_mode",
    "return_indices",
];

pub fn two((values, indices): (Tensor, Tensor)) -> Eval {
    Ok(Value::Tuple(vec![
        Value::tensor(values),
        Value::tensor(indices),
    ]))
}

fn max_pool_class<const D: usize>(a: Args) -> Eval {
    // The class has the last two in the other order.
    let [kernel, stride, padding, dilation, ceil, indices] = MAX_POOL;
    let a = a.bind(
        "MaxPool",
        &[kernel, stride, padding, dilation, indices, ceil],
    )?;
    let kernel = size::<D>(a.need("kernel_size")?)?;
    let layer = MaxPool::builder(kernel)
        .stride(stride_or(&a, kernel)?)
        .padding(size_or(&a, "padding", 0)?)
        .dilation(size_or(&a, "dilation", 1)?)
        .ceil_mode(a.bool_or("ceil_mode", false)?)
        .build()?;
    if !a.bool_or("return_indices", false)? {
        return ModuleHandle::layer(layer);
    }
    ModuleHandle::with_caller(layer, |module, args| {
        let input = args.bind("MaxPool", &["input"])?.tensor("input")?;
        match module.downcast_ref::<MaxPool<D>>() {
            Some(layer) => two(layer.call_with_indices(&input)?),
            None => bug("not a maximum pooling"),
        }
    })
}

fn max_pool<const D: usize>(
    a: Args,
    plain: fn(&Tensor, MaxPoolOptions<D>) -> pleach::Result<Tensor>,
    with_indices: fn(&Tensor, MaxPoolOptions<D>) -> pleach::Result<(Tensor, Tensor)>,
) -> Eval {
    let a = a.bind("max_pool", &[&["input"], &MAX_POOL[..]].concat())?;
    let kernel = size(a.need("kernel_size")?)?;
    let options = MaxPoolOptions::new(kernel)
        .stride(stride_or(&a, kernel)?)
        .padding(size_or(&a, "padding", 0)?)
        .dilation(size_or(&a, "dilation", 1)?)
        .ceil_mode(a.bool_or("ceil_mode", false)?);
    let input = a.tensor("input")?;
    match a.bool_or("return_indices", false)? {
        true => two(with_indices(&input, options)?),
        false => one(plain(&input, options)?),
    }
}

const AVG_POOL: [&str; 6] = [
    "kernel_size",
    "stride",
    "padding",
    "ceil_mode",
    "count_include_pad",
    "divisor_override",
];

fn avg_pool_class<const D: usize>(a: Args) -> Eval {
    let a = a.bind("AvgPool", &AVG_POOL)?;
    let kernel = size::<D>(a.need("kernel_size")?)?;
    let layer = AvgPool::builder(kernel)
        .stride(stride_or(&a, kernel)?)
        .padding(size_or(&a, "padding", 0)?)
        .ceil_mode(a.bool_or("ceil_mode", false)?)
        .count_include_pad(a.bool_or("count_include_pad", true)?)
        .divisor_override(a.opt_i64("divisor_override")?);
    ModuleHandle::layer(layer.build()?)
}

fn avg_pool<const D: usize>(
    a: Args,
    function: fn(&Tensor, AvgPoolOptions<D>) -> pleach::Result<Tensor>,
) -> Eval {
    let a = a.bind("avg_pool", &[&["input"], &AVG_POOL[..]].concat())?;
    let kernel = size(a.need("kernel_size")?)?;
    let options = AvgPoolOptions::new(kernel)
        .stride(stride_or(&a, kernel)?)
        .padding(size_or(&a, "padding", 0)?)
        .ceil_mode(a.bool_or("ceil_mode", false)?)
        .count_include_pad(a.bool_or("count_include_pad", true)?)
        .divisor_override(a.opt_i64("divisor_override")?);
    one(function(&a.tensor("input")?, options)?)
}

fn adaptive_avg_pool_class<const D: usize>(a: Args) -> Eval {
    let a = a.bind("AdaptiveAvgPool", &["output_size"])?;
    let size = output_size::<D>(a.need("output_size")?)?;
    ModuleHandle::layer(AdaptiveAvgPool::new(size))
}

fn adaptive_avg_pool<const D: usize>(
    a: Args,
    function: fn(&Tensor, OutputSize<D>) -> pleach::Result<Tensor>,
) -> Eval {
    let a = a.bind("adaptive_avg_pool", &["input", "output_size"])?;
    one(function(
        &a.tensor("input")?,
        output_size(a.need("output_size")?)?,
    )?)
}

fn adaptive_max_pool_class<const D: usize>(a: Args) -> Eval {
    let a = a.bind("AdaptiveMaxPool", &["output_size", "return_indices"])?;
    let layer = AdaptiveMaxPool::<D>::new(output_size(a.need("output_size")?)?);
    if !a.bool_or("return_indices", false)? {
        return ModuleHandle::layer(layer);
    }
    ModuleHandle::with_caller(layer, |module, args| {
        let input = args.bind("AdaptiveMaxPool", &["input"])?.tensor("input")?;
        match module.downcast_ref::<AdaptiveMaxPool<D>>() {
            Some(layer) => two(layer.call_with_indices(&input)?),
            None => bug("not an adaptive pooling"),
        }
    })
}

fn adaptive_max_pool<const D: usize>(
    a: Args,
    plain: fn(&Tensor, OutputSize<D>) -> pleach::Result<Tensor>,
    with_indices: fn(&Tensor, OutputSize<D>) -> pleach::Result<(Tensor, Tensor)>,
) -> Eval {
    let a = a.bind(
        "adaptive_max_pool",
        &["input", "output_size", "return_indices"],
    )?;
    let (input, size) = (a.tensor("input")?, output_size(a.need("output_size")?)?);
    match a.bool_or("return_indices", false)? {
        true => two(with_indices(&input, size)?),
        false => one(plain(&input, size)?),
    }
}
