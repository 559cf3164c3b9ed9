//! Steps that stand for several layers: the same numbers, gradients and hooks as the layers.

use std::sync::{Arc, Mutex};

use pleach_core::autograd::gradcheck;
use pleach_core::{Buffer, DType, Generator, Result, Tensor};
use pleach_nn::functional::{self as F, BatchNormOptions};
use pleach_nn::layers::{BatchNorm2d, Conv2d, MaxPool2d, ReLU};
use pleach_nn::{Chain, Forward, Module, ModuleExt, Sequential, fuse, fuse_conv_bn};

fn values(seed: u64, shape: &[usize]) -> Result<Tensor> {
    Generator::seeded(seed).scope(|| Tensor::rand_of(shape, DType::F64)?.mul(2.0)?.sub(1.0))
}

fn largest_difference(a: &Tensor, b: &Tensor) -> f64 {
    a.sub(b)
        .unwrap()
        .abs()
        .unwrap()
        .max()
        .unwrap()
        .item()
        .unwrap()
}

#[test]
fn batch_norm_relu_has_the_right_gradients() -> Result<()> {
    for (shape, seed) in [(&[3, 2, 2, 3][..], 1), (&[5, 3], 2), (&[2, 3, 17], 3)] {
        let c = shape[1];
        let inputs = [
            values(seed, shape)?,
            values(seed + 10, &[c])?,
            values(seed + 20, &[c])?,
            values(seed + 30, shape)?,
        ];
        for training in [true, false] {
            let running = || {
                let mean = Buffer::new(values(5, &[c]).unwrap());
                let var = Buffer::new(values(6, &[c]).unwrap().abs().unwrap());
                (mean, var)
            };
            let case = |e: pleach_core::Error| panic!("{shape:?}, training {training}: {e}");
            // All of them, no residual, no affine part, the weight alone.
            gradcheck(
                |t| {
                    let (mean, var) = running();
                    let stats = Some((&mean, &var));
                    let (w, b) = (Some(&t[1]), Some(&t[2]));
                    F::batch_norm_relu(
                        &t[0],
                        Some(&t[3]),
                        BatchNormOptions::new()
                            .running_stats(stats)
                            .weight(w)
                            .bias(b)
                            .training(training)
                            .eps(1e-3),
                    )
                },
                &inputs,
            )
            .unwrap_or_else(case);
            gradcheck(
                |t| {
                    let (mean, var) = running();
                    let stats = Some((&mean, &var));
                    let (w, b) = (Some(&t[1]), Some(&t[2]));
                    F::batch_norm_relu(
                        &t[0],
                        None,
                        BatchNormOptions::new()
                            .running_stats(stats)
                            .weight(w)
                            .bias(b)
                            .training(training)
                            .eps(1e-3),
                    )
                },
                &inputs[..3],
            )
            .unwrap_or_else(case);
            gradcheck(
                |t| {
                    let (mean, var) = running();
                    let stats = Some((&mean, &var));
                    F::batch_norm_relu(
                        &t[0],
                        Some(&t[1]),
                        BatchNormOptions::new()
                            .running_stats(stats)
                            .training(training)
                            .eps(1e-3),
                    )
                },
                &[inputs[0].clone(), inputs[3].clone()],
            )
            .unwrap_or_else(case);
            gradcheck(
                |t| {
                    let (mean, var) = running();
                    let stats = Some((&mean, &var));
                    F::batch_norm_relu(
                        &t[0],
                        None,
                        BatchNormOptions::new()
                            .running_stats(stats)
                            .weight(&t[1])
                            .training(training)
                            .eps(1e-3),
                    )
                },
                &inputs[..2],
            )
            .unwrap_or_else(case);
        }
    }
    Ok(())
}

#[test]
fn a_residual_of_another_shape_is_refused_by_the_function_and_broadcast_by_the_modules() {
    let (x, row) = (Tensor::randn([2, 3, 4, 5]), Tensor::randn([5]));
    let fused = F::batch_norm_relu(&x, Some(&row), BatchNormOptions::new().training(true));
    assert!(fused.is_err());
    let (norm, relu) = (BatchNorm2d::new(3), ReLU::new());
    let chain = Chain::of(&x).call(&norm).add(&row).call(&relu);
    let out = chain.run().unwrap();
    let apart = norm.forward(&x).unwrap().add(&row).unwrap().relu().unwrap();
    assert!(largest_difference(&out, &apart) < 1e-6);
}

/// Gradients of the input, and of the parameters, of a sum weighted by fixed numbers.
fn gradients(norm: &BatchNorm2d, x: &Tensor, out: &Tensor) -> Vec<Tensor> {
    let weights = Generator::seeded(9).scope(|| Tensor::randn(out.shape()));
    norm.zero_grad();
    out.mul(&weights)
        .unwrap()
        .sum()
        .unwrap()
        .backward()
        .unwrap();
    let mut all = vec![x.grad().unwrap()];
    all.extend(norm.parameters().iter().map(|p| p.grad().unwrap()));
    all
}

#[test]
fn the_fused_step_gives_what_the_layers_give_one_by_one() {
    let norm = BatchNorm2d::new(4);
    norm.bias
        .as_ref()
        .unwrap()
        .data()
        .normal_(0.0, 0.5)
        .unwrap();
    let apart = norm.deep_copy();
    let relu = ReLU::new();
    for round in 0..3 {
        if round == 2 {
            norm.eval();
            apart.eval();
        }
        let leaf = || {
            let x = Generator::seeded(round).scope(|| Tensor::randn([3, 4, 5, 6]));
            x.requires_grad_(true).unwrap()
        };
        let (x, y) = (leaf(), leaf());
        let fused = Chain::of(&x).call(&norm).call(&relu).run().unwrap();
        let two = relu.call(&apart.call(&y).unwrap()).unwrap();
        assert_eq!(fused.grad_fn(), two.grad_fn());
        assert!(largest_difference(&fused, &two) < 1e-6);
        let (a, b) = (gradients(&norm, &x, &fused), gradients(&apart, &y, &two));
        assert!(
            a.iter()
                .zip(&b)
                .all(|(a, b)| largest_difference(a, b) < 1e-5)
        );

        let (x, y) = (leaf(), leaf());
        let fused = Chain::of(&x).call(&norm).add(&x).call(&relu).run().unwrap();
        let three = relu
            .call(&apart.call(&y).unwrap().add(&y).unwrap())
            .unwrap();
        assert!(largest_difference(&fused, &three) < 1e-6);
        let (a, b) = (gradients(&norm, &x, &fused), gradients(&apart, &y, &three));
        assert!(
            a.iter()
                .zip(&b)
                .all(|(a, b)| largest_difference(a, b) < 1e-5)
        );

        for (a, b) in norm.buffers().iter().zip(apart.buffers()) {
            assert!(largest_difference(&a.tensor(), &b.tensor()) < 1e-6);
        }
    }
}

#[test]
fn hooks_see_what_each_module_returns() {
    let net = Sequential::new()
        .append(BatchNorm2d::new(2))
        .append(ReLU::new());
    let x = Tensor::randn([2, 2, 3, 3]);
    let plain = net.call(&x).unwrap();
    assert!(plain.min().unwrap().item().unwrap() >= 0.0);
    for watched in [0usize, 1] {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = seen.clone();
        let handle = net[watched].register_forward_hook(move |_, input, output| {
            let both = (input[0].clone(), output[0].clone());
            log.lock().unwrap().push(both);
            Ok(())
        });
        let out = net.call(&x).unwrap();
        assert!(largest_difference(&out, &plain) < 1e-6);
        let seen = seen.lock().unwrap();
        assert_eq!(seen.len(), 1);
        let (input, output) = &seen[0];
        match watched {
            0 => {
                assert!(input.equal(&x).unwrap());
                assert!(output.min().unwrap().item().unwrap() < 0.0);
            }
            _ => {
                assert!(input.min().unwrap().item().unwrap() < 0.0);
                assert!(output.equal(&out).unwrap());
            }
        }
        handle.unwrap().remove();
    }
}

#[test]
fn an_error_inside_a_fused_step_names_the_module() {
    let net = Sequential::new()
        .append(ReLU::new())
        .append(BatchNorm2d::new(3))
        .append(ReLU::new());
    let error = net.call(&Tensor::zeros([1, 2, 4, 4])).unwrap_err();
    assert!(
        error.to_string().starts_with("1 (BatchNorm2d): "),
        "{error}"
    );
}

fn conv_norm(bias: bool, groups: usize) -> Result<(Conv2d, BatchNorm2d)> {
    let conv = Conv2d::builder(4, 6, 3)
        .bias(bias)
        .groups(groups)
        .padding(1)
        .build()?;
    let norm = BatchNorm2d::new(6);
    for parameter in norm.parameters() {
        parameter.data().normal_(0.5, 1.0)?;
    }
    norm.running_mean.as_ref().unwrap().set(Tensor::randn([6]));
    norm.running_var.as_ref().unwrap().set(Tensor::rand([6]));
    conv.eval();
    norm.eval();
    Ok((conv, norm))
}

#[test]
fn folding_keeps_what_the_layers_compute() -> Result<()> {
    for (bias, groups) in [(true, 1), (false, 1), (true, 2)] {
        let (conv, norm) = conv_norm(bias, groups)?;
        let x = Tensor::randn([2, 4, 5, 7]);
        let two = norm.call(&conv.call(&x)?)?;
        let one = fuse_conv_bn(&conv, &norm)?.call(&x)?;
        assert!(largest_difference(&one, &two) < 1e-4);

        let inner = Sequential::new()
            .append_named("norm_alone", BatchNorm2d::new(4))
            .append_named("conv", conv)
            .append_named("norm", norm)
            .append_named("relu", ReLU::new());
        let net = Sequential::new().append(inner).append(ReLU::new());
        net.eval();
        let mut fused = net.share();
        assert_eq!(fuse(&mut fused, |net| net.call(&x))?, ["0.norm"]);
        assert!(largest_difference(&fused.call(&x)?, &net.call(&x)?) < 1e-5);
        let text = |net: &Sequential, path| net.get_module(path).unwrap().to_string();
        assert_eq!(text(&fused, "0.norm"), "Identity()");
        assert!(text(&fused, "0.norm_alone").starts_with("BatchNorm2d("));
        assert!(
            !fused
                .state_dict()
                .keys()
                .any(|name| name.starts_with("0.norm."))
        );
        // The original is what it was.
        assert!(text(&net, "0.norm").starts_with("BatchNorm2d("));
        // What was folded is not folded again.
        assert!(fuse(&mut fused, |net| net.call(&x))?.is_empty());
    }
    Ok(())
}

#[test]
fn what_cannot_be_folded_is_refused() -> Result<()> {
    let (conv, norm) = conv_norm(true, 1)?;
    norm.train();
    assert_eq!(
        fuse_conv_bn(&conv, &norm).err().unwrap().to_string(),
        "Fusion only for eval!"
    );
    norm.eval();
    conv.train();
    assert!(fuse_conv_bn(&conv, &norm).is_err());
    conv.eval();
    assert!(fuse_conv_bn(&conv, &norm).is_ok());
    let others = [
        BatchNorm2d::new(5),
        BatchNorm2d::builder(6).track_running_stats(false).build()?,
    ];
    for norm in others {
        norm.eval();
        assert!(fuse_conv_bn(&conv, &norm).is_err());
    }
    Ok(())
}

#[test]
fn a_relu_before_a_max_pooling_is_one_step_with_it_unless_somebody_watches() {
    for pool in [
        MaxPool2d::new(2),
        MaxPool2d::builder(3).stride(2).padding(1).build(),
        // More taps than a byte counts.
        MaxPool2d::builder(17).padding(8).stride(5).build(),
    ] {
        let net = Sequential::new().append(ReLU::new()).append(pool);
        let leaf = || {
            let x = Generator::seeded(4).scope(|| Tensor::randn([2, 3, 18, 21]));
            x.requires_grad_(true).unwrap()
        };
        let (x, y) = (leaf(), leaf());
        let one = net.call(&x).unwrap();
        let two = net.get(1).unwrap().call(&y.relu().unwrap()).unwrap();
        assert_eq!(one.grad_fn(), two.grad_fn());
        assert!(one.equal(&two).unwrap());
        let weights = Generator::seeded(5).scope(|| Tensor::randn(one.shape()));
        for out in [one, two] {
            out.mul(&weights)
                .unwrap()
                .sum()
                .unwrap()
                .backward()
                .unwrap();
        }
        assert!(x.grad().unwrap().equal(&y.grad().unwrap()).unwrap());

        let seen = Arc::new(Mutex::new(None));
        let log = seen.clone();
        let _handle = net[0].register_forward_hook(move |_, _, output| {
            *log.lock().unwrap() = Some(output[0].clone());
            Ok(())
        });
        net.call(&x).unwrap();
        let seen = seen.lock().unwrap().take().unwrap();
        assert!(seen.equal(&x.relu().unwrap()).unwrap());
    }
}
