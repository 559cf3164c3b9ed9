//! Gradients of the functions of each element and of pairs that networks seldom use, against finite
//! differences, and their corners against PyTorch's values.

mod common;

use common::{check, input, positive};
use pleach_core::autograd::apply;
use pleach_core::{DType, FloatPair, Generator, Glu, Result, Tensor, tensor};
use pleach_kernels::Pair;

#[test]
fn functions_of_one_element() {
    for shape in [&[2, 3][..], &[], &[3, 0]] {
        let (x, p) = (input(shape), positive(shape));
        let small = x.mul(0.5).unwrap();
        let part = p.mul(0.4).unwrap();
        check(vec![
            case!("tan", [small.clone()], |x| x[0].tan()),
            case!("asin", [small.clone()], |x| x[0].asin()),
            case!("acos", [small.clone()], |x| x[0].acos()),
            case!("atan", [x.clone()], |x| x[0].atan()),
            case!("sinh", [x.clone()], |x| x[0].sinh()),
            case!("cosh", [x.clone()], |x| x[0].cosh()),
            case!("asinh", [x.clone()], |x| x[0].asinh()),
            case!("acosh", [p.clone()], |x| x[0].add(1.2)?.acosh()),
            case!("atanh", [small.clone()], |x| x[0].atanh()),
            case!("exp2", [x.clone()], |x| x[0].exp2()),
            case!("log2", [p.clone()], |x| x[0].log2()),
            case!("log10", [p.clone()], |x| x[0].log10()),
            case!("erfc", [x.clone()], |x| x[0].erfc()),
            case!("erfinv", [small.clone()], |x| x[0].erfinv()),
            case!("lgamma", [p.clone()], |x| x[0].lgamma()),
            case!("digamma", [p.clone()], |x| x[0].digamma()),
            case!("digamma below 0", [p.clone()], |x| x[0]
                .sub(2.08)?
                .digamma()),
            case!("sinc", [x.clone()], |x| x[0].sinc()),
            case!("logit", [part.clone()], |x| x[0].logit(None)),
            case!("logit, limited", [part.clone()], |x| x[0].logit(0.13)),
            case!("frac", [x.clone()], |x| x[0].frac()),
            case!("deg2rad", [x.clone()], |x| x[0].deg2rad()),
            case!("rad2deg", [x.clone()], |x| x[0].rad2deg()),
            case!("nan_to_num", [x.clone()], |x| x[0]
                .nan_to_num(0.0, None, None)),
            case!("round_decimals", [x.clone()], |x| x[0].round_decimals(0)),
            case!("frexp", [x.clone()], |x| Ok(x[0].frexp()?.0)),
            case!("fill", [x.clone()], |x| x[0].fill(3.0)),
            case!("clamp_min", [x.clone()], |x| x[0].clamp_min(0.5)),
            case!("clamp_max", [x.clone()], |x| x[0].clamp_max(0.5)),
        ]);
    }
}

#[test]
fn pairs_of_every_shape() {
    let pairs: [(&[usize], &[usize]); 5] = [
        (&[2, 3], &[2, 3]),
        (&[3], &[2, 3]),
        (&[2, 1], &[1, 3]),
        (&[], &[2, 3]),
        (&[0, 3], &[1, 3]),
    ];
    for (a, b) in pairs {
        let (x, y) = (input(a), positive(b));
        check(vec![
            case!("atan2", [x.clone(), y.clone()], |x| x[0].atan2(&x[1])),
            case!("hypot", [x.clone(), y.clone()], |x| x[0].hypot(&x[1])),
            case!("copysign", [x.clone(), y.clone()], |x| x[0].copysign(&x[1])),
            case!("xlogy", [x.clone(), y.clone()], |x| x[0].xlogy(&x[1])),
            case!("logaddexp", [x.clone(), y.clone()], |x| x[0]
                .logaddexp(&x[1])),
            case!("logaddexp2", [x.clone(), y.clone()], |x| x[0]
                .logaddexp2(&x[1])),
            case!("ldexp", [x.clone(), y.clone()], |x| x[0].ldexp(&x[1])),
            case!("float_power", [positive(a), y.clone()], |x| x[0]
                .float_power(&x[1])),
            case!("fmod", [x.clone(), y.clone()], |x| x[0]
                .mul(3.0)?
                .fmod(&x[1])),
            case!("fmax", [x.clone(), y.clone()], |x| x[0].fmax(&x[1])),
            case!("fmin", [x.clone(), y.clone()], |x| x[0].fmin(&x[1])),
            case!("rsub", [x.clone(), y.clone()], |x| x[0].rsub(&x[1])),
            case!("div_rounded", [x.clone(), y.clone()], |x| x[0]
                .div_rounded(&x[1], "trunc")),
            case!("clamp", [x.clone(), y.clone()], |x| x[0]
                .clamp(&x[1].mul(-0.7)?, &x[1].mul(0.9)?)),
            case!(
                "glu",
                [Tensor::stack(&[x.clone(), x.mul(-0.7).unwrap()], 0).unwrap()],
                |x| apply(Glu { dim: 0 }, &x[0])
            ),
            case!("prelu", [x.clone(), y.clone()], |x| apply(
                FloatPair(Pair::Prelu),
                (&x[0], &x[1])
            )),
            case!("pow", [positive(a), y.clone()], |x| apply(
                FloatPair(Pair::Pow),
                (&x[0], &x[1])
            )),
        ]);
    }
}

/// The gradients of the inputs of what `f` makes of them.
fn gradients(f: fn(&[Tensor]) -> Result<Tensor>, inputs: &[Tensor]) -> Vec<Vec<f64>> {
    let inputs: Vec<Tensor> = inputs
        .iter()
        .map(|t| t.clone().requires_grad_(true).unwrap())
        .collect();
    f(&inputs).unwrap().sum().unwrap().backward().unwrap();
    inputs
        .iter()
        .map(|t| t.grad().unwrap().to_vec_f64())
        .collect()
}

#[test]
fn ties_and_nans_share_gradients_as_in_pytorch() {
    let nan = f32::NAN;
    let x = tensor![1., 5., 1., 0., 2., 2., 3., nan, 1., 1., 4.];
    let min = tensor![1., 1., 1., 1., 1., 3., 3., 1., nan, 0., 1.];
    let max = tensor![5., 5., 1., 1., 1., 1., 1., 2., 2., nan, 3.];
    assert_eq!(
        gradients(|t| t[0].clamp(&t[1], &t[2]), &[x, min, max]),
        [
            [0.5, 0.5, 1., 0., 0., 0., 0., 1., 1., 1., 0.],
            [0.5, 0., 0., 1., 0., 0., 0., 0., 0., 0., 0.],
            [0., 0.5, 0., 0., 1., 1., 1., 0., 0., 0., 1.],
        ]
    );
    let x = tensor![0., 1., -2., nan, 1., nan];
    let y = tensor![0., -1., 2., 1., nan, nan];
    assert_eq!(
        gradients(|t| t[0].fmax(&t[1]), &[x.clone(), y.clone()]),
        [[0.5, 1., 0., 0., 1., 1.], [0.5, 0., 1., 1., 0., 0.]]
    );
    assert_eq!(
        gradients(|t| t[0].fmin(&t[1]), &[x, y]),
        [[0.5, 0., 1., 0., 1., 1.], [0.5, 1., 0., 1., 0., 0.]]
    );
    let drawn: fn(&[Tensor]) -> Result<Tensor> =
        |t| Generator::seeded(0).scope(|| t[0].bernoulli());
    assert_eq!(gradients(drawn, &[tensor![0.3, 0.7]]), [[0., 0.]]);
    let zeros = tensor![0., -0.];
    assert_eq!(
        gradients(|t| t[0].atan2(&t[1]), &[zeros.clone(), zeros.clone()]),
        [[0., 0.], [0., 0.]]
    );
    assert_eq!(
        gradients(|t| t[0].copysign(-2.0), &[tensor![0., 1.]]),
        [[0., -1.]]
    );
    assert_eq!(
        gradients(|t| t[0].fill(&t[1]), &[zeros, Tensor::scalar(3.0)]),
        [vec![0., 0.], vec![2.]]
    );
}

#[test]
fn dtypes_of_results_and_refusals_are_pytorchs() {
    let whole = tensor![1, 0, 3];
    let small = whole.to_dtype(DType::I32).unwrap();
    let half = tensor![0.5, -0.25].half().unwrap();
    assert_eq!(whole.acos().unwrap().dtype(), DType::F32);
    assert_eq!(half.lgamma().unwrap().dtype(), DType::F16);
    assert_eq!(small.fmax(&small).unwrap().dtype(), DType::I32);
    assert_eq!(small.fmod(2.5).unwrap().dtype(), DType::F32);
    assert_eq!(half.copysign(2.5).unwrap().dtype(), DType::F16);
    assert_eq!(half.float_power(2).unwrap().dtype(), DType::F64);
    assert_eq!(half.frexp().unwrap().1.dtype(), DType::I32);
    assert_eq!(whole.clamp_min(2.5).unwrap().dtype(), DType::F32);
    assert_eq!(
        half.nan_to_num(0.0, None, None).unwrap().dtype(),
        DType::F16
    );
    let text = |r: Result<Tensor>| r.unwrap_err().kind().to_string();
    let truth = tensor![true];
    for (got, want) in [
        (whole.frac(), "\"frac_cpu\" not implemented for 'Long'"),
        (
            small.hypot(&small),
            "\"hypot_cpu\" not implemented for 'Int'",
        ),
        (
            truth.fmod(&truth),
            "\"fmod_cpu\" not implemented for 'Bool'",
        ),
        (whole.fmod(&whole), "ZeroDivisionError"),
        (whole.div_rounded(0, "trunc"), "ZeroDivisionError"),
        (
            whole.heaviside(&half),
            "heaviside is not yet implemented for tensors with different dtypes.",
        ),
        (
            whole.isclose(&half, 0.0, 0.0, false),
            "Long did not match Half",
        ),
        (
            half.isclose(&half, -1.0, 0.0, false),
            "rtol must be greater than or equal to zero, but got -1",
        ),
        (
            truth.positive(),
            "The `+` operator, on a bool tensor is not supported.",
        ),
        (
            half.div_rounded(2, "x"),
            "div expected rounding_mode to be one of None, 'trunc', or 'floor' but found 'x'",
        ),
        (
            Tensor::try_linspace_of(0, 1, 3, DType::Bool),
            "\"linspace_cpu\" not implemented for 'Bool'",
        ),
    ] {
        assert_eq!(text(got), want);
    }
}

#[test]
fn evenly_spaced_values_are_pytorchs() {
    let of = |t: Tensor| t.to_vec_f64();
    let linspace = |a: f64, b: f64, n, dtype| of(Tensor::linspace_of(a, b, n, dtype));
    assert_eq!(linspace(0., 9., 5, DType::I64), [0., 2., 4., 6., 9.]);
    assert_eq!(linspace(-7.5, 9., 5, DType::I32), [-7., -3., 1., 5., 9.]);
    assert_eq!(linspace(0., 1., 3, DType::F16), [0., 0.5, 1.]);
    assert_eq!(linspace(2., 1., 1, DType::F64), [2.]);
    let logspace = |a: f64, b: f64, n, base, dtype| of(Tensor::logspace_of(a, b, n, base, dtype));
    assert_eq!(
        logspace(0.5, 3., 4, 10., DType::I32),
        [1., 10., 100., 1000.]
    );
    assert_eq!(logspace(0., 3., 4, -2., DType::F32), [1., -2., 4., -8.]);
    assert_eq!(logspace(-1., 1., 3, 0.5, DType::F64), [2., 1., 0.5]);
    assert_eq!(of(Tensor::logspace(0, 3, 1)), [1.]);
}
