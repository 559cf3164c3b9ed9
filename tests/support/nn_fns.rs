//! Functions of `torch.nn.functional`.

use pleach::Tensor;
use pleach::nn::functional::{
    self as F, CrossEntropyOptions, LossOptions, NllLossOptions, Reduction, UnfoldOptions,
};

use super::args::Bound;
use super::dimensional::{self, size, size_or};
use super::value::{Builtin, Eval, Value};
use super::{activation_fns, loss_fns, norms, spatial};

pub fn one(tensor: Tensor) -> Eval {
    Ok(Value::tensor(tensor))
}

/// `reduction=..`: PyTorch takes any text and fails later, a type allows three.
pub fn reduction(a: &Bound) -> Eval<Reduction> {
    Ok(a.str_or("reduction", "mean")?.parse()?)
}

/// A dropout; whether it trains by default differs.
macro_rules! dropout {
    ($name:literal, $function:ident, $training:literal) => {
        |a| {
            let a = a.bind($name, &["input", "p", "training", "inplace"])?;
            let p = a.opt_f64("p")?.unwrap_or(0.5);
            let training = a.bool_or("training", $training)?;
            one(F::$function(&a.tensor("input")?, p, training)?)
        }
    };
}

/// A row of the table of activations.
macro_rules! activation {
    ($name:ident { $($p:ident = $default:expr),* }) => {
        |a| {
            let a = a.bind(stringify!($name), &["input", $(stringify!($p),)* "inplace"])?;
            $(let $p = a.opt_f64(stringify!($p))?.unwrap_or($default);)*
            one(F::$name(&a.tensor("input")? $(, $p)*)?)
        }
    };
}

pub fn find(name: &str) -> Option<Builtin> {
    Some(match name {
        "linear" => |a| {
            let a = a.bind("linear", &["input", "weight", "bias"])?;
            let bias = a.opt_tensor("bias")?;
            one(F::linear(
                &a.tensor("input")?,
                &a.tensor("weight")?,
                bias.as_ref(),
            )?)
        },
        "relu" => |a| {
            one(F::relu(
                &a.bind("relu", &["input", "inplace"])?.tensor("input")?,
            )?)
        },
        "relu6" => |a| {
            one(F::relu6(
                &a.bind("relu6", &["input", "inplace"])?.tensor("input")?,
            )?)
        },
        "leaky_relu" => activation!(leaky_relu { negative_slope = 0.01 }),
        "elu" => activation!(elu { alpha = 1.0 }),
        "celu" => activation!(celu { alpha = 1.0 }),
        "selu" => activation!(selu {}),
        "softplus" => activation!(softplus { beta = 1.0, threshold = 20.0 }),
        "hardtanh" => activation!(hardtanh { min_val = -1.0, max_val = 1.0 }),
        "hardsigmoid" => activation!(hardsigmoid {}),
        "hardswish" => activation!(hardswish {}),
        "silu" => activation!(silu {}),
        "mish" => activation!(mish {}),
        "softsign" => activation!(softsign {}),
        "tanhshrink" => activation!(tanhshrink {}),
        "hardshrink" => activation!(hardshrink { lambd = 0.5 }),
        "softshrink" => activation!(softshrink { lambd = 0.5 }),
        "threshold" => activation!(threshold { threshold = 0.0, value = 0.0 }),
        "logsigmoid" => activation!(logsigmoid {}),
        "gelu" => |a| {
            let a = a.bind("gelu", &["input", "approximate"])?;
            one(F::gelu(
                &a.tensor("input")?,
                a.str_or("approximate", "none")?,
            )?)
        },
        "dropout" => dropout!("dropout", dropout, true),
        "dropout1d" => dropout!("dropout1d", dropout1d, true),
        "dropout2d" => dropout!("dropout2d", dropout2d, true),
        "dropout3d" => dropout!("dropout3d", dropout3d, true),
        "alpha_dropout" => dropout!("alpha_dropout", alpha_dropout, false),
        "feature_alpha_dropout" => {
            dropout!("feature_alpha_dropout", feature_alpha_dropout, false)
        }
        "pad" => |a| {
            let a = a.bind("pad", &["input", "pad", "mode", "value"])?;
            let mode = a.str_or("mode", "constant")?;
            let value = a.opt_f64("value")?.unwrap_or(0.0);
            one(F::pad(&a.tensor("input")?, &a.ints("pad")?, mode, value)?)
        },
        "unfold" => |a| {
            let a = a.bind(
                "unfold",
                &["input", "kernel_size", "dilation", "padding", "stride"],
            )?;
            one(F::unfold(
                &a.tensor("input")?,
                UnfoldOptions::new(size(a.need("kernel_size")?)?)
                    .dilation(size_or(&a, "dilation", 1)?)
                    .padding(size_or(&a, "padding", 0)?)
                    .stride(size_or(&a, "stride", 1)?),
            )?)
        },
        "one_hot" => |a| {
            let a = a.bind("one_hot", &["tensor", "num_classes"])?;
            let classes = a
                .opt_i64("num_classes")?
                .filter(|&n| n != -1)
                .map(|n| n as usize);
            one(F::one_hot(&a.tensor("tensor")?, classes)?)
        },
        "pdist" => |a| {
            let a = a.bind("pdist", &["input", "p"])?;
            one(F::pdist(
                &a.tensor("input")?,
                a.opt_f64("p")?.unwrap_or(2.0),
            )?)
        },
        "mse_loss" => |a| {
            let a = a.bind("mse_loss", &["input", "target", "*", "reduction", "weight"])?;
            let weight = a.opt_tensor("weight")?;
            one(F::mse_loss(
                &a.tensor("input")?,
                &a.tensor("target")?,
                LossOptions::new()
                    .weight(weight.as_ref())
                    .reduction(reduction(&a)?),
            )?)
        },
        "nll_loss" => |a| {
            let a = a.bind(
                "nll_loss",
                &[
                    "input",
                    "target",
                    "weight",
                    "*",
                    "ignore_index",
                    "reduction",
                ],
            )?;
            let (weight, ignore) = (
                a.opt_tensor("weight")?,
                a.opt_i64("ignore_index")?.unwrap_or(-100),
            );
            one(F::nll_loss(
                &a.tensor("input")?,
                &a.tensor("target")?,
                NllLossOptions::new()
                    .weight(weight.as_ref())
                    .ignore_index(ignore)
                    .reduction(reduction(&a)?),
            )?)
        },
        "cross_entropy" => |a| {
            let names = [
                "input",
                "target",
                "weight",
                "*",
                "ignore_index",
                "reduction",
                "label_smoothing",
            ];
            let a = a.bind("cross_entropy", &names)?;
            let (weight, ignore) = (
                a.opt_tensor("weight")?,
                a.opt_i64("ignore_index")?.unwrap_or(-100),
            );
            one(F::cross_entropy(
                &a.tensor("input")?,
                &a.tensor("target")?,
                CrossEntropyOptions::new()
                    .weight(weight.as_ref())
                    .ignore_index(ignore)
                    .reduction(reduction(&a)?)
                    .label_smoothing(a.opt_f64("label_smoothing")?.unwrap_or(0.0)),
            )?)
        },
        _ => {
            return dimensional::function(name)
                .or_else(|| activation_fns::function(name))
                .or_else(|| norms::function(name))
                .or_else(|| spatial::function(name))
                .or_else(|| loss_fns::find(name));
        }
    })
}
