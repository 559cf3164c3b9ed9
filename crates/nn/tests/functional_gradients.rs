//! Every differentiable function against finite differences, with all its options.

use pleach_core::autograd::gradcheck;
use pleach_core::{Buffer, DType, Generator, Result, Tensor};
use pleach_nn::functional::{
    self as F, AvgPoolOptions, BatchNormOptions, ConvOptions, CrossEntropyOptions, MaxPoolOptions,
    NllLossOptions, Reduction,
};

/// f64 values in [-1, 1), the same for the same seed.
fn values(seed: u64, shape: &[usize]) -> Result<Tensor> {
    Generator::seeded(seed).scope(|| Tensor::rand_of(shape, DType::F64)?.mul(2.0)?.sub(1.0))
}

/// f64 values that are far apart, so that no maximum changes under a small step.
fn distinct(seed: u64, shape: &[usize]) -> Result<Tensor> {
    let n = shape.iter().product();
    Generator::seeded(seed).scope(|| Tensor::randperm(n).double()?.mul(0.1)?.reshape(shape))
}

#[test]
fn conv2d_has_the_right_gradients() -> Result<()> {
    // (input, weight, stride, padding, dilation, groups)
    let cases: [(&[usize], &[usize], _, _, _, usize); 11] = [
        (&[2, 2, 5, 4], &[3, 2, 3, 2], (1, 1), (0, 0), (1, 1), 1),
        (&[2, 2, 5, 6], &[3, 2, 3, 3], (2, 1), (1, 2), (1, 1), 1),
        (&[1, 1, 7, 6], &[2, 1, 2, 3], (1, 2), (1, 1), (3, 2), 1),
        (&[2, 4, 4, 4], &[6, 2, 3, 3], (1, 1), (1, 1), (1, 1), 2),
        (&[2, 3, 4, 5], &[3, 1, 3, 3], (1, 1), (1, 1), (1, 1), 3), // depthwise
        (&[1, 3, 4, 4], &[6, 1, 2, 2], (2, 2), (0, 1), (1, 1), 3), // two outputs a channel
        (&[1, 2, 3, 32], &[2, 1, 3, 3], (2, 2), (1, 1), (1, 1), 2), // whole vectors, no tail
        (&[2, 3, 4, 4], &[5, 3, 1, 1], (1, 1), (0, 0), (1, 1), 1), // pointwise
        (&[2, 3, 5, 5], &[2, 3, 1, 1], (2, 2), (0, 0), (1, 1), 1),
        (&[2, 5, 4], &[3, 2, 3, 2], (1, 1), (1, 0), (1, 1), 1), // unbatched
        (&[3, 1, 1, 1], &[1, 1, 1, 1], (1, 1), (0, 0), (1, 1), 1),
    ];
    for (i, (x, w, stride, padding, dilation, groups)) in cases.into_iter().enumerate() {
        let inputs = [values(1, x)?, values(2, w)?, values(3, &w[..1])?];
        gradcheck(
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
        )
        .unwrap_or_else(|e| panic!("case {i}: {e}"));
        gradcheck(
            |t| {
                F::conv2d(
                    &t[0],
                    &t[1],
                    None,
                    ConvOptions::new()
                        .stride(stride)
                        .padding(padding)
                        .dilation(dilation)
                        .groups(groups),
                )
            },
            &inputs[..2],
        )
        .unwrap_or_else(|e| panic!("case {i} without bias: {e}"));
    }
    Ok(())
}

#[test]
fn conv2d_with_same_padding_and_a_strided_input_has_the_right_gradients() -> Result<()> {
    let w = values(2, &[2, 2, 2, 4])?;
    let x = values(1, &[4, 1, 2, 5])?.permute([1, 2, 0, 3])?; // [1, 2, 4, 5], not contiguous
    assert!(!x.is_contiguous());
    gradcheck(
        |t| F::conv2d(&t[0], &t[1], None, ConvOptions::new().padding("same")),
        &[x, w],
    )
}

#[test]
fn max_pool2d_has_the_right_gradients() -> Result<()> {
    let x = distinct(1, &[2, 2, 5, 6])?;
    let check = |kernel: (usize, usize),
                 stride: (usize, usize),
                 padding: (usize, usize),
                 dilation: usize,
                 ceil| {
        let f = |t: &[Tensor]| {
            F::max_pool2d(
                &t[0],
                MaxPoolOptions::new(kernel)
                    .stride(stride)
                    .padding(padding)
                    .dilation(dilation)
                    .ceil_mode(ceil),
            )
        };
        gradcheck(f, &[x.detach()])?;
        gradcheck(f, &[x.index(0)?])?; // unbatched
        gradcheck(f, &[x.transpose(2, 3)?])
    };
    check((2, 2), (2, 2), (0, 0), 1, false)?;
    check((3, 2), (1, 2), (1, 0), 1, false)?;
    check((2, 2), (1, 1), (0, 0), 2, false)?;
    check((3, 3), (2, 2), (1, 1), 1, true)
}

#[test]
fn avg_pool2d_has_the_right_gradients() -> Result<()> {
    let x = values(1, &[2, 2, 5, 6])?;
    for count_include_pad in [true, false] {
        for ceil_mode in [true, false] {
            for divisor in [None, Some(3)] {
                for (kernel, stride, padding) in
                    [((3, 2), (2, 1), (1, 1)), ((2, 2), (2, 2), (0, 0))]
                {
                    let f = |t: &[Tensor]| {
                        let pad = count_include_pad;
                        F::avg_pool2d(
                            &t[0],
                            AvgPoolOptions::new(kernel)
                                .stride(stride)
                                .padding(padding)
                                .ceil_mode(ceil_mode)
                                .count_include_pad(pad)
                                .divisor_override(divisor),
                        )
                    };
                    gradcheck(f, &[x.detach()])?;
                    gradcheck(f, &[x.transpose(2, 3)?.index(1)?])?;
                }
            }
        }
    }
    Ok(())
}

#[test]
fn adaptive_avg_pool2d_has_the_right_gradients() -> Result<()> {
    let x = values(1, &[2, 2, 5, 4])?;
    for size in [(1, 1), (2, 3), (5, 4), (7, 6), (1, 4)] {
        gradcheck(|t| F::adaptive_avg_pool2d(&t[0], size), &[x.detach()])?;
        gradcheck(|t| F::adaptive_avg_pool2d(&t[0], size), &[x.index(0)?])?;
    }
    Ok(())
}

#[test]
fn batch_norm_has_the_right_gradients() -> Result<()> {
    for shape in [
        &[4, 3][..],
        &[2, 3, 4],
        &[2, 3, 2, 3],
        &[2, 3, 2, 1, 2],
        &[3, 1, 2],
    ] {
        let c = &shape[1..2];
        let inputs = [values(1, shape)?, values(2, c)?, values(3, c)?];
        // New buffers at each call: the function changes them in training.
        for training in [true, false] {
            gradcheck(
                |t| {
                    let mean = Buffer::new(values(4, c)?);
                    let var = Buffer::new(values(5, c)?.add(2.0)?);
                    let stats = Some((&mean, &var));
                    F::batch_norm(
                        &t[0],
                        BatchNormOptions::new()
                            .running_stats(stats)
                            .weight(&t[1])
                            .bias(&t[2])
                            .training(training)
                            .eps(1e-3),
                    )
                },
                &inputs,
            )?;
        }
        gradcheck(
            |t| F::batch_norm(&t[0], BatchNormOptions::new().training(true).eps(1e-3)),
            &inputs[..1],
        )?;
        // Each of the two alone.
        gradcheck(
            |t| {
                F::batch_norm(
                    &t[0],
                    BatchNormOptions::new()
                        .weight(&t[1])
                        .training(true)
                        .eps(1e-3),
                )
            },
            &inputs[..2],
        )?;
        gradcheck(
            |t| {
                F::batch_norm(
                    &t[0],
                    BatchNormOptions::new().bias(&t[1]).training(true).eps(1e-3),
                )
            },
            &[inputs[0].detach(), inputs[2].detach()],
        )?;
    }
    let x = values(1, &[3, 2, 4])?.transpose(0, 1)?; // [2, 3, 4], not contiguous
    gradcheck(
        |t| F::batch_norm(&t[0], BatchNormOptions::new().training(true)),
        &[x],
    )
}

#[test]
fn dropout_has_the_right_gradients() -> Result<()> {
    for p in [0.0, 0.3, 1.0] {
        for x in [values(1, &[3, 4])?, values(1, &[4, 3])?.t()?] {
            gradcheck(
                |t| Generator::seeded(7).scope(|| F::dropout(&t[0], p, true)),
                &[x],
            )?;
        }
    }
    Ok(())
}

#[test]
fn dropouts_of_channels_and_of_selu_have_the_right_gradients() -> Result<()> {
    type Dropout = fn(&Tensor, f64, bool) -> Result<Tensor>;
    let cases: [(Dropout, &[usize]); 8] = [
        (F::dropout1d, &[2, 3, 4]),
        (F::dropout1d, &[3, 4]),
        (F::dropout2d, &[2, 3, 2, 2]),
        (F::dropout3d, &[2, 3, 1, 2, 2]),
        (F::dropout3d, &[3, 1, 2, 2]),
        (F::alpha_dropout, &[3, 4]),
        (F::alpha_dropout, &[]),
        (F::feature_alpha_dropout, &[2, 3, 4]),
    ];
    for (dropout, shape) in cases {
        for p in [0.0, 0.4, 1.0] {
            gradcheck(
                |t| Generator::seeded(7).scope(|| dropout(&t[0], p, true)),
                &[values(1, shape)?],
            )?;
        }
    }
    Ok(())
}

#[test]
fn linear_has_the_right_gradients() -> Result<()> {
    let (w, b) = (values(2, &[3, 4])?, values(3, &[3])?);
    for shape in [&[2, 4][..], &[4], &[2, 3, 4], &[0, 4]] {
        let inputs = [values(1, shape)?, w.detach(), b.detach()];
        gradcheck(|t| F::linear(&t[0], &t[1], Some(&t[2])), &inputs)?;
        gradcheck(|t| F::linear(&t[0], &t[1], None), &inputs[..2])?;
    }
    Ok(())
}

#[test]
fn softmax_and_relu_have_the_right_gradients() -> Result<()> {
    let x = values(1, &[2, 3, 4])?;
    for dim in [0, 1, -1] {
        gradcheck(|t| F::softmax(&t[0], dim), &[x.detach()])?;
        gradcheck(|t| F::log_softmax(&t[0], dim), &[x.transpose(0, 2)?])?;
    }
    gradcheck(|t| F::relu(&t[0]), &[x])
}

const REDUCTIONS: [Reduction; 3] = [Reduction::None, Reduction::Mean, Reduction::Sum];

#[test]
fn mse_loss_has_the_right_gradients() -> Result<()> {
    let (x, y) = (values(1, &[3, 4])?, values(2, &[3, 4])?);
    for reduction in REDUCTIONS {
        let f = |t: &[Tensor]| F::mse_loss(&t[0], &t[1], reduction);
        gradcheck(f, &[x.detach(), y.detach()])?;
        gradcheck(f, &[x.detach(), values(3, &[3, 1])?])?;
        gradcheck(f, &[x.t()?, values(3, &[4, 3])?])?;
    }
    Ok(())
}

#[test]
fn nll_loss_and_cross_entropy_have_the_right_gradients() -> Result<()> {
    let weight = values(9, &[3])?.add(1.5)?;
    let cases: [(&[usize], &[i64], &[usize]); 4] = [
        (&[3], &[2], &[]),
        (&[4, 3], &[0, 2, 1, 2], &[4]),
        (&[2, 3, 2], &[0, 2, 1, 2], &[2, 2]),
        (&[2, 3, 1, 2], &[1, 2, 1, 0], &[2, 1, 2]),
    ];
    for (shape, target, target_shape) in cases {
        let x = values(1, shape)?;
        let target = Tensor::from_slice(target, target_shape)?;
        for reduction in REDUCTIONS {
            for weight in [None, Some(&weight)] {
                for ignore in [-100, 1] {
                    gradcheck(
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
                    for smoothing in [0.0, 0.2] {
                        gradcheck(
                            |t| {
                                let e = smoothing;
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
            }
        }
    }
    Ok(())
}

#[test]
fn cross_entropy_of_probabilities_has_the_right_gradients_for_both_sides() -> Result<()> {
    let weight = values(9, &[3])?.add(1.5)?;
    for shape in [&[3][..], &[4, 3], &[2, 3, 2]] {
        let inputs = [values(1, shape)?, values(2, shape)?.add(1.0)?];
        for reduction in REDUCTIONS {
            for weight in [None, Some(&weight)] {
                for smoothing in [0.0, 0.2] {
                    gradcheck(
                        |t| {
                            F::cross_entropy(
                                &t[0],
                                &t[1],
                                CrossEntropyOptions::new()
                                    .weight(weight)
                                    .reduction(reduction)
                                    .label_smoothing(smoothing),
                            )
                        },
                        &inputs,
                    )?;
                    // Targets that need no gradient take another path.
                    gradcheck(
                        |t| {
                            F::cross_entropy(
                                &t[0],
                                &inputs[1],
                                CrossEntropyOptions::new()
                                    .weight(weight)
                                    .reduction(reduction)
                                    .label_smoothing(smoothing),
                            )
                        },
                        &inputs[..1],
                    )?;
                    let loss = |target: &Tensor| {
                        F::cross_entropy(
                            &inputs[0],
                            target,
                            CrossEntropyOptions::new()
                                .weight(weight)
                                .reduction(reduction)
                                .label_smoothing(smoothing),
                        )
                    };
                    let both = loss(&inputs[1].detach().requires_grad_(true)?)?;
                    assert!(loss(&inputs[1])?.allclose(&both, 1e-12, 1e-12)?);
                }
            }
        }
    }
    Ok(())
}
