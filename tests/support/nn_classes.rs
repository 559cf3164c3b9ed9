//! Classes of `torch.nn`.

use pleach::nn::layers::{
    AlphaDropout, CELU, Dropout, Dropout1d, Dropout2d, Dropout3d, ELU, FeatureAlphaDropout,
    Flatten, Hardshrink, Hardsigmoid, Hardswish, Hardtanh, Identity, LeakyReLU, Linear, LogSigmoid,
    Mish, ReLU, ReLU6, SELU, SiLU, Softplus, Softshrink, Softsign, Tanhshrink, Threshold,
};
use pleach::nn::losses::{CrossEntropyLoss, Loss, MSELoss};
use pleach::nn::{Module, ModuleDict, ModuleExt, ModuleList, ParameterDict, Sequential};

use pleach::Parameter;

use super::activation_fns;
use super::args::Args;
use super::dimensional;
use super::loss_classes;
use super::module_object::ModuleHandle;
use super::nn_fns::reduction;
use super::norms;
use super::spatial;
use super::value::{Builtin, Eval, Value, bug};

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
        "ReLU" => |a| {
            let a = a.bind("ReLU", &["inplace"])?;
            let layer = ReLU::builder().inplace(a.bool_or("inplace", false)?);
            ModuleHandle::layer(layer.build()?)
        },
        "ReLU6" => |a| {
            let a = a.bind("ReLU6", &["inplace"])?;
            let layer = ReLU6::builder().inplace(a.bool_or("inplace", false)?);
            ModuleHandle::layer(layer.build()?)
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
        "Flatten" => |a| {
            let a = a.bind("Flatten", &["start_dim", "end_dim"])?;
            let (start, end) = (a.opt_i64("start_dim")?, a.opt_i64("end_dim")?);
            let layer = Flatten::builder()
                .start_dim(start.unwrap_or(1))
                .end_dim(end.unwrap_or(-1));
            ModuleHandle::layer(layer.build()?)
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
            let mut list = ModuleList::<dyn Module>::default();
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
            let mut dict = ModuleDict::<dyn Module>::default();
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
        _ => {
            return dimensional::class(name)
                .or_else(|| activation_fns::class(name))
                .or_else(|| norms::class(name))
                .or_else(|| spatial::class(name))
                .or_else(|| loss_classes::find(name));
        }
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
pub fn call_loss<L: Loss>(module: &dyn Module, args: Args) -> Eval {
    let a = args.bind("forward", &["input", "target"])?;
    match module.downcast_ref::<L>() {
        Some(loss) => Ok(Value::tensor(
            loss.call(&a.tensor("input")?, &a.tensor("target")?)?,
        )),
        None => bug("another loss than was made"),
    }
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
