//! Classes of `torch.nn`.

use pleach::nn::functional::{OutputSize, Pads, Pair, Size};
use pleach::nn::layers::{
    AdaptiveAvgPool2d, AlphaDropout, AvgPool2d, BatchNorm, CELU, CircularPad, ConstantPad, Conv,
    ConvTranspose, Dropout, Dropout1d, Dropout2d, Dropout3d, ELU, FeatureAlphaDropout, Flatten,
    Hardshrink, Hardsigmoid, Hardswish, Hardtanh, Identity, LeakyReLU, Linear, LogSigmoid,
    MaxPool2d, Mish, ReLU, ReLU6, ReflectionPad, ReplicationPad, SELU, SiLU, Softplus, Softshrink,
    Softsign, Tanhshrink, Threshold, ZeroPad,
};
use pleach::nn::losses::{CrossEntropyLoss, Loss, MSELoss};
use pleach::nn::{Forward, Module, ModuleDict, ModuleExt, ModuleList, ParameterDict, Sequential};

use pleach::Parameter;

use super::args::{Args, Bound};
use super::module_object::ModuleHandle;
use super::nn_fns::reduction;
use super::value::{Builtin, Eval, EvalError, Value, bug};

/// A row of the table of activations. Those whose flag `inplace` is not printed take it all the same.
macro_rules! activation {
    ($layer:ident { $($p:ident),* } $(, $flag:ident)?) => {
        |a| {
            let a = a.bind(stringify!($layer), &[$(stringify!($p),)* "inplace"])?;
            a.only("inplace", |v| matches!(v, Value::Bool(_)))?;
            let layer = $layer::builder();
            $(let layer = match a.opt(stringify!($p)) {
                Some(value) => layer.$p(value.as_scalar()?),
                None => layer,
            };)*
            $(let layer = layer.$flag(a.bool_or(stringify!($flag), false)?);)?
            ModuleHandle::layer(layer.build()?)
        }
    };
}

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

/// A size given as an int or a pair.
pub fn pair(value: &Value) -> Eval<Pair> {
    Ok(size::<2>(value)?.array().into())
}

pub fn pair_or(a: &Bound, name: &str, default: usize) -> Eval<Pair> {
    a.opt(name).map_or(Ok(Pair::One(default)), pair)
}

pub fn output_size(value: &Value) -> Eval<OutputSize> {
    let size = |v: &Value| match v {
        Value::None => Ok(None),
        v => v.as_usize().map(Some),
    };
    if !value.is_sequence() {
        return Ok(OutputSize::One(size(value)?));
    }
    match value.items()?.as_slice() {
        [h, w] => Ok(OutputSize::Two(size(h)?, size(w)?)),
        other => Err(EvalError::TypedOut(format!(
            "{} sizes of an image",
            other.len()
        ))),
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

macro_rules! dropout {
    ($name:literal, $class:ident) => {
        |a| {
            let a = a.bind($name, &["p", "inplace"])?;
            let layer = $class::builder()
                .p(a.opt_f64("p")?.unwrap_or(0.5))
                .inplace(a.bool_or("inplace", false)?);
            ModuleHandle::layer(layer.build()?)
        }
    };
}

/// Every class that exists, by its name in `torch.nn`.
pub fn find(name: &str) -> Option<Builtin> {
    Some(match name {
        "Linear" => |a| {
            let a = a.bind("Linear", &["in_features", "out_features", "bias", "dtype"])?;
            let mut layer = Linear::builder(a.usize("in_features")?, a.usize("out_features")?)
                .bias(a.bool_or("bias", true)?);
            if let Some(dtype) = a.opt_dtype("dtype")? {
                layer = layer.dtype(dtype);
            }
            ModuleHandle::layer(layer.build()?)
        },
        "Conv1d" => conv::<1>,
        "Conv2d" => conv::<2>,
        "Conv3d" => conv::<3>,
        "ConvTranspose1d" => conv_transpose::<1>,
        "ConvTranspose2d" => conv_transpose::<2>,
        "ConvTranspose3d" => conv_transpose::<3>,
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
        "ReLU" => |a| {
            let a = a.bind("ReLU", &["inplace"])?;
            ModuleHandle::layer(ReLU::with_inplace(a.bool_or("inplace", false)?))
        },
        "ReLU6" => |a| {
            let a = a.bind("ReLU6", &["inplace"])?;
            ModuleHandle::layer(ReLU6::with_inplace(a.bool_or("inplace", false)?))
        },
        "LeakyReLU" => activation!(LeakyReLU { negative_slope }, inplace),
        "ELU" => activation!(ELU { alpha }, inplace),
        "CELU" => activation!(CELU { alpha }, inplace),
        "SELU" => activation!(SELU {}, inplace),
        "Softplus" => activation!(Softplus { beta, threshold }),
        "Hardtanh" => activation!(Hardtanh { min_val, max_val }, inplace),
        "Hardsigmoid" => activation!(Hardsigmoid {}),
        "Hardswish" => activation!(Hardswish {}),
        "SiLU" => activation!(SiLU {}, inplace),
        "Mish" => activation!(Mish {}, inplace),
        "Softsign" => activation!(Softsign {}),
        "Tanhshrink" => activation!(Tanhshrink {}),
        "Hardshrink" => activation!(Hardshrink { lambd }),
        "Softshrink" => activation!(Softshrink { lambd }),
        "Threshold" => |a| {
            let a = a.bind("Threshold", &["threshold", "value", "inplace"])?;
            let (threshold, value) = (
                a.need("threshold")?.as_scalar()?,
                a.need("value")?.as_scalar()?,
            );
            let layer = Threshold::builder(threshold, value).inplace(a.bool_or("inplace", false)?);
            ModuleHandle::layer(layer.build()?)
        },
        "LogSigmoid" => activation!(LogSigmoid {}),
        "MaxPool2d" => max_pool2d,
        "AvgPool2d" => |a| {
            let names = [
                "kernel_size",
                "stride",
                "padding",
                "ceil_mode",
                "count_include_pad",
                "divisor_override",
            ];
            let a = a.bind("AvgPool2d", &names)?;
            ModuleHandle::layer(
                AvgPool2d::builder(pair(a.need("kernel_size")?)?)
                    .stride(a.opt("stride").map(pair).transpose()?)
                    .padding(pair_or(&a, "padding", 0)?)
                    .ceil_mode(a.bool_or("ceil_mode", false)?)
                    .count_include_pad(a.bool_or("count_include_pad", true)?)
                    .divisor_override(a.opt_i64("divisor_override")?)
                    .build(),
            )
        },
        "AdaptiveAvgPool2d" => |a| {
            let a = a.bind("AdaptiveAvgPool2d", &["output_size"])?;
            ModuleHandle::layer(AdaptiveAvgPool2d::new(output_size(a.need("output_size")?)?))
        },
        "Flatten" => |a| {
            let a = a.bind("Flatten", &["start_dim", "end_dim"])?;
            let (start, end) = (a.opt_i64("start_dim")?, a.opt_i64("end_dim")?);
            ModuleHandle::layer(Flatten::over(start.unwrap_or(1), end.unwrap_or(-1)))
        },
        "Dropout" => dropout!("Dropout", Dropout),
        "Dropout1d" => dropout!("Dropout1d", Dropout1d),
        "Dropout2d" => dropout!("Dropout2d", Dropout2d),
        "Dropout3d" => dropout!("Dropout3d", Dropout3d),
        "AlphaDropout" => dropout!("AlphaDropout", AlphaDropout),
        "FeatureAlphaDropout" => dropout!("FeatureAlphaDropout", FeatureAlphaDropout),
        // Python's Identity takes any arguments and ignores them.
        "Identity" => |_| ModuleHandle::layer(Identity::new()),
        "CrossEntropyLoss" => |a| {
            let names = [
                "weight",
                "*",
                "ignore_index",
                "reduction",
                "label_smoothing",
            ];
            let a = a.bind("CrossEntropyLoss", &names)?;
            let mut loss = CrossEntropyLoss::builder()
                .ignore_index(a.opt_i64("ignore_index")?.unwrap_or(-100))
                .reduction(reduction(&a)?)
                .label_smoothing(a.opt_f64("label_smoothing")?.unwrap_or(0.0));
            if let Some(weight) = a.opt_tensor("weight")? {
                loss = loss.weight(weight);
            }
            ModuleHandle::with_caller(loss.build()?, call_loss::<CrossEntropyLoss>)
        },
        "MSELoss" => |a| {
            let a = a.bind("MSELoss", &["*", "reduction"])?;
            let loss = MSELoss::builder().reduction(reduction(&a)?).build()?;
            ModuleHandle::with_caller(loss, call_loss::<MSELoss>)
        },
        "Sequential" => sequential,
        "ModuleList" => |a| {
            let a = a.bind("ModuleList", &["modules"])?;
            let mut list = ModuleList::new();
            for item in a
                .opt("modules")
                .map_or(Ok(Vec::new()), super::builtins::iterate)?
            {
                match item {
                    Value::Module(module) => list.push(module.share_module()),
                    other => return bug(format!("{other:?} in a ModuleList")),
                }
            }
            ModuleHandle::tree(list)
        },
        "ModuleDict" => |a| {
            let a = a.bind("ModuleDict", &["modules"])?;
            let mut dict = ModuleDict::new();
            for (name, item) in named_items(a.opt("modules"))? {
                match item {
                    Value::Module(module) => dict.insert(name, module.share_module())?,
                    other => return bug(format!("{other:?} in a ModuleDict")),
                };
            }
            ModuleHandle::tree(dict)
        },
        "ParameterList" => |a| {
            let a = a.bind("ParameterList", &["values"])?;
            let items = a
                .opt("values")
                .map_or(Ok(Vec::new()), super::builtins::iterate)?;
            let parameters = items.iter().map(parameter).collect::<Eval<Vec<_>>>()?;
            ModuleHandle::tree(parameters)
        },
        "ParameterDict" => |a| {
            let a = a.bind("ParameterDict", &["parameters"])?;
            let mut items = named_items(a.opt("parameters"))?;
            // Python's constructor sorts the names of a plain dictionary.
            items.sort_by(|a, b| a.0.cmp(&b.0));
            let mut dict = ParameterDict::new();
            for (name, item) in items {
                dict.insert(name, parameter(&item)?)?;
            }
            ModuleHandle::tree(dict)
        },
        _ => return None,
    })
}

/// The items of a dictionary, or of none.
fn named_items(value: Option<&Value>) -> Eval<Vec<(String, Value)>> {
    match value {
        None | Some(Value::None) => Ok(Vec::new()),
        Some(Value::Dict(dict)) => Ok(dict.borrow().items.clone()),
        Some(other) => bug(format!("{other:?} is no dictionary")),
    }
}

fn parameter(value: &Value) -> Eval<Parameter> {
    match value {
        Value::Parameter(parameter) => Ok(parameter.share()),
        other => bug(format!("{other:?} is no parameter")),
    }
}

/// `loss(input, target)`.
fn call_loss<L: Loss>(module: &dyn Module, args: Args) -> Eval {
    let a = args.bind("forward", &["input", "target"])?;
    match module.downcast_ref::<L>() {
        Some(loss) => Ok(Value::tensor(
            loss.call(&a.tensor("input")?, &a.tensor("target")?)?,
        )),
        None => bug("another loss than was made"),
    }
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

fn conv<const D: usize>(a: Args) -> Eval {
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

fn conv_transpose<const D: usize>(a: Args) -> Eval {
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
    ModuleHandle::with_caller(layer.build()?, |module, args| {
        let a = args.bind("forward", &["input", "output_size"])?;
        let Some(layer) = module.downcast_ref::<ConvTranspose<D>>() else {
            return bug("not a transposed convolution");
        };
        let input = a.tensor("input")?;
        Ok(Value::tensor(match a.opt("output_size") {
            Some(sizes) => layer.forward_with_output_size(&input, size::<D>(sizes)?)?,
            None => layer.call(&input)?,
        }))
    })
}

fn max_pool2d(a: Args) -> Eval {
    let names = [
        "kernel_size",
        "stride",
        "padding",
        "dilation",
        "return_indices",
        "ceil_mode",
    ];
    let a = a.bind("MaxPool2d", &names)?;
    let layer = MaxPool2d::builder(pair(a.need("kernel_size")?)?)
        .stride(a.opt("stride").map(pair).transpose()?)
        .padding(pair_or(&a, "padding", 0)?)
        .dilation(pair_or(&a, "dilation", 1)?)
        .ceil_mode(a.bool_or("ceil_mode", false)?)
        .build();
    if !a.bool_or("return_indices", false)? {
        return ModuleHandle::layer(layer);
    }
    ModuleHandle::with_caller(layer, |module, args| {
        let input = args.bind("MaxPool2d", &["input"])?.tensor("input")?;
        let Some(layer) = module.downcast_ref::<MaxPool2d>() else {
            return bug("not a MaxPool2d");
        };
        let (values, indices) = layer.forward_with_indices(&input)?;
        Ok(Value::Tuple(vec![
            Value::tensor(values),
            Value::tensor(indices),
        ]))
    })
}

/// `Sequential(a, b)`, or of one dictionary of named modules.
fn sequential(a: Args) -> Eval {
    let mut net = Sequential::new();
    if let [Value::Dict(named)] = a.positional.as_slice() {
        for (name, item) in &named.borrow().items {
            match item {
                Value::Module(module) => net.push_named(name.clone(), module.share_layer()?)?,
                other => return bug(format!("{other:?} in a Sequential")),
            }
        }
    } else {
        for item in &a.positional {
            match item {
                Value::Module(module) => net.push(module.share_layer()?),
                other => return bug(format!("{other:?} in a Sequential")),
            }
        }
    }
    ModuleHandle::layer(net)
}
