//! S14: functions of each element, of a million values.

use pleach::nn::functional as F;
use pleach::prelude::*;
use serde_json::json;

use crate::scenario::{Run, Scale, Scenario, run};

/// Where the values lie.
#[derive(Copy, Clone)]
enum Values {
    /// Normal.
    Normal,
    /// From 0.1 to 1.1.
    Positive,
    /// From -1 to 1.
    Unit,
    /// From 1 to 2.
    AboveOne,
}

impl Values {
    /// The name on PyTorch's side.
    fn name(self) -> &'static str {
        match self {
            Values::Normal => "normal",
            Values::Positive => "positive",
            Values::Unit => "unit",
            Values::AboveOne => "above_one",
        }
    }

    fn of(self, shape: &[usize]) -> Result<Tensor> {
        match self {
            Values::Normal => Tensor::try_randn(shape),
            Values::Positive => Tensor::try_rand(shape)?.add(0.1),
            Values::Unit => Tensor::try_rand(shape)?.mul(2.0)?.sub(1.0),
            Values::AboveOne => Tensor::try_rand(shape)?.add(1.0),
        }
    }
}

type Unary = fn(&Tensor) -> Result<Tensor>;
type Binary = fn(&Tensor, &Tensor) -> Result<Tensor>;

/// PyTorch's name, the values, whether the backward pass is a row too, and the function.
const UNARY: &[(&str, Values, bool, Unary)] = {
    use Values::{AboveOne, Normal, Positive, Unit};
    &[
        ("abs", Normal, true, Tensor::abs),
        ("neg", Normal, true, Tensor::neg),
        ("sign", Normal, false, Tensor::sign),
        ("square", Normal, true, Tensor::square),
        ("sqrt", Positive, true, Tensor::sqrt),
        ("rsqrt", Positive, true, Tensor::rsqrt),
        ("reciprocal", Positive, true, Tensor::reciprocal),
        ("floor", Normal, false, Tensor::floor),
        ("ceil", Normal, false, Tensor::ceil),
        ("trunc", Normal, false, Tensor::trunc),
        ("round", Normal, false, Tensor::round),
        ("frac", Normal, true, Tensor::frac),
        ("exp", Normal, true, Tensor::exp),
        ("exp2", Normal, true, Tensor::exp2),
        ("expm1", Normal, true, Tensor::expm1),
        ("log", Positive, true, Tensor::log),
        ("log2", Positive, true, Tensor::log2),
        ("log10", Positive, true, Tensor::log10),
        ("log1p", Positive, true, Tensor::log1p),
        ("sin", Normal, true, Tensor::sin),
        ("cos", Normal, true, Tensor::cos),
        ("tan", Normal, true, Tensor::tan),
        ("asin", Unit, true, Tensor::asin),
        ("acos", Unit, true, Tensor::acos),
        ("atan", Normal, true, Tensor::atan),
        ("sinh", Normal, true, Tensor::sinh),
        ("cosh", Normal, true, Tensor::cosh),
        ("tanh", Normal, true, Tensor::tanh),
        ("asinh", Normal, true, Tensor::asinh),
        ("acosh", AboveOne, true, Tensor::acosh),
        ("atanh", Unit, true, Tensor::atanh),
        ("erf", Normal, true, Tensor::erf),
        ("erfc", Normal, true, Tensor::erfc),
        ("erfinv", Unit, true, Tensor::erfinv),
        ("lgamma", Positive, true, Tensor::lgamma),
        ("digamma", Positive, true, Tensor::digamma),
        ("sinc", Normal, true, Tensor::sinc),
        ("logit", Positive, true, |x| x.logit(1e-3)),
        ("nan_to_num", Normal, true, |x| {
            x.nan_to_num(0.0, None, None)
        }),
        ("deg2rad", Normal, false, Tensor::deg2rad),
        ("round_to_2", Normal, false, |x| x.round_decimals(2)),
        ("isposinf", Normal, false, Tensor::isposinf),
        ("long", Normal, false, Tensor::long),
        ("isnan", Normal, false, Tensor::isnan),
        ("isinf", Normal, false, Tensor::isinf),
        ("isfinite", Normal, false, Tensor::isfinite),
        ("signbit", Normal, false, Tensor::signbit),
        ("logical_not", Normal, false, Tensor::logical_not),
        ("double", Normal, false, Tensor::double),
        ("int", Normal, false, Tensor::int),
        ("bool", Normal, false, Tensor::bool),
        ("clamp", Normal, true, |x| x.clamp(-0.5, 0.5)),
        ("pow_2.5", Positive, true, |x| x.pow(2.5)),
        ("relu", Normal, true, Tensor::relu),
        ("relu6", Normal, true, F::relu6),
        ("threshold", Normal, true, |x| F::threshold(x, 0.1, 20.0)),
        ("hardshrink", Normal, true, |x| F::hardshrink(x, 0.5)),
        ("softshrink", Normal, true, |x| F::softshrink(x, 0.5)),
        ("celu", Normal, true, |x| F::celu(x, 1.0)),
        ("sigmoid", Normal, true, Tensor::sigmoid),
        ("silu", Normal, true, F::silu),
        ("gelu", Normal, true, |x| F::gelu(x, "none")),
        ("gelu_tanh", Normal, true, |x| F::gelu(x, "tanh")),
        ("softplus", Normal, true, |x| F::softplus(x, 1.0, 20.0)),
        ("elu", Normal, true, |x| F::elu(x, 1.0)),
        ("selu", Normal, true, F::selu),
        ("leaky_relu", Normal, true, |x| F::leaky_relu(x, 0.01)),
        ("hardtanh", Normal, true, |x| F::hardtanh(x, -1.0, 1.0)),
        ("hardsigmoid", Normal, true, F::hardsigmoid),
        ("hardswish", Normal, true, F::hardswish),
        ("mish", Normal, true, F::mish),
        ("logsigmoid", Normal, true, F::logsigmoid),
        ("softsign", Normal, true, F::softsign),
        ("tanhshrink", Normal, true, F::tanhshrink),
        ("glu", Normal, true, |x| F::glu(x, -1)),
        ("softmax", Normal, true, |x| x.softmax(-1)),
        ("log_softmax", Normal, true, |x| x.log_softmax(-1)),
    ]
};

/// PyTorch's name, the values of both, and the function.
const BINARY: &[(&str, Values, Binary)] = {
    use Values::{Normal, Positive};
    &[
        ("add", Normal, |x, y| x.add(y)),
        ("mul", Normal, |x, y| x.mul(y)),
        ("sub", Normal, |x, y| x.sub(y)),
        ("div", Positive, |x, y| x.div(y)),
        ("floor_divide", Positive, |x, y| x.floor_divide(y)),
        ("minimum", Normal, |x, y| x.minimum(y)),
        ("maximum", Normal, |x, y| x.maximum(y)),
        ("fmax", Normal, Tensor::fmax),
        ("fmin", Normal, Tensor::fmin),
        ("gt", Normal, |x, y| x.gt(y)),
        ("le", Normal, |x, y| x.le(y)),
        ("eq", Normal, |x, y| x.eq(y)),
        ("pow", Positive, |x, y| x.pow(y)),
        ("atan2", Normal, Tensor::atan2),
        ("hypot", Normal, Tensor::hypot),
        ("copysign", Normal, |x, y| x.copysign(y)),
        ("fmod", Positive, |x, y| x.fmod(y)),
        ("remainder", Positive, |x, y| x.remainder(y)),
        ("ldexp", Normal, Tensor::ldexp),
        ("float_power", Positive, |x, y| x.float_power(y)),
        ("heaviside", Normal, Tensor::heaviside),
        ("logical_and", Normal, Tensor::logical_and),
        ("logical_xor", Normal, Tensor::logical_xor),
        ("clamp_min", Normal, |x, y| x.clamp_min(y)),
        ("masked_fill", Normal, |x, y| {
            x.masked_fill(&y.gt(0.0)?, 2.0)
        }),
        ("xlogy", Positive, |x, y| x.xlogy(y)),
        ("logaddexp", Normal, Tensor::logaddexp),
        ("logaddexp2", Normal, Tensor::logaddexp2),
        ("lerp", Normal, |x, y| x.lerp(y, 0.3)),
        ("addcmul", Normal, |x, y| x.addcmul(x, y, 0.5)),
        ("addcdiv", Positive, |x, y| x.addcdiv(x, y, 0.5)),
        ("where", Normal, |x, y| {
            Tensor::where_cond(&x.gt(0.0)?, x, y)
        }),
        ("isclose", Normal, |x, y| x.isclose(y, 1e-5, 1e-8, false)),
    ]
};

fn unary(shape: &[usize], values: Values, backward: bool, f: Unary) -> Result<Run> {
    let x = values.of(shape)?;
    if !backward {
        return run(move || no_grad(|| f(&x)));
    }
    let x = x.requires_grad_(true)?;
    let grad = f(&x)?.detach().ones_like();
    run(move || {
        x.set_grad(None)?;
        f(&x)?.backward_with(&grad)
    })
}

/// The rows.
pub fn scenarios(scale: Scale) -> Vec<Scenario> {
    let shape = [scale.of(1000, 2), scale.of(1000, 6)];
    let mut scenarios = Vec::new();
    for (name, values, has_backward, f) in UNARY {
        for backward in [false, true] {
            if backward && !has_backward {
                continue;
            }
            let pass = if backward { "fwd+bwd" } else { "fwd" };
            let args = json!({
                "name": name, "shape": shape, "values": values.name(), "backward": backward,
            });
            let prepare = move || unary(&shape, *values, backward, *f);
            scenarios.push(Scenario::timed(
                format!("{name} {pass}"),
                "unary",
                args,
                prepare,
            ));
        }
    }
    for (name, values, f) in BINARY {
        let args = json!({"name": name, "shape": shape, "values": values.name()});
        let prepare = move || {
            let (x, y) = (values.of(&shape)?, values.of(&shape)?);
            run(move || no_grad(|| f(&x, &y)))
        };
        scenarios.push(Scenario::timed(
            format!("{name} of two"),
            "binary",
            args,
            prepare,
        ));
    }
    scenarios
}
