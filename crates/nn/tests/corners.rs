//! Values and gradients where a function has a pole or a corner, where numbers are not finite, and
//! where elements share memory. Expected numbers are PyTorch 2.15's, except where a comment says
//! otherwise.

use pleach_core::{Buffer, DType, Result, Tensor, manual_seed, tensor};
use pleach_nn::functional::{self as F, BatchNormOptions, CrossEntropyOptions};
use pleach_nn::losses::{CrossEntropyLoss, Loss, Reduction};

const INF: f32 = f32::INFINITY;
const NAN: f32 = f32::NAN;

#[track_caller]
fn assert_same(got: &Tensor, expected: &[f32]) {
    let got = got.to_vec::<f32>().unwrap();
    assert_eq!(got.len(), expected.len());
    let same = |(g, e): (&f32, &f32)| {
        g == e || (g.is_nan() && e.is_nan()) || (g - e).abs() <= 2e-6 * e.abs()
    };
    assert!(
        got.iter().zip(expected).all(same),
        "got {got:?}, expected {expected:?}"
    );
}

/// The gradient of `f` at `x`, for an upstream gradient that is `up` everywhere.
fn gradient(f: impl Fn(&Tensor) -> Result<Tensor>, x: &Tensor, up: f32) -> Tensor {
    let x = x.detach().requires_grad_(true).unwrap();
    let y = f(&x).unwrap();
    y.backward_with(&y.detach().full_like(up as f64)).unwrap();
    x.grad().unwrap()
}

#[test]
fn normalize_has_pytorchs_subgradients_at_zero_and_at_the_bound() {
    let (x, zero) = (tensor![[3., 4.]], tensor![[0., 0.]]);
    let at = |x: &Tensor, eps: f64| gradient(|x| F::normalize(x, 2.0, 1, eps), x, 1.0);
    assert_same(&at(&x, 5.0), &[0.2, 0.2]);
    assert_same(&at(&x, 6.0), &[1. / 6., 1. / 6.]);
    assert_same(&at(&x, 1e-12), &[0.03199999, -0.024000004]);
    assert_same(&at(&zero, 6.0), &[1. / 6., 1. / 6.]);
    assert_same(&at(&zero, 1e-12), &[1e12, 1e12]);
    let half = gradient(
        |x| F::normalize(x, 0.5, 1, 1e-12),
        &tensor![[0., 1., 4.]],
        1.0,
    );
    assert_same(&half, &[0.11111111, -0.07407408, 0.018518515]);
    let count = gradient(
        |x| F::normalize(x, 0.0, 1, 1e-12),
        &tensor![[INF, 1., 0.]],
        1.0,
    );
    assert_same(&count, &[0.5, 0.5, 0.5]);
}

#[test]
fn cosine_similarity_keeps_the_gradient_of_a_norm_below_its_bound() {
    let (x, zero, other) = (tensor![[3., 4.]], tensor![[0., 0.]], tensor![[1., 0.]]);
    let at = |x: &Tensor, eps: f64| gradient(|x| F::cosine_similarity(x, &other, 1, eps), x, 1.0);
    assert_same(&at(&x, 5.0), &[0.0256, -0.0192]);
    assert_same(&at(&x, 6.0), &[0.019444443, -0.011111111]);
    assert_same(&at(&x, 1e-12), &[0.128, -0.09600001]);
    assert_same(&at(&zero, 6.0), &[0.027777778, 0.]);
    assert_same(&at(&zero, 1e-12), &[1e12, 0.]);
    let error = F::cosine_similarity(&tensor![1, 2], &tensor![1, 2], 0, 1e-8).unwrap_err();
    assert_eq!(
        error.to_string(),
        "expected common dtype to be floating point, yet common dtype is Long"
    );
    let mixed = F::cosine_similarity(&tensor![3., 4.], &tensor![3, 4], 0, 1e-8).unwrap();
    assert_same(&mixed, &[1.]);
}

#[test]
fn squared_errors_multiply_in_pytorchs_order() {
    let (x, target) = (tensor![0., 0., 1.], tensor![3e38, 0., 1.]);
    let at = |reduction, up| gradient(|x| F::mse_loss(x, &target, reduction), &x, up);
    assert_same(&at(Reduction::Sum, 0.0), &[NAN, 0., 0.]);
    assert_same(&at(Reduction::Mean, 0.0), &[0., 0., 0.]);
    assert_same(&at(Reduction::None, 0.0), &[NAN, 0., 0.]);
    for reduction in [Reduction::Sum, Reduction::Mean, Reduction::None] {
        assert_same(&at(reduction, INF), &[-INF, NAN, NAN]);
    }
}

#[test]
fn cross_entropy_of_classes_is_pytorchs_under_an_infinite_gradient() {
    let scores = tensor![[0., 0.], [1., 2.]];
    let at = |target: &Tensor, up| {
        let f = |x: &Tensor| F::cross_entropy(x, target, CrossEntropyOptions::new());
        gradient(f, &scores, up)
    };
    assert_same(&at(&tensor![0, -100], 1.0), &[-0.5, 0.5, 0., 0.]);
    assert_same(&at(&tensor![0, -100], INF), &[NAN, INF, 0., 0.]);
    assert_same(&at(&tensor![0, 1], INF), &[NAN, INF, INF, NAN]);
    // The same where classes are not the last dimension.
    let wide = scores.reshape([1, 2, 2]).unwrap();
    let f = |x: &Tensor| {
        F::cross_entropy(
            x,
            &tensor![[0, -100]],
            CrossEntropyOptions::new().reduction(Reduction::Sum),
        )
    };
    assert_same(&gradient(f, &wide, INF), &[NAN, 0., INF, 0.]);
    // An ignored sample has no gradient, also if its scores are nan (in PyTorch it is nan).
    let f = |x: &Tensor| {
        F::cross_entropy(
            x,
            &tensor![0, -100],
            CrossEntropyOptions::new().reduction(Reduction::Sum),
        )
    };
    let g = gradient(f, &tensor![[0., 0.], [NAN, 2.]], 1.0);
    assert_same(&g, &[-0.5, 0.5, 0., 0.]);
}

#[test]
fn probabilities_cannot_be_ignored() {
    const TEXT: &str = "ignore_index is not supported for floating point target";
    let (scores, p) = (Tensor::zeros([2, 3]), Tensor::full([2, 3], 1.0 / 3.0));
    let call = |x: &Tensor, p: &Tensor, ignore: i64, smoothing: f64| {
        F::cross_entropy(
            x,
            p,
            CrossEntropyOptions::new()
                .ignore_index(ignore)
                .label_smoothing(smoothing),
        )
    };
    for ignore in [0, 1, 2, 100] {
        for smoothing in [0.0, 0.1] {
            let error = call(&scores, &p, ignore, smoothing).unwrap_err();
            assert_eq!(error.to_string(), TEXT);
        }
    }
    assert_eq!(
        call(&Tensor::zeros([3]), &Tensor::ones([3]), 2, 0.0)
            .unwrap_err()
            .to_string(),
        TEXT
    );
    let trained = p.detach().requires_grad_(true).unwrap();
    assert_eq!(
        call(&scores, &trained, 1, 0.0).unwrap_err().to_string(),
        TEXT
    );
    let loss = CrossEntropyLoss::builder().ignore_index(1).build().unwrap();
    assert_eq!(
        loss.call(&scores, &p).unwrap_err().to_string(),
        format!("CrossEntropyLoss: {TEXT}")
    );
    // Negative ones name no class.
    for ignore in [-1, -100] {
        assert_same(&call(&scores, &p, ignore, 0.0).unwrap(), &[3f32.ln()]);
    }
}

#[test]
fn integers_are_refused_with_pytorchs_texts() {
    let (whole, mask) = (tensor![1, 2], tensor![true, false]);
    let text = |result: Result<Tensor>| result.unwrap_err().kind().to_string();
    let cast = |name| format!("result type Float can't be cast to the desired output type {name}");
    assert_eq!(text(F::dropout(&whole, 0.5, true)), cast("Long"));
    assert_eq!(text(F::dropout(&mask, 0.5, true)), cast("Bool"));
    let image = Tensor::ones_of([1, 2, 1], DType::I64);
    assert_eq!(text(F::dropout1d(&image, 0.5, true)), cast("Long"));
    assert_eq!(text(F::alpha_dropout(&mask, 0.5, true)), cast("Long"));
    assert_eq!(
        text(F::feature_alpha_dropout(&image, 0.5, true)),
        cast("Long")
    );
    let kernel = |name, dtype| format!("\"{name}\" not implemented for '{dtype}'");
    assert_eq!(
        text(F::gelu(&whole, F::Approximate::None)),
        kernel("GeluKernelImpl", "Long")
    );
    assert_eq!(
        text(F::gelu(&mask, F::Approximate::Tanh)),
        kernel("GeluKernelImpl", "Bool")
    );
    assert_eq!(
        text(F::layer_norm(&whole, [2], None, None, 1e-5)),
        kernel("LayerNormKernelImpl", "Long")
    );
    assert_eq!(
        text(F::relu6(&mask)),
        "Bool inputs not supported for hardtanh"
    );
    for (x, name) in [(&mask, "Bool"), (&whole, "Long")] {
        assert_eq!(
            text(F::mse_loss(x, &mask, Reduction::Sum)),
            kernel("mse_cpu", name)
        );
    }
    let loss = F::mse_loss(&tensor![3., 1.], &mask, Reduction::Sum).unwrap();
    assert_same(&loss, &[5.]);
    let scores = Tensor::zeros_of([2, 3], DType::I64);
    for target in [tensor![0, 1], Tensor::ones([2, 3])] {
        assert_eq!(
            text(F::cross_entropy(
                &scores,
                &target,
                CrossEntropyOptions::new()
            )),
            kernel("log_softmax_lastdim_kernel_impl", "Long")
        );
    }
}

#[test]
fn dropout_of_an_expanded_tensor_draws_in_pytorchs_order() -> Result<()> {
    let counting = |n: usize| Tensor::arange(n + 1).narrow(0, 1, n)?.float();
    let column = counting(4)?.reshape([4, 1])?.expand([4i64, 3])?;
    let turned = counting(12)?
        .reshape([4, 3])?
        .t()?
        .unsqueeze(0)?
        .expand([2i64, 3, 4])?;
    let row = counting(3)?.expand([2i64, 3])?;
    let dropped = |x: &Tensor| {
        manual_seed(3);
        F::dropout(x, 0.5, true)
    };
    assert_same(
        &dropped(&column)?,
        &[2., 2., 0., 4., 0., 0., 6., 6., 6., 0., 8., 0.],
    );
    assert_same(&dropped(&row)?, &[2., 4., 0., 2., 0., 0.]);
    assert_same(
        &dropped(&turned)?,
        &[
            2., 8., 14., 0., 4., 0., 16., 22., 0., 0., 18., 0., 2., 8., 0., 0., 4., 10., 16., 22.,
            0., 0., 0., 24.,
        ],
    );
    manual_seed(3);
    let alpha = F::alpha_dropout(&turned, 0.5, true)?.to_vec::<f32>()?;
    assert_eq!(alpha[..4], [1.6655989, 4.3248134, 6.984028, -0.77919394]);
    // The gradient goes through what was kept, and comes back to the one row.
    let leaf = counting(3)?.requires_grad_(true)?;
    manual_seed(3);
    F::dropout(&leaf.expand([2i64, 3])?, 0.5, true)?
        .sum()?
        .backward()?;
    assert_eq!(
        leaf.grad().map(|g| g.to_vec::<f32>()).transpose()?,
        Some(vec![4., 2., 0.])
    );
    Ok(())
}

#[test]
fn normalisations_of_equal_values_are_exactly_0() -> Result<()> {
    for dtype in [DType::F32, DType::F64] {
        for value in [0.01, 0.1, 1000.7] {
            for n in [7, 1000, 4097] {
                let x = Tensor::full_of([2, n], value, dtype);
                let y = F::layer_norm(&x, [n], None, None, 1e-5)?;
                assert!(
                    y.to_vec_f64().iter().all(|v| *v == 0.0),
                    "{dtype} {value} {n}"
                );
                let x = Tensor::full_of([3, 2, n], value, dtype);
                let stats = (
                    Buffer::new(Tensor::zeros_of([2], dtype)),
                    Buffer::new(Tensor::ones_of([2], dtype)),
                );
                let running = Some((&stats.0, &stats.1));
                let y = F::batch_norm(
                    &x,
                    BatchNormOptions::new()
                        .running_stats(running)
                        .training(true)
                        .momentum(1.0),
                )?;
                assert!(
                    y.to_vec_f64().iter().all(|v| *v == 0.0),
                    "{dtype} {value} {n}"
                );
                assert_eq!(
                    stats.1.tensor().to_vec_f64(),
                    [0.0; 2],
                    "{dtype} {value} {n}"
                );
            }
        }
    }
    Ok(())
}
