//! Second derivatives of choices between values, and which graphs can be walked twice.

mod common;

use common::{check, input, other, positive};
use pleach_core::autograd::{Options, grad_allow_unused};
use pleach_core::{Result, Tensor, tensor};

#[test]
fn choices() {
    check(vec![
        case!("where", [input(&[2, 3]), other(&[3])], |x| {
            Tensor::where_cond(&x[0].gt(0.0)?, &x[0].mul(&x[0])?, &x[1])
        }),
        case!("where, one of them", [input(&[2, 3])], |x| {
            Tensor::where_cond(&tensor![[true], [false]], &x[0], 2.0)
        }),
        case!("masked_fill", [input(&[2, 1])], |x| {
            x[0].masked_fill(&tensor![true, false, true], 0.5)
        }),
        case!(
            "masked_fill by a tensor",
            [input(&[2, 3]), other(&[])],
            |x| x[0].masked_fill(&tensor![true, false, true], &x[1])
        ),
        case!("clamp", [input(&[3, 4])], |x| x[0].clamp(-0.5, 0.5)),
        case!("clamp from below", [input(&[3, 4])], |x| x[0]
            .clamp(-0.5, None)),
        case!("clamp from above", [input(&[3, 4])], |x| x[0]
            .clamp(None, 0.5)),
    ]);
}

#[test]
fn interpolation() {
    check(vec![
        case!("a number", [input(&[2, 3]), other(&[3])], |x| x[0]
            .lerp(&x[1], 0.3)),
        case!("a far number", [input(&[3]), other(&[2, 3])], |x| x[0]
            .lerp(&x[1], 0.8)),
        case!(
            "a tensor",
            [input(&[2, 3]), other(&[3]), positive(&[2, 1])],
            |x| x[0].lerp(&x[1], &x[2])
        ),
        case!("a tensor of itself", [input(&[2, 3])], |x| x[0]
            .lerp(&x[0], &x[0])),
    ]);
}

type Op = fn(&Tensor) -> Result<Tensor>;

#[test]
fn graphs_that_keep_something_are_walked_once() {
    let cases: [(&str, Op, bool); 19] = [
        ("sum", |x| x.sum(), true),
        ("mean", |x| x.mean_dim(0, true), true),
        ("cumsum", |x| x.cumsum(0), true),
        ("lerp to a number", |x| x.lerp(&x.detach(), 0.3), true),
        ("lerp by a tensor", |x| x.lerp(x, x.detach()), false),
        ("prod", |x| x.prod(), false),
        ("amax", |x| x.amax(0, false), false),
        ("max", |x| Ok(x.max_dim(0, false)?.0), false),
        ("logsumexp", |x| x.logsumexp(0, false), false),
        ("count", |x| x.norm_dim(0.0, 0, false), false),
        ("norm", |x| x.norm(), false),
        ("std", |x| x.std(), false),
        ("softmax", |x| x.softmax(0), false),
        ("where", |x| Tensor::where_cond(&x.gt(0.0)?, x, 0.0), false),
        ("masked_fill", |x| x.masked_fill(&x.gt(0.0)?, 0.0), false),
        ("clamp", |x| x.clamp(0.0, None), false),
        ("mm", |x| x.mm(&x.detach()), false),
        (
            "addmm of constants",
            |x| x.addmm(&x.detach(), &x.detach(), 1.0, 2.0),
            false,
        ),
        (
            "linear of constants",
            |x| x.detach().linear(&x.detach(), Some(&x.sum_dim(0, false)?)),
            false,
        ),
    ];
    for (name, f, twice) in cases {
        let x = input(&[2, 2]).requires_grad_(true).unwrap();
        let y = f(&x).unwrap();
        let ones = y.try_ones_like().unwrap();
        let walk = || grad_allow_unused(&[&y], &[&x], &[Some(&ones)], Options::ONCE);
        assert!(walk().is_ok(), "{name}");
        assert_eq!(walk().is_ok(), twice, "{name}");
    }
}

#[test]
fn jacobians_hessians_and_products_with_them_agree() {
    use pleach_core::autograd::functional::{hessian, jacobian, jvp, vjp};
    let inputs = [input(&[2]), other(&[3, 2])];
    let f = |x: &[Tensor]| x[1].mul(&x[0])?.exp()?.sum_dim(1, false)?.mul(&x[0].sum()?);
    let jacobians = jacobian(f, &inputs).unwrap();
    assert_eq!(
        (jacobians[0].shape(), jacobians[1].shape()),
        (&[3, 2][..], &[3, 3, 2][..])
    );
    let (v, tangents) = (other(&[3]), [other(&[2]), input(&[3, 2])]);
    let (value, grads) = vjp(f, &inputs, &v).unwrap();
    assert!(value.allclose(&f(&inputs).unwrap(), 1e-12, 1e-12).unwrap());
    let mut along = Tensor::zeros_of([3], pleach_core::DType::F64);
    for i in 0..2 {
        let n = inputs[i].numel();
        let flat = jacobians[i].reshape([3, n]).unwrap();
        let product = v
            .unsqueeze(0)
            .unwrap()
            .mm(&flat)
            .unwrap()
            .reshape(inputs[i].shape())
            .unwrap();
        assert!(grads[i].allclose(&product, 1e-12, 1e-12).unwrap());
        along = along
            .add(flat.mv(&tangents[i].reshape([n]).unwrap()).unwrap())
            .unwrap();
    }
    let (_, change) = jvp(f, &inputs, &tangents).unwrap();
    assert!(change.allclose(&along, 1e-12, 1e-12).unwrap());

    let sum = |x: &[Tensor]| f(x)?.sum();
    let h = hessian(sum, &inputs).unwrap();
    // Second derivatives by differences of the Jacobian of the sum.
    let step = 1e-6;
    let moved = |by: f64| {
        let mut x = inputs.clone();
        x[0] = x[0]
            .add(Tensor::from_vec(vec![by, 0.0], [2]).unwrap())
            .unwrap();
        jacobian(sum, &x).unwrap()
    };
    let (up, down) = (moved(step), moved(-step));
    for j in 0..2 {
        let quotient = up[j].sub(&down[j]).unwrap().div(2.0 * step).unwrap();
        let row = h[0][j].select(0, 0).unwrap();
        assert!(
            row.allclose(&quotient, 1e-6, 1e-6).unwrap(),
            "{row} {quotient}"
        );
    }
    assert!(hessian(f, &inputs).is_err());
    // What the value does not depend on has zeros.
    let unused = jacobian(|x| x[0].mul(2.0), &inputs).unwrap();
    assert_eq!(unused[1].shape(), [2, 3, 2]);
    assert_eq!(unused[1].abs().unwrap().sum().unwrap().item().unwrap(), 0.0);
}
