//! Steps that stand for several layers: the same numbers, gradients and hooks as the layers.

extern crate pleach_nn as pleach;

use std::sync::{Arc, Mutex};

use pleach_core::autograd::gradcheck;
use pleach_core::{Buffer, DType, Generator, Result, Tensor};
use pleach_nn::functional::{self as F, BatchNormOptions};
use pleach_nn::layers::{
    BatchNorm1d, BatchNorm2d, BatchNorm3d, Conv1d, Conv2d, Hardtanh, Identity, Linear, MaxPool2d,
    ReLU, ReLU6,
};
use pleach_nn::{Activation, Chain, Forward, Module, ModuleExt, Sequential, fuse, fuse_conv_bn};

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
fn batch_norm_with_what_follows_it_has_the_right_gradients() -> Result<()> {
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
            for activation in [
                Activation::None,
                Activation::RELU,
                Activation::Clamp {
                    min: -0.3,
                    max: 0.6,
                },
            ] {
                // All of them, no residual, no affine part, the weight alone.
                for (weight, bias, residual) in [(1, 2, 3), (1, 2, 0), (0, 0, 3), (1, 0, 0)] {
                    let places = [weight, bias, residual].map(|i| (i > 0).then_some(i));
                    let used: Vec<usize> = places.iter().copied().flatten().collect();
                    let run = |t: &[Tensor]| {
                        let (mean, var) = running();
                        let given = |place: Option<usize>| {
                            let at = used.iter().position(|i| Some(*i) == place);
                            at.map(|at| &t[1 + at])
                        };
                        let options = BatchNormOptions::new()
                            .running_stats((&mean, &var))
                            .weight(given(places[0]))
                            .bias(given(places[1]))
                            .residual(given(places[2]))
                            .activation(activation);
                        F::batch_norm(&t[0], options.training(training).eps(1e-3))
                    };
                    let mut given = vec![inputs[0].clone()];
                    given.extend(used.iter().map(|&i| inputs[i].clone()));
                    gradcheck(run, &given).unwrap_or_else(|e| {
                        panic!("{shape:?}, training {training}, {activation:?}, {used:?}: {e}")
                    });
                }
            }
        }
    }
    Ok(())
}

/// `norm(x) + r`, then an activation: the output and all gradients, as bits.
fn bits(
    norm: &dyn Forward,
    activation: &dyn Forward,
    x: &Tensor,
    residual: Option<&Tensor>,
) -> Result<Vec<Vec<u64>>> {
    let x = x.detach().requires_grad_(true)?;
    let residual = residual
        .map(|r| r.detach().requires_grad_(true))
        .transpose()?;
    norm.zero_grad();
    let mut chain = Chain::of(&x).call(norm);
    if let Some(residual) = &residual {
        chain = chain.add(residual);
    }
    let y = chain.call(activation).run()?;
    let weights = Generator::seeded(9).scope(|| Tensor::rand_of(y.shape(), y.dtype()))?;
    y.mul(&weights)?.sum()?.backward()?;
    let mut all = vec![y, x.grad().unwrap()];
    all.extend(residual.map(|r| r.grad().unwrap()));
    all.extend(norm.parameters().iter().map(|p| p.grad().unwrap()));
    all.extend(norm.buffers().iter().map(|b| b.tensor()));
    let bits = |t: Tensor| -> Result<Vec<u64>> {
        Ok(match t.dtype() {
            DType::F32 => t
                .to_vec::<f32>()?
                .iter()
                .map(|v| v.to_bits().into())
                .collect(),
            _ => t
                .double()?
                .to_vec::<f64>()?
                .iter()
                .map(|v| v.to_bits())
                .collect(),
        })
    };
    all.into_iter().map(bits).collect()
}

#[test]
fn fusion_in_training_keeps_the_bits() -> Result<()> {
    let activations: [Box<dyn Forward>; 5] = [
        Identity::new().into(),
        ReLU::new().into(),
        ReLU6::new().into(),
        Hardtanh::new().into(),
        Hardtanh::builder()
            .min_val(-0.25)
            .max_val(2.5)
            .build()?
            .into(),
    ];
    let cases: [(Box<dyn Forward>, Vec<usize>); 5] = [
        (BatchNorm1d::new(5).into(), vec![7, 5]),
        (BatchNorm1d::new(3).into(), vec![4, 3, 33]),
        (BatchNorm2d::new(16).into(), vec![3, 16, 28, 28]),
        (
            BatchNorm2d::builder(4).affine(false).build()?.into(),
            vec![2, 4, 7, 9],
        ),
        (BatchNorm3d::new(2).into(), vec![2, 2, 3, 4, 5]),
    ];
    for (norm, shape) in &cases {
        for dtype in [DType::F32, DType::F64] {
            norm.to_dtype(dtype)?;
            let draw = |seed| {
                Generator::seeded(seed)
                    .scope(|| Tensor::randn(&shape[..]).mul(3.0)?.to_dtype(dtype))
            };
            let mut x = draw(1)?;
            x.index_put_((0, 0), 0.0)?;
            let residual = draw(2)?;
            for parameter in norm.parameters() {
                parameter.data().normal_(0.5, 1.0)?;
            }
            for activation in &activations {
                for residual in [None, Some(&residual)] {
                    for training in [true, false] {
                        norm.set_training(training);
                        let start = norm.state_dict();
                        let fused = bits(&**norm, &**activation, &x, residual)?;
                        norm.load_state_dict(&start, true)?;
                        let hook = norm.register_forward_hook(|_, _, _| Ok(()))?;
                        let apart = bits(&**norm, &**activation, &x, residual)?;
                        hook.remove();
                        norm.load_state_dict(&start, true)?;
                        assert!(
                            fused == apart,
                            "{norm} {activation} {shape:?} {dtype}, training {training}, residual {}",
                            residual.is_some()
                        );
                    }
                }
            }
        }
    }
    Ok(())
}

#[test]
fn a_residual_of_another_shape_is_refused_by_the_function_and_broadcast_by_the_modules() {
    let (x, row) = (Tensor::randn([2, 3, 4, 5]), Tensor::randn([5]));
    let options = BatchNormOptions::new().training(true).residual(&row);
    let fused = F::batch_norm(&x, options.activation(Activation::RELU));
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
        MaxPool2d::builder(3).stride(2).padding(1).build().unwrap(),
        // More taps than a byte counts.
        MaxPool2d::builder(17).padding(8).stride(5).build().unwrap(),
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

/// A block with plain fields, the norm of one before its convolution.
#[derive(Module)]
struct Block {
    norm0: BatchNorm2d,
    conv1: Conv2d,
    norm1: BatchNorm2d,
    conv2: Conv2d,
    norm2: BatchNorm2d,
    relu: ReLU,
}

impl Forward for Block {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        Chain::of(x)
            .call(&self.norm0)
            .call(&self.conv1)
            .call(&self.norm1)
            .call(&self.relu)
            .call(&self.conv2)
            .call(&self.norm2)
            .add(x)
            .call(&self.relu)
            .run()
    }
}

fn randomised<M: Module>(model: M) -> Result<M> {
    for p in model.parameters() {
        p.data().normal_(0.1, 0.4)?;
    }
    for (name, buffer) in model.named_buffers() {
        if name.ends_with("var") {
            buffer.set(Tensor::rand(buffer.tensor().shape()).add(0.5)?);
        } else if name.ends_with("mean") {
            buffer.set(Tensor::randn(buffer.tensor().shape()));
        }
    }
    model.eval();
    Ok(model)
}

#[test]
fn fuse_rewrites_any_tree_by_what_runs() -> Result<()> {
    let conv = || Conv2d::builder(4, 4, 3).padding(1).build();
    let block = || -> Result<Block> {
        randomised(Block {
            norm0: BatchNorm2d::new(4),
            conv1: conv()?,
            norm1: BatchNorm2d::new(4),
            conv2: conv()?,
            norm2: BatchNorm2d::new(4),
            relu: ReLU::new(),
        })
    };
    let x = Tensor::randn([2, 4, 9, 7]);
    let close = |a: &Tensor, b: &Tensor| {
        largest_difference(a, b) < 1e-5 * (1.0 + b.abs().unwrap().max().unwrap().item().unwrap())
    };

    let mut net = block()?;
    let names: Vec<String> = net.named_modules().into_iter().map(|m| m.0).collect();
    let before = net.call(&x)?;
    assert_eq!(fuse(&mut net, |net| net.call(&x))?, ["norm1", "norm2"]);
    assert!(close(&net.call(&x)?, &before));
    assert!(close(&pleach_core::no_grad(|| net.call(&x))?, &before));
    assert_eq!(net.norm1.to_string(), "Identity()");
    let now: Vec<String> = net.named_modules().into_iter().map(|m| m.0).collect();
    assert_eq!(now, names);
    assert!(
        net.state_dict()
            .keys()
            .all(|k| !k.starts_with("norm1") && !k.starts_with("norm2"))
    );
    assert!(net.norm0.weight.is_some());

    // A hook on either of the two keeps them apart.
    let mut net = block()?;
    let hook = net.conv1.register_forward_hook(|_, _, _| Ok(()))?;
    assert_eq!(fuse(&mut net, |net| net.call(&x))?, ["norm2"]);
    hook.remove();
    assert_eq!(fuse(&mut net, |net| net.call(&x))?, ["norm1"]);

    // In training mode nothing is changed.
    let mut net = block()?;
    net.train();
    let refused = fuse(&mut net, |net| net.call(&x)).unwrap_err();
    assert_eq!(refused.to_string(), "Fusion only for eval!");
    assert!(net.norm1.weight.is_some());

    // A convolution whose output is used elsewhere too, is the result, or is called with two norms.
    let two = (
        randomised(conv()?)?,
        randomised(BatchNorm2d::new(4))?,
        randomised(BatchNorm2d::new(4))?,
    );
    let pair = |net: &Sequential| -> Result<Tensor> {
        let y = net[0].call(&x)?;
        net[1].call(&y)?.add(&y)
    };
    let mut net = sequential_of(&two.0, &two.1);
    assert!(fuse(&mut net, pair)?.is_empty());
    let kept = |net: &Sequential| {
        let y = net[0].call(&x)?;
        Ok((net[1].call(&y)?, y))
    };
    // Here only the caller has it: what leaves the outermost calls stays.
    assert!(fuse(&mut net, kept)?.is_empty());
    let mut net = sequential_of(&two.0, &two.1);
    net.push(two.2.share());
    let both = |net: &Sequential| {
        net[1]
            .call(&net[0].call(&x)?)?
            .add(net[2].call(&net[0].call(&x)?)?)
    };
    assert!(fuse(&mut net, both)?.is_empty());
    // Called twice, always with the same norm: both aliases are folded.
    let mut net = sequential_of(&two.0, &two.1);
    net.push(two.0.share());
    net.push(two.1.share());
    let before = net.call(&x)?;
    assert_eq!(fuse(&mut net, |net| net.call(&x))?, ["1"]);
    assert!(close(&net.call(&x)?, &before));
    assert_eq!(net[3].to_string(), "Identity()");
    // What shares the layers elsewhere is what it was.
    assert!(two.1.weight.is_some());
    Ok(())
}

fn sequential_of(conv: &Conv2d, norm: &BatchNorm2d) -> Sequential {
    Sequential::new().append(conv.share()).append(norm.share())
}

#[test]
fn linear_layers_and_other_dimensions_fold_where_the_channels_are_normalised() -> Result<()> {
    let mut net = Sequential::new()
        .append(Linear::new(5, 6))
        .append(BatchNorm1d::new(6))
        .append(ReLU::new());
    net = randomised(net)?;
    let x = Tensor::randn([4, 5]);
    let before = net.call(&x)?;
    assert_eq!(fuse(&mut net, |net| net.call(&x))?, ["1"]);
    assert!(largest_difference(&net.call(&x)?, &before) < 1e-5);
    // Of sequences a normalisation normalises the steps.
    let mut net = randomised(
        Sequential::new()
            .append(Linear::new(5, 6))
            .append(BatchNorm1d::new(3)),
    )?;
    assert!(fuse(&mut net, |net| net.call(&Tensor::randn([4, 3, 5])))?.is_empty());
    let mut net = randomised(
        Sequential::new()
            .append(Conv1d::new(2, 3, 3))
            .append(BatchNorm1d::new(3)),
    )?;
    let x = Tensor::randn([4, 2, 30]);
    let before = net.call(&x)?;
    assert_eq!(fuse(&mut net, |net| net.call(&x))?, ["1"]);
    assert!(largest_difference(&net.call(&x)?, &before) < 1e-5);
    Ok(())
}
