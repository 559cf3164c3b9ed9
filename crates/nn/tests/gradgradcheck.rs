//! Second derivatives of every differentiable function, gradients that are recorded against those
//! that are not, and what a trace says.

use pleach_core::autograd::{Attribute, Options, grad_allow_unused, gradgradcheck, trace};
use pleach_core::{Buffer, DType, Generator, Result, Tensor};
use pleach_nn::Activation;
use pleach_nn::functional::{
    self as F, AvgPoolOptions, BatchNormOptions, ConvOptions, CrossEntropyOptions, MaxPoolOptions,
    NllLossOptions, Reduction,
};

const REDUCTIONS: [Reduction; 3] = [Reduction::None, Reduction::Mean, Reduction::Sum];

/// f64 values in [-1, 1), the same for the same seed.
fn values(seed: u64, shape: &[usize]) -> Result<Tensor> {
    Generator::seeded(seed).scope(|| Tensor::rand_of(shape, DType::F64)?.mul(2.0)?.sub(1.0))
}

/// f64 values that are far apart and from zero, so that no maximum or sign changes.
fn distinct(seed: u64, shape: &[usize]) -> Result<Tensor> {
    let n: usize = shape.iter().product();
    let ranks = Generator::seeded(seed).scope(|| Tensor::randperm(n).double())?;
    ranks.sub(n as f64 / 2.0 - 0.25)?.mul(0.1)?.reshape(shape)
}

/// A backward that has a kernel computes something else when it is recorded: both must agree, and
/// what is recorded must have the right derivative.
fn check(f: impl Fn(&[Tensor]) -> Result<Tensor>, inputs: &[Tensor]) -> Result<()> {
    let gradients = |options| -> Result<Vec<Option<Tensor>>> {
        let leaves = inputs.iter().map(|x| x.detach().requires_grad_(true));
        let leaves = leaves.collect::<Result<Vec<_>>>()?;
        let y = f(&leaves)?;
        let arriving = values(99, y.shape())?;
        let leaves: Vec<&Tensor> = leaves.iter().collect();
        grad_allow_unused(&[&y], &leaves, &[Some(&arriving)], options)
    };
    let (fast, recorded) = (gradients(Options::ONCE)?, gradients(Options::CREATE_GRAPH)?);
    for (i, (a, b)) in fast.into_iter().zip(recorded).enumerate() {
        let (a, b) = (a.expect("a gradient"), b.expect("a recorded gradient"));
        assert!(a.allclose(&b, 1e-10, 1e-12)?, "input {i}: {a} {b}");
    }
    gradgradcheck(f, inputs)
}

#[test]
fn conv2d() -> Result<()> {
    // (input, weight, stride, padding, dilation, groups)
    let cases: [(&[usize], &[usize], _, _, _, usize); 4] = [
        (&[2, 2, 4, 3], &[3, 2, 3, 2], (2, 1), (1, 0), (1, 1), 1),
        (&[1, 1, 5, 4], &[2, 1, 2, 2], (1, 2), (1, 1), (3, 2), 1),
        (&[1, 4, 3, 3], &[2, 2, 3, 3], (1, 1), (1, 1), (1, 1), 2),
        (&[3, 4, 5], &[3, 1, 3, 3], (1, 1), (1, 1), (1, 1), 3), // depthwise, unbatched
    ];
    for (x, w, stride, padding, dilation, groups) in cases {
        let inputs = [values(1, x)?, values(2, w)?, values(3, &w[..1])?];
        check(
            |t| {
                F::conv2d(
                    &t[0],
                    &t[1],
                    Some(&t[2]),
                    ConvOptions::new()
                        .stride(stride)
                        .padding(padding)
                        .dilation(dilation)
                        .groups(groups),
                )
            },
            &inputs,
        )?;
        // With one of them alone nothing but the other is kept.
        let alone = |i: usize, t: &Tensor| {
            let of = |j: usize| if i == j { t } else { &inputs[j] };
            F::conv2d(
                of(0),
                of(1),
                Some(of(2)),
                ConvOptions::new()
                    .stride(stride)
                    .padding(padding)
                    .dilation(dilation)
                    .groups(groups),
            )
        };
        for (i, input) in inputs.iter().enumerate() {
            check(|t| alone(i, &t[0]), &[input.detach()])?;
        }
    }
    let x = values(1, &[3, 1, 2, 4])?.permute([1, 2, 0, 3])?;
    check(
        |t| F::conv2d(&t[0], &t[1], None, ConvOptions::new().padding("same")),
        &[x, values(2, &[2, 2, 2, 3])?],
    )
}

#[test]
fn pooling() -> Result<()> {
    let x = distinct(1, &[1, 2, 5, 4])?;
    for (kernel, stride, padding, dilation, ceil) in [
        ((2, 2), (2, 2), (0, 0), 1, false),
        ((3, 2), (1, 2), (1, 0), 1, true),
        ((2, 2), (1, 1), (0, 0), 2, false),
    ] {
        let max = |t: &[Tensor]| {
            F::max_pool2d(
                &t[0],
                MaxPoolOptions::new(kernel)
                    .stride(stride)
                    .padding(padding)
                    .dilation(dilation)
                    .ceil_mode(ceil),
            )
        };
        check(max, &[x.detach()])?;
        check(max, &[x.index(0)?.transpose(1, 2)?])?;
        check(
            |t| {
                F::max_pool2d_with_indices(
                    &t[0],
                    MaxPoolOptions::new(kernel)
                        .stride(stride)
                        .padding(padding)
                        .dilation(dilation)
                        .ceil_mode(ceil),
                )
                .map(|(out, _)| out)
            },
            &[x.detach()],
        )?;
        for divisor in [None, Some(3)] {
            let mean = |t: &[Tensor]| {
                F::avg_pool2d(
                    &t[0],
                    AvgPoolOptions::new(kernel)
                        .stride(stride)
                        .padding(padding)
                        .ceil_mode(ceil)
                        .count_include_pad(false)
                        .divisor_override(divisor),
                )
            };
            check(mean, &[x.detach()])?;
        }
    }
    // More taps than a byte counts.
    let wide = distinct(2, &[1, 1, 257])?;
    check(
        |t| F::max_pool2d(&t[0], MaxPoolOptions::new((1, 256)).stride(1)),
        &[wide],
    )?;
    for size in [(1, 1), (2, 3), (7, 6)] {
        check(|t| F::adaptive_avg_pool2d(&t[0], size), &[x.detach()])?;
    }
    Ok(())
}

#[test]
fn a_maximum_after_a_relu() -> Result<()> {
    use pleach_nn::{Forward, layers::MaxPool2d, layers::ReLU, sequential};
    // One step computes both; some windows have no positive value.
    let net = sequential![ReLU::new(), MaxPool2d::new(2)];
    check(|t| net.call(&t[0]), &[distinct(3, &[2, 2, 4, 4])?])
}

#[test]
fn batch_norm() -> Result<()> {
    for shape in [&[4, 2][..], &[2, 2, 3], &[2, 2, 2, 2]] {
        let c = &shape[1..2];
        let inputs = [
            values(1, shape)?,
            values(2, c)?,
            values(3, c)?,
            values(6, shape)?,
        ];
        for training in [true, false] {
            let activation = std::cell::Cell::new(Activation::None);
            let run = |t: &[Tensor], which: [bool; 3]| {
                let mean = Buffer::new(values(4, c)?);
                let var = Buffer::new(values(5, c)?.add(2.0)?);
                let stats = Some((&mean, &var));
                let mut rest = t[1..].iter();
                let [weight, bias, residual] = which.map(|yes| yes.then(|| rest.next()).flatten());
                let options = BatchNormOptions::new().training(training).eps(1e-2);
                let options = options.running_stats(stats).weight(weight).bias(bias);
                F::batch_norm(
                    &t[0],
                    options.residual(residual).activation(activation.get()),
                )
            };
            let clamp = Activation::Clamp {
                min: -0.4,
                max: 0.7,
            };
            for kind in [Activation::None, Activation::RELU, clamp] {
                activation.set(kind);
                check(|t| run(t, [false; 3]), &inputs[..1])?;
                check(|t| run(t, [true, false, false]), &inputs[..2])?;
                check(|t| run(t, [true, true, false]), &inputs[..3])?;
                check(|t| run(t, [true; 3]), &inputs)?;
            }
        }
        // The residual alone.
        check(
            |t| {
                let x = &inputs[0];
                let options = BatchNormOptions::new().training(true).eps(1e-2);
                F::batch_norm(x, options.residual(&t[0]).activation(Activation::RELU))
            },
            &inputs[3..],
        )?;
    }
    Ok(())
}

#[test]
fn dropouts() -> Result<()> {
    for x in [values(1, &[3, 4])?, values(1, &[4, 3])?.t()?] {
        check(
            |t| Generator::seeded(7).scope(|| F::dropout(&t[0], 0.3, true)),
            &[x.detach()],
        )?;
        check(
            |t| Generator::seeded(7).scope(|| F::alpha_dropout(&t[0], 0.3, true)),
            &[x],
        )?;
    }
    Ok(())
}

#[test]
fn mse_loss() -> Result<()> {
    let (x, y) = (values(1, &[3, 2])?, values(2, &[3, 2])?);
    for reduction in REDUCTIONS {
        let f = |t: &[Tensor]| F::mse_loss(&t[0], &t[1], reduction);
        check(f, &[x.detach(), y.detach()])?;
        check(f, &[x.detach(), values(3, &[3, 1])?])?;
        check(|t| F::mse_loss(&x, &t[0], reduction), &[y.detach()])?;
    }
    Ok(())
}

#[test]
fn nll_loss_and_cross_entropy() -> Result<()> {
    let weight = values(9, &[3])?.add(1.5)?;
    let cases: [(&[usize], &[i64], &[usize]); 3] = [
        (&[3], &[2], &[]),
        (&[4, 3], &[0, 2, 1, 2], &[4]),
        (&[2, 3, 2], &[0, 2, 1, 2], &[2, 2]),
    ];
    for (shape, target, target_shape) in cases {
        let x = values(1, shape)?;
        let target = Tensor::from_slice(target, target_shape)?;
        let probabilities = values(2, shape)?.add(1.0)?;
        for reduction in REDUCTIONS {
            for weight in [None, Some(&weight)] {
                for ignore in [-100, 1] {
                    check(
                        |t| {
                            F::nll_loss(
                                &t[0],
                                &target,
                                NllLossOptions::new()
                                    .weight(weight)
                                    .ignore_index(ignore)
                                    .reduction(reduction),
                            )
                        },
                        &[x.detach()],
                    )?;
                    for e in [0.0, 0.2] {
                        check(
                            |t| {
                                F::cross_entropy(
                                    &t[0],
                                    &target,
                                    CrossEntropyOptions::new()
                                        .weight(weight)
                                        .ignore_index(ignore)
                                        .reduction(reduction)
                                        .label_smoothing(e),
                                )
                            },
                            &[x.detach()],
                        )?;
                    }
                }
                let both = |t: &[Tensor]| {
                    let target = t.get(1).unwrap_or(&probabilities);
                    F::cross_entropy(
                        &t[0],
                        target,
                        CrossEntropyOptions::new()
                            .weight(weight)
                            .reduction(reduction)
                            .label_smoothing(0.2),
                    )
                };
                check(both, &[x.detach()])?;
                check(both, &[x.detach(), probabilities.detach()])?;
            }
        }
    }
    Ok(())
}

#[test]
fn a_trace_has_the_options() -> Result<()> {
    let (x, w) = (Tensor::ones([1, 1, 8, 8]), Tensor::ones([1, 1, 3, 3]));
    let (_, graph) = trace::trace(|| {
        let y = F::conv2d(&x, &w, None, ConvOptions::new().stride((2, 1)).padding(1))?;
        let y = F::batch_norm(&y, BatchNormOptions::new().training(true))?;
        F::max_pool2d(&y, 2)
    })?;
    let names: Vec<_> = graph.operations().iter().map(|o| o.name()).collect();
    assert_eq!(names, ["conv2d", "batch_norm", "max_pool2d"]);
    let ints = |a, b| Attribute::Ints(vec![a, b]);
    let conv = graph.operations()[0].attributes();
    assert_eq!(conv[0], ("stride", ints(2, 1)));
    assert_eq!(conv[1], ("padding", ints(1, 1)));
    let pool = graph.operations()[2].attributes();
    assert_eq!(pool[0], ("kernel_size", ints(2, 2)));
    Ok(())
}
