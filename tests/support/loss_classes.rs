//! Losses of `torch.nn`.

use pleach::Tensor;
use pleach::nn::losses::{
    AdaptiveLogSoftmaxWithLoss, BCELoss, BCEWithLogitsLoss, CTCLoss, CosineEmbeddingLoss,
    GaussianNLLLoss, HingeEmbeddingLoss, HuberLoss, KLDivLoss, L1Loss, LinearCrossEntropyLoss,
    Loss, MarginRankingLoss, MultiLabelMarginLoss, MultiLabelSoftMarginLoss, MultiMarginLoss,
    NLLLoss, NLLLoss2d, PoissonNLLLoss, SmoothL1Loss, SoftMarginLoss, TripletMarginLoss,
    TripletMarginWithDistanceLoss,
};
use pleach::nn::{ForwardMany, Module, ModuleExt};

use super::args::{Args, Bound};
use super::loss_fns::{lengths, with_variance};
use super::module_object::ModuleHandle;
use super::nn_classes::call_loss;
use super::nn_fns::one;
use super::value::{Builtin, Eval, Value, bug};

/// A loss with its weights and options, and how it is called.
macro_rules! loss {
    ($class:ident { $($weight:ident),*; $($option:ident: $read:ident),* }, $caller:expr) => {
        |a| {
            let names = [
                $(stringify!($weight),)* $(stringify!($option),)* "*", "reduction",
            ];
            let a = a.bind(stringify!($class), &names)?;
            let loss = $class::builder().reduction(a.str_or("reduction", "mean")?);
            $(let loss = match a.opt_tensor(stringify!($weight))? {
                Some(weight) => loss.$weight(weight),
                None => loss,
            };)*
            $(let loss = match $read(&a, stringify!($option))? {
                Some(value) => loss.$option(value),
                None => loss,
            };)*
            ModuleHandle::with_caller(loss.build()?, $caller)
        }
    };
}

fn number(a: &Bound, name: &str) -> Eval<Option<f64>> {
    a.opt_f64(name)
}

fn whole(a: &Bound, name: &str) -> Eval<Option<i64>> {
    a.opt_i64(name)
}

fn truth(a: &Bound, name: &str) -> Eval<Option<bool>> {
    a.opt(name).map(Value::as_bool).transpose()
}

pub fn find(name: &str) -> Option<Builtin> {
    Some(match name {
        "L1Loss" => loss!(L1Loss {;}, call_loss::<L1Loss>),
        "SmoothL1Loss" => loss!(SmoothL1Loss {; beta: number}, call_loss::<SmoothL1Loss>),
        "HuberLoss" => loss!(HuberLoss {; delta: number}, call_loss::<HuberLoss>),
        "NLLLoss" => loss!(NLLLoss { weight; ignore_index: whole }, call_loss::<NLLLoss>),
        "NLLLoss2d" => loss!(NLLLoss2d { weight; ignore_index: whole }, call_loss::<NLLLoss2d>),
        "PoissonNLLLoss" => loss!(
            PoissonNLLLoss {; log_input: truth, full: truth, eps: number},
            call_poisson
        ),
        "GaussianNLLLoss" => loss!(GaussianNLLLoss {; full: truth, eps: number}, call_gaussian),
        "KLDivLoss" => loss!(KLDivLoss {; log_target: truth}, call_loss::<KLDivLoss>),
        "BCELoss" => loss!(BCELoss { weight; }, call_loss::<BCELoss>),
        "BCEWithLogitsLoss" => loss!(
            BCEWithLogitsLoss { weight, pos_weight; },
            call_loss::<BCEWithLogitsLoss>
        ),
        "HingeEmbeddingLoss" => loss!(
            HingeEmbeddingLoss {; margin: number},
            call_loss::<HingeEmbeddingLoss>
        ),
        "MultiLabelMarginLoss" => {
            loss!(MultiLabelMarginLoss {;}, call_loss::<MultiLabelMarginLoss>)
        }
        "MultiLabelSoftMarginLoss" => loss!(
            MultiLabelSoftMarginLoss { weight; },
            call_loss::<MultiLabelSoftMarginLoss>
        ),
        "MultiMarginLoss" => loss!(
            MultiMarginLoss { weight; p: whole, margin: number },
            call_loss::<MultiMarginLoss>
        ),
        "SoftMarginLoss" => loss!(SoftMarginLoss {;}, call_loss::<SoftMarginLoss>),
        "MarginRankingLoss" => loss!(
            MarginRankingLoss {; margin: number},
            |m, args| call_three(m, args, |loss: &MarginRankingLoss, x| loss.call(x))
        ),
        "CosineEmbeddingLoss" => loss!(
            CosineEmbeddingLoss {; margin: number},
            |m, args| call_three(m, args, |loss: &CosineEmbeddingLoss, x| loss.call(x))
        ),
        "TripletMarginLoss" => loss!(
            TripletMarginLoss {; margin: number, p: number, eps: number, swap: truth},
            |m, args| call_three(m, args, |loss: &TripletMarginLoss, x| loss.call(x))
        ),
        "TripletMarginWithDistanceLoss" => loss!(
            TripletMarginWithDistanceLoss {; margin: number, swap: truth},
            |m, args| call_three(m, args, |loss: &TripletMarginWithDistanceLoss, x| loss.call(x))
        ),
        "CTCLoss" => loss!(CTCLoss {; blank: whole, zero_infinity: truth}, call_ctc),
        "LinearCrossEntropyLoss" => linear_cross_entropy,
        "AdaptiveLogSoftmaxWithLoss" => adaptive,
        _ => return None,
    })
}

/// The module as what it was made as.
fn made<L: Module>(module: &dyn Module) -> Eval<&L> {
    match module.downcast_ref::<L>() {
        Some(loss) => Ok(loss),
        None => bug("another loss than was made"),
    }
}

fn call_poisson(module: &dyn Module, args: Args) -> Eval {
    let a = args.bind("forward", &["log_input", "target"])?;
    let loss = made::<PoissonNLLLoss>(module)?;
    one(Loss::call(
        loss,
        &a.tensor("log_input")?,
        &a.tensor("target")?,
    )?)
}

fn call_gaussian(module: &dyn Module, args: Args) -> Eval {
    let a = args.bind("forward", &["input", "target", "var"])?;
    let loss = made::<GaussianNLLLoss>(module)?;
    let (input, target) = (a.tensor("input")?, a.tensor("target")?);
    with_variance(&a, |var| Ok(loss.call((&input, &target, var))?))
}

type Three<'a> = (&'a Tensor, &'a Tensor, &'a Tensor);

fn call_three<L: Module>(
    module: &dyn Module,
    args: Args,
    call: impl FnOnce(&L, Three<'_>) -> pleach::Result<Tensor>,
) -> Eval {
    let a = args.bind("forward", &["a", "b", "c"])?;
    let loss = made::<L>(module)?;
    one(call(
        loss,
        (&a.tensor("a")?, &a.tensor("b")?, &a.tensor("c")?),
    )?)
}

fn call_ctc(module: &dyn Module, args: Args) -> Eval {
    let names = ["log_probs", "targets", "input_lengths", "target_lengths"];
    let a = args.bind("forward", &names)?;
    let (inputs, targets) = (lengths(&a, names[2])?, lengths(&a, names[3])?);
    let loss = made::<CTCLoss>(module)?;
    one(loss.call((
        &a.tensor(names[0])?,
        &a.tensor(names[1])?,
        &inputs,
        &targets,
    ))?)
}

fn linear_cross_entropy(a: Args) -> Eval {
    let names = [
        "in_features",
        "num_classes",
        "*",
        "out_features",
        "bias",
        "dtype",
        "reduction",
        "weight",
        "ignore_index",
        "label_smoothing",
    ];
    let a = a.bind("LinearCrossEntropyLoss", &names)?;
    let classes = a.usize("num_classes")?;
    let mut loss = LinearCrossEntropyLoss::builder(a.usize("in_features")?, classes)
        .out_features(a.shape("out_features")?)
        .bias(a.bool_or("bias", false)?)
        .reduction(a.str_or("reduction", "mean")?)
        .label_smoothing(a.opt_f64("label_smoothing")?.unwrap_or(0.0));
    if let Some(dtype) = a.opt_dtype("dtype")? {
        loss = loss.dtype(dtype);
    }
    if let Some(weight) = a.opt_tensor("weight")? {
        loss = loss.weight(weight);
    }
    if let Some(index) = a.opt_i64("ignore_index")? {
        loss = loss.ignore_index(index);
    }
    ModuleHandle::with_caller(loss.build()?, call_loss::<LinearCrossEntropyLoss>)
}

fn adaptive(a: Args) -> Eval {
    let names = [
        "in_features",
        "n_classes",
        "cutoffs",
        "div_value",
        "head_bias",
        "dtype",
    ];
    let a = a.bind("AdaptiveLogSoftmaxWithLoss", &names)?;
    let (features, classes) = (a.usize("in_features")?, a.usize("n_classes")?);
    let mut layer = AdaptiveLogSoftmaxWithLoss::builder(features, classes, a.shape("cutoffs")?)
        .div_value(a.opt_f64("div_value")?.unwrap_or(4.0))
        .head_bias(a.bool_or("head_bias", false)?);
    if let Some(dtype) = a.opt_dtype("dtype")? {
        layer = layer.dtype(dtype);
    }
    ModuleHandle::with_caller(layer.build()?, |module, args| {
        let a = args.bind("forward", &["input", "target"])?;
        let layer = made::<AdaptiveLogSoftmaxWithLoss>(module)?;
        let (output, loss) = layer.call((&a.tensor("input")?, &a.tensor("target")?))?;
        Ok(Value::Tuple(vec![
            Value::tensor(output),
            Value::tensor(loss),
        ]))
    })
}

/// `layer.log_prob(x)` and `layer.predict(x)`.
pub fn method(module: &dyn Module, name: &str, args: Args) -> Option<Eval> {
    let layer = module.downcast_ref::<AdaptiveLogSoftmaxWithLoss>()?;
    let run = || -> Eval {
        let x = args.bind(name, &["input"])?.tensor("input")?;
        match name {
            "log_prob" => one(layer.log_prob(&x)?),
            _ => one(layer.predict(&x)?),
        }
    };
    ["log_prob", "predict"].contains(&name).then(run)
}
