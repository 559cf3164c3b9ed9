//! Every loss: gradients and theirs against finite differences, corner cases against what PyTorch
//! returns, and its refusals.

use pleach_core::autograd::{Options, grad_allow_unused, gradcheck, gradgradcheck};
use pleach_core::{DType, Generator, Result, Tensor, tensor};
use pleach_nn::functional::{
    self as F, BinaryCrossEntropyWithLogitsOptions, CrossEntropyOptions, CtcLossOptions,
    GaussianNllLossOptions, HuberLossOptions, KlDivReduction, LinearCrossEntropyOptions,
    LossOptions, MultiMarginLossOptions, NllLossOptions, PoissonNllLossOptions, Reduction,
    TripletMarginLossOptions, TripletMarginWithDistanceLossOptions, Variance,
};
use pleach_nn::losses::{
    AdaptiveLogSoftmaxWithLoss, BCEWithLogitsLoss, GaussianNLLLoss, LinearCrossEntropyLoss, Loss,
    MultiMarginLoss, TripletMarginLoss, TripletMarginWithDistanceLoss,
};
use pleach_nn::{ForwardMany, Module, ModuleExt};

const REDUCTIONS: [Reduction; 3] = [Reduction::None, Reduction::Mean, Reduction::Sum];

/// f64 values in [-1, 1), the same for the same seed.
fn values(seed: u64, shape: &[usize]) -> Result<Tensor> {
    Generator::seeded(seed).scope(|| Tensor::rand_of(shape, DType::F64)?.mul(2.0)?.sub(1.0))
}

/// f64 values in (0, 1), away from both.
fn unit(seed: u64, shape: &[usize]) -> Result<Tensor> {
    values(seed, shape)?.mul(0.4)?.add(0.5)
}

/// A loss of some tensors.
type Row<'a> = (
    &'static str,
    &'a dyn Fn(&[Tensor], Reduction) -> Result<Tensor>,
    Vec<Tensor>,
);

fn check_all(rows: Vec<Row<'_>>, second: bool) -> Result<()> {
    for (name, f, inputs) in rows {
        for reduction in REDUCTIONS {
            let run = |t: &[Tensor]| f(t, reduction);
            gradcheck(run, &inputs).expect(name);
            if second {
                gradgradcheck(run, &inputs).expect(name);
            }
        }
    }
    Ok(())
}

#[test]
fn losses_of_elements_have_the_right_gradients_and_theirs() -> Result<()> {
    let (x, y) = (values(1, &[3, 4])?, values(2, &[3, 4])?);
    let both = || vec![x.detach(), y.detach()];
    let wide = || vec![x.t().unwrap(), values(3, &[4, 1]).unwrap()];
    let probabilities = || {
        vec![
            unit(4, &[3, 4]).unwrap(),
            unit(5, &[4, 3]).unwrap().t().unwrap(),
        ]
    };
    let w = unit(6, &[3, 4])?;
    let row = unit(7, &[4])?;
    let weighted = |r| LossOptions::new().weight(&w).reduction(r);
    check_all(
        vec![
            ("l1", &|t, r| F::l1_loss(&t[0], &t[1], r), both()),
            ("l1 wide", &|t, r| F::l1_loss(&t[0], &t[1], r), wide()),
            (
                "l1 weight",
                &|t, r| F::l1_loss(&t[0], &t[1], weighted(r)),
                both(),
            ),
            (
                "mse weight",
                &|t, r| F::mse_loss(&t[0], &t[1], weighted(r)),
                both(),
            ),
            (
                "smooth",
                &|t, r| F::smooth_l1_loss(&t[0], &t[1], r, 0.4),
                both(),
            ),
            (
                "smooth wide",
                &|t, r| F::smooth_l1_loss(&t[0], &t[1], r, 1.0),
                wide(),
            ),
            (
                "huber",
                &|t, r| {
                    let options = HuberLossOptions::new().delta(0.4).reduction(r);
                    F::huber_loss(&t[0], &t[1], options)
                },
                both(),
            ),
            (
                "huber weight",
                &|t, r| {
                    let options = HuberLossOptions::new().weight(&w).reduction(r);
                    F::huber_loss(&t[0], &t[1], options)
                },
                both(),
            ),
            (
                "bce",
                &|t, r| F::binary_cross_entropy(&t[0], &t[1], r),
                probabilities(),
            ),
            (
                "bce weight",
                &|t, r| {
                    let options = LossOptions::new().weight(&row).reduction(r);
                    F::binary_cross_entropy(&t[0], &t[1], options)
                },
                probabilities(),
            ),
            (
                "logits",
                &|t, r| {
                    let options = BinaryCrossEntropyWithLogitsOptions::new().reduction(r);
                    F::binary_cross_entropy_with_logits(&t[0], &t[1], options)
                },
                both(),
            ),
            (
                "logits weights",
                &|t, r| {
                    let options = BinaryCrossEntropyWithLogitsOptions::new().weight(&w);
                    let options = options.pos_weight(&row).reduction(r);
                    F::binary_cross_entropy_with_logits(&t[0], &t[1], options)
                },
                both(),
            ),
            (
                "labels",
                &|t, r| {
                    let options = LossOptions::new().weight(&row).reduction(r);
                    F::multilabel_soft_margin_loss(&t[0], &t[1], options)
                },
                both(),
            ),
            (
                "soft margin",
                &|t, r| F::soft_margin_loss(&t[0], &y, r),
                vec![x.detach()],
            ),
            (
                "kl",
                &|t, r| F::kl_div(&t[0], &t[1], r, false),
                probabilities(),
            ),
            (
                "kl alone",
                &|t, r| F::kl_div(&t[0], &w, r, false),
                vec![x.detach()],
            ),
            ("kl log", &|t, r| F::kl_div(&t[0], &t[1], r, true), wide()),
            (
                "kl batch",
                &|t, _| F::kl_div(&t[0], &t[1], "batchmean", false),
                probabilities(),
            ),
        ],
        true,
    )
}

#[test]
fn composed_losses_have_the_right_gradients_and_theirs() -> Result<()> {
    let (x, y) = (values(1, &[3, 4])?, values(2, &[3, 4])?);
    let both = || vec![x.detach(), y.detach()];
    let sign = tensor![[1.0f64, -1.0, 1.0, -1.0]].expand([3i64, 4])?;
    let three = tensor![1, -1, 1];
    let triplet = || vec![x.detach(), y.detach(), values(3, &[3, 4]).unwrap()];
    let counts = || {
        vec![
            values(1, &[2, 3]).unwrap(),
            unit(2, &[2, 3]).unwrap().add(1.0).unwrap(),
        ]
    };
    let rates = || {
        vec![
            unit(1, &[2, 3]).unwrap(),
            unit(2, &[2, 3]).unwrap().mul(4.0).unwrap(),
        ]
    };
    let l1 = |a: &Tensor, b: &Tensor| a.sub(b)?.abs()?.sum_dim(1, false);
    check_all(
        vec![
            (
                "poisson",
                &|t, r| {
                    let options = PoissonNllLossOptions::new().full(true).reduction(r);
                    F::poisson_nll_loss(&t[0], &t[1], options)
                },
                counts(),
            ),
            (
                "poisson rates",
                &|t, r| {
                    let options = PoissonNllLossOptions::new().log_input(false).full(true);
                    F::poisson_nll_loss(&t[0], &t[1], options.reduction(r))
                },
                rates(),
            ),
            (
                "gauss",
                &|t, r| {
                    let options = GaussianNllLossOptions::new().full(true).reduction(r);
                    F::gaussian_nll_loss(&t[0], &t[1], &t[2], options)
                },
                vec![x.detach(), y.detach(), unit(4, &[3])?],
            ),
            (
                "ranking",
                &|t, r| F::margin_ranking_loss(&t[0], &t[1], &sign, 0.3, r),
                both(),
            ),
            (
                "hinge",
                &|t, r| F::hinge_embedding_loss(&t[0], &sign, 0.55, r),
                vec![x.detach()],
            ),
            (
                "cosine",
                &|t, r| F::cosine_embedding_loss(&t[0], &t[1], &three, -0.9, r),
                both(),
            ),
            (
                "triplet",
                &|t, r| {
                    let options = TripletMarginLossOptions::new().swap(true).reduction(r);
                    F::triplet_margin_loss(&t[0], &t[1], &t[2], options)
                },
                triplet(),
            ),
            (
                "triplet p",
                &|t, r| {
                    let options = TripletMarginLossOptions::new()
                        .p(3.0)
                        .margin(2.0)
                        .reduction(r);
                    F::triplet_margin_loss(&t[0], &t[1], &t[2], options)
                },
                triplet(),
            ),
            (
                "triplet l1",
                &|t, r| {
                    let options = TripletMarginWithDistanceLossOptions::new();
                    let options = options.distance_function(&l1).margin(9.0).reduction(r);
                    F::triplet_margin_with_distance_loss(&t[0], &t[1], &t[2], options)
                },
                triplet(),
            ),
            (
                "linear cross entropy",
                &|t, r| {
                    let options = LinearCrossEntropyOptions::new().linear_bias(&t[2]);
                    let options = options.label_smoothing(0.1).reduction(r);
                    F::linear_cross_entropy(&t[0], &t[1], &tensor![[1, 0], [2, 1], [0, 0]], options)
                },
                vec![x.detach(), values(5, &[3, 2, 4])?, values(6, &[3, 2])?],
            ),
        ],
        true,
    )
}

#[test]
fn losses_with_a_kernel_alone_have_the_right_gradients_and_refuse_theirs() -> Result<()> {
    let x = values(1, &[3, 4])?;
    let (classes, weight) = (tensor![2, 0, 3], unit(2, &[4])?);
    let labels = tensor![[2, 0, -1, 1], [-1, 0, 1, 2], [3, 1, 0, 2]];
    let margin = |r, p: i64, w| {
        let options = MultiMarginLossOptions::new().p(p).margin(0.7);
        options.weight(w).reduction(r)
    };
    let of_classes = |t: &[Tensor], o| F::multi_margin_loss(&t[0], &classes, o);
    let scores = values(3, &[2, 6, 4])?.transpose(0, 1)?;
    let of_sequences = |t: &[Tensor], targets: &Tensor, lengths: Tensor, r| {
        let log_probs = F::log_softmax(&t[0], 2)?;
        let options = CtcLossOptions::new()
            .blank(1)
            .zero_infinity(true)
            .reduction(r);
        F::ctc_loss(&log_probs, targets, &tensor![6, 4], &lengths, options)
    };
    check_all(
        vec![
            (
                "margin",
                &|t, r| of_classes(t, margin(r, 1, None)),
                vec![x.detach()],
            ),
            (
                "margin²",
                &|t, r| of_classes(t, margin(r, 2, Some(&weight))),
                vec![x.detach()],
            ),
            (
                "one sample",
                &|t, r| F::multi_margin_loss(&t[0], &tensor![1], margin(r, 1, Some(&weight))),
                vec![x.select(0, 1)?],
            ),
            (
                "labels",
                &|t, r| F::multilabel_margin_loss(&t[0], &labels, r),
                vec![values(4, &[4, 3])?.t()?],
            ),
            (
                "ctc",
                &|t, r| of_sequences(t, &tensor![[2, 3, 2, 0], [0, 0, 3, 0]], tensor![3, 2], r),
                vec![scores.detach()],
            ),
            (
                "ctc, one after the other, one too long",
                &|t, r| of_sequences(t, &tensor![2, 2, 3, 0, 3, 2, 0], tensor![2, 5], r),
                vec![scores.detach()],
            ),
        ],
        false,
    )?;
    let options = CtcLossOptions::new();
    let ctc = |t: &Tensor| {
        let lengths = tensor![2, 2];
        F::ctc_loss(
            t,
            &tensor![[2, 3], [2, 0]],
            &tensor![6, 6],
            &lengths,
            options.clone(),
        )
    };
    let leaf = scores.detach().requires_grad_(true)?;
    let row = x.detach().requires_grad_(true)?;
    for (loss, leaf, name) in [
        (ctc(&leaf)?, &leaf, "_ctc_loss_backward"),
        (
            F::multi_margin_loss(&row, &classes, margin(Reduction::Sum, 2, None))?,
            &row,
            "multi_margin_loss_backward",
        ),
        (
            F::multilabel_margin_loss(&row, &labels, "mean")?,
            &row,
            "multilabel_margin_loss_backward",
        ),
    ] {
        let once = Options::CREATE_GRAPH;
        let gradient = grad_allow_unused(&[&loss.sum()?], &[leaf], &[], once)?.remove(0);
        let gradient = gradient.expect("a gradient");
        let error = gradient.sum()?.backward().unwrap_err().to_string();
        assert_eq!(
            error,
            format!("the derivative of '{name}' is not implemented")
        );
    }
    Ok(())
}

fn assert_same(got: &Tensor, wanted: &[f64]) {
    let got = got.to_vec_f64();
    let alike = |(g, w): (&f64, &f64)| {
        (g.is_nan() && w.is_nan()) || g == w || (g - w).abs() < 1e-4 * (1.0 + w.abs())
    };
    assert!(
        got.len() == wanted.len() && got.iter().zip(wanted).all(alike),
        "{got:?} {wanted:?}"
    );
}

/// Gradients of a loss by its two tensors.
fn gradients(f: impl Fn(&Tensor, &Tensor) -> Result<Tensor>, x: Tensor, y: Tensor) -> [Tensor; 2] {
    let [x, y] = [x, y].map(|t| t.requires_grad_(true).unwrap());
    f(&x, &y).unwrap().backward().unwrap();
    [x, y].map(|t| t.grad().unwrap())
}

const INF: f64 = f64::INFINITY;
const NAN: f64 = f64::NAN;

#[test]
fn corners_are_pytorchs() -> Result<()> {
    let weight = tensor![1., 2., 3.];
    let f = |x: &Tensor, y: &Tensor| {
        F::binary_cross_entropy(x, y, LossOptions::new().weight(&weight).reduction("sum"))
    };
    let (x, y) = (tensor![0., 0.5, 1.], tensor![0.5, 0.2, 1.]);
    assert_same(&f(&x, &y)?, &[51.3863]);
    let [dx, dy] = gradients(f, x, y);
    assert_same(&dx, &[-5e11, 2.4, 0.]);
    assert_same(&dy, &[INF, 0., -INF]);

    let (x, y) = (tensor![0., -0.5, -1.], tensor![0., 0.2, 1.]);
    let [dx, dy] = gradients(|x, y| F::kl_div(x, y, "sum", false), x.clone(), y.clone());
    assert_same(&dx, &[0., -0.2, -1.]);
    assert_same(&dy, &[NAN, -0.1094, 2.]);
    let [dx, dy] = gradients(|x, y| F::kl_div(x, y, "sum", true), x, y);
    assert_same(&dx, &[-1., -1.2214, -1f64.exp()]);
    assert_same(&dy, &[1., 2.0764, 8.1548]);

    let f = |x: &Tensor, y: &Tensor| F::smooth_l1_loss(x, y, "sum", 0.5);
    let [dx, dy] = gradients(f, tensor![1., 2., 0.], tensor![1., 2.5, 5.]);
    assert_same(&dx, &[0., -1., -1.]);
    assert_same(&dy, &[0., 1., 1.]);

    let none = BinaryCrossEntropyWithLogitsOptions::new().reduction("none");
    let x = tensor![f32::INFINITY, f32::NEG_INFINITY, f32::NAN];
    let loss = F::binary_cross_entropy_with_logits(&x, &tensor![0.1, 0.5, 0.9], none)?;
    assert_same(&loss, &[INF, NAN, NAN]);
    // PyTorch overflows here: e^200 is no f32.
    let (x, y) = (tensor![-200.], tensor![1.]);
    assert_same(&F::soft_margin_loss(&x, &y, "sum")?, &[200.]);

    let empty = Tensor::zeros([0]);
    for loss in [
        F::l1_loss(&empty, &empty, "mean")?,
        F::mse_loss(&empty, &empty, "mean")?,
        F::smooth_l1_loss(&empty, &empty, "mean", 1.0)?,
        F::binary_cross_entropy(&empty, &empty, "mean")?,
        F::kl_div(&empty, &empty, "mean", false)?,
        F::soft_margin_loss(&empty, &empty, "mean")?,
        F::hinge_embedding_loss(&empty, &empty, 1.0, "mean")?,
        F::multilabel_soft_margin_loss(&empty, &empty, "mean")?,
    ] {
        assert_same(&loss, &[NAN]);
    }
    let (one, three) = (Tensor::scalar(1.0), Tensor::scalar(3.0));
    assert_eq!(F::mse_loss(&one, &three, "none")?.shape(), [0usize; 0]);
    assert_same(
        &F::kl_div(&one, &one, KlDivReduction::BatchMean, false)?,
        &[-1.],
    );
    Ok(())
}

#[test]
fn sequences_of_no_steps_and_of_no_labels_are_pytorchs() -> Result<()> {
    let log_probs = Tensor::full([3, 2, 3], -(3f64.ln()));
    let run = |x: &Tensor, targets: &Tensor, steps: Tensor, lengths: Tensor, r| {
        let options = CtcLossOptions::new().reduction(r);
        F::ctc_loss(x, targets, &steps, &lengths, options)
    };
    let targets = tensor![[1, 2], [1, 1]];
    let none = |steps, lengths| run(&log_probs, &targets, steps, lengths, "none");
    assert_same(&none(tensor![3, 3], tensor![2, 1])?, &[1.6864, 1.5041]);
    assert_same(&none(tensor![0, 0], tensor![0, 1])?, &[0., INF]);
    assert_same(&none(tensor![1, 2], tensor![2, 2])?, &[INF, INF]);
    let flat = tensor![1, 2, 2].to_dtype(DType::I32)?;
    let loss = run(&log_probs, &flat, tensor![2, 3], tensor![2, 1], "mean")?;
    assert_same(&loss, &[1.3013]);
    let leaf = log_probs.detach().requires_grad_(true)?;
    run(&leaf, &targets, tensor![3, 2], tensor![2, 1], "sum")?.backward()?;
    let wanted = [
        0.1333, -0.4667, 0.3333, 0., -0.3333, 0.3333, 0.1333, -0.0667, -0.0667, 0., -0.3333,
        0.3333, 0.1333, 0.3333, -0.4667, 0., 0., 0.,
    ];
    assert_same(&leaf.grad().unwrap(), &wanted);
    let error = run(
        &log_probs,
        &targets.add(2)?,
        tensor![3, 3],
        tensor![2, 1],
        "sum",
    );
    assert_eq!(text(error), "Target 3 is out of bounds.");
    Ok(())
}

#[test]
fn half_floats_are_computed_and_dtypes_are_pytorchs() -> Result<()> {
    let x = tensor![[0.5, -1.25, 2.], [1., 0., -0.5]];
    let p = tensor![[0.5, 0.25, 0.25], [0., 1., 0.]];
    let (y, w) = (tensor![0, 2], tensor![1., 2., 0.5]);
    // A bf16 has 8 bits, and PyTorch rounds between.
    for (dtype, tolerance) in [(DType::F16, 2e-3), (DType::BF16, 1.2e-2)] {
        let (x, p, w) = (x.to_dtype(dtype)?, p.to_dtype(dtype)?, w.to_dtype(dtype)?);
        let logits = BinaryCrossEntropyWithLogitsOptions::new();
        let weighted = CrossEntropyOptions::new().weight(&w).reduction("none");
        for (loss, wanted) in [
            (
                F::cross_entropy(&x, &y, CrossEntropyOptions::new())?,
                1.8486328125,
            ),
            (
                F::cross_entropy(&x, &y, weighted)?.select(0, 1)?,
                0.982421875,
            ),
            (
                F::cross_entropy(&x, &p, CrossEntropyOptions::new())?,
                1.6298828125,
            ),
            (F::nll_loss(&x, &y, NllLossOptions::new())?, 0.0),
            (F::mse_loss(&x, &p, "mean")?, 1.2607421875),
            (
                F::binary_cross_entropy_with_logits(&x, &p, logits)?,
                0.8994140625,
            ),
            (F::kl_div(&x, &p, "batchmean", false)?, -0.73876953125),
        ] {
            assert_eq!(loss.dtype(), dtype);
            assert!((loss.item()? - wanted).abs() < tolerance, "{loss} {wanted}");
        }
        let leaf = x.detach().requires_grad_(true)?;
        F::mse_loss(&leaf, &p, "mean")?.backward()?;
        assert_eq!(leaf.grad().unwrap().dtype(), dtype);
        let loss = F::cross_entropy(&x, &p.float()?, CrossEntropyOptions::new())?;
        assert_eq!(loss.dtype(), DType::F32);
        assert_eq!(
            F::huber_loss(&x, &p.float()?, HuberLossOptions::new())?.dtype(),
            dtype
        );
        assert_eq!(
            F::smooth_l1_loss(&x, &p.float()?, "sum", 1.0)?.dtype(),
            DType::F32
        );
    }
    let options = BinaryCrossEntropyWithLogitsOptions::new();
    let loss = F::binary_cross_entropy_with_logits(&x.double()?, &p, options)?;
    assert_eq!(loss.dtype(), DType::F32);
    assert_eq!(F::l1_loss(&y, &y, "sum")?.dtype(), DType::I64);
    Ok(())
}

fn text<T>(result: Result<T>) -> String {
    match result {
        Ok(_) => "no error".into(),
        Err(error) => error.kind().to_string(),
    }
}

#[test]
fn what_pytorch_refuses_is_refused_with_its_text() -> Result<()> {
    let (x, p) = (Tensor::zeros([2, 3]), tensor![0.1, 0.5, 0.9]);
    let wants = p.detach().requires_grad_(true)?;
    let weight = |w| LossOptions::new().weight(w).reduction("none");
    let logits = |w| BinaryCrossEntropyWithLogitsOptions::new().weight(w);
    let triplet = TripletMarginLossOptions::new().margin(-1.5);
    let ctc = |lengths: &Tensor, blank: i64| {
        let options = CtcLossOptions::new().blank(blank);
        let x = Tensor::zeros([5, 2, 4]);
        F::ctc_loss(
            &x,
            &tensor![[1, 2], [3, 3]],
            &tensor![5, 4],
            lengths,
            options,
        )
    };
    let adaptive = AdaptiveLogSoftmaxWithLoss::new(8, 10, [2, 5]);
    let of_adaptive = |x: &[usize], y: &Tensor| text(adaptive.call((&Tensor::zeros(x), y)));
    let while_checking = "(while checking arguments for ctc_loss_allocate_outputs)";
    for (got, wanted) in [
        (
            text(F::smooth_l1_loss(&p, &p, "mean", -1.0)),
            "smooth_l1_loss does not support negative values for beta.".to_string(),
        ),
        (
            text(F::huber_loss(&p, &p, HuberLossOptions::new().delta(0.0))),
            "huber_loss does not support non-positive values for delta.".into(),
        ),
        (
            text(F::huber_loss(&tensor![1, 2, 3], &p, HuberLossOptions::new())),
            "result type Float can't be cast to the desired output type Long".into(),
        ),
        (
            text(F::l1_loss(&p, &p, LossOptions::new().weight(&tensor![1.]))),
            "Weights and input must have the same size.".into(),
        ),
        (
            text(F::binary_cross_entropy(&p, &p, weight(&tensor![1., 2.]))),
            "Attempting to broadcast a dimension of length 2 at -1! Mismatching argument at index 1 had torch.Size([2]); but expected shape should be broadcastable to [3]".into(),
        ),
        (
            text(F::binary_cross_entropy(&p, &p, weight(&Tensor::ones([2, 3])))),
            "output with shape [3] doesn't match the broadcast shape [2, 3]".into(),
        ),
        (
            text(F::binary_cross_entropy(&p, &p.double()?, "mean")),
            "Found dtype Double but expected Float".into(),
        ),
        (
            text(F::binary_cross_entropy_with_logits(&p, &p, logits(&wants))),
            "The function 'binary_cross_entropy_with_logits' is not differentiable with respect to argument 'weight'. This input cannot have requires_grad True.".into(),
        ),
        (
            text(F::soft_margin_loss(&Tensor::zeros([2, 1]), &Tensor::zeros([1, 2]), "sum")),
            "output with shape [2, 1] doesn't match the broadcast shape [2, 2]".into(),
        ),
        (
            text(F::kl_div(&p, &tensor![1, 2, 3], "sum", false)),
            "kl_div: Integral inputs not supported.".into(),
        ),
        (
            text(F::margin_ranking_loss(&x, &x, &p, 0.0, "sum")),
            "margin_ranking_loss : All input tensors should have same dimension but got sizes: input1: torch.Size([2, 3]), input2: torch.Size([2, 3]), target: torch.Size([3]) ".into(),
        ),
        (
            text(F::cosine_embedding_loss(&x, &p, &tensor![1, 1], 0.0, "sum")),
            "1D target tensor expects 2D input tensors, but found inputs with sizes [2, 3] and [3].".into(),
        ),
        (
            text(F::triplet_margin_loss(&x, &x, &x, triplet)),
            "margin must be greater than 0, got -1.5".into(),
        ),
        (
            text(TripletMarginLoss::builder().margin(0.0).build()),
            "TripletMarginLoss: expected margin to be greater than 0, got 0.0 instead".into(),
        ),
        (
            text(MultiMarginLoss::builder().weight(x.clone()).build()),
            "MultiMarginLoss: expected weight to be None or 1D tensor, got 2D instead".into(),
        ),
        (
            text(F::multilabel_margin_loss(&x, &tensor![[0, 1, 3], [0, 1, 2]], "sum")),
            "argument #2 'target' is out of range".into(),
        ),
        (
            text(F::gaussian_nll_loss(&x, &x, -0.5, GaussianNllLossOptions::new())),
            "var has negative entry/entries".into(),
        ),
        (text(ctc(&tensor![2, 2], 4)), "blank must be in label range".into()),
        (
            text(ctc(&tensor![2, 3], 0)),
            format!("Expected tensor to have size at least 3 at dimension 1, but got size 2 for argument #2 'targets' {while_checking}"),
        ),
        (
            text(ctc(&tensor![-1, 2], 0)),
            format!("Expected target_lengths to have value at least 0, but got value -1 {while_checking}"),
        ),
        (text(ctc(&tensor![1., 2.], 0)), "target_lengths must be integral".into()),
        (
            of_adaptive(&[2, 8], &tensor![0, 10]),
            "Target values should be in [0, 9], but values in range [0, 10] were found. ".into(),
        ),
        (
            of_adaptive(&[8, 2], &tensor![1, 2]),
            "Input and target should have the same size in the batch dimension.".into(),
        ),
        (
            of_adaptive(&[2, 8], &Tensor::scalar(1)),
            "0D target tensor expects 1D input tensors, but found inputs with size torch.Size([2, 8])".into(),
        ),
        (
            text(AdaptiveLogSoftmaxWithLoss::builder(8, 10, [5, 2]).build()),
            "cutoffs should be a sequence of unique, positive integers sorted in an increasing order, where each value is between 1 and n_classes-1".into(),
        ),
        (
            text(LinearCrossEntropyLoss::builder(3, 2).weight(p.clone()).build()),
            "expected weight shape to be (2,), got (3,)".into(),
        ),
    ] {
        assert_eq!(got, wanted);
    }
    Ok(())
}

#[test]
fn losses_are_modules() -> Result<()> {
    let loss = BCEWithLogitsLoss::builder()
        .pos_weight(tensor![2.])
        .build()?;
    let names: Vec<String> = loss.named_buffers().into_iter().map(|(n, _)| n).collect();
    assert_eq!(names, ["pos_weight"]);
    let (x, y) = (tensor![0.], tensor![1.]);
    let handle = loss.register_forward_pre_hook(|_, _| Ok(()))?;
    assert_same(&loss.call(&x, &y)?, &[2.0 * 2f64.ln()]);
    handle.remove();

    // A hook sees the variance too, and may replace it.
    let gauss = GaussianNLLLoss::new();
    let two = Tensor::full([1], 2.0);
    let _ = gauss.register_forward_pre_hook(move |_, given| {
        assert_eq!(given.len(), 3);
        Ok(vec![given[0].clone(), given[1].clone(), two.clone()])
    })?;
    let loss = gauss.call((&x, &x, Variance::Tensor(&y)))?;
    assert_same(&loss, &[0.5 * 2f64.ln()]);

    let triplet = TripletMarginWithDistanceLoss::new();
    assert_eq!(
        triplet.to_string(),
        "TripletMarginWithDistanceLoss(\n  (distance_function): PairwiseDistance()\n)"
    );
    let x = values(1, &[2, 3])?;
    let (near, far) = (x.add(0.5)?, x.add(0.25)?);
    let plain = F::triplet_margin_loss(&x, &near, &far, TripletMarginLossOptions::new())?;
    assert_eq!(triplet.call((&x, &near, &far))?.item()?, plain.item()?);
    assert_eq!(
        LinearCrossEntropyLoss::builder(3, 2)
            .out_features([4])
            .ignore_index(1)
            .build()?
            .to_string(),
        "LinearCrossEntropyLoss(\n  in_features=3, num_classes=2, out_features=(4,), bias=False, reduction=mean, ignore_index=1, label_smoothing=0.0, options=None\n  (linear): Linear(in_features=3, out_features=8, bias=False)\n)"
    );
    Ok(())
}
