//! Gradients at poles, corners and ties, and of values that are not finite. Expected numbers are
//! PyTorch 2.15's, except where a comment says otherwise.

use pleach_core::autograd::{Options, grad, grad_allow_unused};
use pleach_core::{DType, Result, Tensor, tensor};

const INF: f32 = f32::INFINITY;
const NAN: f32 = f32::NAN;

fn vector(values: &[f32]) -> Tensor {
    Tensor::from_slice(values, [values.len()]).unwrap()
}

fn leaf(values: &[f32]) -> Tensor {
    vector(values).requires_grad_(true).unwrap()
}

#[track_caller]
fn assert_same(got: &Tensor, expected: &[f32]) {
    let got = got.to_vec::<f32>().unwrap();
    assert_eq!(got.len(), expected.len());
    let same = |(g, e): (&f32, &f32)| {
        g == e || (g.is_nan() && e.is_nan()) || (g - e).abs() <= 1e-6 * e.abs()
    };
    assert!(
        got.iter().zip(expected).all(same),
        "got {got:?}, expected {expected:?}"
    );
}

/// The gradient of `f` at `x`, for an upstream gradient that is `up` everywhere.
fn gradient(f: impl Fn(&Tensor) -> Result<Tensor>, x: &[f32], up: f32) -> Tensor {
    let x = leaf(x);
    let y = f(&x).unwrap();
    y.backward_with(&y.detach().full_like(up as f64)).unwrap();
    x.grad().unwrap()
}

/// The gradients of `f` of two tensors.
fn gradients(
    f: impl Fn(&Tensor, &Tensor) -> Result<Tensor>,
    [a, b]: [&[f32]; 2],
    up: f32,
) -> [Tensor; 2] {
    let (a, b) = (leaf(a), leaf(b));
    let y = f(&a, &b).unwrap();
    y.backward_with(&y.detach().full_like(up as f64)).unwrap();
    [a.grad().unwrap(), b.grad().unwrap()]
}

#[test]
fn norms_of_every_p_have_pytorchs_subgradients() {
    let rows = [[0., 1., 4.], [2., -2., 2.], [-3., 0., 1.]];
    let cases: [(f64, [[f32; 3]; 3]); 9] = [
        (0.0, [[0.; 3]; 3]),
        (
            0.5,
            [[0., 3., 1.5], [3., -3., 3.], [-1.5773503, 0., 2.732051]],
        ),
        (1.0, [[0., 1., 1.], [1., -1., 1.], [-1., 0., 1.]]),
        (
            1.5,
            [
                [0., 0.48074985, 0.9614997],
                [0.6933612, -0.6933612, 0.6933612],
                [-0.9430179, 0., 0.54445165],
            ],
        ),
        (
            2.0,
            [
                [0., 0.24253564, 0.97014254],
                [0.57735026, -0.57735026, 0.57735026],
                [-0.94868326, 0., 0.31622776],
            ],
        ),
        (
            3.0,
            [
                [0., 0.06185732, 0.9897171],
                [0.4807498, -0.4807498, 0.4807498],
                [-0.9760463, 0., 0.10844959],
            ],
        ),
        (
            f64::INFINITY,
            [[0., 0., 1.], [1. / 3., -1. / 3., 1. / 3.], [-1., 0., 0.]],
        ),
        (
            f64::NEG_INFINITY,
            [[0.; 3], [1. / 3., -1. / 3., 1. / 3.], [0.; 3]],
        ),
        (-1.0, [[0.; 3], [1. / 9., -1. / 9., 1. / 9.], [0.; 3]]),
    ];
    for (p, expected) in cases {
        for (row, expected) in rows.iter().zip(expected) {
            assert_same(
                &gradient(|x| x.norm_dim(p, Vec::new(), false), row, 1.0),
                &expected,
            );
            assert_same(&gradient(|x| x.norm_dim(p, 0, true), row, 1.0), &expected);
        }
        assert_same(
            &gradient(|x| x.norm_dim(p, 0, false), &[0.; 3], 1.0),
            &[0.; 3],
        );
    }
    let x = tensor![[0., 1., 4.], [0., 0., 0.], [1., 1., 0.]];
    let x = x.requires_grad_(true).unwrap();
    let y = x.norm_dim(0.5, 1, false).unwrap();
    assert_same(&y, &[9., 0., 4.]);
    y.sum().unwrap().backward().unwrap();
    assert_same(&x.grad().unwrap(), &[0., 3., 1.5, 0., 0., 0., 2., 2., 0.]);
}

#[test]
fn a_norm_of_zero_has_gradient_0_whatever_comes_from_above() {
    for up in [INF, NAN] {
        for p in [0.0, 1.5, 3.0, 4.0] {
            let g = gradient(|x| x.norm_dim(p, 0, false), &[0., 0.], up);
            assert_same(&g, &[0., 0.]);
        }
    }
    // One value is not squared: it neither vanishes nor overflows.
    for value in [1e-45, 3e38] {
        assert_same(&leaf(&[value]).norm().unwrap(), &[value]);
        assert_same(&gradient(Tensor::norm, &[value], 1.0), &[1.0]);
    }
}

#[test]
fn norms_of_nothing_are_zero_or_refused_with_pytorchs_text() {
    let nothing = Tensor::zeros([2, 0]);
    assert_eq!(
        nothing
            .norm_dim(0.5, Vec::new(), false)
            .unwrap()
            .item()
            .unwrap(),
        0.0
    );
    let text = |p, dims: &[i64]| {
        nothing
            .norm_dim(p, dims, false)
            .unwrap_err()
            .kind()
            .to_string()
    };
    assert_eq!(
        text(f64::INFINITY, &[]),
        "linalg.vector_norm cannot compute the inf norm on an empty tensor because the operation does not have an identity"
    );
    assert_eq!(
        text(-2.0, &[1]),
        "linalg.vector_norm cannot compute the -2 norm on the dimension 1because this dimension is empty and the operation does not have an identity"
    );
}

#[test]
fn an_absent_bound_of_clamp_lets_an_infinity_through() {
    let x = [-INF, -1., 0., 1., INF];
    let low = gradient(|x| x.clamp(0.0, None), &x, 1.0);
    assert_same(&low, &[0., 0., 0., 1., 1.]);
    let high = gradient(|x| x.clamp(None, 0.0), &x, 1.0);
    assert_same(&high, &[1., 1., 0., 0., 0.]);
    let both = gradient(|x| x.clamp(-1.0, 1.0), &x, INF);
    assert_same(&both, &[0., 0., INF, 0., 0.]);
    assert_same(&gradient(|x| x.clamp(0.0, None), &[INF], 1.0), &[1.]);
}

#[test]
fn the_loser_of_maximum_and_minimum_gets_nothing_and_a_nan_does_not_lose() {
    let inputs: [&[f32]; 2] = [&[1., NAN, 2., 3., INF], &[NAN, 1., 2., 1., INF]];
    for (up, half, lost) in [(1., 0.5, 0.), (INF, INF, 0.), (-2., -1., 0.)] {
        let [a, b] = gradients(|a, b| a.maximum(b), inputs, up);
        assert_same(&a, &[up, up, half, up, half]);
        assert_same(&b, &[up, up, half, lost, half]);
        let [a, b] = gradients(|a, b| a.minimum(b), inputs, up);
        assert_same(&a, &[up, up, half, lost, half]);
        assert_same(&b, &[up, up, half, up, half]);
    }
}

#[test]
fn elements_that_are_not_the_extreme_get_nothing_of_an_infinite_gradient() {
    let x = [1., 3., 3., 0.];
    assert_same(&gradient(Tensor::max, &x, INF), &[0., INF, INF, 0.]);
    assert_same(&gradient(Tensor::min, &x, INF), &[0., 0., 0., INF]);
    assert_same(&gradient(Tensor::median, &x, INF), &[INF, 0., 0., 0.]);
    assert_same(
        &gradient(|x| Ok(x.max_dim(0, false)?.0), &x, INF),
        &[0., INF, 0., 0.],
    );
    // PyTorch multiplies with a mask in these two, so that its losers are nan.
    assert_same(
        &gradient(|x| x.amax(0, false), &x, INF),
        &[0., INF, INF, 0.],
    );
    assert_same(
        &gradient(|x| x.amin(Vec::new(), false), &x, INF),
        &[0., 0., 0., INF],
    );
    let largest = |x: &Tensor| x.norm_dim(f64::INFINITY, 0, false);
    assert_same(&gradient(largest, &x, INF), &[0., INF, INF, 0.]);
    for extreme in [Tensor::max, Tensor::min, Tensor::median] {
        assert_same(&gradient(extreme, &[1., NAN, 2.], 1.0), &[0., 1., 0.]);
    }
}

#[test]
fn powers_with_exponent_0_are_constant_under_every_gradient() {
    let bases: [&[f32]; 2] = [&[0., 0., 2.], &[0., 2., 0.]];
    let [base, exponent] = gradients(|a, b| a.pow(b), bases, INF);
    assert_same(&base, &[0., NAN, 0.]);
    assert_same(&exponent, &[NAN, NAN, INF]);
    assert_same(&gradient(|x| x.pow(0), &[0., INF, NAN], INF), &[0., 0., 0.]);
    let roots = gradient(|x| x.pow(0.5), &[0., 4.], 1.0);
    assert_same(&roots, &[INF, 0.25]);
}

#[test]
fn quotients_do_not_square_their_divisor() {
    let inputs: [&[f32]; 2] = [&[1., 3e38, 1.], &[3e38, 3e38, 1e-30]];
    let [x, y] = gradients(|x, y| x.div(y), inputs, 1.0);
    assert!(x.to_vec::<f32>().unwrap()[2] == 1e30);
    let y = y.to_vec::<f32>().unwrap();
    assert_eq!((y[0], y[2]), (0., -INF));
    assert!((y[1] + 3.333333e-39).abs() < 1e-44);
}

#[test]
fn poles_of_roots_and_reciprocals_stay_poles_under_a_zero_gradient() {
    let x = [1e-45, 0., INF, 4.];
    assert_same(&gradient(Tensor::rsqrt, &x, 0.0), &[NAN, NAN, 0., 0.]);
    assert_same(&gradient(Tensor::reciprocal, &x, 0.0), &[NAN, NAN, 0., 0.]);
    assert_same(&gradient(Tensor::sqrt, &[0., 4.], 1.0), &[INF, 0.25]);
    assert_same(&gradient(Tensor::log, &[0., 4.], 1.0), &[INF, 0.25]);
    assert_same(
        &gradient(Tensor::abs, &[0., -0., -3.], INF),
        &[NAN, NAN, -INF],
    );
}

#[test]
fn products_with_zeros_have_the_gradient_of_the_other_factors() {
    assert_same(&gradient(Tensor::prod, &[0., 2., 3.], 1.0), &[6., 0., 0.]);
    assert_same(&gradient(Tensor::prod, &[0., 0., 3.], INF), &[0., 0., 0.]);
    assert_same(
        &gradient(Tensor::prod, &[4., 2., 3.], INF),
        &[INF, INF, INF],
    );
    let rows = |x: &Tensor| x.reshape([2, 2])?.prod_dim(1, false);
    assert_same(&gradient(rows, &[0., 5., 2., 3.], 1.0), &[5., 0., 3., 2.]);
}

#[test]
fn lerp_goes_from_the_nearer_end_and_its_gradient_needs_no_difference() {
    let (a, b) = (tensor![0.1, 2.0], tensor![0.7, -3.0]);
    let y = a.lerp(&b, 0.9).unwrap();
    assert_eq!(y.to_vec::<f32>().unwrap(), [0.64, -2.5]);
    let y = a.lerp(&b, 0.3).unwrap();
    assert_eq!(y.to_vec::<f32>().unwrap()[0], 0.28);
    let [x, end] = gradients(|a, b| a.lerp(b, 0.25), [&[1., INF], &[INF, 2.]], INF);
    assert_same(&x, &[INF, INF]);
    assert_same(&end, &[INF, INF]);
    let w = tensor![0.25, 0.75].requires_grad_(true).unwrap();
    let y = tensor![1., 1.].lerp(&tensor![3., 5.], &w).unwrap();
    assert_same(&y, &[1.5, 4.]);
    assert_eq!(y.grad_fn(), Some("LerpBackward1"));
    y.sum().unwrap().backward().unwrap();
    assert_same(&w.grad().unwrap(), &[2., 4.]);
}

#[test]
fn scaled_products_scale_before_they_overflow() {
    let big = tensor![3e38];
    let y = tensor![1.].addcmul(&big, &tensor![2.], 0.5).unwrap();
    assert_same(&y, &[3e38]);
    let y = tensor![1.].addcdiv(&big, &tensor![0.5], 0.5).unwrap();
    assert_same(&y, &[3e38]);
}

#[test]
fn what_is_masked_out_gets_nothing_of_an_infinite_gradient() {
    let mask = tensor![true, false];
    for up in [INF, -INF, NAN] {
        let filled = gradient(|x| x.masked_fill(&mask, 7.0), &[1., 2.], up);
        assert_same(&filled, &[0., up]);
        let chosen = gradient(|x| Tensor::where_cond(&mask, x, 0.0), &[1., 2.], up);
        assert_same(&chosen, &[up, 0.]);
        assert_same(&gradient(Tensor::relu, &[-1., 0., 1.], up), &[0., 0., up]);
    }
}

#[test]
fn gradients_of_float64_have_the_same_corners() {
    let x = Tensor::from_slice(&[0.0f64, 1.0, 4.0], [3]).unwrap();
    let x = x.requires_grad_(true).unwrap();
    let y = x.norm_dim(0.5, 0, false).unwrap();
    assert_eq!((y.dtype(), y.item().unwrap()), (DType::F64, 9.0));
    y.backward().unwrap();
    assert_eq!(x.grad().unwrap().to_vec::<f64>().unwrap(), [0.0, 3.0, 1.5]);
}

#[test]
fn a_product_with_several_zeros_has_a_gradient_that_has_none() {
    let at = tensor![0, 0, 0];
    type Reduce = fn(&Tensor, &Tensor, &Tensor) -> Result<Tensor>;
    let reduce: [(&str, Reduce, &str); 2] = [
        (
            "scatter_reduce",
            |x, at, y| x.scatter_reduce(0, at, y, "prod", true),
            "src",
        ),
        (
            "index_reduce",
            |x, at, y| x.index_reduce(0, at, y, "prod", true),
            "source",
        ),
    ];
    for (name, f, source) in reduce {
        let (x, y) = (leaf(&[2.]), leaf(&[0., 0., 3.]));
        let product = f(&x, &at, &y).unwrap();
        let grads = grad_allow_unused(&[&product], &[&x, &y], &[], Options::CREATE_GRAPH).unwrap();
        let [dx, dy] = [0, 1].map(|i| grads[i].clone().unwrap());
        assert_same(&dx, &[0.]);
        assert_same(&dy, &[0.; 3]);
        assert_same(&grad(&[&dx], &[&y]).unwrap()[0], &[0.; 3]);
        let refusal = grad(&[&dy.sum().unwrap()], &[&x]).unwrap_err();
        assert_eq!(
            refusal.kind().to_string(),
            format!(
                "{name}(): Double backward is unsupported for {source} when >1 zeros in {source} are scattered to the same position in self"
            )
        );
    }
}

#[test]
fn what_is_left_out_or_only_counted_has_gradient_0() {
    // PyTorch multiplies with a mask, so that an infinite gradient makes nan there.
    assert_same(&gradient(|x| x.nansum(), &[1., NAN], INF), &[INF, 0.]);
    assert_same(&gradient(|x| x.nanmean(), &[NAN, NAN], 1.0), &[0., 0.]);
    // Here it gives nan to all.
    let (low, high) = leaf(&[1., NAN, 2.]).aminmax().unwrap();
    assert!(low.item().unwrap().is_nan() && high.item().unwrap().is_nan());
    let largest = |x: &Tensor| Ok(x.aminmax()?.1);
    assert_same(&gradient(largest, &[1., NAN, 2.], 1.0), &[0., 1., 0.]);
    // A count; PyTorch gives no gradient to one side, and raises where both need one.
    let [a, b] = gradients(|a, b| a.dist(b, 0.0), [&[1., 2.], &[1., 5.]], 1.0);
    assert_same(&a, &[0., 0.]);
    assert_same(&b, &[0., 0.]);
}

#[test]
fn the_mean_beside_a_variance_is_the_mean() {
    // PyTorch's running mean of the same row is nan once a difference of infinities has arisen.
    let (var, mean) = vector(&[INF, 1., 2.]).var_mean_dim(0, 1.0, false).unwrap();
    assert_same(&mean, &[INF]);
    assert_same(&var, &[NAN]);
    let dx = |f: fn(&Tensor) -> Result<(Tensor, Tensor)>| {
        let sum = |x: &Tensor| f(x).and_then(|(a, b)| a.add(&b));
        gradient(sum, &[INF, 1., 2.], 1.0)
    };
    assert_same(&dx(Tensor::var_mean), &[NAN, -INF, -INF]);
    assert_same(&dx(Tensor::std_mean), &[NAN; 3]);
    let (var, mean) = Tensor::scalar(2.0f32).var_mean().unwrap();
    assert!(var.item().unwrap().is_nan());
    assert_eq!(mean.item().unwrap(), 2.0);
    let (std, mean) = Tensor::scalar(2.0f32).std_mean_dim(0, 0.0, false).unwrap();
    assert_eq!((std.item().unwrap(), mean.item().unwrap()), (0.0, 2.0));
}

#[test]
fn zero_to_the_power_of_anything_has_a_slope() {
    let power = |x: &Tensor| x.rpow(0.0);
    assert_same(
        &gradient(power, &[-INF, -1., 0., 1e-40, INF], 1.0),
        &[-INF, -INF, 0., 0., 0.],
    );
    assert_same(
        &vector(&[-1e-40, 0., 1e-40]).rpow(0.0).unwrap(),
        &[INF, 1., 0.],
    );
}
