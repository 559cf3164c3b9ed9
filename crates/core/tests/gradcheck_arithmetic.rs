//! Gradients of arithmetic and of functions of one element, against finite differences.

mod common;

use common::{check, input, other, positive};
use pleach_core::{DType, Tensor, tensor};

#[test]
fn two_operands_of_every_pair_of_shapes() {
    let pairs: [(&[usize], &[usize]); 9] = [
        (&[2, 3], &[2, 3]),
        (&[2, 3], &[3]),
        (&[3], &[2, 3]),
        (&[2, 1], &[1, 3]),
        (&[2, 3], &[]),
        (&[], &[2, 3]),
        (&[], &[]),
        (&[2, 1, 3], &[4, 1]),
        (&[0, 3], &[1, 3]),
    ];
    for (a, b) in pairs {
        let (x, y) = (input(a), positive(b));
        check(vec![
            case!("add", [x.clone(), y.clone()], |x| x[0].add(&x[1])),
            case!("sub", [x.clone(), y.clone()], |x| x[0].sub(&x[1])),
            case!("mul", [x.clone(), y.clone()], |x| x[0].mul(&x[1])),
            case!("div", [x.clone(), y.clone()], |x| x[0].div(&x[1])),
            case!("pow", [positive(a), other(b)], |x| x[0].pow(&x[1])),
            case!("lerp", [x.clone(), y.clone()], |x| x[0].lerp(&x[1], 0.3)),
            case!("lerp by a tensor", [x.clone(), y.clone()], |x| x[0]
                .lerp(&x[1], &x[1])),
            case!("addcmul", [x.clone(), y.clone()], |x| x[0]
                .addcmul(&x[1], &x[0], 0.5)),
            case!("addcdiv", [x.clone(), y.clone()], |x| x[0]
                .addcdiv(&x[0], &x[1], -2.0)),
            case!("itself", [x.clone(), y.clone()], |x| x[0]
                .mul(&x[0])?
                .add(&x[1])),
        ]);
    }
    // Values apart, so that neither wins by a hair.
    check(vec![
        case!(
            "maximum",
            [
                input(&[3, 4]),
                tensor![0.21, -0.9, 0.33, 1.2].double().unwrap()
            ],
            |x| { x[0].maximum(&x[1]) }
        ),
        case!(
            "minimum",
            [tensor![0.21].double().unwrap(), input(&[3, 4])],
            |x| x[0].minimum(&x[1])
        ),
        case!("maximum of a number", [input(&[3, 4])], |x| x[0]
            .maximum(0.21)),
        case!("minimum of a number", [input(&[3, 4])], |x| x[0]
            .minimum(0.21)),
        case!(
            "remainder",
            [
                tensor![5.3, -7.1, 2.2].double().unwrap(),
                tensor![2.0, 3.0, -1.5].double().unwrap()
            ],
            |x| { x[0].remainder(&x[1]) }
        ),
    ]);
}

#[test]
fn numbers_as_operands() {
    for shape in [&[2, 3][..], &[], &[0]] {
        let (x, p) = (input(shape), positive(shape));
        check(vec![
            case!("x + 2", [x.clone()], |x| x[0].add(2)),
            case!("x - 2.5", [x.clone()], |x| x[0].sub(2.5)),
            case!("2.5 - x", [x.clone()], |x| x[0].rsub(2.5)),
            case!("x * -3", [x.clone()], |x| x[0].mul(-3)),
            case!("x / 0.7", [x.clone()], |x| x[0].div(0.7)),
            case!("0.7 / x", [p.clone()], |x| x[0].rdiv(0.7)),
            case!("x % 0.4", [positive(shape).add(0.013).unwrap()], |x| x[0]
                .remainder(10.0)),
            case!("x ** 0", [x.clone()], |x| x[0].pow(0)),
            case!("x ** 1", [x.clone()], |x| x[0].pow(1)),
            case!("x ** 2", [x.clone()], |x| x[0].pow(2)),
            case!("x ** 3", [x.clone()], |x| x[0].pow(3)),
            case!("x ** 5", [x.clone()], |x| x[0].pow(5)),
            case!("x ** 0.5", [p.clone()], |x| x[0].pow(0.5)),
            case!("x ** -0.5", [p.clone()], |x| x[0].pow(-0.5)),
            case!("x ** -1", [p.clone()], |x| x[0].pow(-1.0)),
            case!("x ** -2", [p.clone()], |x| x[0].pow(-2.0)),
            case!("x ** 1.7", [p.clone()], |x| x[0].pow(1.7)),
            case!("2 ** x", [x.clone()], |x| x[0].rpow(2.0)),
            case!("0 ** x", [p.clone()], |x| x[0].rpow(0.0)),
        ]);
    }
}

#[test]
fn functions_of_one_element() {
    for shape in [&[2, 3][..], &[], &[3, 0]] {
        let (x, p) = (input(shape), positive(shape));
        check(vec![
            case!("exp", [x.clone()], |x| x[0].exp()),
            case!("expm1", [x.clone()], |x| x[0].expm1()),
            case!("log", [p.clone()], |x| x[0].log()),
            case!("log1p", [p.clone()], |x| x[0].log1p()),
            case!("sqrt", [p.clone()], |x| x[0].sqrt()),
            case!("rsqrt", [p.clone()], |x| x[0].rsqrt()),
            case!("reciprocal", [p.clone()], |x| x[0].reciprocal()),
            case!("sin", [x.clone()], |x| x[0].sin()),
            case!("cos", [x.clone()], |x| x[0].cos()),
            case!("tanh", [x.clone()], |x| x[0].tanh()),
            case!("sigmoid", [x.clone()], |x| x[0].sigmoid()),
            case!("erf", [x.clone()], |x| x[0].erf()),
            case!("neg", [x.clone()], |x| x[0].neg()),
            case!("abs", [x.clone()], |x| x[0].abs()),
            case!("relu", [x.clone()], |x| x[0].relu()),
            case!("square", [x.clone()], |x| x[0].square()),
            case!("sign", [x.clone()], |x| x[0].sign()),
            case!("floor", [x.clone()], |x| x[0].floor()),
            case!("ceil", [x.clone()], |x| x[0].ceil()),
            case!("trunc", [x.clone()], |x| x[0].trunc()),
            case!("round", [x.clone()], |x| x[0].round()),
            case!("copy", [x.clone()], |x| x[0].copy()),
            case!("clamp", [x.clone()], |x| x[0].clamp(-0.5, 1.0)),
            case!("clamp from below", [x.clone()], |x| x[0].clamp(0.5, None)),
            case!("clamp from above", [x.clone()], |x| x[0].clamp(None, 0.5)),
            case!("to the same dtype", [x.clone()], |x| x[0]
                .to_dtype(DType::F64)),
        ]);
    }
}

#[test]
fn choosing_by_a_condition() {
    check(vec![
        case!("where", [input(&[2, 3]), other(&[2, 3])], |x| {
            Tensor::where_cond(
                &tensor![[true, false, true], [false, false, true]],
                &x[0],
                &x[1],
            )
        }),
        case!("where, broadcast", [input(&[3]), other(&[2, 1])], |x| {
            Tensor::where_cond(&tensor![true, false, true], &x[0], &x[1])
        }),
        case!("where, number", [input(&[2, 3])], |x| {
            Tensor::where_cond(&tensor![true, false, true], 0.25, &x[0])
        }),
        case!("where, 0-d condition", [input(&[2]), input(&[])], |x| {
            Tensor::where_cond(&tensor![true].squeeze(), &x[0], &x[1])
        }),
        case!("masked_fill", [input(&[2, 3])], |x| x[0]
            .masked_fill(&tensor![true, false, true], 9.0)),
        case!(
            "masked_fill by a tensor",
            [input(&[2, 3]), other(&[])],
            |x| { x[0].masked_fill(&tensor![true, false, true], &x[1]) }
        ),
        case!("masked_fill, larger mask", [input(&[3])], |x| {
            x[0].masked_fill(&tensor![[true, false, true], [false, false, true]], 9.0)
        }),
    ]);
}

#[test]
fn methods_that_change_in_place() {
    check(vec![
        case!(
            "add_ mul_ sub_ div_",
            [input(&[2, 3]), positive(&[3])],
            |x| {
                let mut y = x[0].mul(1.0)?;
                y.add_(&x[1])?.mul_(2.0)?.sub_(&x[0])?.div_(&x[1])?;
                Ok(y)
            }
        ),
        case!("add_ to a constant", [input(&[3])], |x| {
            let mut y = Tensor::ones_of([2, 3], DType::F64);
            y.add_(&x[0])?.mul_(&x[0])?;
            Ok(y)
        }),
        case!("pow_ neg_", [positive(&[2, 3])], |x| {
            let mut y = x[0].mul(1.0)?;
            y.pow_(1.5)?.neg_()?;
            Ok(y)
        }),
        case!("relu_ clamp_", [input(&[2, 3])], |x| {
            let mut y = x[0].mul(1.0)?;
            y.relu_()?.clamp_(None, 1.0)?;
            Ok(y)
        }),
        case!("zero_", [input(&[2])], |x| {
            let mut y = x[0].mul(1.0)?;
            y.zero_()?.add_(&x[0])?;
            Ok(y)
        }),
        case!("fill_", [input(&[2])], |x| {
            let mut y = x[0].mul(2.0)?;
            y.fill_(3.0)?.mul_(&x[0])?;
            Ok(y)
        }),
        case!("copy_", [input(&[2, 3]), other(&[3])], |x| {
            let mut y = x[0].mul(2.0)?;
            y.copy_(&x[1])?.mul_(&x[0])?;
            Ok(y)
        }),
        case!("masked_fill_", [input(&[3])], |x| {
            let mut y = x[0].mul(2.0)?;
            y.masked_fill_(&tensor![true, false, true], 1.0)?;
            Ok(y)
        }),
        case!(
            "addcmul_ addcdiv_ lerp_",
            [input(&[3]), positive(&[3])],
            |x| {
                let mut y = x[0].mul(2.0)?;
                y.addcmul_(&x[0], &x[1], 0.3)?
                    .addcdiv_(&x[0], &x[1], 0.7)?
                    .lerp_(&x[1], 0.2)?;
                Ok(y)
            }
        ),
        case!("a value used before the change", [input(&[3])], |x| {
            let mut y = x[0].mul(2.0)?;
            let z = y.mul(&y)?;
            y.add_(1.0)?;
            z.add(&y)
        }),
    ]);
}

#[test]
fn a_wrong_gradient_is_found() {
    use pleach_core::autograd::{GradsOf, Operation, Own, Saved, apply, gradcheck};
    #[derive(Clone)]
    struct Threefold(f64);
    impl Operation for Threefold {
        type Inputs<'a> = &'a Tensor;
        type Outputs = Tensor;
        fn name(&self) -> &'static str {
            "threefold"
        }
        fn forward(&self, x: &Tensor, _: &mut Own) -> pleach_core::Result<Tensor> {
            x.mul(3.0)
        }
        fn backward(&self, _: &Saved<'_>, g: &Tensor) -> pleach_core::Result<GradsOf<Self>> {
            Ok([Some(g.mul(3.0 + self.0)?)])
        }
    }
    let off_by = |error: f64| gradcheck(|x| apply(Threefold(error), &x[0]), &[input(&[2, 3])]);
    assert!(off_by(0.0).is_ok());
    assert!(off_by(1e-3).is_err());
    assert!(off_by(f64::NAN).is_err());
    // A gradient that does not arrive at all.
    assert!(gradcheck(|x| x[0].detach().mul(&x[1]), &[input(&[2]), other(&[2])]).is_err());
    assert!(
        gradcheck(|x| x[0].exp(), &[tensor![1.0]]).is_err(),
        "f32 is refused"
    );
}
