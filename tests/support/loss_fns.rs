//! Losses of `torch.nn.functional`.

use pleach::nn::functional::{
    self as F, BinaryCrossEntropyWithLogitsOptions, CtcLossOptions, GaussianNllLossOptions,
    HuberLossOptions, LinearCrossEntropyOptions, LossOptions, MultiMarginLossOptions,
    PoissonNllLossOptions, TripletMarginLossOptions, TripletMarginWithDistanceLossOptions,
    Variance,
};
use pleach::{Error, Tensor};

use super::args::{Args, Bound};
use super::eval::call;
use super::nn_fns::{one, reduction};
use super::value::{Builtin, Eval, Value};

/// A loss of two tensors and [`LossOptions`].
macro_rules! weighted {
    ($name:ident) => {
        |a| {
            let names = ["input", "target", "weight", "*", "reduction"];
            let a = a.bind(stringify!($name), &names)?;
            let weight = a.opt_tensor("weight")?;
            let options = LossOptions::new()
                .weight(weight.as_ref())
                .reduction(reduction(&a)?);
            one(F::$name(
                &a.tensor("input")?,
                &a.tensor("target")?,
                options,
            )?)
        }
    };
}

/// A loss of some tensors, perhaps a number, and the reduction.
macro_rules! plain {
    ($name:ident, $($tensor:ident),* $(; $number:ident = $default:expr)?) => {
        |a| {
            let names = [$(stringify!($tensor),)* $(stringify!($number),)? "*", "reduction"];
            let a = a.bind(stringify!($name), &names)?;
            $(let $number = a.opt_f64(stringify!($number))?.unwrap_or($default);)?
            one(F::$name($(&a.tensor(stringify!($tensor))?,)* $($number,)? reduction(&a)?)?)
        }
    };
}

pub fn find(name: &str) -> Option<Builtin> {
    Some(match name {
        "l1_loss" => weighted!(l1_loss),
        "binary_cross_entropy" => weighted!(binary_cross_entropy),
        "multilabel_soft_margin_loss" => weighted!(multilabel_soft_margin_loss),
        "soft_margin_loss" => plain!(soft_margin_loss, input, target),
        "multilabel_margin_loss" => plain!(multilabel_margin_loss, input, target),
        "hinge_embedding_loss" => plain!(hinge_embedding_loss, input, target; margin = 1.0),
        "margin_ranking_loss" => plain!(margin_ranking_loss, input1, input2, target; margin = 0.0),
        "cosine_embedding_loss" => {
            plain!(cosine_embedding_loss, input1, input2, target; margin = 0.0)
        }
        "smooth_l1_loss" => |a| {
            let a = a.bind(
                "smooth_l1_loss",
                &["input", "target", "*", "reduction", "beta"],
            )?;
            let (reduction, beta) = (reduction(&a)?, a.opt_f64("beta")?.unwrap_or(1.0));
            one(F::smooth_l1_loss(
                &a.tensor("input")?,
                &a.tensor("target")?,
                reduction,
                beta,
            )?)
        },
        "huber_loss" => |a| {
            let names = ["input", "target", "reduction", "delta", "weight"];
            let a = a.bind("huber_loss", &names)?;
            let weight = a.opt_tensor("weight")?;
            let options = HuberLossOptions::new()
                .delta(a.opt_f64("delta")?.unwrap_or(1.0))
                .weight(weight.as_ref())
                .reduction(reduction(&a)?);
            one(F::huber_loss(
                &a.tensor("input")?,
                &a.tensor("target")?,
                options,
            )?)
        },
        "kl_div" => |a| {
            let a = a.bind(
                "kl_div",
                &["input", "target", "*", "reduction", "log_target"],
            )?;
            one(F::kl_div(
                &a.tensor("input")?,
                &a.tensor("target")?,
                a.str_or("reduction", "mean")?,
                a.bool_or("log_target", false)?,
            )?)
        },
        "poisson_nll_loss" => |a| {
            let names = [
                "input",
                "target",
                "log_input",
                "full",
                "*",
                "eps",
                "reduction",
            ];
            let a = a.bind("poisson_nll_loss", &names)?;
            let options = PoissonNllLossOptions::new()
                .log_input(a.bool_or("log_input", true)?)
                .full(a.bool_or("full", false)?)
                .eps(a.opt_f64("eps")?.unwrap_or(1e-8))
                .reduction(reduction(&a)?);
            one(F::poisson_nll_loss(
                &a.tensor("input")?,
                &a.tensor("target")?,
                options,
            )?)
        },
        "gaussian_nll_loss" => |a| {
            let names = ["input", "target", "var", "full", "eps", "reduction"];
            let a = a.bind("gaussian_nll_loss", &names)?;
            let options = GaussianNllLossOptions::new()
                .full(a.bool_or("full", false)?)
                .eps(a.opt_f64("eps")?.unwrap_or(1e-6))
                .reduction(a.str_or("reduction", "mean")?);
            let (input, target) = (a.tensor("input")?, a.tensor("target")?);
            with_variance(&a, |var| {
                Ok(F::gaussian_nll_loss(&input, &target, var, options)?)
            })
        },
        "binary_cross_entropy_with_logits" => |a| {
            let names = ["input", "target", "weight", "*", "reduction", "pos_weight"];
            let a = a.bind("binary_cross_entropy_with_logits", &names)?;
            let (weight, pos_weight) = (a.opt_tensor("weight")?, a.opt_tensor("pos_weight")?);
            let options = BinaryCrossEntropyWithLogitsOptions::new()
                .weight(weight.as_ref())
                .pos_weight(pos_weight.as_ref())
                .reduction(reduction(&a)?);
            let (input, target) = (a.tensor("input")?, a.tensor("target")?);
            one(F::binary_cross_entropy_with_logits(
                &input, &target, options,
            )?)
        },
        "multi_margin_loss" => |a| {
            let names = ["input", "target", "p", "margin", "weight", "*", "reduction"];
            let a = a.bind("multi_margin_loss", &names)?;
            let weight = a.opt_tensor("weight")?;
            let options = MultiMarginLossOptions::new()
                .p(a.opt_i64("p")?.unwrap_or(1))
                .margin(a.opt_f64("margin")?.unwrap_or(1.0))
                .weight(weight.as_ref())
                .reduction(reduction(&a)?);
            one(F::multi_margin_loss(
                &a.tensor("input")?,
                &a.tensor("target")?,
                options,
            )?)
        },
        "triplet_margin_loss" => |a| {
            let names = [
                "anchor",
                "positive",
                "negative",
                "margin",
                "p",
                "eps",
                "swap",
                "*",
                "reduction",
            ];
            let a = a.bind("triplet_margin_loss", &names)?;
            let options = TripletMarginLossOptions::new()
                .margin(a.opt_f64("margin")?.unwrap_or(1.0))
                .p(a.opt_f64("p")?.unwrap_or(2.0))
                .eps(a.opt_f64("eps")?.unwrap_or(1e-6))
                .swap(a.bool_or("swap", false)?)
                .reduction(reduction(&a)?);
            let [anchor, positive, negative] = triplet(&a)?;
            one(F::triplet_margin_loss(
                &anchor, &positive, &negative, options,
            )?)
        },
        "triplet_margin_with_distance_loss" => triplet_with_distance,
        "ctc_loss" => |a| {
            let names = [
                "log_probs",
                "targets",
                "input_lengths",
                "target_lengths",
                "blank",
                "reduction",
                "zero_infinity",
            ];
            let a = a.bind("ctc_loss", &names)?;
            let options = CtcLossOptions::new()
                .blank(a.opt_i64("blank")?.unwrap_or(0))
                .reduction(reduction(&a)?)
                .zero_infinity(a.bool_or("zero_infinity", false)?);
            one(F::ctc_loss(
                &a.tensor("log_probs")?,
                &a.tensor("targets")?,
                &lengths(&a, "input_lengths")?,
                &lengths(&a, "target_lengths")?,
                options,
            )?)
        },
        "linear_cross_entropy" => |a| {
            let names = [
                "input",
                "linear_weight",
                "target",
                "*",
                "linear_bias",
                "weight",
                "reduction",
                "ignore_index",
                "label_smoothing",
            ];
            let a = a.bind("linear_cross_entropy", &names)?;
            let (bias, weight) = (a.opt_tensor("linear_bias")?, a.opt_tensor("weight")?);
            let options = LinearCrossEntropyOptions::new()
                .linear_bias(bias.as_ref())
                .weight(weight.as_ref())
                .reduction(reduction(&a)?)
                .ignore_index(a.opt_i64("ignore_index")?)
                .label_smoothing(a.opt_f64("label_smoothing")?.unwrap_or(0.0));
            one(F::linear_cross_entropy(
                &a.tensor("input")?,
                &a.tensor("linear_weight")?,
                &a.tensor("target")?,
                options,
            )?)
        },
        _ => return None,
    })
}

/// Runs a loss with the argument `var`, which is a number or a tensor.
pub fn with_variance(a: &Bound, run: impl FnOnce(Variance<'_>) -> Eval<Tensor>) -> Eval {
    let var = a.need("var")?;
    match var.is_tensor() {
        true => one(run(Variance::Tensor(&var.as_tensor()?))?),
        false => one(run(Variance::Number(var.as_f64()?))?),
    }
}

/// Lengths, as a tensor or a tuple of ints.
pub fn lengths(a: &Bound, name: &str) -> Eval<Tensor> {
    match a.need(name)? {
        value if value.is_sequence() => {
            let lengths = value.as_ints()?;
            Ok(Tensor::from_slice(&lengths, [lengths.len()])?)
        }
        value => value.as_tensor(),
    }
}

fn triplet(a: &Bound) -> Eval<[Tensor; 3]> {
    Ok([
        a.tensor("anchor")?,
        a.tensor("positive")?,
        a.tensor("negative")?,
    ])
}

fn triplet_with_distance(a: Args) -> Eval {
    let names = [
        "anchor",
        "positive",
        "negative",
        "*",
        "distance_function",
        "margin",
        "swap",
        "reduction",
    ];
    let a = a.bind("triplet_margin_with_distance_loss", &names)?;
    let given = a.opt("distance_function").cloned();
    let distance = |x: &Tensor, y: &Tensor| {
        let args = Args {
            positional: vec![Value::tensor(x.clone()), Value::tensor(y.clone())],
            keyword: Vec::new(),
        };
        let distance = call(given.as_ref().unwrap_or(&Value::None), args);
        let distance = distance.and_then(|d| d.as_tensor());
        distance.map_err(|e| Error::value(format!("{e:?}")))
    };
    let mut options = TripletMarginWithDistanceLossOptions::new()
        .margin(a.opt_f64("margin")?.unwrap_or(1.0))
        .swap(a.bool_or("swap", false)?)
        .reduction(reduction(&a)?);
    if given.is_some() {
        options = options.distance_function(&distance);
    }
    let [anchor, positive, negative] = triplet(&a)?;
    one(F::triplet_margin_with_distance_loss(
        &anchor, &positive, &negative, options,
    )?)
}
